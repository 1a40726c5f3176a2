/*
 * tpcc_transaction.h - the five transactions by number, and their inputs.
 */
#ifndef TPCC_TRANSACTION_H
#define TPCC_TRANSACTION_H

#include "tpcc_engine.h"
#include "tpcc_random.h"

enum tpcc_transaction {
    TPCC_TX_NEW_ORDER,
    TPCC_TX_PAYMENT,
    TPCC_TX_ORDER_STATUS,
    TPCC_TX_DELIVERY,
    TPCC_TX_STOCK_LEVEL,
};
#define TPCC_TRANSACTIONS 5
#define TPCC_DECK         23 /* 10 New-Order, 10 Payment, one of each other */

/* "new_order" and "New-Order". */
const char *tpcc_transaction_key(int transaction);
const char *tpcc_transaction_title(int transaction);

/* One terminal's source of transactions. Owned by its thread. */
struct tpcc_generator {
    struct tpcc_random random;
    struct tpcc_nurand nurand;
    struct tpcc_scale scale;
    int home_w;
    int home_d;         /* of Stock-Level */
    const int *weights; /* NULL: deal from a shuffled deck, which meets the minima exactly */
    int deck[TPCC_DECK];
    int deck_left;
};

/* What to execute next; the member that goes with `kind` is filled. */
struct tpcc_input {
    enum tpcc_transaction kind;
    union {
        struct tpcc_new_order_input new_order;
        struct tpcc_payment_input payment;
        struct tpcc_customer_pick order_status;
        struct tpcc_delivery_input delivery;
        struct tpcc_stock_level_input stock_level;
    } of;
};

void tpcc_generator_next(struct tpcc_generator *generator, struct tpcc_input *input);
/* Seconds to key the input in, and to think about the result (clause 5.2.5). */
double tpcc_keying_seconds(int transaction);
double tpcc_thinking_seconds(struct tpcc_generator *generator, int transaction);

#endif
