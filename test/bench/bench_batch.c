/*
 * bench_batch.c - W1: 4 KiB random direct reads at depth 32, by dbio's batch and by a bare io_uring
 *
 * The contenders take turns on one file: a loop on io_uring with the flags that dbio asks for, dbio_batch,
 * and O_DIRECT pread one at a time. The first two with buffers that dbio lends, registered by either, and
 * again with other memory; io_uring also with the file registered, which dbio does not do
 * (libdbio/README.md, "Measured"). Rings keep 32 reads outstanding and submit 16 at a time. Meant for a
 * device of memory's speed (run.sh makes one of zram): on a slow one the device is all that is measured.
 * Beside the times that count, what processor time they took, which other programs disturb less; and
 * the batch without any kernel (DBIO_BACKEND=null): what dbio itself needs.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dbio.h"

#define BLOCK  ((size_t)4096)
#define BLOCKS 32768u /* 128 MiB */
#define DEPTH  32u
#define GROUP  16u
#define READS  60000u /* a contender's in a round */
#define ROUNDS 9
#define RATIOS 7

enum { RAW, BATCH, LOOP, RAW_OWN, BATCH_OWN, RAW_FILES, ALONE, CONTENDERS };
static const char *const names[CONTENDERS] = {
    "raw io_uring",      "dbio_batch",           "looped O_DIRECT pread", "raw, own memory",
    "batch, own memory", "raw, registered file", "batch, no kernel"};

static const char *path;
/* A block for each request: lent by dbio, and not. */
static void *lent;
static unsigned char *own;
static int direct_fd = -1;
static struct dbio_context *context;
static struct dbio_file *file;

static void __attribute__((noreturn)) fail(const char *what, int error)
{
    fprintf(stderr, "bench_batch: %s: %s\n", what, strerror(error));
    if (path != NULL)
        (void)unlink(path);
    exit(1);
}

static double
clock_s(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t
some_offset(uint32_t i)
{
    return (uint64_t)(i * 2654435761u % BLOCKS) * BLOCK;
}

static void
open_ring(struct io_uring *ring)
{
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL};
    int error = io_uring_queue_init_params(2 * DEPTH, ring, &parameters);

    if (error == -EINVAL) {
        memset(&parameters, 0, sizeof(parameters));
        error = io_uring_queue_init_params(2 * DEPTH, ring, &parameters);
    }
    if (error != 0)
        fail("io_uring_queue_init", -error);
}

/* What a contender has registered. */
static void
register_with(struct io_uring *ring, bool buffers, bool files)
{
    struct iovec all = {lent, DEPTH * BLOCK};
    int error = buffers ? io_uring_register_buffers(ring, &all, 1) : 0;

    if (error == 0 && files)
        error = io_uring_register_files(ring, &direct_fd, 1);
    if (error != 0)
        fail("io_uring_register", -error);
}

static void
prepare_read(struct io_uring_sqe *entry, unsigned char *block, unsigned number, bool registered,
             bool files)
{
    int fd = files ? 0 : direct_fd;

    if (registered)
        io_uring_prep_read_fixed(entry, fd, block, BLOCK, some_offset(number), 0);
    else
        io_uring_prep_read(entry, fd, block, BLOCK, some_offset(number));
    if (files)
        entry->flags |= IOSQE_FIXED_FILE;
}

static void
run_raw(unsigned char *memory, bool registered, bool files)
{
    unsigned started = 0, finished = 0, outstanding = 0, places[DEPTH], free_places = DEPTH, i;
    struct io_uring ring;

    open_ring(&ring);
    register_with(&ring, registered, files);
    for (i = 0; i < DEPTH; i++)
        places[i] = i;
    while (finished < READS) {
        struct io_uring_cqe *done;
        unsigned head, seen = 0;

        for (i = 0; i < free_places && started < READS; i++, started++, outstanding++) {
            struct io_uring_sqe *entry = io_uring_get_sqe(&ring);

            prepare_read(entry, memory + places[i] * BLOCK, started, registered, files);
            io_uring_sqe_set_data64(entry, places[i]);
        }
        free_places = 0;
        if (io_uring_submit_and_wait(&ring, outstanding < GROUP ? outstanding : GROUP) < 0)
            fail("io_uring_submit_and_wait", errno);
        io_uring_for_each_cqe(&ring, head, done)
        {
            if (done->res != (int)BLOCK)
                fail("read", done->res < 0 ? -done->res : EIO);
            places[free_places++] = (unsigned)done->user_data;
            seen++;
        }
        io_uring_cq_advance(&ring, seen);
        outstanding -= seen;
        finished += seen;
    }
    if (files) /* else the kernel may close the file later than the ring, and umount says EBUSY */
        (void)io_uring_unregister_files(&ring);
    io_uring_queue_exit(&ring);
}

