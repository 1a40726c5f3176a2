/*
 * inflight.h - outstanding I/O: the announcement table.
 *
 * The truth about what is in flight is an array of slots (core/table.h), one cache line per
 * request: whose, on which file, which pages, which class. This room thinks; it neither waits
 * nor wakes: it says whom to wait for and whom to wake, and the engine does it.
 *
 * Conflicts: a direct write with any buffered request, a direct read with a buffered
 * write, an exclusive operation with everything. Nothing else conflicts.
 *
 * The protocol (names of the steps are those of the comments in inflight.c):
 *   A1 publish    fill the slot and show it as CHOOSING: a plain store, which may be late
 *   A2 look       read the file's mode word
 *   F             the mode is "only my group": run at once; the slot stays CHOOSING, which
 *                 counts as the smallest ticket
 *   T1 switch     the mode is another: with a fence, look again; swap it to SWITCHING
 *   T2 ticket     draw a number, show it (TICKETED), wake who waited for the choice
 *   B  barrier    who found or made it SWITCHING has every thread of every process execute a
 *                 memory barrier (the engine), then swaps it to TICKETS
 *   T3 scan       wait for every conflicting overlapping slot that is CHOOSING or has a
 *                 smaller number; slots behind the scan can only draw larger numbers
 *   R release     free the slot, tell whether someone waits for it
 *   C1..C3        after a quiet time, back to one group: CLOSING, scan, compare-and-swap;
 *                 a request of the other group swaps CLOSING to TICKETS and so undoes it
 *   D1..D4        the owner of a slot in the way is dead: proved by its lock (D1, the engine),
 *                 its I/O drained from the kernel (D2, the engine), the slot retired (D3),
 *                 sleepers woken (D4, the engine)
 * Why it is safe: of two conflicting requests, each publishes before it looks. If both ran
 * by F, both saw a mode that admits only their own group: impossible while both are
 * announced, because the later of them to switch would have had to pass C1..C3, and the
 * scan C2 sees the other. If one took tickets, its scan sees the other, or the other
 * published after that scan and then sees TICKETS and a smaller number in its way.
 * No fence stands between A1 and A2 of a request that runs by F: the side that leaves ONLY, the
 * rare one, pays for both. After B, what was published before is visible, and what looks after
 * it does not see ONLY. Requests that do not run by F fence before they look again (T1).
 */
#ifndef CORE_INFLIGHT_H
#define CORE_INFLIGHT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/range.h"
#include "core/table.h"
#include "dbio_types.h"

#define DBIO_INFLIGHT_QUIET 64u /* requests of one group alone before tickets are given up */

/* Who announces: one per thread, or one per batch. Slots that it keeps between requests cost it no
 * search and no compare-and-swap. */
struct dbio_announcer {
    uint32_t owner; /* in the table */
    uint32_t hint;  /* where the last free slot was found */
    uint32_t *kept; /* [kept_most] of the caller's: slots CLAIMED for the next requests */
    uint32_t kept_count, kept_most;
    uint64_t now_ns; /* of requests made many at a time; 0: to be asked for */
    bool async;      /* its requests are an io_uring's */
    bool fenced;     /* B cannot be had: a fence at each A1 instead, by everyone in the table */
};

/* A request's place in the table, in the caller's memory. */
struct dbio_announcement {
    struct dbio_range range; /* page-rounded */
    uint64_t ticket;         /* 0: ran by F */
    uint64_t word;           /* the slot's, apart from WAITED */
    uint32_t slot;
    uint32_t entry;
    enum dbio_class class;
    /* After BLOCKED. */
    uint32_t scan;      /* T3 has passed the slots below this */
    uint64_t met;       /* what was in the way in slot `scan`; 0: nothing yet */
    uint64_t switching; /* not 0: B, then dbio__inflight_settle() */
    bool saw_other;     /* the scan met an announcement of the other group */
    bool wake;          /* wake everyone who sleeps on dbio__inflight_bed() */
};

/* A slot in the way of an announcement, as it was seen. */
struct dbio_blocker {
    uint64_t word;
    uint32_t slot;
};

enum dbio_verdict {
    DBIO_CLEAR,   /* run; then release */
    DBIO_BLOCKED, /* wake if told to; B if told to; ask dbio__inflight_blocker, wait, ask again */
    DBIO_FULL,    /* no free slot; nothing was announced */
};

/* Keeping bytes that were read, ahead of who will ask for them. Whoever does:
 *   W1 watch     once: set `watched`, then B, so that a writer who did not see it has been published
 *   W2 stamp     read `begun`
 *   W3 scan      no write is announced in these pages; else they cannot be kept
 *   W4 read      by a request of its own, like any other
 *   W5 trust     when they are asked for: `begun` is what it was
 * A write adds to `begun` after A1 and before its I/O. If it did so before W2, W3 sees it announced,
 * or it is over and W4 reads what it wrote; if after, W5 sees that. So what W5 trusts is what the
 * file held at W5, and no reader has seen anything newer. */
