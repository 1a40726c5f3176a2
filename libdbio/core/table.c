/*
 * table.c - owners and entries of the announcement table.
 *
 * Job:       the header; who belongs to the table; which entry is whose file's.
 * Not its:   requests (core/inflight.c); locks, files and the proof of life (os/registry.c).
 * Callers:   engine/membership.c, engine/recovery.c.
 * Lock:      the table's, held by the caller: a byte of the registry file among processes, a
 *            mutex among threads. It orders everything here, so the atomics are relaxed; they
 *            are atomic for those who read without it (requests, reports).
 * Invariant: entry.users is the number of owners whose row has its bit; recounted after every
 *            change, so a caller that died between the two leaves it wrong only until the next.
 */
#include "core/table.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"

/* A file's entry is at most this far from its home; further on it shares a common one. */
#define WINDOW        32u
#define OWNED         (DBIO_TABLE_ENTRIES - DBIO_TABLE_COMMON)
#define NOWHERE       UINT32_MAX
#define BURY_NS       UINT64_C(1000000000)
#define BURY_ASYNC_NS (60 * BURY_NS)

void
dbio__table_init(struct dbio_table *table)
{
    struct dbio_table_header *header = &table->header;

    header->magic = DBIO_TABLE_MAGIC;
    header->version = DBIO_TABLE_VERSION;
    header->bytes = (uint32_t)sizeof(*table);
    header->slots = DBIO_TABLE_SLOTS;
    header->entries = DBIO_TABLE_ENTRIES;
    header->owners = DBIO_TABLE_OWNERS;
    /* Release pairs with the acquire in dbio__table_check(). */
    atomic_store_explicit(&header->ready, 1, memory_order_release);
}

const char *
dbio__table_check(const struct dbio_table_header *header, uint64_t bytes)
{
    if (bytes < sizeof(*header))
        return "too short";
    if (atomic_load_explicit(&header->ready, memory_order_acquire) != 1 ||
        header->magic != DBIO_TABLE_MAGIC)
        return "not a dbio registry";
    if (header->version != DBIO_TABLE_VERSION)
        return "of another version of dbio";
    if (header->bytes != sizeof(struct dbio_table) || header->slots != DBIO_TABLE_SLOTS ||
        header->entries != DBIO_TABLE_ENTRIES || header->owners != DBIO_TABLE_OWNERS ||
        bytes != sizeof(struct dbio_table))
        return "of a wrong size";
    return NULL;
}

static uint32_t
owners_seen(const struct dbio_table *table)
{
    uint32_t seen = atomic_load_explicit(&table->owners_seen, memory_order_relaxed);

    return seen < DBIO_TABLE_OWNERS ? seen : DBIO_TABLE_OWNERS;
}

static bool
has_bit(const _Atomic uint64_t *row, uint32_t entry)
{
    return (atomic_load_explicit(&row[entry / 64], memory_order_relaxed) >> entry % 64 & 1u) != 0;
}

