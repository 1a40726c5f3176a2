/*
 * tpcc_rows.c - the rows of a fresh database (clause 4.3).
 *
 * Job: compute any loaded row from the seed and its key. Leaves storing to the engine and
 * comparing to tpcc_oracle.c. Called from the loader, the check and the in-run model. No lock: no
 * state. Must always hold: a column depends on (seed, table, key, column) and nothing else; a
 * change of any byte is a new TPCC_FORMAT.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tpcc_rows.h"

/* Streams of a row: one number per column or group of columns. Never reorder. */
enum column {
    COLUMN_NUMBERS = 1,
    COLUMN_NAME,
    COLUMN_ADDRESS,
    COLUMN_DATA,
    COLUMN_PERMUTATION,
    COLUMN_DIST, /* and the nine after it */
};

static struct tpcc_random
column_stream(const struct tpcc_scale *scale, enum tpcc_table table, int64_t key, int column)
{
    return tpcc_random_stream(scale->seed, (uint64_t)table, (uint64_t)key, (uint64_t)column);
}

/* Keys as one number: at most 2^15 in each of the smaller parts, enough for every table. */
static int64_t
key_of(int a, int b, int c, int d)
{
    return ((((int64_t)a << 8 | b) << 24 | c) << 8) | d;
}

struct tpcc_scale
tpcc_scale_make(uint64_t seed, int warehouses, bool tiny)
{
    struct tpcc_random random = tpcc_random_stream(seed, 100, 0, 0);
    return (struct tpcc_scale){
        .seed = seed,
        .warehouses = warehouses,
        .items = tiny ? 1000 : 100000,
        .customers = tiny ? 60 : 3000,
        .c_load = tpcc_random_range(&random, 0, 255),
    };
}

void
tpcc_last_name(int number, char name[17])
{
    static const char *const syllables[10] = {"BAR", "OUGHT", "ABLE",  "PRI",   "PRES",
                                              "ESE", "ANTI",  "CALLY", "ATION", "EING"};
    snprintf(name, 17, "%s%s%s", syllables[number / 100 % 10], syllables[number / 10 % 10],
             syllables[number % 10]);
}

static void
make_text(struct tpcc_random *random, char *text, int low, int high)
{
    tpcc_random_text(random, text, tpcc_random_range(random, low, high));
}

static void
make_address(struct tpcc_random random, struct tpcc_address *address)
{
    make_text(&random, address->street_1, 10, 20);
    make_text(&random, address->street_2, 10, 20);
    make_text(&random, address->city, 10, 20);
    tpcc_random_text(&random, address->state, 2);
    tpcc_random_digits(&random, address->zip, 4);
    memcpy(address->zip + 4, "11111", 6);
}

/* I_DATA and S_DATA: 26 to 50 characters, one row in ten with ORIGINAL somewhere inside. */
static void
make_item_data(struct tpcc_random random, char data[51])
{
    int length = tpcc_random_range(&random, 26, 50);
    tpcc_random_text(&random, data, length);
    if (tpcc_random_once_in(&random, 10))
        memcpy(data + tpcc_random_range(&random, 0, length - 8), "ORIGINAL", 8);
}

int
tpcc_rows_item_price(const struct tpcc_scale *scale, int i)
{
    struct tpcc_random random = column_stream(scale, TPCC_ITEM, i, COLUMN_NUMBERS);
    return tpcc_random_range(&random, 100, 10000);
}

void
tpcc_rows_item(const struct tpcc_scale *scale, int i, struct tpcc_item *item)
{
    struct tpcc_random random = column_stream(scale, TPCC_ITEM, i, COLUMN_NAME);
    *item = (struct tpcc_item){.id = i, .price = tpcc_rows_item_price(scale, i)};
    item->im_id = tpcc_random_range(&random, 1, 10000);
    make_text(&random, item->name, 14, 24);
    make_item_data(column_stream(scale, TPCC_ITEM, i, COLUMN_DATA), item->data);
}

void
tpcc_rows_warehouse(const struct tpcc_scale *scale, int w, struct tpcc_warehouse *warehouse)
{
    struct tpcc_random random = column_stream(scale, TPCC_WAREHOUSE, w, COLUMN_NUMBERS);
    *warehouse = (struct tpcc_warehouse){.id = w};
    warehouse->ytd = (int64_t)scale->customers * TPCC_DISTRICTS * 1000; /* 300,000.00 */
    warehouse->tax = tpcc_random_range(&random, 0, 2000);
    make_text(&random, warehouse->name, 6, 10);
    make_address(column_stream(scale, TPCC_WAREHOUSE, w, COLUMN_ADDRESS), &warehouse->address);
}

void
tpcc_rows_stock_dist(const struct tpcc_scale *scale, int w, int i, int d, char text[25])
{
    struct tpcc_random random =
        column_stream(scale, TPCC_STOCK, key_of(w, 0, i, 0), COLUMN_DIST + d - 1);
    tpcc_random_text(&random, text, 24);
}

void
tpcc_rows_stock(const struct tpcc_scale *scale, int w, int i, struct tpcc_stock *stock)
{
    int64_t key = key_of(w, 0, i, 0);
    struct tpcc_random random = column_stream(scale, TPCC_STOCK, key, COLUMN_NUMBERS);
    *stock = (struct tpcc_stock){.w = w, .i = i};
    stock->quantity = tpcc_random_range(&random, 10, 100);
    for (int d = 1; d <= TPCC_DISTRICTS; d++)
        tpcc_rows_stock_dist(scale, w, i, d, stock->dist[d - 1]);
    make_item_data(column_stream(scale, TPCC_STOCK, key, COLUMN_DATA), stock->data);
}

