/*
 * bench_load.c - W6: a bulk load, 2 GiB written in order and synced, under a memory limit
 *
 * A new file is written from its begin to its end in pieces of a database page, then synced. By
 * turns, each in a process of its own in one memory cgroup: through the page cache; with
 * RWF_DONTCACHE; dbio in mode auto, the file in role temp, one piece at a time; the same in
 * batches of 1 MiB, up to four of them under way. The bytes do not compress: 4 MiB of them come again and
 * again, each page with a word of its own in front. The bars are asked of both.
 *
 * After each, not timed: how many of its pages are left in the cache; and is every word on the
 * device, read O_DIRECT. What a load costs is the processor time of the process with all its
 * threads. What the kernel does in threads of its own (writeback of what was cached) is not in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "b_measure.h"
#include "b_process.h"
#include "b_rounds.h"
#include "dbio.h"

#define DONTCACHE 0x80 /* RWF_DONTCACHE, Linux 6.14 */
#define SOURCE    (4 * B_MIB)
#define WORDS     (B_PAGE / sizeof(uint64_t))

enum { BUFFERED, DONT, SINGLE, BATCH, CONTENDERS };
static const char *const names[CONTENDERS] = {"buffered", "DONTCACHE", "dbio, pwrite",
                                              "dbio, batches"};

struct figures {
    bool done, refused, wrong;
    double rate, cpu; /* MiB/s, seconds */
    double sync;      /* seconds of the final sync, of the whole */
    double cached;    /* pages left */
    double direct;    /* dbio: share of the requests that went O_DIRECT */
};

/* How the file is written. */
struct writer {
    struct dbio_file *file;   /* NULL: by the kernel */
    struct dbio_batch *batch; /* NULL: one at a time */
    int fd, flags;
};

static struct b_options options = {
    .size = 2048 * B_MIB, .limit = 512 * B_MIB, .piece = 8192, .rounds = 5};
static char path[4096], control_path[4096];
static struct figures *shared; /* of the contender that runs */
static struct figures all[CONTENDERS][B_ROUNDS_MOST];
static uint64_t salt; /* differs in every run */

static void
fill(uint64_t *source)
{
    size_t i;

    for (i = 0; i < SOURCE / sizeof(*source); i++)
        source[i] = b_word(salt, i);
}

static uint64_t
stamp(uint64_t page)
{
    return b_word(salt + 1, page);
}

static ssize_t
write_at(const struct writer *writer, const void *memory, uint64_t offset)
{
    struct iovec vector = {.iov_base = (void *)(uintptr_t)memory, .iov_len = options.piece};
    ssize_t count;

    if (writer->file != NULL) {
        count = dbio_pwrite(writer->file, memory, options.piece, (off_t)offset, 0);
        if (count < 0)
            errno = (int)-count;
        return count < 0 ? -1 : count;
    }
    if (writer->flags != 0)
        return pwritev2(writer->fd, &vector, 1, (off_t)offset, writer->flags);
    return pwrite(writer->fd, memory, options.piece, (off_t)offset);
}

/* The next piece, made ready. */
static void *
piece_of(uint64_t *source, uint64_t offset)
{
    uint64_t *piece = source + offset % SOURCE / sizeof(*source), page;

    for (page = 0; page < options.piece / B_PAGE; page++)
        piece[page * WORDS] = stamp(offset / B_PAGE + page);
    return piece;
}

#define GROUPS (SOURCE / B_MIB)

/* Until nothing is under way of the group whose memory is needed again. */
static void
await(struct dbio_batch *batch, unsigned under_way[GROUPS], size_t which)
{
    struct dbio_completion done[64];
    size_t group;
    int got, i;

    for (group = which % GROUPS; under_way[group] > 0;) {
        got = dbio_batch_wait(batch, 1, UINT64_MAX, done, 64);
        for (i = 0; i < got; i++) {
            if (done[i].result != (int64_t)options.piece)
                b_fail(path, done[i].result < 0 ? -(int)done[i].result : ENOSPC);
            under_way[done[i].user_data / B_MIB % GROUPS]--;
        }
    }
}

