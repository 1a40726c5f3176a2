/*
 * test_api_batch.c - dbio_batch: what synchronous calls promise, promised of many at once, by a ring
 * and by threads; order, limits, cancelling, misuse, fork, teardown.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"
#include "t_model.h"

#define KIB   ((size_t)1024)
#define SIZE  (1024 * KIB)
#define DEPTH 64
#define NEVER UINT64_MAX

/* Odd runs of a looped case: by threads alone. */
static struct dbio_batch *
batch_of(struct dbio_context *context, unsigned depth, bool threads)
{
    struct dbio_batch_options options = {.size = sizeof(options), .depth = depth};
    struct dbio_batch *batch = NULL;

    if (threads)
        ck_assert_int_eq(setenv("DBIO_BACKEND", "threads", 1), 0);
    ck_assert_int_eq(dbio_batch_create(context, &options, &batch), 0);
    ck_assert_int_eq(unsetenv("DBIO_BACKEND"), 0);
    ck_assert(threads == (strncmp(dbio_batch_describe(batch), "threads", 7) == 0) || !threads);
    return batch;
}

/* The one completion that there will be. */
static struct dbio_completion
only(struct dbio_batch *batch)
{
    struct dbio_completion one;

    ck_assert_int_eq(dbio_batch_submit(batch), 1);
    ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, &one, 1), 1);
    return one;
}

/* A depth of random transfers that do not overlap, compared with the model. */
static void
transfer_many(struct dbio_batch *batch, struct dbio_file *file, struct t_model *model)
{
    const size_t lane = SIZE / DEPTH;
    unsigned char *memory[DEPTH];
    size_t length[DEPTH], offset[DEPTH];
    bool write[DEPTH];
    int i, left = DEPTH;

    for (i = 0; i < DEPTH; i++) {
        bool aligned = t_random_below(2) == 0;
        size_t unit = aligned ? 4096 : 1, room = lane / unit, at = t_random_below(room);

        length[i] = (1 + t_random_below(room - at)) * unit;
        offset[i] = (size_t)i * lane + at * unit;
        write[i] = t_random_below(2) == 0;
        memory[i] = (unsigned char *)t_aligned(length[i] + 1) + (aligned ? 0 : t_random_below(2));
        t_pattern_fill(memory[i], length[i], t_random(), offset[i]);
        ck_assert_int_eq(write[i] ? dbio_batch_write(batch, file, memory[i], length[i],
                                                     (off_t)offset[i], 0, (uint64_t)i)
                                  : dbio_batch_read(batch, file, memory[i], length[i],
                                                    (off_t)offset[i], 0, (uint64_t)i),
                         0);
    }
    ck_assert_int_eq(dbio_batch_submit(batch), DEPTH);
    while (left > 0) {
        struct dbio_completion some[7];
        int got = dbio_batch_wait(batch, 1, NEVER, some, 7), k;

        ck_assert_int_gt(got, 0);
        for (k = 0; k < got; k++) {
            int at = (int)some[k].user_data;

            ck_assert_int_eq(some[k].result, (int64_t)length[at]);
            ck_assert_uint_ne(some[k].route, DBIO_ROUTE_NONE);
            if (write[at])
                t_model_pwrite(model, memory[at], length[at], offset[at]);
            else
                t_model_verify_read(model, memory[at], length[at], some[k].result, offset[at]);
        }
        left -= got;
    }
    ck_assert_int_eq(left, 0);
}

