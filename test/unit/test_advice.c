/*
 * test_advice.c - POSIX_FADV_*: what is passed on, what is dropped because it would undo what
 * dbio does, what waits, and that it is only advice.
 */
#include "engine/advice.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/membership.h"
#include "engine/residency.h"
#include "os/clock.h"
#include "t_cache.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"
#include "t_hold.h"

#define KIB  ((size_t)1024)
#define SIZE (256 * KIB)

static struct t_rig rig;
static long recorded[6];

static long
record(enum dbio_sys_call call, const long arguments[6])
{
    memcpy(recorded, arguments, sizeof(recorded));
    return dbio__sys_real(call, arguments);
}

START_TEST(advice_is_passed_on_to_the_buffered_descriptor_with_its_range)
{
    const int advices[] = {POSIX_FADV_NORMAL,   POSIX_FADV_RANDOM,   POSIX_FADV_SEQUENTIAL,
                           POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE};

    rig = t_rig(t_filesystems()[_i].directory, DBIO_MODE_BUFFERED, SIZE);
    dbio__sys_table[DBIO_SYS_FADVISE].call = record;
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
        ck_assert_int_eq(dbio_advise(rig.file, 4096, 8192, advices[i]), 0);
        ck_assert_int_eq(recorded[0], rig.file->descriptors->buffered);
        ck_assert_int_eq(recorded[1], 4096);
        ck_assert_int_eq(recorded[2], 8192);
        ck_assert_int_eq(recorded[3], advices[i]);
    }
    ck_assert_int_eq(dbio_advise(rig.file, 4096, 0, POSIX_FADV_DONTNEED), 0);
    ck_assert_int_eq(recorded[2], 0); /* to the end */
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(willneed_on_a_file_in_direct_standing_is_dropped)
{
    T_DIRECT_OR_SKIP(where);
    rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_fault_count();
    ck_assert_int_eq(dbio_advise(rig.file, 0, 0, POSIX_FADV_WILLNEED), 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_FADVISE), 0);
    ck_assert_uint_eq(t_cache_pages(rig.path, 0, SIZE), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(what_willneed_brings_in_is_not_taken_for_empty)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file *buffered;

    rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    buffered = t_open(rig.context, rig.path, DBIO_MODE_BUFFERED);
    for (int i = 0; i < 100; i++) /* nothing cached, and known */
        (void)dbio__residency_look(rig.file, (struct dbio_range){0, 4 * KIB},
                                   dbio__clock_coarse_ns());
    ck_assert_uint_ne(t_stat(rig.context, DBIO_STAT_LOOKS_SAVED), 0);
    ck_assert_int_eq(dbio_advise(buffered, 0, 64 * KIB, POSIX_FADV_WILLNEED), 0);
    for (int i = 0; i < 1000 && t_cache_pages(rig.path, 0, 4 * KIB) == 0; i++)
        usleep(1000);
    t_write_new(rig.file, 4 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED_FLUSH), 1);
    ck_assert_int_eq(dbio_close(buffered), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(dontneed_empties_the_cache_and_requests_go_direct_again)
{
    T_DIRECT_OR_SKIP(where);
    rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_cache_warm(rig.path, 0, SIZE);
    t_read_old(rig.file, 4 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 1);
    for (int i = 0; i < 100 && t_cache_pages(rig.path, 0, SIZE) != 0; i++)
        ck_assert_int_eq(dbio_advise(rig.file, 0, 0, POSIX_FADV_DONTNEED), 0);
    t_read_old(rig.file, 4 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    t_close(rig.context, rig.file);
}
END_TEST

static long
write_block(void *argument)
{
    return dbio_pwrite(rig.file, argument, 4096, 0, 0);
}

static long
drop_first_page(void *argument)
{
    (void)argument;
    return dbio_advise(rig.file, 0, 4096, POSIX_FADV_DONTNEED);
}

START_TEST(dontneed_waits_for_direct_io_in_its_range_only)
{
    T_DIRECT_OR_SKIP(where);
    struct t_job writer, dropper;

    rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    t_hold_arm(DBIO_SYS_PWRITE, true);
    t_job_start(&writer, write_block, t_patterned(4096, T_NEW, 0));
    t_hold_wait();
    ck_assert_int_eq(dbio_advise(rig.file, 8192, 4096, POSIX_FADV_DONTNEED), 0);
    ck_assert_int_eq(dbio_advise(rig.file, 0, 4096, POSIX_FADV_RANDOM), 0);
    t_job_start(&dropper, drop_first_page, NULL);
    t_await_outstanding(2);
    t_job_assert_waits(&dropper);
    t_hold_release();
    ck_assert_int_eq(t_job_join(&writer), 4096);
    ck_assert_int_eq(t_job_join(&dropper), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(advice_that_the_file_system_cannot_take_is_no_error)
{
    const int errors[] = {EOPNOTSUPP, ENOSYS};

    rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, SIZE);
    for (size_t i = 0; i < 2; i++) {
        t_fault_all(DBIO_SYS_FADVISE, errors[i], NULL);
        ck_assert_int_eq(dbio_advise(rig.file, 0, 0, POSIX_FADV_DONTNEED), 0);
        ck_assert_int_eq(dbio_advise(rig.file, 0, 0, POSIX_FADV_RANDOM), 0);
        ck_assert_uint_eq(t_fault_hits(), 2);
        t_fault_disarm();
    }
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("advice");
    TCase *cases = tcase_create("advice");

    t_add_filesystem_test(cases, advice_is_passed_on_to_the_buffered_descriptor_with_its_range);
    t_add_direct_test(cases, willneed_on_a_file_in_direct_standing_is_dropped);
    t_add_direct_test(cases, what_willneed_brings_in_is_not_taken_for_empty);
    t_add_direct_test(cases, dontneed_empties_the_cache_and_requests_go_direct_again);
    t_add_direct_test(cases, dontneed_waits_for_direct_io_in_its_range_only);
    tcase_add_test(cases, advice_that_the_file_system_cannot_take_is_no_error);
    suite_add_tcase(suite, cases);
    return suite;
}
