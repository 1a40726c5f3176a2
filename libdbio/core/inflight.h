/*
 * inflight.h - outstanding I/O: the announcement table.
 *
 * The truth about what is in flight is an array of slots, one cache line per request:
 * which file, which pages, which class. The table holds no pointers and no addresses, only
 * indices, so it may lie in any memory. This room thinks; it neither waits nor wakes: it
 * says whom to wait for and whom to wake, and the engine does it.
 *
 * Conflicts: a direct write with any buffered request, a direct read with a buffered
 * write, an exclusive operation with everything. Nothing else conflicts.
 *
 * The protocol (names of the steps are those of the comments in inflight.c):
 *   A1 publish    fill the slot and make it visible as CHOOSING
 *   A2 look       read the file's mode word
 *   F             the mode is "only my group": run at once; the slot stays CHOOSING, which
 *                 counts as the smallest ticket
 *   T1 switch     the mode is another: swap it to TICKETS
 *   T2 ticket     draw a number, show it (TICKETED), wake who waited for the choice
 *   T3 scan       wait for every conflicting overlapping slot that is CHOOSING or has a
 *                 smaller number; slots behind the scan can only draw larger numbers
 *   R release     free the slot, tell whether someone waits for it
 *   C1..C3        after a quiet time, back to one group: CLOSING, scan, compare-and-swap;
 *                 a request of the other group swaps CLOSING to TICKETS and so undoes it
 * Why it is safe: of two conflicting requests, each publishes before it looks. If both ran
 * by F, both saw a mode that admits only their own group: impossible while both are
 * announced, because the later of them to switch would have had to pass C1..C3, and the
 * scan C2 sees the other. If one took tickets, its scan sees the other, or the other
 * published after that scan and then sees TICKETS and a smaller number in its way.
 */
#ifndef CORE_INFLIGHT_H
#define CORE_INFLIGHT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/range.h"

enum dbio_class {
    DBIO_CLASS_DIRECT_READ,
    DBIO_CLASS_DIRECT_WRITE,
    DBIO_CLASS_BUFFERED_READ,
    DBIO_CLASS_BUFFERED_WRITE,
    DBIO_CLASS_EXCLUSIVE, /* truncate, punch, map, ...: alone in its range */
};
#define DBIO_CLASS_COUNT 5

#define DBIO_INFLIGHT_SLOTS   1024u /* requests outstanding in one table at most */
#define DBIO_INFLIGHT_ENTRIES 1024u /* files with a mode word of their own; further files share */
#define DBIO_INFLIGHT_QUIET   64u   /* requests of one group alone before tickets are given up */

struct dbio_slot {
    _Atomic uint32_t word;  /* phase, WAITED bit, generation */
    _Atomic uint32_t shape; /* class | entry << 3 */
    _Atomic uint64_t begin, end;
    _Atomic uint64_t ticket; /* valid in phase TICKETED */
    uint8_t pad[DBIO_CACHE_LINE - 32];
};
_Static_assert(sizeof(struct dbio_slot) == DBIO_CACHE_LINE, "a slot is one cache line");

struct dbio_entry {
    _Atomic uint64_t mode; /* enum mode in the low bits, epoch above; alone on its line: read
                              by every request, written only when the mode changes */
    uint8_t pad_mode[DBIO_CACHE_LINE - 8];
    _Atomic uint64_t next_ticket;
    _Atomic uint32_t quiet;      /* group << 31 | requests without the other group */
    _Atomic uint32_t references; /* files that use this entry */
    uint8_t pad[DBIO_CACHE_LINE - 16];
};
_Static_assert(sizeof(struct dbio_entry) == 2 * DBIO_CACHE_LINE, "an entry is two lines");

struct dbio_table {
    _Atomic uint32_t high_water; /* slots below this have been used */
    uint8_t pad[DBIO_CACHE_LINE - 4];
    struct dbio_entry entries[DBIO_INFLIGHT_ENTRIES];
    struct dbio_slot slots[DBIO_INFLIGHT_SLOTS];
};

/* A request's place in the table, in the caller's memory. */
struct dbio_announcement {
    struct dbio_range range; /* page-rounded */
    uint64_t ticket;         /* 0: ran by F */
    uint32_t slot;
    uint32_t entry;
    uint32_t scan; /* T3 has passed the slots below this */
    enum dbio_class class;
    bool saw_other; /* the scan met an announcement of the other group */
    bool wake;      /* after BLOCKED: wake everyone who sleeps on dbio__inflight_word() */
};

enum dbio_verdict {
    DBIO_CLEAR,   /* run; then release */
    DBIO_BLOCKED, /* wake if told to; ask dbio__inflight_blocker, wait, ask again */
    DBIO_FULL,    /* no free slot; nothing was announced */
};

/* Does a request of class `a` conflict with one of class `b` in the same pages? */
bool dbio__inflight_conflicts(enum dbio_class a, enum dbio_class b);

/* A mode word for a file: an unused entry near `hash`, else one that is shared with another
 * file (which costs needless waits, never safety). Callers exclude each other. */
uint32_t dbio__inflight_entry_take(struct dbio_table *table, uint64_t hash);
void dbio__inflight_entry_give(struct dbio_table *table, uint32_t entry);

/* Announces. `hint` is where the calling thread found its last slot; keep one per thread.
 * Lock-free, no system call. */
DBIO_CHECKED enum dbio_verdict dbio__inflight_announce(struct dbio_table *table, uint32_t entry,
                                                       enum dbio_class class,
                                                       struct dbio_range range, uint32_t *hint,
                                                       struct dbio_announcement *announcement);

/* Continues T3. False: nobody is in the way, run. True: wait until *word differs from
 * *value, then ask again. Before sleeping call dbio__inflight_mark_waited. */
DBIO_CHECKED bool dbio__inflight_blocker(struct dbio_table *table,
                                         struct dbio_announcement *announcement,
                                         _Atomic uint32_t **word, uint32_t *value);

/* Asks the owner of `word` to wake us. True: sleep while *word == *value (now with the
 * WAITED bit). False: the word has changed already. */
DBIO_CHECKED bool dbio__inflight_mark_waited(_Atomic uint32_t *word, uint32_t *value);

/* The word of the announcement's own slot: what others sleep on. */
static inline _Atomic uint32_t *
dbio__inflight_word(struct dbio_table *table, const struct dbio_announcement *announcement)
{
    return &table->slots[announcement->slot].word;
}

/* Withdraws. True: wake everyone who sleeps on dbio__inflight_word(). */
DBIO_CHECKED bool dbio__inflight_release(struct dbio_table *table,
                                         const struct dbio_announcement *announcement);

/* A child of fork has no requests outstanding: frees every slot. Only one thread exists. */
void dbio__inflight_reset(struct dbio_table *table);

/* Announcements now; for statistics and tests. */
uint32_t dbio__inflight_outstanding(const struct dbio_table *table);

/* The mode of an entry, for tests and reports: "direct", "buffered", "tickets", "closing". */
const char *dbio__inflight_mode_name(const struct dbio_table *table, uint32_t entry);

#endif
