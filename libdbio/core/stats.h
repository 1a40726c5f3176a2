/*
 * stats.h - counters, spread over shards so that threads do not share a line. Pure.
 *
 * A thread adds to the shard of its hint; a reader sums (or, for maxima, compares) them.
 * Relaxed throughout: counters order nothing.
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/compiler.h"
#include "dbio_types.h"

#define DBIO_STATS_SHARDS 8u

struct dbio_stats_shard {
    _Atomic uint64_t counters[DBIO_STAT_COUNT];
    uint8_t pad[DBIO_CACHE_LINE - DBIO_STAT_COUNT * 8 % DBIO_CACHE_LINE];
};

struct dbio_counters {
    struct dbio_stats_shard shards[DBIO_STATS_SHARDS];
};

static inline void
dbio__stats_add(struct dbio_counters *counters, uint32_t hint, enum dbio_stat stat, uint64_t value)
{
    atomic_fetch_add_explicit(&counters->shards[hint % DBIO_STATS_SHARDS].counters[stat], value,
                              memory_order_relaxed);
}

/* Raises a maximum. */
void dbio__stats_raise(struct dbio_counters *counters, uint32_t hint, enum dbio_stat stat,
                       uint64_t value);

uint64_t dbio__stats_sum(const struct dbio_counters *counters, enum dbio_stat stat);

/* How an inode's requests went: by route and by reason, and the last of each. */
struct dbio_history_shard {
    _Atomic uint64_t routes[DBIO_ROUTE_COUNT];
    _Atomic uint64_t reasons[DBIO_REASON_COUNT];
    uint8_t pad[DBIO_CACHE_LINE - (DBIO_ROUTE_COUNT + DBIO_REASON_COUNT) * 8 % DBIO_CACHE_LINE];
};

struct dbio_history {
    _Atomic uint32_t last; /* route | reason << 8 */
    uint8_t pad[DBIO_CACHE_LINE - 4];
    struct dbio_history_shard shards[DBIO_STATS_SHARDS];
};

void dbio__stats_note(struct dbio_history *history, uint32_t hint, enum dbio_route route,
                      enum dbio_reason reason);
void dbio__stats_recall(const struct dbio_history *history, struct dbio_why *why);

#endif