static void
run_batch(unsigned char *memory)
{
    struct dbio_batch_options options = {.size = sizeof(options), .depth = DEPTH};
    unsigned started = 0, finished = 0, outstanding = 0, places[DEPTH], free_places = DEPTH, i;
    struct dbio_batch *batch;
    int error = dbio_batch_create(context, &options, &batch);

    if (error != 0)
        fail("dbio_batch_create", -error);
    for (i = 0; i < DEPTH; i++)
        places[i] = i;
    while (finished < READS) {
        struct dbio_completion done[DEPTH];
        int count;

        for (i = 0; i < free_places && started < READS; i++, started++, outstanding++) {
            error = dbio_batch_read(batch, file, memory + places[i] * BLOCK, BLOCK,
                                    (off_t)some_offset(started), 0, places[i]);
            if (error != 0)
                fail("dbio_batch_read", -error);
        }
        free_places = 0;
        error = dbio_batch_submit(batch);
        if (error < 0)
            fail("dbio_batch_submit", -error);
        count = dbio_batch_wait(batch, outstanding < GROUP ? outstanding : GROUP, UINT64_MAX, done,
                                DEPTH);
        if (count < 0)
            fail("dbio_batch_wait", -count);
        for (i = 0; i < (unsigned)count; i++) {
            if (done[i].result != (int64_t)BLOCK || done[i].route != DBIO_ROUTE_DIRECT)
                fail("a read of the batch did not go direct, or not whole", EIO);
            places[free_places++] = (unsigned)done[i].user_data;
        }
        outstanding -= (unsigned)count;
        finished += (unsigned)count;
    }
    error = dbio_batch_destroy(batch);
    if (error != 0)
        fail("dbio_batch_destroy", -error);
}

static void
run_loop(void)
{
    unsigned char *memory = lent;
    unsigned i;

    for (i = 0; i < READS; i++)
        if (pread(direct_fd, memory, BLOCK, (off_t)some_offset(i)) != (ssize_t)BLOCK)
            fail("pread", errno);
}

static void
run(int contender)
{
    switch (contender) {
    case RAW:
        run_raw(lent, true, false);
        return;
    case RAW_OWN:
        run_raw(own, false, false);
        return;
    case RAW_FILES:
        run_raw(lent, true, true);
        return;
    case BATCH:
        run_batch(lent);
        return;
    case BATCH_OWN:
        run_batch(own);
        return;
    case ALONE:
        if (setenv("DBIO_BACKEND", "null", 1) != 0)
            fail("setenv", errno);
        run_batch(lent);
        (void)unsetenv("DBIO_BACKEND");
        return;
    default:
        run_loop();
    }
}

