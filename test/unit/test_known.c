/*
 * test_known.c - what is known not to be cached: the life of a region from "may be cached" to
 * "checked, empty" and back, the confirmations that trust needs, and the map's ends. Time is a
 * number that the cases give.
 */
#include "core/known.h"

#include <pthread.h>

#include "t_support.h"

#define PAGE         UINT64_C(4096)
#define REGION       ((uint64_t)DBIO_KNOWN_REGION_MIN) /* of a file that is not large */
#define FILE_REGIONS 8u
#define FILE_BYTES   (FILE_REGIONS * REGION)
#define BACKOFF      32

static struct dbio_known known;
static uint64_t now = UINT64_C(1000000000000);

/* One page of a region. */
static struct dbio_range
page_of(uint64_t region)
{
    return (struct dbio_range){region * REGION + 3 * PAGE, region * REGION + 4 * PAGE};
}

static enum dbio_known_answer
ask(uint64_t region)
{
    return dbio__known_answer(&known, page_of(region), now);
}

/* A check of the region that finds it so. */
static void
check(uint64_t region, bool empty)
{
    struct dbio_range whole = {0, 0};

    ck_assert(dbio__known_check(&known, page_of(region), &whole));
    ck_assert_uint_eq(whole.begin, region * REGION);
    ck_assert_uint_eq(whole.end, (region + 1) * REGION);
    dbio__known_checked(&known, whole, empty);
}

/* A file of eight regions in which all has been checked and confirmed. */
static void
start_empty(void)
{
    uint64_t i;

    dbio__known_init(&known, FILE_BYTES);
    for (i = 0; i < FILE_REGIONS; i++)
        check(i, true);
    ck_assert_int_eq(ask(0), DBIO_KNOWN_CONFIRM);
    dbio__known_confirm(&known, true, now);
}

START_TEST(at_first_everything_in_a_file_may_be_cached)
{
    uint64_t i;

    dbio__known_init(&known, FILE_BYTES);
    for (i = 0; i < FILE_REGIONS; i++)
        ck_assert_int_eq(ask(i), DBIO_KNOWN_ASK);
    ck_assert_uint_eq(atomic_load(&known.marked), FILE_REGIONS);
}
END_TEST

START_TEST(an_empty_file_needs_one_confirmation)
{
    dbio__known_init(&known, 0);
    ck_assert_int_eq(ask(0), DBIO_KNOWN_CONFIRM);
    dbio__known_confirm(&known, true, now);
    ck_assert_int_eq(ask(0), DBIO_KNOWN_EMPTY);
    ck_assert_int_eq(ask(DBIO_KNOWN_REGIONS - 1), DBIO_KNOWN_EMPTY);
}
END_TEST

START_TEST(the_last_region_of_a_file_counts_even_for_one_byte)
{
    dbio__known_init(&known, 2 * REGION + 1);
    ck_assert_uint_eq(atomic_load(&known.marked), 3);
    ck_assert_int_eq(ask(2), DBIO_KNOWN_ASK);
}
END_TEST

START_TEST(trust_lasts_for_so_many_answers)
{
    unsigned i;

    start_empty();
    for (i = 0; i < DBIO_KNOWN_TRUST; i++)
        ck_assert_int_eq(ask(i % FILE_REGIONS), DBIO_KNOWN_EMPTY);
    ck_assert_int_eq(ask(0), DBIO_KNOWN_CONFIRM);
    ck_assert_int_eq(ask(0), DBIO_KNOWN_CONFIRM); /* until someone does */
    dbio__known_confirm(&known, true, now);
    ck_assert_int_eq(ask(0), DBIO_KNOWN_EMPTY);
}
END_TEST

START_TEST(trust_lasts_for_so_long)
{
    start_empty();
    now += DBIO_KNOWN_TRUST_NS - 1;
    ck_assert_int_eq(ask(0), DBIO_KNOWN_EMPTY);
    now += 1;
    ck_assert_int_eq(ask(0), DBIO_KNOWN_CONFIRM);
    dbio__known_confirm(&known, true, now);
    ck_assert_int_eq(ask(0), DBIO_KNOWN_EMPTY);
}
END_TEST

START_TEST(a_confirmation_from_the_future_of_another_processor_is_not_trusted)
{
    start_empty();
    now -= 1;
    ck_assert_int_eq(ask(0), DBIO_KNOWN_CONFIRM);
}
END_TEST

START_TEST(a_confirmation_that_fails_marks_everything)
{
    uint64_t i;

    start_empty();
    dbio__known_confirm(&known, false, now);
    for (i = 0; i < DBIO_KNOWN_REGIONS; i++)
        ck_assert_int_eq(ask(i), DBIO_KNOWN_ASK);
    ck_assert_uint_eq(atomic_load(&known.marked), DBIO_KNOWN_REGIONS);
}
END_TEST

