/*
 * engine_sqlite_check.c - the engine `sqlite`: reading everything back.
 *
 * Job: SQLite's own integrity check, one condition at a time, whole tables in key order, single
 * orders and payments. Leaves judging rows to tpcc_oracle.c and the conditions' text to
 * tpcc_conditions.c. Called by the check, by one thread. No lock of ours. Must always hold: a
 * database that cannot be read is a failure, never an empty finding.
 */
#include <stdlib.h>
#include <string.h>

#include "engine_sqlite.h"
#include "tpcc_conditions.h"
#include "tpcc_rows.h"

enum tpcc_outcome
engine_sqlite_verify(struct tpcc_session *session, char finding[TPCC_FINDING_MAX])
{
    enum tpcc_outcome outcome =
        engine_sqlite_ask(session, "PRAGMA integrity_check(1)", finding, TPCC_FINDING_MAX);
    if (strcmp(finding, "ok") == 0)
        finding[0] = '\0';
    else if (!finding[0] && outcome == TPCC_DONE)
        snprintf(finding, TPCC_FINDING_MAX, "integrity_check did not answer");
    return outcome;
}

/* "w_id=1 w_ytd=5 ..." from the row that a condition's query found. */
static void
describe_row(sqlite3_stmt *row, char finding[TPCC_FINDING_MAX])
{
    size_t length = 0;
    for (int i = 0; i < sqlite3_column_count(row) && length < TPCC_FINDING_MAX; i++) {
        const unsigned char *text = sqlite3_column_text(row, i);
        length +=
            (size_t)snprintf(finding + length, TPCC_FINDING_MAX - length, "%s%s=%s", i ? " " : "",
                             sqlite3_column_name(row, i), text ? (const char *)text : "null");
    }
}

