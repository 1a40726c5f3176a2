/*
 * engine_sqlite.c - the engine `sqlite`: connections, settings, statements.
 *
 * Job: open SQLite the way the options say and give the other files of the engine statements to
 * run. Leaves loading, transactions and checking to engine_sqlite_load.c, _order.c, _tx.c and
 * _check.c. Called by the harness through struct tpcc_engine. No lock: a session belongs to one
 * thread, and SQLite locks the database. Must always hold: after any function returns, the session
 * has no statement in the middle of a row unless the function says so.
 *
 * One connection per terminal, as separate clients would have. `buffered` is SQLite's own VFS
 * "unix"; the other ways go through the VFS "dbio" with its mode in the URI.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine_sqlite.h"
#include "tpcc_dbio.h"

#define BUSY_LIMIT_NS UINT64_C(20000000000)

static bool
find_path(const char *directory, char *out, size_t size)
{
    return tpcc_format(out, size, "%s/tpcc.db", directory) == 0;
}

static enum tpcc_outcome
open_store(const struct tpcc_store_options *options, struct tpcc_store **store)
{
    if (options->io != TPCC_IO_BUFFERED && tpcc_dbio_register())
        return TPCC_FAILED;
    *store = tpcc_alloc(1, sizeof(**store));
    (*store)->options = *options;
    if (find_path(options->directory, (*store)->path, sizeof((*store)->path)))
        return TPCC_DONE;
    free(*store);
    return TPCC_FAILED;
}

static void
close_store(struct tpcc_store *store)
{
    free(store);
}

enum tpcc_outcome
engine_sqlite_outcome(struct tpcc_session *session, int code)
{
    int primary = code & 0xff;
    if (primary == SQLITE_OK || primary == SQLITE_DONE || primary == SQLITE_ROW)
        return TPCC_DONE;
    snprintf(session->error, sizeof(session->error), "%s (SQLite error %d)",
             sqlite3_errmsg(session->db), sqlite3_extended_errcode(session->db));
    return primary == SQLITE_BUSY || primary == SQLITE_LOCKED ? TPCC_AGAIN : TPCC_FAILED;
}

/* SQLite's own handler sleeps up to 100 ms, far longer than a transaction takes, and the sleep
 * would be what the latencies show. */
static int
wait_while_busy(void *context, int calls)
{
    struct tpcc_session *session = context;
    uint64_t now_ns = tpcc_now_ns();
    if (calls == 0)
        session->busy_since_ns = now_ns;
    if (now_ns - session->busy_since_ns > BUSY_LIMIT_NS)
        return 0;
    long pause_ns = calls < 10 ? 50000 : 250000;
    nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
    return 1;
}

/* A file name inside a URI: '?', '#' and '%' mean something there. */
static char *
make_uri(const struct tpcc_store *store, const char *path)
{
    const char *mode = store->options.io == TPCC_IO_DBIO ? "auto" : tpcc_io_name(store->options.io);
    size_t size = strlen(path) * 3 + 64;
    char *uri = tpcc_alloc(size, 1);
    size_t length = (size_t)snprintf(uri, size, "file:");
    for (; *path; path++) {
        if (strchr("?#%", *path))
            length += (size_t)snprintf(uri + length, size - length, "%%%02X", (unsigned)*path);
        else
            uri[length++] = *path;
    }
    snprintf(uri + length, size - length, "?dbio_mode=%s", mode);
    return uri;
}

static int
open_database(const struct tpcc_store *store, const char *path, bool plain, sqlite3 **db)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (plain)
        return sqlite3_open_v2(path, db, flags | SQLITE_OPEN_CREATE, "unix");
    if (store->options.io == TPCC_IO_BUFFERED)
        return sqlite3_open_v2(path, db, flags, "unix");
    char *uri = make_uri(store, path);
    int code = sqlite3_open_v2(uri, db, flags | SQLITE_OPEN_URI, "dbio");
    free(uri);
    return code;
}

enum tpcc_outcome
engine_sqlite_connect(struct tpcc_store *store, const char *path, bool plain,
                      struct tpcc_session **session)
{
    *session = tpcc_alloc(1, sizeof(**session));
    (*session)->store = store;
    int code = open_database(store, path, plain, &(*session)->db);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes((*session)->db, 1);
        sqlite3_busy_handler((*session)->db, wait_while_busy, *session);
        return TPCC_DONE;
    }
    tpcc_complain("cannot open %s: %s", path,
                  (*session)->db ? sqlite3_errmsg((*session)->db) : sqlite3_errstr(code));
    engine_sqlite_disconnect(*session);
    *session = NULL;
    return TPCC_FAILED;
}

