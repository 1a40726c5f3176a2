/*
 * engine_sqlite.h - shared by the files of the engine `sqlite`, and by nobody else.
 */
#ifndef ENGINE_SQLITE_H
#define ENGINE_SQLITE_H

#include <sqlite3.h>

#include "tpcc_engine.h"
#include "tpcc_util.h"

/* The statements of the transactions, in the order of their text in engine_sqlite_sql.c. */
enum sqlite_statement {
    SQL_BEGIN_WRITE,
    SQL_BEGIN_READ,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_WAREHOUSE_TAX,
    SQL_DISTRICT_NEXT,
    SQL_DISTRICT_TAKE,
    SQL_CUSTOMER_DISCOUNT,
    SQL_INSERT_ORDER,
    SQL_INSERT_NEW_ORDER,
    SQL_ITEM,
    SQL_STOCK,
    SQL_STOCK_TAKE,
    SQL_INSERT_LINE,
    SQL_WAREHOUSE_NAME,
    SQL_WAREHOUSE_PAY,
    SQL_DISTRICT_NAME,
    SQL_DISTRICT_PAY,
    SQL_CUSTOMERS_BY_NAME,
    SQL_CUSTOMER,
    SQL_CUSTOMER_PAY,
    SQL_CUSTOMER_PAY_DATA,
    SQL_INSERT_HISTORY,
    SQL_NEWEST_ORDER,
    SQL_ORDER,
    SQL_LINES,
    SQL_OLDEST_NEW_ORDER,
    SQL_DELETE_NEW_ORDER,
    SQL_ORDER_CUSTOMER,
    SQL_ORDER_CARRY,
    SQL_LINES_DELIVER,
    SQL_LINES_SUM,
    SQL_CUSTOMER_DELIVER,
    SQL_LOW_STOCK,
    SQL_HISTORY,
    SQL_STATEMENTS
};

struct tpcc_store {
    struct tpcc_store_options options;
    char path[TPCC_PATH_MAX];
};

struct tpcc_session {
    struct tpcc_store *store;
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_STATEMENTS]; /* prepared at first use */
    sqlite3_stmt *inserts[TPCC_TABLES];       /* while loading */
    uint64_t busy_since_ns;
    char error[256];
};

extern const char *const engine_sqlite_sql[SQL_STATEMENTS];
extern const char *const engine_sqlite_schema;
extern const char *const engine_sqlite_indexes;
extern const char *const engine_sqlite_inserts[TPCC_TABLES];
extern const char *const engine_sqlite_scans[TPCC_TABLES];

/* Remembers SQLite's message and says what the code means for a transaction. */
enum tpcc_outcome engine_sqlite_outcome(struct tpcc_session *session, int code);
/* Opens a connection on `path` with the store's VFS; complains when it cannot. */
enum tpcc_outcome engine_sqlite_connect(struct tpcc_store *store, const char *path, bool plain,
                                        struct tpcc_session **session);
void engine_sqlite_disconnect(struct tpcc_session *session);
enum tpcc_outcome engine_sqlite_execute(struct tpcc_session *session, const char *sql);
/* The first column of the first row as text; "" if there is none. */
enum tpcc_outcome engine_sqlite_ask(struct tpcc_session *session, const char *sql, char *answer,
                                    size_t size);

/* The statement, prepared and with `count` numbers bound; NULL on a failure. */
sqlite3_stmt *engine_sqlite_bind(struct tpcc_session *session, enum sqlite_statement which,
                                 int count, const int64_t *numbers);
#define BIND(session, which, ...)                                                                 \
    engine_sqlite_bind(session, which, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
                       (int64_t[]){__VA_ARGS__})
/* Steps to one row: TPCC_DONE with *found, or a failure. The statement stays on the row. */
enum tpcc_outcome engine_sqlite_row(struct tpcc_session *session, sqlite3_stmt *statement,
                                    bool *found);
/* Steps a statement that answers no rows, and resets it. */
enum tpcc_outcome engine_sqlite_run(struct tpcc_session *session, sqlite3_stmt *statement);

/* Columns as the row structures have them. A number that does not fit and a text that is too long
 * become values that no loaded row has, so that comparisons fail rather than pass by accident. */
int engine_sqlite_number(sqlite3_stmt *statement, int column);
void engine_sqlite_text(sqlite3_stmt *statement, int column, char *text, size_t size);

/* engine_sqlite_load.c */
enum tpcc_outcome engine_sqlite_load_begin(struct tpcc_store *store, struct tpcc_session **session);
enum tpcc_outcome engine_sqlite_load_put(struct tpcc_session *session, const struct tpcc_row *row);
enum tpcc_outcome engine_sqlite_load_end(struct tpcc_session *session,
                                         const struct tpcc_scale *scale);
void engine_sqlite_load_abort(struct tpcc_session *session);
enum tpcc_outcome engine_sqlite_read_scale(struct tpcc_session *session, struct tpcc_scale *scale);

/* engine_sqlite_order.c: New-Order and the reading of orders; engine_sqlite_tx.c: the others */
enum tpcc_outcome engine_sqlite_begin(struct tpcc_session *session, enum sqlite_statement begin);
enum tpcc_outcome engine_sqlite_finish(struct tpcc_session *session, enum tpcc_outcome outcome);
enum tpcc_outcome engine_sqlite_read_lines(struct tpcc_session *session, int w, int d, int o,
                                           int *count, uint64_t *digest);
enum tpcc_outcome engine_sqlite_new_order(struct tpcc_session *session,
                                          const struct tpcc_new_order_input *input,
                                          struct tpcc_new_order_output *output);
enum tpcc_outcome engine_sqlite_payment(struct tpcc_session *session,
                                        const struct tpcc_payment_input *input,
                                        struct tpcc_payment_output *output);
enum tpcc_outcome engine_sqlite_order_status(struct tpcc_session *session,
                                             const struct tpcc_customer_pick *input,
                                             struct tpcc_order_status_output *output);
enum tpcc_outcome engine_sqlite_delivery(struct tpcc_session *session,
                                         const struct tpcc_delivery_input *input,
                                         struct tpcc_delivery_output *output);
enum tpcc_outcome engine_sqlite_stock_level(struct tpcc_session *session,
                                            const struct tpcc_stock_level_input *input,
                                            struct tpcc_stock_level_output *output);

/* engine_sqlite_check.c */
enum tpcc_outcome engine_sqlite_verify(struct tpcc_session *session,
                                       char finding[TPCC_FINDING_MAX]);
enum tpcc_outcome engine_sqlite_condition(struct tpcc_session *session, int number,
                                          char finding[TPCC_FINDING_MAX]);
enum tpcc_outcome engine_sqlite_scan(struct tpcc_session *session, enum tpcc_table table,
                                     tpcc_row_function *function, void *context);
enum tpcc_outcome engine_sqlite_find_order(struct tpcc_session *session, int w, int d, int o,
                                           struct tpcc_order *order, uint64_t *digest);
enum tpcc_outcome engine_sqlite_find_history(struct tpcc_session *session, int64_t id,
                                             struct tpcc_history *history);

#endif
