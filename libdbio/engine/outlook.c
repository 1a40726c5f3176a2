/*
 * outlook.c - a registry seen from outside.
 *
 * Job:       copy the table, find out who lives, who waits for whom.
 * Not its:   joining (engine/membership.c); printing (libdbio/cli/).
 * Callers:   api/api_registry.c.
 * Lock:      none: nobody is held up by being looked at.
 * Invariant: what is read from the file is checked before it is used as an index.
 *
 * The file is read and not mapped: one that shrinks while it is looked at would end the process
 * (SIGBUS). The slots' words are read again after the slots, and those that hold something else by
 * then are left out: their fields may be of two requests.
 */
#include "engine/outlook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "core/inflight.h"
#include "core/names.h"
#include "engine/membership.h"
#include "os/clock.h"
#include "os/registry.h"
#include "os/sys.h"

struct request {
    struct dbio_sighting seen;
    uint32_t waiters;
    bool waiting;
};

struct dbio_registry_view {
    struct dbio_registry registry;
    uint64_t now_ns;
    uint32_t processes[DBIO_TABLE_OWNERS]; /* owners, by the caller's index */
    uint32_t index_of[DBIO_TABLE_OWNERS];  /* and back; UINT32_MAX: not in the snapshot */
    bool alive[DBIO_TABLE_OWNERS];
    uint32_t process_count, request_count;
    struct request requests[DBIO_TABLE_SLOTS];
    struct dbio_table table; /* a copy; the rows are left out */
    struct dbio_table fresh; /* the next one, as far as it has been read */
    struct dbio_slot again[DBIO_TABLE_SLOTS];
};

