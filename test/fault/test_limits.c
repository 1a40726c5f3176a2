/*
 * test_limits.c - the announcement table at its limits: every slot in use, every mode word taken,
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
    struct dbio_announcer who = {.hint = at};
    enum dbio_verdict verdict = dbio__inflight_announce(&table, ENTRY, class, range, 0, &who, a);

    ck_assert_uint_eq(a->slot, at);
    return verdict;
}

/* In the way of `a`: the slot, or -1. */
static int
blocker(struct dbio_announcement *a)
{
    struct dbio_blocker blocker;

    if (!dbio__inflight_blocker(&table, a, &blocker))
        return -1;
    return (int)blocker.slot;
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
    struct dbio_announcer who = {.hint = 0};
    uint32_t i;

    for (i = 0; i <= DBIO_INFLIGHT_QUIET; i++) {
        if (dbio__inflight_announce(&table, entry, class, pages(0, 1), 0, &who, &a) == DBIO_BLOCKED)
            ck_assert_int_eq(blocker(&a), -1);
        release(&a);
    }
    ck_assert_str_ne(mode(entry), "tickets");
}

START_TEST(a_scan_reaches_the_highest_slot_that_was_ever_used)
{
    struct dbio_announcement far, near;

    ck_assert_int_eq(announce(&far, DBIO_TABLE_SLOTS - 1, BW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_uint_eq(atomic_load(&table.high_water), DBIO_TABLE_SLOTS);
    ck_assert_int_eq(announce(&near, 0, DW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(blocker(&near), DBIO_TABLE_SLOTS - 1);
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
    struct dbio_announcer who = {.hint = DBIO_TABLE_SLOTS - 1};

    ck_assert_int_eq(announce(&a, DBIO_TABLE_SLOTS - 1, BW, pages(0, 1)), DBIO_BLOCKED);
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, BW, pages(0, 1), 0, &who, &b),
                     DBIO_BLOCKED);
    ck_assert_uint_eq(b.slot, 0); /* round the end */
    ck_assert_uint_eq(who.hint, 0);
    release(&b);
    who.hint += 5 * DBIO_TABLE_SLOTS; /* a thread's number is a fair first hint */
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, BW, pages(0, 1), 0, &who, &c),
                     DBIO_BLOCKED);
    ck_assert_uint_eq(c.slot, 0);
}
END_TEST

START_TEST(a_full_table_refuses_changes_nothing_and_serves_again_after_a_release)
{
    static struct dbio_announcement all[DBIO_TABLE_SLOTS];
    static struct dbio_table before;
    struct dbio_announcement late;
    struct dbio_announcer who = {.hint = 0};
    uint32_t i;

    settle(ENTRY, DR);
    for (i = 0; i < DBIO_TABLE_SLOTS; i++)
        ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, DR, pages(0, 1), 0, &who, &all[i]),
                         DBIO_CLEAR);
    memcpy(&before, &table, sizeof(table));
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, BW, pages(0, 1), 0, &who, &late),
                     DBIO_FULL);
    ck_assert_mem_eq(&before, &table, sizeof(table));
    ck_assert_str_eq(mode(ENTRY), "direct");
    release(&all[700]);
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, DR, pages(0, 1), 0, &who, &late),
                     DBIO_CLEAR);
    ck_assert_uint_eq(late.slot, all[700].slot);
}
END_TEST

static void
release_twice(void)
{
    struct dbio_announcement a;
    struct dbio_announcer who = {.hint = 0};
    enum dbio_verdict verdict =
        dbio__inflight_announce(&table, ENTRY, BW, pages(0, 1), 0, &who, &a);
    bool woken = dbio__inflight_release(&table, &a);

    if (verdict == DBIO_BLOCKED && !woken)
        woken = dbio__inflight_release(&table, &a);
}

static void
give_back_what_nobody_took(void)
{
    dbio__table_give(&table, 0, ENTRY);
}

static void (*const mistakes[])(void) = {release_twice, give_back_what_nobody_took};

START_TEST(a_mistake_of_ours_ends_the_process)
{
    char text[1024];
    int status = t_capture(mistakes[_i], text, sizeof(text));

    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(text, _i == 0 ? "inflight.c" : "table.c"));
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
    tcase_add_loop_test(cases, a_mistake_of_ours_ends_the_process, 0, 2);
    suite_add_tcase(suite, cases);
    return suite;
}
