/*
 * table.h - the announcement table as it lies in memory. Pure.
 *
 * One table serves every process of a user, or this process alone. It holds no pointers and no
 * addresses, only indices, and every index read from it is checked before it is used, so it may
 * lie in a file that others map. This room knows the layout, who belongs to the table (owners:
 * processes) and which files it knows (entries); who waits for whom is core/inflight.h.
 *
 * Sizes are part of the layout: a change of any of them is a new DBIO_TABLE_VERSION.
 */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define DBIO_TABLE_MAGIC   UINT64_C(0x656c626174626462) /* "bdbtable" */
#define DBIO_TABLE_VERSION 3u

#define DBIO_TABLE_SLOTS    4096u /* requests outstanding at most */
#define DBIO_TABLE_OWNERS   1024u /* processes at most */
#define DBIO_TABLE_ENTRIES  4096u /* files; the last DBIO_TABLE_COMMON of them are shared */
#define DBIO_TABLE_COMMON   64u   /* entries for files that found no place of their own */
#define DBIO_TABLE_DEVICES  32u   /* file systems whose drain barrier has been judged */
#define DBIO_TABLE_ROW      (DBIO_TABLE_ENTRIES / 64u)
#define DBIO_TABLE_KEPT     2048u /* the slots below may stay claimed between requests */
#define DBIO_TABLE_NO_OWNER UINT32_MAX
#define DBIO_LIFE           (UINT64_C(1) << 63)

/* A slot's word. Low half, on which others sleep: phase, WAITED, generation. High half: owner. */
#define DBIO_PHASE_FREE      0u
#define DBIO_PHASE_CLAIMED   1u /* kept, or being filled, by its owner; invisible to scans */
#define DBIO_PHASE_CHOOSING  2u /* announced, no ticket (yet); running if its owner passed by F */
#define DBIO_PHASE_TICKETED  3u
#define DBIO_PHASE_MASK      3u
#define DBIO_WORD_WAITED     4u
#define DBIO_WORD_GENERATION 8u

/* An entry's mode word: kind in the low three bits, above it an epoch that counts changes. */
#define DBIO_MODE_KIND_TICKETS   0u
#define DBIO_MODE_KIND_ONLY      1u /* | group << 1 */
#define DBIO_MODE_KIND_SWITCHING 2u /* TICKETS, but what ran by F may not be visible yet */
#define DBIO_MODE_KIND_CLOSING   4u /* | group << 1 */
#define DBIO_MODE_KIND_MASK      7u
#define DBIO_MODE_EPOCH          8u

/* In a slot's shape: the request is an io_uring's, and may outlive its process by a while. */
#define DBIO_SHAPE_ASYNC 0x80000000u

struct dbio_slot {
    _Atomic uint64_t word;
    _Atomic uint64_t begin, end; /* bytes, whole pages */
    _Atomic uint64_t ticket;     /* valid in phase TICKETED */
    _Atomic uint64_t since_ns;   /* CLOCK_MONOTONIC_COARSE; for reports; 0: not known */
    _Atomic uint32_t shape;      /* class | entry << 3 | DBIO_SHAPE_ASYNC */
    uint8_t pad[DBIO_CACHE_LINE - 44];
};
_Static_assert(sizeof(struct dbio_slot) == DBIO_CACHE_LINE, "a slot is one cache line");

/* Which file: device and inode number are unique among files that are open; the birth time tells
 * a leftover entry of a deleted file from one of the file that has its number now. */
struct dbio_key {
    uint64_t device, inode, birth; /* birth 0: unknown */
};

/* Does somebody keep bytes of the file that he has read, and want to know of writes? */
enum dbio_watched {
    DBIO_WATCHED_NOT,
    DBIO_WATCHED_SOON, /* writers count; one may have looked before */
    DBIO_WATCHED,      /* every write is counted, or was published before */
};

struct dbio_entry {
    /* Read by every request, written when something changes. */
    _Atomic uint64_t mode;
    _Atomic uint32_t users;   /* owners that use the entry */
    _Atomic uint32_t pins;    /* owners that have the file mapped */
    _Atomic uint32_t takes;   /* how often an owner has begun to use it */
    _Atomic int32_t latched;  /* -errno of the first failed writeback or flush, 0: none */
    _Atomic uint32_t watched; /* DBIO_WATCHED_*; never again 0, whoever has the entry next */
    uint8_t pad_mode[DBIO_CACHE_LINE - 28];
    /* Written with both groups live. */
    _Atomic uint64_t next_ticket;
    _Atomic uint32_t quiet; /* group << 31 | requests without the other group */
    uint32_t unused;
    _Atomic uint64_t device, inode, birth; /* the key */
    _Atomic uint64_t begun; /* while watched: writes and exclusive operations that were announced */
    uint8_t pad[DBIO_CACHE_LINE - 48];
};
_Static_assert(sizeof(struct dbio_entry) == 2 * DBIO_CACHE_LINE, "an entry is two lines");

