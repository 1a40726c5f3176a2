/*
 * engine_sqlite_order.c - the engine `sqlite`: transaction frame, New-Order, reading an order.
 *
 * Job: clause 2.4, and the begin and finish that all transactions share. Leaves the other four to
 * engine_sqlite_tx.c and the choice of inputs to tpcc_input.c. Called by terminals through struct
 * tpcc_engine, each with its own session. No lock of ours. Must always hold: a transaction that
 * does not answer TPCC_DONE has changed nothing.
 */
#include <string.h>

#include "engine_sqlite.h"
#include "tpcc_rows.h"

enum tpcc_outcome
engine_sqlite_begin(struct tpcc_session *session, enum sqlite_statement begin)
{
    return engine_sqlite_run(session, engine_sqlite_bind(session, begin, 0, NULL));
}

/* Commits what is done and rolls back what is not. Statements that a failure left in the middle of
 * a row are reset first, as they would hold the transaction open. */
enum tpcc_outcome
engine_sqlite_finish(struct tpcc_session *session, enum tpcc_outcome outcome)
{
    for (int i = 0; i < SQL_STATEMENTS; i++)
        if (session->statements[i])
            sqlite3_reset(session->statements[i]);
    if (outcome == TPCC_DONE)
        outcome = engine_sqlite_run(session, engine_sqlite_bind(session, SQL_COMMIT, 0, NULL));
    if (outcome == TPCC_DONE || sqlite3_get_autocommit(session->db))
        return outcome;
    char reason[sizeof(session->error)];
    memcpy(reason, session->error, sizeof(reason));
    engine_sqlite_run(session, engine_sqlite_bind(session, SQL_ROLLBACK, 0, NULL));
    memcpy(session->error, reason, sizeof(reason));
    return outcome;
}

static enum tpcc_outcome
report_missing(struct tpcc_session *session, const char *what, int a, int b, int c)
{
    snprintf(session->error, sizeof(session->error), "%s %d/%d/%d is not there", what, a, b, c);
    return TPCC_FAILED;
}

/* Reads the taxes, takes the order number, reads the customer. */
static enum tpcc_outcome
take_order_number(struct tpcc_session *session, const struct tpcc_new_order_input *input,
                  struct tpcc_new_order_output *output, double *factor)
{
    bool found;
    sqlite3_stmt *row = BIND(session, SQL_WAREHOUSE_TAX, input->w);
    enum tpcc_outcome outcome = engine_sqlite_row(session, row, &found);
    if (outcome != TPCC_DONE || !found)
        return outcome ? outcome : report_missing(session, "warehouse", input->w, 0, 0);
    int tax = sqlite3_column_int(row, 0);
    row = BIND(session, SQL_DISTRICT_NEXT, input->w, input->d);
    outcome = engine_sqlite_row(session, row, &found);
    if (outcome != TPCC_DONE || !found)
        return outcome ? outcome : report_missing(session, "district", input->w, input->d, 0);
    output->o = sqlite3_column_int(row, 0);
    tax += sqlite3_column_int(row, 1);
    sqlite3_reset(row);
    outcome = engine_sqlite_run(session, BIND(session, SQL_DISTRICT_TAKE, input->w, input->d));
    if (outcome != TPCC_DONE)
        return outcome;
    row = BIND(session, SQL_CUSTOMER_DISCOUNT, input->w, input->d, input->c);
    outcome = engine_sqlite_row(session, row, &found);
    if (outcome != TPCC_DONE || !found)
        return outcome ? outcome
                       : report_missing(session, "customer", input->w, input->d, input->c);
    *factor = (1 - sqlite3_column_int(row, 0) / 1e4) * (1 + tax / 1e4);
    return TPCC_DONE;
}

static enum tpcc_outcome
insert_order(struct tpcc_session *session, const struct tpcc_new_order_input *input, int o)
{
    int all_local = 1;
    for (int i = 0; i < input->ol_cnt; i++)
        if (input->lines[i].supply_w != input->w)
            all_local = 0;
    sqlite3_stmt *insert = BIND(session, SQL_INSERT_ORDER, input->w, input->d, o, input->c,
                                input->now, input->ol_cnt, all_local);
    enum tpcc_outcome outcome = engine_sqlite_run(session, insert);
    if (outcome != TPCC_DONE)
        return outcome;
    return engine_sqlite_run(session, BIND(session, SQL_INSERT_NEW_ORDER, input->w, input->d, o));
}

