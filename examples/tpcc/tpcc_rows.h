/*
 * tpcc_rows.h - the rows that a load writes, each computed from the seed and its key alone.
 *
 * Nothing here remembers anything, so the check can compute again what any byte of the loaded
 * tables must be.
 */
#ifndef TPCC_ROWS_H
#define TPCC_ROWS_H

#include "tpcc_random.h"
#include "tpcc_schema.h"

/* The scale for `warehouses`, of full size or tiny (not comparable with anything). */
struct tpcc_scale tpcc_scale_make(uint64_t seed, int warehouses, bool tiny);

void tpcc_rows_item(const struct tpcc_scale *scale, int i, struct tpcc_item *item);
int tpcc_rows_item_price(const struct tpcc_scale *scale, int i);
void tpcc_rows_warehouse(const struct tpcc_scale *scale, int w, struct tpcc_warehouse *warehouse);
void tpcc_rows_stock(const struct tpcc_scale *scale, int w, int i, struct tpcc_stock *stock);
/* The text s_dist_dd of one stock row. */
void tpcc_rows_stock_dist(const struct tpcc_scale *scale, int w, int i, int d, char text[25]);
void tpcc_rows_district(const struct tpcc_scale *scale, int w, int d,
                        struct tpcc_district *district);
void tpcc_rows_customer(const struct tpcc_scale *scale, int w, int d, int c,
                        struct tpcc_customer *customer);
void tpcc_rows_history(const struct tpcc_scale *scale, int w, int d, int c,
                       struct tpcc_history *history);
/* customers[o - 1] becomes the customer of order o, a permutation of 1..scale->customers. */
void tpcc_rows_order_customers(const struct tpcc_scale *scale, int w, int d, int *customers);
void tpcc_rows_order(const struct tpcc_scale *scale, int w, int d, int o, int c,
                     struct tpcc_order *order);
void tpcc_rows_line(const struct tpcc_scale *scale, int w, int d, int o, int number,
                    struct tpcc_order_line *line);

/* The last name with this number, 0..999: three syllables. */
void tpcc_last_name(int number, char name[17]);

/* Folds one line into the digest of its order. */
uint64_t tpcc_line_digest(uint64_t digest, const struct tpcc_order_line *line);

/* What a payment puts in front of a bad-credit customer's data: always TPCC_PAID_LENGTH long, so
 * that the check can tell how much of the loaded text must be left. */
#define TPCC_PAID_LENGTH 40
void tpcc_paid_text(int c, int c_d, int c_w, int d, int w, int64_t amount,
                    char text[TPCC_PAID_LENGTH + 1]);

#endif
