/*
 * tpcc_terminal.c - one terminal: a thread with its own session that executes transactions.
 *
 * Job: draw, execute, measure, then tell the model and the ledger. Leaves choosing to
 * tpcc_transaction.c and adding up to tpcc_run.c. Called by tpcc_run.c. Lock: the terminal's,
 * around its tally. Must always hold: latency is what a user would see, retries included, and
 * neither the ledger nor the model is part of it; the ledger is told after the engine acknowledged,
 * never before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tpcc_terminal.h"
#include "tpcc_util.h"

#define ERRORS_IN_A_ROW 20 /* then the terminal gives up */
#define COMPLAINTS_MAX  20 /* of a run; what follows is only counted */

/* The output of whichever transaction was executed. */
union output {
    struct tpcc_new_order_output new_order;
    struct tpcc_payment_output payment;
    struct tpcc_order_status_output order_status;
    struct tpcc_delivery_output delivery;
    struct tpcc_stock_level_output stock_level;
};

static enum tpcc_outcome
execute_once(struct tpcc_terminal *terminal, const struct tpcc_input *input, union output *output)
{
    const struct tpcc_engine *engine = terminal->floor->engine;
    struct tpcc_session *session = terminal->session;
    switch (input->kind) {
    case TPCC_TX_NEW_ORDER:
        return engine->new_order(session, &input->of.new_order, &output->new_order);
    case TPCC_TX_PAYMENT:
        return engine->payment(session, &input->of.payment, &output->payment);
    case TPCC_TX_ORDER_STATUS:
        return engine->order_status(session, &input->of.order_status, &output->order_status);
    case TPCC_TX_DELIVERY:
        return engine->delivery(session, &input->of.delivery, &output->delivery);
    case TPCC_TX_STOCK_LEVEL:
        return engine->stock_level(session, &input->of.stock_level, &output->stock_level);
    }
    return TPCC_FAILED;
}

/* The order number below which everything is committed, of the district that will be read. */
static int
ask_model(struct tpcc_model *model, const struct tpcc_input *input)
{
    switch (input->kind) {
    case TPCC_TX_NEW_ORDER:
        return tpcc_model_next_o(model, input->of.new_order.w, input->of.new_order.d);
    case TPCC_TX_ORDER_STATUS:
        return tpcc_model_next_o(model, input->of.order_status.w, input->of.order_status.d);
    case TPCC_TX_STOCK_LEVEL:
        return tpcc_model_next_o(model, input->of.stock_level.w, input->of.stock_level.d);
    case TPCC_TX_PAYMENT:
    case TPCC_TX_DELIVERY:
        break;
    }
    return 0;
}

/* Tells ledger and model what was committed; false if what was read cannot have been current. */
static bool
publish(struct tpcc_floor *floor, const struct tpcc_input *input, const union output *output,
        int next_o_before)
{
    switch (input->kind) {
    case TPCC_TX_NEW_ORDER:
        tpcc_ledger_new_order(floor->ledger, &input->of.new_order, &output->new_order);
        return tpcc_model_new_order(floor->model, &input->of.new_order, &output->new_order,
                                    next_o_before);
    case TPCC_TX_PAYMENT:
        tpcc_ledger_payment(floor->ledger, &input->of.payment, &output->payment);
        return true;
    case TPCC_TX_ORDER_STATUS:
        return tpcc_model_order_status(floor->model, &input->of.order_status, &output->order_status,
                                       next_o_before);
    case TPCC_TX_DELIVERY:
        tpcc_ledger_delivery(floor->ledger, &input->of.delivery, &output->delivery);
        return true;
    case TPCC_TX_STOCK_LEVEL:
        return output->stock_level.next_o >= next_o_before;
    }
    return false;
}

static uint64_t
count_skipped(const struct tpcc_input *input, const union output *output)
{
    uint64_t skipped = 0;
    if (input->kind == TPCC_TX_DELIVERY)
        for (int d = 0; d < TPCC_DISTRICTS; d++)
            skipped += output->delivery.orders[d] == 0;
    return skipped;
}

/* A broken database would fill the screen. */
static void
complain(struct tpcc_floor *floor, const struct tpcc_input *input, const char *what)
{
    int before = atomic_fetch_add(&floor->complaints, 1);
    if (before < COMPLAINTS_MAX)
        tpcc_complain("%s FAILED: %s", tpcc_transaction_title((int)input->kind), what);
    if (before == COMPLAINTS_MAX)
        tpcc_complain("more transactions fail; from here on they are only counted");
}

