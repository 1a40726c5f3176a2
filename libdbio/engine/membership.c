/*
 * membership.c - this process's place among those that share an announcement table.
 *
 * Job:       join the registry or make a table for this process alone; hold the proof of life;
 *            say who is dead; bury the dead; rejoin after fork.
 * Not its:   requests (core/inflight.c); what the dead had announced (engine/recovery.c).
 * Callers:   engine/context.c, inode.c, mapping.c, durability.c, recovery.c, fork.c.
 * Lock:      `lists`, rank TABLE, among threads; byte 0 of the registry among processes, always
 *            taken after it.
 * Invariant: while `shared`, byte 1 + owner of the registry is locked by a description that this
 *            process alone has.
 */
#include "engine/membership.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "os/clock.h"
#include "os/open.h"
#include "os/registry.h"
#include "os/sys.h"

#define PATH_MOST 4096
/* A lock that is held this long is held by someone who was stopped, or by many. */
#define LOCK_PATIENCE_NS UINT64_C(1000000000)
#define LOCK_SLEEP_NS    200000u

struct dbio_membership dbio__membership;

static struct dbio_lock lists = DBIO_LOCK_STATIC(DBIO_RANK_TABLE);
static struct dbio_registry registry = {.fd = -1};
static char path[PATH_MOST]; /* "": switched off */
static char trouble[160];
static uint32_t common_users[DBIO_TABLE_COMMON]; /* of this process: the table has one bit */
static bool told_of_loss;

const char *
dbio__membership_path(void)
{
    return path;
}

const char *
dbio__membership_trouble(void)
{
    return trouble;
}

/* Takes byte 0. Nobody holds it for longer than it takes to change a list, unless stopped. */
static int
lock_registry(const struct dbio_registry *which)
{
    uint64_t end = dbio__clock_ns() + LOCK_PATIENCE_NS;
    int error;

    while ((error = dbio__registry_lock(which, false)) == -EAGAIN) {
        _Atomic uint32_t never = 0;
        int slept;

        if (dbio__clock_ns() >= end) {
            dbio_log(DBIO_LOG_WARN,
                     "%s: waiting for a process that was stopped while it opened or closed a file",
                     path);
            return dbio__registry_lock(which, true);
        }
        slept = dbio__sys_futex_wait(&never, 0, LOCK_SLEEP_NS, 0);
        (void)slept;
    }
    return error;
}

/* Is the owner's process, whose lock is free, gone for certain? One that closed all descriptors
 * it did not know has lost its lock and still works: it has the table mapped. */
static bool
is_gone(const struct dbio_registry *which, const struct dbio_table *table, uint32_t owner)
{
    int32_t pid = atomic_load_explicit(&table->owners[owner].pid, memory_order_relaxed);

    return pid <= 0 || !dbio__registry_is_mapped_by(which, pid);
}

/* Gives free what the dead had, as far as nobody may be waiting for it. */
static void
bury_dead(const struct dbio_registry *which, struct dbio_table *table)
{
    uint32_t seen = atomic_load_explicit(&table->owners_seen, memory_order_relaxed), i;

    for (i = 0; i < seen && i < DBIO_TABLE_OWNERS; i++)
        if (atomic_load_explicit(&table->owners[i].live, memory_order_acquire) != 0 &&
            !(dbio__membership.shared && i == dbio__membership.owner) &&
            dbio__registry_is_claimed(which, i) == 0 && is_gone(which, table, i) &&
            !dbio__table_bury(table, i, dbio__clock_ns()))
            dbio_log(DBIO_LOG_INFO, "%s: a dead process still has requests announced", path);
}

/* Claims the lowest place that is free. Under byte 0, so nobody else does meanwhile. */
static uint32_t
claim_owner(const struct dbio_registry *which, struct dbio_table *table)
{
    uint32_t i;

    bury_dead(which, table);
    for (i = 0; i < DBIO_TABLE_OWNERS; i++)
        if (atomic_load_explicit(&table->owners[i].live, memory_order_acquire) == 0 &&
            dbio__registry_claim(which, i) == 0)
            return i;
    return DBIO_TABLE_NO_OWNER;
}

/* Under byte 0 of `which`. */
static int
take_place(const struct dbio_registry *which, struct dbio_table *table, const char **why)
{
    uint32_t owner;
    int error = dbio__sys_membarrier_register();

    /* Who leaves the mode ONLY must be able to have all others fence, and they us (core/inflight.h,
     * B). Containers' filters let it pass. */
    if (error != 0) {
        *why = "membarrier(2) is refused here, by an old kernel or a filter";
        return error;
    }
    owner = claim_owner(which, table);
    if (owner == DBIO_TABLE_NO_OWNER) {
        atomic_fetch_add_explicit(&table->turned_away, 1, memory_order_relaxed);
        *why = "full: too many processes";
        return -EUSERS;
    }
    dbio__table_join(table, owner, getpid(), dbio__clock_ns(), program_invocation_short_name);
    dbio__membership = (struct dbio_membership){.table = table, .owner = owner, .shared = true};
    return 0;
}

