/*
 * stats.c - counters and the history of decisions.
 *
 * Job:       count without contention, sum on demand.
 * Not its:   names (core/names.c), gauges that the engine computes.
 * Callers:   engine/, api/api_stats.c through engine/context.c.
 * Lock:      none; relaxed atomics.
 * Invariant: nothing is ever subtracted.
 */
#include "core/stats.h"

void
dbio__stats_raise(struct dbio_counters *counters, uint32_t thread, enum dbio_stat stat,
                  uint64_t value)
{
    _Atomic uint64_t *counter =
        &counters->shards[dbio__stats_shard(thread, DBIO_STATS_SHARDS, DBIO_STATS_OWN)]
             .counters[stat];
    uint64_t seen = atomic_load_explicit(counter, memory_order_relaxed);

    while (seen < value && !atomic_compare_exchange_weak_explicit(
                               counter, &seen, value, memory_order_relaxed, memory_order_relaxed))
        ;
}

uint64_t
dbio__stats_sum(const struct dbio_counters *counters, enum dbio_stat stat)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < DBIO_STATS_SHARDS; i++) {
        uint64_t value =
            atomic_load_explicit(&counters->shards[i].counters[stat], memory_order_relaxed);

        if (stat != DBIO_STAT_WAIT_NS_MAX)
            sum += value;
        else if (value > sum)
            sum = value;
    }
    return sum;
}

uint64_t
dbio__stats_sum_reason(const struct dbio_counters *counters, enum dbio_reason reason)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < DBIO_STATS_SHARDS; i++)
        sum += atomic_load_explicit(&counters->shards[i].reasons[reason], memory_order_relaxed);
    return sum;
}

void
dbio__stats_recall(const struct dbio_history *history, struct dbio_why *why)
{
    uint32_t last = atomic_load_explicit(&history->last, memory_order_relaxed), i, k;

    why->last_route = last & 0xff;
    why->last_reason = last >> 8;
    for (i = 0; i < DBIO_HISTORY_SHARDS; i++) {
        for (k = 0; k < DBIO_ROUTE_COUNT; k++)
            why->routes[k] +=
                atomic_load_explicit(&history->shards[i].routes[k], memory_order_relaxed);
        for (k = 0; k < DBIO_REASON_COUNT; k++)
            why->reasons[k] +=
                atomic_load_explicit(&history->shards[i].reasons[k], memory_order_relaxed);
    }
}
