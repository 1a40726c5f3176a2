/*
 * tpcc_main.c - dbio-tpcc: a TPC-C-like benchmark for the ways a database can do its I/O.
 *
 * Job: hand the command line to the command. No lock. Must always hold: exit status 0 when all went
 * well, 1 when a run or a check failed, 2 for bad usage.
 */
#include <string.h>

#include "tpcc_check.h"
#include "tpcc_compare.h"
#include "tpcc_load.h"
#include "tpcc_report.h"
#include "tpcc_run.h"
#include "tpcc_util.h"

static int
carry_out(const struct tpcc_options *options)
{
    switch (options->command) {
    case TPCC_PREPARE:
        return tpcc_prepare(options);
    case TPCC_RUN:
        return tpcc_run(options);
    case TPCC_CHECK:
        return tpcc_check(options);
    case TPCC_COMPARE:
        return tpcc_compare(options);
    case TPCC_REPORT:
        return tpcc_report(options);
    }
    return TPCC_EXIT_USAGE;
}

int
main(int count, char **arguments)
{
    struct tpcc_options options;
    int status = tpcc_options_parse(&options, count, arguments);
    if (status >= 0)
        return status;
    tpcc_catch_signals();
    if (options.json && strcmp(options.json, "-") == 0)
        tpcc_out_set(stderr);
    status = carry_out(&options);
    if (fflush(tpcc_out()) != 0 || ferror(tpcc_out())) { /* a full disk, a closed standard output */
        fprintf(stderr, "dbio-tpcc: cannot write the report\n");
        return status > TPCC_EXIT_FAILED ? status : TPCC_EXIT_FAILED;
    }
    return status;
}
