/*
 * recovery.c - what dead processes have left announced.
 *
 * Job:       drain, retire, wake, count.
 * Not its:   who is dead: engine/membership.c.
 * Callers:   engine/arbitration.c.
 * Lock:      none; several waiters may recover the same slot, one of them retires it.
 * Invariant: a slot is retired only after its owner was proved dead, and from exactly the word
 *            that was in the way then.
 */
#include "engine/recovery.h"

#include <fcntl.h>

#include "base/log.h"
#include "engine/file.h"
#include "engine/membership.h"
#include "os/clock.h"
#include "os/drain.h"
#include "os/sys.h"

/* Without a barrier that is known to wait. Synchronous and libaio requests end before their
 * process does; only what an io_uring left behind is still running, and not for long: nothing was
 * left in any of the kills that were measured (hazard 29), but that is no proof. */
#define GRACE_NS       UINT64_C(50000000)
#define GRACE_ASYNC_NS UINT64_C(500000000)

/* A trial costs tens of milliseconds (io_destroy), and on a fast device may find out nothing. */
#define TRIALS_APART_NS UINT64_C(1000000000)

/* Of this process; relaxed: a trial too many, or one left out, changes how long a waiter waits. */
static _Atomic uint64_t next_trial_ns;

/* Another file system may have the device number later. */
static uint64_t
device_key(const struct dbio_inode *inode)
{
    return inode->identity.device ^ inode->facts.fs_magic << 20 ^ 1u;
}

/* Does the barrier of this file's file system wait for direct I/O? Found out once, or asked again
 * a second later. */
static bool
barrier_waits(struct dbio_file *file)
{
    struct dbio_table *table = dbio__membership.table;
    uint64_t device = device_key(file->inode);
    uint32_t verdict = dbio__table_verdict(table, device);
    uint64_t now = dbio__clock_ns();

    if (verdict == DBIO_DRAIN_UNKNOWN &&
        now >= atomic_load_explicit(&next_trial_ns, memory_order_relaxed) &&
        dbio__file_direct(file) != DBIO_FD_NONE) {
        atomic_store_explicit(&next_trial_ns, now + TRIALS_APART_NS, memory_order_relaxed);
        verdict = dbio__drain_try(file->descriptors->buffered, dbio__file_direct(file));
        if (verdict != DBIO_DRAIN_UNKNOWN)
            dbio__table_judge(table, device, verdict);
    }
    return verdict == DBIO_DRAIN_WAITS;
}

/* D2. */
static void
drain(const struct dbio_turn *turn, uint32_t owner, uint64_t life, bool async)
{
    uint64_t grace = async ? GRACE_ASYNC_NS : GRACE_NS;
    uint64_t end = dbio__membership_note_dead(owner, life) + grace, now;
    int slept;

    /* In a common entry the slot may be another file's, which we cannot drain. */
    if (turn->file != NULL && !dbio__table_is_common(turn->entry) && barrier_waits(turn->file) &&
        dbio__drain_wait(turn->file->descriptors->buffered) == 0)
        return;
    while ((now = dbio__clock_ns()) < end) {
        _Atomic uint32_t never = 0;

        slept = dbio__sys_futex_wait(&never, 0, end - now, 0);
        (void)slept;
    }
}

/* What the cache has of a dead direct writer's range may be older than what a direct read has seen.
 * Before D3: nobody in conflict is inside yet. */
static void
drop_cached(const struct dbio_turn *turn, const struct dbio_sighting *seen)
{
    int dropped;

    if (turn->file == NULL || seen->class != DBIO_CLASS_DIRECT_WRITE)
        return;
    dropped = dbio__sys_fadvise(turn->file->descriptors->buffered, seen->range.begin,
                                seen->range.end - seen->range.begin, POSIX_FADV_DONTNEED);
    (void)dropped; /* advice */
}

static void
count_retired(const struct dbio_turn *turn, const struct dbio_sighting *seen)
{
    struct dbio_table *table = dbio__membership.table;
    uint32_t thread = dbio__arbitration_thread(), owner = dbio__slot_owner(seen->word);
    bool orphan = !dbio__inflight_is_read(seen->class);

    dbio__stats_add(turn->counters, thread, DBIO_STAT_RETIRED, 1);
    dbio__stats_add(turn->counters, thread, DBIO_STAT_ORPHANS, orphan);
    atomic_fetch_add_explicit(&table->retired, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&table->orphans, orphan, memory_order_relaxed);
    dbio_log(DBIO_LOG_WARN,
             "process %d (%.31s) died with a request outstanding on bytes %llu to %llu of entry %u"
             "%s",
             (int)atomic_load(&table->owners[owner % DBIO_TABLE_OWNERS].pid),
             table->owners[owner % DBIO_TABLE_OWNERS].program,
             (unsigned long long)seen->range.begin, (unsigned long long)seen->range.end,
             seen->entry, orphan ? ": they are old, new or a mixture" : "");
}

bool
dbio__recovery_try(const struct dbio_turn *turn, const struct dbio_blocker *blocker)
{
    struct dbio_table *table = dbio__membership.table;
    uint32_t owner = dbio__slot_owner(blocker->word);
    uint64_t life = dbio__table_life(table, owner); /* before the proof: it is of this life */
    struct dbio_sighting seen;

    if (!dbio__membership_is_dead(owner)) /* D1 */
        return false;
    if (!dbio__inflight_look(&table->slots[blocker->slot], &seen))
        return true;                      /* another waiter did it */
    drain(turn, owner, life, seen.async); /* D2 */
    if (!dbio__inflight_look(&table->slots[blocker->slot], &seen))
        return true;
    drop_cached(turn, &seen);
    if (!dbio__inflight_retire(table, blocker)) /* D3 */
        return true;
    /* D4; bounded by their timeouts if we die here. */
    (void)dbio__sys_futex_wake(dbio__inflight_bed(table, blocker->slot), dbio__membership.shared);
    count_retired(turn, &seen);
    return true;
}
