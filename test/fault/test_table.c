/*
 * test_table.c - the announcement table at its limits: every slot in use, every mode word taken,
 * a child that starts anew, and calls that must end the process because carrying on could write
 * wrong bytes.
 */
#include "core/inflight.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "t_support.h"

#define DR DBIO_CLASS_DIRECT_READ
#define DW DBIO_CLASS_DIRECT_WRITE
#define BW DBIO_CLASS_BUFFERED_WRITE
#define EX DBIO_CLASS_EXCLUSIVE

#define PAGE  UINT64_C(4096)
#define ENTRY 3u

static struct dbio_table table;

static struct dbio_range
pages(uint64_t begin, uint64_t end)
{
    return (struct dbio_range){begin * PAGE, end * PAGE};
}

/* Announces in the slot `at`, which is free. */
static enum dbio_verdict
announce(struct dbio_announcement *a, uint32_t at, enum dbio_class class, struct dbio_range range)
{
    enum dbio_verdict verdict = dbio__inflight_announce(&table, ENTRY, class, range, &at, a);

    ck_assert_uint_eq(a->slot, at);
    return verdict;
}

/* In the way of `a`: the slot, or -1. */
static int
blocker(struct dbio_announcement *a)
{
    _Atomic uint32_t *word;
    uint32_t value;

    if (!dbio__inflight_blocker(&table, a, &word, &value))
        return -1;
    return (int)(((uintptr_t)word - (uintptr_t)table.slots) / sizeof(table.slots[0]));
}

static void
release(const struct dbio_announcement *a)
{
    ck_assert(!dbio__inflight_release(&table, a));
}

static const char *
mode(uint32_t entry)
{
    return dbio__inflight_mode_name(&table, entry);
}

/* Requests of one group until the file admits only them. */
static void
settle(uint32_t entry, enum dbio_class class)
{
    struct dbio_announcement a;
    uint32_t hint = 0, i;

    for (i = 0; i <= DBIO_INFLIGHT_QUIET; i++) {
        if (dbio__inflight_announce(&table, entry, class, pages(0, 1), &hint, &a) == DBIO_BLOCKED)
            ck_assert_int_eq(blocker(&a), -1);
        release(&a);
    }
    ck_assert_str_ne(mode(entry), "tickets");
}

START_TEST(a_scan_reaches_the_highest_slot_that_was_ever_used)
{
    struct dbio_announcement far, near;

    ck_assert_int_eq(announce(&far, DBIO_INFLIGHT_SLOTS - 1, BW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_uint_eq(atomic_load(&table.high_water), DBIO_INFLIGHT_SLOTS);
    ck_assert_int_eq(announce(&near, 0, DW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&near), DBIO_INFLIGHT_SLOTS - 1);
    ck_assert_uint_eq(dbio__inflight_outstanding(&table), 2);
}
END_TEST

START_TEST(the_high_water_rises_with_the_slots_used_and_no_further)
{
    struct dbio_announcement a, b;

    ck_assert_int_eq(announce(&a, 17, BW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_uint_eq(atomic_load(&table.high_water), 18);
    ck_assert_int_eq(announce(&b, 3, BW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_uint_eq(atomic_load(&table.high_water), 18);
}
END_TEST

START_TEST(a_hint_that_is_taken_leads_to_the_next_free_slot_and_remembers_it)
{
    struct dbio_announcement a, b, c;
    uint32_t hint = DBIO_INFLIGHT_SLOTS - 1;

    ck_assert_int_eq(announce(&a, DBIO_INFLIGHT_SLOTS - 1, BW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, BW, pages(0, 1), &hint, &b),
                     DBIO_BLOCKED);
    ck_assert_uint_eq(b.slot, 0); /* round the end */
    ck_assert_uint_eq(hint, 0);
    release(&b);
    hint += 5 * DBIO_INFLIGHT_SLOTS; /* a thread's number is a fair first hint */
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, BW, pages(0, 1), &hint, &c),
                     DBIO_BLOCKED);
    ck_assert_uint_eq(c.slot, 0);
}
END_TEST

START_TEST(a_full_table_refuses_changes_nothing_and_serves_again_after_a_release)
{
    static struct dbio_announcement all[DBIO_INFLIGHT_SLOTS];
    static struct dbio_table before;
    struct dbio_announcement late;
    uint32_t i, hint = 0;

    settle(ENTRY, DR);
    for (i = 0; i < DBIO_INFLIGHT_SLOTS; i++)
        ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, DR, pages(0, 1), &hint, &all[i]),
                         DBIO_CLEAR);
    memcpy(&before, &table, sizeof(table));
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, BW, pages(0, 1), &hint, &late),
                     DBIO_FULL);
    ck_assert_mem_eq(&before, &table, sizeof(table));
    ck_assert_str_eq(mode(ENTRY), "direct");
    release(&all[700]);
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, DR, pages(0, 1), &hint, &late),
                     DBIO_CLEAR);
    ck_assert_uint_eq(late.slot, all[700].slot);
}
END_TEST

START_TEST(each_file_gets_a_mode_word_of_its_own_near_its_hash_while_there_are_any)
{
    ck_assert_uint_eq(dbio__inflight_entry_take(&table, 77), 77);
    ck_assert_uint_eq(dbio__inflight_entry_take(&table, 77), 78);
    ck_assert_uint_eq(dbio__inflight_entry_take(&table, 77 + 5 * DBIO_INFLIGHT_ENTRIES), 79);
    ck_assert_uint_eq(dbio__inflight_entry_take(&table, DBIO_INFLIGHT_ENTRIES - 1),
                      DBIO_INFLIGHT_ENTRIES - 1);
    ck_assert_uint_eq(dbio__inflight_entry_take(&table, DBIO_INFLIGHT_ENTRIES - 1), 0);
    ck_assert_uint_lt(dbio__inflight_entry_take(&table, UINT64_MAX), DBIO_INFLIGHT_ENTRIES);
    dbio__inflight_entry_give(&table, 78);
    ck_assert_uint_eq(dbio__inflight_entry_take(&table, 77), 78);
}
END_TEST

