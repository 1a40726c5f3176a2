/*
 * test_api_context.c - a context's life; what its options do; that tracking is of the process and
 * not of the context.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "dbio_version.h"
#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (2048 * KIB)

static struct dbio_context *
context_with(uint64_t bounce_bytes, uint64_t large_bytes)
{
    struct dbio_context_options options = {.size = sizeof(options),
                                           .bounce_bytes_max = bounce_bytes,
                                           .large_request_bytes = large_bytes};
    struct dbio_context *context;

    ck_assert_int_eq(dbio_context_create(&options, &context), 0);
    return context;
}

START_TEST(a_context_opens_nothing_by_itself)
{
    int before = t_descriptors();
    struct dbio_context *context = t_context();

    ck_assert_int_eq(t_descriptors(), before);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_eq(t_descriptors(), before);
}
END_TEST

START_TEST(a_context_can_be_destroyed_once_its_files_are_closed)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_AUTO, 4096);

    ck_assert_int_eq(dbio_context_destroy(rig.context), -EBUSY);
    t_read_old(rig.file, 4096, 0); /* nothing has changed */
    ck_assert_int_eq(dbio_close(rig.file), 0);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
    ck_assert_int_eq(dbio_context_destroy(rig.context), -EBADF);
}
END_TEST

START_TEST(many_contexts_at_once_open_the_same_file)
{
    struct t_rig rigs[20];

    rigs[0] = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    for (unsigned i = 1; i < 20; i++) {
        rigs[i].context = t_context();
        rigs[i].file = t_open(rigs[i].context, rigs[0].path, (enum dbio_mode)(i % 4));
    }
    for (uint64_t i = 0; i < 20; i++)
        t_write_new(rigs[i].file, 1000, i * 1000);
    for (int i = 0; i < 20; i++) {
        ck_assert_uint_eq(t_stat(rigs[i].context, DBIO_STAT_WRITES), 1);
        ck_assert_uint_eq(t_stat(rigs[i].context, DBIO_STAT_FILES), 1);
    }
    t_verify_new(rigs[0].path, 20000, 0);
    for (int i = 0; i < 20; i++)
        t_close(rigs[i].context, rigs[i].file);
}
END_TEST

static void *
read_unaligned(void *argument)
{
    char *memory = t_unaligned(600 * KIB);

    for (uint64_t i = 0; i < 20; i++)
        if (dbio_pread(argument, memory, 600 * KIB, (off_t)(i * 4 * KIB + 1), 0) != 600 * KIB ||
            t_pattern_first_wrong(memory, 600 * KIB, T_SEED, i * 4 * KIB + 1) != T_ALL_RIGHT)
            return argument;
    return NULL;
}

START_TEST(with_the_fewest_bounce_buffers_many_threads_are_served)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_context *context = context_with(1024 * KIB, 0);
    struct dbio_file *file = t_open(context, rig.path, DBIO_MODE_DIRECT);
    pthread_t threads[12];
    void *failed;

    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_unaligned, file), 0);
    for (int i = 0; i < 12; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_DIRECT_BOUNCE), 12 * 20);
    t_close(context, file);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(what_counts_as_large_is_an_option)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
    struct dbio_context *context = context_with(0, 64 * KIB);
    struct dbio_file *file = t_open(context, rig.path, DBIO_MODE_AUTO);

    t_read_old(file, 64 * KIB, 0);
    ck_assert_uint_eq(t_reasoned(file, DBIO_REASON_LARGE_REQUEST), 1);
    t_read_old(file, 60 * KIB, 1024 * KIB);
    ck_assert_uint_eq(t_reasoned(file, DBIO_REASON_ROLE_DATA), 1);
    t_close(context, file);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(the_library_is_the_version_of_the_header)
{
    ck_assert_str_eq(dbio_version(), DBIO_VERSION_STRING);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_context");
    TCase *cases = tcase_create("api_context");

    tcase_add_test(cases, a_context_opens_nothing_by_itself);
    tcase_add_test(cases, a_context_can_be_destroyed_once_its_files_are_closed);
    tcase_add_test(cases, many_contexts_at_once_open_the_same_file);
    t_add_direct_test(cases, with_the_fewest_bounce_buffers_many_threads_are_served);
    t_add_direct_test(cases, what_counts_as_large_is_an_option);
    tcase_add_test(cases, the_library_is_the_version_of_the_header);
    suite_add_tcase(suite, cases);
    return suite;
}