START_TEST(a_buffered_request_marks_the_regions_it_touches_and_no_others)
{
    start_empty();
    dbio__known_mark(&known, (struct dbio_range){3 * REGION - PAGE, 5 * REGION});
    ck_assert_int_eq(ask(1), DBIO_KNOWN_EMPTY);
    ck_assert_int_eq(ask(2), DBIO_KNOWN_ASK);
    ck_assert_int_eq(ask(3), DBIO_KNOWN_ASK);
    ck_assert_int_eq(ask(4), DBIO_KNOWN_ASK);
    ck_assert_int_eq(ask(5), DBIO_KNOWN_EMPTY);
    ck_assert_uint_eq(atomic_load(&known.marked), 3);
}
END_TEST

START_TEST(a_range_is_empty_only_if_all_its_regions_are)
{
    struct dbio_range both = {REGION, 3 * REGION};

    start_empty();
    ck_assert_int_eq(dbio__known_answer(&known, both, now), DBIO_KNOWN_EMPTY);
    dbio__known_mark(&known, page_of(2));
    ck_assert_int_eq(dbio__known_answer(&known, both, now), DBIO_KNOWN_ASK);
    both.end = 2 * REGION;
    ck_assert_int_eq(dbio__known_answer(&known, both, now), DBIO_KNOWN_EMPTY);
}
END_TEST

/* Asking for the whole file is cheap only while nothing of it is cached. */
START_TEST(a_file_with_a_marked_region_is_asked_for_range_by_range_when_trust_ends)
{
    start_empty();
    dbio__known_mark(&known, page_of(7));
    now += DBIO_KNOWN_TRUST_NS;
    ck_assert_int_eq(ask(0), DBIO_KNOWN_ASK);
    check(7, true);
    ck_assert_int_eq(ask(0), DBIO_KNOWN_CONFIRM);
}
END_TEST

START_TEST(a_check_that_finds_nothing_clears_the_region)
{
    start_empty();
    dbio__known_mark(&known, page_of(4));
    ck_assert_int_eq(ask(4), DBIO_KNOWN_ASK);
    check(4, true);
    ck_assert_int_eq(ask(4), DBIO_KNOWN_EMPTY);
    ck_assert_uint_eq(atomic_load(&known.marked), 0);
}
END_TEST

START_TEST(a_check_in_vain_is_not_repeated_for_thirty_two_looks)
{
    struct dbio_range whole;
    int i;

    dbio__known_init(&known, FILE_BYTES);
    check(4, false);
    ck_assert_int_eq(ask(4), DBIO_KNOWN_ASK);
    for (i = 0; i < BACKOFF; i++)
        ck_assert(!dbio__known_check(&known, page_of(4), &whole));
    check(4, true);
    ck_assert_uint_eq(atomic_load(&known.marked), FILE_REGIONS - 1);
}
END_TEST

START_TEST(a_request_during_a_check_keeps_the_region_marked)
{
    struct dbio_range whole;

    dbio__known_init(&known, FILE_BYTES);
    ck_assert(dbio__known_check(&known, page_of(4), &whole));
    dbio__known_mark(&known, page_of(4));
    dbio__known_checked(&known, whole, true);
    ck_assert_int_eq(ask(4), DBIO_KNOWN_ASK);
    ck_assert_uint_eq(atomic_load(&known.marked), FILE_REGIONS);
    check(4, true); /* and the next check is not held back */
}
END_TEST

START_TEST(a_request_after_a_check_in_vain_ends_the_waiting)
{
    dbio__known_init(&known, FILE_BYTES);
    check(4, false);
    dbio__known_mark(&known, page_of(4));
    check(4, true);
}
END_TEST

START_TEST(a_region_is_checked_by_one_thread_at_a_time)
{
    struct dbio_range whole, other;

    dbio__known_init(&known, FILE_BYTES);
    ck_assert(dbio__known_check(&known, page_of(4), &whole));
    ck_assert(!dbio__known_check(&known, page_of(4), &other));
    ck_assert_int_eq(ask(4), DBIO_KNOWN_ASK); /* nothing is known until it is done */
    dbio__known_checked(&known, whole, true);
}
END_TEST

START_TEST(there_is_no_check_of_an_empty_region_of_two_regions_or_past_the_map)
{
    struct dbio_range whole;

    start_empty();
    ck_assert(!dbio__known_check(&known, page_of(0), &whole));
    dbio__known_mark_all(&known);
    ck_assert(
        !dbio__known_check(&known, (struct dbio_range){REGION - PAGE, REGION + PAGE}, &whole));
    ck_assert(!dbio__known_check(&known, page_of(DBIO_KNOWN_REGIONS), &whole));
}
END_TEST

START_TEST(nothing_is_known_past_the_map)
{
    struct dbio_range across = {(DBIO_KNOWN_REGIONS - 1) * REGION, DBIO_KNOWN_REGIONS * REGION + 1};
    struct dbio_range endless = {PAGE, DBIO_RANGE_END};

    start_empty();
    ck_assert_int_eq(ask(DBIO_KNOWN_REGIONS - 1), DBIO_KNOWN_EMPTY);
    ck_assert_int_eq(ask(DBIO_KNOWN_REGIONS), DBIO_KNOWN_ASK);
    ck_assert_int_eq(dbio__known_answer(&known, across, now), DBIO_KNOWN_ASK);
    ck_assert_int_eq(dbio__known_answer(&known, endless, now), DBIO_KNOWN_ASK);
    dbio__known_mark(&known, page_of(DBIO_KNOWN_REGIONS)); /* has no effect */
    ck_assert_uint_eq(atomic_load(&known.marked), 0);
    dbio__known_mark(&known, across);
    ck_assert_uint_eq(atomic_load(&known.marked), 1);
    dbio__known_mark(&known, endless);
    ck_assert_uint_eq(atomic_load(&known.marked), DBIO_KNOWN_REGIONS);
}
END_TEST

