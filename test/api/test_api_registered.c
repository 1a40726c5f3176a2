/*
 * test_api_registered.c - batches of lent memory, which an io_uring may have registered: as right as any
 * other memory, beside it, whenever it comes, and where registering is refused.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "t_dbio.h"
#include "t_file.h"

#define MIB   ((size_t)1 << 20)
#define SIZE  (8 * MIB)
#define LANE  (64 * (size_t)1024)
#define DEPTH 32
#define NEVER UINT64_MAX

static struct dbio_batch *
batch_of(struct dbio_context *context)
{
    struct dbio_batch_options options = {.size = sizeof(options), .depth = DEPTH};
    struct dbio_batch *batch = NULL;

    ck_assert_int_eq(dbio_batch_create(context, &options, &batch), 0);
    return batch;
}

static char *
acquire(struct dbio_context *context, size_t length)
{
    void *buffer = NULL;

    ck_assert_int_eq(dbio_buffer_acquire(context, length, &buffer), 0);
    return buffer;
}

/* All that was prepared comes to a lane each, and went direct. */
static void
complete(struct dbio_batch *batch, int count)
{
    struct dbio_completion some[DEPTH];

    ck_assert_int_eq(dbio_batch_submit(batch), count);
    while (count > 0) {
        int got = dbio_batch_wait(batch, 1, NEVER, some, DEPTH);

        ck_assert_int_gt(got, 0);
        for (int i = 0; i < got; i++) {
            ck_assert_int_eq(some[i].result, (int64_t)LANE);
            ck_assert_uint_eq(some[i].route, DBIO_ROUTE_DIRECT);
        }
        count -= got;
    }
}

/* Lane i of the file from, and then back to, memory[i]; every third in two pieces, every fourth
 * durable. */
static void
write_and_read(const struct t_rig *rig, struct dbio_batch *batch, char *memory[DEPTH])
{
    struct iovec halves[DEPTH][2];

    for (uint64_t i = 0; i < DEPTH; i++) {
        halves[i][0] = (struct iovec){memory[i], LANE / 2};
        halves[i][1] = (struct iovec){memory[i] + LANE / 2, LANE / 2};
        t_pattern_fill(memory[i], LANE, T_NEW, i * LANE);
        ck_assert_int_eq(
            dbio_batch_writev(
                batch, rig->file, i % 3 == 0 ? halves[i] : &(struct iovec){memory[i], LANE},
                i % 3 == 0 ? 2 : 1, (off_t)(i * LANE), i % 4 == 0 ? DBIO_DURABLE : 0, i),
            0);
    }
    complete(batch, DEPTH);
    for (uint64_t i = 0; i < DEPTH; i++)
        ck_assert_int_eq(
            dbio_batch_read(batch, rig->file, memory[i], LANE, (off_t)((i + DEPTH) * LANE), 0, i),
            0);
    complete(batch, DEPTH);
    for (uint64_t i = 0; i < DEPTH; i++)
        t_pattern_verify(memory[i], LANE, T_SEED, (i + DEPTH) * LANE);
}

START_TEST(lent_memory_and_own_go_together_and_every_byte_is_right)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = batch_of(rig.context);
    char *memory[DEPTH];

    for (int i = 0; i < DEPTH; i++)
        memory[i] = i % 2 == 0 ? acquire(rig.context, LANE) : t_aligned(LANE);
    write_and_read(&rig, batch, memory);
    ck_assert(t_stat(rig.context, DBIO_STAT_BATCH_CREW) == 0 ||
              strncmp(dbio_batch_describe(batch), "threads", 7) == 0);
    ck_assert_ptr_null(strstr(dbio_batch_describe(batch), "not all"));
    for (int i = 0; i < DEPTH; i += 2)
        ck_assert_int_eq(dbio_buffer_release(rig.context, memory[i]), 0);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
    t_verify_new(rig.path, DEPTH * LANE, 0);
}
END_TEST

/* 64 MiB are lent from pieces of 8 MiB: the first request meets one, the last all of them. */
START_TEST(memory_that_is_mapped_after_the_batch_was_made_is_as_good)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batches[2] = {batch_of(rig.context), batch_of(rig.context)};
    char *memory[DEPTH], *large[7];

    for (int turn = 0; turn < 7; turn++) {
        large[turn] = acquire(rig.context, SIZE);
        for (int i = 0; i < DEPTH; i++)
            memory[i] = large[i % (turn + 1)] + (size_t)i * LANE;
        write_and_read(&rig, batches[turn % 2], memory);
    }
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(dbio_buffer_release(rig.context, large[i]), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(dbio_batch_destroy(batches[i]), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(buffers_may_come_and_go_in_any_order_with_batches)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *first = batch_of(rig.context), *second;
    char *memory[DEPTH], *lent = acquire(rig.context, DEPTH * LANE);

    for (int i = 0; i < DEPTH; i++)
        memory[i] = lent + (size_t)i * LANE;
    write_and_read(&rig, first, memory);
    ck_assert_int_eq(dbio_batch_destroy(first), 0);
    second = batch_of(rig.context);
    write_and_read(&rig, second, memory);
    ck_assert_int_eq(dbio_buffer_release(rig.context, lent), 0);
    lent = acquire(rig.context, DEPTH * LANE); /* the same pages, most likely */
    for (int i = 0; i < DEPTH; i++)
        memory[i] = lent + (size_t)(DEPTH - 1 - i) * LANE;
    write_and_read(&rig, second, memory);
    ck_assert_int_eq(dbio_buffer_release(rig.context, lent), 0);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    ck_assert_int_eq(dbio_context_destroy(rig.context), -EBUSY);
    ck_assert_int_eq(dbio_batch_destroy(second), 0);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

START_TEST(where_the_limit_on_locked_memory_forbids_it_nothing_else_changes)
{
    static const struct rlimit tight = {MIB, MIB}; /* enough for the ring itself */
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory[DEPTH], *lent = acquire(rig.context, DEPTH * LANE);
    struct dbio_batch *batch;

    t_read_old(rig.file, T_PAGE, 0); /* opens the O_DIRECT descriptor */
    ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &tight), 0);
    ck_assert(geteuid() != 0 || setuid(65534) == 0);
    batch = batch_of(rig.context);
    for (int i = 0; i < DEPTH; i++)
        memory[i] = lent + (size_t)i * LANE;
    write_and_read(&rig, batch, memory);
    if (strstr(dbio_batch_describe(batch), "registered buffers") != NULL)
        ck_assert_ptr_nonnull(strstr(dbio_batch_describe(batch), "not all"));
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    ck_assert_int_eq(dbio_pread(rig.file, lent, DEPTH * LANE, 0, 0), (int64_t)(DEPTH * LANE));
    t_pattern_verify(lent, DEPTH * LANE, T_NEW, 0);
    ck_assert_int_eq(dbio_buffer_release(rig.context, lent), 0);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_registered");
    TCase *cases = tcase_create("api_registered");

    tcase_set_timeout(cases, 60);
    t_add_direct_test(cases, lent_memory_and_own_go_together_and_every_byte_is_right);
    t_add_direct_test(cases, memory_that_is_mapped_after_the_batch_was_made_is_as_good);
    t_add_direct_test(cases, buffers_may_come_and_go_in_any_order_with_batches);
    t_add_direct_test(cases, where_the_limit_on_locked_memory_forbids_it_nothing_else_changes);
    suite_add_tcase(suite, cases);
    return suite;
}
