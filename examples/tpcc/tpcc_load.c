/*
 * tpcc_load.c - fill a new database, table by table in key order.
 *
 * Job: the command `prepare`: refuse to overwrite, walk over all keys, show progress. Leaves what
 * the rows hold to tpcc_rows.c and storing them to the engine. Called by main and by compare. No
 * lock: one thread. Must always hold: the database appears under its name complete or not at all.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tpcc_ledger.h"
#include "tpcc_load.h"
#include "tpcc_rows.h"
#include "tpcc_util.h"

#define BYTES_PER_WAREHOUSE 100000000.0 /* measured 81 MB, and some for growing */

struct loader {
    const struct tpcc_engine *engine;
    struct tpcc_session *session;
    struct tpcc_scale scale;
    struct tpcc_row row;
    const char *table;
    double rows;
    double rows_expected;
    uint64_t start_ns;
    uint64_t shown_ns;
    bool terminal;
};

static double
seconds_since(uint64_t start_ns)
{
    return (double)(tpcc_now_ns() - start_ns) / 1e9;
}

static void
show_progress(struct loader *loader, bool last)
{
    uint64_t now_ns = tpcc_now_ns();
    /* On a terminal one line that changes; in a log a line every five seconds. */
    if (!last && now_ns - loader->shown_ns < (loader->terminal ? 200000000u : 5000000000u))
        return;
    loader->shown_ns = now_ns;
    double seconds = seconds_since(loader->start_ns);
    double rate = seconds > 0 ? loader->rows / seconds : 0;
    double left = rate > 0 ? (loader->rows_expected - loader->rows) / rate : 0;
    fprintf(tpcc_out(), "%s  load %3.0f %%  %-10s %9.0f rows  %8.0f rows/s  %.0f s left   %s",
            loader->terminal ? "\r" : "", 100 * loader->rows / loader->rows_expected, loader->table,
            loader->rows, rate, left, loader->terminal && !last ? "" : "\n");
    fflush(tpcc_out());
}

/* Stores the row that was just made; false on a failure or when the user wants to stop. */
static bool
put_row(struct loader *loader, enum tpcc_table table)
{
    loader->row.table = table;
    if (loader->engine->load_put(loader->session, &loader->row) != TPCC_DONE) {
        tpcc_complain("loading %s failed: %s", loader->table,
                      loader->engine->error(loader->session));
        return false;
    }
    loader->rows++;
    if ((int64_t)loader->rows % 1024 != 0)
        return true;
    show_progress(loader, false);
    if (tpcc_interrupted())
        tpcc_complain("interrupted; nothing was kept");
    return !tpcc_interrupted();
}

static bool
load_items(struct loader *loader)
{
    loader->table = "ITEM";
    for (int i = 1; i <= loader->scale.items; i++) {
        tpcc_rows_item(&loader->scale, i, &loader->row.of.item);
        if (!put_row(loader, TPCC_ITEM))
            return false;
    }
    return true;
}

static bool
load_stock(struct loader *loader)
{
    for (int w = 1; w <= loader->scale.warehouses; w++) {
        loader->table = "WAREHOUSE";
        tpcc_rows_warehouse(&loader->scale, w, &loader->row.of.warehouse);
        if (!put_row(loader, TPCC_WAREHOUSE))
            return false;
        loader->table = "STOCK";
        for (int i = 1; i <= loader->scale.items; i++) {
            tpcc_rows_stock(&loader->scale, w, i, &loader->row.of.stock);
            if (!put_row(loader, TPCC_STOCK))
                return false;
        }
    }
    return true;
}

static bool
load_customers_of(struct loader *loader, int w, int d)
{
    loader->table = "CUSTOMER";
    for (int c = 1; c <= loader->scale.customers; c++) {
        tpcc_rows_customer(&loader->scale, w, d, c, &loader->row.of.customer);
        if (!put_row(loader, TPCC_CUSTOMER))
            return false;
    }
    return true;
}

static bool
load_history_of(struct loader *loader, int w, int d)
{
    loader->table = "HISTORY";
    for (int c = 1; c <= loader->scale.customers; c++) {
        tpcc_rows_history(&loader->scale, w, d, c, &loader->row.of.history);
        if (!put_row(loader, TPCC_HISTORY))
            return false;
    }
    return true;
}

static bool
load_lines_of(struct loader *loader, const struct tpcc_order *order)
{
    for (int number = 1; number <= order->ol_cnt; number++) {
        tpcc_rows_line(&loader->scale, order->w, order->d, order->id, number, &loader->row.of.line);
        if (!put_row(loader, TPCC_ORDER_LINE))
            return false;
    }
    return true;
}

static bool
load_orders_of(struct loader *loader, int w, int d)
{
    const struct tpcc_scale *scale = &loader->scale;
    int *customers = tpcc_alloc((size_t)scale->customers, sizeof(int));
    struct tpcc_order order;
    bool good = true;
    loader->table = "ORDER";
    tpcc_rows_order_customers(scale, w, d, customers);
    for (int o = 1; o <= scale->customers && good; o++) {
        tpcc_rows_order(scale, w, d, o, customers[o - 1], &order);
        loader->row.of.order = order;
        good = put_row(loader, TPCC_ORDER);
        if (good && !order.carrier) {
            loader->row.of.new_order = (struct tpcc_new_order){.w = w, .d = d, .o = o};
            good = put_row(loader, TPCC_NEW_ORDER);
        }
        if (good)
            good = load_lines_of(loader, &order);
    }
    free(customers);
    return good;
}

