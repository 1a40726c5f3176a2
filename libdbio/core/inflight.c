/*
 * inflight.c - who is in flight, and who must wait for whom.
 *
 * Job:       announce, order and withdraw requests in the table of inflight.h.
 * Not its:   waiting, waking, system calls, time, memory.
 * Callers:   engine/arbitration.c, recovery.c, outlook.c.
 * Lock:      none. The order of the atomics below is the lock; all are sequentially
 *            consistent unless a comment says why less is enough. test/model proves it.
 * Invariant: two conflicting requests that overlap are never both between CLEAR and release.
 */
#include "core/inflight.h"

/* Groups: requests of one group never conflict. Exclusive ones are in none. */
#define GROUP_DIRECT   0u
#define GROUP_BUFFERED 1u
#define GROUP_NONE     2u

/* Eight rows: a class read from shared memory is three bits, and what is none is exclusive. */
static const uint8_t class_group[8] = {
    [DBIO_CLASS_DIRECT_READ] = GROUP_DIRECT,
    [DBIO_CLASS_DIRECT_WRITE] = GROUP_DIRECT,
    [DBIO_CLASS_BUFFERED_READ] = GROUP_BUFFERED,
    [DBIO_CLASS_BUFFERED_WRITE] = GROUP_BUFFERED,
    [DBIO_CLASS_EXCLUSIVE] = GROUP_NONE,
    [5] = GROUP_NONE,
    [6] = GROUP_NONE,
    [7] = GROUP_NONE,
};

#define NO_CLASS 0xe0u /* bits of what is no class */

/* Bit b of row a: class a conflicts with class b. */
static const uint8_t class_conflicts[8] = {
    [DBIO_CLASS_DIRECT_READ] =
        1u << DBIO_CLASS_BUFFERED_WRITE | 1u << DBIO_CLASS_EXCLUSIVE | NO_CLASS,
    [DBIO_CLASS_DIRECT_WRITE] = 1u << DBIO_CLASS_BUFFERED_READ | 1u << DBIO_CLASS_BUFFERED_WRITE |
                                1u << DBIO_CLASS_EXCLUSIVE | NO_CLASS,
    [DBIO_CLASS_BUFFERED_READ] =
        1u << DBIO_CLASS_DIRECT_WRITE | 1u << DBIO_CLASS_EXCLUSIVE | NO_CLASS,
    [DBIO_CLASS_BUFFERED_WRITE] = 1u << DBIO_CLASS_DIRECT_READ | 1u << DBIO_CLASS_DIRECT_WRITE |
                                  1u << DBIO_CLASS_EXCLUSIVE | NO_CLASS,
    [DBIO_CLASS_EXCLUSIVE] = 0xff,
    [5] = 0xff,
    [6] = 0xff,
    [7] = 0xff,
};

bool
dbio__inflight_conflicts(enum dbio_class a, enum dbio_class b)
{
    return (class_conflicts[a & 7u] >> (b & 7u) & 1u) != 0;
}

uint32_t
dbio__inflight_limit(const struct dbio_table *table)
{
    uint32_t limit = atomic_load(&table->high_water);

    return limit < DBIO_TABLE_SLOTS ? limit : DBIO_TABLE_SLOTS;
}

_Atomic uint32_t *
dbio__inflight_bed(struct dbio_table *table, uint32_t slot)
{
    uint32_t half = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 1;

    return (_Atomic uint32_t *)(void *)&table->slots[slot].word + half;
}

/* The word of the slot once it is free: the next generation, no owner. */
static uint64_t
freed_word(uint64_t word)
{
    return (uint32_t)((word & ~(uint64_t)(DBIO_PHASE_MASK | DBIO_WORD_WAITED)) +
                      DBIO_WORD_GENERATION);
}

/* Makes scans reach slot `at`. */
static void
raise_high_water(struct dbio_table *table, uint32_t at)
{
    uint32_t seen = atomic_load_explicit(&table->high_water, memory_order_relaxed);

    /* Sequentially consistent: stands before A1, so a scan that could miss the slot because of
     * an old high_water began before A1, and A2 then sees what that scanner switched (T1). */
    while (seen <= at && !atomic_compare_exchange_weak(&table->high_water, &seen, at + 1))
        ;
}

/* A free slot at or after the hint, now CLAIMED by the announcer; false if there is none. The
 * owner is in the word from the first instant: whoever finds it dead knows whose it was. */
