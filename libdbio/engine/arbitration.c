/*
 * arbitration.c - waiting and waking around the announcement table.
 *
 * Job:       turn "blocked by this slot" into a futex wait; notice blockers that do not move;
 *            count and report waits.
 * Not its:   the protocol: core/inflight.c; the dead: engine/recovery.c.
 * Callers:   engine/transfer.c, exclusive.c, mapping.c.
 * Lock:      none is held while waiting.
 * Invariant: a thread has at most one announcement, so waits cannot form a circle.
 */
#include "engine/arbitration.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "base/err.h"
#include "base/log.h"
#include "engine/membership.h"
#include "engine/recovery.h"
#include "os/clock.h"
#include "os/sys.h"

/* Turns of spinning before sleep: about as long as a cached 4 KiB copy takes. */
#define SPIN_TURNS 64
/* A sleeper looks again after this long: is who is in the way still alive? Nobody whose owner has
 * died is waited for much longer. */
#define SLEEP_NS 10000000u
/* And so long if it has batches of its own to look after. */
#define SLEEP_BETWEEN_NS 200000u
#define REPORT_NS        UINT64_C(1000000000)
/* The table is full: look again, and now and then for places of the dead. */
#define FULL_SLEEP_NS 200000u
#define FULL_SLEEPS   500u
#define NUMBERS       64u /* threads whose numbers are used again */
/* In place of a barrier that was refused after others were granted: a processor's store buffer
 * empties by itself, within microseconds. */
#define BUFFERS_EMPTY_NS 20000000u

static pthread_key_t thread_end; /* its destructor withdraws what the thread has announced */
static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
static bool started;
static _Atomic uint64_t numbers_taken;       /* bit n: number n + 1 is a running thread's */
static _Atomic uint32_t numbers_above;       /* given out above those, and not again */
static _Thread_local uint32_t thread_number; /* 0: none yet */
static _Thread_local uint32_t kept_slot;     /* its announcer's */
static _Thread_local struct dbio_announcer announcer;
static _Thread_local struct dbio_announcement outstanding; /* word 0: none */
static _Thread_local void (*make_progress)(void); /* of this thread's batches; NULL: it has none */

static void
withdraw_as(struct dbio_announcer *who, const struct dbio_announcement *a)
{
    if (dbio__inflight_release_kept(dbio__membership.table, who, a))
        (void)dbio__sys_futex_wake(dbio__inflight_bed(dbio__membership.table, a->slot),
                                   dbio__membership.shared);
}

static void
withdraw(const struct dbio_announcement *a)
{
    outstanding.word = 0;
    withdraw_as(&announcer, a);
}

/* pthread_exit in a signal handler, or asynchronous cancellation: no system call of the thread is
 * under way any more. */
static void
end_thread(void *unused)
{
    struct dbio_announcement left = outstanding; /* withdraw() clears it */

    (void)unused;
    if (left.word != 0)
        withdraw(&left);
    dbio__inflight_drop_kept(dbio__membership.table, &announcer);
    if (thread_number <= NUMBERS) /* a later thread's */
        atomic_fetch_and(&numbers_taken, ~(UINT64_C(1) << (thread_number - 1)));
    thread_number = 0;
}

/* A library that is unloaded must not leave a destructor behind. */
static void DBIO_AT_UNLOAD
forget_thread_end(void)
{
    if (started)
        (void)pthread_key_delete(thread_end);
}

int
dbio__arbitration_start(void)
{
    int error = 0;

    /* Not pthread_once: what has failed may work the next time. */
    (void)pthread_mutex_lock(&starting);
    if (!started) {
        error = -pthread_key_create(&thread_end, end_thread);
        started = error == 0;
    }
    (void)pthread_mutex_unlock(&starting);
    return error == -EAGAIN ? -ENOMEM : error;
}

/* The lowest number that is free. Low ones have counters of their own (core/stats.h). */
static uint32_t
take_number(void)
{
    uint64_t taken = atomic_load(&numbers_taken);

    while (~taken != 0) {
        uint32_t at = (uint32_t)__builtin_ctzll(~taken);

        /* Acquire of the last one's end: its counts are there before ours. */
        if (atomic_compare_exchange_weak(&numbers_taken, &taken, taken | UINT64_C(1) << at))
            return at + 1;
    }
    return NUMBERS + 1 + atomic_fetch_add_explicit(&numbers_above, 1, memory_order_relaxed);
}