START_TEST(many_transfers_of_every_shape_are_as_the_model_says)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    unsigned char *image = t_aligned(SIZE);
    unsigned mode, threads;

    for (mode = 0; mode < 4; mode++)
        for (threads = 0; threads < 2; threads++) {
            struct t_rig rig = t_rig(where->directory, (enum dbio_mode)mode, SIZE);
            struct dbio_batch *batch = batch_of(rig.context, DEPTH, threads);
            struct t_model model;
            int round;

            t_model_init(&model);
            t_pattern_fill(image, SIZE, T_SEED, 0);
            t_model_pwrite(&model, image, SIZE, 0);
            for (round = 0; round < 6; round++)
                transfer_many(batch, rig.file, &model);
            ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_READS) +
                                  t_stat(rig.context, DBIO_STAT_WRITES),
                              6 * DEPTH);
            ck_assert(threads != 0 || mode == DBIO_MODE_DONTCACHE ||
                      t_stat(rig.context, DBIO_STAT_BATCH_RING) > 0 ||
                      strncmp(dbio_batch_describe(batch), "threads", 7) == 0);
            ck_assert(threads == 0 || t_stat(rig.context, DBIO_STAT_BATCH_CREW) >= 5 * DEPTH);
            ck_assert_int_eq(dbio_batch_destroy(batch), 0);
            t_close(rig.context, rig.file);
            t_model_verify(&model, rig.path);
            t_model_fini(&model);
        }
}
END_TEST

START_TEST(a_write_to_cached_pages_goes_through_them_and_is_flushed)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = batch_of(rig.context, 4, false);
    void *page = t_patterned(T_PAGE, T_NEW, 4 * T_PAGE);
    struct dbio_completion one;

    t_cache_warm(rig.path, 0, SIZE);
    ck_assert_int_eq(dbio_batch_write(batch, rig.file, page, T_PAGE, (off_t)(4 * T_PAGE), 0, 1), 0);
    one = only(batch);
    ck_assert_int_eq(one.result, (int64_t)T_PAGE);
    ck_assert_uint_eq(one.route, DBIO_ROUTE_BUFFERED_FLUSH);
    ck_assert_uint_eq(one.reason, DBIO_REASON_RANGE_CACHED);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
    t_verify_new(rig.path, T_PAGE, 4 * T_PAGE);
}
END_TEST

START_TEST(the_end_of_the_file_ends_a_read)
{
    struct t_rig rig =
        t_rig(t_scratch(), _i % 2 == 0 ? DBIO_MODE_DIRECT : DBIO_MODE_BUFFERED, 10000);
    struct dbio_batch *batch = batch_of(rig.context, 4, _i >= 2);
    void *memory = t_aligned(4 * T_PAGE);

    ck_assert_int_eq(dbio_batch_read(batch, rig.file, memory, 4 * T_PAGE, 0, 0, 1), 0);
    ck_assert_int_eq(only(batch).result, 10000);
    ck_assert_int_eq(dbio_batch_read(batch, rig.file, memory, T_PAGE, (off_t)(4 * T_PAGE), 0, 2),
                     0);
    ck_assert_int_eq(only(batch).result, 0);
    ck_assert_int_eq(dbio_batch_read(batch, rig.file, memory, 0, 0, 0, 3), 0);
    ck_assert_int_eq(only(batch).result, 0);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(links_are_followed_in_order_and_a_failure_ends_the_chain)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = batch_of(rig.context, 8, _i == 1);
    unsigned char *memory = t_aligned(8 * T_PAGE), *back = t_aligned(8 * T_PAGE);
    struct dbio_completion all[8];
    int i;

    for (i = 0; i < 3; i++) { /* each over the last */
        memset(memory + (size_t)i * T_PAGE, 'a' + i, T_PAGE);
        ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory + (size_t)i * T_PAGE, T_PAGE, 0,
                                          DBIO_LINK, (uint64_t)i),
                         0);
    }
    ck_assert_int_eq(dbio_batch_fdatasync(batch, rig.file, DBIO_LINK, 3), 0);
    ck_assert_int_eq(dbio_batch_read(batch, rig.file, back, T_PAGE, 0, 0, 4), 0);
    ck_assert_int_eq(dbio_batch_submit(batch), 5);
    ck_assert_int_eq(dbio_batch_wait(batch, 5, NEVER, all, 8), 5);
    for (i = 0; i < 5; i++) {
        ck_assert_uint_eq(all[i].user_data, (uint64_t)i);
        ck_assert_int_eq(all[i].result, i == 3 ? 0 : (int64_t)T_PAGE);
    }
    ck_assert_int_eq(memcmp(back, memory + 2 * T_PAGE, T_PAGE), 0);
    /* A read that is cut short by the end is not all that was asked. */
    ck_assert_int_eq(
        dbio_batch_read(batch, rig.file, back, 2 * T_PAGE, (off_t)(SIZE - T_PAGE), DBIO_LINK, 10),
        0);
    ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory, T_PAGE, 0, DBIO_LINK, 11), 0);
    ck_assert_int_eq(dbio_batch_allocate(batch, rig.file, 0, 4096, 0, 12), 0);
    ck_assert_int_eq(dbio_batch_submit(batch), 3);
    ck_assert_int_eq(dbio_batch_wait(batch, 3, NEVER, all, 8), 3);
    ck_assert_int_eq(all[0].result, (int64_t)T_PAGE);
    ck_assert_int_eq(all[1].result, -ECANCELED);
    ck_assert_int_eq(all[2].result, -ECANCELED);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* A span in another thread's hand keeps a request waiting: the submitter goes on meanwhile. */
