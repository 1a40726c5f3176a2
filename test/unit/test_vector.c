/*
 * test_vector.c - walking an iovec array: windows, copies and alignment, in scripted cases and
 * against the obvious model, the same bytes in one piece.
 */
#include "base/vector.h"

#include <stdlib.h>
#include <string.h>

#include "t_support.h"

static char text[] = "abcdefghijklmnopqrstuvwxyz";
/* "abc", nothing, "defgh", nothing, nothing, "ij" */
static struct iovec letters[] = {{text, 3}, {text, 0}, {text + 3, 5},
                                 {text, 0}, {NULL, 0}, {text + 8, 2}};

START_TEST(a_window_holds_what_is_left_of_each_entry_and_skips_empty_ones)
{
    struct dbio_cursor cursor = {letters, 0, 2};
    struct iovec window[DBIO_VECTOR_WINDOW];
    size_t bytes;

    ck_assert_int_eq(dbio__vector_window(&cursor, 8, window, &bytes), 3);
    ck_assert_uint_eq(bytes, 8);
    ck_assert(window[0].iov_base == text + 2 && window[0].iov_len == 1);
    ck_assert(window[1].iov_base == text + 3 && window[1].iov_len == 5);
    ck_assert(window[2].iov_base == text + 8 && window[2].iov_len == 2);
}
END_TEST

START_TEST(a_window_ends_at_the_length_and_leaves_cursor_and_array_alone)
{
    struct dbio_cursor cursor = {letters, 0, 1};
    struct iovec window[DBIO_VECTOR_WINDOW], before[6];
    size_t bytes;

    memcpy(before, letters, sizeof(letters));
    ck_assert_int_eq(dbio__vector_window(&cursor, 4, window, &bytes), 2);
    ck_assert_uint_eq(bytes, 4);
    ck_assert_uint_eq(window[1].iov_len, 2);
    ck_assert(cursor.vector == letters && cursor.index == 0 && cursor.within == 1);
    ck_assert_mem_eq(before, letters, sizeof(letters));
}
END_TEST

START_TEST(a_window_of_no_bytes_has_no_entries)
{
    struct dbio_cursor cursor = {letters, 0, 0};
    struct iovec window[DBIO_VECTOR_WINDOW];
    size_t bytes = 99;

    ck_assert_int_eq(dbio__vector_window(&cursor, 0, window, &bytes), 0);
    ck_assert_uint_eq(bytes, 0);
}
END_TEST

START_TEST(a_long_array_is_seen_through_full_windows_one_after_another)
{
    enum { ENTRIES = 2 * DBIO_VECTOR_WINDOW + 7 };
    static char bytes[ENTRIES];
    struct iovec vector[ENTRIES], window[DBIO_VECTOR_WINDOW];
    struct dbio_cursor cursor = {vector, 0, 0};
    size_t left = ENTRIES, seen;

    for (size_t i = 0; i < ENTRIES; i++)
        vector[i] = (struct iovec){bytes + i, 1};
    while (left > 0) {
        int expected = left < DBIO_VECTOR_WINDOW ? (int)left : DBIO_VECTOR_WINDOW;

        ck_assert_int_eq(dbio__vector_window(&cursor, left, window, &seen), expected);
        ck_assert_uint_eq(seen, (size_t)expected);
        ck_assert_ptr_eq(window[0].iov_base, bytes + (ENTRIES - left));
        dbio__vector_advance(&cursor, seen);
        left -= seen;
    }
}
END_TEST

START_TEST(an_advance_by_nothing_stays_and_one_to_the_end_of_an_entry_goes_on_from_the_next)
{
    struct dbio_cursor cursor = {letters, 0, 0};
    char two[2];

    dbio__vector_advance(&cursor, 0);
    ck_assert(cursor.index == 0 && cursor.within == 0);
    dbio__vector_advance(&cursor, 3);
    dbio__vector_gather(&cursor, two, 2);
    ck_assert_mem_eq(two, "de", 2);
    dbio__vector_advance(&cursor, 2);
    dbio__vector_gather(&cursor, two, 2);
    ck_assert_mem_eq(two, "hi", 2);
    dbio__vector_advance(&cursor, 1); /* to the very end */
}
END_TEST

/* A random array over `flat`, with empty entries; how many. Its bytes are all of `length`. */
static size_t
split_at_random(char *flat, size_t length, struct iovec *vector, size_t most)
{
    size_t count = 0, at = 0;

    while (at < length) {
        size_t piece = t_random_below(4) == 0 ? 0 : (size_t)t_random_below(200);

        if (count == most - 1 || piece > length - at)
            piece = length - at;
        vector[count++] = (struct iovec){flat + at, piece};
        at += piece;
    }
    return count;
}

