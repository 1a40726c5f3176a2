/*
 * tpcc_ledger.h - what was acknowledged, written down outside the database.
 *
 * Every committed New-Order, Payment and Delivery leaves a line in a plain file after the engine
 * said "committed". Whatever happens to the process, the check can then ask whether everything that
 * was acknowledged is there, and whether more is there than can be.
 */
#ifndef TPCC_LEDGER_H
#define TPCC_LEDGER_H

#include "tpcc_options.h"

struct tpcc_ledger;

/* Begins a run. NULL after complaining. */
struct tpcc_ledger *tpcc_ledger_open(const char *directory, enum tpcc_ledger_kind kind,
                                     int threads);
/* Ends it in order. Answers -1 if lines could not be written. */
int tpcc_ledger_close(struct tpcc_ledger *ledger);
void tpcc_ledger_remove(const char *directory);
bool tpcc_ledger_path(const char *directory, char *out, size_t size);

/* From any thread. */
void tpcc_ledger_new_order(struct tpcc_ledger *ledger, const struct tpcc_new_order_input *input,
                           const struct tpcc_new_order_output *output);
void tpcc_ledger_payment(struct tpcc_ledger *ledger, const struct tpcc_payment_input *input,
                         const struct tpcc_payment_output *output);
void tpcc_ledger_delivery(struct tpcc_ledger *ledger, const struct tpcc_delivery_input *input,
                          const struct tpcc_delivery_output *output);

/* What the tables hold beyond the load. */
struct tpcc_ledger_counts {
    int64_t orders;
    int64_t payments;
    int64_t deliveries; /* orders that were delivered */
};

/* Compares the ledger with the database. Finding as in tpcc_engine.h; *entries is how many lines
 * were compared. */
enum tpcc_outcome tpcc_ledger_check(const char *directory, const struct tpcc_engine *engine,
                                    struct tpcc_session *session,
                                    const struct tpcc_ledger_counts *counts, int64_t *entries,
                                    char finding[TPCC_FINDING_MAX]);

#endif
