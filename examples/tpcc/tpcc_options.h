/*
 * tpcc_options.h - what the command line asked for.
 */
#ifndef TPCC_OPTIONS_H
#define TPCC_OPTIONS_H

#include "tpcc_engine.h"
#include "tpcc_transaction.h"

enum tpcc_command {
    TPCC_PREPARE = 1,
    TPCC_RUN = 2,
    TPCC_CHECK = 4,
    TPCC_COMPARE = 8,
    TPCC_REPORT = 16,
};

enum tpcc_ledger_kind {
    TPCC_LEDGER_OFF,
    TPCC_LEDGER_PLAIN, /* survives the end of the program */
    TPCC_LEDGER_DSYNC, /* survives a power cut as well; costs a disk write per transaction */
};

struct tpcc_options {
    enum tpcc_command command;
    const struct tpcc_engine *engine;
    enum tpcc_io io[TPCC_IO_COUNT];
    int io_count;
    const char *directory;
    int warehouses; /* 0: not said */
    int threads;    /* 0: not said */
    int duration;
    int warmup;
    int report_interval;
    int rounds;
    int cache_mb;
    int memory_limit_mb; /* 0: none */
    int retries;
    uint64_t seed;
    bool seed_given;
    bool tiny;
    bool force;
    bool wait;
    bool keep;
    bool no_check;
    bool weighted; /* draw by weights instead of dealing cards */
    int weights[TPCC_TRANSACTIONS];
    enum tpcc_journal journal;
    enum tpcc_synchronous synchronous;
    enum tpcc_ledger_kind ledger;
    const char *json;
    const char *html;
    const char *input; /* report: the saved result */
};

/* Answers -1 to go on, or the exit status after a message or a help text. */
int tpcc_options_parse(struct tpcc_options *options, int count, char **arguments);
struct tpcc_store_options tpcc_options_store(const struct tpcc_options *options, enum tpcc_io io);

#endif
