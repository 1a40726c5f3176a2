/*
 * notice.c - where a context counts.
 *
 * Job:       take a place on the board, give it back; memory of our own where there is none.
 * Not its:   reading others' places: engine/census.c.
 * Callers:   engine/context.c.
 * Lock:      the board's file lock, while a place is taken or given. It is tried, not waited for:
 *            a process may have been stopped while it held it, and counting is not worth a wait.
 * Invariant: `place` belongs to this context alone, and is writable memory for its whole life.
 */
#include "engine/notice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "os/process.h"
#include "os/registry.h"
#include "os/sys.h"

#define TRIES    100
#define PAUSE_NS UINT64_C(200000)

static int
lock_board(const struct dbio_registry *file)
{
    _Atomic uint32_t nobody = 0;
    int error = dbio__registry_lock(file, false), tries;

    for (tries = 1; error == -EAGAIN && tries < TRIES; tries++) {
        int slept = dbio__sys_futex_wait(&nobody, 0, PAUSE_NS, false);

        (void)slept; /* -ETIMEDOUT */
        error = dbio__registry_lock(file, false);
    }
    return error;
}

/* Adds the counts of a place to those that have ended, and empties it. */
static void
fold(struct dbio_board_head *head, struct dbio_place *place)
{
    dbio__board_add(&head->departed, place);
    memset(place, 0, sizeof(*place));
}

static bool
is_dead(const struct dbio_place *place)
{
    uint64_t start = dbio__process_start(place->pid);

    return start != UINT64_MAX && start != place->start;
}

/* A free place, or that of a process that has ended. NULL: all are taken. */
static struct dbio_place *
find_place(struct dbio_board_head *head)
{
    uint32_t i;

    for (i = 0; i < DBIO_BOARD_PLACES; i++)
        if (dbio__board_place(head, i)->pid == 0)
            return dbio__board_place(head, i);
    for (i = 0; i < DBIO_BOARD_PLACES; i++) {
        struct dbio_place *place = dbio__board_place(head, i);

        if (is_dead(place)) {
            fold(head, place);
            return place;
        }
    }
    head->turned_away++;
    return NULL;
}

/* The board is mapped and locked: takes a place. */
static int
take_place(void *memory, struct dbio_place **place)
{
    struct dbio_board_head *head = memory;
    struct dbio_place *found;

    if (head->magic == 0)
        dbio__board_format(head);
    if (!dbio__board_is_sound(head))
        return -EBADMSG;
    found = find_place(head);
    if (found == NULL)
        return -EUSERS;
    found->pid = getpid();
    found->start = dbio__process_start(found->pid);
    found->off = head->all_off;
    (void)strncpy(found->program, program_invocation_short_name, sizeof(found->program) - 1);
    *place = found;
    return 0;
}

static int
join(struct dbio_notice *notice)
{
    struct dbio_registry file;
    struct dbio_place *place = NULL;
    const char *why = NULL;
    int error = dbio__registry_open(notice->path, true, &file, &why);

    if (error == 0) {
        error = lock_board(&file);
        if (error == 0) {
            error = dbio__registry_map(&file, DBIO_BOARD_BYTES, &why);
            if (error == 0)
                error = take_place(file.memory, &place);
            dbio__registry_unlock(&file);
        }
        if (error == 0) {
            notice->memory = file.memory;
            notice->place = place;
            file.memory = NULL; /* it stays mapped; the descriptor does not stay open */
        }
        dbio__registry_close(&file);
    }
    if (error != 0)
        dbio_log(DBIO_LOG_WARN, "%s: %s%s%s: this process counts for itself", notice->path,
                 dbio__err_name(error), why != NULL ? ": " : "", why != NULL ? why : "");
    return error;
}

int
dbio__notice_start(struct dbio_notice *notice, const char *wish)
{
    notice->path[0] = '\0';
    notice->memory = NULL;
    if (wish == NULL)
        wish = secure_getenv("DBIO_STATISTICS");
    if (wish != NULL && wish[0] == '/' && strlen(wish) < DBIO_NOTICE_PATH)
        memcpy(notice->path, wish, strlen(wish) + 1);
    else if (wish != NULL && strcmp(wish, "off") != 0)
        dbio_log(DBIO_LOG_WARN,
                 "statistics: '%.80s' is neither \"off\" nor an absolute path of "
                 "less than 256 bytes: this process counts for itself",
                 wish);
    if (notice->path[0] != '\0' && join(notice) == 0)
        return 0;
    notice->place = dbio__mem_alloc(sizeof(*notice->place));
    return notice->place != NULL ? 0 : -ENOMEM;
}

void
dbio__notice_end(struct dbio_notice *notice)
{
    struct dbio_registry file;
    const char *why;

    if (notice->memory == NULL) {
        dbio__mem_free(notice->place, sizeof(*notice->place));
        return;
    }
    /* If the file is gone or cannot be locked, whoever comes next finds a dead process's place. */
    if (dbio__registry_open(notice->path, false, &file, &why) == 0) {
        if (lock_board(&file) == 0) {
            fold(notice->memory, notice->place);
            dbio__registry_unlock(&file);
        }
        dbio__registry_close(&file);
    }
    if (dbio__sys_munmap(notice->memory, DBIO_BOARD_BYTES) != 0)
        dbio_log(DBIO_LOG_WARN, "%s: stays mapped", notice->path);
}

void
dbio__notice_in_child(struct dbio_notice *notice)
{
    struct dbio_place *own;

    if (notice->memory == NULL) {
        memset(&notice->place->counters, 0, sizeof(notice->place->counters));
        return;
    }
    if (dbio__sys_munmap(notice->memory, DBIO_BOARD_BYTES) != 0)
        dbio_log(DBIO_LOG_WARN, "%s: stays mapped", notice->path);
    notice->memory = NULL;
    if (join(notice) == 0)
        return;
    own = dbio__mem_alloc(sizeof(*own));
    /* A child without memory for counting has none for anything else. */
    dbio_verify(own != NULL);
    notice->place = own;
}
