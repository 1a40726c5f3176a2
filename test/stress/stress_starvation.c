/*
 * stress_starvation.c - thirty-two processes of one kind in a loop, one of the other kind between.
 *
 * All write the same pages, so every request of the one conflicts with every request of the many.
 * First come, first served: the one gets through each time. How long its writes took is printed
 * (the longest, what 99.9 % stayed under, and how much of it was waiting for others: a "direct"
 * write to cached pages also waits for their writeback); asserted is that it got through, often.
 *
 * DBIO_TEST_SECONDS: for all cases together.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "t_dbio.h"

#define PAGE    ((size_t)4096)
#define RANGE   (4 * PAGE)
#define MANY    32
#define SECONDS 4
#define SAMPLES 100000u
/* Requests of the one, however long they take; Check's time limit ends a run in which it starves. */
#define LEAST 20u

static _Atomic uint64_t *turns; /* of the many, in shared memory */

static double
seconds_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
write_for_ever(const char *path, enum dbio_mode mode)
{
    struct dbio_context *context = NULL;
    struct dbio_file_options options = {.size = sizeof(options), .mode = mode};
    struct dbio_file *file = NULL;
    void *memory;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    memory = t_aligned(RANGE);
    if (dbio_context_create(NULL, &context) != 0 ||
        dbio_open(context, path, O_RDWR, 0, &options, &file) != 0)
        _exit(2);
    for (;;) {
        if (dbio_pwrite(file, memory, RANGE, 0, 0) != (ssize_t)RANGE)
            _exit(3);
        atomic_fetch_add(turns, 1);
    }
}

static int
compare(const void *a, const void *b)
{
    double one = *(const double *)a, two = *(const double *)b;

    return (one > two) - (one < two);
}

/* The one: its waits, sorted; how many. */
static uint32_t
write_between(struct dbio_file *file, double seconds, double *waits)
{
    double end = seconds_now() + seconds;
    void *memory = t_aligned(RANGE);
    uint32_t count = 0;

    while (count < SAMPLES && (count < LEAST || seconds_now() < end)) {
        double begin = seconds_now();

        ck_assert_int_eq(dbio_pwrite(file, memory, RANGE, 0, 0), (ssize_t)RANGE);
        waits[count++] = seconds_now() - begin;
    }
    free(memory);
    qsort(waits, count, sizeof(*waits), compare);
    return count;
}

static double
seconds_each(void)
{
    const char *wish = getenv("DBIO_TEST_SECONDS");

    return (wish != NULL ? atof(wish) : SECONDS) / (2 * t_filesystems_count());
}

static void
run_one_among_many(const struct t_filesystem *filesystem, enum dbio_mode one, enum dbio_mode many)
{
    static double waits[SAMPLES];
    struct t_rig rig = t_rig(filesystem->directory, one, RANGE);
    pid_t crowd[MANY];
    uint32_t count, i;

    turns = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(turns, MAP_FAILED);
    for (i = 0; i < MANY; i++) {
        crowd[i] = fork();
        ck_assert_int_ge(crowd[i], 0);
        if (crowd[i] == 0)
            write_for_ever(rig.path, many);
    }
    while (atomic_load(turns) < MANY)
        usleep(1000);
    count = write_between(rig.file, seconds_each(), waits);
    for (i = 0; i < MANY; i++) {
        (void)kill(crowd[i], SIGKILL);
        ck_assert_int_eq(waitpid(crowd[i], NULL, 0), crowd[i]);
    }
    printf("%s: one %s writer among %d %s ones: %u writes against %" PRIu64
           ", 99.9 %% under %.1f ms, longest %.1f ms; longest wait for others %.1f ms\n",
           filesystem->name, one == DBIO_MODE_DIRECT ? "direct" : "buffered", MANY,
           many == DBIO_MODE_DIRECT ? "direct" : "buffered", count, atomic_load(turns),
           1e3 * waits[(uint64_t)count * 999 / 1000], 1e3 * waits[count - 1],
           (double)t_stat(rig.context, DBIO_STAT_WAIT_NS_MAX) / 1e6);
    fflush(stdout);
    ck_assert_uint_ge(count, LEAST);
    ck_assert_uint_gt(t_stat(rig.context, DBIO_STAT_WAITS), 0);
    t_close(rig.context, rig.file);
}

START_TEST(one_buffered_writer_gets_through_among_thirty_two_direct_ones)
{
    T_DIRECT_OR_SKIP(filesystem);
    run_one_among_many(filesystem, DBIO_MODE_BUFFERED, DBIO_MODE_DIRECT);
}
END_TEST

START_TEST(one_direct_writer_gets_through_among_thirty_two_buffered_ones)
{
    T_DIRECT_OR_SKIP(filesystem);
    run_one_among_many(filesystem, DBIO_MODE_DIRECT, DBIO_MODE_BUFFERED);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("stress_starvation");
    TCase *cases = tcase_create("starvation");

    tcase_set_timeout(cases, 240);
    t_add_direct_test(cases, one_buffered_writer_gets_through_among_thirty_two_direct_ones);
    t_add_direct_test(cases, one_direct_writer_gets_through_among_thirty_two_buffered_ones);
    suite_add_tcase(suite, cases);
    return suite;
}
