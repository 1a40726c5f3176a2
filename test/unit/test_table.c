/*
 * test_table.c - owners and entries of the announcement table: the header, one entry per file for
 * every process, common entries when there are none left, what the dead leave, verdicts.
 */
#include "core/table.h"

#include <stddef.h>
#include <string.h>

#include "core/inflight.h"
#include "t_support.h"

#define OWNED  (DBIO_TABLE_ENTRIES - DBIO_TABLE_COMMON)
#define SECOND UINT64_C(1000000000)
#define STEPS  20000
#define OWNERS 5u
#define FILES  40u

static struct dbio_table table;

static struct dbio_key
key(uint64_t inode)
{
    return (struct dbio_key){.device = 7, .inode = inode, .birth = 100 + inode};
}

static uint32_t
take(uint32_t owner, uint64_t inode)
{
    struct dbio_key of = key(inode);

    return dbio__table_take(&table, owner, &of);
}

static void
join(uint32_t owner)
{
    dbio__table_join(&table, owner, 1000 + (int32_t)owner, 5, "test");
}

static uint32_t
users(uint32_t entry)
{
    return atomic_load(&table.entries[entry].users);
}

START_TEST(a_table_is_known_by_its_header)
{
    struct dbio_table_header *header = &table.header;

    ck_assert_ptr_nonnull(dbio__table_check(header, sizeof(table))); /* zeros */
    dbio__table_init(&table);
    ck_assert_ptr_null(dbio__table_check(header, sizeof(table)));
    ck_assert_str_eq(dbio__table_check(header, sizeof(*header) - 1), "too short");
    ck_assert_str_eq(dbio__table_check(header, sizeof(table) - 1), "of a wrong size");
    header->version++;
    ck_assert_str_eq(dbio__table_check(header, sizeof(table)), "of another version of dbio");
    header->version--;
    header->magic ^= 1;
    ck_assert_str_eq(dbio__table_check(header, sizeof(table)), "not a dbio registry");
    header->magic ^= 1;
    atomic_store(&header->ready, 0);
    ck_assert_str_eq(dbio__table_check(header, sizeof(table)), "not a dbio registry");
    atomic_store(&header->ready, 1);
    header->slots--;
    ck_assert_str_eq(dbio__table_check(header, sizeof(table)), "of a wrong size");
    header->slots++;
    header->entries++;
    ck_assert_str_eq(dbio__table_check(header, sizeof(table)), "of a wrong size");
    header->entries--;
    header->owners = 0;
    ck_assert_str_eq(dbio__table_check(header, sizeof(table)), "of a wrong size");
    header->owners = DBIO_TABLE_OWNERS;
    header->bytes--;
    ck_assert_str_eq(dbio__table_check(header, sizeof(table)), "of a wrong size");
}
END_TEST

START_TEST(a_file_has_one_entry_whoever_asks_and_two_files_have_two)
{
    uint32_t first, i;

    join(0);
    join(3);
    first = take(0, 50);
    ck_assert_uint_eq(take(3, 50), first);
    ck_assert_uint_eq(take(3, 50), first); /* twice is once: a process counts its own handles */
    ck_assert_uint_eq(users(first), 2);
    for (i = 0; i < 200; i++)
        ck_assert_uint_ne(take(0, 1000 + i), first);
    dbio__table_give(&table, 0, first);
    ck_assert_uint_eq(users(first), 1);
    ck_assert_uint_eq(take(0, 50), first);
    ck_assert(!dbio__table_is_common(first));
}
END_TEST

START_TEST(without_a_birth_time_it_is_the_same_file_and_with_another_one_a_new_one)
{
    struct dbio_key unknown = {.device = 7, .inode = 50, .birth = 0};
    struct dbio_key other = {.device = 7, .inode = 50, .birth = 999};
    uint32_t entry;
    uint64_t mode;

    join(0);
    join(1);
    entry = take(0, 50);
    atomic_store(&table.entries[entry].latched, -5);
    mode = atomic_load(&table.entries[entry].mode);
    ck_assert_uint_eq(dbio__table_take(&table, 1, &unknown), entry);
    ck_assert_int_eq(atomic_load(&table.entries[entry].latched), -5);
    ck_assert_uint_eq(atomic_load(&table.entries[entry].mode), mode);
    /* The number was used again: what is left in the entry is a dead process's. */
    ck_assert_uint_eq(dbio__table_take(&table, 1, &other), entry);
    ck_assert_int_eq(atomic_load(&table.entries[entry].latched), 0);
    ck_assert_uint_gt(atomic_load(&table.entries[entry].mode), mode);
}
END_TEST

