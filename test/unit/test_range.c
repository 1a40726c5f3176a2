/* test_range.c - byte ranges and rounding, as tables, with the ends of the number line. */
#include "base/range.h"

#include "t_support.h"

static const struct {
    struct dbio_range a, b;
    bool overlap;
} overlaps[] = {
    {{0, 10}, {10, 20}, false},  /* they touch */
    {{0, 11}, {10, 20}, true},   /* by one byte */
    {{0, 100}, {40, 50}, true},  /* one holds the other */
    {{40, 50}, {40, 50}, true},  /* the same */
    {{40, 40}, {0, 100}, true},  /* empty, inside: counts as a point */
    {{40, 40}, {40, 50}, false}, /* empty, at the edge */
    {{0, DBIO_RANGE_END}, {UINT64_MAX - 1, UINT64_MAX}, true},
    {{4096, DBIO_RANGE_END}, {0, 4096}, false},
};

START_TEST(overlap_is_as_the_table_says_and_does_not_mind_the_order)
{
    ck_assert(dbio__range_overlaps(overlaps[_i].a, overlaps[_i].b) == overlaps[_i].overlap);
    ck_assert(dbio__range_overlaps(overlaps[_i].b, overlaps[_i].a) == overlaps[_i].overlap);
}
END_TEST

static const struct {
    uint64_t value, unit, down, up;
} roundings[] = {
    {0, 4096, 0, 0},
    {1, 4096, 0, 4096},
    {4095, 4096, 0, 4096},
    {4096, 4096, 4096, 4096},
    {4097, 4096, 4096, 8192},
    {12345, 1, 12345, 12345},
    {513, 512, 512, 1024},
    {UINT64_MAX - 4095, 4096, UINT64_MAX - 4095, UINT64_MAX - 4095},
    {UINT64_MAX - 4094, 4096, UINT64_MAX - 4095, UINT64_MAX - 4095}, /* up would overflow */
    {UINT64_MAX, 4096, UINT64_MAX - 4095, UINT64_MAX - 4095},
    {UINT64_MAX, 1, UINT64_MAX, UINT64_MAX},
};

START_TEST(rounding_is_as_the_table_says)
{
    uint64_t value = roundings[_i].value, unit = roundings[_i].unit;

    ck_assert_uint_eq(dbio__round_down(value, unit), roundings[_i].down);
    ck_assert_uint_eq(dbio__round_up(value, unit), roundings[_i].up);
    ck_assert(dbio__is_aligned(value, unit) == (roundings[_i].down == value));
}
END_TEST

START_TEST(a_widened_range_has_whole_units)
{
    struct dbio_range wide = dbio__range_widen((struct dbio_range){5000, 8193}, 4096);

    ck_assert_uint_eq(wide.begin, 4096);
    ck_assert_uint_eq(wide.end, 12288);
}
END_TEST

START_TEST(widening_keeps_infinity)
{
    struct dbio_range wide = dbio__range_widen((struct dbio_range){1, DBIO_RANGE_END}, 4096);

    ck_assert_uint_eq(wide.begin, 0);
    ck_assert_uint_eq(wide.end, DBIO_RANGE_END);
}
END_TEST

START_TEST(random_ranges_widen_to_the_smallest_that_holds_them)
{
    for (int i = 0; i < 100000; i++) {
        uint64_t unit = UINT64_C(1) << t_random_below(22);
        uint64_t begin = t_random() >> 1, length = t_random_below(1u << 24);
        struct dbio_range wide =
            dbio__range_widen((struct dbio_range){begin, begin + length}, unit);

        ck_assert(dbio__is_aligned(wide.begin, unit) && dbio__is_aligned(wide.end, unit));
        ck_assert(wide.begin <= begin && begin - wide.begin < unit);
        ck_assert(wide.end >= begin + length && wide.end - (begin + length) < unit);
    }
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("range");
    TCase *cases = tcase_create("range");

    tcase_add_loop_test(cases, overlap_is_as_the_table_says_and_does_not_mind_the_order, 0,
                        sizeof(overlaps) / sizeof(overlaps[0]));
    tcase_add_loop_test(cases, rounding_is_as_the_table_says, 0,
                        sizeof(roundings) / sizeof(roundings[0]));
    tcase_add_test(cases, a_widened_range_has_whole_units);
    tcase_add_test(cases, widening_keeps_infinity);
    tcase_add_test(cases, random_ranges_widen_to_the_smallest_that_holds_them);
    suite_add_tcase(suite, cases);
    return suite;
}
