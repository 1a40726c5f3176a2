/*
 * stress_fork.c - a parent and its children at work on one file they had open before the fork.
 *
 * Round after round a parent with one thread forks; each process writes and reads only its own
 * stripes, aligned and not,
 * and finds in them what it wrote; in the end the parent finds in all of them what everyone
 * wrote, by doing it again on an array. And a child that is born while another thread of its parent has a
 * request in flight begins with none announced.
 *
 * DBIO_TEST_SECONDS: for all file systems together.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/inflight.h"
#include "engine/membership.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"
#include "t_hold.h"
#include "t_model.h"

#define SECONDS   8
#define PROCESSES 4u
#define STRIPE    ((size_t)65536) /* more than a block of any file system */
#define STRIPES   (PROCESSES * 8u)
#define SIZE      (STRIPES * STRIPE)
#define REQUESTS  40u
#define MODES     4u

struct request {
    bool write, durable;
    uint64_t offset;
    size_t length, skew;
    uint64_t seed;
};

/* The next request of the process `who`, in one of its stripes. */
static struct request
next_request(unsigned who)
{
    uint64_t stripe = t_random_below(STRIPES / PROCESSES) * PROCESSES + who;
    uint64_t unit = t_random_below(2) ? 4096 : 1;
    uint64_t begin = t_random_below(STRIPE) / unit * unit;
    uint64_t length = (t_random_below(STRIPE - begin) / unit + 1) * unit;
    struct request request = {.write = t_random_below(3) != 0,
                              .durable = t_random_below(16) == 0,
                              .offset = stripe * STRIPE + begin,
                              .length = (size_t)(length < STRIPE - begin ? length : STRIPE - begin),
                              .skew = t_random_below(4) ? 0 : 1,
                              .seed = t_random()};

    return request;
}

static void
apply(struct t_model *model, const struct request *request)
{
    void *bytes = t_patterned(request->length, request->seed, request->offset);

    t_model_pwrite(model, bytes, request->length, request->offset);
    free(bytes);
}

/* What is not there after its own writes is an exit status: a child asserts nothing. */
static int
work(unsigned who, uint64_t seed, struct dbio_file *file, struct t_model *model)
{
    unsigned char *memory = t_aligned(STRIPE + 1);
    int result = 0;
    unsigned i;

    t_random_start(seed + who);
    for (i = 0; i < REQUESTS && result == 0; i++) {
        struct request request = next_request(who);
        unsigned char *bytes = memory + request.skew;
        ssize_t done;

        if (request.write) {
            t_pattern_fill(bytes, request.length, request.seed, request.offset);
            done = dbio_pwrite(file, bytes, request.length, (off_t)request.offset,
                               request.durable ? DBIO_DURABLE : 0);
            apply(model, &request);
        } else {
            done = dbio_pread(file, bytes, request.length, (off_t)request.offset, 0);
        }
        if (done != (ssize_t)request.length)
            result = 2;
        else if (memcmp(bytes, model->bytes + request.offset, request.length) != 0)
            result = 3;
    }
    free(memory);
    return result;
}

static int
be_child(unsigned who, uint64_t seed, struct dbio_file *file, struct t_model *model)
{
    int result;

    result = work(who, seed, file, model);
    return result == 0 && dbio_fdatasync(file) != 0 ? 5 : result;
}

/* Does on the array what the process has done to the file. */
static void
repeat(unsigned who, uint64_t seed, struct t_model *model)
{
    unsigned i;

    t_random_start(seed + who);
    for (i = 0; i < REQUESTS; i++) {
        struct request request = next_request(who);

        if (request.write)
            apply(model, &request);
    }
}

