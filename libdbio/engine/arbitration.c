/*
 * arbitration.c - waiting and waking around the announcement table.
 *
 * Job:       own the process's table; turn "blocked by this slot" into a futex wait; count
 *            and report waits.
 * Not its:   the protocol: core/inflight.c.
 * Callers:   engine/transfer.c, exclusive.c, mapping.c.
 * Lock:      none is held while waiting.
 * Invariant: a thread has at most one announcement, so waits cannot form a circle.
 */
#include "engine/arbitration.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "base/log.h"
#include "base/mem.h"
#include "os/clock.h"
#include "os/sys.h"

/* Turns of spinning before sleep: about as long as a cached 4 KiB copy takes. */
#define SPIN_TURNS 64
/* A sleeper looks again after this long, so that a wait which lasts is seen in the log. */
#define SLEEP_NS      500000000u
#define FULL_SLEEP_NS 200000u

static pthread_mutex_t table_making = PTHREAD_MUTEX_INITIALIZER;
static struct dbio_table *process_table; /* set before the first context is made, for good */
static _Atomic uint32_t threads_seen;
static _Thread_local uint32_t thread_number; /* 0: none yet */
static _Thread_local uint32_t slot_hint;

/* The child has one thread and no requests outstanding; what its parent had announced is the
 * parent's. */
static void
forget_in_child(void)
{
    if (process_table != NULL)
        dbio__inflight_reset(process_table);
}

static struct dbio_table *
make_table(void)
{
    struct dbio_table *table = dbio__mem_aligned(DBIO_CACHE_LINE, sizeof(*table));

    if (table != NULL && pthread_atfork(NULL, NULL, forget_in_child) != 0) {
        dbio__mem_free(table, sizeof(*table));
        table = NULL;
    }
    return table;
}

struct dbio_table *
dbio__arbitration_table(void)
{
    struct dbio_table *table;

    /* Not pthread_once: without memory the next call shall try again. Requests do not come here. */
    (void)pthread_mutex_lock(&table_making);
    if (process_table == NULL)
        process_table = make_table();
    table = process_table;
    (void)pthread_mutex_unlock(&table_making);
    return table;
}

uint32_t
dbio__arbitration_thread(void)
{
    if (DBIO_UNLIKELY(thread_number == 0)) {
        /* Relaxed: only distinct numbers are wanted. */
        thread_number = atomic_fetch_add_explicit(&threads_seen, 1, memory_order_relaxed) + 1;
        slot_hint = thread_number - 1;
    }
    return thread_number;
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

/* Waits until *word is no longer `value`, or a sleep has run out. */
static void
wait_for_change(_Atomic uint32_t *word, uint32_t value)
{
    int turn, result;

    for (turn = 0; turn < SPIN_TURNS; turn++) {
        /* Acquire pairs with T2 and R of the request in the way. */
        if (atomic_load_explicit(word, memory_order_acquire) != value)
            return;
        relax();
    }
    if (!dbio__inflight_mark_waited(word, &value))
        return;
    /* Any answer is fine: changed, woken, a signal, or time to look again. */
    result = dbio__sys_futex_wait(word, value, SLEEP_NS, 0);
    (void)result;
}

static void
count_wait(struct dbio_counters *counters, uint64_t waited_ns)
{
    uint32_t thread = dbio__arbitration_thread();

    dbio__stats_add(counters, thread, DBIO_STAT_WAITS, 1);
    dbio__stats_add(counters, thread, DBIO_STAT_WAIT_NS, waited_ns);
    dbio__stats_raise(counters, thread, DBIO_STAT_WAIT_NS_MAX, waited_ns);
}

/* T3: until nobody is in the way. */
static int
wait_turn(struct dbio_announcement *a, bool nowait, struct dbio_counters *counters)
{
    _Atomic uint32_t *word;
    uint32_t value;
    uint64_t start = 0, now = 0, reported = 0;

    if (a->wake)
        (void)dbio__sys_futex_wake(dbio__inflight_word(process_table, a), 0);
    while (dbio__inflight_blocker(process_table, a, &word, &value)) {
        if (nowait) {
            dbio__arbitration_end(a);
            return -EAGAIN;
        }
        if (start == 0)
            start = reported = dbio__clock_ns();
        wait_for_change(word, value);
        now = dbio__clock_ns();
        if (now - reported > 2 * (uint64_t)SLEEP_NS) {
            dbio_log(DBIO_LOG_WARN,
                     "waiting %.1f s for an outstanding request before bytes %llu to %llu: a slow "
                     "device, or a stopped thread",
                     (double)(now - start) / 1e9, (unsigned long long)a->range.begin,
                     (unsigned long long)a->range.end);
            reported = now;
        }
    }
    if (start != 0)
        count_wait(counters, now - start);
    return 0;
}

int
dbio__arbitration_begin(uint32_t entry, enum dbio_class class, struct dbio_range range, bool nowait,
                        struct dbio_counters *counters, struct dbio_announcement *a)
{
    uint32_t thread = dbio__arbitration_thread();

    for (;;) {
        enum dbio_verdict verdict =
            dbio__inflight_announce(process_table, entry, class, range, &slot_hint, a);

        if (DBIO_LIKELY(verdict == DBIO_CLEAR))
            return 0;
        if (verdict == DBIO_BLOCKED) {
            dbio__stats_add(counters, thread, DBIO_STAT_TICKETS, 1);
            return wait_turn(a, nowait, counters);
        }
        /* Every slot is taken: someone who holds one never waits for us, so one comes free. */
        dbio__stats_add(counters, thread, DBIO_STAT_TABLE_FULL, 1);
        if (nowait)
            return -EAGAIN;
        {
            _Atomic uint32_t never = 0;
            int slept = dbio__sys_futex_wait(&never, 0, FULL_SLEEP_NS, 0);

            (void)slept;
        }
    }
}

void
dbio__arbitration_end(const struct dbio_announcement *a)
{
    if (dbio__inflight_release(process_table, a))
        (void)dbio__sys_futex_wake(dbio__inflight_word(process_table, a), 0);
}
