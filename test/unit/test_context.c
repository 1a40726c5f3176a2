/*
 * test_context.c - made and destroyed without a trace, never while files are open, its counters
 * its own.
 */
#include "engine/context.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/inode.h"
#include "t_dbio.h"
#include "t_file.h"
#include "t_hold.h"

START_TEST(a_context_that_comes_and_goes_leaves_no_memory_and_no_descriptor)
{
    struct dbio_context *context = t_context();
    int descriptors = t_descriptors();
    long before;

    ck_assert_int_eq(dbio_context_destroy(context), 0);
    before = dbio__mem_outstanding();
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(dbio_context_destroy(t_context()), 0);
    /* The pool keeps a few dead ones, to recognise them. */
    ck_assert_int_le(dbio__mem_outstanding(), before + 32);
    ck_assert_int_eq(t_descriptors(), descriptors);
}
END_TEST

START_TEST(without_memory_there_is_no_context_and_later_there_is)
{
    struct dbio_context *context, *const untouched = (struct dbio_context *)&context;
    long count;

    for (count = 0; count < 10; count++) {
        int error;

        context = untouched;
        dbio__mem_fail_after(count);
        error = dbio_context_create(NULL, &context);
        dbio__mem_fail_after(-1);
        if (error == 0)
            break;
        ck_assert_int_eq(error, -ENOMEM);
        ck_assert_ptr_eq(context, untouched);
        /* The table is made once; without it nothing ever works in this process. */
        if (count == 0)
            break;
    }
    if (count > 0)
        ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(a_context_has_the_defaults_that_the_header_names)
{
    struct dbio_context *context = t_context();

    ck_assert_uint_eq(context->settings.bounce_bytes_max, 16 << 20);
    ck_assert_uint_eq(context->settings.large_request_bytes, 256 << 10);
    ck_assert_uint_eq(context->bounce.most, (16 << 20) / DBIO_BOUNCE_BYTES);
    ck_assert_uint_eq(context->bounce.made, 0);
    ck_assert_str_eq(context->backend->name, "sync");
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(bounce_buffers_are_given_back_with_the_context)
{
    long before;
    struct t_rig rig;

    ck_assert_int_eq(dbio_context_destroy(t_context()), 0);
    before = dbio__mem_outstanding();
    rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, 65536);
    t_read_old(rig.file, 60000, 1);
    t_close(rig.context, rig.file);
    ck_assert_int_le(dbio__mem_outstanding(), before + 2); /* the pool of files */
}
END_TEST

START_TEST(counters_of_two_contexts_are_apart)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, 65536);
    struct dbio_context *other = t_context();
    struct dbio_file *file = t_open(other, rig.path, DBIO_MODE_BUFFERED);

    t_read_old(rig.file, 4096, 0);
    t_read_old(rig.file, 4096, 0);
    t_read_old(file, 4096, 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_READS), 2);
    ck_assert_uint_eq(t_stat(other, DBIO_STAT_READS), 1);
    /* The inode is one. */
    ck_assert_uint_eq(t_routed(file, DBIO_ROUTE_BUFFERED), 3);
    t_close(other, file);
    t_close(rig.context, rig.file);
}
END_TEST

static long
count_often(void *argument)
{
    for (int i = 0; i < 10000; i++)
        dbio__context_count(argument, DBIO_STAT_SYNCS, 3);
    return 0;
}

START_TEST(no_count_of_any_thread_is_lost)
{
    struct dbio_context *context = t_context();
    struct t_job jobs[12];

    for (int i = 0; i < 12; i++)
        t_job_start(&jobs[i], count_often, context);
    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(t_job_join(&jobs[i]), 0);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_SYNCS), 12 * 10000 * 3);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_CROSS_PROCESS), 1);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("context");
    TCase *cases = tcase_create("context");

    tcase_add_test(cases, a_context_that_comes_and_goes_leaves_no_memory_and_no_descriptor);
    tcase_add_test(cases, without_memory_there_is_no_context_and_later_there_is);
    tcase_add_test(cases, a_context_has_the_defaults_that_the_header_names);
    tcase_add_test(cases, bounce_buffers_are_given_back_with_the_context);
    tcase_add_test(cases, counters_of_two_contexts_are_apart);
    tcase_add_test(cases, no_count_of_any_thread_is_lost);
    suite_add_tcase(suite, cases);
    return suite;
}