/* STOCK of one line: reads the row and writes it back with the ordered quantity taken. */
static enum tpcc_outcome
take_stock(struct tpcc_session *session, const struct tpcc_order_line *line, char dist[25])
{
    bool found;
    sqlite3_stmt *row = BIND(session, SQL_STOCK, line->supply_w, line->i);
    enum tpcc_outcome outcome = engine_sqlite_row(session, row, &found);
    if (outcome != TPCC_DONE || !found)
        return outcome ? outcome : report_missing(session, "stock", line->supply_w, line->i, 0);
    int quantity = sqlite3_column_int(row, 0);
    engine_sqlite_text(row, 2 + line->d - 1, dist, 25);
    sqlite3_reset(row);
    quantity -= line->quantity;
    if (quantity < 10)
        quantity += 91;
    return engine_sqlite_run(session, BIND(session, SQL_STOCK_TAKE, line->supply_w, line->i,
                                           quantity, line->quantity, line->supply_w != line->w));
}

static enum tpcc_outcome
insert_line(struct tpcc_session *session, const struct tpcc_order_line *line)
{
    sqlite3_stmt *insert = BIND(session, SQL_INSERT_LINE, line->w, line->d, line->o, line->number,
                                line->i, line->supply_w, line->quantity, line->amount);
    if (insert)
        sqlite3_bind_text(insert, 9, line->dist_info, -1, SQLITE_STATIC);
    return engine_sqlite_run(session, insert);
}

static enum tpcc_outcome
order_line(struct tpcc_session *session, struct tpcc_order_line *line)
{
    bool found;
    sqlite3_stmt *row = BIND(session, SQL_ITEM, line->i);
    enum tpcc_outcome outcome = engine_sqlite_row(session, row, &found);
    if (outcome != TPCC_DONE)
        return outcome;
    if (!found)
        return TPCC_ROLLED_BACK;
    line->amount = sqlite3_column_int64(row, 0) * line->quantity;
    sqlite3_reset(row);
    outcome = take_stock(session, line, line->dist_info);
    return outcome == TPCC_DONE ? insert_line(session, line) : outcome;
}

static enum tpcc_outcome
order_lines(struct tpcc_session *session, const struct tpcc_new_order_input *input,
            struct tpcc_new_order_output *output)
{
    for (int i = 0; i < input->ol_cnt; i++) {
        struct tpcc_order_line line = {
            .w = input->w,
            .d = input->d,
            .o = output->o,
            .number = i + 1,
            .i = input->lines[i].i,
            .supply_w = input->lines[i].supply_w,
            .quantity = input->lines[i].quantity,
        };
        enum tpcc_outcome outcome = order_line(session, &line);
        if (outcome != TPCC_DONE)
            return outcome;
        output->total += line.amount;
        output->digest = tpcc_line_digest(output->digest, &line);
    }
    return TPCC_DONE;
}

enum tpcc_outcome
engine_sqlite_new_order(struct tpcc_session *session, const struct tpcc_new_order_input *input,
                        struct tpcc_new_order_output *output)
{
    double factor = 1;
    *output = (struct tpcc_new_order_output){0};
    enum tpcc_outcome outcome = engine_sqlite_begin(session, SQL_BEGIN_WRITE);
    if (outcome == TPCC_DONE)
        outcome = take_order_number(session, input, output, &factor);
    if (outcome == TPCC_DONE)
        outcome = insert_order(session, input, output->o);
    if (outcome == TPCC_DONE)
        outcome = order_lines(session, input, output);
    output->total = (int64_t)((double)output->total * factor);
    return engine_sqlite_finish(session, outcome);
}

enum tpcc_outcome
engine_sqlite_read_lines(struct tpcc_session *session, int w, int d, int o, int *count,
                         uint64_t *digest)
{
    bool found;
    *count = 0;
    *digest = 0;
    sqlite3_stmt *row = BIND(session, SQL_LINES, w, d, o);
    for (;;) {
        enum tpcc_outcome outcome = engine_sqlite_row(session, row, &found);
        if (outcome != TPCC_DONE || !found)
            return outcome;
        struct tpcc_order_line line = {
            .number = engine_sqlite_number(row, 0),
            .i = engine_sqlite_number(row, 1),
            .supply_w = engine_sqlite_number(row, 2),
            .quantity = engine_sqlite_number(row, 3),
            .amount = sqlite3_column_int64(row, 4),
        };
        engine_sqlite_text(row, 5, line.dist_info, sizeof(line.dist_info));
        *digest = tpcc_line_digest(*digest, &line);
        ++*count;
    }
}