static void
run_round(struct dbio_file *file, struct t_model *model, uint64_t seed, const char *path)
{
    pid_t children[PROCESSES];
    unsigned who;
    int status;

    for (who = 1; who < PROCESSES; who++) {
        children[who] = fork();
        ck_assert_int_ge(children[who], 0);
        if (children[who] == 0)
            _exit(be_child(who, seed, file, model));
    }
    ck_assert_int_eq(work(0, seed, file, model), 0);
    for (who = 1; who < PROCESSES; who++) {
        ck_assert_int_eq(waitpid(children[who], &status, 0), children[who]);
        ck_assert_msg(status == 0, "child %u of seed %" PRIu64 ": status 0x%x", who, seed, status);
        repeat(who, seed, model);
    }
    t_model_verify(model, path);
}

static double
seconds_now(void)
{
    struct timespec now;

    ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double
seconds_each(void)
{
    const char *wish = getenv("DBIO_TEST_SECONDS");

    return (wish != NULL ? atof(wish) : SECONDS) / t_filesystems_count();
}

START_TEST(parent_and_children_each_find_their_bytes_on_a_file_opened_before_the_fork)
{
    const struct t_filesystem *filesystem = &t_filesystems()[_i];
    const char *path = t_path(filesystem->directory, "fork");
    double end = seconds_now() + seconds_each();
    struct dbio_context *context = t_context();
    struct dbio_file *files[MODES];
    struct t_model model;
    unsigned rounds = 0, mode;

    close(t_file_make(path, T_SEED, SIZE));
    t_model_init(&model);
    t_model_pwrite(&model, t_patterned(SIZE, T_SEED, 0), SIZE, 0);
    for (mode = 0; mode < MODES; mode++)
        files[mode] = t_open(context, path, (enum dbio_mode)mode);
    /* One mode for all of them in a round: readahead of a buffered reader in one process is
     * not tracked against direct writes in another. */
    while (rounds < MODES || seconds_now() < end) {
        run_round(files[rounds % MODES], &model, t_seed() + rounds * PROCESSES, path);
        rounds++;
    }
    printf("%s: %u rounds of %u processes, %u requests each\n", filesystem->name, rounds, PROCESSES,
           REQUESTS);
    fflush(stdout);
    for (mode = 0; mode < MODES; mode++)
        ck_assert_int_eq(dbio_close(files[mode]), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    t_model_fini(&model);
}
END_TEST

static long
write_page(void *argument)
{
    return dbio_pwrite(argument, t_aligned(T_PAGE), T_PAGE, 0, 0);
}

/* The child has nothing outstanding, but its parent has: it waits for that like for anyone's. */
static int
write_beside(struct dbio_context *context, struct dbio_file *buffered)
{
    char byte = 1;

    if (dbio_pwrite(buffered, &byte, 1, 8 * T_PAGE, 0) != 1)
        return 1;
    if (dbio_pwrite(buffered, &byte, 1, 0, DBIO_NOWAIT) != -EAGAIN)
        return 2;
    return t_stat(context, DBIO_STAT_WAITS) != 0 ? 3 : 0;
}

START_TEST(a_child_born_beside_a_request_in_flight_begins_without_it)
{
    T_DIRECT_OR_SKIP(filesystem);
    struct t_rig rig = t_rig(filesystem->directory, DBIO_MODE_DIRECT, 64 * 1024);
    struct dbio_file *buffered = t_open(rig.context, rig.path, DBIO_MODE_BUFFERED);
    struct t_job job;
    int status;
    pid_t child;

    t_hold_arm(DBIO_SYS_PWRITE, true);
    t_job_start(&job, write_page, rig.file);
    t_hold_wait();
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 1);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(write_beside(rig.context, buffered));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 1);
    t_hold_release();
    ck_assert_int_eq(t_job_join(&job), (long)T_PAGE);
    t_fault_disarm();
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
    ck_assert_int_eq(dbio_close(buffered), 0);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("stress_fork");
    TCase *cases = tcase_create("fork");

    tcase_set_timeout(cases, 120);
    t_add_filesystem_test(
        cases, parent_and_children_each_find_their_bytes_on_a_file_opened_before_the_fork);
    t_add_direct_test(cases, a_child_born_beside_a_request_in_flight_begins_without_it);
    suite_add_tcase(suite, cases);
    return suite;
}