static void
write_batches(const struct writer *writer, uint64_t *source)
{
    unsigned under_way[GROUPS] = {0}, i;
    uint64_t offset = 0;
    size_t group;

    for (group = 0; offset < options.size; group++) {
        int error = 0;

        await(writer->batch, under_way, group);
        for (i = 0; i < B_MIB / options.piece && error == 0; i++, offset += options.piece)
            error = dbio_batch_write(writer->batch, writer->file, piece_of(source, offset),
                                     options.piece, (off_t)offset, 0, offset);
        if (error == 0)
            error = dbio_batch_submit(writer->batch);
        if (error < 0)
            b_fail(path, -error);
        under_way[group % GROUPS] = i;
    }
    for (group = 0; group < GROUPS; group++)
        await(writer->batch, under_way, group);
}

static void
write_all(const struct writer *writer, uint64_t *source)
{
    uint64_t offset;

    if (writer->batch != NULL) {
        write_batches(writer, source);
        return;
    }
    for (offset = 0; offset < options.size; offset += options.piece) {
        void *piece = piece_of(source, offset);
        ssize_t count;

        count = write_at(writer, piece, offset);
        if (count < 0 && writer->flags != 0 && (errno == EOPNOTSUPP || errno == EINVAL)) {
            shared->refused = true;
            return;
        }
        if (count != (ssize_t)options.piece)
            b_fail(path, count < 0 ? errno : ENOSPC);
    }
}

/* The load, timed. */
static void
measure(const struct writer *writer, uint64_t *source)
{
    double begin, written, seconds, cpu;
    int error;

    fill(source);
    cpu = b_seconds(CLOCK_PROCESS_CPUTIME_ID);
    begin = b_seconds(CLOCK_MONOTONIC);
    write_all(writer, source);
    written = b_seconds(CLOCK_MONOTONIC);
    if (writer->file != NULL)
        error = -dbio_fdatasync(writer->file);
    else
        error = fdatasync(writer->fd) == 0 ? 0 : errno;
    seconds = b_seconds(CLOCK_MONOTONIC) - begin;
    cpu = b_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    if (error != 0)
        b_fail(path, error);
    shared->cached = (double)b_file_cached(path);
    shared->rate = (double)(options.size / B_MIB) / seconds;
    shared->sync = seconds - (written - begin);
    shared->cpu = cpu;
    shared->done = true;
}

static void
run_kernel(void *argument)
{
    int who = *(int *)argument;
    struct writer writer = {.flags = who == DONT ? DONTCACHE : 0};

    writer.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (writer.fd < 0)
        b_fail(path, errno);
    measure(&writer, b_plain_memory(SOURCE));
}

static void
run_dbio(void *argument)
{
    struct dbio_file_options as = {.size = sizeof(as), .role = DBIO_ROLE_TEMP};
    struct dbio_batch_options depth = {.size = sizeof(depth),
                                       .depth = (uint32_t)(SOURCE / options.piece)};
    struct dbio_why why = {.size = sizeof(why)};
    struct writer writer = {.flags = 0};
    struct dbio_context *context;
    uint64_t requests = 0;
    void *source;
    int error, i;

    error = dbio_context_create(NULL, &context);
    if (error == 0)
        error = dbio_open(context, path, O_WRONLY | O_CREAT | O_EXCL, 0600, &as, &writer.file);
    if (error == 0)
        error = dbio_buffer_acquire(context, SOURCE, &source);
    if (error == 0 && *(int *)argument == BATCH)
        error = dbio_batch_create(context, &depth, &writer.batch);
    if (error != 0)
        b_fail("dbio", -error);
    measure(&writer, source);
    if (writer.batch != NULL && dbio_batch_destroy(writer.batch) != 0)
        shared->wrong = true;
    if (dbio_why(writer.file, &why) == 0)
        for (i = 0; i < DBIO_ROUTE_COUNT; i++)
            requests += why.routes[i];
    shared->direct = requests == 0 ? 0 : (double)why.routes[DBIO_ROUTE_DIRECT] / (double)requests;
    if (dbio_buffer_release(context, source) != 0 || dbio_close(writer.file) != 0 ||
        dbio_context_destroy(context) != 0)
        shared->wrong = true;
}

