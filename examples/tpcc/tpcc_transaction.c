/*
 * tpcc_transaction.c - which transaction comes next, and with which inputs (clauses 2.4 to 2.8).
 *
 * Job: the mix and the random inputs. Leaves executing to the engines. Called by each terminal with
 * its own generator. No lock. Must always hold: equal seeds give equal sequences.
 */
#include "tpcc_transaction.h"
#include "tpcc_rows.h"
#include "tpcc_util.h"

static const struct {
    const char *key;
    const char *title;
    int cards;
    double keying;
    double thinking;
} transactions[TPCC_TRANSACTIONS] = {
    {"new_order", "New-Order", 10, 18, 12},     {"payment", "Payment", 10, 3, 12},
    {"order_status", "Order-Status", 1, 2, 10}, {"delivery", "Delivery", 1, 2, 5},
    {"stock_level", "Stock-Level", 1, 2, 5},
};

const char *
tpcc_transaction_key(int transaction)
{
    return transactions[transaction].key;
}

const char *
tpcc_transaction_title(int transaction)
{
    return transactions[transaction].title;
}

double
tpcc_keying_seconds(int transaction)
{
    return transactions[transaction].keying;
}

double
tpcc_thinking_seconds(struct tpcc_generator *generator, int transaction)
{
    return tpcc_random_exponential(&generator->random, transactions[transaction].thinking);
}

static void
shuffle_deck(struct tpcc_generator *generator)
{
    int order[TPCC_DECK];
    int card = 0;
    tpcc_random_permutation(&generator->random, order, TPCC_DECK);
    for (int kind = 0; kind < TPCC_TRANSACTIONS; kind++)
        for (int i = 0; i < transactions[kind].cards; i++)
            generator->deck[order[card++] - 1] = kind;
    generator->deck_left = TPCC_DECK;
}

static enum tpcc_transaction
choose_kind(struct tpcc_generator *generator)
{
    if (!generator->weights) {
        if (generator->deck_left == 0)
            shuffle_deck(generator);
        return (enum tpcc_transaction)generator->deck[--generator->deck_left];
    }
    int sum = 0;
    for (int kind = 0; kind < TPCC_TRANSACTIONS; kind++)
        sum += generator->weights[kind];
    int drawn = tpcc_random_range(&generator->random, 1, sum);
    int kind = 0;
    while (drawn > generator->weights[kind])
        drawn -= generator->weights[kind++];
    return (enum tpcc_transaction)kind;
}

static int
draw_customer(struct tpcc_generator *generator)
{
    return tpcc_nurand_draw(&generator->random, 1023, generator->nurand.c_customer, 1,
                            generator->scale.customers);
}

static int
draw_district(struct tpcc_generator *generator)
{
    return tpcc_random_range(&generator->random, 1, TPCC_DISTRICTS);
}

static int
draw_other_warehouse(struct tpcc_generator *generator)
{
    if (generator->scale.warehouses == 1)
        return generator->home_w;
    int other = tpcc_random_range(&generator->random, 1, generator->scale.warehouses - 1);
    return other < generator->home_w ? other : other + 1;
}

static void
draw_pick(struct tpcc_generator *generator, int w, int d, struct tpcc_customer_pick *who)
{
    *who = (struct tpcc_customer_pick){.w = w, .d = d};
    if (tpcc_random_range(&generator->random, 1, 100) > 60)
        who->c = draw_customer(generator);
    else
        tpcc_last_name(tpcc_nurand_draw(&generator->random, 255, generator->nurand.c_last, 0,
                                        tpcc_scale_names(&generator->scale) - 1),
                       who->last);
}

static void
draw_new_order(struct tpcc_generator *generator, struct tpcc_new_order_input *input)
{
    struct tpcc_random *random = &generator->random;
    *input = (struct tpcc_new_order_input){.w = generator->home_w, .now = tpcc_wall_us()};
    input->d = draw_district(generator);
    input->c = draw_customer(generator);
    input->ol_cnt = tpcc_random_range(random, TPCC_LINES_MIN, TPCC_LINES_MAX);
    input->rollback = tpcc_random_once_in(random, 100);
    for (int i = 0; i < input->ol_cnt; i++) {
        bool remote = tpcc_random_once_in(random, 100);
        input->lines[i].i =
            tpcc_nurand_draw(random, 8191, generator->nurand.c_item, 1, generator->scale.items);
        input->lines[i].supply_w = remote ? draw_other_warehouse(generator) : input->w;
        input->lines[i].quantity = tpcc_random_range(random, 1, 10);
    }
    if (input->rollback)
        input->lines[input->ol_cnt - 1].i = generator->scale.items + 1;
}

static void
draw_payment(struct tpcc_generator *generator, struct tpcc_payment_input *input)
{
    struct tpcc_random *random = &generator->random;
    *input = (struct tpcc_payment_input){.w = generator->home_w, .now = tpcc_wall_us()};
    input->d = draw_district(generator);
    input->amount = tpcc_random_range(random, 100, 500000);
    if (tpcc_random_range(random, 1, 100) <= 85)
        draw_pick(generator, input->w, input->d, &input->who);
    else
        draw_pick(generator, draw_other_warehouse(generator), draw_district(generator),
                  &input->who);
}

void
tpcc_generator_next(struct tpcc_generator *generator, struct tpcc_input *input)
{
    int w = generator->home_w;
    input->kind = choose_kind(generator);
    switch (input->kind) {
    case TPCC_TX_NEW_ORDER:
        draw_new_order(generator, &input->of.new_order);
        break;
    case TPCC_TX_PAYMENT:
        draw_payment(generator, &input->of.payment);
        break;
    case TPCC_TX_ORDER_STATUS:
        draw_pick(generator, w, draw_district(generator), &input->of.order_status);
        break;
    case TPCC_TX_DELIVERY:
        input->of.delivery = (struct tpcc_delivery_input){
            .w = w,
            .carrier = tpcc_random_range(&generator->random, 1, 10),
            .now = tpcc_wall_us(),
        };
        break;
    case TPCC_TX_STOCK_LEVEL:
        input->of.stock_level = (struct tpcc_stock_level_input){
            .w = w,
            .d = generator->home_d,
            .threshold = tpcc_random_range(&generator->random, 10, 20),
        };
        break;
    }
}
