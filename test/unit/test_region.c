/*
 * test_region.c - regions: within their bound, aligned, touched, not there in children; found by
 * address; runs of pages marked, found and forgotten.
 */
#include "base/region.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "t_support.h"

#define MIB  ((size_t)1 << 20)
#define PAGE DBIO_REGION_PAGE

static struct dbio_regions regions;

/* Bounded, with one region of 2 MiB. */
static char *
begin(size_t most)
{
    char *base;

    dbio__regions_init(&regions, most);
    base = dbio__regions_add(&regions, 2 * MIB);
    ck_assert_ptr_nonnull(base);
    return base;
}

START_TEST(a_region_is_aligned_and_has_all_its_pages)
{
    static unsigned char present[3 * 256 + 1];
    char *base;

    begin(64 * MIB);
    base = dbio__regions_add(&regions, 3 * MIB + PAGE);
    ck_assert_ptr_nonnull(base);
    ck_assert_uint_eq((uintptr_t)base % DBIO_REGION_ALIGN, 0);
    ck_assert_int_eq(mincore(base, 3 * MIB + PAGE, present), 0);
    for (size_t i = 0; i < sizeof(present); i++)
        ck_assert_int_eq(present[i] & 1, 1);
    ck_assert_uint_eq(regions.mapped, 5 * MIB + PAGE);
    dbio__regions_fini(&regions, false);
    ck_assert_int_eq(dbio__mem_outstanding(), 0);
}
END_TEST

START_TEST(no_more_is_mapped_than_the_bound_says)
{
    begin(6 * MIB);
    ck_assert_ptr_null(dbio__regions_add(&regions, 4 * MIB + PAGE));
    ck_assert_int_eq(regions.refused, -ENOBUFS);
    ck_assert_ptr_nonnull(dbio__regions_add(&regions, 4 * MIB));
    ck_assert_ptr_null(dbio__regions_add(&regions, 2 * MIB));
    ck_assert_uint_eq(dbio__regions_list(&regions, NULL, 0), 2);
    ck_assert_uint_eq(regions.mapped, 6 * MIB);
    dbio__regions_fini(&regions, false);
}
END_TEST

START_TEST(regions_that_are_too_small_or_too_large_are_refused)
{
    begin((size_t)8 << 30);
    ck_assert_ptr_null(dbio__regions_add(&regions, DBIO_REGION_LEAST - PAGE));
    ck_assert_int_eq(regions.refused, -ENOBUFS);
    ck_assert_ptr_null(dbio__regions_add(&regions, DBIO_REGION_MOST + PAGE));
    ck_assert_int_eq(regions.refused, -ENOBUFS);
    dbio__regions_fini(&regions, false);
}
END_TEST

START_TEST(there_are_so_many_regions_and_not_one_more)
{
    uint32_t count;

    begin((size_t)1 << 40);
    for (count = 1; dbio__regions_add(&regions, 2 * MIB) != NULL; count++)
        continue;
    ck_assert_int_eq(regions.refused, -ENOBUFS);
    ck_assert_uint_eq(count, DBIO_REGIONS_MOST);
    dbio__regions_fini(&regions, false);
    ck_assert_int_eq(dbio__mem_outstanding(), 0);
}
END_TEST

START_TEST(without_memory_there_is_no_region_and_nothing_is_lost)
{
    dbio__regions_init(&regions, 64 * MIB);
    for (long count = 0; count < 2; count++) {
        dbio__mem_fail_after(count);
        ck_assert_ptr_null(dbio__regions_add(&regions, 2 * MIB));
        ck_assert_int_eq(regions.refused, -ENOMEM);
        ck_assert_int_eq(dbio__mem_outstanding(), 0);
    }
    dbio__mem_fail_after(-1);
    ck_assert_ptr_nonnull(dbio__regions_add(&regions, 2 * MIB));
    dbio__regions_fini(&regions, false);
}
END_TEST

START_TEST(an_address_has_the_region_that_holds_all_of_it)
{
    char *first = begin(64 * MIB), *second = dbio__regions_add(&regions, 3 * MIB), other;

    ck_assert_ptr_nonnull(second);
    ck_assert_int_eq(dbio__regions_index(&regions, first, 2 * MIB), 0);
    ck_assert_int_eq(dbio__regions_index(&regions, second, 3 * MIB), 1);
    ck_assert_int_eq(dbio__regions_index(&regions, second + 3 * MIB - 1, 1), 1);
    ck_assert_int_eq(dbio__regions_index(&regions, second + 3 * MIB - 1, 2), -1);
    ck_assert_int_eq(dbio__regions_index(&regions, second, SIZE_MAX), -1);
    ck_assert_int_eq(dbio__regions_index(&regions, &other, 1), -1);
    ck_assert_int_eq(dbio__regions_index(&regions, NULL, 1), -1);
    dbio__regions_fini(&regions, false);
    ck_assert_int_eq(dbio__regions_index(&regions, first, 1), -1);
}
END_TEST

START_TEST(the_list_grows_at_its_end)
{
    char *first = begin(64 * MIB), *second;
    struct iovec list[3] = {{NULL, 0}};

    ck_assert_uint_eq(dbio__regions_list(&regions, list, 3), 1);
    ck_assert_ptr_eq(list[0].iov_base, first);
    second = dbio__regions_add(&regions, 4 * MIB);
    ck_assert_uint_eq(dbio__regions_list(&regions, list, 1), 2);
    ck_assert_ptr_null(list[1].iov_base);
    ck_assert_uint_eq(dbio__regions_list(&regions, list, 3), 2);
    ck_assert_ptr_eq(list[0].iov_base, first);
    ck_assert_ptr_eq(list[1].iov_base, second);
    ck_assert_uint_eq(list[1].iov_len, 4 * MIB);
    dbio__regions_fini(&regions, false);
}
END_TEST