static bool
claim_slot(struct dbio_table *table, struct dbio_announcer *announcer, uint64_t *claimed)
{
    uint32_t start = announcer->hint % DBIO_TABLE_SLOTS, i;

    for (i = 0; i < DBIO_TABLE_SLOTS; i++) {
        uint32_t at = (start + i) % DBIO_TABLE_SLOTS;
        struct dbio_slot *slot = &table->slots[at];
        uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

        if (dbio__slot_phase(word) != DBIO_PHASE_FREE)
            continue;
        *claimed = (uint32_t)word | DBIO_PHASE_CLAIMED | (uint64_t)announcer->owner << 32;
        /* Acquire pairs with R of the slot's last owner: its reads of the fields are over. */
        if (atomic_compare_exchange_strong_explicit(&slot->word, &word, *claimed,
                                                    memory_order_acquire, memory_order_relaxed)) {
            announcer->hint = at;
            /* Acquire: whoever raised it did so before our A1; see raise_high_water. */
            if (DBIO_UNLIKELY(at >= atomic_load_explicit(&table->high_water, memory_order_acquire)))
                raise_high_water(table, at);
            return true;
        }
    }
    return false;
}

/* Does the mode admit `group` without a ticket? */
static inline bool
admits(uint64_t mode, uint32_t group)
{
    return (mode & DBIO_MODE_KIND_MASK) == (DBIO_MODE_KIND_ONLY | group << 1) &&
           group != GROUP_NONE;
}

/* T1: leave every mode but TICKETS, unless it admits `group` alone. True: F. Else *switching is
 * the mode word if B must come before T3. */
static bool DBIO_APART
enter_mode(struct dbio_entry *entry, uint32_t group, uint64_t *switching)
{
    uint64_t mode, next;

    *switching = 0;
    /* Between A1 and the second look; pairs with the CAS of T1, C1 and C3 of others. */
    atomic_thread_fence(memory_order_seq_cst);
    mode = atomic_load(&entry->mode);
    for (;;) {
        uint64_t kind = mode & DBIO_MODE_KIND_MASK;

        if (admits(mode, group))
            return true;
        if (kind == DBIO_MODE_KIND_SWITCHING) {
            *switching = mode;
            return false;
        }
        /* Closing to our own group admits us, but with a number: C3 may still be undone. */
        if (kind == DBIO_MODE_KIND_TICKETS ||
            (kind == (DBIO_MODE_KIND_CLOSING | group << 1) && group != GROUP_NONE))
            return false;
        next = (mode & ~(uint64_t)DBIO_MODE_KIND_MASK) + DBIO_MODE_EPOCH + DBIO_MODE_KIND_SWITCHING;
        /* T1: pairs, through B, with A2 of the other group, and with the CAS of C3. */
        if (atomic_compare_exchange_weak(&entry->mode, &mode, next)) {
            *switching = next;
            return false;
        }
    }
}

void
dbio__inflight_settle(struct dbio_table *table, const struct dbio_announcement *a)
{
    uint64_t mode = a->switching;

    /* From exactly the word that was there before B: a later SWITCHING needs a later B. */
    (void)atomic_compare_exchange_strong(&table->entries[a->entry].mode, &mode,
                                         (mode & ~(uint64_t)DBIO_MODE_KIND_MASK) + DBIO_MODE_EPOCH);
}

/* T2: draw a number and show it. Whoever slept on CHOOSING must be woken now, not at release:
 * its number may be smaller than ours, and then we are about to wait for it. */
static void DBIO_APART
draw_ticket(struct dbio_slot *slot, struct dbio_entry *entry, struct dbio_announcement *a)
{
    a->met = 0;
    a->scan = 0;
    a->saw_other = false;
    a->ticket = atomic_fetch_add(&entry->next_ticket, 1) + 1;
    /* Release by the RMW below; pairs with the scan's load of the word. */
    atomic_store_explicit(&slot->ticket, a->ticket, memory_order_relaxed);
    a->wake = (atomic_fetch_or(&slot->word, DBIO_PHASE_TICKETED) & DBIO_WORD_WAITED) != 0;
    a->word |= DBIO_PHASE_TICKETED;
}

/* What did not run by F: with a ticket, as a rule. */
static enum dbio_verdict DBIO_APART
queue_up(struct dbio_table *table, struct dbio_announcement *a)
{
    struct dbio_entry *entry = &table->entries[a->entry];

    if (enter_mode(entry, class_group[a->class], &a->switching))
        return DBIO_CLEAR;
    draw_ticket(&table->slots[a->slot], entry, a);
    return DBIO_BLOCKED;
}

