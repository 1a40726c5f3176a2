/*
 * tpcc_oracle.c - every loaded byte computed again, and every derived number derived again.
 *
 * Job: judge rows as they come from a scan. Leaves relations between tables to the twelve
 * conditions, reading to the engine, and rows' bytes to tpcc_rows.c. Called by the check, by one
 * thread. No lock. Must always hold: each scan expects an exact sequence of keys, so that a
 * missing, an extra and a misplaced row are all found; a check keeps its first finding.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tpcc_oracle.h"
#include "tpcc_rows.h"
#include "tpcc_util.h"

struct stock_sums {
    int64_t ytd;
    int order_cnt;
    int remote_cnt;
};

struct customer_sums {
    int payments;
    int deliveries;
};

struct tpcc_oracle {
    struct tpcc_scale scale;
    char findings[TPCC_ORACLE_CHECKS][TPCC_FINDING_MAX];
    struct stock_sums *stock;       /* by (w, i): what the order lines after the load add up to */
    struct customer_sums *customer; /* by (w, d, c) */
    int *loaded_customers;          /* of the district that is being scanned, by order */
    char (*warehouse_names)[11];
    char (*district_names)[11];
    int64_t rows; /* of this scan so far */
    int w;        /* ORDER and ORDER-LINE: the key that came before */
    int d;
    int o;
    int number;
    struct tpcc_ledger_counts counts;
};

static const char *const titles[TPCC_ORACLE_CHECKS] = {
    [TPCC_ORACLE_ITEM] = "ITEM is as loaded, every byte",
    [TPCC_ORACLE_WAREHOUSE] = "WAREHOUSE is as loaded but for its year's takings",
    [TPCC_ORACLE_DISTRICT] = "DISTRICT is as loaded but for its takings and next order",
    [TPCC_ORACLE_HISTORY] = "HISTORY is as loaded; later rows name their places",
    [TPCC_ORACLE_ORDER] = "ORDER is as loaded; later orders are plausible and dense",
    [TPCC_ORACLE_LINE] = "ORDER-LINE is as loaded; later lines follow from ITEM and STOCK",
    [TPCC_ORACLE_CUSTOMER] = "CUSTOMER is as loaded but for what transactions change",
    [TPCC_ORACLE_CUSTOMER_COUNTS] = "CUSTOMER counts follow from HISTORY and ORDER",
    [TPCC_ORACLE_STOCK] = "STOCK is as loaded but for its counts",
    [TPCC_ORACLE_STOCK_COUNTS] = "STOCK counts follow from ORDER-LINE",
};

const struct tpcc_oracle_table tpcc_oracle_tables[TPCC_ORACLE_TABLES] = {
    {TPCC_ITEM, TPCC_ORACLE_ITEM, 1},         {TPCC_WAREHOUSE, TPCC_ORACLE_WAREHOUSE, 1},
    {TPCC_DISTRICT, TPCC_ORACLE_DISTRICT, 1}, {TPCC_HISTORY, TPCC_ORACLE_HISTORY, 1},
    {TPCC_ORDER, TPCC_ORACLE_ORDER, 1},       {TPCC_ORDER_LINE, TPCC_ORACLE_LINE, 1},
    {TPCC_CUSTOMER, TPCC_ORACLE_CUSTOMER, 2}, {TPCC_STOCK, TPCC_ORACLE_STOCK, 2},
};

const char *
tpcc_oracle_title(enum tpcc_oracle_check check)
{
    return titles[check];
}

struct tpcc_oracle *
tpcc_oracle_make(const struct tpcc_scale *scale)
{
    struct tpcc_oracle *oracle = tpcc_alloc(1, sizeof(*oracle));
    size_t warehouses = (size_t)scale->warehouses;
    size_t districts = warehouses * TPCC_DISTRICTS;
    oracle->scale = *scale;
    oracle->stock = tpcc_alloc(warehouses * (size_t)scale->items, sizeof(struct stock_sums));
    oracle->customer =
        tpcc_alloc(districts * (size_t)scale->customers, sizeof(struct customer_sums));
    oracle->loaded_customers = tpcc_alloc((size_t)scale->customers, sizeof(int));
    oracle->warehouse_names = tpcc_alloc(warehouses, sizeof(oracle->warehouse_names[0]));
    oracle->district_names = tpcc_alloc(districts, sizeof(oracle->district_names[0]));
    return oracle;
}

