/*
 * test_inflight.c - the announcement table, step by step in one thread: who runs at once, who
 * waits for whom, who is to be woken, when a file returns to one group. Its limits: full, all
 * entries taken, misuse: test/fault/test_limits.c; slots that are kept: test_slots.c there. Crowds and threads: test/stress/
 * stress_inflight.c; every interleaving of a few requests: stress_interleavings.c there.
 *
 * What only happens between the steps of another thread is made by hand here: a sleeper that
 * marks a slot before its owner has a ticket, a request that comes behind a scan, a mode word
 * that is just being closed.
 */
#include "core/inflight.h"

#include <string.h>

#include "t_support.h"

#define DR DBIO_CLASS_DIRECT_READ
#define DW DBIO_CLASS_DIRECT_WRITE
#define BR DBIO_CLASS_BUFFERED_READ
#define BW DBIO_CLASS_BUFFERED_WRITE
#define EX DBIO_CLASS_EXCLUSIVE

#define PAGE  UINT64_C(4096)
#define ENTRY 3u

/* Direct reads and writes are one group, buffered ones the other; exclusive ones are in none. */
static const int group[DBIO_CLASS_COUNT] = {0, 0, 1, 1, -1};
static const char *const group_mode[] = {"direct", "buffered"};
static const enum dbio_class other[] = {BW, DW}; /* of the other group, and conflicting */

/* Written from the design, not from the code. */
static const bool conflict[DBIO_CLASS_COUNT][DBIO_CLASS_COUNT] = {
    /*        DR     DW     BR     BW     EX */
    [DR] = {false, false, false, true, true}, [DW] = {false, false, true, true, true},
    [BR] = {false, true, false, false, true}, [BW] = {true, true, false, false, true},
    [EX] = {true, true, true, true, true},
};

static struct dbio_table table;
static struct dbio_blocker last; /* blocker */

static struct dbio_range
pages(uint64_t begin, uint64_t end)
{
    return (struct dbio_range){begin * PAGE, end * PAGE};
}

/* Announces in the slot `at`, which is free. */
static enum dbio_verdict
announce(struct dbio_announcement *a, uint32_t at, enum dbio_class class, struct dbio_range range)
{
    struct dbio_announcer who = {.hint = at};
    enum dbio_verdict verdict = dbio__inflight_announce(&table, ENTRY, class, range, 0, &who, a);

    ck_assert(verdict == DBIO_FULL || a->slot == at);
    if (verdict == DBIO_BLOCKED && a->switching != 0) /* one thread: no barrier is needed */
        dbio__inflight_settle(&table, a);
    return verdict;
}

/* In the way of `a`: the slot, or -1. */
static int
blocker(struct dbio_announcement *a)
{
    if (!dbio__inflight_blocker(&table, a, &last))
        return -1;
    ck_assert_uint_lt(last.slot, DBIO_TABLE_SLOTS);
    ck_assert_uint_eq(atomic_load(&table.slots[last.slot].word), last.word);
    ck_assert(!dbio__inflight_has_moved(&table, &last));
    return (int)last.slot;
}

static void
release(const struct dbio_announcement *a)
{
    ck_assert(!dbio__inflight_release(&table, a));
}

static const char *
mode(void)
{
    return dbio__inflight_mode_name(&table, ENTRY);
}

/* One request from beginning to end, alone. */
static void
run_once(enum dbio_class class, uint32_t at)
{
    struct dbio_announcement a;

    if (announce(&a, at, class, pages(0, 1)) == DBIO_BLOCKED)
        ck_assert_int_eq(blocker(&a), -1);
    release(&a);
}

/* Requests of one group until the file admits only them. */
static void settle(enum dbio_class class)
{
    unsigned i;

    for (i = 0; i <= DBIO_INFLIGHT_QUIET; i++)
        run_once(class, 0);
    ck_assert_str_eq(mode(), group_mode[group[class]]);
}

START_TEST(the_conflicts_are_those_of_the_design)
{
    int a, b;

    for (a = 0; a < DBIO_CLASS_COUNT; a++)
        for (b = 0; b < DBIO_CLASS_COUNT; b++)
            ck_assert_msg(dbio__inflight_conflicts((enum dbio_class)a, (enum dbio_class)b) ==
                              conflict[a][b],
                          "class %d with class %d", a, b);
}
END_TEST

