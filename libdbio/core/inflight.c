/*
 * inflight.c - who is in flight, and who must wait for whom.
 *
 * Job:       announce, order and withdraw requests in the table of inflight.h.
 * Not its:   waiting, waking, system calls, time, memory.
 * Callers:   engine/arbitration.c; entries are taken and given under the inode table's lock.
 * Lock:      none. The order of the atomics below is the lock; all are sequentially
 *            consistent unless a comment says why less is enough.
 * Invariant: two conflicting requests that overlap are never both between CLEAR and release.
 */
#include "core/inflight.h"

/* Phases in the low two bits of a slot's word. */
#define PHASE_FREE      0u
#define PHASE_CLAIMED   1u /* being filled by its owner; invisible to scans */
#define PHASE_CHOOSING  2u /* announced, no ticket (yet); running if its owner passed by F */
#define PHASE_TICKETED  3u
#define PHASE_MASK      3u
#define WORD_WAITED     4u
#define WORD_GENERATION 8u

/* Modes in the low three bits of an entry's mode word; the epoch counts changes above. */
#define MODE_TICKETS 0u
#define MODE_ONLY    1u /* | group << 1 */
#define MODE_CLOSING 4u /* | group << 1 */
#define MODE_MASK    7u
#define MODE_EPOCH   8u

/* Groups: requests of one group never conflict. Exclusive ones are in none. */
#define GROUP_DIRECT   0u
#define GROUP_BUFFERED 1u
#define GROUP_NONE     2u

static const uint8_t class_group[DBIO_CLASS_COUNT] = {
    [DBIO_CLASS_DIRECT_READ] = GROUP_DIRECT,     [DBIO_CLASS_DIRECT_WRITE] = GROUP_DIRECT,
    [DBIO_CLASS_BUFFERED_READ] = GROUP_BUFFERED, [DBIO_CLASS_BUFFERED_WRITE] = GROUP_BUFFERED,
    [DBIO_CLASS_EXCLUSIVE] = GROUP_NONE,
};

/* Bit b of row a: class a conflicts with class b. */
static const uint8_t class_conflicts[DBIO_CLASS_COUNT] = {
    [DBIO_CLASS_DIRECT_READ] = 1u << DBIO_CLASS_BUFFERED_WRITE | 1u << DBIO_CLASS_EXCLUSIVE,
    [DBIO_CLASS_DIRECT_WRITE] = 1u << DBIO_CLASS_BUFFERED_READ | 1u << DBIO_CLASS_BUFFERED_WRITE |
                                1u << DBIO_CLASS_EXCLUSIVE,
    [DBIO_CLASS_BUFFERED_READ] = 1u << DBIO_CLASS_DIRECT_WRITE | 1u << DBIO_CLASS_EXCLUSIVE,
    [DBIO_CLASS_BUFFERED_WRITE] =
        1u << DBIO_CLASS_DIRECT_READ | 1u << DBIO_CLASS_DIRECT_WRITE | 1u << DBIO_CLASS_EXCLUSIVE,
    [DBIO_CLASS_EXCLUSIVE] = 0x1f,
};

bool
dbio__inflight_conflicts(enum dbio_class a, enum dbio_class b)
{
    return (class_conflicts[a] >> b & 1u) != 0;
}

uint32_t
dbio__inflight_entry_take(struct dbio_table *table, uint64_t hash)
{
    uint32_t home = (uint32_t)(hash % DBIO_INFLIGHT_ENTRIES), i, at = home;

    for (i = 0; i < DBIO_INFLIGHT_ENTRIES; i++) {
        at = (home + i) % DBIO_INFLIGHT_ENTRIES;
        /* Relaxed: callers hold the inode table's lock. */
        if (atomic_load_explicit(&table->entries[at].references, memory_order_relaxed) == 0)
            break;
    }
    if (i == DBIO_INFLIGHT_ENTRIES)
        at = home;
    atomic_fetch_add_explicit(&table->entries[at].references, 1, memory_order_relaxed);
    return at;
}