static int
enter_table(struct dbio_registry *which, const char **why)
{
    struct dbio_table *table;
    int error = dbio__registry_map(which, sizeof(*table), why);

    if (error != 0)
        return error;
    table = which->memory;
    /* Nobody is ready with the header while we hold the lock: whoever began it has died. */
    if (table->header.magic == 0 && atomic_load(&table->header.ready) == 0)
        dbio__table_init(table);
    *why = dbio__table_check(&table->header, which->bytes);
    return *why != NULL ? -EBADMSG : take_place(which, table, why);
}

/* Joins the registry at `path`. */
static int
join_registry(const char **why)
{
    struct dbio_registry opened;
    int error = dbio__registry_open(path, true, &opened, why);

    if (error != 0)
        return error;
    error = lock_registry(&opened);
    if (error == 0) {
        error = enter_table(&opened, why);
        dbio__registry_unlock(&opened);
    }
    if (error != 0) {
        dbio__registry_close(&opened);
        return error;
    }
    registry = opened;
    return 0;
}

/* A table for this process alone. */
static int
join_alone(void)
{
    struct dbio_table *table = dbio__mem_aligned(DBIO_CACHE_LINE, sizeof(*table));

    if (table == NULL)
        return -ENOMEM;
    dbio__table_init(table);
    dbio__table_join(table, 0, getpid(), dbio__clock_ns(), program_invocation_short_name);
    dbio__membership = (struct dbio_membership){
        .table = table, .owner = 0, .fenced = dbio__sys_membarrier_register() != 0};
    return 0;
}

static void
report_trouble(int error, const char *why)
{
    (void)snprintf(trouble, sizeof(trouble), "%s", why != NULL ? why : dbio__err_text(error));
    dbio_log(DBIO_LOG_WARN,
             "cross-process coherence off: registry %s: %s; requests of other processes are not "
             "tracked (name another with DBIO_REGISTRY, or switch it off with DBIO_REGISTRY=off)",
             path, trouble);
}

const char *
dbio__membership_choose(const char *wish, char standard[DBIO_REGISTRY_PATH])
{
    if (wish == NULL)
        wish = secure_getenv("DBIO_REGISTRY");
    if (wish != NULL && wish[0] != '\0')
        return strcmp(wish, "off") != 0 ? wish : "";
    dbio__registry_default_path(standard);
    return standard;
}

static int
join_first(const char *wish)
{
    char standard[DBIO_REGISTRY_PATH];
    const char *why = NULL;
    int error;

    trouble[0] = '\0';
    (void)snprintf(path, sizeof(path), "%s", dbio__membership_choose(wish, standard));
    if (path[0] == '\0')
        return join_alone();
    error = path[0] == '/' ? join_registry(&why) : -EINVAL;
    if (error == 0)
        return 0;
    if (error == -EINVAL && why == NULL && path[0] != '/')
        why = "not an absolute path";
    report_trouble(error, why);
    return join_alone();
}

int
dbio__membership_join(const char *wish)
{
    int error = 0;

    dbio__lock_acquire(&lists);
    if (dbio__membership.table == NULL)
        error = join_first(wish);
    else if (wish != NULL && strcmp(wish, path[0] != '\0' ? path : "off") != 0)
        error = -EBUSY;
    dbio__lock_release(&lists);
    return error;
}

/* Our descriptor was closed by a program that closes what it does not know: opens another and
 * locks our byte again. Until then the mapping has spoken for us; see is_gone(). */
static int
repair(void)
{
    struct dbio_registry opened;
    const char *why;
    int error = dbio__registry_open(path, false, &opened, &why);

    if (error != 0)
        return error;
    if (opened.device != registry.device || opened.inode != registry.inode)
        error = -ESTALE;
    if (error == 0)
        error = dbio__registry_claim(&opened, dbio__membership.owner);
    if (error != 0) {
        dbio__registry_close(&opened);
        return error;
    }
    registry.fd = opened.fd; /* the old number is not ours to close any more */
    dbio_log(DBIO_LOG_WARN, "%s: this program closed dbio's descriptor of it; opened again", path);
    return 0;
}

static void
tell_of_loss(const char *what)
{
    if (!told_of_loss)
        dbio_log(DBIO_LOG_ERROR,
                 "registry %s was %s: processes that start from now on do not see this one; "
                 "restart it",
                 path, what);
    told_of_loss = true;
}

/* Before anything is asked of the descriptor: it may be someone else's by now. 0, -ENOLCK, or what
 * fstat says. */
static int
check_registry(void)
{
    enum dbio_registry_state state;
    int error = dbio__registry_state(&registry, &state);

    if (error != 0)
        return error;
    switch (state) {
    case DBIO_REGISTRY_INTACT:
        return 0;
    case DBIO_REGISTRY_REMOVED: /* those who have it go on with it */
        tell_of_loss("removed");
        return 0;
    case DBIO_REGISTRY_LOST:
        break;
    }
    if (repair() == 0)
        return 0;
    tell_of_loss("closed, and removed or replaced");
    return -ENOLCK;
}