/* Is each word of the file on the device? Past the cache. */
static bool
is_right(void)
{
    uint64_t *source = b_plain_memory(SOURCE), *memory = b_plain_memory(B_MIB), offset, page;
    int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    bool right = fd >= 0;

    fill(source);
    for (offset = 0; right && offset < options.size; offset += B_MIB) {
        right = pread(fd, memory, B_MIB, (off_t)offset) == (ssize_t)B_MIB;
        for (page = 0; right && page < B_MIB / B_PAGE; page++) {
            const uint64_t *is = memory + page * WORDS;
            const uint64_t *was = source + (offset % SOURCE / B_PAGE + page) * WORDS;

            right = is[0] == stamp(offset / B_PAGE + page) &&
                    memcmp(is + 1, was + 1, B_PAGE - sizeof(*is)) == 0;
        }
    }
    if (fd >= 0)
        (void)close(fd);
    free(source);
    free(memory);
    return right;
}

static void
run(int who, int round)
{
    static void (*const bodies[CONTENDERS])(void *) = {run_kernel, run_kernel, run_dbio, run_dbio};
    struct figures *figures = &all[who][round];

    memset(shared, 0, sizeof(*shared));
    salt += 2;
    (void)unlink(path);
    if (!b_run(bodies[who], &who) || !shared->done)
        shared->wrong = true;
    if (!shared->wrong && !shared->refused && !is_right())
        shared->wrong = true;
    (void)unlink(path);
    *figures = *shared;
    if (figures->wrong || figures->refused)
        figures->rate = figures->cpu = 0;
    if (options.show)
        fprintf(stderr, "%-16s %6.0f MiB/s, cpu %.3f s, sync %.3f s, %.0f pages left\n", names[who],
                figures->rate, figures->cpu, figures->sync, figures->cached);
}

static double
median_of(int who, size_t member, int rounds)
{
    double values[B_ROUNDS_MOST];
    int i;

    for (i = 0; i < rounds; i++)
        memcpy(&values[i], (char *)&all[who][i] + member, sizeof(double));
    return b_median(values, rounds);
}
#define MEDIAN(who, member, rounds) median_of(who, offsetof(struct figures, member), rounds)

static void
print_contender(int who, int rounds)
{
    int wrong = 0, no = 0, i;

    for (i = 0; i < rounds; i++) {
        wrong += all[who][i].wrong;
        no += all[who][i].refused;
    }
    if (options.json) {
        printf("%s{\"name\": \"%s\", \"mib_s\": %.0f, \"cpu_s\": %.3f, \"sync_s\": %.3f, "
               "\"pages_left\": %.0f, \"refused\": %d, \"wrong\": %d}",
               who == 0 ? "" : ", ", names[who], MEDIAN(who, rate, rounds),
               MEDIAN(who, cpu, rounds), MEDIAN(who, sync, rounds), MEDIAN(who, cached, rounds), no,
               wrong);
        return;
    }
    printf("%-16s %6.0f MiB/s, own processor time %.3f s, sync %.3f s, %.0f pages left cached",
           names[who], MEDIAN(who, rate, rounds), MEDIAN(who, cpu, rounds),
           MEDIAN(who, sync, rounds), MEDIAN(who, cached, rounds));
    if (no > 0)
        printf("; refused");
    if (who == SINGLE || who == BATCH)
        printf("; %.0f %% direct", 100 * MEDIAN(who, direct, rounds));
    if (wrong > 0)
        printf("; failed or wrong bytes in %d rounds", wrong);
    putchar('\n');
}

/* The bar of pages: none in any round. */
static bool
print_left(int who, int rounds)
{
    double most = 0;
    bool met = true;
    int i;

    for (i = 0; i < rounds; i++) {
        most = all[who][i].cached > most ? all[who][i].cached : most;
        met = met && !all[who][i].wrong;
    }
    met = met && most == 0;
    if (options.json)
        printf("{\"name\": \"pages_left\", \"largest\": %.0f, \"bar\": 0, \"met\": %s}", most,
               met ? "true" : "false");
    else
        printf("pages left cached, at most: %.0f  bar 0: %s\n", most, met ? "met" : "not met");
    return met;
}