START_TEST(who_has_to_wait_does_not_keep_the_submitter_waiting)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = batch_of(rig.context, 8, _i == 1);
    void *memory = t_patterned(T_PAGE, T_NEW, 0), *other = t_aligned(T_PAGE);
    struct dbio_span span;
    struct dbio_completion one;

    ck_assert_int_eq(
        dbio_span_begin(rig.file, DBIO_CLASS_BUFFERED_WRITE, 0, (off_t)T_PAGE, 0, &span), 0);
    ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory, T_PAGE, 0, 0, 1), 0);
    ck_assert_int_eq(dbio_batch_read(batch, rig.file, other, T_PAGE, (off_t)(8 * T_PAGE), 0, 2), 0);
    ck_assert_int_eq(dbio_batch_submit(batch), 2);
    ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, &one, 1), 1);
    ck_assert_uint_eq(one.user_data, 2);
    ck_assert_int_eq(dbio_batch_wait(batch, 1, 50000000, &one, 1), 0);
    ck_assert_int_eq(dbio_close(rig.file), -EBUSY);
    ck_assert_int_eq(dbio_span_end(rig.file, &span), 0);
    ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, &one, 1), 1);
    ck_assert_int_eq(one.result, (int64_t)T_PAGE);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
    t_verify_new(rig.path, T_PAGE, 0);
}
END_TEST

/* Requests are prepared and cancelled, so that they end in any order we like. */
START_TEST(each_file_of_a_batch_stays_open_until_the_last_request_of_it_is_done)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_AUTO, SIZE);
    struct dbio_file *files[3] = {rig.file};
    struct dbio_batch *batch = NULL;
    unsigned left[3] = {0, 0, 0};
    uint64_t order[9];
    unsigned i;
    char byte[1];

    ck_assert_int_eq(dbio_batch_create(rig.context, NULL, &batch), 0);
    for (i = 1; i < 3; i++)
        ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDWR, 0, NULL, &files[i]), 0);
    for (i = 0; i < 9; i++) {
        order[i] = i;
        ck_assert_int_eq(dbio_batch_read(batch, files[i % 3], byte, 1, 0, 0, i), 0);
        left[i % 3]++;
    }
    for (i = 8; i > 0; i--) {
        uint64_t k = t_random_below(i + 1), at = order[k];

        order[k] = order[i];
        order[i] = at;
    }
    for (i = 0; i < 9; i++) {
        unsigned of = (unsigned)(order[i] % 3);

        ck_assert_int_eq(dbio_close(files[of]), -EBUSY);
        ck_assert_int_eq(dbio_batch_cancel(batch, order[i]), 0);
        if (--left[of] == 0)
            ck_assert_int_eq(dbio_close(files[of]), 0);
    }
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