void
tpcc_oracle_free(struct tpcc_oracle *oracle)
{
    free(oracle->stock);
    free(oracle->customer);
    free(oracle->loaded_customers);
    free(oracle->warehouse_names);
    free(oracle->district_names);
    free(oracle);
}

const char *
tpcc_oracle_finding(const struct tpcc_oracle *oracle, enum tpcc_oracle_check check)
{
    return oracle->findings[check];
}

struct tpcc_ledger_counts
tpcc_oracle_counts(const struct tpcc_oracle *oracle)
{
    return oracle->counts;
}

#define FIND(oracle, check, ...)                                                \
    do {                                                                        \
        if (!(oracle)->findings[check][0])                                      \
            snprintf((oracle)->findings[check], TPCC_FINDING_MAX, __VA_ARGS__); \
    } while (0)

static bool
same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool
same_address(const struct tpcc_address *a, const struct tpcc_address *b)
{
    return same_text(a->street_1, b->street_1) && same_text(a->street_2, b->street_2) &&
           same_text(a->city, b->city) && same_text(a->state, b->state) &&
           same_text(a->zip, b->zip);
}

static bool
in_range(int value, int low, int high)
{
    return value >= low && value <= high;
}

static struct customer_sums *
customer_of(struct tpcc_oracle *oracle, int w, int d, int c)
{
    if (!in_range(w, 1, oracle->scale.warehouses) || !in_range(d, 1, TPCC_DISTRICTS) ||
        !in_range(c, 1, oracle->scale.customers))
        return NULL;
    size_t index = (size_t)tpcc_district_index(w, d) * (size_t)oracle->scale.customers;
    return &oracle->customer[index + (size_t)(c - 1)];
}

static bool
judge_item(struct tpcc_oracle *oracle, const struct tpcc_item *row)
{
    struct tpcc_item want;
    int i = (int)oracle->rows;
    if (row->id != i || i > oracle->scale.items) {
        FIND(oracle, TPCC_ORACLE_ITEM, "row %d has i_id=%d", i, row->id);
        return false;
    }
    tpcc_rows_item(&oracle->scale, i, &want);
    if (row->im_id != want.im_id || row->price != want.price || !same_text(row->name, want.name) ||
        !same_text(row->data, want.data))
        FIND(oracle, TPCC_ORACLE_ITEM, "i_id=%d differs from what was loaded", i);
    return true;
}

static bool
judge_warehouse(struct tpcc_oracle *oracle, const struct tpcc_warehouse *row)
{
    struct tpcc_warehouse want;
    int w = (int)oracle->rows;
    if (row->id != w || w > oracle->scale.warehouses) {
        FIND(oracle, TPCC_ORACLE_WAREHOUSE, "row %d has w_id=%d", w, row->id);
        return false;
    }
    tpcc_rows_warehouse(&oracle->scale, w, &want);
    memcpy(oracle->warehouse_names[w - 1], want.name, sizeof(want.name));
    if (row->tax != want.tax || !same_text(row->name, want.name) ||
        !same_address(&row->address, &want.address))
        FIND(oracle, TPCC_ORACLE_WAREHOUSE, "w_id=%d differs from what was loaded", w);
    return true;
}