/* Files whose home is near each other, found by trying: their entries fill a window. */
static uint64_t
fill_window(uint64_t *inodes, uint32_t *entries, unsigned count)
{
    uint64_t inode = 1;
    uint32_t home;
    unsigned found = 0;

    inodes[0] = inode;
    home = entries[0] = take(0, inode);
    for (found = 1, inode = 2; found < count; inode++) {
        uint32_t at = take(0, inode);

        if (at >= home && at < home + 32) {
            inodes[found] = inode;
            entries[found++] = at;
        } else if (at < OWNED) {
            dbio__table_give(&table, 0, at);
        } else {
            break;
        }
    }
    ck_assert_uint_lt(inode, 1000000);
    return inode; /* the first that found no place of its own */
}

START_TEST(a_file_without_a_place_shares_a_common_entry_and_everyone_agrees_on_it)
{
    static uint64_t inodes[64];
    static uint32_t entries[64];
    uint64_t homeless;
    uint32_t common;

    join(0);
    join(1);
    homeless = fill_window(inodes, entries, 64);
    common = take(0, homeless);
    ck_assert(dbio__table_is_common(common));
    ck_assert_uint_eq(take(1, homeless), common);
    /* Places come free; who is in the common entry stays there as long as anyone is. */
    for (unsigned i = 0; i < 64 && inodes[i] != 0; i++)
        dbio__table_give(&table, 0, entries[i]);
    ck_assert_uint_eq(take(1, homeless), common);
    dbio__table_give(&table, 0, common);
    ck_assert_uint_eq(take(0, homeless), common);
    dbio__table_give(&table, 0, common);
    dbio__table_give(&table, 1, common);
    ck_assert(!dbio__table_is_common(take(1, homeless)));
}
END_TEST

START_TEST(an_entry_that_nobody_uses_starts_with_tickets_and_without_a_latch)
{
    struct dbio_key of = key(9);
    uint32_t entry;
    uint64_t mode;

    join(0);
    entry = take(0, 9);
    mode = atomic_fetch_or(&table.entries[entry].mode, 1); /* only direct */
    atomic_store(&table.entries[entry].latched, -28);
    dbio__table_give(&table, 0, entry);
    ck_assert_uint_eq(dbio__table_take(&table, 0, &of), entry);
    ck_assert_str_eq(dbio__inflight_mode_name(&table, entry), "tickets");
    ck_assert_uint_gt(atomic_load(&table.entries[entry].mode), mode);
    ck_assert_int_eq(atomic_load(&table.entries[entry].latched), 0);
}
END_TEST

START_TEST(a_latch_goes_when_its_only_user_opens_anew_and_not_before)
{
    uint32_t entry;

    join(0);
    join(1);
    entry = take(0, 9);
    (void)take(1, 9);
    atomic_store(&table.entries[entry].latched, -5);
    dbio__table_renew(&table, 0, entry);
    ck_assert_int_eq(atomic_load(&table.entries[entry].latched), -5);
    dbio__table_give(&table, 1, entry);
    dbio__table_renew(&table, 0, entry);
    ck_assert_int_eq(atomic_load(&table.entries[entry].latched), 0);
}
END_TEST