static bool
load_district_row(struct loader *loader, int w, int d)
{
    loader->table = "DISTRICT";
    tpcc_rows_district(&loader->scale, w, d, &loader->row.of.district);
    return put_row(loader, TPCC_DISTRICT);
}

/* A table at a time over all districts, so that its pages lie together. */
static bool
load_districts(struct loader *loader)
{
    bool (*const steps[])(struct loader *, int, int) = {load_district_row, load_customers_of,
                                                        load_history_of, load_orders_of};
    for (size_t step = 0; step < sizeof(steps) / sizeof(steps[0]); step++)
        for (int w = 1; w <= loader->scale.warehouses; w++)
            for (int d = 1; d <= TPCC_DISTRICTS; d++)
                if (!steps[step](loader, w, d))
                    return false;
    return true;
}

static double
expected_rows(const struct tpcc_scale *scale)
{
    double per_customer = 1 + 1 + 1 + 0.3 + (TPCC_LINES_MIN + TPCC_LINES_MAX) / 2.0;
    return scale->items + scale->warehouses * (1.0 + scale->items + TPCC_DISTRICTS +
                                               TPCC_DISTRICTS * scale->customers * per_customer);
}

/* Loads into an open store. */
static int
load_all(const struct tpcc_engine *engine, struct tpcc_store *store, const struct tpcc_scale *scale)
{
    struct loader *loader = tpcc_alloc(1, sizeof(*loader));
    *loader = (struct loader){.engine = engine,
                              .scale = *scale,
                              .rows_expected = expected_rows(scale),
                              .start_ns = tpcc_now_ns(),
                              .terminal = isatty(fileno(tpcc_out())) != 0};
    loader->shown_ns = loader->start_ns;
    bool good = engine->load_begin(store, &loader->session) == TPCC_DONE;
    if (good && !(load_items(loader) && load_stock(loader) && load_districts(loader))) {
        engine->load_abort(loader->session);
        good = false;
    }
    if (good) {
        loader->table = "indexes";
        loader->rows_expected = loader->rows;
        show_progress(loader, true);
        good = engine->load_end(loader->session, scale) == TPCC_DONE;
    }
    free(loader);
    return good ? 0 : -1;
}

static int
check_space(const char *directory, int warehouses)
{
    struct statvfs space;
    if (statvfs(directory, &space))
        return 0;
    double free_bytes = (double)space.f_bavail * (double)space.f_frsize;
    if (free_bytes >= warehouses * BYTES_PER_WAREHOUSE)
        return 0;
    tpcc_complain("this needs about %.0f MB (warehouses: %d), %s has %.0f MB free",
                  warehouses * BYTES_PER_WAREHOUSE / 1e6, warehouses, directory, free_bytes / 1e6);
    return -1;
}

/* What belongs to the old database must not be taken for the new one's. */
static void
remove_old(const char *directory, const char *path)
{
    char name[TPCC_PATH_MAX + 16];
    const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, tails[i]);
        unlink(name);
    }
    tpcc_ledger_remove(directory);
}

static int
save_result(const struct tpcc_options *options, const struct tpcc_scale *scale, const char *path,
            double seconds)
{
    struct stat status = {0};
    if (stat(path, &status)) {
        tpcc_complain("cannot see %s: %s", path, strerror(errno));
        return TPCC_EXIT_FAILED;
    }
    fprintf(tpcc_out(), "loaded %s: %d warehouse%s, seed %" PRIu64 ", %.1f MB in %.1f s\n", path,
            scale->warehouses, scale->warehouses == 1 ? "" : "s", scale->seed,
            (double)status.st_size / 1e6, seconds);
    if (!options->json || options->command != TPCC_PREPARE)
        return TPCC_EXIT_OK;
    struct tpcc_json *result = tpcc_json_object();
    tpcc_json_put_text(result, "program", "dbio-tpcc");
    tpcc_json_put_text(result, "kind", "prepare");
    tpcc_json_put_text(result, "path", path);
    tpcc_json_put_number(result, "warehouses", scale->warehouses);
    tpcc_json_put_number(result, "seed", (double)scale->seed);
    tpcc_json_put_number(result, "bytes", (double)status.st_size);
    tpcc_json_put_number(result, "seconds", seconds);
    int failed = tpcc_json_save(result, options->json);
    tpcc_json_free(result);
    return failed ? TPCC_EXIT_FAILED : TPCC_EXIT_OK;
}

int
tpcc_prepare(const struct tpcc_options *options)
{
    const struct tpcc_engine *engine = options->engine;
    int warehouses = options->warehouses ? options->warehouses : 1;
    struct tpcc_scale scale = tpcc_scale_make(options->seed, warehouses, options->tiny);
    struct tpcc_store_options how = tpcc_options_store(options, TPCC_IO_BUFFERED);
    char path[TPCC_PATH_MAX];
    uint64_t start_ns = tpcc_now_ns();
    if (tpcc_make_directory(how.directory) || !engine->path(how.directory, path, sizeof(path)))
        return TPCC_EXIT_FAILED;
    if (tpcc_file_exists(path) && !options->force) {
        tpcc_complain("%s is there already; --force replaces it", path);
        return TPCC_EXIT_FAILED;
    }
    if (!options->tiny && check_space(how.directory, warehouses))
        return TPCC_EXIT_FAILED;
    remove_old(how.directory, path);
    struct tpcc_store *store;
    if (engine->open(&how, &store) != TPCC_DONE)
        return TPCC_EXIT_FAILED;
    int failed = load_all(engine, store, &scale);
    engine->close(store);
    if (failed)
        return TPCC_EXIT_FAILED;
    return save_result(options, &scale, path, seconds_since(start_ns));
}
