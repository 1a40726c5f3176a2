/*
 * test_api_join.c - writes side by side in one submission: they go as one, and each is answered for
 * itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB   ((size_t)1024)
#define PIECE (8 * KIB)
#define MANY  32u
#define SIZE  (4096 * KIB)
#define NEVER UINT64_MAX

static struct t_rig rig;
static struct dbio_batch *batch;

static void
begin(const char *directory, bool threads)
{
    struct dbio_batch_options options = {.size = sizeof(options), .depth = 512};

    rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);
    if (threads)
        ck_assert_int_eq(setenv("DBIO_BACKEND", "threads", 1), 0);
    ck_assert_int_eq(dbio_batch_create(rig.context, &options, &batch), 0);
    ck_assert_int_eq(unsetenv("DBIO_BACKEND"), 0);
}

static void
end(void)
{
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
}

static void
prepare(size_t length, uint64_t offset, void *memory, unsigned flags, uint64_t user_data)
{
    t_pattern_fill(memory, length, T_NEW, offset);
    ck_assert_int_eq(
        dbio_batch_write(batch, rig.file, memory, length, (off_t)offset, flags, user_data), 0);
}

/* Submits, and waits for all; every one must have come to `length`. */
static void
carry_out(unsigned count, size_t length)
{
    struct dbio_completion done[512];
    bool seen[512] = {false};
    unsigned i, left = count;

    ck_assert_int_eq(dbio_batch_submit(batch), (int)count);
    while (left > 0) {
        int got = dbio_batch_wait(batch, left, NEVER, done, 512);

        ck_assert_int_gt(got, 0);
        for (i = 0; i < (unsigned)got; i++) {
            ck_assert_uint_lt(done[i].user_data, 512);
            ck_assert(!seen[done[i].user_data]);
            seen[done[i].user_data] = true;
            ck_assert_int_eq(done[i].result, (int64_t)length);
            ck_assert_uint_eq(done[i].route, DBIO_ROUTE_DIRECT);
        }
        left -= (unsigned)got;
    }
}

/* Requests that got to the ring or to a worker. */
static uint64_t
trips(void)
{
    return t_stat(rig.context, DBIO_STAT_BATCH_RING) + t_stat(rig.context, DBIO_STAT_BATCH_CREW);
}

START_TEST(neighbours_make_one_trip_and_are_counted_and_answered_each)
{
    T_DIRECT_OR_SKIP(where);
    int way;

    for (way = 0; way < 4; way++) {
        unsigned char *memory = t_aligned(2 * MANY * PIECE);
        size_t gap = (way & 1) != 0 ? 2 * PIECE : PIECE; /* memory side by side, or not */
        unsigned i;

        begin(where->directory, (way & 2) != 0);
        for (i = 0; i < MANY; i++)
            prepare(PIECE, i * PIECE, memory + i * gap, 0, i);
        carry_out(MANY, PIECE);
        ck_assert_uint_eq(trips(), 1);
        ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WRITES), MANY);
        ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WRITE_BYTES), MANY * PIECE);
        ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT), MANY);
        ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), MANY);
        end();
        t_verify_new(rig.path, MANY * PIECE, 0);
    }
}
END_TEST

START_TEST(what_is_not_a_neighbour_or_not_alike_goes_by_itself)
{
    T_DIRECT_OR_SKIP(where);
    unsigned char *memory = t_aligned(64 * PIECE);
    unsigned n = 0;

    begin(where->directory, false);
    prepare(PIECE, 0, memory, 0, n++); /* a hole behind it */
    prepare(PIECE, 2 * PIECE, memory + PIECE, 0, n++);
    prepare(PIECE, PIECE, memory + 2 * PIECE, 0, n++); /* not behind, before */
    carry_out(n, PIECE);
    ck_assert_uint_eq(trips(), 3);
    n = 0;
    prepare(PIECE, 8 * PIECE, memory, DBIO_DURABLE, n++);
    prepare(PIECE, 9 * PIECE, memory + PIECE, 0, n++);
    prepare(PIECE, 10 * PIECE, memory + 2 * PIECE, DBIO_LINK, n++);
    prepare(PIECE, 11 * PIECE, memory + 3 * PIECE, 0, n++);
    carry_out(n, PIECE);
    ck_assert_uint_eq(trips(), 7);
    n = 0;
    prepare(PIECE, 16 * PIECE, memory, DBIO_DURABLE, n++);
    prepare(PIECE, 17 * PIECE, memory + PIECE, DBIO_DURABLE, n++);
    carry_out(n, PIECE);
    ck_assert_uint_eq(trips(), 8);
    end();
    t_file_verify(rig.path, T_NEW, 0, 3 * PIECE);
    t_file_verify(rig.path, T_NEW, 8 * PIECE, 4 * PIECE);
    t_file_verify(rig.path, T_NEW, 16 * PIECE, 2 * PIECE);
}
END_TEST

