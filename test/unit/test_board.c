/*
 * test_board.c - the notice board's layout: formatted, recognised, added up.
 */
#include "core/board.h"

#include <stdlib.h>
#include <string.h>

#include "t_support.h"

START_TEST(a_formatted_board_is_sound_and_others_are_not)
{
    unsigned char *memory = calloc(1, DBIO_BOARD_BYTES);
    struct dbio_board_head *head = (struct dbio_board_head *)(void *)memory;

    ck_assert(!dbio__board_is_sound(memory)); /* empty */
    dbio__board_format(memory);
    ck_assert(dbio__board_is_sound(memory));
    head->places++;
    ck_assert(!dbio__board_is_sound(memory));
    head->places--;
    head->place_bytes--;
    ck_assert(!dbio__board_is_sound(memory));
    head->place_bytes++;
    head->version++;
    ck_assert(!dbio__board_is_sound(memory));
    free(memory);
}
END_TEST

START_TEST(places_do_not_overlap_and_end_with_the_board)
{
    static char memory[1];
    uint32_t i;

    for (i = 1; i < DBIO_BOARD_PLACES; i++) {
        ptrdiff_t apart =
            (char *)dbio__board_place(memory, i) - (char *)dbio__board_place(memory, i - 1);

        ck_assert_int_ge(apart, (ptrdiff_t)sizeof(struct dbio_place));
    }
    ck_assert_int_le((char *)dbio__board_place(memory, i - 1) - memory +
                         (ptrdiff_t)sizeof(struct dbio_place),
                     (ptrdiff_t)DBIO_BOARD_BYTES);
}
END_TEST

START_TEST(sums_add_up_but_a_maximum_is_the_largest)
{
    static struct dbio_place places[2];
    struct dbio_board_sums sums = {.counters = {0}};

    dbio__stats_add(&places[0].counters, 1, DBIO_STAT_READS, 3);
    dbio__stats_add(&places[1].counters, 2, DBIO_STAT_READS, 4);
    dbio__stats_raise(&places[0].counters, 1, DBIO_STAT_WAIT_NS_MAX, 50);
    dbio__stats_raise(&places[1].counters, 9, DBIO_STAT_WAIT_NS_MAX, 20);
    dbio__stats_request(&places[0].counters, 1, DBIO_STAT_WRITES, 512, DBIO_ROUTE_DIRECT,
                        DBIO_REASON_POLICY);
    dbio__stats_request(&places[1].counters, 77, DBIO_STAT_WRITES, 512, DBIO_ROUTE_DIRECT,
                        DBIO_REASON_POLICY);
    dbio__board_add(&sums, &places[0]);
    dbio__board_add(&sums, &places[1]);
    ck_assert_uint_eq(sums.counters[DBIO_STAT_READS], 7);
    ck_assert_uint_eq(sums.counters[DBIO_STAT_WAIT_NS_MAX], 50);
    ck_assert_uint_eq(sums.counters[DBIO_STAT_WRITES], 2);
    ck_assert_uint_eq(sums.counters[DBIO_STAT_WRITE_BYTES], 1024);
    ck_assert_uint_eq(sums.counters[DBIO_STAT_DIRECT], 2);
    ck_assert_uint_eq(sums.reasons[DBIO_REASON_POLICY], 2);
    ck_assert_uint_eq(sums.reasons[DBIO_REASON_NONE], 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("board");
    TCase *cases = tcase_create("board");

    tcase_add_test(cases, a_formatted_board_is_sound_and_others_are_not);
    tcase_add_test(cases, places_do_not_overlap_and_end_with_the_board);
    tcase_add_test(cases, sums_add_up_but_a_maximum_is_the_largest);
    suite_add_tcase(suite, cases);
    return suite;
}