/* In slot `at`, which is CLAIMED by the announcer and says `word`. Everything but what runs by F is
 * left to functions that come last, so that this one has nothing to save. */
static inline enum dbio_verdict
announce_in(struct dbio_table *table, uint32_t entry, enum dbio_class class,
            struct dbio_range range, uint64_t now_ns, const struct dbio_announcer *announcer,
            struct dbio_announcement *a, uint32_t at, uint64_t word)
{
    struct dbio_slot *slot = &table->slots[at];

    word = (word & ~(uint64_t)DBIO_PHASE_MASK) | DBIO_PHASE_CHOOSING;
    /* One by one: what only who waits reads is left to draw_ticket(). */
    a->range = range;
    a->ticket = 0;
    a->word = word;
    a->slot = at;
    a->entry = entry;
    a->class = class;

    /* The word says CLAIMED before the fields change; pairs with the fence in look(). */
    atomic_thread_fence(memory_order_release);
    /* Relaxed: published by the store of A1, which pairs with the scan's load of the word. */
    atomic_store_explicit(&slot->shape,
                          (uint32_t) class | entry << 3 | (announcer->async ? DBIO_SHAPE_ASYNC : 0),
                          memory_order_relaxed);
    atomic_store_explicit(&slot->begin, range.begin, memory_order_relaxed);
    atomic_store_explicit(&slot->end, range.end, memory_order_relaxed);
    atomic_store_explicit(&slot->since_ns, now_ns, memory_order_relaxed);
    /* A1. The fence between A1 and A2 is B of whoever leaves the mode that A2 finds. */
    atomic_store_explicit(&slot->word, word, memory_order_release);
    if (DBIO_UNLIKELY(announcer->fenced))
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
    /* W: like A2, and before any I/O. Relaxed: B of W1 stands in between. */
    if (DBIO_UNLIKELY(atomic_load_explicit(&table->entries[entry].watched, memory_order_relaxed) !=
                      DBIO_WATCHED_NOT) &&
        !dbio__inflight_is_read(class))
        atomic_fetch_add(&table->entries[entry].begun, 1); /* pairs with W2 and W5 */
    /* A2. */
    if (DBIO_LIKELY(admits(atomic_load(&table->entries[entry].mode), class_group[class])))
        return DBIO_CLEAR;
    return queue_up(table, a);
}

/* With a slot from among the free ones. */
static enum dbio_verdict DBIO_APART
announce_anywhere(struct dbio_table *table, uint32_t entry, enum dbio_class class,
                  struct dbio_range range, uint64_t now_ns, struct dbio_announcer *announcer,
                  struct dbio_announcement *a)
{
    uint64_t word;

    if (!claim_slot(table, announcer, &word))
        return DBIO_FULL;
    return announce_in(table, entry, class, range, now_ns, announcer, a, announcer->hint, word);
}

enum dbio_verdict
dbio__inflight_announce(struct dbio_table *table, uint32_t entry, enum dbio_class class,
                        struct dbio_range range, uint64_t now_ns, struct dbio_announcer *announcer,
                        struct dbio_announcement *a)
{
    uint64_t claim = DBIO_PHASE_CLAIMED | (uint64_t)announcer->owner << 32, word;
    uint32_t at;

    dbio_assert(range.begin < range.end && entry < DBIO_TABLE_ENTRIES);
    if (DBIO_UNLIKELY(announcer->kept_count == 0))
        return announce_anywhere(table, entry, class, range, now_ns, announcer, a);
    at = announcer->kept[--announcer->kept_count];
    /* Relaxed: nobody else changes a slot that is claimed, unless we were taken for dead. */
    word = atomic_load_explicit(&table->slots[at].word, memory_order_relaxed);
    if (DBIO_UNLIKELY((word & (~(uint64_t)UINT32_MAX | DBIO_PHASE_MASK)) != claim))
        return announce_anywhere(table, entry, class, range, now_ns, announcer, a);
    return announce_in(table, entry, class, range, now_ns, announcer, a, at, word);
}