/* Random takes, gives, pins and deaths against a plain array of what should be. */
START_TEST(users_and_pins_are_right_after_any_sequence)
{
    bool uses[OWNERS][FILES] = {{false}}, pins[OWNERS][FILES] = {{false}};
    uint32_t entries[FILES] = {0};

    for (uint32_t i = 0; i < OWNERS; i++)
        join(i);
    for (int step = 0; step < STEPS; step++) {
        uint32_t owner = (uint32_t)t_random_below(OWNERS), file = (uint32_t)t_random_below(FILES);
        uint32_t count = 0, pinned = 0, i;

        switch (t_random_below(4)) {
        case 0:
            entries[file] = take(owner, file);
            uses[owner][file] = true;
            break;
        case 1:
            if (uses[owner][file])
                dbio__table_give(&table, owner, entries[file]);
            uses[owner][file] = pins[owner][file] = false;
            break;
        case 2:
            if (uses[owner][file]) {
                pins[owner][file] = !pins[owner][file];
                dbio__table_pin(&table, owner, entries[file], pins[owner][file]);
            }
            break;
        default:
            if (t_random_below(50) != 0)
                continue;
            ck_assert(dbio__table_bury(&table, owner, 10));
            memset(uses[owner], 0, sizeof(uses[owner]));
            memset(pins[owner], 0, sizeof(pins[owner]));
            join(owner);
            continue;
        }
        for (i = 0; i < OWNERS; i++) {
            count += uses[i][file];
            pinned += pins[i][file];
        }
        if (count != 0) {
            ck_assert_uint_eq(users(entries[file]), count);
            ck_assert_uint_eq(atomic_load(&table.entries[entries[file]].pins), pinned);
        }
    }
}
END_TEST

static struct dbio_announcement
announce(uint32_t owner, uint32_t slot)
{
    struct dbio_announcer who = {.owner = owner, .hint = slot};
    struct dbio_announcement a;

    ck_assert_int_ne(dbio__inflight_announce(&table, 3, DBIO_CLASS_DIRECT_WRITE,
                                             (struct dbio_range){0, 4096}, 0, &who, &a),
                     DBIO_FULL);
    return a;
}

/* The kernel may still be about it when the process is long gone. */
START_TEST(what_an_io_uring_left_is_buried_after_a_minute)
{
    join(0);
    join(2);
    (void)take(2, 4);
    (void)announce(2, 10);
    atomic_fetch_or(&table.slots[10].shape, DBIO_SHAPE_ASYNC);
    ck_assert(!dbio__table_bury(&table, 2, SECOND)); /* noted dead now */
    ck_assert(!dbio__table_bury(&table, 2, 60 * SECOND));
    ck_assert_uint_eq(dbio__inflight_outstanding(&table), 1);
    ck_assert(dbio__table_bury(&table, 2, 61 * SECOND));
    ck_assert_uint_eq(dbio__inflight_outstanding(&table), 0);
}
END_TEST

START_TEST(the_dead_are_buried_once_nobody_waits_for_them)
{
    struct dbio_announcement theirs;

    join(0);
    join(2);
    (void)take(2, 4);
    theirs = announce(2, 10);
    (void)announce(0, 11);
    atomic_store(&table.slots[12].word, UINT64_C(2) << 32 | 8 | DBIO_PHASE_CLAIMED);
    ck_assert(!dbio__table_bury(&table, 2, SECOND)); /* noted dead now */
    ck_assert_uint_eq(dbio__inflight_outstanding(&table), 2);
    ck_assert_uint_eq(dbio__slot_phase(atomic_load(&table.slots[12].word)), DBIO_PHASE_FREE);
    ck_assert(!dbio__table_bury(&table, 2, SECOND + SECOND / 2));
    ck_assert_uint_eq(atomic_load(&table.owners[2].live), 1);
    ck_assert(dbio__table_bury(&table, 2, 2 * SECOND));
    ck_assert_uint_eq(atomic_load(&table.owners[2].live), 0);
    ck_assert_uint_eq(dbio__inflight_outstanding(&table), 1); /* the living one's */
    ck_assert_uint_ne(atomic_load(&table.slots[10].word), theirs.word);
}
END_TEST

