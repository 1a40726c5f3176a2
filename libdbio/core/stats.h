/*
 * stats.h - counters, spread over shards so that threads do not share a line. Pure.
 *
 * A thread adds to the shard of its number; a reader sums (or, for maxima, compares) them.
 * Low numbers have a shard of their own, in which a load and a store do, at a tenth of the
 * cost of an atomic addition; the others share. Relaxed throughout: counters order nothing.
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "dbio_types.h"

#define DBIO_STATS_SHARDS   32u
#define DBIO_STATS_OWN      24u /* threads 1 to 23 */
#define DBIO_HISTORY_SHARDS 8u
#define DBIO_HISTORY_OWN    4u /* threads 1 to 3: there are many inodes */

struct dbio_stats_shard {
    _Atomic uint64_t counters[DBIO_STAT_COUNT];
    _Atomic uint64_t reasons[DBIO_REASON_COUNT]; /* requests by reason */
    uint8_t pad[DBIO_CACHE_LINE - (DBIO_STAT_COUNT + DBIO_REASON_COUNT) * 8 % DBIO_CACHE_LINE];
};

struct dbio_counters {
    struct dbio_stats_shard shards[DBIO_STATS_SHARDS];
};

static inline uint32_t
dbio__stats_shard(uint32_t thread, uint32_t shards, uint32_t own)
{
    return thread < own ? thread : own + thread % (shards - own);
}

/* Adds to a counter in a shard that is the thread's own, or not. */
static inline void
dbio__stats_bump(_Atomic uint64_t *counter, bool own, uint64_t value)
{
    if (own)
        atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + value,
                              memory_order_relaxed);
    else
        atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

/* `thread`: a number that no other running thread has, or 0. */
static inline void
dbio__stats_add(struct dbio_counters *counters, uint32_t thread, enum dbio_stat stat,
                uint64_t value)
{
    uint32_t shard = dbio__stats_shard(thread, DBIO_STATS_SHARDS, DBIO_STATS_OWN);

    dbio__stats_bump(&counters->shards[shard].counters[stat], thread - 1 < DBIO_STATS_OWN - 1,
                     value);
}

static inline void
dbio__stats_request_in(struct dbio_stats_shard *shard, bool own, enum dbio_stat calls,
                       uint64_t bytes, enum dbio_route route, enum dbio_reason reason)
{
    dbio__stats_bump(&shard->counters[calls], own, 1);
    dbio__stats_bump(&shard->counters[calls + 1], own, bytes);
    dbio__stats_bump(&shard->counters[DBIO_STAT_BUFFERED + route - DBIO_ROUTE_BUFFERED], own, 1);
    dbio__stats_bump(&shard->reasons[reason], own, 1);
}

/* Counts a request that moved `bytes`: itself, its bytes, its route and its reason. `calls` is
 * DBIO_STAT_READS or DBIO_STAT_WRITES; its bytes are counted by the next. */
static inline void
dbio__stats_request(struct dbio_counters *counters, uint32_t thread, enum dbio_stat calls,
                    uint64_t bytes, enum dbio_route route, enum dbio_reason reason)
{
    bool own = thread - 1 < DBIO_STATS_OWN - 1;

    if (DBIO_LIKELY(own)) /* asked once, not four times */
        dbio__stats_request_in(&counters->shards[thread], true, calls, bytes, route, reason);
    else
        dbio__stats_request_in(
            &counters->shards[dbio__stats_shard(thread, DBIO_STATS_SHARDS, DBIO_STATS_OWN)], false,
            calls, bytes, route, reason);
}

/* Raises a maximum. */
void dbio__stats_raise(struct dbio_counters *counters, uint32_t thread, enum dbio_stat stat,
                       uint64_t value);

uint64_t dbio__stats_sum(const struct dbio_counters *counters, enum dbio_stat stat);
uint64_t dbio__stats_sum_reason(const struct dbio_counters *counters, enum dbio_reason reason);

/* How an inode's requests went: by route and by reason, and the last of each. */
struct dbio_history_shard {
    _Atomic uint64_t routes[DBIO_ROUTE_COUNT];
    _Atomic uint64_t reasons[DBIO_REASON_COUNT];
    uint8_t pad[DBIO_CACHE_LINE - (DBIO_ROUTE_COUNT + DBIO_REASON_COUNT) * 8 % DBIO_CACHE_LINE];
};

struct dbio_history {
    _Atomic uint32_t last; /* route | reason << 8 */
    uint8_t pad[DBIO_CACHE_LINE - 4];
    struct dbio_history_shard shards[DBIO_HISTORY_SHARDS];
};

/* The same for the inode. */
static inline void
dbio__stats_note(struct dbio_history *history, uint32_t thread, enum dbio_route route,
                 enum dbio_reason reason)
{
    uint32_t last = (uint32_t)route | (uint32_t)reason << 8;

    if (DBIO_LIKELY(thread - 1 < DBIO_HISTORY_OWN - 1)) {
        dbio__stats_bump(&history->shards[thread].routes[route], true, 1);
        dbio__stats_bump(&history->shards[thread].reasons[reason], true, 1);
    } else {
        uint32_t shard = dbio__stats_shard(thread, DBIO_HISTORY_SHARDS, DBIO_HISTORY_OWN);

        dbio__stats_bump(&history->shards[shard].routes[route], false, 1);
        dbio__stats_bump(&history->shards[shard].reasons[reason], false, 1);
    }
    /* Written only when it differs, so that the line stays shared between cores. */
    if (atomic_load_explicit(&history->last, memory_order_relaxed) != last)
        atomic_store_explicit(&history->last, last, memory_order_relaxed);
}
void dbio__stats_recall(const struct dbio_history *history, struct dbio_why *why);

#endif