/* W1. True: execute B, then dbio__inflight_watch_settle(). */
DBIO_CHECKED bool dbio__inflight_watch(struct dbio_table *table, uint32_t entry);
void dbio__inflight_watch_settle(struct dbio_table *table, uint32_t entry);
/* W2, W5. */
uint64_t dbio__inflight_begun(const struct dbio_table *table, uint32_t entry);
/* W3. */
DBIO_CHECKED bool dbio__inflight_is_written(const struct dbio_table *table, uint32_t entry,
                                            struct dbio_range range);

/* Does a request of class `a` conflict with one of class `b` in the same pages? */
bool dbio__inflight_conflicts(enum dbio_class a, enum dbio_class b);

/* Announces on an entry of core/table.h. `now_ns` is for reports. Lock-free, no system call. */
DBIO_CHECKED enum dbio_verdict dbio__inflight_announce(struct dbio_table *table, uint32_t entry,
                                                       enum dbio_class class,
                                                       struct dbio_range range, uint64_t now_ns,
                                                       struct dbio_announcer *announcer,
                                                       struct dbio_announcement *announcement);

/* After B: who comes from now on need not execute it. */
void dbio__inflight_settle(struct dbio_table *table, const struct dbio_announcement *announcement);

/* Continues T3. False: nobody is in the way, run. True: wait until the slot's word differs from
 * blocker->word, then ask again. Before sleeping call dbio__inflight_mark_waited. */
DBIO_CHECKED bool dbio__inflight_blocker(struct dbio_table *table,
                                         struct dbio_announcement *announcement,
                                         struct dbio_blocker *blocker);

/* Has the blocker's word changed? Acquire: what its owner did before is seen. */
static inline bool
dbio__inflight_has_moved(const struct dbio_table *table, const struct dbio_blocker *blocker)
{
    /* Pairs with T2 and R of the request in the way. */
    return atomic_load_explicit(&table->slots[blocker->slot].word, memory_order_acquire) !=
           blocker->word;
}

/* Asks the blocker's owner to wake us. True: sleep on dbio__inflight_bed() while it equals the
 * low half of blocker->word (now with the WAITED bit). False: the word has changed already. */
DBIO_CHECKED bool dbio__inflight_mark_waited(struct dbio_table *table,
                                             struct dbio_blocker *blocker);

/* What is slept on: the low half of a slot's word. For futex(2) only: the futex is the only one
 * that looks at half a word, and it compares, no more. */
_Atomic uint32_t *dbio__inflight_bed(struct dbio_table *table, uint32_t slot);

/* Withdraws. True: wake everyone who sleeps on dbio__inflight_bed(). */
DBIO_CHECKED bool dbio__inflight_release(struct dbio_table *table,
                                         const struct dbio_announcement *announcement);

/* As release, but the announcer keeps the slot, if it has room for it. */
DBIO_CHECKED bool dbio__inflight_release_kept(struct dbio_table *table,
                                              struct dbio_announcer *announcer,
                                              const struct dbio_announcement *announcement);

/* Frees what the announcer has kept. */
void dbio__inflight_drop_kept(struct dbio_table *table, struct dbio_announcer *announcer);

/* D3: withdraws what the blocker's dead owner had announced, after the drain barrier. False: it
 * is not there any more. True: it was this call; wake everyone who sleeps on
 * dbio__inflight_bed(). */
DBIO_CHECKED bool dbio__inflight_retire(struct dbio_table *table,
                                        const struct dbio_blocker *blocker);

/* What a slot says, for recovery and reports. False: nothing is announced in it. */
struct dbio_sighting {
    uint64_t word;
    struct dbio_range range;
    uint64_t ticket; /* 0: none (yet) */
    uint64_t since_ns;
    uint32_t entry;
    enum dbio_class class;
    bool async;
};
DBIO_CHECKED bool dbio__inflight_look(const struct dbio_slot *slot, struct dbio_sighting *sighting);

/* Neither a write nor an exclusive operation. */
static inline bool dbio__inflight_is_read(enum dbio_class class)
{
    return class == DBIO_CLASS_DIRECT_READ || class == DBIO_CLASS_BUFFERED_READ;
}

/* Slots below this may be in use. */
uint32_t dbio__inflight_limit(const struct dbio_table *table);

/* Announcements now; for statistics and tests. */
uint32_t dbio__inflight_outstanding(const struct dbio_table *table);

/* A number that changes before anyone but this process's own threads makes buffered requests on the
 * entry; 0: someone may be making them now. What this process knows of the cache holds for as long
 * as the number does. */
uint64_t dbio__inflight_quiet_since(const struct dbio_table *table, uint32_t entry);

/* The mode of an entry, for tests and reports: "direct", "buffered", "tickets", "closing". */
const char *dbio__inflight_mode_name(const struct dbio_table *table, uint32_t entry);

#endif