/* The batch's requests have completed, nobody has looked: a call that they keep waiting must. */
START_TEST(a_thread_does_not_wait_for_its_own_completions)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = batch_of(rig.context, 8, false);
    void *memory = t_patterned(T_PAGE, T_NEW, 0);
    struct dbio_completion one;

    ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory, T_PAGE, 0, 0, 1), 0);
    ck_assert_int_eq(dbio_batch_submit(batch), 1);
    ck_assert_int_eq(dbio_allocate(rig.file, 0, (off_t)T_PAGE, 0), 0); /* alone, so after it */
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_BATCH_CREW), 0);
    ck_assert_int_eq(dbio_batch_peek(batch, &one, 1), 1);
    ck_assert_int_eq(one.result, (int64_t)T_PAGE);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
    t_verify_new(rig.path, T_PAGE, 0);
}
END_TEST

START_TEST(what_can_be_cancelled_says_so_and_what_cannot_too)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = batch_of(rig.context, 8, _i == 1);
    void *memory = t_patterned(T_PAGE, T_NEW, 0);
    struct dbio_completion all[8];
    int i, got;

    ck_assert_int_eq(dbio_batch_cancel(batch, 1), -ENOENT);
    for (i = 1; i <= 4; i++) /* 3 is linked behind 2, 4 behind 3 */
        ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory, T_PAGE, (off_t)T_PAGE * i,
                                          i == 2 || i == 3 ? DBIO_LINK : 0, (uint64_t)i),
                         0);
    ck_assert_int_eq(dbio_batch_cancel(batch, 3), 0);
    ck_assert_int_eq(dbio_batch_cancel(batch, 3), -EALREADY);
    ck_assert_int_eq(dbio_batch_submit(batch), 2);
    ck_assert_int_eq(dbio_batch_wait(batch, 4, NEVER, all, 8), 4);
    for (i = 0; i < 4; i++)
        ck_assert_int_eq(all[i].result, all[i].user_data >= 3 ? -ECANCELED : (int64_t)T_PAGE);
    /* One under way: either, and exactly one completion. */
    for (i = 0; i < 200; i++) {
        ck_assert_int_eq(dbio_batch_read(batch, rig.file, memory, T_PAGE, 0, 0, 9), 0);
        ck_assert_int_eq(dbio_batch_submit(batch), 1);
        got = dbio_batch_cancel(batch, 9);
        ck_assert(got == 0 || got == -EALREADY);
        ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, all, 8), 1);
        ck_assert(all[0].result == (int64_t)T_PAGE || (all[0].result == -ECANCELED && got == 0));
        ck_assert_int_eq(dbio_batch_cancel(batch, 9), -ENOENT);
    }
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0); /* nothing was latched by that */
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* Prepares a write to page `at`, which is linked to the next or not. */
static void
link_write(struct dbio_batch *batch, const struct t_rig *rig, void *memory, int at, bool linked)
{
    ck_assert_int_eq(dbio_batch_write(batch, rig->file, memory, T_PAGE, (off_t)T_PAGE * at,
                                      linked ? DBIO_LINK : 0, (uint64_t)at),
                     0);
}

/* All that were prepared have completed: those of `cancelled`, a bit for each page, with -ECANCELED. */
static void
verify_cancelled(struct dbio_batch *batch, unsigned count, unsigned cancelled)
{
    struct dbio_completion all[8];
    unsigned i, got = 0;

    ck_assert_int_ge(dbio_batch_submit(batch), 0);
    while (got < count)
        got += (unsigned)dbio_batch_wait(batch, count - got, NEVER, all + got, 8 - got);
    for (i = 0; i < count; i++)
        ck_assert_int_eq(all[i].result,
                         (cancelled >> all[i].user_data & 1) != 0 ? -ECANCELED : (int64_t)T_PAGE);
}