START_TEST(a_death_is_noted_on_the_life_that_was_proved_over_and_on_no_other)
{
    uint64_t life;

    join(1);
    life = dbio__table_life(&table, 1);
    ck_assert_uint_eq(dbio__table_note_dead(&table, 1, life, 70), 70);
    ck_assert_uint_eq(dbio__table_note_dead(&table, 1, life, 80), 70); /* the first counts */
    ck_assert_uint_eq(dbio__table_note_dead(&table, 1, dbio__table_life(&table, 1), 90), 70);
    dbio__table_join(&table, 1, 5, 1000, "next");
    ck_assert_uint_eq(dbio__table_note_dead(&table, 1, life, 95), 95);
    ck_assert_uint_eq(dbio__table_life(&table, 1), DBIO_LIFE | 1000);
    ck_assert_uint_eq(dbio__table_note_dead(&table, DBIO_TABLE_OWNERS, 0, 7), 7);
}
END_TEST

START_TEST(a_child_forgets_every_announcement)
{
    struct dbio_announcement mine = announce(0, 5);

    atomic_store(&table.slots[6].word, DBIO_PHASE_CLAIMED);
    dbio__table_forget(&table);
    ck_assert_uint_eq(dbio__inflight_outstanding(&table), 0);
    ck_assert_uint_eq(dbio__slot_phase(atomic_load(&table.slots[6].word)), DBIO_PHASE_FREE);
    ck_assert_uint_ne(atomic_load(&table.slots[5].word), mine.word);
}
END_TEST

START_TEST(names_of_programs_are_cut_to_fit)
{
    char name[100];

    memset(name, 'n', sizeof(name));
    name[99] = '\0';
    dbio__table_join(&table, 1023, 1, 1, name);
    ck_assert_uint_eq(strlen(table.owners[1023].program), sizeof(table.owners[0].program) - 1);
    ck_assert_uint_eq(atomic_load(&table.owners_seen), 1024);
    join(0);
    ck_assert_uint_eq(atomic_load(&table.owners_seen), 1024);
}
END_TEST

START_TEST(verdicts_are_kept_per_device_and_more_devices_cost_only_memory_of_old_ones)
{
    for (uint64_t device = 1; device <= DBIO_TABLE_DEVICES; device++) {
        ck_assert_uint_eq(dbio__table_verdict(&table, device), 0);
        dbio__table_judge(&table, device, 1 + (uint32_t)device % 2);
    }
    for (uint64_t device = 1; device <= DBIO_TABLE_DEVICES; device++)
        ck_assert_uint_eq(dbio__table_verdict(&table, device), 1 + (uint32_t)device % 2);
    dbio__table_judge(&table, 1, 1);
    ck_assert_uint_eq(dbio__table_verdict(&table, 1), 1);
    dbio__table_judge(&table, 1000, 2);
    ck_assert_uint_eq(dbio__table_verdict(&table, 1000), 2);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *cases = tcase_create("table");

    tcase_add_test(cases, a_table_is_known_by_its_header);
    tcase_add_test(cases, a_file_has_one_entry_whoever_asks_and_two_files_have_two);
    tcase_add_test(cases, without_a_birth_time_it_is_the_same_file_and_with_another_one_a_new_one);
    tcase_add_test(cases, a_file_without_a_place_shares_a_common_entry_and_everyone_agrees_on_it);
    tcase_add_test(cases, an_entry_that_nobody_uses_starts_with_tickets_and_without_a_latch);
    tcase_add_test(cases, a_latch_goes_when_its_only_user_opens_anew_and_not_before);
    tcase_add_test(cases, users_and_pins_are_right_after_any_sequence);
    tcase_add_test(cases, what_an_io_uring_left_is_buried_after_a_minute);
    tcase_add_test(cases, the_dead_are_buried_once_nobody_waits_for_them);
    tcase_add_test(cases, a_death_is_noted_on_the_life_that_was_proved_over_and_on_no_other);
    tcase_add_test(cases, a_child_forgets_every_announcement);
    tcase_add_test(cases, names_of_programs_are_cut_to_fit);
    tcase_add_test(cases,
                   verdicts_are_kept_per_device_and_more_devices_cost_only_memory_of_old_ones);
    suite_add_tcase(suite, cases);
    return suite;
}