static void DBIO_APART
number_thread(void)
{
    thread_number = take_number();
    /* Low slots keep scans short; a place of one's own keeps the slot's line in this core. */
    announcer.hint = dbio__membership.owner + thread_number - 1;
    announcer.owner = dbio__membership.owner;
    announcer.fenced = dbio__membership.fenced;
    announcer.kept = &kept_slot;
    announcer.kept_count = 0;
    announcer.kept_most = started ? 1 : 0; /* else nobody would drop it */
    if (started)
        (void)pthread_setspecific(thread_end, &announcer);
}

uint32_t
dbio__arbitration_thread(void)
{
    if (DBIO_UNLIKELY(thread_number == 0))
        number_thread();
    return thread_number;
}

void
dbio__arbitration_in_child(void)
{
    outstanding.word = 0;
    thread_number = 0;
    make_progress = NULL;
    atomic_store(&numbers_taken, 0);
}

static void
relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Waits until the blocker's word changes. False: it has not, in a whole sleep. */
static bool
wait_for_change(struct dbio_blocker *blocker)
{
    struct dbio_table *table = dbio__membership.table;
    int turn;

    for (turn = 0; turn < SPIN_TURNS; turn++) {
        if (dbio__inflight_has_moved(table, blocker))
            return true;
        relax();
    }
    if (!dbio__inflight_mark_waited(table, blocker))
        return true;
    /* Changed, woken or a signal: ask again. Who died between R and the wake does not wake. */
    return dbio__sys_futex_wait(dbio__inflight_bed(table, blocker->slot), (uint32_t)blocker->word,
                                make_progress == NULL ? SLEEP_NS : SLEEP_BETWEEN_NS,
                                dbio__membership.shared) != -ETIMEDOUT;
}

static void
count_wait(struct dbio_counters *counters, uint64_t waited_ns)
{
    uint32_t thread = dbio__arbitration_thread();

    dbio__stats_add(counters, thread, DBIO_STAT_WAITS, 1);
    dbio__stats_add(counters, thread, DBIO_STAT_WAIT_NS, waited_ns);
    dbio__stats_raise(counters, thread, DBIO_STAT_WAIT_NS_MAX, waited_ns);
}

static void
report_wait(const struct dbio_turn *turn, const struct dbio_blocker *blocker, uint64_t waited_ns)
{
    const struct dbio_table *table = dbio__membership.table;
    uint32_t owner = dbio__slot_owner(blocker->word) % DBIO_TABLE_OWNERS;

    dbio_log(DBIO_LOG_WARN,
             "bytes %llu to %llu of entry %u: waiting %.1f s for an outstanding request of process "
             "%d (%.31s): a slow device, or a stopped process (dbio top)",
             (unsigned long long)turn->range.begin, (unsigned long long)turn->range.end,
             turn->entry, (double)waited_ns / 1e9, (int)atomic_load(&table->owners[owner].pid),
             table->owners[owner].program);
}

/* B: whatever anyone has published is visible, and whoever looks from now on sees what we wrote. */
static void
have_all_fence(void)
{
    int error = dbio__membership.fenced ? 0 : dbio__sys_membarrier();

    if (error != 0) { /* memory is short, or a filter was installed after we had joined */
        _Atomic uint32_t never = 0;
        int slept = dbio__sys_futex_wait(&never, 0, BUFFERS_EMPTY_NS, 0);

        (void)slept;
        dbio_log(DBIO_LOG_WARN, "membarrier: %s; waited %u ms instead", dbio__err_text(error),
                 BUFFERS_EMPTY_NS / 1000000u);
    }
}

/* T3: until nobody is in the way. */
static int DBIO_APART
wait_turn(const struct dbio_turn *turn, struct dbio_announcement *a)
{
    struct dbio_table *table = dbio__membership.table;
    uint64_t start = 0, reported = 0;
    struct dbio_blocker blocker;
    bool suspicious = false;

    if (a->class == DBIO_CLASS_BUFFERED_READ)
        atomic_store_explicit(&table->slots[a->slot].since_ns, dbio__clock_coarse_ns(),
                              memory_order_relaxed);
    if (a->wake)
        (void)dbio__sys_futex_wake(dbio__inflight_bed(table, a->slot), dbio__membership.shared);
    if (a->switching != 0) {
        have_all_fence();
        dbio__inflight_settle(table, a);
    }
    while (dbio__inflight_blocker(table, a, &blocker)) {
        uint64_t now;

        if (turn->nowait) {
            if (turn->announcer != NULL)
                withdraw_as(turn->announcer, a);
            else
                withdraw(a);
            return -EAGAIN;
        }
        if (start == 0)
            start = reported = dbio__clock_ns();
        /* Who is in the way may be a request of this thread's own that has completed unseen. */
        if (make_progress != NULL)
            make_progress();
        if (!suspicious && wait_for_change(&blocker))
            continue;
        /* Where one has died others may have: they are asked about without another sleep. */
        suspicious = dbio__recovery_try(turn, &blocker);
        now = dbio__clock_ns();
        if (now - reported >= REPORT_NS) {
            if (reported == start)
                dbio__stats_add(turn->counters, dbio__arbitration_thread(), DBIO_STAT_WAITS_LONG,
                                1);
            report_wait(turn, &blocker, now - start);
            reported = now;
        }
    }
    if (start != 0)
        count_wait(turn->counters, dbio__clock_ns() - start);
    return 0;
}