/* A process. For reports alone: that it lives is proved by its lock, never by its number. */
struct dbio_owner {
    _Atomic uint32_t live; /* 1: claimed, and not yet found dead */
    _Atomic int32_t pid;
    _Atomic uint64_t since_ns; /* CLOCK_MONOTONIC when it joined */
    _Atomic uint64_t life; /* DBIO_LIFE | a number of this life; when found dead: that time, ns */
    char program[32];      /* written before `live` */
    uint8_t pad[DBIO_CACHE_LINE - 56];
};
_Static_assert(sizeof(struct dbio_owner) == DBIO_CACHE_LINE, "an owner is one cache line");

struct dbio_table_header {
    uint64_t magic;
    uint32_t version, bytes;
    uint32_t slots, entries, owners;
    _Atomic uint32_t ready; /* 1: the header is complete */
    uint8_t pad[DBIO_CACHE_LINE - 32];
};
_Static_assert(sizeof(struct dbio_table_header) == DBIO_CACHE_LINE, "a header is one cache line");

struct dbio_device {
    _Atomic uint64_t device;
    _Atomic uint32_t verdict; /* enum dbio_drain of os/drain.h */
    uint32_t unused;
};

struct dbio_table {
    struct dbio_table_header header;
    _Atomic uint32_t high_water;  /* slots below this have been used */
    _Atomic uint32_t owners_seen; /* owners below this have been used */
    _Atomic uint64_t retired;     /* requests of dead owners withdrawn for them */
    _Atomic uint64_t orphans;     /* of these: writes */
    _Atomic uint64_t turned_away; /* processes that found no place */
    uint8_t pad[DBIO_CACHE_LINE - 32];
    struct dbio_device devices[DBIO_TABLE_DEVICES];
    struct dbio_owner owners[DBIO_TABLE_OWNERS];
    struct dbio_entry entries[DBIO_TABLE_ENTRIES];
    struct dbio_slot slots[DBIO_TABLE_SLOTS];
    /* A bit per entry in the row of each owner. */
    _Atomic uint64_t uses[DBIO_TABLE_OWNERS][DBIO_TABLE_ROW];
    _Atomic uint64_t pinned[DBIO_TABLE_OWNERS][DBIO_TABLE_ROW];
};
_Static_assert(sizeof(struct dbio_table) <= 2u * 1024u * 1024u, "at most 2 MiB");

static inline uint32_t
dbio__slot_phase(uint64_t word)
{
    return (uint32_t)word & DBIO_PHASE_MASK;
}

static inline uint32_t
dbio__shape_entry(uint32_t shape)
{
    return (shape & ~DBIO_SHAPE_ASYNC) >> 3;
}

static inline uint32_t
dbio__slot_owner(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

/* Fills in the header of a zeroed table. */
void dbio__table_init(struct dbio_table *table);
/* NULL, or what is wrong with a table of `bytes` bytes; the text is static. */
const char *dbio__table_check(const struct dbio_table_header *header, uint64_t bytes);

/*
 * Who calls the functions below holds the table's lock: one caller at a time among all processes.
 * Requests run meanwhile. Each leaves a table that is right even if the caller dies inside.
 */

/* Makes `owner` one of the table's processes. `program` is cut to fit. */
void dbio__table_join(struct dbio_table *table, uint32_t owner, int32_t pid, uint64_t now_ns,
                      const char *program);
/* The owner is dead: frees what it was filling, uses and pins. What it had announced is for those
 * who wait for it to retire, behind a drain barrier; while there is any: false, and nothing else
 * is changed. After a second nobody waits for it and nothing of it is running, after a minute not
 * even what an io_uring left behind: then it goes too. */
DBIO_CHECKED bool dbio__table_bury(struct dbio_table *table, uint32_t owner, uint64_t now_ns);
/* The owner's life: read it, prove the owner dead, then note the death of that life and no other.
 * When it was first noted: now, or earlier. Neither needs a lock. */
static inline uint64_t
dbio__table_life(const struct dbio_table *table, uint32_t owner)
{
    return owner < DBIO_TABLE_OWNERS ? atomic_load(&table->owners[owner].life) : 0;
}
uint64_t dbio__table_note_dead(struct dbio_table *table, uint32_t owner, uint64_t life,
                               uint64_t now_ns);

/* The child of fork with a table of its own: what its parent's threads had announced in it is not
 * the child's. Only one thread exists. */
void dbio__table_forget(struct dbio_table *table);

/* The entry of the file, from now on used by `owner`: the file's own, else a common one (which
 * costs needless waits, never safety). Every process gets the same for as long as any uses it. */
uint32_t dbio__table_take(struct dbio_table *table, uint32_t owner, const struct dbio_key *key);
void dbio__table_give(struct dbio_table *table, uint32_t owner, uint32_t entry);
void dbio__table_pin(struct dbio_table *table, uint32_t owner, uint32_t entry, bool pinned);
/* The file was closed by everyone here and is opened anew: its latch goes, if no other process
 * uses it. */
void dbio__table_renew(struct dbio_table *table, uint32_t owner, uint32_t entry);

/* Not a file's own: other files may use it too. Needs no lock. */
static inline bool
dbio__table_is_common(uint32_t entry)
{
    return entry >= DBIO_TABLE_ENTRIES - DBIO_TABLE_COMMON;
}

/* The verdict on a device's drain barrier; 0: none yet. No lock. */
uint32_t dbio__table_verdict(const struct dbio_table *table, uint64_t device);
void dbio__table_judge(struct dbio_table *table, uint64_t device, uint32_t verdict);

#endif