START_TEST(a_mode_word_that_is_given_back_starts_again_with_tickets)
{
    uint32_t entry = dbio__inflight_entry_take(&table, 9);
    uint64_t settled;

    settle(entry, _i == 0 ? DW : BW);
    settled = atomic_load(&table.entries[entry].mode);
    dbio__inflight_entry_give(&table, entry);
    ck_assert_uint_eq(dbio__inflight_entry_take(&table, 9), entry);
    ck_assert_str_eq(mode(entry), "tickets");
    ck_assert_uint_gt(atomic_load(&table.entries[entry].mode), settled);
}
END_TEST

/* Safety does not suffer: the two files wait for each other where their ranges meet. */
START_TEST(when_all_mode_words_are_taken_files_share_and_the_last_to_go_resets)
{
    struct dbio_announcement one, two;
    uint32_t i, hint = 0;

    for (i = 0; i < DBIO_INFLIGHT_ENTRIES; i++)
        ck_assert_uint_eq(dbio__inflight_entry_take(&table, 500),
                          (500 + i) % DBIO_INFLIGHT_ENTRIES);
    for (i = 0; i < 3; i++)
        ck_assert_uint_eq(dbio__inflight_entry_take(&table, 600 + i), 600 + i);
    ck_assert_uint_eq(atomic_load(&table.entries[600].references), 2);
    ck_assert_int_eq(dbio__inflight_announce(&table, 600, BW, pages(0, 1), &hint, &one),
                     DBIO_BLOCKED);
    ck_assert_int_eq(dbio__inflight_announce(&table, 600, DW, pages(0, 1), &hint, &two),
                     DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&two), (int)one.slot);
    release(&one);
    release(&two);
    settle(600, DW);
    dbio__inflight_entry_give(&table, 600);
    ck_assert_str_eq(mode(600), "direct"); /* the other file is still there */
    dbio__inflight_entry_give(&table, 600);
    ck_assert_str_eq(mode(600), "tickets");
    ck_assert_uint_eq(dbio__inflight_entry_take(&table, 0), 600); /* the only free one */
}
END_TEST

START_TEST(a_child_starts_without_announcements_and_with_tickets_everywhere)
{
    struct dbio_announcement mine[3], fresh;
    _Atomic uint32_t *word;
    uint32_t value;

    settle(ENTRY + 1, BW);
    settle(ENTRY, DW);
    ck_assert_int_eq(announce(&mine[0], 0, DW, pages(0, 1)), DBIO_CLEAR);
    ck_assert_int_eq(announce(&mine[1], 1, EX, pages(5, 6)), DBIO_BLOCKED);
    ck_assert_int_eq(announce(&mine[2], 900, BW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert(dbio__inflight_blocker(&table, &mine[2], &word, &value));
    ck_assert(dbio__inflight_mark_waited(word, &value));

    dbio__inflight_reset(&table);
    ck_assert_uint_eq(dbio__inflight_outstanding(&table), 0);
    ck_assert_str_eq(mode(ENTRY), "tickets");
    ck_assert_str_eq(mode(ENTRY + 1), "tickets");
    ck_assert_uint_ne(atomic_load(word), value);
    ck_assert_int_eq(announce(&fresh, 0, EX, pages(0, 10)), DBIO_BLOCKED);
    ck_assert(!fresh.wake);
    ck_assert_int_eq(blocker(&fresh), -1);
    release(&fresh);
}
END_TEST

static void
release_twice(void)
{
    struct dbio_announcement a;
    uint32_t hint = 0;
    enum dbio_verdict verdict = dbio__inflight_announce(&table, ENTRY, BW, pages(0, 1), &hint, &a);
    bool woken = dbio__inflight_release(&table, &a);

    if (verdict == DBIO_BLOCKED && !woken)
        woken = dbio__inflight_release(&table, &a);
}

static void
give_back_what_nobody_took(void)
{
    dbio__inflight_entry_give(&table, ENTRY);
}

static void (*const mistakes[])(void) = {release_twice, give_back_what_nobody_took};

START_TEST(a_mistake_of_ours_ends_the_process)
{
    char text[1024];
    int status = t_capture(mistakes[_i], text, sizeof(text));

    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(text, "inflight.c"));
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *cases = tcase_create("table");

    tcase_add_test(cases, a_scan_reaches_the_highest_slot_that_was_ever_used);
    tcase_add_test(cases, the_high_water_rises_with_the_slots_used_and_no_further);
    tcase_add_test(cases, a_hint_that_is_taken_leads_to_the_next_free_slot_and_remembers_it);
    tcase_add_test(cases, a_full_table_refuses_changes_nothing_and_serves_again_after_a_release);
    tcase_add_test(cases, each_file_gets_a_mode_word_of_its_own_near_its_hash_while_there_are_any);
    tcase_add_loop_test(cases, a_mode_word_that_is_given_back_starts_again_with_tickets, 0, 2);
    tcase_add_test(cases, when_all_mode_words_are_taken_files_share_and_the_last_to_go_resets);
    tcase_add_test(cases, a_child_starts_without_announcements_and_with_tickets_everywhere);
    tcase_add_loop_test(cases, a_mistake_of_ours_ends_the_process, 0, 2);
    suite_add_tcase(suite, cases);
    return suite;
}