void
engine_sqlite_disconnect(struct tpcc_session *session)
{
    for (int i = 0; i < SQL_STATEMENTS; i++)
        sqlite3_finalize(session->statements[i]);
    for (int i = 0; i < TPCC_TABLES; i++)
        sqlite3_finalize(session->inserts[i]);
    if (sqlite3_close(session->db) != SQLITE_OK)
        tpcc_complain("closing the database failed: %s", sqlite3_errmsg(session->db));
    free(session);
}

enum tpcc_outcome
engine_sqlite_execute(struct tpcc_session *session, const char *sql)
{
    return engine_sqlite_outcome(session, sqlite3_exec(session->db, sql, NULL, NULL, NULL));
}

enum tpcc_outcome
engine_sqlite_ask(struct tpcc_session *session, const char *sql, char *answer, size_t size)
{
    sqlite3_stmt *statement = NULL;
    answer[0] = '\0';
    int code = sqlite3_prepare_v2(session->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    const unsigned char *text = code == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
    if (text)
        snprintf(answer, size, "%s", (const char *)text);
    enum tpcc_outcome outcome = engine_sqlite_outcome(session, code);
    sqlite3_finalize(statement);
    return outcome;
}

/* The journal is a property of the file: the first session may change it, the rest find it so. */
static enum tpcc_outcome
set_journal(struct tpcc_session *session, const char *journal)
{
    char sql[64];
    char answer[32];
    snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s", journal);
    enum tpcc_outcome outcome = engine_sqlite_ask(session, sql, answer, sizeof(answer));
    if (outcome != TPCC_DONE)
        return outcome;
    if (strcmp(answer, journal) != 0) {
        snprintf(session->error, sizeof(session->error),
                 "the journal stays \"%s\" instead of \"%s\"", answer, journal);
        return TPCC_FAILED;
    }
    return TPCC_DONE;
}

static enum tpcc_outcome
apply_settings(struct tpcc_session *session)
{
    const struct tpcc_store_options *options = &session->store->options;
    char sql[128];
    if (options->journal != TPCC_JOURNAL_KEEP) {
        enum tpcc_outcome outcome = set_journal(session, tpcc_journal_name(options->journal));
        if (outcome != TPCC_DONE)
            return outcome;
    }
    snprintf(sql, sizeof(sql), "PRAGMA synchronous=%s; PRAGMA cache_size=%d; PRAGMA mmap_size=0",
             tpcc_synchronous_name(options->synchronous), -1024 * options->cache_mb);
    return engine_sqlite_execute(session, sql);
}

static enum tpcc_outcome
connect_session(struct tpcc_store *store, struct tpcc_session **session)
{
    if (!tpcc_file_exists(store->path)) {
        tpcc_complain("there is no database %s; make one with `dbio-tpcc prepare`", store->path);
        return TPCC_FAILED;
    }
    enum tpcc_outcome outcome = engine_sqlite_connect(store, store->path, false, session);
    if (outcome != TPCC_DONE)
        return outcome;
    outcome = apply_settings(*session);
    if (outcome == TPCC_DONE)
        return outcome;
    tpcc_complain("cannot use %s: %s", store->path, (*session)->error);
    engine_sqlite_disconnect(*session);
    *session = NULL;
    return TPCC_FAILED;
}

static const char *
last_error(struct tpcc_session *session)
{
    return session->error;
}

sqlite3_stmt *
engine_sqlite_bind(struct tpcc_session *session, enum sqlite_statement which, int count,
                   const int64_t *numbers)
{
    sqlite3_stmt **statement = &session->statements[which];
    if (!*statement) {
        int code = sqlite3_prepare_v3(session->db, engine_sqlite_sql[which], -1,
                                      SQLITE_PREPARE_PERSISTENT, statement, NULL);
        if (engine_sqlite_outcome(session, code) != TPCC_DONE)
            return NULL;
    }
    sqlite3_reset(*statement);
    for (int i = 0; i < count; i++)
        sqlite3_bind_int64(*statement, i + 1, numbers[i]);
    return *statement;
}

enum tpcc_outcome
engine_sqlite_row(struct tpcc_session *session, sqlite3_stmt *statement, bool *found)
{
    *found = false;
    if (!statement)
        return TPCC_FAILED;
    int code = sqlite3_step(statement);
    *found = code == SQLITE_ROW;
    return engine_sqlite_outcome(session, code);
}

enum tpcc_outcome
engine_sqlite_run(struct tpcc_session *session, sqlite3_stmt *statement)
{
    bool found;
    enum tpcc_outcome outcome = engine_sqlite_row(session, statement, &found);
    sqlite3_reset(statement);
    return outcome;
}

int
engine_sqlite_number(sqlite3_stmt *statement, int column)
{
    int64_t number = sqlite3_column_int64(statement, column);
    return number >= INT_MIN && number <= INT_MAX ? (int)number : INT_MIN;
}

void
engine_sqlite_text(sqlite3_stmt *statement, int column, char *text, size_t size)
{
    const unsigned char *bytes = sqlite3_column_text(statement, column);
    size_t length = (size_t)sqlite3_column_bytes(statement, column);
    if (!bytes || length >= size || strlen((const char *)bytes) != length) {
        memcpy(text, "\x01", 2);
        return;
    }
    memcpy(text, bytes, length + 1);
}

/* dbio counts per process, for all sessions together. */
static enum tpcc_outcome
read_io_bytes(struct tpcc_session *session, struct tpcc_io_bytes *bytes)
{
    *bytes = (struct tpcc_io_bytes){0};
    if (session->store->options.io == TPCC_IO_BUFFERED)
        return TPCC_DONE;
    char text[8192];
    const char *error;
    enum tpcc_outcome outcome = engine_sqlite_ask(session, "PRAGMA dbio_stats", text, sizeof(text));
    struct tpcc_json *stats = outcome == TPCC_DONE ? tpcc_json_parse(text, &error) : NULL;
    if (stats) {
        double direct = tpcc_json_get_number(stats, "direct_bytes");
        double all =
            tpcc_json_get_number(stats, "read_bytes") + tpcc_json_get_number(stats, "write_bytes");
        bytes->known = true;
        bytes->direct = (uint64_t)direct;
        bytes->buffered = (uint64_t)(all > direct ? all - direct : 0);
    }
    tpcc_json_free(stats);
    return outcome;
}

static void
describe_settings(struct tpcc_session *session, struct tpcc_json *object)
{
    static const char *const pragmas[] = {"journal_mode", "cache_size", "page_size", "page_count",
                                          "wal_autocheckpoint"};
    tpcc_json_put_text(object, "engine", "sqlite");
    tpcc_json_put_text(object, "engine_version", sqlite3_libversion());
    for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++) {
        char sql[64];
        char answer[64];
        snprintf(sql, sizeof(sql), "PRAGMA %s", pragmas[i]);
        if (engine_sqlite_ask(session, sql, answer, sizeof(answer)) == TPCC_DONE)
            tpcc_json_put_text(object, pragmas[i], answer);
    }
    tpcc_json_put_text(object, "synchronous",
                       tpcc_synchronous_name(session->store->options.synchronous));
    char *vfs = NULL;
    sqlite3_file_control(session->db, "main", SQLITE_FCNTL_VFSNAME, &vfs);
    tpcc_json_put_text(object, "vfs", vfs ? vfs : "?");
    sqlite3_free(vfs);
    char why[1024];
    if (session->store->options.io != TPCC_IO_BUFFERED &&
        engine_sqlite_ask(session, "PRAGMA dbio_why", why, sizeof(why)) == TPCC_DONE && why[0])
        tpcc_json_put_text(object, "dbio_why", why);
}

const struct tpcc_engine tpcc_engine_sqlite = {
    .name = "sqlite",
    .path = find_path,
    .open = open_store,
    .close = close_store,
    .connect = connect_session,
    .disconnect = engine_sqlite_disconnect,
    .error = last_error,
    .load_begin = engine_sqlite_load_begin,
    .load_put = engine_sqlite_load_put,
    .load_end = engine_sqlite_load_end,
    .load_abort = engine_sqlite_load_abort,
    .read_scale = engine_sqlite_read_scale,
    .new_order = engine_sqlite_new_order,
    .payment = engine_sqlite_payment,
    .order_status = engine_sqlite_order_status,
    .delivery = engine_sqlite_delivery,
    .stock_level = engine_sqlite_stock_level,
    .verify = engine_sqlite_verify,
    .condition = engine_sqlite_condition,
    .scan = engine_sqlite_scan,
    .find_order = engine_sqlite_find_order,
    .find_history = engine_sqlite_find_history,
    .io_bytes = read_io_bytes,
    .describe = describe_settings,
};
