/*
 * tpcc_histogram.c - latencies, exact to one part in 64.
 *
 * Job: count values in log-linear buckets and answer quantiles. Called by terminals (adding) and by
 * the run's main thread (merging, asking). No lock: callers hold the terminal's. Must always hold:
 * a quantile is the upper edge of its bucket, never less than the value it stands for, and never
 * above the largest value seen.
 */
#include "tpcc_histogram.h"

/* Buckets 0..63 hold 0..63 ns one by one; each further 64 share a power of two. */
static int
bucket_of(uint64_t ns)
{
    if (ns < TPCC_HISTOGRAM_STEPS)
        return (int)ns;
    int shift = 63 - __builtin_clzll(ns) - 6;
    int bucket = TPCC_HISTOGRAM_STEPS * (shift + 1) + (int)((ns >> shift) - TPCC_HISTOGRAM_STEPS);
    return bucket < TPCC_HISTOGRAM_BUCKETS ? bucket : TPCC_HISTOGRAM_BUCKETS - 1;
}

static uint64_t
upper_edge(int bucket)
{
    if (bucket < TPCC_HISTOGRAM_STEPS)
        return (uint64_t)bucket;
    int shift = bucket / TPCC_HISTOGRAM_STEPS - 1;
    uint64_t step = (uint64_t)(bucket % TPCC_HISTOGRAM_STEPS + TPCC_HISTOGRAM_STEPS);
    return ((step + 1) << shift) - 1;
}

void
tpcc_histogram_add(struct tpcc_histogram *histogram, uint64_t ns)
{
    histogram->count++;
    histogram->sum_ns += ns;
    if (ns > histogram->max_ns)
        histogram->max_ns = ns;
    histogram->buckets[bucket_of(ns)]++;
}

void
tpcc_histogram_merge(struct tpcc_histogram *into, const struct tpcc_histogram *from)
{
    if (from->count == 0)
        return;
    into->count += from->count;
    into->sum_ns += from->sum_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
    for (int i = 0; i < TPCC_HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t
tpcc_histogram_quantile(const struct tpcc_histogram *histogram, double share)
{
    uint64_t rank = (uint64_t)(share * (double)histogram->count + 0.999999);
    uint64_t seen = 0;
    for (int i = 0; i < TPCC_HISTOGRAM_BUCKETS && histogram->count; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank && seen)
            return upper_edge(i) < histogram->max_ns ? upper_edge(i) : histogram->max_ns;
    }
    return histogram->max_ns;
}

double
tpcc_histogram_mean(const struct tpcc_histogram *histogram)
{
    return histogram->count ? (double)histogram->sum_ns / (double)histogram->count : 0;
}
