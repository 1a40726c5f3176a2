/*
 * tpcc_run.h - run the mix for a while and measure it.
 */
#ifndef TPCC_RUN_H
#define TPCC_RUN_H

#include "tpcc_options.h"

/* The command `run`. Exit status. */
int tpcc_run(const struct tpcc_options *options);
/* Runs with options->io[0] and checks; the result is the caller's to free, NULL if it could not
 * even begin. */
struct tpcc_json *tpcc_run_result(const struct tpcc_options *options);
/* Whether the result is a good one: no error, no stale read, no failed check. */
bool tpcc_run_succeeded(const struct tpcc_json *result);

#endif