/* One way against the bars. */
static void
judge(int who, int rounds)
{
    struct b_ratio ratios[] = {
        {"over_buffered", "load, dbio / buffered", 2, {0}},
        {"over_dontcache", "load, dbio / DONTCACHE", 0.95, {0}},
        {"cpu_under_buffered", "own processor time, buffered / dbio", 5, {0}}};
    int count = (int)(sizeof(ratios) / sizeof(ratios[0])), i;
    bool met = true;

    for (i = 0; i < rounds; i++) {
        const struct figures *dbio = &all[who][i], *buffered = &all[BUFFERED][i];

        ratios[0].values[i] = b_over(dbio->rate, buffered->rate);
        ratios[1].values[i] = b_over(dbio->rate, all[DONT][i].rate);
        ratios[2].values[i] = b_saved(dbio->cpu, buffered->cpu);
    }
    printf(options.json ? "{\"name\": \"%s\", \"results\": [" : "%s:\n", names[who]);
    for (i = 0; i < count; i++) {
        fputs(options.json ? "" : "  ", stdout);
        b_print(&ratios[i], rounds, options.json);
        fputs(options.json ? ", " : "", stdout);
        met = b_met(&ratios[i], rounds) && met;
    }
    fputs(options.json ? "" : "  ", stdout);
    met = print_left(who, rounds) && met;
    if (options.json)
        printf("], \"met\": %s}", met ? "true" : "false");
    else
        printf("  all at once: %s\n", met ? "met" : "not met");
}

static void
report(int rounds, int version)
{
    int i;

    printf(options.json ? "{\"bench\": \"bench_load\", \"rounds\": %d, \"load_mib\": %zu, "
                          "\"piece\": %zu, \"limit_mib\": %zu, \"cgroup\": %d, \"contenders\": ["
                        : "%d rounds, %zu MiB in pieces of %zu bytes under a limit of %zu MiB "
                          "(cgroup v%d)\n",
           rounds, options.size / B_MIB, options.piece, options.limit / B_MIB, version);
    for (i = 0; i < CONTENDERS; i++)
        print_contender(i, rounds);
    fputs(options.json ? "], \"ways\": [" : "", stdout);
    judge(SINGLE, rounds);
    fputs(options.json ? ", " : "", stdout);
    judge(BATCH, rounds);
    fputs(options.json ? "]}\n" : "", stdout);
}

static const char usage[] =
    "usage: bench_load [options]\n"
    "\n"
    "  --dir DIR   where the file is made, on a file system with direct I/O; default\n"
    "              $DBIO_BENCH_DIR, else /var/tmp\n"
    "  --memory    DIR is on a device of memory's speed: no control of the device's own speed\n"
    "  --rounds N  5\n"
    "  --size M    the load, MiB: 2048\n"
    "  --limit M   the memory limit, MiB: 512\n"
    "  --piece K   a write, KiB, a power of two from 4 to 1024: 8\n"
    "  --quick     --size 256 --limit 64 --rounds 1: does it run? Its ratios mean little\n"
    "  --verbose   each contender's figures in each round, on standard error\n"
    "  --json      machine-readable\n"
    "  --help      this text\n"
    "\n"
    "Exit status: 0 measured (met or not), 1 could not, 2 wrong usage, 77 skipped: no memory\n"
    "limit can be had here (it takes root and a memory controller of cgroup v1 or v2).\n";

int
main(int count, char **arguments)
{
    int status = b_options_parse(count, arguments, usage, &options), version, rounds;

    if (status >= 0)
        return status;
    b_catch_signals();
    if (!b_limit_set(&options, &version))
        return B_SKIPPED;
    shared = b_shared_memory(sizeof(*shared));
    (void)snprintf(path, sizeof(path), "%s/bench_load.%d", options.directory, (int)getpid());
    (void)snprintf(control_path, sizeof(control_path), "%s/bench_load.%d.control",
                   options.directory, (int)getpid());
    b_remove_at_end(path);
    b_remove_at_end(control_path);
    (void)b_control(control_path, true); /* can files be made here, and O_DIRECT? */
    rounds = b_rounds_run(&options, CONTENDERS, run, control_path, true);
    report(rounds, version);
    b_clean_up();
    return 0;
}
