/*
 * engine_sqlite_load.c - the engine `sqlite`: filling a new database.
 *
 * Job: write rows as fast as SQLite takes them, under a temporary name, and give the file its name
 * only when every byte is on disk. Leaves what the rows hold to tpcc_rows.c and their order to
 * tpcc_load.c. Called from the loader, by one thread. No lock: nobody else knows the file yet.
 * Must always hold: a file named tpcc.db is complete.
 *
 * Loading uses SQLite's own VFS whatever --io says: every way of I/O starts from the same bytes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine_sqlite.h"

/* Where the next value of a row is bound. */
struct binder {
    sqlite3_stmt *statement;
    int column;
};

static void
bind_number(struct binder *binder, int64_t number)
{
    sqlite3_bind_int64(binder->statement, ++binder->column, number);
}

static void
bind_or_null(struct binder *binder, int64_t number)
{
    if (number)
        bind_number(binder, number);
    else
        sqlite3_bind_null(binder->statement, ++binder->column);
}

static void
bind_text(struct binder *binder, const char *text)
{
    sqlite3_bind_text(binder->statement, ++binder->column, text, -1, SQLITE_STATIC);
}

static void
bind_address(struct binder *binder, const struct tpcc_address *address)
{
    bind_text(binder, address->street_1);
    bind_text(binder, address->street_2);
    bind_text(binder, address->city);
    bind_text(binder, address->state);
    bind_text(binder, address->zip);
}

static void
bind_item(struct binder *binder, const struct tpcc_item *row)
{
    bind_number(binder, row->id);
    bind_number(binder, row->im_id);
    bind_text(binder, row->name);
    bind_number(binder, row->price);
    bind_text(binder, row->data);
}

static void
bind_warehouse(struct binder *binder, const struct tpcc_warehouse *row)
{
    bind_number(binder, row->id);
    bind_text(binder, row->name);
    bind_address(binder, &row->address);
    bind_number(binder, row->tax);
    bind_number(binder, row->ytd);
}

static void
bind_stock(struct binder *binder, const struct tpcc_stock *row)
{
    bind_number(binder, row->w);
    bind_number(binder, row->i);
    bind_number(binder, row->quantity);
    for (int d = 0; d < TPCC_DISTRICTS; d++)
        bind_text(binder, row->dist[d]);
    bind_number(binder, row->ytd);
    bind_number(binder, row->order_cnt);
    bind_number(binder, row->remote_cnt);
    bind_text(binder, row->data);
}

static void
bind_district(struct binder *binder, const struct tpcc_district *row)
{
    bind_number(binder, row->w);
    bind_number(binder, row->id);
    bind_text(binder, row->name);
    bind_address(binder, &row->address);
    bind_number(binder, row->tax);
    bind_number(binder, row->ytd);
    bind_number(binder, row->next_o_id);
}

static void
bind_customer(struct binder *binder, const struct tpcc_customer *row)
{
    bind_number(binder, row->w);
    bind_number(binder, row->d);
    bind_number(binder, row->id);
    bind_text(binder, row->first);
    bind_text(binder, row->middle);
    bind_text(binder, row->last);
    bind_address(binder, &row->address);
    bind_text(binder, row->phone);
    bind_number(binder, row->since);
    bind_text(binder, row->credit);
    bind_number(binder, row->credit_limit);
    bind_number(binder, row->discount);
    bind_number(binder, row->balance);
    bind_number(binder, row->ytd_payment);
    bind_number(binder, row->payment_cnt);
    bind_number(binder, row->delivery_cnt);
    bind_text(binder, row->data);
}

static void
bind_history(struct binder *binder, const struct tpcc_history *row)
{
    bind_number(binder, row->id);
    bind_number(binder, row->c);
    bind_number(binder, row->c_d);
    bind_number(binder, row->c_w);
    bind_number(binder, row->d);
    bind_number(binder, row->w);
    bind_number(binder, row->date);
    bind_number(binder, row->amount);
    bind_text(binder, row->data);
}

static void
bind_order(struct binder *binder, const struct tpcc_order *row)
{
    bind_number(binder, row->w);
    bind_number(binder, row->d);
    bind_number(binder, row->id);
    bind_number(binder, row->c);
    bind_number(binder, row->entry_d);
    bind_or_null(binder, row->carrier);
    bind_number(binder, row->ol_cnt);
    bind_number(binder, row->all_local);
}

static void
bind_line(struct binder *binder, const struct tpcc_order_line *row)
{
    bind_number(binder, row->w);
    bind_number(binder, row->d);
    bind_number(binder, row->o);
    bind_number(binder, row->number);
    bind_number(binder, row->i);
    bind_number(binder, row->supply_w);
    bind_or_null(binder, row->delivery_d);
    bind_number(binder, row->quantity);
    bind_number(binder, row->amount);
    bind_text(binder, row->dist_info);
}

static void
bind_row(struct binder *binder, const struct tpcc_row *row)
{
    switch (row->table) {
    case TPCC_ITEM:
        bind_item(binder, &row->of.item);
        break;
    case TPCC_WAREHOUSE:
        bind_warehouse(binder, &row->of.warehouse);
        break;
    case TPCC_STOCK:
        bind_stock(binder, &row->of.stock);
        break;
    case TPCC_DISTRICT:
        bind_district(binder, &row->of.district);
        break;
    case TPCC_CUSTOMER:
        bind_customer(binder, &row->of.customer);
        break;
    case TPCC_HISTORY:
        bind_history(binder, &row->of.history);
        break;
    case TPCC_ORDER:
        bind_order(binder, &row->of.order);
        break;
    case TPCC_NEW_ORDER:
        bind_number(binder, row->of.new_order.w);
        bind_number(binder, row->of.new_order.d);
        bind_number(binder, row->of.new_order.o);
        break;
    case TPCC_ORDER_LINE:
        bind_line(binder, &row->of.line);
        break;
    }
}

