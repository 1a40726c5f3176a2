/*
 * test_slots.c - slots that an announcer keeps between requests, the barrier that whoever leaves a
 * mode owes, and the counting of writes for who keeps what he has read: step by step in one thread.
 */
#include "core/inflight.h"
#include "t_support.h"

#define DW DBIO_CLASS_DIRECT_WRITE
#define BW DBIO_CLASS_BUFFERED_WRITE
#define DR DBIO_CLASS_DIRECT_READ
#define BR DBIO_CLASS_BUFFERED_READ
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

    if (verdict == DBIO_BLOCKED && a->switching != 0) /* one thread: no barrier is needed */
        dbio__inflight_settle(&table, a);
    return verdict;
}

static void
release(const struct dbio_announcement *a)
{
    ck_assert(!dbio__inflight_release(&table, a));
}

/* Requests of one group until the file admits only them. */
static void settle(enum dbio_class class)
{
    struct dbio_announcement a;
    struct dbio_blocker blocker;
    unsigned i;

    for (i = 0; i <= DBIO_INFLIGHT_QUIET; i++) {
        if (announce(&a, 0, class, pages(0, 1)) == DBIO_BLOCKED)
            ck_assert(!dbio__inflight_blocker(&table, &a, &blocker));
        release(&a);
    }
    ck_assert_str_eq(dbio__inflight_mode_name(&table, ENTRY), "direct");
}

START_TEST(an_announcer_keeps_what_it_has_room_for_and_drops_it_when_told)
{
    uint32_t kept[1], slot;
    struct dbio_announcer who = {.hint = 5, .kept = kept, .kept_most = 1};
    struct dbio_announcement a, b;
    uint64_t before;

    settle(DW);
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, DW, pages(0, 1), 0, &who, &a),
                     DBIO_CLEAR);
    slot = a.slot;
    before = a.word;
    ck_assert(!dbio__inflight_release_kept(&table, &who, &a));
    ck_assert_uint_eq(who.kept_count, 1);
    ck_assert_uint_eq(dbio__inflight_outstanding(&table), 0);
    /* It is the announcer's alone: another one goes past it. */
    ck_assert_int_eq(announce(&b, 6, DW, pages(0, 1)), DBIO_CLEAR);
    release(&b);
    /* Twice at once: the kept one, and one that is searched for. */
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, DW, pages(0, 1), 0, &who, &a),
                     DBIO_CLEAR);
    ck_assert_uint_eq(a.slot, slot);
    ck_assert_uint_ne(a.word, before);
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, DW, pages(0, 1), 0, &who, &b),
                     DBIO_CLEAR);
    ck_assert_uint_ne(b.slot, slot);
    ck_assert(!dbio__inflight_release_kept(&table, &who, &b));
    ck_assert(!dbio__inflight_release_kept(&table, &who, &a));
    ck_assert_uint_eq(who.kept_count, 1);
    ck_assert_uint_eq(kept[0], b.slot);
    dbio__inflight_drop_kept(&table, &who);
    ck_assert_uint_eq(who.kept_count, 0);
    ck_assert_uint_eq(dbio__slot_phase(atomic_load(&table.slots[b.slot].word)), DBIO_PHASE_FREE);
}
END_TEST

START_TEST(slots_from_the_upper_half_are_never_kept)
{
    uint32_t kept[1];
    struct dbio_announcer who = {.hint = DBIO_TABLE_KEPT, .kept = kept, .kept_most = 1};
    struct dbio_announcement a;

    settle(DW);
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, DW, pages(0, 1), 0, &who, &a),
                     DBIO_CLEAR);
    ck_assert(!dbio__inflight_release_kept(&table, &who, &a));
    ck_assert_uint_eq(who.kept_count, 0);
}
END_TEST

START_TEST(a_kept_slot_that_was_freed_behind_its_back_is_not_used)
{
    uint32_t kept[1] = {5};
    struct dbio_announcer who = {.owner = 3, .kept = kept, .kept_count = 1, .kept_most = 1};
    struct dbio_announcement a;

    settle(DW); /* slot 5 is free */
    dbio__inflight_drop_kept(&table, &who);
    who.kept_count = 1;
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, DW, pages(0, 1), 0, &who, &a),
                     DBIO_CLEAR);
    ck_assert_uint_eq(dbio__slot_owner(atomic_load(&table.slots[a.slot].word)), 3);
    release(&a);
}
END_TEST

/* Whoever comes while a mode is left has to have all fence as well, and a later leaving needs a
 * later barrier. */
