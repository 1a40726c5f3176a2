/*
 * tpcc_engine.h - what the harness asks of a database engine, and the engines there are.
 *
 * A store is one database opened in one way by this process; a session is one terminal's
 * connection to it. To add an engine, write the functions of struct tpcc_engine and put it into
 * the list in tpcc_engine.c: loading, running, checking and comparing follow.
 */
#ifndef TPCC_ENGINE_H
#define TPCC_ENGINE_H

#include <stddef.h>

#include "tpcc_json.h"
#include "tpcc_schema.h"

/* How a transaction, or any other request to an engine, ended. */
enum tpcc_outcome {
    TPCC_DONE = 0,
    TPCC_ROLLED_BACK, /* New-Order with an unused item: all work undone, as it should be */
    TPCC_AGAIN,       /* lost against another session; nothing changed; ask again */
    TPCC_FAILED,      /* see engine->error(session) */
};

/* How database pages reach the disk. */
enum tpcc_io { TPCC_IO_BUFFERED, TPCC_IO_DIRECT, TPCC_IO_DONTCACHE, TPCC_IO_DBIO };
#define TPCC_IO_COUNT 4

enum tpcc_journal { TPCC_JOURNAL_WAL, TPCC_JOURNAL_DELETE, TPCC_JOURNAL_KEEP };
enum tpcc_synchronous { TPCC_SYNC_OFF, TPCC_SYNC_NORMAL, TPCC_SYNC_FULL, TPCC_SYNC_EXTRA };

const char *tpcc_io_name(enum tpcc_io io);
const char *tpcc_journal_name(enum tpcc_journal journal);
const char *tpcc_synchronous_name(enum tpcc_synchronous synchronous);

/* How to open a store. */
struct tpcc_store_options {
    const char *directory;
    enum tpcc_io io;
    enum tpcc_journal journal;
    enum tpcc_synchronous synchronous;
    int cache_mb; /* the engine's own cache, per session if the engine has one per session */
};

/* Who a Payment or an Order-Status is about: by id, or by last name if c is 0. */
struct tpcc_customer_pick {
    int w;
    int d;
    int c;
    char last[17];
};

struct tpcc_new_order_input {
    int w;
    int d;
    int c;
    int ol_cnt;
    bool rollback; /* the last item does not exist */
    int64_t now;
    struct {
        int i;
        int supply_w;
        int quantity;
    } lines[TPCC_LINES_MAX];
};
struct tpcc_new_order_output {
    int o;
    int64_t total;
    uint64_t digest; /* tpcc_line_digest over the lines */
};

struct tpcc_payment_input {
    int w;
    int d;
    struct tpcc_customer_pick who;
    int64_t amount;
    int64_t now;
};
struct tpcc_payment_output {
    int c;
    int64_t history;
};

struct tpcc_order_status_output {
    int c;
    int o; /* 0: the customer has no order */
    int ol_cnt;
    uint64_t digest;
};

struct tpcc_delivery_input {
    int w;
    int carrier;
    int64_t now;
};
struct tpcc_delivery_output {
    int orders[TPCC_DISTRICTS]; /* delivered per district; 0: nothing to deliver */
};

struct tpcc_stock_level_input {
    int w;
    int d;
    int threshold;
};
struct tpcc_stock_level_output {
    int next_o;
    int low;
};

/* Bytes moved so far by this process for the store; known is false without dbio. */
struct tpcc_io_bytes {
    bool known;
    uint64_t direct;
    uint64_t buffered;
};

struct tpcc_store;
struct tpcc_session;

/* Receives one row of a scan; answers false to stop it. */
typedef bool tpcc_row_function(void *context, const struct tpcc_row *row);

#define TPCC_FINDING_MAX 256

struct tpcc_engine {
    const char *name;

    /* The file or directory that is the database; false if it does not fit. */
    bool (*path)(const char *directory, char *out, size_t size);
    /* Copies nothing, keeps *options. Opens no connection yet. */
    enum tpcc_outcome (*open)(const struct tpcc_store_options *options, struct tpcc_store **store);
    /* All sessions are gone. */
    void (*close)(struct tpcc_store *store);
    /* Complains by itself when it fails. */
    enum tpcc_outcome (*connect)(struct tpcc_store *store, struct tpcc_session **session);
    void (*disconnect)(struct tpcc_session *session);
    /* The text of the session's last failure. */
    const char *(*error)(struct tpcc_session *session);

    /* Loading: begin makes an empty database under a temporary name, put takes rows of one table
     * after the other in key order, end makes it durable and gives it its name. abort removes it.
     * Only one session of a store that was opened for loading. */
    enum tpcc_outcome (*load_begin)(struct tpcc_store *store, struct tpcc_session **session);
    enum tpcc_outcome (*load_put)(struct tpcc_session *session, const struct tpcc_row *row);
    enum tpcc_outcome (*load_end)(struct tpcc_session *session, const struct tpcc_scale *scale);
    void (*load_abort)(struct tpcc_session *session);
    enum tpcc_outcome (*read_scale)(struct tpcc_session *session, struct tpcc_scale *scale);

    /* The five transactions. */
    enum tpcc_outcome (*new_order)(struct tpcc_session *session,
                                   const struct tpcc_new_order_input *input,
                                   struct tpcc_new_order_output *output);
    enum tpcc_outcome (*payment)(struct tpcc_session *session,
                                 const struct tpcc_payment_input *input,
                                 struct tpcc_payment_output *output);
    enum tpcc_outcome (*order_status)(struct tpcc_session *session,
                                      const struct tpcc_customer_pick *input,
                                      struct tpcc_order_status_output *output);
    enum tpcc_outcome (*delivery)(struct tpcc_session *session,
                                  const struct tpcc_delivery_input *input,
                                  struct tpcc_delivery_output *output);
    enum tpcc_outcome (*stock_level)(struct tpcc_session *session,
                                     const struct tpcc_stock_level_input *input,
                                     struct tpcc_stock_level_output *output);

    /* Checking. A finding is the first offence as text, or empty if there is none. */
    enum tpcc_outcome (*verify)(struct tpcc_session *session, char finding[TPCC_FINDING_MAX]);
    enum tpcc_outcome (*condition)(struct tpcc_session *session, int number,
                                   char finding[TPCC_FINDING_MAX]);
    /* All rows of a table in key order. */
    enum tpcc_outcome (*scan)(struct tpcc_session *session, enum tpcc_table table,
                              tpcc_row_function *function, void *context);
    /* One ORDER with the digest of its lines; one HISTORY row. o or id is 0 if it is not there. */
    enum tpcc_outcome (*find_order)(struct tpcc_session *session, int w, int d, int o,
                                    struct tpcc_order *order, uint64_t *digest);
    enum tpcc_outcome (*find_history)(struct tpcc_session *session, int64_t id,
                                      struct tpcc_history *history);

    /* Reporting. */
    enum tpcc_outcome (*io_bytes)(struct tpcc_session *session, struct tpcc_io_bytes *bytes);
    /* Adds version, settings as they are in force, and what dbio decided. */
    void (*describe)(struct tpcc_session *session, struct tpcc_json *object);
};

/* The engine with this name, or NULL. */
const struct tpcc_engine *tpcc_engine_find(const char *name);
/* "sqlite, ..." */
const char *tpcc_engine_names(void);

extern const struct tpcc_engine tpcc_engine_sqlite;

#endif
