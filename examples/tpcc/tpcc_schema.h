/*
 * tpcc_schema.h - the nine tables as C structures, and how many rows there are.
 *
 * Money is whole cents, rates are whole ten-thousandths, times are microseconds since 1970.
 * Zero stands for SQL NULL in `carrier` and `delivery_d`, which are never zero otherwise.
 */
#ifndef TPCC_SCHEMA_H
#define TPCC_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#define TPCC_DISTRICTS 10
#define TPCC_LINES_MIN 5
#define TPCC_LINES_MAX 15
#define TPCC_FORMAT    1 /* of the database; a change of the rows' bytes is a new format */
/* The time that every loaded row carries, fixed so that equal seeds load equal bytes. */
#define TPCC_LOAD_TIME INT64_C(1577836800000000) /* 2020-01-01 */

/* What a database was loaded with. Kept in its META table. */
struct tpcc_scale {
    uint64_t seed;
    int warehouses;
    int items;     /* 100000 */
    int customers; /* per district; as many orders; 3000 */
    int c_load;    /* the constant C of NURand(255) during the load */
};

enum tpcc_table {
    TPCC_ITEM,
    TPCC_WAREHOUSE,
    TPCC_STOCK,
    TPCC_DISTRICT,
    TPCC_CUSTOMER,
    TPCC_HISTORY,
    TPCC_ORDER,
    TPCC_NEW_ORDER,
    TPCC_ORDER_LINE,
};
#define TPCC_TABLES 9

struct tpcc_address {
    char street_1[21];
    char street_2[21];
    char city[21];
    char state[3];
    char zip[10];
};

struct tpcc_item {
    int id;
    int im_id;
    char name[25];
    int price;
    char data[51];
};

struct tpcc_warehouse {
    int id;
    char name[11];
    struct tpcc_address address;
    int tax;
    int64_t ytd;
};

struct tpcc_district {
    int w;
    int id;
    char name[11];
    struct tpcc_address address;
    int tax;
    int64_t ytd;
    int next_o_id;
};

struct tpcc_customer {
    int w;
    int d;
    int id;
    char first[17];
    char middle[3];
    char last[17];
    struct tpcc_address address;
    char phone[17];
    int64_t since;
    char credit[3];
    int64_t credit_limit;
    int discount;
    int64_t balance;
    int64_t ytd_payment;
    int payment_cnt;
    int delivery_cnt;
    char data[501];
};

/* The specification gives HISTORY no key. `id` is ours, so that a payment can be found again. */
struct tpcc_history {
    int64_t id;
    int c;
    int c_d;
    int c_w;
    int d;
    int w;
    int64_t date;
    int64_t amount;
    char data[25];
};

struct tpcc_order {
    int w;
    int d;
    int id;
    int c;
    int64_t entry_d;
    int carrier;
    int ol_cnt;
    int all_local;
};

struct tpcc_new_order {
    int w;
    int d;
    int o;
};

struct tpcc_order_line {
    int w;
    int d;
    int o;
    int number;
    int i;
    int supply_w;
    int64_t delivery_d;
    int quantity;
    int64_t amount;
    char dist_info[25];
};

struct tpcc_stock {
    int w;
    int i;
    int quantity;
    char dist[TPCC_DISTRICTS][25];
    int64_t ytd;
    int order_cnt;
    int remote_cnt;
    char data[51];
};

/* A row of any table; `table` says which member counts. */
struct tpcc_row {
    enum tpcc_table table;
    union {
        struct tpcc_item item;
        struct tpcc_warehouse warehouse;
        struct tpcc_stock stock;
        struct tpcc_district district;
        struct tpcc_customer customer;
        struct tpcc_history history;
        struct tpcc_order order;
        struct tpcc_new_order new_order;
        struct tpcc_order_line line;
    } of;
};

/* Last names that customers have: 1000, fewer in a tiny database. */
static inline int
tpcc_scale_names(const struct tpcc_scale *scale)
{
    return scale->customers < 1000 ? scale->customers : 1000;
}

/* Orders of a district that the load delivers: 2100 of 3000. */
static inline int
tpcc_scale_delivered(const struct tpcc_scale *scale)
{
    return scale->customers * 7 / 10;
}

/* A dense index for (warehouse, district), from 0. */
static inline int
tpcc_district_index(int w, int d)
{
    return (w - 1) * TPCC_DISTRICTS + d - 1;
}

#endif