static bool
judge_district(struct tpcc_oracle *oracle, const struct tpcc_district *row)
{
    struct tpcc_district want;
    int w = (int)((oracle->rows - 1) / TPCC_DISTRICTS) + 1;
    int d = (int)((oracle->rows - 1) % TPCC_DISTRICTS) + 1;
    if (row->w != w || row->id != d || w > oracle->scale.warehouses) {
        FIND(oracle, TPCC_ORACLE_DISTRICT, "d_w_id=%d d_id=%d stands where %d, %d belongs", row->w,
             row->id, w, d);
        return false;
    }
    tpcc_rows_district(&oracle->scale, w, d, &want);
    memcpy(oracle->district_names[oracle->rows - 1], want.name, sizeof(want.name));
    if (row->tax != want.tax || !same_text(row->name, want.name) ||
        !same_address(&row->address, &want.address))
        FIND(oracle, TPCC_ORACLE_DISTRICT, "d_w_id=%d d_id=%d differs from what was loaded", w, d);
    return true;
}

/* Bad credit: a record of equal length for each payment since the load, newest first, then the
 * loaded text, all cut at 500. */
static bool
data_is_right(const struct tpcc_customer *row, const struct tpcc_customer *want)
{
    size_t paid = (size_t)(row->payment_cnt - 1) * TPCC_PAID_LENGTH;
    if (row->payment_cnt < 1 || want->credit[0] != 'B')
        return same_text(row->data, want->data);
    size_t length = paid + strlen(want->data);
    if (strlen(row->data) != (length < 500 ? length : 500))
        return false;
    char head[TPCC_PAID_LENGTH + 1];
    tpcc_paid_text(row->id, row->d, row->w, 0, 0, 0, head);
    for (size_t at = 0; at < paid && at + TPCC_PAID_LENGTH <= 500; at += TPCC_PAID_LENGTH)
        if (memcmp(row->data + at, head, 17) != 0) /* "|c c_d c_w " */
            return false;
    return paid >= 500 || strncmp(row->data + paid, want->data, 500 - paid) == 0;
}

static bool
judge_customer(struct tpcc_oracle *oracle, const struct tpcc_customer *row)
{
    struct tpcc_customer want;
    int64_t n = oracle->rows - 1;
    int c = (int)(n % oracle->scale.customers) + 1;
    int d = (int)(n / oracle->scale.customers % TPCC_DISTRICTS) + 1;
    int w = (int)(n / oracle->scale.customers / TPCC_DISTRICTS) + 1;
    const struct customer_sums *sums = customer_of(oracle, w, d, c);
    if (row->w != w || row->d != d || row->id != c || !sums) {
        FIND(oracle, TPCC_ORACLE_CUSTOMER,
             "c_w_id=%d c_d_id=%d c_id=%d stands where %d, %d, %d belongs", row->w, row->d, row->id,
             w, d, c);
        return false;
    }
    tpcc_rows_customer(&oracle->scale, w, d, c, &want);
    if (!same_text(row->first, want.first) || !same_text(row->middle, want.middle) ||
        !same_text(row->last, want.last) || !same_address(&row->address, &want.address) ||
        !same_text(row->phone, want.phone) || row->since != want.since ||
        !same_text(row->credit, want.credit) || row->credit_limit != want.credit_limit ||
        row->discount != want.discount || !data_is_right(row, &want))
        FIND(oracle, TPCC_ORACLE_CUSTOMER,
             "c_w_id=%d c_d_id=%d c_id=%d differs from what was loaded", w, d, c);
    if (row->payment_cnt != sums->payments)
        FIND(oracle, TPCC_ORACLE_CUSTOMER_COUNTS,
             "c_w_id=%d c_d_id=%d c_id=%d has c_payment_cnt=%d but %d HISTORY rows", w, d, c,
             row->payment_cnt, sums->payments);
    if (row->delivery_cnt != sums->deliveries)
        FIND(oracle, TPCC_ORACLE_CUSTOMER_COUNTS,
             "c_w_id=%d c_d_id=%d c_id=%d has c_delivery_cnt=%d but %d delivered orders", w, d, c,
             row->delivery_cnt, sums->deliveries);
    return true;
}

static bool
same_history(const struct tpcc_history *a, const struct tpcc_history *b)
{
    return a->id == b->id && a->c == b->c && a->c_d == b->c_d && a->c_w == b->c_w && a->d == b->d &&
           a->w == b->w && a->date == b->date && a->amount == b->amount &&
           same_text(a->data, b->data);
}

