/*
 * engine_sqlite_tx.c - the engine `sqlite`: Payment, Order-Status, Delivery, Stock-Level.
 *
 * Job: clauses 2.5 to 2.8. Leaves New-Order to engine_sqlite_order.c and the inputs to
 * tpcc_input.c. Called by terminals through struct tpcc_engine, each with its own session. No lock
 * of ours. Must always hold: a transaction that does not answer TPCC_DONE has changed nothing.
 */
#include <string.h>

#include "engine_sqlite.h"
#include "tpcc_rows.h"

static enum tpcc_outcome
report_missing(struct tpcc_session *session, const char *what, int w, int d)
{
    snprintf(session->error, sizeof(session->error), "%s %d/%d is not there", what, w, d);
    return TPCC_FAILED;
}

/* By last name: of the n customers in order of first name, the one at n/2 rounded up. */
static enum tpcc_outcome
find_customer(struct tpcc_session *session, const struct tpcc_customer_pick *who, int *c)
{
    int ids[1024];
    int count = 0;
    bool found;
    *c = who->c;
    if (*c)
        return TPCC_DONE;
    sqlite3_stmt *row = BIND(session, SQL_CUSTOMERS_BY_NAME, who->w, who->d);
    if (row)
        sqlite3_bind_text(row, 3, who->last, -1, SQLITE_STATIC);
    for (;;) {
        enum tpcc_outcome outcome = engine_sqlite_row(session, row, &found);
        if (outcome != TPCC_DONE)
            return outcome;
        if (!found || count == (int)(sizeof(ids) / sizeof(ids[0])))
            break;
        ids[count++] = sqlite3_column_int(row, 0);
    }
    sqlite3_reset(row);
    if (count == 0)
        return report_missing(session, who->last, who->w, who->d);
    *c = ids[(count + 1) / 2 - 1];
    return TPCC_DONE;
}

/* Reads a name and adds to the year's takings, of the warehouse or the district. */
static enum tpcc_outcome
pay_place(struct tpcc_session *session, sqlite3_stmt *name_row, sqlite3_stmt *pay, char name[11])
{
    bool found;
    enum tpcc_outcome outcome = engine_sqlite_row(session, name_row, &found);
    if (outcome != TPCC_DONE || !found)
        return outcome ? outcome : report_missing(session, "warehouse or district", 0, 0);
    engine_sqlite_text(name_row, 0, name, 11);
    sqlite3_reset(name_row);
    return engine_sqlite_run(session, pay);
}

/* Balance, payments, and the data of a customer with bad credit. */
static enum tpcc_outcome
pay_customer(struct tpcc_session *session, const struct tpcc_payment_input *input, int c)
{
    bool found;
    int w = input->who.w;
    int d = input->who.d;
    sqlite3_stmt *row = BIND(session, SQL_CUSTOMER, w, d, c);
    enum tpcc_outcome outcome = engine_sqlite_row(session, row, &found);
    if (outcome != TPCC_DONE || !found)
        return outcome ? outcome : report_missing(session, "customer", w, d);
    const char *credit = (const char *)sqlite3_column_text(row, 13);
    if (!credit || strcmp(credit, "BC") != 0) {
        sqlite3_reset(row);
        return engine_sqlite_run(session, BIND(session, SQL_CUSTOMER_PAY, w, d, c, input->amount));
    }
    char data[TPCC_PAID_LENGTH + 501];
    tpcc_paid_text(c, d, w, input->d, input->w, input->amount, data);
    engine_sqlite_text(row, 14, data + TPCC_PAID_LENGTH, 501);
    data[500] = '\0';
    sqlite3_reset(row);
    sqlite3_stmt *update = BIND(session, SQL_CUSTOMER_PAY_DATA, w, d, c, input->amount);
    if (update)
        sqlite3_bind_text(update, 5, data, -1, SQLITE_STATIC);
    return engine_sqlite_run(session, update);
}

static enum tpcc_outcome
insert_history(struct tpcc_session *session, const struct tpcc_payment_input *input, int c,
               const char *data)
{
    sqlite3_stmt *insert = BIND(session, SQL_INSERT_HISTORY, c, input->who.d, input->who.w,
                                input->d, input->w, input->now, input->amount);
    if (insert)
        sqlite3_bind_text(insert, 8, data, -1, SQLITE_STATIC);
    return engine_sqlite_run(session, insert);
}

enum tpcc_outcome
engine_sqlite_payment(struct tpcc_session *session, const struct tpcc_payment_input *input,
                      struct tpcc_payment_output *output)
{
    char w_name[11];
    char d_name[11];
    char data[25];
    *output = (struct tpcc_payment_output){0};
    enum tpcc_outcome outcome = engine_sqlite_begin(session, SQL_BEGIN_WRITE);
    if (outcome == TPCC_DONE)
        outcome = pay_place(session, BIND(session, SQL_WAREHOUSE_NAME, input->w),
                            BIND(session, SQL_WAREHOUSE_PAY, input->w, input->amount), w_name);
    if (outcome == TPCC_DONE)
        outcome =
            pay_place(session, BIND(session, SQL_DISTRICT_NAME, input->w, input->d),
                      BIND(session, SQL_DISTRICT_PAY, input->w, input->d, input->amount), d_name);
    if (outcome == TPCC_DONE)
        outcome = find_customer(session, &input->who, &output->c);
    if (outcome == TPCC_DONE)
        outcome = pay_customer(session, input, output->c);
    if (outcome == TPCC_DONE) {
        snprintf(data, sizeof(data), "%s    %s", w_name, d_name);
        outcome = insert_history(session, input, output->c, data);
        output->history = sqlite3_last_insert_rowid(session->db);
    }
    return engine_sqlite_finish(session, outcome);
}

