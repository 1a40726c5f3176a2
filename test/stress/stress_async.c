/*
 * stress_async.c - W8 (b): asynchronous direct writes of 512 bytes beside buffered writes to other
 * sectors of the same pages, in one process and in two.
 *
 * The first half of each page's sectors is written direct, many at a time: by a batch, or in the naive
 * mix by a bare io_uring on an O_DIRECT descriptor. The other half is written one by one through
 * the page cache. Each writer reads back what it has just written, by either way, and counts
 * what is older: on the bare kernel an asynchronous direct write gives the inode's lock up when it
 * is submitted, and a buffered write brings the old page in behind it. Through dbio there is none;
 * where the naive mix shows none either, dbio's silence proves nothing, and the case is void.
 *
 * DBIO_TEST_SECONDS: for all cases together.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "t_dbio.h"

#define SECONDS 24
#define PAGES   8u
#define PAGE    ((size_t)4096)
#define SECTOR  ((size_t)512)
#define HALF    4u /* sectors of a page that go direct; as many go through the cache */
#define SECTORS (PAGES * HALF)

struct mix {
    char path[4096];
    bool naive;
    double seconds;
    _Atomic uint64_t direct_writes, buffered_writes, older;
    _Atomic bool stop;
};

static off_t
place_of(unsigned sector, bool direct)
{
    return (off_t)(sector / HALF * PAGE + (sector % HALF + (direct ? 0 : HALF)) * SECTOR);
}

static void
fill_in(void *memory, uint64_t version)
{
    uint64_t *words = memory;
    size_t i;

    for (i = 0; i < SECTOR / sizeof(*words); i++)
        words[i] = version;
}

/* Anything of a version before this one? */
static void
judge(struct mix *mix, const void *memory, size_t length, uint64_t version)
{
    const uint64_t *words = memory;
    size_t i;

    for (i = 0; i < length / sizeof(*words); i++)
        if (words[i] < version) {
            atomic_fetch_add(&mix->older, 1);
            return;
        }
}

/* The ways to the file: plain descriptors, or handles. */
struct ways {
    int direct_fd, buffered_fd;
    struct dbio_context *context;
    struct dbio_file *direct, *buffered;
};

static struct ways
open_ways(const struct mix *mix)
{
    struct ways ways = {.direct_fd = -1, .buffered_fd = -1};

    if (mix->naive) {
        ways.direct_fd = open(mix->path, O_RDWR | O_DIRECT | O_CLOEXEC);
        ways.buffered_fd = open(mix->path, O_RDWR | O_CLOEXEC);
        ck_assert(ways.direct_fd >= 0 && ways.buffered_fd >= 0);
    } else {
        ways.context = t_context();
        ways.direct = t_open(ways.context, mix->path, DBIO_MODE_DIRECT);
        ways.buffered = t_open(ways.context, mix->path, DBIO_MODE_BUFFERED);
    }
    return ways;
}

static void
close_ways(const struct ways *ways)
{
    if (ways->context == NULL) {
        (void)close(ways->direct_fd);
        (void)close(ways->buffered_fd);
        return;
    }
    ck_assert_int_eq(dbio_close(ways->direct), 0);
    ck_assert_int_eq(dbio_close(ways->buffered), 0);
    ck_assert_int_eq(dbio_context_destroy(ways->context), 0);
}

static void
read_back(struct mix *mix, const struct ways *ways, bool direct, void *memory, size_t length,
          off_t offset, uint64_t version)
{
    ssize_t done;

    if (mix->naive)
        done = pread(direct ? ways->direct_fd : ways->buffered_fd, memory, length, offset);
    else
        done = dbio_pread(direct ? ways->direct : ways->buffered, memory, length, offset, 0);
    ck_assert_int_eq(done, (ssize_t)length);
    judge(mix, memory, length, version);
}

