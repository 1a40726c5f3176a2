/*
 * test_api_stats.c - dbio_stats_read: each counter counts what its comment says; names are words.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (1024 * KIB)

START_TEST(a_new_context_has_counted_nothing)
{
    struct dbio_context *context = t_context();

    for (int i = 0; i < DBIO_STAT_COUNT; i++)
        ck_assert_uint_eq(t_stat(context, (enum dbio_stat)i), i == DBIO_STAT_CROSS_PROCESS);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(requests_and_bytes_are_counted_by_direction_and_by_route)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_read_old(rig.file, 64 * KIB, 0);              /* direct */
    t_read_old(rig.file, 1000, 64 * KIB + 1);       /* bounced */
    t_write_new(rig.file, 64 * KIB, 0);             /* direct */
    t_write_new(rig.file, 200 * KIB, 64 * KIB + 1); /* edges */
    t_write_new(rig.file, 10, 5);                   /* flushed */
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_READS), 2);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_READ_BYTES), 64 * KIB + 1000);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WRITES), 3);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WRITE_BYTES), 264 * KIB + 10);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT), 2);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BOUNCE), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_EDGES), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_BUFFERED_FLUSH), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_BUFFERED), 0);
    ck_assert_uint_ge(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 128 * KIB + 1000);
    ck_assert_uint_ge(t_stat(rig.context, DBIO_STAT_BOUNCE_BYTES), 1000);
    ck_assert_uint_ge(t_stat(rig.context, DBIO_STAT_LOOKS), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(refused_calls_and_empty_requests_are_not_counted)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);

    ck_assert_int_eq(dbio_pread(rig.file, NULL, 0, 0, 0), 0);
    ck_assert_int_eq(dbio_pread(rig.file, NULL, 1, 0, 0), -EFAULT);
    ck_assert_int_eq(dbio_pwrite(rig.file, "x", 1, -1, 0), -EINVAL);
    t_rig_unchanged(&rig, SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_read_at_the_end_of_the_file_is_a_request_of_no_bytes)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);

    ck_assert_int_eq(dbio_pread(rig.file, t_aligned(4096), 4096, SIZE, 0), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_READS), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_READ_BYTES), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(files_and_exclusive_operations_are_counted)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_AUTO, SIZE);
    struct dbio_file *other = t_open(rig.context, rig.path, DBIO_MODE_AUTO);

    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_FILES), 2);
    ck_assert_int_eq(dbio_truncate(other, 100), 0);
    ck_assert_int_eq(dbio_allocate(other, 0, 100, 0), 0);
    ck_assert_int_eq(dbio_append(other, "x", 1, 0, NULL), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_EXCLUSIVE), 3);
    ck_assert_int_eq(dbio_close(other), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_FILES), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_CROSS_PROCESS), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(every_counter_has_a_name_of_its_own_and_nothing_past_the_last)
{
    for (unsigned i = 0; i < DBIO_STAT_COUNT; i++) {
        const char *name = dbio_stats_name(i);

        ck_assert_ptr_nonnull(name);
        ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        for (unsigned j = 0; j < i; j++)
            ck_assert_str_ne(name, dbio_stats_name(j));
    }
    ck_assert_ptr_null(dbio_stats_name(DBIO_STAT_COUNT));
    ck_assert_ptr_null(dbio_stats_name(UINT32_MAX));
    ck_assert_str_eq(dbio_stats_name(DBIO_STAT_DIRECT_BYTES), "direct_bytes");
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_stats");
    TCase *cases = tcase_create("api_stats");

    tcase_add_test(cases, a_new_context_has_counted_nothing);
    t_add_direct_test(cases, requests_and_bytes_are_counted_by_direction_and_by_route);
    tcase_add_test(cases, refused_calls_and_empty_requests_are_not_counted);
    tcase_add_test(cases, a_read_at_the_end_of_the_file_is_a_request_of_no_bytes);
    tcase_add_test(cases, files_and_exclusive_operations_are_counted);
    tcase_add_test(cases, every_counter_has_a_name_of_its_own_and_nothing_past_the_last);
    suite_add_tcase(suite, cases);
    return suite;
}
