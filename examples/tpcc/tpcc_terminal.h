/*
 * tpcc_terminal.h - one terminal: a thread with its own session that executes transactions.
 */
#ifndef TPCC_TERMINAL_H
#define TPCC_TERMINAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "tpcc_histogram.h"
#include "tpcc_ledger.h"
#include "tpcc_model.h"
#include "tpcc_transaction.h"

/* What happened since it was last looked at. */
struct tpcc_tally {
    struct tpcc_histogram latency[TPCC_TRANSACTIONS];
    uint64_t rolled_back;        /* New-Orders with an unused item */
    uint64_t skipped_deliveries; /* districts that had nothing to deliver */
    uint64_t retries;
    uint64_t errors;
    uint64_t stale_reads;
};

/* What all terminals of a run share. */
struct tpcc_floor {
    const struct tpcc_options *options;
    const struct tpcc_engine *engine;
    struct tpcc_store *store;
    struct tpcc_model *model;
    struct tpcc_ledger *ledger;
    atomic_bool stop;
    atomic_int complaints;
    pthread_mutex_t lock; /* of the two below */
    pthread_cond_t stopped;
};

struct tpcc_terminal {
    struct tpcc_floor *floor;
    struct tpcc_session *session;
    struct tpcc_generator generator;
    pthread_t thread;
    pthread_mutex_t lock; /* of the tally */
    struct tpcc_tally *tally;
};

/* Connects and starts the thread; `index` counts from 0. -1 after complaining. */
int tpcc_terminal_start(struct tpcc_terminal *terminal, struct tpcc_floor *floor, int index,
                        const struct tpcc_scale *scale, struct tpcc_nurand nurand, uint64_t seed);
/* After floor->stop: waits for the thread, adds what it still did to `into`, and disconnects. */
void tpcc_terminal_end(struct tpcc_terminal *terminal, struct tpcc_tally *into);
/* Adds the tally to `into` and begins a new one. */
void tpcc_terminal_collect(struct tpcc_terminal *terminal, struct tpcc_tally *into);

void tpcc_tally_merge(struct tpcc_tally *into, const struct tpcc_tally *from);
/* Wakes terminals that wait for keying or thinking. */
void tpcc_floor_stop(struct tpcc_floor *floor);

#endif