static void
set_bit(_Atomic uint64_t *row, uint32_t entry, bool on)
{
    uint64_t bit = UINT64_C(1) << entry % 64;

    if (on)
        atomic_fetch_or_explicit(&row[entry / 64], bit, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(&row[entry / 64], ~bit, memory_order_relaxed);
}

static void
recount(struct dbio_table *table, uint32_t entry)
{
    uint32_t seen = owners_seen(table), users = 0, pins = 0, i;

    for (i = 0; i < seen; i++) {
        users += has_bit(table->uses[i], entry);
        pins += has_bit(table->pinned[i], entry);
    }
    atomic_store_explicit(&table->entries[entry].users, users, memory_order_relaxed);
    /* Release pairs with dbio__inode_ability(): a request that reads this after its own turn
     * sees the pin of whoever pinned before it, under an exclusive announcement. */
    atomic_store_explicit(&table->entries[entry].pins, pins, memory_order_release);
}

void
dbio__table_join(struct dbio_table *table, uint32_t owner, int32_t pid, uint64_t now_ns,
                 const char *program)
{
    struct dbio_owner *at = &table->owners[owner];
    size_t length = strnlen(program, sizeof(at->program) - 1);

    dbio_assert(owner < DBIO_TABLE_OWNERS);
    memcpy(at->program, program, length);
    memset(at->program + length, 0, sizeof(at->program) - length);
    atomic_store_explicit(&at->pid, pid, memory_order_relaxed);
    atomic_store_explicit(&at->since_ns, now_ns, memory_order_relaxed);
    atomic_store(&at->life, DBIO_LIFE | now_ns);
    if (owner >= owners_seen(table))
        atomic_store_explicit(&table->owners_seen, owner + 1, memory_order_relaxed);
    /* Release pairs with the acquire of whoever reports. */
    atomic_store_explicit(&at->live, 1, memory_order_release);
}

static uint64_t
freed_word(uint64_t word)
{
    return (uint32_t)((word & ~(uint64_t)(DBIO_PHASE_MASK | DBIO_WORD_WAITED)) +
                      DBIO_WORD_GENERATION);
}

void
dbio__table_forget(struct dbio_table *table)
{
    uint32_t i;

    for (i = 0; i < DBIO_TABLE_SLOTS; i++) {
        uint64_t word = atomic_load(&table->slots[i].word);

        if (dbio__slot_phase(word) != DBIO_PHASE_FREE)
            atomic_store(&table->slots[i].word, freed_word(word));
    }
}

/* Relaxed: its owner is dead, and published it with the word. */
static bool
is_async(const struct dbio_slot *slot)
{
    return (atomic_load_explicit(&slot->shape, memory_order_relaxed) & DBIO_SHAPE_ASYNC) != 0;
}

/* Frees the dead owner's slots: those that it was filling, which nobody has seen, and after a time
 * those that it had announced. True: there are some of the latter left. */
static bool
free_slots(struct dbio_table *table, uint32_t owner, uint64_t dead_for_ns)
{
    bool left = false;
    uint32_t i;

    for (i = 0; i < DBIO_TABLE_SLOTS; i++) {
        uint64_t word = atomic_load_explicit(&table->slots[i].word, memory_order_acquire);

        if (dbio__slot_phase(word) == DBIO_PHASE_FREE || dbio__slot_owner(word) != owner)
            continue;
        if (dbio__slot_phase(word) != DBIO_PHASE_CLAIMED &&
            dead_for_ns < (is_async(&table->slots[i]) ? BURY_ASYNC_NS : BURY_NS)) {
            left = true;
            continue;
        }
        /* Sleepers on it look again within their timeout. A waiter may be quicker. */
        while (dbio__slot_owner(word) == owner && dbio__slot_phase(word) != DBIO_PHASE_FREE &&
               !atomic_compare_exchange_weak(&table->slots[i].word, &word, freed_word(word)))
            ;
    }
    return left;
}

uint64_t
dbio__table_note_dead(struct dbio_table *table, uint32_t owner, uint64_t life, uint64_t now_ns)
{
    if ((life & DBIO_LIFE) == 0)
        return owner < DBIO_TABLE_OWNERS ? life : now_ns; /* noted already */
    /* Fails if somebody else noted it, or if the place is a new process's by now: then what was
     * proved is true of the old one alone, and nothing is written. */
    if (atomic_compare_exchange_strong(&table->owners[owner].life, &life, now_ns) ||
        (life & DBIO_LIFE) != 0)
        return now_ns;
    return life;
}

bool
dbio__table_bury(struct dbio_table *table, uint32_t owner, uint64_t now_ns)
{
    uint64_t dead_ns = dbio__table_note_dead(table, owner, dbio__table_life(table, owner), now_ns);
    uint32_t i, entry;

    if (free_slots(table, owner, now_ns - dead_ns))
        return false;
    for (i = 0; i < DBIO_TABLE_ROW; i++) {
        uint64_t uses = atomic_load_explicit(&table->uses[owner][i], memory_order_relaxed) |
                        atomic_load_explicit(&table->pinned[owner][i], memory_order_relaxed);

        for (; uses != 0; uses &= uses - 1) {
            entry = i * 64 + (uint32_t)__builtin_ctzll(uses);
            set_bit(table->uses[owner], entry, false);
            set_bit(table->pinned[owner], entry, false);
            recount(table, entry);
        }
    }
    atomic_store_explicit(&table->owners[owner].live, 0, memory_order_relaxed);
    return true;
}

static uint64_t
hash_key(const struct dbio_key *key)
{
    uint64_t hash = (key->inode + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ key->device;

    return hash ^ hash >> 29; /* without the birth, which some cannot learn */
}

/* A new file's entry: tickets, whatever the last one had settled on; by way of SWITCHING, as that
 * may have been ONLY. */
static void
start_entry(struct dbio_entry *entry, const struct dbio_key *key)
{
    uint64_t mode = atomic_load(&entry->mode);

    /* The epoch only rises, also beside a request on a common entry. */
    while (!atomic_compare_exchange_weak(&entry->mode, &mode,
                                         (mode & ~(uint64_t)DBIO_MODE_KIND_MASK) + DBIO_MODE_EPOCH +
                                             DBIO_MODE_KIND_SWITCHING))
        ;
    atomic_store_explicit(&entry->device, key->device, memory_order_relaxed);
    atomic_store_explicit(&entry->inode, key->inode, memory_order_relaxed);
    atomic_store_explicit(&entry->birth, key->birth, memory_order_relaxed);
    atomic_store_explicit(&entry->latched, 0, memory_order_relaxed);
}

static bool
is_same_file(const struct dbio_entry *entry, const struct dbio_key *key)
{
    return atomic_load_explicit(&entry->device, memory_order_relaxed) == key->device &&
           atomic_load_explicit(&entry->inode, memory_order_relaxed) == key->inode;
}

static bool
is_used(const struct dbio_entry *entry)
{
    return atomic_load_explicit(&entry->users, memory_order_relaxed) != 0;
}

/* The file's own entry, or a free one near its home (*found false), or NOWHERE. */
static uint32_t
search_window(struct dbio_table *table, const struct dbio_key *key, bool *found)
{
    uint32_t home = (uint32_t)(hash_key(key) % OWNED), free = NOWHERE, i;

    *found = false;
    for (i = 0; i < WINDOW; i++) {
        uint32_t at = (home + i) % OWNED;
        struct dbio_entry *entry = &table->entries[at];

        if (is_same_file(entry, key)) {
            *found = true;
            return at;
        }
        if (free == NOWHERE && !is_used(entry))
            free = at;
    }
    return free;
}

uint32_t
dbio__table_take(struct dbio_table *table, uint32_t owner, const struct dbio_key *key)
{
    uint32_t common = OWNED + (uint32_t)(hash_key(key) % DBIO_TABLE_COMMON), at;
    struct dbio_entry *entry;
    uint64_t birth;
    bool found;

    at = search_window(table, key, &found);
    /* While anyone uses the common entry, this file may be who: stay with it. */
    if (!found && (at == NOWHERE || is_used(&table->entries[common])))
        at = common;
    entry = &table->entries[at];
    birth = atomic_load_explicit(&entry->birth, memory_order_relaxed);
    if (!is_used(entry) || (found && birth != 0 && key->birth != 0 && birth != key->birth))
        start_entry(entry, key);
    if (!has_bit(table->uses[owner], at))
        atomic_fetch_add_explicit(&entry->takes, 1, memory_order_relaxed);
    set_bit(table->uses[owner], at, true);
    recount(table, at);
    return at;
}

void
dbio__table_give(struct dbio_table *table, uint32_t owner, uint32_t entry)
{
    dbio_verify(entry < DBIO_TABLE_ENTRIES && has_bit(table->uses[owner], entry));
    set_bit(table->uses[owner], entry, false);
    set_bit(table->pinned[owner], entry, false);
    recount(table, entry);
}

void
dbio__table_pin(struct dbio_table *table, uint32_t owner, uint32_t entry, bool pinned)
{
    dbio_verify(entry < DBIO_TABLE_ENTRIES && has_bit(table->uses[owner], entry));
    set_bit(table->pinned[owner], entry, pinned);
    recount(table, entry);
}

void
dbio__table_renew(struct dbio_table *table, uint32_t owner, uint32_t entry)
{
    dbio_verify(entry < DBIO_TABLE_ENTRIES && has_bit(table->uses[owner], entry));
    recount(table, entry);
    if (atomic_load_explicit(&table->entries[entry].users, memory_order_relaxed) == 1)
        atomic_store_explicit(&table->entries[entry].latched, 0, memory_order_relaxed);
}

uint32_t
dbio__table_verdict(const struct dbio_table *table, uint64_t device)
{
    uint32_t i;

    for (i = 0; i < DBIO_TABLE_DEVICES; i++)
        /* Acquire pairs with the release below: the verdict is there with the device. */
        if (atomic_load_explicit(&table->devices[i].device, memory_order_acquire) == device)
            return atomic_load_explicit(&table->devices[i].verdict, memory_order_relaxed);
    return 0;
}

void
dbio__table_judge(struct dbio_table *table, uint64_t device, uint32_t verdict)
{
    uint32_t home = (uint32_t)(device % DBIO_TABLE_DEVICES), i;
    struct dbio_device *at = &table->devices[home]; /* all taken: the oldest thought goes */

    for (i = 0; i < DBIO_TABLE_DEVICES; i++) {
        struct dbio_device *next = &table->devices[(home + i) % DBIO_TABLE_DEVICES];
        uint64_t known = atomic_load_explicit(&next->device, memory_order_relaxed);

        if (known == 0 || known == device) {
            at = next;
            break;
        }
    }
    atomic_store_explicit(&at->verdict, verdict, memory_order_relaxed);
    atomic_store_explicit(&at->device, device, memory_order_release);
}
