/*
 * tpcc_run.c - run the mix for a while and measure it.
 *
 * Job: open, start terminals, look at them once per interval, stop, add up, check. Leaves
 * executing to tpcc_terminal.c, printing to tpcc_report.c. Called by main, and by compare in a
 * process of its own. Lock: none here; terminals' tallies are collected under theirs. Must always
 * hold: only what ended between the end of the warm-up and the end of the run is measured.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tpcc_check.h"
#include "tpcc_environment.h"
#include "tpcc_report.h"
#include "tpcc_result.h"
#include "tpcc_run.h"
#include "tpcc_terminal.h"
#include "tpcc_util.h"

struct run {
    const struct tpcc_options *options;
    struct tpcc_floor floor;
    struct tpcc_terminal *terminals;
    int threads;
    int started;
    uint64_t seed;
    struct tpcc_scale scale;
    struct tpcc_session *monitor; /* asks for I/O counters while terminals work */
    struct tpcc_measurement measured;
    struct tpcc_json *series;
    uint64_t begin_ns; /* of the warm-up */
    uint64_t shown_ns; /* end of the interval before */
    struct tpcc_io_bytes shown_bytes;
    int lines;
};

static double
cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int
choose_threads(const struct tpcc_options *options, const struct tpcc_scale *scale)
{
    int most = scale->warehouses * TPCC_DISTRICTS;
    if (options->threads)
        return options->threads;
    if (options->wait)
        return most;
    int processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return processors < most ? processors : most;
}

static void
read_bytes(struct run *run, struct tpcc_io_bytes *bytes)
{
    *bytes = (struct tpcc_io_bytes){0};
    run->floor.engine->io_bytes(run->monitor, bytes);
}

/* Collects what happened since the last call; shows it; keeps it if it is measured. */
static void
end_interval(struct run *run, bool warm)
{
    struct tpcc_tally *tally = tpcc_alloc(1, sizeof(*tally));
    struct tpcc_io_bytes bytes;
    uint64_t now_ns = tpcc_now_ns();
    for (int i = 0; i < run->started; i++)
        tpcc_terminal_collect(&run->terminals[i], tally);
    read_bytes(run, &bytes);
    struct tpcc_interval interval = {
        .end_seconds = (double)(now_ns - run->begin_ns) / 1e9,
        .seconds = (double)(now_ns - run->shown_ns) / 1e9,
        .threads = run->threads,
        .warm = warm,
        .tally = tally,
        .bytes = bytes,
        .direct = bytes.direct - run->shown_bytes.direct,
        .buffered = bytes.buffered - run->shown_bytes.buffered,
    };
    struct tpcc_json *point = tpcc_result_interval(&interval);
    if (run->lines++ % 20 == 0)
        tpcc_report_live_header(tpcc_out());
    tpcc_report_live(point, tpcc_out());
    if (warm) {
        tpcc_json_add(run->series, point);
        tpcc_tally_merge(run->measured.tally, tally);
        run->measured.seconds += interval.seconds;
    } else {
        tpcc_json_free(point);
        /* What went wrong counts whenever it did. */
        run->measured.tally->errors += tally->errors;
        run->measured.tally->stale_reads += tally->stale_reads;
    }
    run->shown_ns = now_ns;
    run->shown_bytes = bytes;
    free(tally);
}

static void
sleep_until(uint64_t until_ns)
{
    uint64_t now_ns;
    while ((now_ns = tpcc_now_ns()) < until_ns && !tpcc_interrupted()) {
        uint64_t left_ns = until_ns - now_ns;
        if (left_ns > 100000000)
            left_ns = 100000000; /* a signal may arrive just before the sleep */
        nanosleep(&(struct timespec){.tv_nsec = (long)left_ns}, NULL);
    }
}

/* From `begin_ns` for `seconds`, an interval at a time. */
static void
watch(struct run *run, uint64_t begin_ns, int seconds, bool warm)
{
    uint64_t end_ns = begin_ns + (uint64_t)seconds * 1000000000u;
    uint64_t step_ns = (uint64_t)run->options->report_interval * 1000000000u;
    for (uint64_t next_ns = begin_ns; next_ns < end_ns && !tpcc_interrupted();) {
        next_ns = next_ns + step_ns < end_ns ? next_ns + step_ns : end_ns;
        sleep_until(next_ns);
        end_interval(run, warm);
    }
}

