/*
 * tpcc_compare.c - several ways of I/O side by side.
 *
 * Job: an equal copy for every run, runs interleaved in random order, one process each, and one
 * table from medians. Leaves a run to tpcc_run.c and showing to tpcc_report.c. Called by main; its
 * children run one after the other. No lock. Must always hold: every contender starts from the
 * same bytes with none of them cached; a run without a result is a failure, not a gap in a table.
 *
 * A process per run, so that no contender inherits another's memory, descriptors or counters.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tpcc_compare.h"
#include "tpcc_copy.h"
#include "tpcc_ledger.h"
#include "tpcc_load.h"
#include "tpcc_report.h"
#include "tpcc_run.h"
#include "tpcc_util.h"

struct comparison {
    const struct tpcc_options *options;
    char base[TPCC_PATH_MAX];              /* the prepared database */
    struct tpcc_json *runs[TPCC_IO_COUNT]; /* by place in options->io */
    uint64_t seed;
    int failed;  /* runs without a good end */
    int checked; /* runs whose database was checked */
};

/* A copy of the prepared database and its ledger in a directory of its own. */
static int
make_copy(const struct comparison *comparison, const char *directory)
{
    const struct tpcc_engine *engine = comparison->options->engine;
    char from[TPCC_PATH_MAX];
    char to[TPCC_PATH_MAX];
    tpcc_remove_directory(directory);
    if (tpcc_make_directory(directory) || !engine->path(directory, to, sizeof(to)))
        return -1;
    if (tpcc_copy_file(comparison->base, to))
        return -1;
    if (!tpcc_ledger_path(comparison->options->directory, from, sizeof(from)) ||
        !tpcc_ledger_path(directory, to, sizeof(to)))
        return -1;
    if (tpcc_file_exists(from) && tpcc_copy_file(from, to))
        return -1;
    return tpcc_sync_path(directory);
}

/* The child's whole life. A group of its own: Ctrl-C reaches the parent, which passes it on once.
 */
static void
run_child(const struct tpcc_options *options, pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(TPCC_EXIT_FAILED);
    struct tpcc_json *result = tpcc_run_result(options);
    int failed = !result || tpcc_json_save(result, options->json);
    tpcc_json_free(result);
    fflush(NULL);
    _exit(failed ? TPCC_EXIT_FAILED : TPCC_EXIT_OK);
}