/* A payment of a run: its text is made of the names of its places. */
static bool
payment_is_plausible(struct tpcc_oracle *oracle, const struct tpcc_history *row)
{
    char data[32];
    if (!in_range(row->w, 1, oracle->scale.warehouses) || !in_range(row->d, 1, TPCC_DISTRICTS))
        return false;
    snprintf(data, sizeof(data), "%s    %s", oracle->warehouse_names[row->w - 1],
             oracle->district_names[tpcc_district_index(row->w, row->d)]);
    return same_text(row->data, data) && row->amount >= 100 && row->amount <= 500000 &&
           row->date > TPCC_LOAD_TIME;
}

static bool
judge_history(struct tpcc_oracle *oracle, const struct tpcc_history *row)
{
    struct tpcc_history want;
    struct customer_sums *sums = customer_of(oracle, row->c_w, row->c_d, row->c);
    int64_t customers = oracle->scale.customers;
    int64_t loaded = customers * TPCC_DISTRICTS * oracle->scale.warehouses;
    int64_t n = oracle->rows - 1;
    if (sums)
        sums->payments++;
    if (n >= loaded) {
        oracle->counts.payments++;
        if (!sums || !payment_is_plausible(oracle, row))
            FIND(oracle, TPCC_ORACLE_HISTORY, "h_id=%" PRId64 " is not a row that Payment writes",
                 row->id);
        return true;
    }
    tpcc_rows_history(&oracle->scale, (int)(n / customers / TPCC_DISTRICTS) + 1,
                      (int)(n / customers % TPCC_DISTRICTS) + 1, (int)(n % customers) + 1, &want);
    if (!same_history(row, &want))
        FIND(oracle, TPCC_ORACLE_HISTORY, "h_id=%" PRId64 " differs from what was loaded", want.id);
    return true;
}

/* Orders of a district are numbered from 1 without gaps, districts follow each other. */
static bool
order_is_next(struct tpcc_oracle *oracle, const struct tpcc_order *row)
{
    bool first = row->w != oracle->w || row->d != oracle->d;
    int want = first ? 1 : oracle->o + 1;
    int before = oracle->w ? tpcc_district_index(oracle->w, oracle->d) : -1;
    if (row->id != want || !in_range(row->w, 1, oracle->scale.warehouses) ||
        !in_range(row->d, 1, TPCC_DISTRICTS) ||
        (first && tpcc_district_index(row->w, row->d) != before + 1))
        return false;
    if (first)
        tpcc_rows_order_customers(&oracle->scale, row->w, row->d, oracle->loaded_customers);
    oracle->w = row->w;
    oracle->d = row->d;
    oracle->o = row->id;
    return true;
}

static bool
order_is_right(struct tpcc_oracle *oracle, const struct tpcc_order *row)
{
    struct tpcc_order want;
    if (row->id > oracle->scale.customers)
        return in_range(row->c, 1, oracle->scale.customers) &&
               in_range(row->ol_cnt, TPCC_LINES_MIN, TPCC_LINES_MAX) &&
               in_range(row->carrier, 0, 10) && in_range(row->all_local, 0, 1) &&
               row->entry_d > TPCC_LOAD_TIME;
    tpcc_rows_order(&oracle->scale, row->w, row->d, row->id, oracle->loaded_customers[row->id - 1],
                    &want);
    return row->c == want.c && row->entry_d == want.entry_d && row->ol_cnt == want.ol_cnt &&
           row->all_local == want.all_local &&
           (want.carrier ? row->carrier == want.carrier : in_range(row->carrier, 0, 10));
}