START_TEST(a_run_is_cut_where_it_gets_long)
{
    T_DIRECT_OR_SKIP(where);
    unsigned char *memory = t_aligned(384 * PIECE);
    unsigned i;

    begin(where->directory, false);
    for (i = 0; i < 384; i++) /* 3 MiB */
        prepare(PIECE, i * PIECE, memory + i * PIECE, 0, i);
    carry_out(384, PIECE);
    ck_assert_uint_eq(trips(), 3);
    end();
    t_verify_new(rig.path, 384 * PIECE, 0);
}
END_TEST

START_TEST(cached_pages_in_the_run_send_it_through_the_cache_and_nothing_is_old)
{
    T_DIRECT_OR_SKIP(where);
    unsigned char *memory = t_aligned(MANY * PIECE);
    struct dbio_completion done[MANY];
    unsigned i;

    begin(where->directory, false);
    t_cache_warm(rig.path, 5 * PIECE, PIECE);
    for (i = 0; i < MANY; i++)
        prepare(PIECE, i * PIECE, memory + i * PIECE, 0, i);
    ck_assert_int_eq(dbio_batch_submit(batch), (int)MANY);
    ck_assert_int_eq(dbio_batch_wait(batch, MANY, NEVER, done, MANY), (int)MANY);
    for (i = 0; i < MANY; i++) {
        ck_assert_int_eq(done[i].result, (int64_t)PIECE);
        ck_assert_uint_eq(done[i].route, DBIO_ROUTE_BUFFERED_FLUSH);
    }
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED_FLUSH), MANY);
    end();
    t_verify_new(rig.path, MANY * PIECE, 0);
}
END_TEST

START_TEST(one_of_a_run_is_not_cancelled_for_another)
{
    T_DIRECT_OR_SKIP(where);
    unsigned char *memory = t_aligned(MANY * PIECE);
    struct dbio_completion done[MANY];
    unsigned i;

    begin(where->directory, false);
    for (i = 0; i < MANY; i++)
        prepare(PIECE, i * PIECE, memory + i * PIECE, 0, i);
    ck_assert_int_eq(dbio_batch_cancel(batch, 7), 0); /* before it begins, any can be */
    ck_assert_int_eq(dbio_batch_submit(batch), (int)MANY - 1);
    ck_assert_int_eq(dbio_batch_cancel(batch, 0), -EALREADY);
    ck_assert_int_eq(dbio_batch_cancel(batch, 20), -EALREADY);
    ck_assert_int_eq(dbio_batch_wait(batch, MANY, NEVER, done, MANY), (int)MANY);
    for (i = 0; i < MANY; i++)
        ck_assert_int_eq(done[i].result, done[i].user_data == 7 ? -ECANCELED : (int64_t)PIECE);
    end();
    t_file_verify(rig.path, T_NEW, 0, 7 * PIECE);
    t_file_verify(rig.path, T_SEED, 7 * PIECE, PIECE);
    t_file_verify(rig.path, T_NEW, 8 * PIECE, (MANY - 8) * PIECE);
}
END_TEST

START_TEST(a_file_in_role_temp_is_loaded_past_the_cache_by_batches)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file_options options = {.size = sizeof(options), .role = DBIO_ROLE_TEMP};
    unsigned char *memory = t_aligned(128 * PIECE);
    struct dbio_completion done[128];
    struct dbio_file *file;
    unsigned i, round;

    begin(where->directory, false);
    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDWR, 0, &options, &file), 0);
    for (round = 0; round < 4; round++) {
        for (i = 0; i < 128; i++) {
            uint64_t offset = (round * 128 + i) * PIECE;

            t_pattern_fill(memory + i * PIECE, PIECE, T_NEW, offset);
            ck_assert_int_eq(
                dbio_batch_write(batch, file, memory + i * PIECE, PIECE, (off_t)offset, 0, i), 0);
        }
        ck_assert_int_eq(dbio_batch_submit(batch), 128);
        ck_assert_int_eq(dbio_batch_wait(batch, 128, NEVER, done, 128), 128);
    }
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_uint_eq(t_cache_pages(rig.path, 0, SIZE), 0);
    end();
    t_verify_new(rig.path, SIZE, 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("join");
    TCase *cases = tcase_create("join");

    t_add_direct_test(cases, neighbours_make_one_trip_and_are_counted_and_answered_each);
    t_add_direct_test(cases, what_is_not_a_neighbour_or_not_alike_goes_by_itself);
    t_add_direct_test(cases, a_run_is_cut_where_it_gets_long);
    t_add_direct_test(cases, cached_pages_in_the_run_send_it_through_the_cache_and_nothing_is_old);
    t_add_direct_test(cases, one_of_a_run_is_not_cancelled_for_another);
    t_add_direct_test(cases, a_file_in_role_temp_is_loaded_past_the_cache_by_batches);
    suite_add_tcase(suite, cases);
    return suite;
}