/* Every slot is taken: someone who holds one never waits for us, so one comes free. */
static void DBIO_APART
wait_for_slot(uint32_t sleeps)
{
    _Atomic uint32_t never = 0;
    int slept;

    if (sleeps % FULL_SLEEPS == FULL_SLEEPS - 1)
        dbio__membership_bury_dead();
    slept = dbio__sys_futex_wait(&never, 0, FULL_SLEEP_NS, 0);
    (void)slept;
}

enum dbio_verdict
dbio__arbitration_announce(uint32_t entry, enum dbio_class class, struct dbio_range range,
                           struct dbio_announcement *a)
{
    /* A cached read is over before anyone could ask for how long it has run, and asking the clock is
     * a tenth of what it costs. Those that wait are timed. */
    uint64_t now = class == DBIO_CLASS_BUFFERED_READ ? 0 : dbio__clock_coarse_ns();
    enum dbio_verdict verdict;

    if (DBIO_UNLIKELY(thread_number == 0))
        number_thread();
    verdict =
        dbio__inflight_announce(dbio__membership.table, entry, class, range, now, &announcer, a);
    if (DBIO_LIKELY(verdict != DBIO_FULL)) {
        outstanding.slot = a->slot;
        outstanding.word = a->word;
    }
    return verdict;
}

int
dbio__arbitration_finish(const struct dbio_turn *turn, enum dbio_verdict verdict,
                         struct dbio_announcement *a)
{
    uint32_t sleeps;

    for (sleeps = 0; verdict == DBIO_FULL; sleeps++) {
        dbio__stats_add(turn->counters, dbio__arbitration_thread(), DBIO_STAT_TABLE_FULL, 1);
        if (turn->nowait)
            return -EAGAIN;
        wait_for_slot(sleeps);
        verdict = dbio__arbitration_announce(turn->entry, turn->class, turn->range, a);
    }
    if (verdict == DBIO_CLEAR)
        return 0;
    dbio__stats_add(turn->counters, dbio__arbitration_thread(), DBIO_STAT_TICKETS, 1);
    return wait_turn(turn, a);
}

void
dbio__arbitration_end(const struct dbio_announcement *a)
{
    withdraw(a);
}

void
dbio__arbitration_join(struct dbio_announcer *who, uint32_t *kept, uint32_t most)
{
    *who = (struct dbio_announcer){.owner = dbio__membership.owner,
                                   .hint = announcer.hint + 1,
                                   .kept = kept,
                                   .kept_most = most,
                                   .async = true,
                                   .fenced = dbio__membership.fenced};
}

enum dbio_verdict
dbio__arbitration_announce_as(struct dbio_announcer *who, uint32_t entry, enum dbio_class class,
                              struct dbio_range range, struct dbio_announcement *a)
{
    return dbio__inflight_announce(dbio__membership.table, entry, class, range, who->now_ns, who,
                                   a);
}

void
dbio__arbitration_end_as(struct dbio_announcer *who, const struct dbio_announcement *a)
{
    withdraw_as(who, a);
}

void
dbio__arbitration_drop(struct dbio_announcer *who)
{
    dbio__inflight_drop_kept(dbio__membership.table, who);
}

void
dbio__arbitration_watch(uint32_t entry)
{
    if (!dbio__inflight_watch(dbio__membership.table, entry))
        return;
    have_all_fence();
    dbio__inflight_watch_settle(dbio__membership.table, entry);
}

bool
dbio__arbitration_has_batches(void)
{
    return make_progress != NULL;
}

void
dbio__arbitration_progress(void (*progress)(void))
{
    make_progress = progress;
}