enum tpcc_outcome
engine_sqlite_condition(struct tpcc_session *session, int number, char finding[TPCC_FINDING_MAX])
{
    sqlite3_stmt *row = NULL;
    finding[0] = '\0';
    int code = sqlite3_prepare_v2(session->db, tpcc_conditions[number - 1].sql, -1, &row, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(row);
    if (code == SQLITE_ROW)
        describe_row(row, finding);
    enum tpcc_outcome outcome = engine_sqlite_outcome(session, code);
    sqlite3_finalize(row);
    return outcome;
}

/* Which column of a row is read next. */
struct reader {
    sqlite3_stmt *row;
    int column;
};

static int
next_number(struct reader *reader)
{
    return engine_sqlite_number(reader->row, reader->column++);
}

static int64_t
next_long(struct reader *reader)
{
    return sqlite3_column_int64(reader->row, reader->column++);
}

#define NEXT_TEXT(reader, text) \
    engine_sqlite_text((reader)->row, (reader)->column++, text, sizeof(text))

static void
read_address(struct reader *reader, struct tpcc_address *address)
{
    NEXT_TEXT(reader, address->street_1);
    NEXT_TEXT(reader, address->street_2);
    NEXT_TEXT(reader, address->city);
    NEXT_TEXT(reader, address->state);
    NEXT_TEXT(reader, address->zip);
}

static void
read_item(struct reader *reader, struct tpcc_item *row)
{
    row->id = next_number(reader);
    row->im_id = next_number(reader);
    NEXT_TEXT(reader, row->name);
    row->price = next_number(reader);
    NEXT_TEXT(reader, row->data);
}

static void
read_warehouse(struct reader *reader, struct tpcc_warehouse *row)
{
    row->id = next_number(reader);
    NEXT_TEXT(reader, row->name);
    read_address(reader, &row->address);
    row->tax = next_number(reader);
    row->ytd = next_long(reader);
}

static void
read_stock(struct reader *reader, struct tpcc_stock *row)
{
    row->w = next_number(reader);
    row->i = next_number(reader);
    row->quantity = next_number(reader);
    for (int d = 0; d < TPCC_DISTRICTS; d++)
        NEXT_TEXT(reader, row->dist[d]);
    row->ytd = next_long(reader);
    row->order_cnt = next_number(reader);
    row->remote_cnt = next_number(reader);
    NEXT_TEXT(reader, row->data);
}

static void
read_district(struct reader *reader, struct tpcc_district *row)
{
    row->w = next_number(reader);
    row->id = next_number(reader);
    NEXT_TEXT(reader, row->name);
    read_address(reader, &row->address);
    row->tax = next_number(reader);
    row->ytd = next_long(reader);
    row->next_o_id = next_number(reader);
}

static void
read_customer(struct reader *reader, struct tpcc_customer *row)
{
    row->w = next_number(reader);
    row->d = next_number(reader);
    row->id = next_number(reader);
    NEXT_TEXT(reader, row->first);
    NEXT_TEXT(reader, row->middle);
    NEXT_TEXT(reader, row->last);
    read_address(reader, &row->address);
    NEXT_TEXT(reader, row->phone);
    row->since = next_long(reader);
    NEXT_TEXT(reader, row->credit);
    row->credit_limit = next_long(reader);
    row->discount = next_number(reader);
    row->balance = next_long(reader);
    row->ytd_payment = next_long(reader);
    row->payment_cnt = next_number(reader);
    row->delivery_cnt = next_number(reader);
    NEXT_TEXT(reader, row->data);
}

static void
read_history(struct reader *reader, struct tpcc_history *row)
{
    row->id = next_long(reader);
    row->c = next_number(reader);
    row->c_d = next_number(reader);
    row->c_w = next_number(reader);
    row->d = next_number(reader);
    row->w = next_number(reader);
    row->date = next_long(reader);
    row->amount = next_long(reader);
    NEXT_TEXT(reader, row->data);
}

static void
read_order(struct reader *reader, struct tpcc_order *row)
{
    row->w = next_number(reader);
    row->d = next_number(reader);
    row->id = next_number(reader);
    row->c = next_number(reader);
    row->entry_d = next_long(reader);
    row->carrier = next_number(reader);
    row->ol_cnt = next_number(reader);
    row->all_local = next_number(reader);
}

static void
read_line(struct reader *reader, struct tpcc_order_line *row)
{
    row->w = next_number(reader);
    row->d = next_number(reader);
    row->o = next_number(reader);
    row->number = next_number(reader);
    row->i = next_number(reader);
    row->supply_w = next_number(reader);
    row->delivery_d = next_long(reader);
    row->quantity = next_number(reader);
    row->amount = next_long(reader);
    NEXT_TEXT(reader, row->dist_info);
}

static void
read_row(struct reader *reader, struct tpcc_row *row)
{
    switch (row->table) {
    case TPCC_ITEM:
        read_item(reader, &row->of.item);
        break;
    case TPCC_WAREHOUSE:
        read_warehouse(reader, &row->of.warehouse);
        break;
    case TPCC_STOCK:
        read_stock(reader, &row->of.stock);
        break;
    case TPCC_DISTRICT:
        read_district(reader, &row->of.district);
        break;
    case TPCC_CUSTOMER:
        read_customer(reader, &row->of.customer);
        break;
    case TPCC_HISTORY:
        read_history(reader, &row->of.history);
        break;
    case TPCC_ORDER:
        read_order(reader, &row->of.order);
        break;
    case TPCC_NEW_ORDER:
        row->of.new_order.w = next_number(reader);
        row->of.new_order.d = next_number(reader);
        row->of.new_order.o = next_number(reader);
        break;
    case TPCC_ORDER_LINE:
        read_line(reader, &row->of.line);
        break;
    }
}

enum tpcc_outcome
engine_sqlite_scan(struct tpcc_session *session, enum tpcc_table table, tpcc_row_function *function,
                   void *context)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(session->db, engine_sqlite_scans[table], -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    struct tpcc_row *row = tpcc_alloc(1, sizeof(*row));
    row->table = table;
    while (code == SQLITE_ROW) {
        struct reader reader = {.row = statement};
        read_row(&reader, row);
        if (!function(context, row))
            break;
        code = sqlite3_step(statement);
    }
    enum tpcc_outcome outcome = engine_sqlite_outcome(session, code);
    free(row);
    sqlite3_finalize(statement);
    return outcome;
}

enum tpcc_outcome
engine_sqlite_find_order(struct tpcc_session *session, int w, int d, int o,
                         struct tpcc_order *order, uint64_t *digest)
{
    bool found;
    int lines;
    *order = (struct tpcc_order){0};
    sqlite3_stmt *row = BIND(session, SQL_ORDER, w, d, o);
    enum tpcc_outcome outcome = engine_sqlite_row(session, row, &found);
    if (outcome != TPCC_DONE || !found)
        return outcome;
    struct reader reader = {.row = row};
    read_order(&reader, order);
    sqlite3_reset(row);
    outcome = engine_sqlite_read_lines(session, w, d, o, &lines, digest);
    sqlite3_reset(session->statements[SQL_LINES]);
    return outcome;
}

enum tpcc_outcome
engine_sqlite_find_history(struct tpcc_session *session, int64_t id, struct tpcc_history *history)
{
    bool found;
    *history = (struct tpcc_history){0};
    sqlite3_stmt *row = BIND(session, SQL_HISTORY, id);
    enum tpcc_outcome outcome = engine_sqlite_row(session, row, &found);
    if (outcome != TPCC_DONE)
        return outcome;
    if (found) {
        struct reader reader = {.row = row};
        read_history(&reader, history);
    }
    sqlite3_reset(row);
    return TPCC_DONE;
}
