/*
 * census.c - what all contexts on a board have counted, seen from outside.
 *
 * Job:       map a board, add up its places, switch processes off and on.
 * Not its:   taking a place: engine/notice.c.
 * Callers:   api/api_statistics.c.
 * Lock:      none for reading; sums are not of one instant.
 * Invariant: reading writes nothing.
 */
#include "engine/census.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/board.h"
#include "os/process.h"
#include "os/registry.h"
#include "os/sys.h"

struct dbio_statistics_view {
    void *memory;
    size_t bytes;
};

const char *
dbio__census_path(void)
{
    static char path[DBIO_REGISTRY_PATH + 16];
    const char *wish = secure_getenv("DBIO_STATISTICS");
    char base[DBIO_REGISTRY_PATH];

    if (wish != NULL && strcmp(wish, "off") == 0)
        return "";
    if (wish != NULL)
        return wish;
    dbio__registry_default_path(base);
    (void)snprintf(path, sizeof(path), "%s.statistics", base);
    return path;
}

/* The board at `path`, mapped; its file is closed. */
static int
map_board(const char *path, void **memory)
{
    struct dbio_registry file;
    const char *why;
    int error = dbio__registry_open(path, false, &file, &why);

    if (error != 0)
        return error;
    error = dbio__registry_size(&file, DBIO_BOARD_BYTES);
    if (error == 0)
        error = dbio__registry_map(&file, DBIO_BOARD_BYTES, &why);
    if (error == 0 && !dbio__board_is_sound(file.memory))
        error = -EBADMSG;
    if (error == 0) {
        *memory = file.memory;
        file.memory = NULL;
    }
    dbio__registry_close(&file);
    return error;
}

int
dbio__census_open(const char *path, struct dbio_statistics_view **view)
{
    struct dbio_statistics_view *made = dbio__mem_alloc(sizeof(*made));
    int error;

    if (made == NULL)
        return -ENOMEM;
    error = map_board(path, &made->memory);
    if (error != 0) {
        dbio__mem_free(made, sizeof(*made));
        return error;
    }
    *view = made;
    return 0;
}

void
dbio__census_close(struct dbio_statistics_view *view)
{
    int error;

    if (view == NULL)
        return;
    error = dbio__sys_munmap(view->memory, DBIO_BOARD_BYTES);
    (void)error; /* costs address space, no more */
    dbio__mem_free(view, sizeof(*view));
}

static void
take_sums(struct dbio_statistics *statistics, const struct dbio_board_sums *sums)
{
    memcpy(statistics->counters, sums->counters, sizeof(sums->counters));
    memcpy(statistics->reasons, sums->reasons, sizeof(sums->reasons));
}

static bool
lives(const struct dbio_place *place)
{
    uint64_t start = dbio__process_start(place->pid);

    return start == UINT64_MAX || start == place->start;
}

void
dbio__census_totals(const struct dbio_statistics_view *view, struct dbio_statistics *statistics)
{
    struct dbio_board_head *head = view->memory;
    struct dbio_board_sums sums = head->departed;
    uint32_t i;

    for (i = 0; i < DBIO_BOARD_PLACES; i++) {
        const struct dbio_place *place = dbio__board_place(head, i);

        if (place->pid == 0)
            continue;
        dbio__board_add(&sums, place);
        if (!lives(place))
            continue;
        statistics->alive++;
        statistics->off += place->off != 0 ? 1 : 0;
    }
    take_sums(statistics, &sums);
}

/* The place of the index-th that is taken; NULL past the last. */
static const struct dbio_place *
nth_place(void *memory, unsigned index)
{
    uint32_t i;

    for (i = 0; i < DBIO_BOARD_PLACES; i++) {
        const struct dbio_place *place = dbio__board_place(memory, i);

        if (place->pid != 0 && index-- == 0)
            return place;
    }
    return NULL;
}

int
dbio__census_process(const struct dbio_statistics_view *view, unsigned index,
                     struct dbio_statistics *statistics)
{
    const struct dbio_place *place = nth_place(view->memory, index);
    struct dbio_board_sums sums = {.counters = {0}};

    if (place == NULL)
        return -ENOENT;
    dbio__board_add(&sums, place);
    take_sums(statistics, &sums);
    statistics->pid = place->pid;
    statistics->alive = lives(place);
    statistics->off = place->off;
    memcpy(statistics->program, place->program, sizeof(statistics->program));
    statistics->program[sizeof(statistics->program) - 1] = '\0';
    return 0;
}

int
dbio__census_switch(const char *path, int32_t pid, bool on)
{
    struct dbio_board_head *head;
    void *memory;
    int error = map_board(path, &memory);
    bool found = pid == 0;
    uint32_t i;

    if (error != 0)
        return error;
    head = memory;
    if (pid == 0)
        head->all_off = !on;
    for (i = 0; i < DBIO_BOARD_PLACES; i++) {
        struct dbio_place *place = dbio__board_place(memory, i);

        if (place->pid == 0 || (pid != 0 && (place->pid != pid || !lives(place))))
            continue;
        found = true;
        place->off = !on;
    }
    error = dbio__sys_munmap(memory, DBIO_BOARD_BYTES);
    return found ? error : -ESRCH;
}