START_TEST(a_new_file_starts_with_tickets_and_settles_after_a_quiet_time)
{
    unsigned i;

    for (i = 0; i < DBIO_INFLIGHT_QUIET; i++) {
        ck_assert_str_eq(mode(), "tickets");
        run_once(DW, 0);
    }
    ck_assert_str_eq(mode(), "direct");
}
END_TEST

START_TEST(in_a_settled_file_the_group_runs_at_once_and_never_blocks_itself)
{
    enum dbio_class first = _i == 0 ? DR : BR, second = _i == 0 ? DW : BW;
    struct dbio_announcement a[20];
    uint32_t i;

    settle(second);
    for (i = 0; i < 20; i++) {
        enum dbio_class class = i % 2 == 0 ? first : second;

        memset(&a[i], 0xff, sizeof(a[i]));
        ck_assert_int_eq(announce(&a[i], i, class, pages(0, 4)), DBIO_CLEAR);
        ck_assert_uint_eq(a[i].ticket, 0);
        ck_assert_uint_eq(dbio__inflight_outstanding(&table), i + 1);
    }
    ck_assert_str_eq(mode(), group_mode[_i]);
    for (i = 0; i < 20; i++)
        release(&a[i]);
    ck_assert_uint_eq(dbio__inflight_outstanding(&table), 0);
}
END_TEST

/* First class, second class, how their ranges lie. */
#define PAIRS (DBIO_CLASS_COUNT * DBIO_CLASS_COUNT * 4)

START_TEST(of_two_requests_the_second_waits_if_they_conflict_and_overlap)
{
    static const struct {
        uint64_t begin, end;
        bool overlap;
    } second_range[] = {{2, 4, true}, {3, 4, true}, {4, 8, false}, {0, 2, false}};
    int with_tickets;

    for (with_tickets = 0; with_tickets < 2; with_tickets++) {
        enum dbio_class one = (enum dbio_class)(_i % DBIO_CLASS_COUNT);
        enum dbio_class two = (enum dbio_class)(_i / DBIO_CLASS_COUNT % DBIO_CLASS_COUNT);
        int lie = _i / (DBIO_CLASS_COUNT * DBIO_CLASS_COUNT);
        struct dbio_announcement a, b;
        enum dbio_verdict verdict;

        memset(&table, 0, sizeof(table));
        if (with_tickets == 0 && one != EX)
            settle(one);
        if (announce(&a, 5, one, pages(2, 4)) == DBIO_BLOCKED)
            ck_assert_int_eq(blocker(&a), -1);
        verdict = announce(&b, (uint32_t)(_i % 2 == 0 ? 2 : 9), two,
                           pages(second_range[lie].begin, second_range[lie].end));
        if (conflict[one][two] && second_range[lie].overlap) {
            ck_assert_int_eq(verdict, DBIO_BLOCKED);
            ck_assert_str_eq(mode(), "tickets");
            ck_assert_int_eq(blocker(&b), 5);
            ck_assert_int_eq(blocker(&b), 5); /* as often as it is asked */
            release(&a);
        }
        if (verdict == DBIO_BLOCKED)
            ck_assert_int_eq(blocker(&b), -1);
        release(&b);
    }
}
END_TEST

START_TEST(requests_on_other_files_are_in_nobodys_way)
{
    struct dbio_announcement a, b;
    struct dbio_announcer who = {.hint = 7};

    ck_assert_int_eq(announce(&a, 0, EX, pages(0, UINT32_MAX)), DBIO_BLOCKED);
    ck_assert_int_eq(
        dbio__inflight_announce(&table, ENTRY + 1, EX, pages(0, UINT32_MAX), 0, &who, &b),
        DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&a), -1);
    ck_assert_int_eq(blocker(&b), -1);
}
END_TEST

START_TEST(the_other_group_ends_a_settled_mode)
{
    struct dbio_announcement runs, comes;

    settle(_i == 0 ? DW : BW);
    ck_assert_int_eq(announce(&runs, 1, _i == 0 ? DW : BW, pages(0, 1)), DBIO_CLEAR);
    /* Elsewhere in the file: it need not wait, but the mode no longer admits one group alone. */
    ck_assert_int_eq(announce(&comes, 0, _i == 0 ? BR : DR, pages(9, 10)), DBIO_BLOCKED);
    ck_assert_str_eq(mode(), "tickets");
    ck_assert_uint_gt(comes.ticket, 0);
    ck_assert_int_eq(blocker(&comes), -1);
    release(&runs);
    release(&comes);
}
END_TEST