static bool
judge_order(struct tpcc_oracle *oracle, const struct tpcc_order *row)
{
    if (!order_is_next(oracle, row)) {
        FIND(oracle, TPCC_ORACLE_ORDER, "o_w_id=%d o_d_id=%d o_id=%d follows %d, %d, %d", row->w,
             row->d, row->id, oracle->w, oracle->d, oracle->o);
        return false;
    }
    if (!order_is_right(oracle, row))
        FIND(oracle, TPCC_ORACLE_ORDER, "o_w_id=%d o_d_id=%d o_id=%d is not what was %s", row->w,
             row->d, row->id, row->id > oracle->scale.customers ? "ordered" : "loaded");
    if (row->id > oracle->scale.customers)
        oracle->counts.orders++;
    struct customer_sums *sums = customer_of(oracle, row->w, row->d, row->c);
    if (row->carrier && row->id > tpcc_scale_delivered(&oracle->scale)) {
        oracle->counts.deliveries++;
        if (sums)
            sums->deliveries++;
    }
    return true;
}

/* A line of a run: price from ITEM, text from STOCK; it adds to the sums of its stock row. */
static bool
new_line_is_right(struct tpcc_oracle *oracle, const struct tpcc_order_line *row)
{
    char dist[25];
    const struct tpcc_scale *scale = &oracle->scale;
    if (!in_range(row->i, 1, scale->items) || !in_range(row->supply_w, 1, scale->warehouses) ||
        !in_range(row->d, 1, TPCC_DISTRICTS) || !in_range(row->quantity, 1, 10))
        return false;
    size_t index = (size_t)(row->supply_w - 1) * (size_t)scale->items + (size_t)(row->i - 1);
    oracle->stock[index].ytd += row->quantity;
    oracle->stock[index].order_cnt++;
    oracle->stock[index].remote_cnt += row->supply_w != row->w;
    tpcc_rows_stock_dist(scale, row->supply_w, row->i, row->d, dist);
    return row->amount == (int64_t)row->quantity * tpcc_rows_item_price(scale, row->i) &&
           same_text(row->dist_info, dist);
}

static bool
loaded_line_is_right(struct tpcc_oracle *oracle, const struct tpcc_order_line *row)
{
    struct tpcc_order_line want;
    tpcc_rows_line(&oracle->scale, row->w, row->d, row->o, row->number, &want);
    return row->i == want.i && row->supply_w == want.supply_w && row->quantity == want.quantity &&
           row->amount == want.amount && same_text(row->dist_info, want.dist_info) &&
           (row->delivery_d == want.delivery_d ||
            (!want.delivery_d && row->delivery_d > TPCC_LOAD_TIME));
}

static bool
judge_line(struct tpcc_oracle *oracle, const struct tpcc_order_line *row)
{
    bool same_order = row->w == oracle->w && row->d == oracle->d && row->o == oracle->o;
    bool right = row->number == (same_order ? oracle->number + 1 : 1);
    oracle->w = row->w;
    oracle->d = row->d;
    oracle->o = row->o;
    oracle->number = row->number;
    if (row->o > oracle->scale.customers)
        right = new_line_is_right(oracle, row) && right;
    else
        right = right && loaded_line_is_right(oracle, row);
    if (!right)
        FIND(oracle, TPCC_ORACLE_LINE,
             "ol_w_id=%d ol_d_id=%d ol_o_id=%d ol_number=%d is not what was %s", row->w, row->d,
             row->o, row->number, row->o > oracle->scale.customers ? "ordered" : "loaded");
    return true;
}

/* Each order takes n and adds 91 when less than 10 would be left, so the quantity is always in
 * 10..100, and the 91 values of that range make it known from the sum that was taken. */
static int
quantity_after(int loaded, int64_t taken)
{
    int64_t left = (loaded - 10 - taken) % 91;
    return (int)(left < 0 ? left + 91 : left) + 10;
}

