/*
 * tpcc_result.h - measurements as JSON.
 */
#ifndef TPCC_RESULT_H
#define TPCC_RESULT_H

#include "tpcc_json.h"
#include "tpcc_terminal.h"

#define TPCC_CEILING_PER_WAREHOUSE 12.86 /* tpmC, with keying and think times */

/* One live line. */
struct tpcc_interval {
    double end_seconds; /* since the run began */
    double seconds;
    int threads;
    bool warm; /* measured */
    const struct tpcc_tally *tally;
    struct tpcc_io_bytes bytes;
    uint64_t direct; /* bytes of this interval */
    uint64_t buffered;
};

/* A whole run. */
struct tpcc_measurement {
    struct tpcc_tally *tally;
    double seconds;
    double cpu_seconds;
    struct tpcc_io_bytes bytes;
    bool interrupted;
};

struct tpcc_json *tpcc_result_interval(const struct tpcc_interval *interval);
struct tpcc_json *tpcc_result_run(const struct tpcc_measurement *measured, int warehouses);

#endif