START_TEST(what_joins_a_chain_that_was_cancelled_is_cancelled_and_no_other)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = batch_of(rig.context, 8, _i == 1);
    void *memory = t_patterned(T_PAGE, T_NEW, 0);

    link_write(batch, &rig, memory, 0, true);
    ck_assert_int_eq(dbio_batch_cancel(batch, 0), 0);
    link_write(batch, &rig, memory, 1, true);
    link_write(batch, &rig, memory, 2, false);
    link_write(batch, &rig, memory, 3, false); /* stands alone */
    verify_cancelled(batch, 4, 1 << 0 | 1 << 1 | 1 << 2);
    link_write(batch, &rig, memory, 0, true);
    link_write(batch, &rig, memory, 1, true);
    ck_assert_int_eq(dbio_batch_cancel(batch, 1), 0); /* one that is held */
    link_write(batch, &rig, memory, 2, false);
    verify_cancelled(batch, 3, 1 << 1 | 1 << 2);
    link_write(batch, &rig, memory, 0, false);
    link_write(batch, &rig, memory, 1, true);
    link_write(batch, &rig, memory, 2, true);
    ck_assert_int_eq(dbio_batch_cancel(batch, 0), 0); /* of another chain */
    link_write(batch, &rig, memory, 3, false);
    ck_assert_int_eq(dbio_batch_cancel(batch, 3), 0);
    verify_cancelled(batch, 4, 1 << 0 | 1 << 3);
    link_write(batch, &rig, memory, 0, true);
    ck_assert_int_eq(dbio_batch_cancel(batch, 0), 0);
    ck_assert_int_eq(dbio_batch_submit(batch), 0); /* there the chain ends */
    link_write(batch, &rig, memory, 1, false);
    verify_cancelled(batch, 2, 1 << 0);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* The read has met the end of the file, between two blocks; nobody looks until there is more. */