START_TEST(a_run_is_forgotten_once)
{
    char *base = begin(64 * MIB);

    dbio__regions_mark(&regions, base + PAGE, 3 * PAGE);
    ck_assert_uint_eq(dbio__regions_unmark(&regions, base), 0);
    ck_assert_uint_eq(dbio__regions_unmark(&regions, base + 2 * PAGE), 0);
    ck_assert_uint_eq(dbio__regions_unmark(&regions, base + PAGE + 1), 0);
    ck_assert_uint_eq(dbio__regions_unmark(&regions, base + 2 * MIB), 0);
    ck_assert_uint_eq(dbio__regions_unmark(&regions, NULL), 0);
    ck_assert_uint_eq(dbio__regions_unmark(&regions, base + PAGE), 3 * PAGE);
    ck_assert_uint_eq(dbio__regions_unmark(&regions, base + PAGE), 0);
    dbio__regions_fini(&regions, false);
}
END_TEST

/* Marks what is found, which must be page `expected`. */
static void
find(char *base, size_t pages, size_t expected)
{
    char *found = dbio__regions_find(&regions, 0, pages * PAGE);

    ck_assert_ptr_eq(found, base + expected * PAGE);
    dbio__regions_mark(&regions, found, pages * PAGE);
}

START_TEST(the_lowest_run_that_is_long_enough_is_found)
{
    char *base = begin(64 * MIB);

    find(base, 1, 0);
    find(base, 4, 1);
    find(base, 2, 5);
    find(base, 505, 7);
    ck_assert_ptr_null(dbio__regions_find(&regions, 0, PAGE));
    ck_assert_uint_eq(dbio__regions_unmark(&regions, base + PAGE), 4 * PAGE);
    ck_assert_ptr_null(dbio__regions_find(&regions, 0, 5 * PAGE));
    find(base, 2, 1);
    ck_assert_uint_eq(dbio__regions_unmark(&regions, base + 5 * PAGE), 2 * PAGE);
    find(base, 4, 3);
    ck_assert_ptr_null(dbio__regions_find(&regions, 0, PAGE));
    ck_assert_uint_eq(dbio__regions_unmark(&regions, base), PAGE);
    find(base, 1, 0);
    ck_assert_uint_eq(dbio__regions_unmark(&regions, base + 7 * PAGE), 505 * PAGE);
    find(base, 505, 7);
    dbio__regions_fini(&regions, false);
}
END_TEST

/* Against a map of pages that is kept in the plainest way. */
START_TEST(at_random_no_run_overlaps_another_and_none_is_missed)
{
    static size_t lengths[512]; /* by first page */
    static bool used[512];
    char *base = begin(64 * MIB);

    for (int i = 0; i < 20000; i++) {
        size_t pages = 1 + (size_t)t_random_below(1 + t_random_below(60)), at, run = 0;
        size_t page = (size_t)t_random_below(512);
        char *found;

        if (lengths[page] != 0) {
            ck_assert_uint_eq(dbio__regions_unmark(&regions, base + page * PAGE),
                              lengths[page] * PAGE);
            for (at = page; at < page + lengths[page]; at++)
                used[at] = false;
            lengths[page] = 0;
        }
        for (at = 0; at < 512 && run < pages; at++)
            run = used[at] ? 0 : run + 1;
        found = dbio__regions_find(&regions, 0, pages * PAGE);
        ck_assert_ptr_eq(found, run < pages ? NULL : base + (at - pages) * PAGE);
        if (found == NULL)
            continue;
        dbio__regions_mark(&regions, found, pages * PAGE);
        lengths[at - pages] = pages;
        for (size_t taken = at - pages; taken < at; taken++)
            used[taken] = true;
    }
    dbio__regions_fini(&regions, false);
}
END_TEST

START_TEST(a_child_does_not_have_it_and_leaves_alone_what_is_there_instead)
{
    char *base = begin(64 * MIB);
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
        char *own = mmap(base, 2 * MIB, PROT_READ | PROT_WRITE, flags, -1, 0);

        if (own != base)
            _exit(1);
        dbio__regions_fini(&regions, true);
        own[0] = 1;
        _exit(dbio__mem_outstanding() != 0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    base[0] = 1;
    dbio__regions_fini(&regions, false);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("region");
    TCase *cases = tcase_create("region");

    tcase_add_test(cases, a_region_is_aligned_and_has_all_its_pages);
    tcase_add_test(cases, no_more_is_mapped_than_the_bound_says);
    tcase_add_test(cases, regions_that_are_too_small_or_too_large_are_refused);
    tcase_add_test(cases, there_are_so_many_regions_and_not_one_more);
    tcase_add_test(cases, without_memory_there_is_no_region_and_nothing_is_lost);
    tcase_add_test(cases, an_address_has_the_region_that_holds_all_of_it);
    tcase_add_test(cases, the_list_grows_at_its_end);
    tcase_add_test(cases, a_run_is_forgotten_once);
    tcase_add_test(cases, the_lowest_run_that_is_long_enough_is_found);
    tcase_add_test(cases, at_random_no_run_overlaps_another_and_none_is_missed);
    tcase_add_test(cases, a_child_does_not_have_it_and_leaves_alone_what_is_there_instead);
    suite_add_tcase(suite, cases);
    return suite;
}