START_TEST(a_barrier_serves_the_leaving_that_it_was_for_and_no_other)
{
    struct dbio_announcement first, second, late;
    struct dbio_announcer who = {.hint = 40};

    settle(DW);
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, BW, pages(0, 1), 0, &who, &first),
                     DBIO_BLOCKED);
    ck_assert_uint_ne(first.switching, 0);
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, DW, pages(4, 5), 0, &who, &second),
                     DBIO_BLOCKED);
    ck_assert_uint_eq(second.switching, first.switching);
    dbio__inflight_settle(&table, &first);
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, DW, pages(4, 5), 0, &who, &late),
                     DBIO_BLOCKED);
    ck_assert_uint_eq(late.switching, 0);
    release(&late);
    release(&second);
    release(&first);
    settle(DW);
    ck_assert_int_eq(dbio__inflight_announce(&table, ENTRY, BW, pages(0, 1), 0, &who, &late),
                     DBIO_BLOCKED);
    dbio__inflight_settle(&table, &first); /* late, too */
    ck_assert_uint_eq(atomic_load(&table.entries[ENTRY].mode), late.switching);
    dbio__inflight_settle(&table, &late);
    ck_assert_uint_ne(atomic_load(&table.entries[ENTRY].mode), late.switching);
    release(&late);
}
END_TEST

/* W1 */
START_TEST(whoever_watches_before_it_is_settled_owes_a_barrier_and_nobody_after)
{
    ck_assert(dbio__inflight_watch(&table, ENTRY));
    ck_assert(dbio__inflight_watch(&table, ENTRY)); /* the other one's may not be over */
    dbio__inflight_watch_settle(&table, ENTRY);
    ck_assert(!dbio__inflight_watch(&table, ENTRY));
    ck_assert(dbio__inflight_watch(&table, ENTRY + 1));
}
END_TEST

static void
announce_and_end(enum dbio_class class, uint64_t counted)
{
    uint64_t before = dbio__inflight_begun(&table, ENTRY);
    struct dbio_announcement a;

    (void)announce(&a, 0, class, pages(0, 1));
    ck_assert_uint_eq(dbio__inflight_begun(&table, ENTRY) - before, counted);
    release(&a);
    ck_assert_uint_eq(dbio__inflight_begun(&table, ENTRY) - before, counted);
}

/* W2, W5 */
START_TEST(writes_are_counted_while_watched_whichever_way_they_go_and_reads_are_not)
{
    announce_and_end(DW, 0);
    ck_assert(dbio__inflight_watch(&table, ENTRY));
    announce_and_end(DW, 1); /* before it is settled, too */
    dbio__inflight_watch_settle(&table, ENTRY);
    announce_and_end(DW, 1);
    announce_and_end(BW, 1);
    announce_and_end(EX, 1);
    announce_and_end(DR, 0);
    announce_and_end(BR, 0);
    ck_assert_uint_eq(dbio__inflight_begun(&table, ENTRY + 1), 0);
}
END_TEST

/* W3 */
START_TEST(a_write_is_seen_from_its_announcement_to_its_end_where_it_writes)
{
    static const enum dbio_class writes[] = {DW, BW, EX};
    struct dbio_announcement a;
    size_t i;

    for (i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        (void)announce(&a, 7, writes[i], pages(4, 8));
        ck_assert(dbio__inflight_is_written(&table, ENTRY, pages(0, 5)));
        ck_assert(dbio__inflight_is_written(&table, ENTRY, pages(7, 9)));
        ck_assert(!dbio__inflight_is_written(&table, ENTRY, pages(0, 4)));
        ck_assert(!dbio__inflight_is_written(&table, ENTRY, pages(8, 9)));
        ck_assert(!dbio__inflight_is_written(&table, ENTRY + 1, pages(0, 9)));
        release(&a);
        ck_assert(!dbio__inflight_is_written(&table, ENTRY, pages(0, 9)));
    }
    (void)announce(&a, 7, DR, pages(4, 8));
    ck_assert(!dbio__inflight_is_written(&table, ENTRY, pages(0, 9)));
    release(&a);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("slots");
    TCase *cases = tcase_create("slots");

    tcase_add_test(cases, an_announcer_keeps_what_it_has_room_for_and_drops_it_when_told);
    tcase_add_test(cases, slots_from_the_upper_half_are_never_kept);
    tcase_add_test(cases, a_kept_slot_that_was_freed_behind_its_back_is_not_used);
    tcase_add_test(cases, a_barrier_serves_the_leaving_that_it_was_for_and_no_other);
    tcase_add_test(cases, whoever_watches_before_it_is_settled_owes_a_barrier_and_nobody_after);
    tcase_add_test(cases, writes_are_counted_while_watched_whichever_way_they_go_and_reads_are_not);
    tcase_add_test(cases, a_write_is_seen_from_its_announcement_to_its_end_where_it_writes);
    suite_add_tcase(suite, cases);
    return suite;
}