START_TEST(a_file_that_grows_behind_a_read_stays_what_it_is)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 1000000);
    size_t length = 128 * KIB, offset = 950272, old = 1000000 - 950272, i;
    unsigned char *memory = t_aligned(length), *page = t_aligned(T_PAGE);
    struct dbio_completion one;
    struct dbio_batch *batch;
    int holes;

    for (holes = 0; holes < 2; holes++) {
        batch = batch_of(rig.context, 8, false);
        if (holes == 1) {
            ck_assert_int_eq(dbio_truncate(rig.file, 4096), 0);
            ck_assert_int_eq(dbio_truncate(rig.file, 1000000), 0);
        }
        memset(memory, 7, length);
        ck_assert_int_eq(dbio_batch_read(batch, rig.file, memory, length, (off_t)offset, 0, 1), 0);
        ck_assert_int_eq(dbio_batch_submit(batch), 1);
        usleep(50000);
        ck_assert_int_eq(dbio_pwrite(rig.file, page, T_PAGE, (off_t)(2048 * KIB), 0), T_PAGE);
        ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, &one, 1), 1);
        ck_assert_msg(one.result == (int64_t)length || one.result == (int64_t)old, "%lld",
                      (long long)one.result);
        if (holes == 0)
            t_pattern_verify(memory, old, T_SEED, offset);
        for (i = holes == 0 ? old : 0; i < (size_t)one.result; i++)
            ck_assert_uint_eq(memory[i], 0);
        ck_assert_uint_eq(t_why(rig.file).standing_direct, 1);
        ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    }
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(more_than_the_depth_is_refused_and_nothing_is_lost)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, SIZE);
    struct dbio_batch *batch = batch_of(rig.context, 2, _i == 1);
    char *memory = t_aligned(3 * T_PAGE);
    struct dbio_completion one;
    int i, turn;

    for (turn = 0; turn < 3; turn++) {
        for (i = 0; i < 2; i++)
            ck_assert_int_eq(dbio_batch_read(batch, rig.file, memory, T_PAGE, 0, 0, 1), 0);
        ck_assert_int_eq(dbio_batch_read(batch, rig.file, memory, T_PAGE, 0, 0, 1), -EAGAIN);
        ck_assert_int_eq(dbio_batch_submit(batch), 2);
        ck_assert_int_eq(dbio_batch_read(batch, rig.file, memory, T_PAGE, 0, 0, 1), -EAGAIN);
        for (i = 0; i < 2; i++)
            ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, &one, 1), 1);
        ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, &one, 1), 0); /* nothing outstanding */
    }
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(mistakes_are_told_and_change_nothing)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_AUTO, SIZE);
    struct dbio_batch_options options = {.size = sizeof(options), .depth = 4097};
    struct dbio_batch *batch = NULL;
    struct dbio_completion one;
    char byte[1];

    ck_assert_int_eq(dbio_batch_create(NULL, NULL, &batch), -EINVAL);
    ck_assert_int_eq(dbio_batch_create(rig.context, NULL, NULL), -EINVAL);
    ck_assert_int_eq(dbio_batch_create(rig.context, &options, &batch), -EINVAL);
    options.size = 3;
    ck_assert_int_eq(dbio_batch_create(rig.context, &options, &batch), -EINVAL);
    ck_assert_int_eq(dbio_batch_create(rig.context, NULL, &batch), 0);
    ck_assert_int_eq(dbio_context_destroy(rig.context), -EBUSY);
    ck_assert_int_eq(dbio_batch_read(NULL, rig.file, byte, 1, 0, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_batch_read(batch, NULL, byte, 1, 0, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_batch_read(batch, rig.file, NULL, 1, 0, 0, 0), -EFAULT);
    ck_assert_int_eq(dbio_batch_read(batch, rig.file, byte, 1, -1, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_batch_read(batch, rig.file, byte, 1, 0, DBIO_DURABLE, 0), -EINVAL);
    ck_assert_int_eq(dbio_batch_write(batch, rig.file, byte, 1, 0, 0x80, 0), -EINVAL);
    ck_assert_int_eq(dbio_batch_readv(batch, rig.file, NULL, 2, 0, 0, 0), -EFAULT);
    ck_assert_int_eq(dbio_batch_fsync(batch, rig.file, DBIO_DURABLE, 0), -EINVAL);
    ck_assert_int_eq(dbio_batch_fdatasync(batch, rig.file, 0x40, 0), -EINVAL);
    ck_assert_int_eq(dbio_batch_allocate(batch, rig.file, 0, 0, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_batch_wait(batch, 1, 0, NULL, 1), -EINVAL);
    ck_assert_int_eq(dbio_batch_wait(batch, 1, 0, &one, 0), -EINVAL);
    ck_assert_int_eq(dbio_batch_submit(batch), 0);
    ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, &one, 1), 0);
    ck_assert_int_eq(dbio_batch_destroy(NULL), -EINVAL);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_rig_unchanged(&rig, SIZE);
}
END_TEST

static void *
use_foreign(void *batch)
{
    struct dbio_completion one;

    ck_assert_int_eq(dbio_batch_submit(batch), -EPERM);
    ck_assert_int_eq(dbio_batch_peek(batch, &one, 1), -EPERM);
    ck_assert_int_eq(dbio_batch_destroy(batch), -EPERM);
    return NULL;
}

START_TEST(a_batch_is_its_threads_alone)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = batch_of(rig.context, 8, false);
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, use_foreign, batch), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* The child has neither ring nor threads of its parent's; it may have its own. */
START_TEST(fork_leaves_the_batch_with_the_parent)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    if (_i == 1)
        t_skip("the sanitizers' run-time libraries do not survive a fork among threads");