void
dbio__inflight_entry_give(struct dbio_table *table, uint32_t entry)
{
    uint32_t before =
        atomic_fetch_sub_explicit(&table->entries[entry].references, 1, memory_order_relaxed);

    dbio_verify(before > 0);
    if (before == 1) { /* the next file starts with tickets, whatever this one had settled on */
        uint64_t mode = atomic_load(&table->entries[entry].mode);
        atomic_store(&table->entries[entry].mode, (mode & ~(uint64_t)MODE_MASK) + MODE_EPOCH);
    }
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

/* A free slot at or after the hint, now CLAIMED by us; false if there is none. */
static bool
claim_slot(struct dbio_table *table, uint32_t *hint)
{
    uint32_t start = *hint % DBIO_INFLIGHT_SLOTS, i;

    for (i = 0; i < DBIO_INFLIGHT_SLOTS; i++) {
        uint32_t at = (start + i) % DBIO_INFLIGHT_SLOTS;
        struct dbio_slot *slot = &table->slots[at];
        uint32_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

        if ((word & PHASE_MASK) != PHASE_FREE)
            continue;
        /* Acquire pairs with R of the slot's last owner: its reads of the fields are over. */
        if (atomic_compare_exchange_strong_explicit(&slot->word, &word, word | PHASE_CLAIMED,
                                                    memory_order_acquire, memory_order_relaxed)) {
            *hint = at;
            /* Acquire: whoever raised it did so before our A1; see raise_high_water. */
            if (DBIO_UNLIKELY(at >= atomic_load_explicit(&table->high_water, memory_order_acquire)))
                raise_high_water(table, at);
            return true;
        }
    }
    return false;
}

/* T1: leave every mode but TICKETS, unless it admits `group` alone. True: F. */
static bool
enter_mode(struct dbio_entry *entry, uint32_t group)
{
    uint64_t mode = atomic_load(&entry->mode); /* A2; pairs with the CAS of T1 and C3 */

    for (;;) {
        uint64_t kind = mode & MODE_MASK;

        if (kind == (MODE_ONLY | group << 1) && group != GROUP_NONE)
            return true;
        /* Closing to our own group admits us, but with a number: C3 may still be undone. */
        if (kind == MODE_TICKETS || (kind == (MODE_CLOSING | group << 1) && group != GROUP_NONE))
            return false;
        /* T1: pairs with A2 of the other group and with the CAS of C3. */
        if (atomic_compare_exchange_weak(&entry->mode, &mode,
                                         (mode & ~(uint64_t)MODE_MASK) + MODE_EPOCH))
            return false;
    }
}

/* T2: draw a number and show it. Whoever slept on CHOOSING must be woken now, not at release:
 * its number may be smaller than ours, and then we are about to wait for it. */
static void
draw_ticket(struct dbio_slot *slot, struct dbio_entry *entry, struct dbio_announcement *a)
{
    a->ticket = atomic_fetch_add(&entry->next_ticket, 1) + 1;
    /* Release by the RMW below; pairs with the scan's load of the word. */
    atomic_store_explicit(&slot->ticket, a->ticket, memory_order_relaxed);
    a->wake = (atomic_fetch_or(&slot->word, PHASE_TICKETED) & WORD_WAITED) != 0;
}

enum dbio_verdict
dbio__inflight_announce(struct dbio_table *table, uint32_t entry, enum dbio_class class,
                        struct dbio_range range, uint32_t *hint, struct dbio_announcement *a)
{
    struct dbio_slot *slot;
    uint32_t word;

    dbio_assert(range.begin < range.end && entry < DBIO_INFLIGHT_ENTRIES);
    if (!claim_slot(table, hint))
        return DBIO_FULL;
    slot = &table->slots[*hint];
    *a = (struct dbio_announcement){.range = range, .slot = *hint, .entry = entry, .class = class};

    /* Relaxed: published by the exchange below, which pairs with the scan's load of the word. */
    atomic_store_explicit(&slot->shape, (uint32_t) class | entry << 3, memory_order_relaxed);
    atomic_store_explicit(&slot->begin, range.begin, memory_order_relaxed);
    atomic_store_explicit(&slot->end, range.end, memory_order_relaxed);
    word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    /* A1, with the fence that must stand between A1 and A2; pairs with T1 + T3 of others. */
    atomic_exchange(&slot->word, (word & ~PHASE_MASK) | PHASE_CHOOSING);

    if (DBIO_LIKELY(enter_mode(&table->entries[entry], class_group[class])))
        return DBIO_CLEAR;
    draw_ticket(slot, &table->entries[entry], a);
    return DBIO_BLOCKED;
}

/* What one slot means to a ticketed request. */
enum sight {
    SIGHT_NOTHING,
    SIGHT_OTHER_GROUP, /* announced on our file, not in our way */
    SIGHT_IN_THE_WAY,
};

static enum sight
inspect_slot(const struct dbio_slot *slot, const struct dbio_announcement *a, uint32_t *value)
{
    for (;;) {
        uint32_t word = atomic_load(&slot->word), shape; /* T3; pairs with A1, T2, R */
        struct dbio_range range;
        uint64_t ticket;
        bool group_differs;

        if ((word & PHASE_MASK) < PHASE_CHOOSING)
            return SIGHT_NOTHING;
        shape = atomic_load_explicit(&slot->shape, memory_order_relaxed);
        range.begin = atomic_load_explicit(&slot->begin, memory_order_relaxed);
        range.end = atomic_load_explicit(&slot->end, memory_order_relaxed);
        ticket = atomic_load_explicit(&slot->ticket, memory_order_relaxed);
        /* Were these the fields of that word? Acquire keeps the re-read after them. */
        atomic_thread_fence(memory_order_acquire);
        if ((atomic_load_explicit(&slot->word, memory_order_relaxed) | WORD_WAITED) !=
            (word | WORD_WAITED))
            continue;
        if (shape >> 3 != a->entry)
            return SIGHT_NOTHING;
        group_differs =
            class_group[shape & 7u] != class_group[a->class] || class_group[a->class] == GROUP_NONE;
        if (!dbio__inflight_conflicts(a->class, (enum dbio_class)(shape & 7u)) ||
            !dbio__range_overlaps(range, a->range) ||
            ((word & PHASE_MASK) == PHASE_TICKETED && ticket > a->ticket))
            return group_differs ? SIGHT_OTHER_GROUP : SIGHT_NOTHING;
        *value = word;
        return SIGHT_IN_THE_WAY;
    }
}

/* Is anyone but `group` announced on the entry? */
static bool
others_announced(struct dbio_table *table, uint32_t entry, uint32_t group)
{
    uint32_t limit = atomic_load(&table->high_water), i;

    for (i = 0; i < limit; i++) {
        struct dbio_slot *slot = &table->slots[i];
        uint32_t word = atomic_load(&slot->word); /* C2; pairs with A1 */
        uint32_t shape = atomic_load_explicit(&slot->shape, memory_order_relaxed);

        /* If the slot changes hands between the two loads, its old request is over and its new
         * one publishes after C1, so whatever is concluded here is right. */
        if ((word & PHASE_MASK) >= PHASE_CHOOSING && shape >> 3 == entry &&
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

    if ((mode & MODE_MASK) == (MODE_ONLY | group << 1))
        return;
    closing = (mode & ~(uint64_t)MODE_MASK) + MODE_EPOCH + (MODE_CLOSING | group << 1);
    if (!atomic_compare_exchange_strong(&entry->mode, &mode, closing)) /* C1 */
        return;
    next = (closing & ~(uint64_t)MODE_MASK) + MODE_EPOCH;
    if (!others_announced(table, index, group)) /* C2 */
        next += MODE_ONLY | group << 1;
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

bool
dbio__inflight_blocker(struct dbio_table *table, struct dbio_announcement *a,
                       _Atomic uint32_t **word, uint32_t *value)
{
    uint32_t limit = atomic_load(&table->high_water);

    for (; a->scan < limit; a->scan++) {
        if (a->scan == a->slot)
            continue;
        switch (inspect_slot(&table->slots[a->scan], a, value)) {
        case SIGHT_NOTHING:
            break;
        case SIGHT_OTHER_GROUP:
            a->saw_other = true;
            break;
        case SIGHT_IN_THE_WAY:
            a->saw_other = true;
            *word = &table->slots[a->scan].word;
            return true;
        }
    }
    note_quiet(table, a);
    return false;
}

bool
dbio__inflight_mark_waited(_Atomic uint32_t *word, uint32_t *value)
{
    uint32_t expected = *value;

    if ((expected & WORD_WAITED) == 0 &&
        !atomic_compare_exchange_strong(word, &expected, *value | WORD_WAITED) &&
        expected != (*value | WORD_WAITED))
        return false;
    *value |= WORD_WAITED;
    return true;
}

bool
dbio__inflight_release(struct dbio_table *table, const struct dbio_announcement *a)
{
    struct dbio_slot *slot = &table->slots[a->slot];
    uint32_t before = atomic_load_explicit(&slot->word, memory_order_relaxed);
    uint32_t after = (before & ~(PHASE_MASK | WORD_WAITED)) + WORD_GENERATION;

    dbio_verify((before & PHASE_MASK) >= PHASE_CHOOSING);
    /* R: release of all the request did; pairs with the scan's load and with claim_slot. An
     * exchange, so that a WAITED bit set at the last moment is not lost. */
    before = atomic_exchange(&slot->word, after);
    return (before & WORD_WAITED) != 0;
}

void
dbio__inflight_reset(struct dbio_table *table)
{
    uint32_t i;

    for (i = 0; i < DBIO_INFLIGHT_SLOTS; i++)
        atomic_store(&table->slots[i].word,
                     (atomic_load(&table->slots[i].word) & ~(PHASE_MASK | WORD_WAITED)) +
                         WORD_GENERATION);
    for (i = 0; i < DBIO_INFLIGHT_ENTRIES; i++)
        atomic_store(&table->entries[i].mode, MODE_TICKETS);
}

uint32_t
dbio__inflight_outstanding(const struct dbio_table *table)
{
    uint32_t limit = atomic_load(&table->high_water), count = 0, i;

    for (i = 0; i < limit; i++)
        count += (atomic_load_explicit(&table->slots[i].word, memory_order_relaxed) & PHASE_MASK) >=
                 PHASE_CHOOSING;
    return count;
}

const char *
dbio__inflight_mode_name(const struct dbio_table *table, uint32_t entry)
{
    static const char *const names[8] = {
        [MODE_TICKETS] = "tickets",
        [MODE_ONLY | GROUP_DIRECT << 1] = "direct",
        [MODE_ONLY | GROUP_BUFFERED << 1] = "buffered",
        [MODE_CLOSING | GROUP_DIRECT << 1] = "closing",
        [MODE_CLOSING | GROUP_BUFFERED << 1] = "closing",
    };
    const char *name = names[atomic_load(&table->entries[entry].mode) & MODE_MASK];

    return name != NULL ? name : "?";
}