static enum tpcc_outcome
read_newest_order(struct tpcc_session *session, const struct tpcc_customer_pick *who,
                  struct tpcc_order_status_output *output)
{
    bool found;
    sqlite3_stmt *row = BIND(session, SQL_CUSTOMER, who->w, who->d, output->c);
    enum tpcc_outcome outcome = engine_sqlite_row(session, row, &found);
    if (outcome != TPCC_DONE || !found)
        return outcome ? outcome : report_missing(session, "customer", who->w, who->d);
    row = BIND(session, SQL_NEWEST_ORDER, who->w, who->d, output->c);
    outcome = engine_sqlite_row(session, row, &found);
    if (outcome != TPCC_DONE || !found)
        return outcome;
    output->o = sqlite3_column_int(row, 0);
    sqlite3_reset(row);
    return engine_sqlite_read_lines(session, who->w, who->d, output->o, &output->ol_cnt,
                                    &output->digest);
}

enum tpcc_outcome
engine_sqlite_order_status(struct tpcc_session *session, const struct tpcc_customer_pick *input,
                           struct tpcc_order_status_output *output)
{
    *output = (struct tpcc_order_status_output){0};
    enum tpcc_outcome outcome = engine_sqlite_begin(session, SQL_BEGIN_READ);
    if (outcome == TPCC_DONE)
        outcome = find_customer(session, input, &output->c);
    if (outcome == TPCC_DONE)
        outcome = read_newest_order(session, input, output);
    return engine_sqlite_finish(session, outcome);
}

/* Reads one number; *found is false if there is no row. */
static enum tpcc_outcome
read_number(struct tpcc_session *session, sqlite3_stmt *row, bool *found, int64_t *number)
{
    enum tpcc_outcome outcome = engine_sqlite_row(session, row, found);
    if (outcome == TPCC_DONE && *found) {
        *number = sqlite3_column_int64(row, 0);
        sqlite3_reset(row);
    }
    return outcome;
}

/* Carrier, delivery dates and the customer's balance of one order. */
static enum tpcc_outcome
deliver_order(struct tpcc_session *session, const struct tpcc_delivery_input *input, int d,
              int64_t o)
{
    bool found;
    int64_t c = 0;
    int64_t sum = 0;
    enum tpcc_outcome outcome =
        engine_sqlite_run(session, BIND(session, SQL_DELETE_NEW_ORDER, input->w, d, o));
    if (outcome == TPCC_DONE)
        outcome =
            read_number(session, BIND(session, SQL_ORDER_CUSTOMER, input->w, d, o), &found, &c);
    if (outcome == TPCC_DONE && !found)
        return report_missing(session, "order of a NEW-ORDER row in", input->w, d);
    if (outcome == TPCC_DONE)
        outcome = engine_sqlite_run(session,
                                    BIND(session, SQL_ORDER_CARRY, input->w, d, o, input->carrier));
    if (outcome == TPCC_DONE)
        outcome = engine_sqlite_run(session,
                                    BIND(session, SQL_LINES_DELIVER, input->w, d, o, input->now));
    if (outcome == TPCC_DONE)
        outcome = read_number(session, BIND(session, SQL_LINES_SUM, input->w, d, o), &found, &sum);
    if (outcome == TPCC_DONE)
        outcome =
            engine_sqlite_run(session, BIND(session, SQL_CUSTOMER_DELIVER, input->w, d, c, sum));
    return outcome;
}

enum tpcc_outcome
engine_sqlite_delivery(struct tpcc_session *session, const struct tpcc_delivery_input *input,
                       struct tpcc_delivery_output *output)
{
    *output = (struct tpcc_delivery_output){{0}};
    enum tpcc_outcome outcome = engine_sqlite_begin(session, SQL_BEGIN_WRITE);
    for (int d = 1; d <= TPCC_DISTRICTS && outcome == TPCC_DONE; d++) {
        bool found;
        int64_t o = 0;
        outcome =
            read_number(session, BIND(session, SQL_OLDEST_NEW_ORDER, input->w, d), &found, &o);
        if (outcome == TPCC_DONE && found) {
            outcome = deliver_order(session, input, d, o);
            output->orders[d - 1] = (int)o;
        }
    }
    return engine_sqlite_finish(session, outcome);
}

enum tpcc_outcome
engine_sqlite_stock_level(struct tpcc_session *session, const struct tpcc_stock_level_input *input,
                          struct tpcc_stock_level_output *output)
{
    bool found;
    int64_t next = 0;
    int64_t low = 0;
    *output = (struct tpcc_stock_level_output){0};
    enum tpcc_outcome outcome = engine_sqlite_begin(session, SQL_BEGIN_READ);
    if (outcome == TPCC_DONE)
        outcome = read_number(session, BIND(session, SQL_DISTRICT_NEXT, input->w, input->d), &found,
                              &next);
    if (outcome == TPCC_DONE && !found)
        outcome = report_missing(session, "district", input->w, input->d);
    if (outcome == TPCC_DONE)
        outcome = read_number(
            session, BIND(session, SQL_LOW_STOCK, input->w, input->d, next, input->threshold),
            &found, &low);
    output->next_o = (int)next;
    output->low = (int)low;
    return engine_sqlite_finish(session, outcome);
}