static int
wait_for_child(pid_t child)
{
    int status;
    bool told = false;
    while (waitpid(child, &status, 0) != child) {
        if (errno != EINTR)
            return -1;
        if (tpcc_interrupted() && !told) {
            kill(child, SIGTERM);
            told = true;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* One run in a process of its own. NULL if it gave no result. */
static struct tpcc_json *
run_once(const struct comparison *comparison, enum tpcc_io io, int round)
{
    char directory[TPCC_PATH_MAX];
    char json[TPCC_PATH_MAX];
    struct tpcc_options options = *comparison->options;
    struct tpcc_json *result = NULL;
    if (tpcc_format(directory, sizeof(directory), "%s/compare-%s-%d", options.directory,
                    tpcc_io_name(io), round) ||
        tpcc_format(json, sizeof(json), "%s/result.json", directory))
        return NULL;
    options.directory = directory;
    options.json = json;
    options.html = NULL;
    options.io[0] = io;
    options.seed = comparison->seed + (uint64_t)round; /* a round's contenders get equal inputs */
    options.seed_given = true;
    fprintf(tpcc_out(), "\nround %d: ", round);
    fflush(NULL);
    if (make_copy(comparison, directory) == 0) {
        pid_t parent = getpid();
        pid_t child = fork();
        if (child == 0)
            run_child(&options, parent);
        if (child > 0 && wait_for_child(child) == 0)
            result = tpcc_json_load(json);
        else
            tpcc_complain("the run with %s ended without a result", tpcc_io_name(io));
    }
    if (!options.keep)
        tpcc_remove_directory(directory);
    return result;
}

static void
run_round(struct comparison *comparison, struct tpcc_random *random, int round)
{
    int order[TPCC_IO_COUNT];
    tpcc_random_permutation(random, order, comparison->options->io_count);
    for (int i = 0; i < comparison->options->io_count && !tpcc_interrupted(); i++) {
        int place = order[i] - 1;
        struct tpcc_json *result = run_once(comparison, comparison->options->io[place], round);
        if (!tpcc_run_succeeded(result))
            comparison->failed++;
        comparison->checked += tpcc_json_get(result, "verdict") != NULL;
        /* What was cut short would pull the median; its checks were printed. */
        if (result && !tpcc_json_get_bool(result, "interrupted"))
            tpcc_json_add(comparison->runs[place], result);
        else
            tpcc_json_free(result);
    }
}

static int
compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of `key`, in the run itself or in one of its transactions. */
static double
median_of(const struct tpcc_json *runs, const char *transaction, const char *key)
{
    size_t count = tpcc_json_count(runs);
    if (count == 0)
        return 0;
    double *values = tpcc_alloc(count, sizeof(values[0]));
    for (size_t i = 0; i < count; i++) {
        const struct tpcc_json *object = runs->items[i];
        if (transaction)
            object = tpcc_json_get(tpcc_json_get(object, "transactions"), transaction);
        values[i] = tpcc_json_get_number(object, key);
    }
    qsort(values, count, sizeof(values[0]), compare_numbers);
    double median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    free(values);
    return median;
}

static double
sum_of(const struct tpcc_json *runs, const char *key)
{
    double sum = 0;
    for (size_t i = 0; i < tpcc_json_count(runs); i++)
        sum += tpcc_json_get_number(runs->items[i], key);
    return sum;
}

static struct tpcc_json *
median_latencies(const struct tpcc_json *runs)
{
    static const char *const keys[] = {"count",  "percent", "mean_ms", "p50_ms", "p90_ms",
                                       "p95_ms", "p99_ms",  "p999_ms", "max_ms"};
    struct tpcc_json *all = tpcc_json_object();
    for (int kind = 0; kind < TPCC_TRANSACTIONS; kind++) {
        const char *name = tpcc_transaction_key(kind);
        struct tpcc_json *one = tpcc_json_object();
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            tpcc_json_put_number(one, keys[i], median_of(runs, name, keys[i]));
        tpcc_json_put(all, name, one);
    }
    return all;
}

static struct tpcc_json *
sum_up(struct tpcc_json *runs, const char *io, double base_tpmc)
{
    static const char *const sums[] = {"rolled_back", "skipped_deliveries", "retries",
                                       "errors",      "stale_reads",        "checks_failed"};
    struct tpcc_json *object = tpcc_json_object();
    double tpmc = median_of(runs, NULL, "tpmC");
    size_t count = tpcc_json_count(runs);
    const struct tpcc_json *first = count ? runs->items[0] : NULL;
    tpcc_json_put_text(object, "io", io);
    tpcc_json_put_number(object, "tpmC", tpmc);
    tpcc_json_put_number(object, "ratio", base_tpmc > 0 ? tpmc / base_tpmc : 0);
    tpcc_json_put_number(object, "cpu_us_per_transaction",
                         median_of(runs, NULL, "cpu_us_per_transaction"));
    if (tpcc_json_get(first, "direct_mb_s")) {
        tpcc_json_put_number(object, "direct_mb_s", median_of(runs, NULL, "direct_mb_s"));
        tpcc_json_put_number(object, "buffered_mb_s", median_of(runs, NULL, "buffered_mb_s"));
    }
    tpcc_json_put(object, "transactions", median_latencies(runs));
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
        tpcc_json_put_number(object, sums[i], sum_of(runs, sums[i]));
    tpcc_json_put_bool(object, "checked", tpcc_json_get(first, "verdict") != NULL);
    tpcc_json_put(object, "runs", runs);
    return object;
}

/* The contender that the others are measured against: buffered, or the first. */
static int
choose_base(const struct tpcc_options *options)
{
    for (int i = 0; i < options->io_count; i++)
        if (options->io[i] == TPCC_IO_BUFFERED)
            return i;
    return 0;
}

static void
put_verdict(const struct comparison *comparison, struct tpcc_json *result)
{
    double failed = 0;
    for (int i = 0; i < comparison->options->io_count; i++)
        failed += sum_of(comparison->runs[i], "checks_failed");
    char verdict[96] = "all consistency conditions hold";
    if (failed > 0)
        snprintf(verdict, sizeof(verdict), "%.0f conditions FAILED", failed);
    else if (comparison->failed)
        snprintf(verdict, sizeof(verdict), "%d run%s FAILED", comparison->failed,
                 comparison->failed == 1 ? "" : "s");
    else if (!comparison->checked)
        snprintf(verdict, sizeof(verdict), "consistency was not checked");
    tpcc_json_put_number(result, "checks_failed", failed);
    tpcc_json_put_text(result, "verdict", verdict);
}

/* Settings and machine are those of the first run that there is; they differ in nothing but I/O. */
static void
put_surroundings(const struct comparison *comparison, struct tpcc_json *result)
{
    const char *const keys[] = {"settings", "environment"};
    const struct tpcc_json *runs = comparison->runs[0];
    for (int i = 1; i < comparison->options->io_count && tpcc_json_count(runs) == 0; i++)
        runs = comparison->runs[i];
    if (tpcc_json_count(runs) == 0)
        return;
    for (size_t i = 0; i < 2; i++) {
        const struct tpcc_json *from = tpcc_json_get(runs->items[0], keys[i]);
        struct tpcc_json *copy = tpcc_json_object();
        for (size_t j = 0; j < tpcc_json_count(from); j++) {
            const struct tpcc_json *value = from->items[j];
            if (value->kind == TPCC_JSON_TEXT)
                tpcc_json_put_text(copy, from->keys[j], value->text);
            else if (value->kind == TPCC_JSON_BOOL)
                tpcc_json_put_bool(copy, from->keys[j], value->number != 0);
            else
                tpcc_json_put_number(copy, from->keys[j], value->number);
        }
        tpcc_json_put(result, keys[i], copy);
    }
}

static struct tpcc_json *
make_result(struct comparison *comparison)
{
    const struct tpcc_options *options = comparison->options;
    int base = choose_base(options);
    double base_tpmc = median_of(comparison->runs[base], NULL, "tpmC");
    struct tpcc_json *result = tpcc_json_object();
    struct tpcc_json *contenders = tpcc_json_array();
    tpcc_json_put_text(result, "program", "dbio-tpcc");
    tpcc_json_put_text(result, "kind", "compare");
    tpcc_json_put_text(result, "note", "TPC-C-like, not a TPC result");
    tpcc_json_put_number(result, "rounds", options->rounds);
    tpcc_json_put_text(result, "base", tpcc_io_name(options->io[base]));
    tpcc_json_put_bool(result, "interrupted", tpcc_interrupted());
    put_verdict(comparison, result);
    put_surroundings(comparison, result);
    for (int i = 0; i < options->io_count; i++)
        tpcc_json_add(contenders,
                      sum_up(comparison->runs[i], tpcc_io_name(options->io[i]), base_tpmc));
    tpcc_json_put(result, "contenders", contenders);
    return result;
}

/* Uses the database that is there, or loads one. */
static int
find_base(struct comparison *comparison)
{
    const struct tpcc_options *options = comparison->options;
    if (!options->engine->path(options->directory, comparison->base, sizeof(comparison->base)))
        return TPCC_EXIT_FAILED;
    if (!tpcc_file_exists(comparison->base))
        return tpcc_prepare(options);
    if (options->warehouses || options->tiny) {
        tpcc_complain("%s is there already: leave --warehouses and --tiny out to use it, or "
                      "choose another --dir",
                      comparison->base);
        return TPCC_EXIT_FAILED;
    }
    fprintf(tpcc_out(), "using %s\n", comparison->base);
    return TPCC_EXIT_OK;
}

int
tpcc_compare(const struct tpcc_options *options)
{
    struct comparison comparison = {.options = options};
    comparison.seed = options->seed_given ? options->seed : (uint64_t)tpcc_wall_us();
    struct tpcc_random random = tpcc_random_stream(comparison.seed, 300, 0, 0);
    int status = find_base(&comparison);
    if (status != TPCC_EXIT_OK)
        return status;
    for (int i = 0; i < options->io_count; i++)
        comparison.runs[i] = tpcc_json_array();
    for (int round = 1; round <= options->rounds && !tpcc_interrupted(); round++)
        run_round(&comparison, &random, round);
    struct tpcc_json *result = make_result(&comparison);
    int failed = tpcc_report_all(result, options);
    tpcc_json_free(result);
    return failed || comparison.failed || tpcc_interrupted() ? TPCC_EXIT_FAILED : TPCC_EXIT_OK;
}