bool
dbio__inflight_look(const struct dbio_slot *slot, struct dbio_sighting *sighting)
{
    for (;;) {
        uint64_t word = atomic_load(&slot->word); /* T3; pairs with A1, T2, R */
        uint32_t shape;

        if (dbio__slot_phase(word) < DBIO_PHASE_CHOOSING)
            return false;
        shape = atomic_load_explicit(&slot->shape, memory_order_relaxed);
        sighting->range.begin = atomic_load_explicit(&slot->begin, memory_order_relaxed);
        sighting->range.end = atomic_load_explicit(&slot->end, memory_order_relaxed);
        sighting->ticket = atomic_load_explicit(&slot->ticket, memory_order_relaxed);
        sighting->since_ns = atomic_load_explicit(&slot->since_ns, memory_order_relaxed);
        /* Were these the fields of that word? Acquire keeps the re-read after them. */
        atomic_thread_fence(memory_order_acquire);
        if ((atomic_load_explicit(&slot->word, memory_order_relaxed) | DBIO_WORD_WAITED) !=
            (word | DBIO_WORD_WAITED))
            continue;
        if (dbio__slot_phase(word) != DBIO_PHASE_TICKETED)
            sighting->ticket = 0;
        sighting->word = word;
        sighting->entry = dbio__shape_entry(shape);
        sighting->async = (shape & DBIO_SHAPE_ASYNC) != 0;
        sighting->class = (enum dbio_class)(shape & 7u);
        return true;
    }
}

/* What one slot means to a ticketed request. */
enum sight {
    SIGHT_NOTHING,
    SIGHT_OTHER_GROUP, /* announced on our file, not in our way */
    SIGHT_IN_THE_WAY,
};

static enum sight
inspect_slot(const struct dbio_slot *slot, const struct dbio_announcement *a,
             struct dbio_sighting *seen)
{
    bool group_differs;

    if (!dbio__inflight_look(slot, seen) || seen->entry != a->entry)
        return SIGHT_NOTHING;
    group_differs =
        class_group[seen->class] != class_group[a->class] || class_group[a->class] == GROUP_NONE;
    if (!dbio__inflight_conflicts(a->class, seen->class) ||
        !dbio__range_overlaps(seen->range, a->range) || seen->ticket > a->ticket)
        return group_differs ? SIGHT_OTHER_GROUP : SIGHT_NOTHING;
    return SIGHT_IN_THE_WAY;
}

/* Is anyone but `group` announced on the entry? */
static bool
others_announced(struct dbio_table *table, uint32_t entry, uint32_t group)
{
    uint32_t limit = dbio__inflight_limit(table), i;

    for (i = 0; i < limit; i++) {
        struct dbio_slot *slot = &table->slots[i];
        uint64_t word = atomic_load(&slot->word); /* C2; pairs with A1 */
        uint32_t shape = atomic_load_explicit(&slot->shape, memory_order_relaxed);

        /* If the slot changes hands between the two loads, its old request is over and its new
         * one publishes after C1, so whatever is concluded here is right. */
        if (dbio__slot_phase(word) >= DBIO_PHASE_CHOOSING && dbio__shape_entry(shape) == entry &&
            class_group[shape & 7u] != group)
            return true;
    }
    return false;
}

/* C1..C3: back to one group, unless someone else is announced or arrives meanwhile. */
static void
close_mode(struct dbio_table *table, uint32_t index, uint32_t group)
{
    struct dbio_entry *entry = &table->entries[index];
    uint64_t mode = atomic_load(&entry->mode), closing, next;

    if (admits(mode, group) || (mode & DBIO_MODE_KIND_MASK) == DBIO_MODE_KIND_SWITCHING)
        return;
    closing = (mode & ~(uint64_t)DBIO_MODE_KIND_MASK) + DBIO_MODE_EPOCH +
              (DBIO_MODE_KIND_CLOSING | group << 1);
    if (!atomic_compare_exchange_strong(&entry->mode, &mode, closing)) /* C1 */
        return;
    next = (closing & ~(uint64_t)DBIO_MODE_KIND_MASK) + DBIO_MODE_EPOCH;
    if (!others_announced(table, index, group)) /* C2 */
        next += DBIO_MODE_KIND_ONLY | group << 1;
    /* C3: fails if T1 of another request, or another closer, changed the word (epoch). */
    (void)atomic_compare_exchange_strong(&entry->mode, &closing, next);
}

/* Counts a finished scan; after enough of them without the other group, closes. The counter
 * is advice: updates lost between threads only delay the closing, so relaxed is enough. */
