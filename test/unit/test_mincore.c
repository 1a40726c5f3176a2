/*
 * test_mincore.c - residency by mincore: right counts in and across windows, the end of the
 * file, write-only descriptors, and that no mapping is left behind whichever call fails.
 */
#include "os/mincore.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_fault.h"
#include "t_file.h"
#include "t_support.h"

#define PAGE UINT64_C(4096)
#define MIB  (UINT64_C(1) << 20)

START_TEST(exactly_the_cached_pages_of_the_range_are_counted)
{
    const char *path = t_path(t_filesystems()[_i].directory, "pages");
    int fd = t_file_make(path, t_seed(), 64 * PAGE);
    uint64_t cached;

    if (t_cache_drop(path) != 0)
        t_skip("this file system is the page cache");
    ck_assert_int_eq(dbio__mincore_pages(fd, 0, 64 * PAGE, &cached), 0);
    ck_assert_uint_eq(cached, 0);
    t_cache_warm(path, 10 * PAGE, 3 * PAGE);
    ck_assert_int_eq(dbio__mincore_pages(fd, 0, 64 * PAGE, &cached), 0);
    ck_assert_uint_eq(cached, 3);
    ck_assert_int_eq(dbio__mincore_pages(fd, 12 * PAGE + 1, 1, &cached), 0);
    ck_assert_uint_eq(cached, 1);
    ck_assert_int_eq(dbio__mincore_pages(fd, 13 * PAGE - 1, 2, &cached), 0);
    ck_assert_uint_eq(cached, 1);
    /* Looking brings nothing in. */
    ck_assert_uint_eq(t_cache_pages(path, 0, 64 * PAGE), 3);
    close(fd);
}
END_TEST

START_TEST(windows_add_up)
{
    const char *path = t_path(t_scratch(), "windows");
    int fd = t_file_make(path, t_seed(), 4 * MIB);
    uint64_t cached;

    if (t_cache_drop(path) != 0)
        t_skip("this file system is the page cache");
    t_cache_warm(path, MIB - 2 * PAGE, 4 * PAGE); /* across the first border */
    t_cache_warm(path, 4 * MIB - PAGE, PAGE);     /* the last page */
    t_fault_count();
    ck_assert_int_eq(dbio__mincore_pages(fd, 0, 4 * MIB, &cached), 0);
    ck_assert_uint_eq(cached, 5);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_MMAP), 4);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_MUNMAP), 4);
    ck_assert_int_eq(dbio__mincore_pages(fd, MIB - PAGE - 1, 2 * MIB, &cached), 0);
    ck_assert_uint_eq(cached, 4);
    ck_assert_int_eq(dbio__mincore_pages(fd, 3 * MIB, 64 * MIB, &cached), 0);
    ck_assert_uint_eq(cached, 1);
    t_fault_disarm();
    close(fd);
}
END_TEST

START_TEST(past_the_end_nothing_is_cached)
{
    const char *path = t_path(t_filesystems()[_i].directory, "end");
    int fd = t_file_make(path, t_seed(), 3 * PAGE + 100);
    uint64_t cached;

    t_cache_warm(path, 0, 4 * PAGE);
    ck_assert_int_eq(dbio__mincore_pages(fd, 2 * PAGE, 10 * PAGE, &cached), 0);
    ck_assert_uint_eq(cached, 2);
    ck_assert_int_eq(dbio__mincore_pages(fd, 4 * PAGE, 10 * PAGE, &cached), 0);
    ck_assert_uint_eq(cached, 0);
    ck_assert_int_eq(dbio__mincore_pages(fd, UINT64_C(1) << 62, 10 * PAGE, &cached), 0);
    ck_assert_uint_eq(cached, 0);
    close(fd);
}
END_TEST

START_TEST(a_write_only_descriptor_gives_eacces)
{
    const char *path = t_path(t_scratch(), "writeonly");
    int fd;
    uint64_t cached = 77;

    close(t_file_make(path, t_seed(), PAGE));
    fd = open(path, O_WRONLY);
    ck_assert_int_eq(dbio__mincore_pages(fd, 0, PAGE, &cached), -EACCES);
    ck_assert_uint_eq(cached, 77);
    close(fd);
}
END_TEST

START_TEST(whichever_call_fails_the_error_is_returned_and_no_mapping_stays)
{
    int fd = t_file_make(t_path(t_scratch(), "fails"), t_seed(), 2 * MIB);
    uint64_t cached = 77;
    unsigned long nth = 0, unmapped;
    int result;

    do {
        t_fault_arm(&(struct t_fault){.call = T_FAULT_ANY, .nth = ++nth, .error = ENOMEM});
        result = dbio__mincore_pages(fd, 0, 2 * MIB, &cached);
        unmapped = t_fault_calls(DBIO_SYS_MUNMAP);
        ck_assert_uint_eq(t_fault_hits(), result != 0);
        ck_assert(result == 0 || result == -ENOMEM);
        ck_assert(result == 0 || cached == 77);
        /* Every mapping that was made was unmapped: call 2 and call 5 are mmap. */
        ck_assert_uint_eq(unmapped, t_fault_calls(DBIO_SYS_MMAP) - (nth == 2 || nth == 5));
        t_fault_disarm();
    } while (result != 0);
    ck_assert_uint_eq(nth, 8); /* fstat, and mmap, mincore, munmap twice, failed in turn */
    close(fd);
}
END_TEST

START_TEST(it_agrees_with_an_independent_count)
{
    const char *path = t_path(t_scratch(), "agrees");
    int fd = t_file_make(path, t_seed(), 4 * MIB);
    uint64_t cached;

    (void)t_cache_drop(path);
    for (int i = 0; i < 100; i++) {
        uint64_t offset = t_random_below(4 * MIB), length = 1 + t_random_below(2 * MIB);
        uint64_t inside = length < 4 * MIB - offset ? length : 4 * MIB - offset;

        t_cache_warm(path, t_random_below(4 * MIB), t_random_below(5 * PAGE));
        ck_assert_int_eq(dbio__mincore_pages(fd, offset, length, &cached), 0);
        ck_assert_uint_eq(cached, t_cache_pages(path, offset, inside));
    }
    close(fd);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("mincore");
    TCase *cases = tcase_create("mincore");

    tcase_add_loop_test(cases, exactly_the_cached_pages_of_the_range_are_counted, 0,
                        t_filesystems_count());
    tcase_add_test(cases, windows_add_up);
    tcase_add_loop_test(cases, past_the_end_nothing_is_cached, 0, t_filesystems_count());
    tcase_add_test(cases, a_write_only_descriptor_gives_eacces);
    tcase_add_test(cases, whichever_call_fails_the_error_is_returned_and_no_mapping_stays);
    tcase_add_test(cases, it_agrees_with_an_independent_count);
    suite_add_tcase(suite, cases);
    return suite;
}