enum tpcc_outcome
engine_sqlite_load_put(struct tpcc_session *session, const struct tpcc_row *row)
{
    sqlite3_stmt **insert = &session->inserts[row->table];
    if (!*insert) {
        int code = sqlite3_prepare_v3(session->db, engine_sqlite_inserts[row->table], -1,
                                      SQLITE_PREPARE_PERSISTENT, insert, NULL);
        if (code != SQLITE_OK)
            return engine_sqlite_outcome(session, code);
    }
    struct binder binder = {.statement = *insert};
    bind_row(&binder, row);
    return engine_sqlite_run(session, *insert);
}

static void
name_unfinished(const struct tpcc_store *store, char path[TPCC_PATH_MAX + 16])
{
    snprintf(path, TPCC_PATH_MAX + 16, "%s.loading", store->path);
}

enum tpcc_outcome
engine_sqlite_load_begin(struct tpcc_store *store, struct tpcc_session **session)
{
    char path[TPCC_PATH_MAX + 16];
    name_unfinished(store, path);
    unlink(path);
    enum tpcc_outcome outcome = engine_sqlite_connect(store, path, true, session);
    if (outcome != TPCC_DONE)
        return outcome;
    /* Nothing is durable until load_end syncs: an interrupted load is thrown away. */
    outcome = engine_sqlite_execute(*session, "PRAGMA page_size=4096; PRAGMA journal_mode=OFF;"
                                              "PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY;"
                                              "PRAGMA locking_mode=EXCLUSIVE;"
                                              "PRAGMA cache_size=-65536; BEGIN EXCLUSIVE;");
    if (outcome == TPCC_DONE)
        outcome = engine_sqlite_execute(*session, engine_sqlite_schema);
    if (outcome == TPCC_DONE)
        return outcome;
    tpcc_complain("cannot make the tables in %s: %s", path, (*session)->error);
    engine_sqlite_load_abort(*session);
    return outcome;
}

static enum tpcc_outcome
write_scale(struct tpcc_session *session, const struct tpcc_scale *scale)
{
    char sql[512];
    snprintf(sql, sizeof(sql),
             "INSERT INTO meta VALUES('format',%d),('seed',%" PRId64 "),('warehouses',%d),"
             "('items',%d),('customers',%d),('c_load',%d)",
             TPCC_FORMAT, (int64_t)scale->seed, scale->warehouses, scale->items, scale->customers,
             scale->c_load);
    return engine_sqlite_execute(session, sql);
}

enum tpcc_outcome
engine_sqlite_load_end(struct tpcc_session *session, const struct tpcc_scale *scale)
{
    struct tpcc_store *store = session->store;
    char path[TPCC_PATH_MAX + 16];
    name_unfinished(store, path);
    enum tpcc_outcome outcome = engine_sqlite_execute(session, engine_sqlite_indexes);
    if (outcome == TPCC_DONE)
        outcome = write_scale(session, scale);
    if (outcome == TPCC_DONE)
        outcome = engine_sqlite_execute(session, "COMMIT; ANALYZE");
    if (outcome != TPCC_DONE) {
        tpcc_complain("cannot finish %s: %s", path, session->error);
        engine_sqlite_load_abort(session);
        return outcome;
    }
    engine_sqlite_disconnect(session);
    if (tpcc_sync_path(path))
        return TPCC_FAILED;
    if (rename(path, store->path)) {
        tpcc_complain("cannot rename %s: %s", path, strerror(errno));
        return TPCC_FAILED;
    }
    return tpcc_sync_path(store->options.directory) ? TPCC_FAILED : TPCC_DONE;
}

void
engine_sqlite_load_abort(struct tpcc_session *session)
{
    char path[TPCC_PATH_MAX + 16];
    name_unfinished(session->store, path);
    engine_sqlite_disconnect(session);
    unlink(path);
}

static int64_t
read_meta(struct tpcc_session *session, const char *key)
{
    char sql[64];
    char answer[32];
    snprintf(sql, sizeof(sql), "SELECT value FROM meta WHERE key='%s'", key);
    if (engine_sqlite_ask(session, sql, answer, sizeof(answer)) != TPCC_DONE || !answer[0])
        return -1;
    return strtoll(answer, NULL, 10);
}

enum tpcc_outcome
engine_sqlite_read_scale(struct tpcc_session *session, struct tpcc_scale *scale)
{
    int64_t format = read_meta(session, "format");
    scale->seed = (uint64_t)read_meta(session, "seed");
    scale->warehouses = (int)read_meta(session, "warehouses");
    scale->items = (int)read_meta(session, "items");
    scale->customers = (int)read_meta(session, "customers");
    scale->c_load = (int)read_meta(session, "c_load");
    if (format == TPCC_FORMAT && scale->warehouses > 0 && scale->items > 0 &&
        scale->customers > 9 && scale->c_load >= 0 && scale->c_load <= 255)
        return TPCC_DONE;
    if (!session->error[0])
        snprintf(session->error, sizeof(session->error),
                 "META does not describe a database of this program (format %" PRId64
                 ", expected %d)",
                 format, TPCC_FORMAT);
    return TPCC_FAILED;
}