static void
note_quiet(struct dbio_table *table, const struct dbio_announcement *a)
{
    struct dbio_entry *entry = &table->entries[a->entry];
    uint32_t group = class_group[a->class], quiet, count;

    if (group == GROUP_NONE)
        return;
    quiet = atomic_load_explicit(&entry->quiet, memory_order_relaxed);
    count = quiet >> 31 == group && !a->saw_other ? (quiet & 0x7fffffffu) + 1 : 0;
    if (count >= DBIO_INFLIGHT_QUIET) {
        close_mode(table, a->entry, group);
        count = 0;
    }
    atomic_store_explicit(&entry->quiet, group << 31 | count, memory_order_relaxed);
}

/* Is the slot held by another request than the one that was in the way in it? That one came after
 * our ticket was drawn, so it is none of ours to wait for: if it will wait for us or gives up and
 * comes again (NOWAIT), we would otherwise meet it choosing for ever. */
static bool
came_later(const struct dbio_announcement *a, uint32_t slot, uint64_t word)
{
    uint64_t same = ~(uint64_t)(DBIO_PHASE_MASK | DBIO_WORD_WAITED);

    return slot == a->scan && a->met != 0 && ((word ^ a->met) & same) != 0;
}

/* Of all that are in the way, the last to come: it is likely to be the last to go, and one sleep
 * does for all of them. Each would cost a wake-up, and with many processes on few cores that is
 * milliseconds. */
bool
dbio__inflight_blocker(struct dbio_table *table, struct dbio_announcement *a,
                       struct dbio_blocker *blocker)
{
    uint32_t limit = dbio__inflight_limit(table), first = limit, i;
    uint64_t latest = 0, met = 0;

    for (i = a->scan; i < limit; i++) {
        struct dbio_sighting seen;
        enum sight sight = i == a->slot ? SIGHT_NOTHING : inspect_slot(&table->slots[i], a, &seen);

        a->saw_other = a->saw_other || sight != SIGHT_NOTHING;
        if (sight != SIGHT_IN_THE_WAY || came_later(a, i, seen.word))
            continue;
        if (first == limit) {
            first = i;
            met = seen.word;
        } else if (seen.ticket <= latest) {
            continue;
        }
        latest = seen.ticket;
        *blocker = (struct dbio_blocker){.word = seen.word, .slot = i};
    }
    a->scan = first; /* what is below is passed for good */
    a->met = met;
    if (first != limit)
        return true;
    note_quiet(table, a);
    return false;
}

bool
dbio__inflight_mark_waited(struct dbio_table *table, struct dbio_blocker *blocker)
{
    uint64_t expected = blocker->word, waited = blocker->word | DBIO_WORD_WAITED;

    if (expected != waited &&
        !atomic_compare_exchange_strong(&table->slots[blocker->slot].word, &expected, waited) &&
        expected != waited)
        return false;
    blocker->word = waited;
    return true;
}

/* From `word`, with or without WAITED, to `next`. False: it was something else. */
static bool
leave_slot(struct dbio_slot *slot, uint64_t word, uint64_t next, bool *wake)
{
    uint64_t expected = word & ~(uint64_t)DBIO_WORD_WAITED;

    *wake = false;
    /* R and D3: release of all the request did; pairs with the scan's load and with claim_slot.
     * A WAITED bit set at the last moment is not lost. */
    while (!atomic_compare_exchange_strong(&slot->word, &expected, next)) {
        if (expected != (word | DBIO_WORD_WAITED))
            return false;
        *wake = true;
    }
    return true;
}

bool
dbio__inflight_release(struct dbio_table *table, const struct dbio_announcement *a)
{
    bool wake;

    /* Whoever freed it meanwhile took us for dead: what this request did is not protected. */
    dbio_verify(leave_slot(&table->slots[a->slot], a->word, freed_word(a->word), &wake));
    return wake;
}

bool
dbio__inflight_release_kept(struct dbio_table *table, struct dbio_announcer *announcer,
                            const struct dbio_announcement *a)
{
    uint64_t claimed = freed_word(a->word) | DBIO_PHASE_CLAIMED | (uint64_t)announcer->owner << 32;
    bool wake;

    if (DBIO_UNLIKELY(announcer->kept_count == announcer->kept_most || a->slot >= DBIO_TABLE_KEPT))
        return dbio__inflight_release(table, a);
    dbio_verify(leave_slot(&table->slots[a->slot], a->word, claimed, &wake));
    announcer->kept[announcer->kept_count++] = a->slot;
    return wake;
}