START_TEST(an_exclusive_request_ends_every_settled_mode)
{
    struct dbio_announcement alone, later;

    settle(_i == 0 ? DR : BR);
    ck_assert_int_eq(announce(&alone, 0, EX, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_str_eq(mode(), "tickets");
    ck_assert_int_eq(blocker(&alone), -1);
    ck_assert_int_eq(announce(&later, 1, _i == 0 ? DR : BR, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&later), 0);
}
END_TEST

/* Slots in the opposite order of arrival: the ticket counts, not the place. */
START_TEST(conflicting_requests_are_served_in_the_order_they_came)
{
    struct dbio_announcement first, second, third, beside;

    ck_assert_int_eq(announce(&first, 9, BW, pages(0, 4)), DBIO_BLOCKED);
    ck_assert_int_eq(announce(&second, 8, DW, pages(2, 6)), DBIO_BLOCKED);
    ck_assert_int_eq(announce(&third, 7, BW, pages(4, 5)), DBIO_BLOCKED);
    ck_assert_int_eq(announce(&beside, 6, BR, pages(0, 2)), DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&first), -1);
    ck_assert_int_eq(blocker(&second), 9);
    /* Not overtaken, although the first one, which runs, is no enemy of the third. */
    ck_assert_int_eq(blocker(&third), 8);
    ck_assert_int_eq(blocker(&beside), -1);
    release(&first);
    ck_assert_int_eq(blocker(&third), 8);
    ck_assert_int_eq(blocker(&second), -1);
    release(&second);
    ck_assert_int_eq(blocker(&third), -1);
}
END_TEST

/* A request that passed by F shows what one without a ticket yet shows: it is choosing. */
START_TEST(one_who_is_choosing_is_waited_for_by_everyone_who_conflicts)
{
    struct dbio_announcement chooser, waits;

    settle(DW);
    ck_assert_int_eq(announce(&chooser, 4, DW, pages(0, 1)), DBIO_CLEAR);
    ck_assert_int_eq(announce(&waits, 3, BR, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&waits), 4);
    release(&chooser);
    ck_assert_int_eq(blocker(&waits), -1);
}
END_TEST

START_TEST(a_sleeper_is_reported_at_release_and_only_then)
{
    struct dbio_announcement runs, one, two;
    struct dbio_blocker seen;

    ck_assert_int_eq(announce(&runs, 0, BW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(announce(&one, 1, DW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(announce(&two, 2, DR, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&one), 0);
    ck_assert_uint_eq(last.slot, runs.slot);
    seen = last;
    ck_assert(dbio__inflight_mark_waited(&table, &seen));
    ck_assert(!dbio__inflight_has_moved(&table, &seen));
    /* The second sleeper looked before the first had marked: it finds the mark. */
    ck_assert(dbio__inflight_mark_waited(&table, &last));
    ck_assert_uint_eq(last.word, seen.word);
    /* A third one looks after it. */
    ck_assert_int_eq(blocker(&two), 0);
    ck_assert_uint_eq(last.word, seen.word);
    ck_assert(dbio__inflight_mark_waited(&table, &last));
    ck_assert(dbio__inflight_release(&table, &runs));
    ck_assert(dbio__inflight_has_moved(&table, &seen));
    ck_assert(!dbio__inflight_release(&table, &two));
    /* The next owner of the slot has no sleeper. */
    ck_assert_int_eq(announce(&runs, 0, DW, pages(0, 1)), DBIO_BLOCKED);
    release(&runs);
}
END_TEST

START_TEST(nobody_sleeps_on_a_word_that_has_changed)
{
    struct dbio_announcement runs, waits;
    struct dbio_blocker seen;

    ck_assert_int_eq(announce(&runs, 0, BW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(announce(&waits, 1, DW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&waits), 0);
    release(&runs);
    seen = last;
    ck_assert(!dbio__inflight_mark_waited(&table, &seen));
    /* The same slot, class and range again: still another word. */
    ck_assert_int_eq(announce(&runs, 0, BW, pages(0, 1)), DBIO_BLOCKED);
    seen = last;
    ck_assert(!dbio__inflight_mark_waited(&table, &seen));
    release(&runs); /* and nobody has marked it */
    ck_assert_int_eq(blocker(&waits), -1);
}
END_TEST

/* The sleeper's mark, put there between A1 and T2: the slot's word keeps it through the claim. */
START_TEST(one_who_slept_on_a_choice_is_to_be_woken_when_the_ticket_is_drawn)
{
    struct dbio_announcement a, waits;
    uint64_t before, mark;

    ck_assert_int_eq(announce(&a, 0, BW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert(!a.wake);
    ck_assert_int_eq(announce(&waits, 1, DW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&waits), 0);
    before = last.word;
    ck_assert(dbio__inflight_mark_waited(&table, &last));
    mark = before ^ last.word;
    ck_assert_uint_ne(mark, 0);
    ck_assert(dbio__inflight_release(&table, &a));

    atomic_fetch_or(&table.slots[0].word, mark);
    ck_assert_int_eq(announce(&a, 0, BW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert(a.wake);
    ck_assert(dbio__inflight_release(&table, &a));
}
END_TEST

START_TEST(a_file_does_not_settle_while_the_other_group_is_announced_anywhere_in_it)
{
    static const enum dbio_class present[] = {BR, BW, EX, DR, DW, EX};
    struct dbio_announcement a;
    enum dbio_class class = _i < 3 ? DW : BW;
    uint64_t before;
    unsigned i;

    ck_assert_int_eq(announce(&a, 40, present[_i], pages(100, 101)), DBIO_BLOCKED);
    before = atomic_load(&table.entries[ENTRY].mode);
    for (i = 0; i < 4 * DBIO_INFLIGHT_QUIET; i++) {
        run_once(class, 0);
        ck_assert_str_eq(mode(), "tickets");
        /* Nor is it tried: that would cost every request another scan. */
        ck_assert_uint_eq(atomic_load(&table.entries[ENTRY].mode), before);
    }
    release(&a);
    for (i = 0; i < DBIO_INFLIGHT_QUIET; i++)
        run_once(class, 0);
    ck_assert_str_eq(mode(), group_mode[group[class]]);
}
END_TEST

START_TEST(groups_that_take_turns_never_settle)
{
    unsigned i;

    for (i = 0; i < 10 * DBIO_INFLIGHT_QUIET; i++) {
        run_once(i % 2 == 0 ? DW : BW, i % 5);
        ck_assert_str_eq(mode(), "tickets");
    }
}
END_TEST

START_TEST(requests_of_other_files_do_not_keep_a_file_from_settling)
{
    struct dbio_announcement a;
    struct dbio_announcer who = {.hint = 30};

    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY + 1, BW, pages(0, 1), 0, &who, &a),
                     DBIO_BLOCKED);
    settle(DW);
}
END_TEST

/* The request whose scan is the last of the quiet time, up to its last look. */
static void
announce_closer(struct dbio_announcement *closer, enum dbio_class class)
{
    unsigned i;

    run_once(class, 20); /* the high water, and the turn of the group */
    for (i = 0; i < DBIO_INFLIGHT_QUIET - 2 + (class == BW); i++)
        run_once(class, 0);
    ck_assert_str_eq(mode(), "tickets");
    ck_assert_int_eq(announce(closer, 10, class, pages(0, 1)), DBIO_BLOCKED);
}

START_TEST(the_closing_scan_meets_who_came_behind_the_last_scan)
{
    enum dbio_class class = _i % 2 == 0 ? DW : BW;
    enum dbio_class late = _i / 2 == 0 ? other[group[class]] : EX;
    struct dbio_announcement closer, latecomer, next;

    announce_closer(&closer, class);
    closer.scan = 6; /* the scan has passed slot 5, in which now ... */
    ck_assert_int_eq(announce(&latecomer, 5, late, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&latecomer), 10);
    ck_assert_int_eq(blocker(&closer), -1);
    ck_assert_str_eq(mode(), "tickets");
    release(&closer);
    ck_assert_int_eq(blocker(&latecomer), -1);
    /* It runs; had the mode been closed, the next one would run beside it. */
    ck_assert_int_eq(announce(&next, 0, class, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&next), 5);
}
END_TEST

START_TEST(without_a_latecomer_the_same_closer_closes)
{
    struct dbio_announcement closer;

    announce_closer(&closer, _i == 0 ? DW : BW);
    closer.scan = 6;
    ck_assert_int_eq(blocker(&closer), -1);
    ck_assert_str_eq(mode(), group_mode[_i]);
}
END_TEST

/* The mode word as C1 leaves it: that of a settled file, one epoch on, with the bits of
 * closing; found by trying the kinds that a mode word has. */
static void begin_closing(enum dbio_class class)
{
    _Atomic uint64_t *word_of_mode = &table.entries[ENTRY].mode;
    uint64_t settled;

    settle(class);
    settled = atomic_load(word_of_mode);
    atomic_store(word_of_mode, settled - 1 + 4 + 8); /* MODE_ONLY to MODE_CLOSING, MODE_EPOCH */
    ck_assert_str_eq(mode(), "closing");
}

START_TEST(a_request_of_the_other_group_undoes_a_closing)
{
    enum dbio_class class = _i % 2 == 0 ? DW : BW;
    struct dbio_announcement a;
    uint64_t closing;

    begin_closing(class);
    closing = atomic_load(&table.entries[ENTRY].mode);
    ck_assert_int_eq(announce(&a, 0, _i / 2 == 0 ? other[group[class]] : EX, pages(0, 1)),
                     DBIO_BLOCKED);
    ck_assert_str_eq(mode(), "tickets");
    /* So C3, which expects the word of C1, fails. */
    ck_assert_uint_ne(atomic_load(&table.entries[ENTRY].mode), closing);
}
END_TEST

START_TEST(a_request_of_the_same_group_leaves_a_closing_alone_but_takes_a_ticket)
{
    enum dbio_class class = _i == 0 ? DW : BW;
    struct dbio_announcement a, late;

    begin_closing(class);
    ck_assert_int_eq(announce(&a, 0, class, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_uint_gt(a.ticket, 0);
    ck_assert_str_eq(mode(), "closing");
    ck_assert_int_eq(announce(&late, 1, other[group[class]], pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&a), -1);
    ck_assert_int_eq(blocker(&late), 0);
}
END_TEST

START_TEST(a_mode_word_never_has_an_earlier_value_again)
{
    uint64_t seen[40];
    int count = 0, i, k;

    for (i = 0; i < 10; i++) {
        settle(i % 2 == 0 ? DW : BW);
        seen[count++] = atomic_load(&table.entries[ENTRY].mode);
        run_once(EX, 0);
        seen[count++] = atomic_load(&table.entries[ENTRY].mode);
    }
    for (i = 0; i < count; i++)
        for (k = 0; k < i; k++)
            ck_assert_uint_ne(seen[i], seen[k]);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("inflight");
    TCase *cases = tcase_create("inflight");

    tcase_add_test(cases, the_conflicts_are_those_of_the_design);
    tcase_add_test(cases, a_new_file_starts_with_tickets_and_settles_after_a_quiet_time);
    tcase_add_loop_test(cases, in_a_settled_file_the_group_runs_at_once_and_never_blocks_itself, 0,
                        2);
    tcase_add_loop_test(cases, of_two_requests_the_second_waits_if_they_conflict_and_overlap, 0,
                        PAIRS);
    tcase_add_test(cases, requests_on_other_files_are_in_nobodys_way);
    tcase_add_loop_test(cases, the_other_group_ends_a_settled_mode, 0, 2);
    tcase_add_loop_test(cases, an_exclusive_request_ends_every_settled_mode, 0, 2);
    tcase_add_test(cases, conflicting_requests_are_served_in_the_order_they_came);
    tcase_add_test(cases, one_who_is_choosing_is_waited_for_by_everyone_who_conflicts);
    tcase_add_test(cases, a_sleeper_is_reported_at_release_and_only_then);
    tcase_add_test(cases, nobody_sleeps_on_a_word_that_has_changed);
    tcase_add_test(cases, one_who_slept_on_a_choice_is_to_be_woken_when_the_ticket_is_drawn);
    tcase_add_loop_test(
        cases, a_file_does_not_settle_while_the_other_group_is_announced_anywhere_in_it, 0, 6);
    tcase_add_test(cases, groups_that_take_turns_never_settle);
    tcase_add_test(cases, requests_of_other_files_do_not_keep_a_file_from_settling);
    tcase_add_loop_test(cases, the_closing_scan_meets_who_came_behind_the_last_scan, 0, 4);
    tcase_add_loop_test(cases, without_a_latecomer_the_same_closer_closes, 0, 2);
    tcase_add_loop_test(cases, a_request_of_the_other_group_undoes_a_closing, 0, 4);
    tcase_add_loop_test(
        cases, a_request_of_the_same_group_leaves_a_closing_alone_but_takes_a_ticket, 0, 2);
    tcase_add_test(cases, a_mode_word_never_has_an_earlier_value_again);
    suite_add_tcase(suite, cases);
    return suite;
}