START_TEST(random_walks_move_the_bytes_that_stand_at_the_cursor)
{
    enum { LENGTH = 3000, MOST = 200 };
    static char flat[LENGTH], copy[LENGTH], other[LENGTH];
    struct iovec vector[MOST], window[DBIO_VECTOR_WINDOW];

    for (int round = 0; round < 2000; round++) {
        struct dbio_cursor cursor = {vector, 0, 0};
        size_t at = 0;

        for (size_t i = 0; i < LENGTH; i++)
            flat[i] = copy[i] = (char)t_random();
        (void)split_at_random(flat, LENGTH, vector, MOST);
        while (at < LENGTH) {
            size_t bytes = (size_t)t_random_below(LENGTH - at) + 1, seen;

            ck_assert_int_gt(dbio__vector_window(&cursor, bytes, window, &seen), 0);
            ck_assert_ptr_eq(window[0].iov_base, flat + at);
            switch (t_random_below(3)) {
            case 0:
                dbio__vector_advance(&cursor, bytes);
                break;
            case 1:
                dbio__vector_gather(&cursor, other, bytes);
                ck_assert_mem_eq(other, copy + at, bytes);
                break;
            default:
                memset(other, (int)at, bytes);
                memset(copy + at, (int)at, bytes);
                dbio__vector_scatter(&cursor, other, bytes);
            }
            at += bytes;
        }
        ck_assert_mem_eq(flat, copy, LENGTH);
    }
}
END_TEST

/* Addresses are offsets from a page; nothing is touched. */
static const struct {
    const char *name;
    size_t begin[3], length[3];
    size_t index, within, bytes;
    bool aligned; /* memory to 512, lengths to 4096 */
} alignments[] = {
    {"one whole piece", {0}, {8192}, 0, 0, 8192, true},
    {"address between units", {100}, {8192}, 0, 0, 8192, false},
    {"address on the memory unit alone", {512}, {8192}, 0, 0, 8192, true},
    {"piece of half a length unit", {0, 512}, {2048, 2048}, 0, 0, 4096, false},
    {"cut by the length to whole units", {0}, {9000}, 0, 0, 8192, true},
    {"not cut: ends between units", {0}, {9000}, 0, 0, 9000, false},
    {"cursor between units", {0}, {8192}, 0, 100, 4096, false},
    {"cursor on a memory unit", {0}, {8192}, 0, 512, 4096, true},
    {"empty entry at an odd address", {1, 4096, 0}, {0, 4096, 4096}, 0, 0, 8192, true},
    {"second piece between units", {0, 4097}, {4096, 4096}, 0, 0, 8192, false},
    {"second piece beyond the length", {0, 4097}, {4096, 4096}, 0, 0, 4096, true},
    {"first piece before the cursor", {1, 4096}, {4095, 4096}, 1, 0, 4096, true},
    {"cursor at the end of an odd entry", {1, 8192}, {4095, 4096}, 0, 4095, 4096, true},
    {"no bytes at all", {1}, {1}, 0, 0, 0, true},
};

START_TEST(alignment_is_as_the_table_says)
{
    char *page = aligned_alloc(4096, 65536);
    struct iovec vector[3];
    struct dbio_cursor cursor = {vector, alignments[_i].index, alignments[_i].within};

    for (int i = 0; i < 3; i++)
        vector[i] = (struct iovec){page + alignments[_i].begin[i], alignments[_i].length[i]};
    ck_assert_msg(dbio__vector_aligned(&cursor, alignments[_i].bytes, 512, 4096) ==
                      alignments[_i].aligned,
                  "%s", alignments[_i].name);
    ck_assert(cursor.index == alignments[_i].index && cursor.within == alignments[_i].within);
    free(page);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("vector");
    TCase *cases = tcase_create("vector");

    tcase_add_test(cases, a_window_holds_what_is_left_of_each_entry_and_skips_empty_ones);
    tcase_add_test(cases, a_window_ends_at_the_length_and_leaves_cursor_and_array_alone);
    tcase_add_test(cases, a_window_of_no_bytes_has_no_entries);
    tcase_add_test(cases, a_long_array_is_seen_through_full_windows_one_after_another);
    tcase_add_test(
        cases, an_advance_by_nothing_stays_and_one_to_the_end_of_an_entry_goes_on_from_the_next);
    tcase_add_test(cases, random_walks_move_the_bytes_that_stand_at_the_cursor);
    tcase_add_loop_test(cases, alignment_is_as_the_table_says, 0,
                        sizeof(alignments) / sizeof(alignments[0]));
    suite_add_tcase(suite, cases);
    return suite;
}
