/*
 * tpcc_oracle.h - checks beyond the twelve conditions: every loaded byte computed again, and every
 * derived number derived again.
 *
 * The conditions see damage to relations between tables. They miss bytes that nothing refers to,
 * a whole transaction that vanished, and a consistent return to an older state. These do not.
 */
#ifndef TPCC_ORACLE_H
#define TPCC_ORACLE_H

#include "tpcc_engine.h"
#include "tpcc_ledger.h"

enum tpcc_oracle_check {
    TPCC_ORACLE_ITEM,
    TPCC_ORACLE_WAREHOUSE,
    TPCC_ORACLE_DISTRICT,
    TPCC_ORACLE_HISTORY,
    TPCC_ORACLE_ORDER,
    TPCC_ORACLE_LINE,
    TPCC_ORACLE_CUSTOMER,
    TPCC_ORACLE_CUSTOMER_COUNTS,
    TPCC_ORACLE_STOCK,
    TPCC_ORACLE_STOCK_COUNTS,
};
#define TPCC_ORACLE_CHECKS 10

struct tpcc_oracle;

const char *tpcc_oracle_title(enum tpcc_oracle_check check);
struct tpcc_oracle *tpcc_oracle_make(const struct tpcc_scale *scale);
void tpcc_oracle_free(struct tpcc_oracle *oracle);
/* Judges one table; the order of calls is that of tpcc_oracle_tables. An outcome other than
 * TPCC_DONE: the table could not be read. */
enum tpcc_outcome tpcc_oracle_scan(struct tpcc_oracle *oracle, const struct tpcc_engine *engine,
                                   struct tpcc_session *session, enum tpcc_table table);
/* The first offence that a check found, or "". */
const char *tpcc_oracle_finding(const struct tpcc_oracle *oracle, enum tpcc_oracle_check check);
/* What the tables hold beyond the load; after all scans. */
struct tpcc_ledger_counts tpcc_oracle_counts(const struct tpcc_oracle *oracle);

/* Which scan answers which checks. A scan collects what later ones compare with. */
struct tpcc_oracle_table {
    enum tpcc_table table;
    enum tpcc_oracle_check first;
    int checks;
};
#define TPCC_ORACLE_TABLES 8
extern const struct tpcc_oracle_table tpcc_oracle_tables[TPCC_ORACLE_TABLES];

#endif