#endif
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = batch_of(rig.context, 32, _i == 1), *own;
    char *memory = t_patterned(32 * T_PAGE, T_NEW, 0);
    struct dbio_completion all[32];
    int i, status;
    pid_t child;

    for (i = 0; i < 32; i++)
        ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory + (size_t)i * T_PAGE, T_PAGE,
                                          (off_t)T_PAGE * i, 0, (uint64_t)i),
                         0);
    ck_assert_int_eq(dbio_batch_submit(batch), 32);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        void *page = t_aligned(T_PAGE);
        bool right =
            dbio_batch_peek(batch, all, 1) == -EPERM && dbio_batch_destroy(batch) == -EPERM &&
            dbio_batch_create(rig.context, NULL, &own) == 0 &&
            dbio_batch_read(own, rig.file, page, T_PAGE, (off_t)(64 * T_PAGE), 0, 5) == 0 &&
            dbio_batch_read(own, rig.file, (char *)page + 1, 100, 0, 0, 5) == 0 &&
            dbio_batch_submit(own) == 2 && dbio_batch_wait(own, 2, NEVER, all, 2) == 2 &&
            dbio_batch_destroy(own) == 0 && dbio_close(rig.file) == 0 &&
            dbio_context_destroy(rig.context) == 0;

        _exit(right ? 0 : 1);
    }
    for (i = 0; i < 32;)
        i += dbio_batch_wait(batch, 1, NEVER, all, 32);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
    t_verify_new(rig.path, 32 * T_PAGE, 0);
}
END_TEST

START_TEST(what_is_outstanding_is_waited_for_when_the_batch_goes)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    int before = t_descriptors(), i;
    struct dbio_batch *batch = batch_of(rig.context, 64, _i == 1);
    char *memory = t_patterned(32 * T_PAGE, T_NEW, 0);

    for (i = 0; i < 64; i++)
        ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory + (size_t)(i % 32) * T_PAGE,
                                          T_PAGE, (off_t)T_PAGE * (i % 32), 0, 0),
                         0);
    for (i = 0; i < 2; i++) {
        struct dbio_batch *idle = batch_of(rig.context, 4, false);

        ck_assert_int_eq(dbio_batch_read(idle, rig.file, memory, T_PAGE, 0, 0, 0), 0);
        ck_assert_int_eq(dbio_batch_destroy(idle), 0);
    }
    ck_assert_int_eq(dbio_batch_submit(batch), 64);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    ck_assert_int_le(t_descriptors(), before + 1); /* the O_DIRECT one */
    t_close(rig.context, rig.file);
    t_verify_new(rig.path, 32 * T_PAGE, 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("batch");
    TCase *cases = tcase_create("batch");

    tcase_set_timeout(cases, 120);
    t_add_filesystem_test(cases, many_transfers_of_every_shape_are_as_the_model_says);
    t_add_direct_test(cases, a_write_to_cached_pages_goes_through_them_and_is_flushed);
    tcase_add_loop_test(cases, the_end_of_the_file_ends_a_read, 0, 4);
    tcase_add_loop_test(cases, links_are_followed_in_order_and_a_failure_ends_the_chain, 0, 2);
    tcase_add_loop_test(cases, who_has_to_wait_does_not_keep_the_submitter_waiting, 0, 2);
    tcase_add_test(cases, each_file_of_a_batch_stays_open_until_the_last_request_of_it_is_done);
    tcase_add_test(cases, a_thread_does_not_wait_for_its_own_completions);
    tcase_add_loop_test(cases, what_can_be_cancelled_says_so_and_what_cannot_too, 0, 2);
    tcase_add_loop_test(cases, what_joins_a_chain_that_was_cancelled_is_cancelled_and_no_other, 0,
                        2);
    t_add_direct_test(cases, a_file_that_grows_behind_a_read_stays_what_it_is);
    tcase_add_loop_test(cases, more_than_the_depth_is_refused_and_nothing_is_lost, 0, 2);
    tcase_add_test(cases, mistakes_are_told_and_change_nothing);
    tcase_add_test(cases, a_batch_is_its_threads_alone);
    tcase_add_loop_test(cases, fork_leaves_the_batch_with_the_parent, 0, 2);
    tcase_add_loop_test(cases, what_is_outstanding_is_waited_for_when_the_batch_goes, 0, 2);
    suite_add_tcase(suite, cases);
    return suite;
}