void
tpcc_rows_district(const struct tpcc_scale *scale, int w, int d, struct tpcc_district *district)
{
    int64_t key = key_of(w, d, 0, 0);
    struct tpcc_random random = column_stream(scale, TPCC_DISTRICT, key, COLUMN_NUMBERS);
    *district = (struct tpcc_district){.w = w, .id = d, .next_o_id = scale->customers + 1};
    district->ytd = (int64_t)scale->customers * 1000; /* 30,000.00 */
    district->tax = tpcc_random_range(&random, 0, 2000);
    make_text(&random, district->name, 6, 10);
    make_address(column_stream(scale, TPCC_DISTRICT, key, COLUMN_ADDRESS), &district->address);
}

void
tpcc_rows_customer(const struct tpcc_scale *scale, int w, int d, int c,
                   struct tpcc_customer *customer)
{
    int64_t key = key_of(w, d, c, 0);
    struct tpcc_random random = column_stream(scale, TPCC_CUSTOMER, key, COLUMN_NUMBERS);
    *customer = (struct tpcc_customer){
        .w = w,
        .d = d,
        .id = c,
        .middle = "OE",
        .since = TPCC_LOAD_TIME,
        .credit = "GC",
        .credit_limit = 5000000,
        .balance = -1000,
        .ytd_payment = 1000,
        .payment_cnt = 1,
    };
    customer->discount = tpcc_random_range(&random, 0, 5000);
    if (tpcc_random_once_in(&random, 10))
        customer->credit[0] = 'B';
    int name = c - 1;
    if (c > 1000)
        name = tpcc_nurand_draw(&random, 255, scale->c_load, 0, 999);
    tpcc_last_name(name, customer->last);
    random = column_stream(scale, TPCC_CUSTOMER, key, COLUMN_NAME);
    make_text(&random, customer->first, 8, 16);
    tpcc_random_digits(&random, customer->phone, 16);
    make_address(column_stream(scale, TPCC_CUSTOMER, key, COLUMN_ADDRESS), &customer->address);
    random = column_stream(scale, TPCC_CUSTOMER, key, COLUMN_DATA);
    make_text(&random, customer->data, 300, 500);
}

void
tpcc_rows_history(const struct tpcc_scale *scale, int w, int d, int c, struct tpcc_history *history)
{
    struct tpcc_random random = column_stream(scale, TPCC_HISTORY, key_of(w, d, c, 0), COLUMN_DATA);
    *history = (struct tpcc_history){
        .id = (int64_t)tpcc_district_index(w, d) * scale->customers + c,
        .c = c,
        .c_d = d,
        .c_w = w,
        .d = d,
        .w = w,
        .date = TPCC_LOAD_TIME,
        .amount = 1000,
    };
    make_text(&random, history->data, 12, 24);
}

void
tpcc_rows_order_customers(const struct tpcc_scale *scale, int w, int d, int *customers)
{
    struct tpcc_random random =
        column_stream(scale, TPCC_ORDER, key_of(w, d, 0, 0), COLUMN_PERMUTATION);
    tpcc_random_permutation(&random, customers, scale->customers);
}

void
tpcc_rows_order(const struct tpcc_scale *scale, int w, int d, int o, int c,
                struct tpcc_order *order)
{
    struct tpcc_random random =
        column_stream(scale, TPCC_ORDER, key_of(w, d, o, 0), COLUMN_NUMBERS);
    *order = (struct tpcc_order){
        .w = w, .d = d, .id = o, .c = c, .entry_d = TPCC_LOAD_TIME, .all_local = 1};
    order->ol_cnt = tpcc_random_range(&random, TPCC_LINES_MIN, TPCC_LINES_MAX);
    int carrier = tpcc_random_range(&random, 1, 10);
    if (o <= tpcc_scale_delivered(scale))
        order->carrier = carrier;
}

void
tpcc_rows_line(const struct tpcc_scale *scale, int w, int d, int o, int number,
               struct tpcc_order_line *line)
{
    struct tpcc_random random =
        column_stream(scale, TPCC_ORDER_LINE, key_of(w, d, o, number), COLUMN_NUMBERS);
    *line = (struct tpcc_order_line){
        .w = w, .d = d, .o = o, .number = number, .supply_w = w, .quantity = 5};
    line->i = tpcc_random_range(&random, 1, scale->items);
    int64_t amount = tpcc_random_range(&random, 1, 999999);
    if (o <= tpcc_scale_delivered(scale))
        line->delivery_d = TPCC_LOAD_TIME;
    else
        line->amount = amount;
    tpcc_random_text(&random, line->dist_info, 24);
}

uint64_t
tpcc_line_digest(uint64_t digest, const struct tpcc_order_line *line)
{
    digest = tpcc_hash_number(digest, line->number);
    digest = tpcc_hash_number(digest, line->i);
    digest = tpcc_hash_number(digest, line->supply_w);
    digest = tpcc_hash_number(digest, line->quantity);
    digest = tpcc_hash_number(digest, line->amount);
    return tpcc_hash_bytes(digest, line->dist_info, strlen(line->dist_info));
}

void
tpcc_paid_text(int c, int c_d, int c_w, int d, int w, int64_t amount,
               char text[TPCC_PAID_LENGTH + 1])
{
    snprintf(text, TPCC_PAID_LENGTH + 1, "|%5d %3d %6d %3d %6d %11" PRId64, c, c_d, c_w, d, w,
             amount);
}