/* One transaction from input to tally. */
static enum tpcc_outcome
execute(struct tpcc_terminal *terminal, const struct tpcc_input *input)
{
    struct tpcc_floor *floor = terminal->floor;
    union output output;
    uint64_t retries = 0;
    bool current = true;
    int next_o_before = ask_model(floor->model, input);
    uint64_t start_ns = tpcc_now_ns();
    enum tpcc_outcome outcome = execute_once(terminal, input, &output);
    while (outcome == TPCC_AGAIN && retries < (uint64_t)floor->options->retries) {
        retries++;
        outcome = execute_once(terminal, input, &output);
    }
    uint64_t latency_ns = tpcc_now_ns() - start_ns;
    bool finished = outcome == TPCC_DONE || outcome == TPCC_ROLLED_BACK;
    if (outcome == TPCC_DONE)
        current = publish(floor, input, &output, next_o_before);
    pthread_mutex_lock(&terminal->lock);
    struct tpcc_tally *tally = terminal->tally;
    if (finished)
        tpcc_histogram_add(&tally->latency[input->kind], latency_ns);
    tally->rolled_back += outcome == TPCC_ROLLED_BACK;
    tally->skipped_deliveries += outcome == TPCC_DONE ? count_skipped(input, &output) : 0;
    tally->retries += retries;
    tally->errors += !finished;
    tally->stale_reads += !current;
    pthread_mutex_unlock(&terminal->lock);
    if (!current)
        complain(floor, input, "read an older state than was committed before it began");
    if (!finished)
        complain(floor, input, floor->engine->error(terminal->session));
    return outcome;
}

/* Keying or thinking, cut short when the run ends. */
static void
pause_for(struct tpcc_floor *floor, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t)(seconds * 1e9);
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&floor->lock);
    while (!atomic_load(&floor->stop))
        if (pthread_cond_timedwait(&floor->stopped, &floor->lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&floor->lock);
}

static void *
work(void *context)
{
    struct tpcc_terminal *terminal = context;
    struct tpcc_floor *floor = terminal->floor;
    struct tpcc_input input;
    int failures = 0;
    while (!atomic_load(&floor->stop) && failures < ERRORS_IN_A_ROW) {
        tpcc_generator_next(&terminal->generator, &input);
        if (floor->options->wait)
            pause_for(floor, tpcc_keying_seconds((int)input.kind));
        if (atomic_load(&floor->stop))
            break;
        enum tpcc_outcome outcome = execute(terminal, &input);
        failures = outcome == TPCC_DONE || outcome == TPCC_ROLLED_BACK ? 0 : failures + 1;
        if (floor->options->wait)
            pause_for(floor, tpcc_thinking_seconds(&terminal->generator, (int)input.kind));
    }
    if (failures == ERRORS_IN_A_ROW)
        tpcc_complain("a terminal gives up after %d failures in a row", failures);
    return NULL;
}

int
tpcc_terminal_start(struct tpcc_terminal *terminal, struct tpcc_floor *floor, int index,
                    const struct tpcc_scale *scale, struct tpcc_nurand nurand, uint64_t seed)
{
    *terminal = (struct tpcc_terminal){.floor = floor};
    terminal->generator = (struct tpcc_generator){
        .random = tpcc_random_stream(seed, 200, (uint64_t)index, 0),
        .nurand = nurand,
        .scale = *scale,
        .home_w = index % scale->warehouses + 1,
        .home_d = index / scale->warehouses % TPCC_DISTRICTS + 1,
        .weights = floor->options->weighted ? floor->options->weights : NULL,
    };
    if (floor->engine->connect(floor->store, &terminal->session) != TPCC_DONE)
        return -1;
    terminal->tally = tpcc_alloc(1, sizeof(*terminal->tally));
    pthread_mutex_init(&terminal->lock, NULL);
    int error = pthread_create(&terminal->thread, NULL, work, terminal);
    if (error == 0)
        return 0;
    tpcc_complain("cannot start terminal %d: %s", index + 1, strerror(error));
    floor->engine->disconnect(terminal->session);
    free(terminal->tally);
    return -1;
}

void
tpcc_terminal_collect(struct tpcc_terminal *terminal, struct tpcc_tally *into)
{
    pthread_mutex_lock(&terminal->lock);
    tpcc_tally_merge(into, terminal->tally);
    memset(terminal->tally, 0, sizeof(*terminal->tally));
    pthread_mutex_unlock(&terminal->lock);
}

void
tpcc_terminal_end(struct tpcc_terminal *terminal, struct tpcc_tally *into)
{
    pthread_join(terminal->thread, NULL);
    tpcc_terminal_collect(terminal, into);
    pthread_mutex_destroy(&terminal->lock);
    terminal->floor->engine->disconnect(terminal->session);
    free(terminal->tally);
}

void
tpcc_tally_merge(struct tpcc_tally *into, const struct tpcc_tally *from)
{
    for (int kind = 0; kind < TPCC_TRANSACTIONS; kind++)
        tpcc_histogram_merge(&into->latency[kind], &from->latency[kind]);
    into->rolled_back += from->rolled_back;
    into->skipped_deliveries += from->skipped_deliveries;
    into->retries += from->retries;
    into->errors += from->errors;
    into->stale_reads += from->stale_reads;
}

void
tpcc_floor_stop(struct tpcc_floor *floor)
{
    pthread_mutex_lock(&floor->lock);
    atomic_store(&floor->stop, true);
    pthread_cond_broadcast(&floor->stopped);
    pthread_mutex_unlock(&floor->lock);
}