void
dbio__inflight_drop_kept(struct dbio_table *table, struct dbio_announcer *announcer)
{
    while (announcer->kept_count > 0) {
        struct dbio_slot *slot = &table->slots[announcer->kept[--announcer->kept_count]];
        uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
        bool wake; /* nobody sleeps on a slot that announces nothing */

        if (dbio__slot_phase(word) == DBIO_PHASE_CLAIMED &&
            dbio__slot_owner(word) == announcer->owner)
            (void)leave_slot(slot, word, freed_word(word), &wake);
    }
}

bool
dbio__inflight_retire(struct dbio_table *table, const struct dbio_blocker *blocker)
{
    bool wake;

    dbio_assert(dbio__slot_phase(blocker->word) >= DBIO_PHASE_CHOOSING);
    return leave_slot(&table->slots[blocker->slot], blocker->word, freed_word(blocker->word),
                      &wake);
}

uint64_t
dbio__inflight_quiet_since(const struct dbio_table *table, uint32_t index)
{
    const struct dbio_entry *entry = &table->entries[index];
    uint64_t mode;

    /* Relaxed, and users may come and go between the loads: residency only chooses cost. */
    if (atomic_load_explicit(&entry->users, memory_order_relaxed) == 1 &&
        !dbio__table_is_common(index))
        return (uint64_t)atomic_load_explicit(&entry->takes, memory_order_relaxed) << 1 | 1;
    mode = atomic_load_explicit(&entry->mode, memory_order_relaxed);
    if ((mode & DBIO_MODE_KIND_MASK) == (DBIO_MODE_KIND_ONLY | GROUP_DIRECT << 1))
        return mode << 1;
    return 0;
}

bool
dbio__inflight_watch(struct dbio_table *table, uint32_t index)
{
    _Atomic uint32_t *watched = &table->entries[index].watched;
    uint32_t seen = DBIO_WATCHED_NOT;

    /* Acquire pairs with the settling: B was executed. Whoever finds it SOON executes B himself. */
    if (atomic_load_explicit(watched, memory_order_acquire) == DBIO_WATCHED)
        return false;
    (void)atomic_compare_exchange_strong(watched, &seen, DBIO_WATCHED_SOON);
    return seen != DBIO_WATCHED;
}

void
dbio__inflight_watch_settle(struct dbio_table *table, uint32_t index)
{
    atomic_store_explicit(&table->entries[index].watched, DBIO_WATCHED, memory_order_release);
}

uint64_t
dbio__inflight_begun(const struct dbio_table *table, uint32_t index)
{
    /* Pairs with W of writers: what they announced before is seen after. */
    return atomic_load(&table->entries[index].begun);
}

bool
dbio__inflight_is_written(const struct dbio_table *table, uint32_t index, struct dbio_range range)
{
    uint32_t limit = dbio__inflight_limit(table), i;
    struct dbio_sighting seen;

    for (i = 0; i < limit; i++)
        if (dbio__inflight_look(&table->slots[i], &seen) && seen.entry == index &&
            !dbio__inflight_is_read(seen.class) && dbio__range_overlaps(seen.range, range))
            return true;
    return false;
}

uint32_t
dbio__inflight_outstanding(const struct dbio_table *table)
{
    uint32_t limit = dbio__inflight_limit(table), count = 0, i;

    for (i = 0; i < limit; i++)
        count +=
            dbio__slot_phase(atomic_load_explicit(&table->slots[i].word, memory_order_relaxed)) >=
            DBIO_PHASE_CHOOSING;
    return count;
}

const char *
dbio__inflight_mode_name(const struct dbio_table *table, uint32_t entry)
{
    static const char *const names[8] = {
        [DBIO_MODE_KIND_TICKETS] = "tickets",
        [DBIO_MODE_KIND_SWITCHING] = "tickets",
        [DBIO_MODE_KIND_ONLY | GROUP_DIRECT << 1] = "direct",
        [DBIO_MODE_KIND_ONLY | GROUP_BUFFERED << 1] = "buffered",
        [DBIO_MODE_KIND_CLOSING | GROUP_DIRECT << 1] = "closing",
        [DBIO_MODE_KIND_CLOSING | GROUP_BUFFERED << 1] = "closing",
    };
    const char *name = names[atomic_load(&table->entries[entry].mode) & DBIO_MODE_KIND_MASK];

    return name != NULL ? name : "?";
}
