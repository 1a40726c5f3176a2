/*
 * test_exclusive.c - truncate, allocate, punch and append wait for everything in their range and
 * hold everything off meanwhile; appends stand side by side; errors are the kernel's.
 */
#include "engine/exclusive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/membership.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"
#include "t_hold.h"

#define KIB    ((size_t)1024)
#define SIZE   (256 * KIB)
#define RECORD 1000 /* bytes of an appended record */
#define EACH   50   /* records of a thread */

static struct t_rig rig;

static long
write_first_block(void *argument)
{
    return dbio_pwrite(rig.file, argument, 4096, 0, 0);
}

static long
write_last_block(void *argument)
{
    return dbio_pwrite(rig.file, argument, 4096, SIZE - 4096, 0);
}

static long
read_last_block(void *argument)
{
    return dbio_pread(rig.file, argument, 4096, SIZE - 4096, 0);
}

static long
truncate_to_half(void *argument)
{
    (void)argument;
    return dbio_truncate(rig.file, SIZE / 2);
}

static long
punch_last_block(void *argument)
{
    (void)argument;
    return dbio_punch(rig.file, SIZE - 4096, 4096);
}

static long
allocate_more(void *argument)
{
    (void)argument;
    return dbio_allocate(rig.file, SIZE - 4096, 8192, 0);
}

/* A direct write to the last block is in flight when `body` begins; it has to wait. */
static void
assert_waits_for_last_block(const char *directory, long (*body)(void *), long result)
{
    struct t_job writer, other;

    rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);
    t_hold_arm(DBIO_SYS_PWRITE, true);
    t_job_start(&writer, write_last_block, t_patterned(4096, T_NEW, SIZE - 4096));
    t_hold_wait();
    t_job_start(&other, body, t_aligned(4096));
    t_await_outstanding(2);
    t_job_assert_waits(&other);
    ck_assert_uint_eq(t_file_size(rig.path), SIZE);
    t_hold_release();
    ck_assert_int_eq(t_job_join(&writer), 4096);
    ck_assert_int_eq(t_job_join(&other), result);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WAITS), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_EXCLUSIVE), 1);
    t_close(rig.context, rig.file);
}

START_TEST(truncate_waits_for_a_direct_write_behind_the_new_end)
{
    T_DIRECT_OR_SKIP(where);
    assert_waits_for_last_block(where->directory, truncate_to_half, 0);
}
END_TEST

START_TEST(punch_waits_for_a_direct_write_in_its_range)
{
    T_DIRECT_OR_SKIP(where);
    assert_waits_for_last_block(where->directory, punch_last_block, 0);
}
END_TEST

START_TEST(allocate_waits_for_a_direct_write_in_its_range)
{
    T_DIRECT_OR_SKIP(where);
    assert_waits_for_last_block(where->directory, allocate_more, 0);
}
END_TEST

static long
append_record(void *argument)
{
    return dbio_append(rig.file, argument, RECORD, 0, NULL);
}