static int
lock_lists(void)
{
    int error;

    dbio__lock_acquire(&lists);
    if (!dbio__membership.shared)
        return 0;
    error = check_registry();
    if (error == 0)
        error = lock_registry(&registry);
    if (error != 0)
        dbio__lock_release(&lists);
    return error;
}

static void
unlock_lists(void)
{
    if (dbio__membership.shared)
        dbio__registry_unlock(&registry);
    dbio__lock_release(&lists);
}

static uint32_t *
common_count(uint32_t entry)
{
    return &common_users[entry - (DBIO_TABLE_ENTRIES - DBIO_TABLE_COMMON)];
}

int
dbio__membership_take(const struct dbio_key *key, uint32_t *entry)
{
    int error = lock_lists();

    if (error != 0)
        return error;
    *entry = dbio__table_take(dbio__membership.table, dbio__membership.owner, key);
    if (dbio__table_is_common(*entry))
        ++*common_count(*entry);
    unlock_lists();
    return 0;
}

void
dbio__membership_give(uint32_t entry)
{
    if (lock_lists() != 0)
        return; /* it stays ours until we end */
    if (!dbio__table_is_common(entry) || --*common_count(entry) == 0)
        dbio__table_give(dbio__membership.table, dbio__membership.owner, entry);
    unlock_lists();
}

int
dbio__membership_pin(uint32_t entry, bool pinned)
{
    int error;

    /* Of several files with a common entry one may be mapped still: it stays pinned. */
    if (!pinned && dbio__table_is_common(entry))
        return 0;
    error = lock_lists();
    if (error != 0)
        return error;
    dbio__table_pin(dbio__membership.table, dbio__membership.owner, entry, pinned);
    unlock_lists();
    return 0;
}

void
dbio__membership_renew(uint32_t entry)
{
    if (lock_lists() != 0)
        return;
    dbio__table_renew(dbio__membership.table, dbio__membership.owner, entry);
    unlock_lists();
}

bool
dbio__membership_is_dead(uint32_t owner)
{
    bool dead;

    if (!dbio__membership.shared || owner == dbio__membership.owner)
        return false;
    if (owner >= DBIO_TABLE_OWNERS) /* no process has ever been that */
        return true;
    dbio__lock_acquire(&lists);
    /* An answer from a descriptor that is not ours any more would be "nobody holds it". */
    dead = check_registry() == 0 && dbio__registry_is_claimed(&registry, owner) == 0 &&
           is_gone(&registry, dbio__membership.table, owner);
    dbio__lock_release(&lists);
    return dead;
}

uint64_t
dbio__membership_note_dead(uint32_t owner, uint64_t life)
{
    struct dbio_table *table = dbio__membership.table;
    uint64_t now = dbio__clock_ns();
    uint32_t seen = atomic_load_explicit(&table->owners_seen, memory_order_relaxed), i;

    /* Who died together is noted together, so that their times of grace pass together. */
    for (i = 0; i < seen && i < DBIO_TABLE_OWNERS; i++) {
        uint64_t theirs = dbio__table_life(table, i);

        if (atomic_load_explicit(&table->owners[i].live, memory_order_acquire) != 0 &&
            (theirs & DBIO_LIFE) != 0 && dbio__membership_is_dead(i))
            (void)dbio__table_note_dead(table, i, theirs, now);
    }
    return dbio__table_note_dead(table, owner, life, now);
}

void
dbio__membership_bury_dead(void)
{
    if (!dbio__membership.shared || lock_lists() != 0)
        return;
    bury_dead(&registry, dbio__membership.table);
    unlock_lists();
}

void
dbio__membership_before_fork(void)
{
    dbio__lock_before_fork(&lists);
}

void
dbio__membership_in_parent(void)
{
    dbio__lock_after_fork(&lists);
}

/* The child has its parent's description, and so its proof of life, which it must not keep: it
 * opens one of its own and claims a place with that. */
static int
rejoin(const char **why)
{
    struct dbio_registry own = registry;
    int error = dbio__registry_open_again(&registry, &own.fd);

    if (error != 0)
        return error;
    error = lock_registry(&own);
    if (error == 0) {
        error = take_place(&own, own.memory, why);
        dbio__registry_unlock(&own);
    }
    (void)dbio__close(error == 0 ? registry.fd : own.fd);
    if (error == 0)
        registry = own;
    return error;
}

void
dbio__membership_in_child(void)
{
    const char *why = NULL;
    int error;

    memset(common_users, 0, sizeof(common_users));
    if (dbio__membership.shared) {
        error = rejoin(&why);
        if (error != 0) {
            report_trouble(error, why);
            dbio__registry_close(&registry);
            dbio_verify(join_alone() == 0);
        }
    } else if (dbio__membership.table != NULL) {
        dbio__table_forget(dbio__membership.table);
        dbio__membership.fenced = dbio__sys_membarrier_register() != 0;
    }
    dbio__lock_after_fork(&lists);
}