static bool
judge_stock(struct tpcc_oracle *oracle, const struct tpcc_stock *row)
{
    struct tpcc_stock want;
    int64_t n = oracle->rows - 1;
    int w = (int)(n / oracle->scale.items) + 1;
    int i = (int)(n % oracle->scale.items) + 1;
    if (row->w != w || row->i != i || w > oracle->scale.warehouses) {
        FIND(oracle, TPCC_ORACLE_STOCK, "s_w_id=%d s_i_id=%d stands where %d, %d belongs", row->w,
             row->i, w, i);
        return false;
    }
    tpcc_rows_stock(&oracle->scale, w, i, &want);
    bool right = same_text(row->data, want.data);
    for (int d = 0; d < TPCC_DISTRICTS; d++)
        right = right && same_text(row->dist[d], want.dist[d]);
    if (!right)
        FIND(oracle, TPCC_ORACLE_STOCK, "s_w_id=%d s_i_id=%d differs from what was loaded", w, i);
    const struct stock_sums *sums = &oracle->stock[n];
    if (row->ytd != sums->ytd || row->order_cnt != sums->order_cnt ||
        row->remote_cnt != sums->remote_cnt ||
        row->quantity != quantity_after(want.quantity, sums->ytd))
        FIND(oracle, TPCC_ORACLE_STOCK_COUNTS,
             "s_w_id=%d s_i_id=%d has quantity=%d ytd=%" PRId64
             " orders=%d remote=%d, lines say %d, %" PRId64 ", %d, %d",
             w, i, row->quantity, row->ytd, row->order_cnt, row->remote_cnt,
             quantity_after(want.quantity, sums->ytd), sums->ytd, sums->order_cnt,
             sums->remote_cnt);
    return true;
}

static bool
judge_row(void *context, const struct tpcc_row *row)
{
    struct tpcc_oracle *oracle = context;
    oracle->rows++;
    switch (row->table) {
    case TPCC_ITEM:
        return judge_item(oracle, &row->of.item);
    case TPCC_WAREHOUSE:
        return judge_warehouse(oracle, &row->of.warehouse);
    case TPCC_STOCK:
        return judge_stock(oracle, &row->of.stock);
    case TPCC_DISTRICT:
        return judge_district(oracle, &row->of.district);
    case TPCC_CUSTOMER:
        return judge_customer(oracle, &row->of.customer);
    case TPCC_HISTORY:
        return judge_history(oracle, &row->of.history);
    case TPCC_ORDER:
        return judge_order(oracle, &row->of.order);
    case TPCC_ORDER_LINE:
        return judge_line(oracle, &row->of.line);
    case TPCC_NEW_ORDER: /* conditions 2, 3 and 5 say all there is to say */
        break;
    }
    return true;
}

/* The fewest rows that the table can have. */
static int64_t
rows_at_least(const struct tpcc_scale *scale, enum tpcc_table table)
{
    int64_t districts = (int64_t)scale->warehouses * TPCC_DISTRICTS;
    switch (table) {
    case TPCC_ITEM:
        return scale->items;
    case TPCC_WAREHOUSE:
        return scale->warehouses;
    case TPCC_STOCK:
        return (int64_t)scale->warehouses * scale->items;
    case TPCC_DISTRICT:
        return districts;
    case TPCC_CUSTOMER:
    case TPCC_HISTORY:
    case TPCC_ORDER:
        return districts * scale->customers;
    case TPCC_NEW_ORDER:
        break;
    case TPCC_ORDER_LINE:
        return districts * scale->customers * TPCC_LINES_MIN;
    }
    return 0;
}

enum tpcc_outcome
tpcc_oracle_scan(struct tpcc_oracle *oracle, const struct tpcc_engine *engine,
                 struct tpcc_session *session, enum tpcc_table table)
{
    oracle->rows = 0;
    oracle->w = oracle->d = oracle->o = oracle->number = 0;
    enum tpcc_outcome outcome = engine->scan(session, table, judge_row, oracle);
    int64_t least = rows_at_least(&oracle->scale, table);
    for (int i = 0; i < TPCC_ORACLE_TABLES; i++)
        if (tpcc_oracle_tables[i].table == table && oracle->rows < least)
            FIND(oracle, tpcc_oracle_tables[i].first,
                 "%" PRId64 " rows, at least %" PRId64 " expected", oracle->rows, least);
    return outcome;
}