START_TEST(append_to_an_unaligned_end_waits_for_a_direct_read_of_the_last_block)
{
    T_DIRECT_OR_SKIP(where);
    struct t_job reader, other;

    rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE - 100);
    t_hold_arm(DBIO_SYS_PREAD, true);
    t_job_start(&reader, read_last_block, t_aligned(4096));
    t_hold_wait();
    t_job_start(&other, append_record, t_aligned(RECORD));
    t_await_outstanding(2);
    t_job_assert_waits(&other);
    t_hold_release();
    ck_assert_int_eq(t_job_join(&reader), 4096 - 100);
    ck_assert_int_eq(t_job_join(&other), RECORD);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(truncate_does_not_wait_for_requests_before_the_new_end)
{
    T_DIRECT_OR_SKIP(where);
    struct t_job writer;

    rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    t_hold_arm(DBIO_SYS_PWRITE, true);
    t_job_start(&writer, write_first_block, t_patterned(4096, T_NEW, 0));
    t_hold_wait();
    ck_assert_int_eq(dbio_truncate(rig.file, SIZE / 2), 0);
    t_hold_release();
    ck_assert_int_eq(t_job_join(&writer), 4096);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WAITS), 0);
    t_verify_new(rig.path, 4096, 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* While ftruncate is on its way nobody gets in behind the new end, by whichever way. */
static void
assert_held_off(const char *directory, enum dbio_mode mode)
{
    struct t_job resize, reader;

    rig = t_rig(directory, mode, SIZE);
    t_hold_arm(DBIO_SYS_FTRUNCATE, false);
    t_job_start(&resize, truncate_to_half, NULL);
    t_hold_wait();
    ck_assert_int_eq(dbio_pread(rig.file, t_aligned(4096), 4096, SIZE - 4096, DBIO_NOWAIT),
                     -EAGAIN);
    t_job_start(&reader, read_last_block, t_aligned(4096));
    t_await_outstanding(2);
    t_job_assert_waits(&reader);
    t_hold_release();
    ck_assert_int_eq(t_job_join(&resize), 0);
    ck_assert_int_eq(t_job_join(&reader), 0); /* past the end by now */
    t_close(rig.context, rig.file);
}

START_TEST(a_direct_request_behind_the_new_end_waits_for_truncate)
{
    T_DIRECT_OR_SKIP(where);
    assert_held_off(where->directory, DBIO_MODE_DIRECT);
}
END_TEST

START_TEST(a_buffered_request_behind_the_new_end_waits_for_truncate)
{
    assert_held_off(t_filesystems()[_i].directory, DBIO_MODE_BUFFERED);
}
END_TEST

/* Appends EACH records that say who wrote them; each stands where append said. */
static long
append_many(void *argument)
{
    char record[RECORD], found[RECORD];

    for (int i = 0; i < EACH; i++) {
        off_t at = -1;

        memset(record, (int)(intptr_t)argument, sizeof(record));
        memcpy(record, &i, sizeof(i));
        if (dbio_append(rig.file, record, RECORD, 0, &at) != RECORD || at % RECORD != 0)
            return 1;
        if (dbio_pread(rig.file, found, RECORD, at, 0) != RECORD ||
            memcmp(record, found, RECORD) != 0)
            return 2;
    }
    return 0;
}

static void
assert_appends_stand_apart(const char *directory, enum dbio_mode mode)
{
    struct t_job jobs[4];
    char record[RECORD];
    int count[5] = {0};

    rig = t_rig(directory, mode, 0);
    for (int i = 0; i < 4; i++)
        t_job_start(&jobs[i], append_many, (void *)(intptr_t)(i + 1));
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(t_job_join(&jobs[i]), 0);
    ck_assert_int_eq(dbio_size(rig.file), 4 * EACH * RECORD);
    for (off_t at = 0; at < 4 * EACH * RECORD; at += RECORD) {
        ck_assert_int_eq(dbio_pread(rig.file, record, RECORD, at, 0), RECORD);
        ck_assert_mem_eq(record + sizeof(int), record + sizeof(int) + 1, RECORD - sizeof(int) - 1);
        count[(int)record[RECORD - 1]]++;
    }
    for (int i = 1; i <= 4; i++)
        ck_assert_int_eq(count[i], EACH);
    t_close(rig.context, rig.file);
}

START_TEST(appends_of_several_threads_never_overlap)
{
    assert_appends_stand_apart(t_filesystems()[_i].directory, DBIO_MODE_BUFFERED);
}
END_TEST

START_TEST(appends_of_several_threads_in_direct_mode_never_overlap)
{
    assert_appends_stand_apart(t_filesystems()[_i].directory, DBIO_MODE_DIRECT);
}
END_TEST

START_TEST(append_takes_the_end_as_it_is_when_its_turn_has_come)
{
    T_DIRECT_OR_SKIP(where);
    struct t_job resize, append;

    rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    t_hold_arm(DBIO_SYS_FTRUNCATE, false);
    t_job_start(&resize, truncate_to_half, NULL);
    t_hold_wait();
    t_job_start(&append, append_record, t_patterned(RECORD, T_SEED, SIZE / 2));
    t_await_outstanding(2); /* announced behind the old end */
    t_hold_release();
    ck_assert_int_eq(t_job_join(&resize), 0);
    ck_assert_int_eq(t_job_join(&append), RECORD);
    ck_assert_int_eq(dbio_size(rig.file), SIZE / 2 + RECORD);
    t_file_verify(rig.path, T_SEED, 0, SIZE / 2 + RECORD);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(interrupted_calls_are_repeated_and_errors_are_the_kernels)
{
    T_DIRECT_OR_SKIP(where);
    rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_fault_one(DBIO_SYS_FTRUNCATE, 1, EINTR);
    t_fault_one(DBIO_SYS_FALLOCATE, 1, EINTR);
    ck_assert_int_eq(dbio_truncate(rig.file, SIZE), 0);
    ck_assert_int_eq(dbio_punch(rig.file, 0, 4096), 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_FTRUNCATE), 2);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_FALLOCATE), 2);
    t_fault_all(DBIO_SYS_FTRUNCATE, EFBIG, NULL);
    t_fault_all(DBIO_SYS_FALLOCATE, EOPNOTSUPP, NULL);
    ck_assert_int_eq(dbio_truncate(rig.file, 1), -EFBIG);
    ck_assert_int_eq(dbio_allocate(rig.file, 0, 1, 0), -EOPNOTSUPP);
    ck_assert_int_eq(dbio_punch(rig.file, 0, 1), -EOPNOTSUPP);
    t_fault_disarm();
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
    ck_assert_int_eq(dbio_size(rig.file), SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(without_the_size_nothing_is_resized_or_appended)
{
    rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, SIZE);
    t_fault_all(DBIO_SYS_FSTAT, EIO, NULL);
    ck_assert_int_eq(dbio_truncate(rig.file, 0), -EIO);
    ck_assert_int_eq(dbio_append(rig.file, "x", 1, 0, NULL), -EIO);
    t_fault_disarm();
    /* The second one: the announcement is withdrawn. */
    t_fault_one(DBIO_SYS_FSTAT, 2, EIO);
    ck_assert_int_eq(dbio_append(rig.file, "x", 1, 0, NULL), -EIO);
    t_fault_disarm();
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
    ck_assert_uint_eq(t_file_size(rig.path), SIZE);
    t_file_verify(rig.path, T_SEED, 0, SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_append_that_would_pass_the_largest_offset_is_efbig)
{
    off_t at = -7;

    rig = t_rig(t_filesystems()[_i].directory, DBIO_MODE_BUFFERED, 0);
    if (ftruncate(rig.file->descriptors->buffered, INT64_MAX) != 0) {
        t_close(rig.context, rig.file);
        t_skip("no files of 2^63 - 1 bytes here");
    }
    ck_assert_int_eq(dbio_append(rig.file, "x", 1, 0, &at), -EFBIG);
    ck_assert_int_eq(at, -7);
    ck_assert_int_eq(dbio_truncate(rig.file, 0), 0);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("exclusive");
    TCase *cases = tcase_create("exclusive");

    t_add_direct_test(cases, truncate_waits_for_a_direct_write_behind_the_new_end);
    t_add_direct_test(cases, punch_waits_for_a_direct_write_in_its_range);
    t_add_direct_test(cases, allocate_waits_for_a_direct_write_in_its_range);
    t_add_direct_test(cases, append_to_an_unaligned_end_waits_for_a_direct_read_of_the_last_block);
    t_add_direct_test(cases, truncate_does_not_wait_for_requests_before_the_new_end);
    t_add_direct_test(cases, a_direct_request_behind_the_new_end_waits_for_truncate);
    t_add_filesystem_test(cases, a_buffered_request_behind_the_new_end_waits_for_truncate);
    t_add_filesystem_test(cases, appends_of_several_threads_never_overlap);
    t_add_filesystem_test(cases, appends_of_several_threads_in_direct_mode_never_overlap);
    t_add_direct_test(cases, append_takes_the_end_as_it_is_when_its_turn_has_come);
    t_add_direct_test(cases, interrupted_calls_are_repeated_and_errors_are_the_kernels);
    tcase_add_test(cases, without_the_size_nothing_is_resized_or_appended);
    t_add_filesystem_test(cases, an_append_that_would_pass_the_largest_offset_is_efbig);
    suite_add_tcase(suite, cases);
    return suite;
}
