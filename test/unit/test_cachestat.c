/*
 * test_cachestat.c - residency by cachestat: right counts on every file system, and what is
 * remembered when the kernel, or a seccomp filter, does not offer it. "Not here" comes from the
 * system-call table, so these paths are taken on any kernel.
 */
#include "os/cachestat.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_fault.h"
#include "t_file.h"
#include "t_support.h"

#define PAGE         UINT64_C(4096)
#define NO_CACHESTAT "no cachestat in this kernel"

static void
answer_for_ever(int error)
{
    t_fault_arm(
        &(struct t_fault){.call = DBIO_SYS_CACHESTAT, .nth = 1, .for_ever = true, .error = error});
}

START_TEST(exactly_the_cached_pages_of_the_range_are_counted)
{
    const char *path = t_path(t_filesystems()[_i].directory, "pages");
    int fd = t_file_make(path, t_seed(), 64 * PAGE);
    uint64_t cached;

    if (!t_cache_has_cachestat())
        t_skip(NO_CACHESTAT);
    if (t_cache_drop(path) != 0)
        t_skip("this file system is the page cache");
    ck_assert_int_eq(dbio__cachestat_pages(fd, 0, 0, &cached), 0);
    ck_assert_uint_eq(cached, 0);
    t_cache_warm(path, 10 * PAGE, 3 * PAGE);
    t_cache_warm(path, 20 * PAGE, 1);
    ck_assert_int_eq(dbio__cachestat_pages(fd, 0, 0, &cached), 0);
    ck_assert_uint_eq(cached, 4);
    ck_assert_int_eq(dbio__cachestat_pages(fd, 12 * PAGE, 9 * PAGE, &cached), 0);
    ck_assert_uint_eq(cached, 2);
    ck_assert_int_eq(dbio__cachestat_pages(fd, 13 * PAGE, 7 * PAGE, &cached), 0);
    ck_assert_uint_eq(cached, 0);
    close(fd);
}
END_TEST

START_TEST(a_page_counts_if_one_byte_of_it_is_asked_for)
{
    const char *path = t_path(t_filesystems()[_i].directory, "bytes");
    int fd = t_file_make(path, t_seed(), 8 * PAGE);
    uint64_t cached;

    if (!t_cache_has_cachestat())
        t_skip(NO_CACHESTAT);
    t_cache_warm(path, 0, 8 * PAGE);
    ck_assert_int_eq(dbio__cachestat_pages(fd, PAGE - 1, 2, &cached), 0);
    ck_assert_uint_eq(cached, 2);
    ck_assert_int_eq(dbio__cachestat_pages(fd, 3 * PAGE + 5, 1, &cached), 0);
    ck_assert_uint_eq(cached, 1);
    close(fd);
}
END_TEST

START_TEST(a_range_past_the_end_of_numbers_means_to_the_end)
{
    const char *path = t_path(t_scratch(), "end");
    int fd = t_file_make(path, t_seed(), 8 * PAGE);
    uint64_t cached;

    if (!t_cache_has_cachestat())
        t_skip(NO_CACHESTAT);
    t_cache_warm(path, 0, 8 * PAGE);
    ck_assert_int_eq(dbio__cachestat_pages(fd, 2 * PAGE, UINT64_MAX, &cached), 0);
    ck_assert_uint_eq(cached, 6);
    close(fd);
}
END_TEST

START_TEST(no_such_call_is_remembered_until_reset)
{
    int fd = t_file_make(t_path(t_scratch(), "enosys"), t_seed(), PAGE);
    uint64_t cached = 77;

    answer_for_ever(ENOSYS);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(dbio__cachestat_pages(fd, 0, 0, &cached), -ENOSYS);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_CACHESTAT), 1);
    ck_assert_uint_eq(cached, 77);
    dbio__cachestat_reset();
    ck_assert_int_eq(dbio__cachestat_pages(fd, 0, 0, &cached), -ENOSYS);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_CACHESTAT), 2);
    t_fault_disarm();
    close(fd);
}
END_TEST