static const uint64_t sizes[] = {0,
                                 1,
                                 DBIO_KNOWN_REGIONS *REGION / 4,
                                 DBIO_KNOWN_REGIONS *REGION / 4 + 1,
                                 UINT64_C(1) << 40,
                                 (UINT64_C(1) << 40) + 12345,
                                 UINT64_C(1) << 61,
                                 INT64_MAX,
                                 UINT64_MAX / 4,
                                 UINT64_MAX - 1};

START_TEST(a_file_of_any_size_has_a_map_and_room_to_grow_fourfold_while_numbers_last)
{
    uint64_t size = sizes[_i], region;

    dbio__known_init(&known, size);
    region = UINT64_C(1) << known.shift;
    ck_assert_uint_ge(region, REGION);
    ck_assert_uint_le(atomic_load(&known.marked), DBIO_KNOWN_REGIONS);
    if (size >= UINT64_MAX / 4)
        return;
    ck_assert_uint_ge(DBIO_KNOWN_REGIONS * region, 4 * size);
    ck_assert(region == REGION || DBIO_KNOWN_REGIONS * (region / 2) < 4 * size);
    ck_assert_uint_eq(atomic_load(&known.marked), (size + region - 1) / region);
}
END_TEST

static void *
disturb(void *argument)
{
    struct dbio_range whole;
    int i;

    t_random_start(t_seed() + *(uint64_t *)argument);
    for (i = 0; i < 200000; i++) {
        uint64_t region = t_random_below(4);

        switch (t_random_below(4)) {
        case 0:
            dbio__known_mark(&known, page_of(region));
            break;
        case 1:
            (void)ask(region);
            break;
        default:
            if (dbio__known_check(&known, page_of(region), &whole))
                dbio__known_checked(&known, whole, t_random_below(3) != 0);
        }
    }
    return NULL;
}

/* `marked` decides whether the whole file is asked for, so it must not drift. */
START_TEST(threads_that_mark_and_check_leave_the_count_of_marked_regions_right)
{
    pthread_t threads[4];
    uint64_t numbers[4];
    int i;
    uint32_t marked = 0;

    dbio__known_init(&known, FILE_BYTES);
    for (i = 0; i < 4; i++) {
        numbers[i] = (uint64_t)i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, disturb, &numbers[i]), 0);
    }
    for (i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (i = 0; i < (int)DBIO_KNOWN_REGIONS; i++)
        marked += atomic_load(&known.regions[i]) != 0;
    ck_assert_uint_eq(atomic_load(&known.marked), marked);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("known");
    TCase *cases = tcase_create("known");

    tcase_add_test(cases, at_first_everything_in_a_file_may_be_cached);
    tcase_add_test(cases, an_empty_file_needs_one_confirmation);
    tcase_add_test(cases, the_last_region_of_a_file_counts_even_for_one_byte);
    tcase_add_test(cases, trust_lasts_for_so_many_answers);
    tcase_add_test(cases, trust_lasts_for_so_long);
    tcase_add_test(cases, a_confirmation_from_the_future_of_another_processor_is_not_trusted);
    tcase_add_test(cases, a_confirmation_that_fails_marks_everything);
    tcase_add_test(cases, a_buffered_request_marks_the_regions_it_touches_and_no_others);
    tcase_add_test(cases, a_range_is_empty_only_if_all_its_regions_are);
    tcase_add_test(cases, a_file_with_a_marked_region_is_asked_for_range_by_range_when_trust_ends);
    tcase_add_test(cases, a_check_that_finds_nothing_clears_the_region);
    tcase_add_test(cases, a_check_in_vain_is_not_repeated_for_thirty_two_looks);
    tcase_add_test(cases, a_request_during_a_check_keeps_the_region_marked);
    tcase_add_test(cases, a_request_after_a_check_in_vain_ends_the_waiting);
    tcase_add_test(cases, a_region_is_checked_by_one_thread_at_a_time);
    tcase_add_test(cases, there_is_no_check_of_an_empty_region_of_two_regions_or_past_the_map);
    tcase_add_test(cases, nothing_is_known_past_the_map);
    tcase_add_loop_test(cases,
                        a_file_of_any_size_has_a_map_and_room_to_grow_fourfold_while_numbers_last,
                        0, sizeof(sizes) / sizeof(sizes[0]));
    tcase_add_test(cases, threads_that_mark_and_check_leave_the_count_of_marked_regions_right);
    suite_add_tcase(suite, cases);
    return suite;
}