/* One direct write to each of some sectors, at a time. */
static void
write_naive(struct io_uring *ring, const struct ways *ways, char *memory, uint64_t version)
{
    struct io_uring_cqe *done;
    unsigned i;

    for (i = 0; i < SECTORS; i++) {
        struct io_uring_sqe *entry = io_uring_get_sqe(ring);

        fill_in(memory + i * SECTOR, version);
        io_uring_prep_write(entry, ways->direct_fd, memory + i * SECTOR, (unsigned)SECTOR,
                            (uint64_t)place_of(i, true));
    }
    ck_assert_int_eq(io_uring_submit(ring), (int)SECTORS);
    for (i = 0; i < SECTORS; i++) {
        ck_assert_int_eq(io_uring_wait_cqe(ring, &done), 0);
        ck_assert_int_eq(done->res, (int)SECTOR);
        io_uring_cqe_seen(ring, done);
    }
}

static void
write_batch(struct dbio_batch *batch, const struct ways *ways, char *memory, uint64_t version)
{
    struct dbio_completion done[SECTORS];
    unsigned i, left = SECTORS;

    for (i = 0; i < SECTORS; i++) {
        fill_in(memory + i * SECTOR, version);
        ck_assert_int_eq(dbio_batch_write(batch, ways->direct, memory + i * SECTOR, SECTOR,
                                          place_of(i, true), 0, i),
                         0);
    }
    ck_assert_int_eq(dbio_batch_submit(batch), (int)SECTORS);
    while (left > 0) {
        int got = dbio_batch_wait(batch, 1, UINT64_MAX, done, left), k;

        ck_assert_int_ge(got, 0);
        for (k = 0; k < got; k++)
            ck_assert_int_eq(done[k].result, (int64_t)SECTOR);
        left -= (unsigned)got;
    }
}

static void
write_direct(struct mix *mix)
{
    char *memory = t_aligned(SECTORS * SECTOR), *page = t_aligned(PAGE);
    struct ways ways = open_ways(mix);
    struct dbio_batch *batch = NULL;
    struct io_uring ring;
    uint64_t version;
    unsigned i;

    if (mix->naive)
        ck_assert_int_eq(io_uring_queue_init(2 * SECTORS, &ring, 0), 0);
    else
        ck_assert_int_eq(dbio_batch_create(ways.context, NULL, &batch), 0);
    for (version = 1; !atomic_load(&mix->stop); version++) {
        if (mix->naive)
            write_naive(&ring, &ways, memory, version);
        else
            write_batch(batch, &ways, memory, version);
        atomic_fetch_add(&mix->direct_writes, SECTORS);
        for (i = 0; i < SECTORS; i += HALF) /* the direct half of a page */
            read_back(mix, &ways, t_random_below(16) == 0, page, HALF * SECTOR, place_of(i, true),
                      version);
    }
    if (mix->naive)
        io_uring_queue_exit(&ring);
    else
        ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    close_ways(&ways);
}

static void
write_buffered(struct mix *mix)
{
    char *memory = t_aligned(PAGE);
    struct ways ways = open_ways(mix);
    uint64_t version;

    for (version = 1; !atomic_load(&mix->stop); version++) {
        off_t offset = place_of((unsigned)t_random_below(SECTORS), false);
        ssize_t done;

        fill_in(memory, version);
        done = mix->naive ? pwrite(ways.buffered_fd, memory, SECTOR, offset)
                          : dbio_pwrite(ways.buffered, memory, SECTOR, offset, 0);
        ck_assert_int_eq(done, (ssize_t)SECTOR);
        atomic_fetch_add(&mix->buffered_writes, 1);
        if (t_random_below(4) == 0)
            read_back(mix, &ways, t_random_below(16) == 0, memory, SECTOR, offset, version);
    }
    close_ways(&ways);
}

static void *
run_direct(void *mix)
{
    t_random_start(t_seed() + 1);
    write_direct(mix);
    return NULL;
}

static void *
run_buffered(void *mix)
{
    t_random_start(t_seed() + 2);
    write_buffered(mix);
    return NULL;
}