START_TEST(eperm_on_a_file_of_ours_is_a_filter_and_remembered)
{
    const char *path = t_path(t_scratch(), "filter");
    int fd = t_file_make(path, t_seed(), PAGE);
    uint64_t cached;

    if (_i == 1) { /* ours by ownership alone */
        close(fd);
        fd = open(path, O_RDONLY);
    }
    answer_for_ever(EPERM);
    ck_assert_int_eq(dbio__cachestat_pages(fd, 0, 0, &cached), -ENOSYS);
    ck_assert_int_eq(dbio__cachestat_pages(fd, 0, 0, &cached), -ENOSYS);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_CACHESTAT), 1);
    t_fault_disarm();
    close(fd);
}
END_TEST

/* A descriptor of a file that is another's, open for reading. */
static int
open_foreign(void)
{
    const char *path = t_path(t_scratch(), "foreign");

    if (geteuid() != 0)
        return open("/etc/passwd", O_RDONLY);
    close(t_file_make(path, t_seed(), PAGE));
    ck_assert_int_eq(chown(path, 1, 1), 0);
    return open(path, O_RDONLY);
}

START_TEST(eperm_on_a_foreign_file_is_passed_on_and_not_remembered)
{
    int fd = open_foreign();
    uint64_t cached = 77;

    ck_assert_int_ge(fd, 0);
    answer_for_ever(EPERM);
    ck_assert_int_eq(dbio__cachestat_pages(fd, 0, 0, &cached), -EPERM);
    ck_assert_int_eq(dbio__cachestat_pages(fd, 0, 0, &cached), -EPERM);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_CACHESTAT), 2);
    ck_assert_uint_eq(cached, 77);
    t_fault_disarm();
    close(fd);
}
END_TEST

START_TEST(eperm_is_passed_on_when_not_even_fcntl_and_fstat_answer)
{
    int fd = t_file_make(t_path(t_scratch(), "mute"), t_seed(), PAGE);
    uint64_t cached;

    t_fault_arm(&(struct t_fault){.call = T_FAULT_ANY, .nth = 1, .for_ever = true, .error = EPERM});
    ck_assert_int_eq(dbio__cachestat_pages(fd, 0, 0, &cached), -EPERM);
    t_fault_disarm();
    close(fd);
}
END_TEST

START_TEST(other_errors_are_passed_on_and_not_remembered)
{
    int fd = t_file_make(t_path(t_scratch(), "other"), t_seed(), PAGE);
    uint64_t cached = 77;

    t_fault_arm(&(struct t_fault){.call = DBIO_SYS_CACHESTAT, .nth = 1, .error = EOPNOTSUPP});
    ck_assert_int_eq(dbio__cachestat_pages(fd, 0, 0, &cached), -EOPNOTSUPP);
    ck_assert_uint_eq(cached, 77);
    t_fault_disarm();
    if (!t_cache_has_cachestat())
        t_skip(NO_CACHESTAT);
    ck_assert_int_eq(dbio__cachestat_pages(-1, 0, 0, &cached), -EBADF);
    ck_assert_int_eq(dbio__cachestat_pages(fd, 0, 0, &cached), 0);
    close(fd);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("cachestat");
    TCase *cases = tcase_create("cachestat");

    tcase_add_loop_test(cases, exactly_the_cached_pages_of_the_range_are_counted, 0,
                        t_filesystems_count());
    tcase_add_loop_test(cases, a_page_counts_if_one_byte_of_it_is_asked_for, 0,
                        t_filesystems_count());
    tcase_add_test(cases, a_range_past_the_end_of_numbers_means_to_the_end);
    tcase_add_test(cases, no_such_call_is_remembered_until_reset);
    tcase_add_loop_test(cases, eperm_on_a_file_of_ours_is_a_filter_and_remembered, 0, 2);
    tcase_add_test(cases, eperm_on_a_foreign_file_is_passed_on_and_not_remembered);
    tcase_add_test(cases, eperm_is_passed_on_when_not_even_fcntl_and_fstat_answer);
    tcase_add_test(cases, other_errors_are_passed_on_and_not_remembered);
    suite_add_tcase(suite, cases);
    return suite;
}