/* Signals are for the main thread: it must wake up. */
static int
start_terminals(struct run *run)
{
    sigset_t all, old;
    struct tpcc_random random = tpcc_random_stream(run->seed, 201, 0, 0);
    struct tpcc_nurand nurand = tpcc_nurand_for_run(&random, run->scale.c_load);
    int failed = 0;
    run->terminals = tpcc_alloc((size_t)run->threads, sizeof(run->terminals[0]));
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    while (run->started < run->threads && !failed) {
        failed = tpcc_terminal_start(&run->terminals[run->started], &run->floor, run->started,
                                     &run->scale, nurand, run->seed);
        if (!failed)
            run->started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed;
}

static int
work_and_measure(struct run *run)
{
    const struct tpcc_options *options = run->options;
    run->begin_ns = run->shown_ns = tpcc_now_ns();
    read_bytes(run, &run->shown_bytes);
    int failed = start_terminals(run);
    if (!failed) {
        watch(run, run->begin_ns, options->warmup, false);
        double cpu = cpu_seconds();
        struct tpcc_io_bytes before = run->shown_bytes;
        watch(run, run->shown_ns, options->duration, true);
        run->measured.cpu_seconds = cpu_seconds() - cpu;
        run->measured.bytes = run->shown_bytes;
        run->measured.bytes.direct -= before.direct;
        run->measured.bytes.buffered -= before.buffered;
    }
    run->measured.interrupted = tpcc_interrupted();
    tpcc_floor_stop(&run->floor);
    struct tpcc_tally *rest = tpcc_alloc(1, sizeof(*rest));
    for (int i = 0; i < run->started; i++)
        tpcc_terminal_end(&run->terminals[i], rest);
    run->measured.tally->errors += rest->errors;
    run->measured.tally->stale_reads += rest->stale_reads;
    free(rest);
    free(run->terminals);
    return failed;
}

static struct tpcc_json *
describe_run(struct run *run)
{
    const struct tpcc_options *options = run->options;
    struct tpcc_json *settings = tpcc_json_object();
    run->floor.engine->describe(run->monitor, settings);
    tpcc_json_put_text(settings, "io", tpcc_io_name(options->io[0]));
    tpcc_json_put_number(settings, "warehouses", run->scale.warehouses);
    tpcc_json_put_bool(settings, "tiny", run->scale.customers < 3000);
    tpcc_json_put_number(settings, "threads", run->threads);
    tpcc_json_put_number(settings, "warmup_seconds", options->warmup);
    tpcc_json_put_number(settings, "duration_seconds", options->duration);
    tpcc_json_put_bool(settings, "wait", options->wait);
    tpcc_json_put_text(settings, "mix", options->weighted ? "weights" : "deck");
    tpcc_json_put_number(settings, "cache_mb", options->cache_mb);
    tpcc_json_put_text(settings, "ledger",
                       options->ledger == TPCC_LEDGER_OFF     ? "off"
                       : options->ledger == TPCC_LEDGER_PLAIN ? "plain"
                                                              : "dsync");
    tpcc_json_put_number(settings, "memory_limit_mb", options->memory_limit_mb);
    char seed[32];
    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)run->seed);
    tpcc_json_put_text(settings, "seed", seed);
    return settings;
}

/* Between an open store and its closing. */
static struct tpcc_json *
run_in_store(struct run *run)
{
    const struct tpcc_options *options = run->options;
    struct tpcc_floor *floor = &run->floor;
    struct tpcc_json *result = NULL;
    if (floor->engine->connect(floor->store, &run->monitor) != TPCC_DONE)
        return NULL;
    if (floor->engine->read_scale(run->monitor, &run->scale) != TPCC_DONE) {
        tpcc_complain("this database cannot be used: %s", floor->engine->error(run->monitor));
        goto disconnect;
    }
    run->threads = choose_threads(options, &run->scale);
    floor->ledger = tpcc_ledger_open(options->directory, options->ledger, run->threads);
    if (!floor->ledger)
        goto disconnect;
    floor->model = tpcc_model_make(&run->scale);
    int failed = work_and_measure(run);
    if (!failed)
        result = tpcc_result_run(&run->measured, run->scale.warehouses);
    tpcc_model_free(floor->model);
    if (tpcc_ledger_close(floor->ledger))
        run->measured.tally->errors++;
    if (result) {
        tpcc_json_put(result, "settings", describe_run(run));
        tpcc_json_put(result, "environment", tpcc_environment(options->directory));
        tpcc_json_put(result, "series", run->series);
        run->series = NULL;
    }
disconnect:
    floor->engine->disconnect(run->monitor);
    return result;
}

static void
announce(const struct tpcc_options *options)
{
    fprintf(tpcc_out(), "%s on %s, %d s warm-up, %d s measured\n", tpcc_io_name(options->io[0]),
            options->directory, options->warmup, options->duration);
    fflush(tpcc_out());
}

struct tpcc_json *
tpcc_run_result(const struct tpcc_options *options)
{
    struct run *run = tpcc_alloc(1, sizeof(*run));
    struct tpcc_store_options how = tpcc_options_store(options, options->io[0]);
    struct tpcc_json *result = NULL;
    struct tpcc_memory_limit *limit = NULL;
    pthread_condattr_t monotonic;
    run->options = options;
    run->seed = options->seed_given ? options->seed : (uint64_t)tpcc_wall_us();
    run->series = tpcc_json_array();
    run->measured.tally = tpcc_alloc(1, sizeof(*run->measured.tally));
    run->floor.options = options;
    run->floor.engine = options->engine;
    pthread_mutex_init(&run->floor.lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&run->floor.stopped, &monotonic);
    announce(options);
    if (options->memory_limit_mb)
        limit = tpcc_memory_limit_enter(options->memory_limit_mb);
    if (limit || !options->memory_limit_mb) {
        if (run->floor.engine->open(&how, &run->floor.store) == TPCC_DONE) {
            result = run_in_store(run);
            run->floor.engine->close(run->floor.store);
        }
        tpcc_memory_limit_leave(limit);
    }
    /* Checked through the plain page cache: a second opinion on what dbio wrote. */
    if (result && !options->no_check)
        tpcc_check_into(options, TPCC_IO_BUFFERED, result);
    tpcc_json_free(run->series);
    free(run->measured.tally);
    free(run);
    return result;
}

bool
tpcc_run_succeeded(const struct tpcc_json *result)
{
    return result && tpcc_json_get_number(result, "errors") == 0 &&
           tpcc_json_get_number(result, "stale_reads") == 0 &&
           tpcc_json_get_number(result, "checks_failed") == 0;
}

int
tpcc_run(const struct tpcc_options *options)
{
    struct tpcc_json *result = tpcc_run_result(options);
    if (!result)
        return TPCC_EXIT_FAILED;
    int failed = tpcc_report_all(result, options);
    bool good = tpcc_run_succeeded(result);
    tpcc_json_free(result);
    return good && !failed ? TPCC_EXIT_OK : TPCC_EXIT_FAILED;
}
