/*
 * tpcc_histogram.h - latencies, exact to one part in 64.
 */
#ifndef TPCC_HISTOGRAM_H
#define TPCC_HISTOGRAM_H

#include <stdint.h>

/* Log-linear: 64 equal steps between any two powers of two, so that microseconds and minutes have
 * the same relative error, in 24 KiB. */
#define TPCC_HISTOGRAM_STEPS   64
#define TPCC_HISTOGRAM_BUCKETS (TPCC_HISTOGRAM_STEPS * 48)

struct tpcc_histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint64_t buckets[TPCC_HISTOGRAM_BUCKETS];
};

void tpcc_histogram_add(struct tpcc_histogram *histogram, uint64_t ns);
void tpcc_histogram_merge(struct tpcc_histogram *into, const struct tpcc_histogram *from);
/* The latency that this share (0..1) of the values does not exceed; 0 if there are none. */
uint64_t tpcc_histogram_quantile(const struct tpcc_histogram *histogram, double share);
double tpcc_histogram_mean(const struct tpcc_histogram *histogram);

#endif