/* The file, out of the cache; opened both ways. */
static void
prepare(const char *directory)
{
    static char name[4096];
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    int fd, error;
    uint32_t i, k;

    (void)snprintf(name, sizeof(name), "%s/bench_batch.XXXXXX", directory);
    fd = mkstemp(name);
    if (fd < 0)
        fail(name, errno);
    path = name;
    own = aligned_alloc(BLOCK, DEPTH * BLOCK);
    if (own == NULL)
        fail("memory", ENOMEM);
    for (i = 0; i < BLOCKS; i++) {
        for (k = 0; k < BLOCK / 4; k++)
            ((uint32_t *)(void *)own)[k] = (i * 1024 + k) * 2246822519u;
        if (pwrite(fd, own, BLOCK, (off_t)(i * BLOCK)) != (ssize_t)BLOCK)
            fail(name, errno);
    }
    if (fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
        fail(name, errno);
    (void)close(fd);
    direct_fd = open(name, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (direct_fd < 0)
        fail("O_DIRECT", errno);
    error = dbio_context_create(NULL, &context);
    if (error == 0)
        error = dbio_open(context, name, O_RDONLY, 0, &options, &file);
    if (error == 0)
        error = dbio_buffer_acquire(context, DEPTH * BLOCK, &lent);
    if (error != 0)
        fail(name, -error);
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct ratio {
    const char *name, *text;
    int who, over;
    double bar; /* 0: a figure to know */
    bool cpu;   /* by processor time */
    double values[ROUNDS];
};

/* The median, and not more than one round in five below 0.95 of it. */
static bool
is_met(const struct ratio *ratio)
{
    int below = 0, i;

    for (i = 0; i < ROUNDS; i++)
        below += ratio->values[i] < 0.95 * ratio->bar;
    return ratio->values[ROUNDS / 2] >= ratio->bar && below * 5 <= ROUNDS;
}

static void
print_ratio(const struct ratio *ratio, bool json, bool last)
{
    const double *v = ratio->values;

    if (json)
        printf("{\"name\": \"%s\", \"median\": %.3f, \"smallest\": %.3f, \"largest\": %.3f",
               ratio->name, v[ROUNDS / 2], v[0], v[ROUNDS - 1]);
    else
        printf("%s: %.3f (%.3f to %.3f)", ratio->text, v[ROUNDS / 2], v[0], v[ROUNDS - 1]);
    if (json && ratio->bar > 0)
        printf(", \"bar\": %.2f, \"met\": %s", ratio->bar, is_met(ratio) ? "true" : "false");
    else if (ratio->bar > 0)
        printf("  at least %.2f: %s", ratio->bar, is_met(ratio) ? "met" : "not met");
    if (json)
        printf(last ? "}]}\n" : "}, ");
    else
        printf("\n");
}

static void
measure(bool json)
{
    static struct ratio ratios[RATIOS] = {
        {"over_raw", "dbio_batch / raw io_uring", BATCH, RAW, 0.97, false, {0}},
        {"over_loop", "dbio_batch / looped pread", BATCH, LOOP, 1.20, false, {0}},
        {"own_over_raw", "the same of own memory / raw", BATCH_OWN, RAW_OWN, 0.97, false, {0}},
        {"registered_buffers", "raw: registered buffers / own memory", RAW, RAW_OWN, 0, false, {0}},
        {"registered_file",
         "raw: registered file and buffers / buffers",
         RAW_FILES,
         RAW,
         0,
         false,
         {0}},
        {"over_raw_cpu", "dbio_batch / raw io_uring, by processor time", BATCH, RAW, 0, true, {0}},
        {"own_over_raw_cpu", "of own memory, by processor time", BATCH_OWN, RAW_OWN, 0, true, {0}},
    };
    double seconds[CONTENDERS][ROUNDS], cpu[CONTENDERS][ROUNDS];
    unsigned round, i, start = (unsigned)time(NULL);

    for (i = 0; i < CONTENDERS; i++)
        run((int)i); /* warm */
    for (round = 0; round < ROUNDS; round++) {
        for (i = 0; i < CONTENDERS; i++) {
            unsigned who = (start + i) % CONTENDERS;
            double begin = clock_s(CLOCK_MONOTONIC), used = clock_s(CLOCK_PROCESS_CPUTIME_ID);

            run((int)who);
            seconds[who][round] = clock_s(CLOCK_MONOTONIC) - begin;
            cpu[who][round] = clock_s(CLOCK_PROCESS_CPUTIME_ID) - used;
        }
        for (i = 0; i < RATIOS; i++) {
            double(*of)[ROUNDS] = ratios[i].cpu ? cpu : seconds;

            ratios[i].values[round] = of[ratios[i].over][round] / of[ratios[i].who][round];
        }
    }
    if (json)
        printf("{\"bench\": \"bench_batch\", \"rounds\": %d, \"results\": [", ROUNDS);
    for (i = 0; i < CONTENDERS && !json; i++) {
        qsort(seconds[i], ROUNDS, sizeof(double), compare);
        printf("%-22s %8.0f reads/s, %4.0f ns each\n", names[i], READS / seconds[i][ROUNDS / 2],
               seconds[i][ROUNDS / 2] / READS * 1e9);
    }
    for (i = 0; i < RATIOS; i++) {
        qsort(ratios[i].values, ROUNDS, sizeof(double), compare);
        print_ratio(&ratios[i], json, i == RATIOS - 1);
    }
}

static const char usage[] =
    "usage: bench_batch [--dir DIR] [--json]\n"
    "\n"
    "  --dir DIR  where the file is made, 128 MiB, on a file system with direct I/O; default\n"
    "             $DBIO_BENCH_DIR, else /var/tmp. Meant for a device of memory's speed.\n"
    "  --json     machine-readable\n"
    "  --help     this text\n"
    "\n"
    "Exit status: 0 measured (met or not), 1 could not, 2 wrong usage.\n";

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"dir", required_argument, NULL, 'd'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *directory = getenv("DBIO_BENCH_DIR");
    bool json = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            directory = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'h':
            return fputs(usage, stdout) < 0;
        default:
            return fputs(usage, stderr), 2;
        }
    }
    if (optind != argc)
        return fputs(usage, stderr), 2;
    prepare(directory != NULL && *directory != '\0' ? directory : "/var/tmp");
    measure(json);
    (void)dbio_buffer_release(context, lent);
    (void)dbio_close(file);
    (void)dbio_context_destroy(context);
    (void)close(direct_fd);
    (void)unlink(path);
    return 0;
}