/* All of [offset, offset + length), or -EBADMSG if the file is shorter. */
static int
read_part(const struct dbio_registry_view *view, void *target, size_t offset, size_t length)
{
    size_t done = 0;

    while (done < length) {
        ssize_t count =
            dbio__sys_pread(view->registry.fd, (char *)target + done, length - done, offset + done);

        if (count == -EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? (int)count : -EBADMSG;
        done += (size_t)count;
    }
    return 0;
}

/* Is it still the file that processes of today would join, and whole? */
static int
check_file(const struct dbio_registry_view *view)
{
    struct stat status;
    int error = dbio__sys_fstat(view->registry.fd, &status);

    if (error != 0)
        return error;
    if (status.st_nlink == 0)
        return -ENOENT;
    return (uint64_t)status.st_size == sizeof(view->table) ? 0 : -EBADMSG;
}

/* Into `fresh`, and from there to `table` when nothing can fail any more. */
static int
read_table(struct dbio_registry_view *view)
{
    size_t length = offsetof(struct dbio_table, uses);
    int error = check_file(view);

    if (error == 0)
        error = read_part(view, &view->fresh, 0, length);
    if (error == 0 && dbio__table_check(&view->fresh.header, sizeof(view->fresh)) != NULL)
        error = -EBADMSG;
    if (error == 0)
        error =
            read_part(view, view->again, offsetof(struct dbio_table, slots), sizeof(view->again));
    if (error == 0)
        memcpy(&view->table, &view->fresh, length);
    return error;
}

/* As engine/membership.c sees it: what has lost its lock, but maps the registry still, lives. */
static bool
is_alive(const struct dbio_registry_view *view, uint32_t owner)
{
    int32_t pid = atomic_load(&view->table.owners[owner].pid);

    return dbio__registry_is_claimed(&view->registry, owner) != 0 ||
           (pid > 0 && dbio__registry_is_mapped_by(&view->registry, pid));
}

static void
list_processes(struct dbio_registry_view *view)
{
    uint32_t i;

    view->process_count = 0;
    for (i = 0; i < DBIO_TABLE_OWNERS; i++) {
        view->index_of[i] = UINT32_MAX;
        if (atomic_load(&view->table.owners[i].live) != 1)
            continue;
        view->alive[i] = is_alive(view, i);
        view->index_of[i] = view->process_count;
        view->processes[view->process_count++] = i;
    }
}

/* Did the slot hold one request from the first reading to the second? It may have drawn a number
 * meanwhile, and others may have begun to wait for it. */
static bool
is_steady(const struct dbio_slot *slot, const struct dbio_slot *again)
{
    uint64_t changed = atomic_load(&slot->word) ^ atomic_load(&again->word);

    return (changed & ~(uint64_t)(DBIO_PHASE_MASK | DBIO_WORD_WAITED)) == 0;
}

static int
compare_requests(const void *a, const void *b)
{
    const struct request *one = a, *two = b;

    return (one->seen.since_ns > two->seen.since_ns) - (one->seen.since_ns < two->seen.since_ns);
}

static void
list_requests(struct dbio_registry_view *view)
{
    uint32_t limit = dbio__inflight_limit(&view->table), i;

    view->request_count = 0;
    for (i = 0; i < limit; i++) {
        struct request *request = &view->requests[view->request_count];

        if (!is_steady(&view->table.slots[i], &view->again[i]) ||
            !dbio__inflight_look(&view->table.slots[i], &request->seen))
            continue;
        if (request->seen.since_ns == 0)
            request->seen.since_ns = view->now_ns;
        request->waiters = 0;
        request->waiting = false;
        view->request_count++;
    }
    qsort(view->requests, view->request_count, sizeof(view->requests[0]), compare_requests);
}

/* Does `later` wait for `earlier`? Without a ticket a request runs. */
static bool
waits_for(const struct request *later, const struct request *earlier)
{
    return later->seen.ticket != 0 && later->seen.entry == earlier->seen.entry &&
           earlier->seen.ticket < later->seen.ticket &&
           dbio__inflight_conflicts(later->seen.class, earlier->seen.class) &&
           dbio__range_overlaps(later->seen.range, earlier->seen.range);
}

static void
find_waiters(struct dbio_registry_view *view)
{
    uint32_t i, k;

    for (i = 0; i < view->request_count; i++)
        for (k = 0; k < view->request_count; k++)
            if (i != k && waits_for(&view->requests[i], &view->requests[k])) {
                view->requests[i].waiting = true;
                view->requests[k].waiters++;
            }
}

static int
take_snapshot(struct dbio_registry_view *view)
{
    int error = read_table(view);

    if (error != 0)
        return error;
    view->now_ns = dbio__clock_ns();
    list_processes(view);
    list_requests(view);
    find_waiters(view);
    return 0;
}

int
dbio__outlook_open(const char *path, struct dbio_registry_view **made)
{
    struct dbio_registry_view *view = dbio__mem_aligned(DBIO_CACHE_LINE, sizeof(*view));
    const char *why;
    int error;

    if (view == NULL)
        return -ENOMEM;
    error = dbio__registry_open(path, false, &view->registry, &why);
    if (error == -ELOOP) /* a symbolic link */
        error = -EPERM;
    if (error != 0) {
        dbio__mem_free(view, sizeof(*view));
        return error;
    }
    error = take_snapshot(view);
    if (error != 0) {
        dbio__outlook_close(view);
        return error;
    }
    *made = view;
    return 0;
}

int
dbio__outlook_refresh(struct dbio_registry_view *view)
{
    return take_snapshot(view);
}

void
dbio__outlook_close(struct dbio_registry_view *view)
{
    if (view == NULL)
        return;
    dbio__registry_close(&view->registry);
    dbio__mem_free(view, sizeof(*view));
}

void
dbio__outlook_info(const struct dbio_registry_view *view, struct dbio_registry_info *info)
{
    uint32_t i;

    info->processes = view->process_count;
    info->processes_max = DBIO_TABLE_OWNERS;
    info->requests = view->request_count;
    info->requests_max = DBIO_TABLE_SLOTS;
    info->files_max = DBIO_TABLE_ENTRIES - DBIO_TABLE_COMMON;
    info->retired = atomic_load(&view->table.retired);
    info->orphans = atomic_load(&view->table.orphans);
    info->turned_away = atomic_load(&view->table.turned_away);
    info->dead = info->files = 0;
    for (i = 0; i < view->process_count; i++)
        info->dead += !view->alive[view->processes[i]];
    for (i = 0; i < DBIO_TABLE_ENTRIES; i++)
        info->files += atomic_load(&view->table.entries[i].users) != 0;
}

static uint64_t
age(const struct dbio_registry_view *view, uint64_t since_ns)
{
    return since_ns < view->now_ns ? view->now_ns - since_ns : 0;
}

int
dbio__outlook_process(const struct dbio_registry_view *view, unsigned index,
                      struct dbio_registry_process *process)
{
    const struct dbio_owner *owner;
    uint32_t i;

    if (index >= view->process_count)
        return -ENOENT;
    owner = &view->table.owners[view->processes[index]];
    process->pid = atomic_load(&owner->pid);
    process->alive = view->alive[view->processes[index]];
    process->age_ns = age(view, atomic_load(&owner->since_ns));
    memcpy(process->program, owner->program, sizeof(process->program));
    process->program[sizeof(process->program) - 1] = '\0';
    memset(process->requests, 0, sizeof(process->requests));
    for (i = 0; i < view->request_count; i++)
        if (dbio__slot_owner(view->requests[i].seen.word) == view->processes[index] &&
            view->requests[i].seen.class < DBIO_CLASS_COUNT)
            process->requests[view->requests[i].seen.class]++;
    return 0;
}

int
dbio__outlook_request(const struct dbio_registry_view *view, unsigned index,
                      struct dbio_registry_request *request)
{
    const struct dbio_entry *entry;
    const struct request *from;
    uint32_t owner;
    bool common;

    if (index >= view->request_count)
        return -ENOENT;
    from = &view->requests[index];
    owner = dbio__slot_owner(from->seen.word);
    entry = &view->table.entries[from->seen.entry % DBIO_TABLE_ENTRIES];
    /* A common entry has the key of whichever file came first. */
    common = dbio__table_is_common(from->seen.entry);
    request->device = common ? 0 : atomic_load(&entry->device);
    request->inode = common ? 0 : atomic_load(&entry->inode);
    request->begin = from->seen.range.begin;
    request->end = from->seen.range.end;
    request->age_ns = age(view, from->seen.since_ns);
    request->ticket = from->seen.ticket;
    request->io_class = (uint32_t)from->seen.class;
    request->waiting = from->waiting;
    request->waiters = from->waiters;
    request->process = owner < DBIO_TABLE_OWNERS ? view->index_of[owner] : UINT32_MAX;
    return 0;
}

const char *
dbio__outlook_path(void)
{
    static _Thread_local char standard[DBIO_REGISTRY_PATH];

    return dbio__membership_choose(NULL, standard);
}

const char *
dbio__outlook_class(unsigned io_class)
{
    return dbio__name_class(io_class);
}