static void
let_time_pass(struct mix *mix)
{
    struct timespec step = {0, 10000000};
    int steps;

    for (steps = (int)(100 * mix->seconds); steps > 0; steps--)
        nanosleep(&step, NULL);
    atomic_store(&mix->stop, true);
}

/* A file of its own for each: what the kernel finds wrong with the naive mix, it says to whoever syncs
 * the file next. */
static void
make_file(const struct mix *mix)
{
    void *zeroes = t_aligned(PAGES * PAGE);
    int fd;

    (void)unlink(mix->path);
    fd = open(mix->path, O_RDWR | O_CREAT | O_EXCL, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, zeroes, PAGES * PAGE), (ssize_t)(PAGES * PAGE));
    ck_assert_int_eq(fsync(fd), 0);
    (void)close(fd);
}

/* The buffered writer is another thread, or another process. */
static uint64_t
run_mix(struct mix *mix, bool naive, bool processes)
{
    pthread_t direct, buffered;
    pid_t child = 0;
    int status = 0;

    mix->naive = naive;
    mix->older = mix->direct_writes = mix->buffered_writes = 0;
    mix->stop = false;
    make_file(mix);
    if (processes) {
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            (void)run_buffered(mix);
            _exit(0);
        }
    } else {
        ck_assert_int_eq(pthread_create(&buffered, NULL, run_buffered, mix), 0);
    }
    ck_assert_int_eq(pthread_create(&direct, NULL, run_direct, mix), 0);
    let_time_pass(mix);
    ck_assert_int_eq(pthread_join(direct, NULL), 0);
    if (processes)
        ck_assert_int_eq(waitpid(child, &status, 0), child);
    else
        ck_assert_int_eq(pthread_join(buffered, NULL), 0);
    ck_assert_int_eq(status, 0);
    printf("%s, %s: %" PRIu64 " direct, %" PRIu64 " buffered writes, %" PRIu64 " read back older\n",
           processes ? "two processes" : "two threads", naive ? "naive" : "dbio",
           atomic_load(&mix->direct_writes), atomic_load(&mix->buffered_writes),
           atomic_load(&mix->older));
    fflush(stdout);
    ck_assert(mix->direct_writes > 0 && mix->buffered_writes > 0);
    return mix->older;
}

static struct mix *
make_mix(const char *directory)
{
    const char *wish = getenv("DBIO_TEST_SECONDS");
    struct mix *mix =
        mmap(NULL, sizeof(*mix), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(mix, MAP_FAILED);
    mix->seconds = (wish != NULL ? atof(wish) : SECONDS) / 4 / (t_filesystems_count() + 1);
    (void)snprintf(mix->path, sizeof(mix->path), "%s", t_path(directory, "mix"));
    return mix;
}

static void
compare(const char *directory, bool processes)
{
    struct mix *mix = make_mix(directory);
    uint64_t naive;

    if (!processes) { /* it stands for any ring: is there one? */
        struct io_uring ring;

        if (io_uring_queue_init(4, &ring, 0) != 0)
            t_skip("io_uring is refused here");
        io_uring_queue_exit(&ring);
    }
    naive = run_mix(mix, true, processes);
    ck_assert_uint_eq(run_mix(mix, false, processes), 0);
    if (naive == 0)
        t_skip("void: the naive mix read nothing older back");
}

START_TEST(nothing_older_is_read_back_in_one_process)
{
    T_DIRECT_OR_SKIP(where);
    compare(where->directory, false);
}
END_TEST

START_TEST(nothing_older_is_read_back_in_two_processes)
{
    T_DIRECT_OR_SKIP(where);
    compare(where->directory, true);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("async");
    TCase *cases = tcase_create("async");

    tcase_set_timeout(cases, 300);
    t_add_direct_test(cases, nothing_older_is_read_back_in_one_process);
    t_add_direct_test(cases, nothing_older_is_read_back_in_two_processes);
    suite_add_tcase(suite, cases);
    return suite;
}
