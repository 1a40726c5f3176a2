/*
 * known.h - what is known not to be in the page cache. Pure.
 *
 * A byte per region of the file: 0 means that nothing of it is cached as far as we know.
 * Our own buffered requests mark regions, before and after they run; a look that finds
 * nothing clears them. Others (a backup, a shell) cache pages behind our back, so an
 * all-clear map must be confirmed now and then by asking for the whole file, which costs
 * 0.2 us while it is true. Wrong knowledge costs time, never data.
 */
#ifndef CORE_KNOWN_H
#define CORE_KNOWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/range.h"

#define DBIO_KNOWN_REGIONS    4096u
#define DBIO_KNOWN_REGION_MIN (1024u * 1024u) /* bytes */
#define DBIO_KNOWN_TRUST      64u             /* answers from memory between confirmations */
#define DBIO_KNOWN_TRUST_NS   1000000u        /* and the longest time between them */
/* What kernel readahead may bring in past a buffered read (default 128 KiB, twice that after
 * a hit on its marker). */
#define DBIO_KNOWN_READAHEAD (256u * 1024u)

struct dbio_known {
    uint32_t shift;                /* region size is 1 << shift bytes */
    _Atomic uint32_t marked;       /* regions that are not 0; may read high, never low for long */
    _Atomic uint32_t trust;        /* answers left until a confirmation */
    _Atomic uint64_t confirmed_ns; /* time of the last */
    _Atomic uint8_t regions[DBIO_KNOWN_REGIONS];
};

/* Every region of a file of `size` bytes counts as cached at first: it may have been read before
 * we came. Past the end nothing can be cached. */
void dbio__known_init(struct dbio_known *known, uint64_t size);

/* A buffered request on the range is about to run, or has run. */
void dbio__known_mark(struct dbio_known *known, struct dbio_range range);

#define DBIO_KNOWN_CACHED 1u /* a region's value: it may be cached */

/* The same; the common case of a hot file, all of it in a region that is marked, at once. */
static inline void
dbio__known_mark_again(struct dbio_known *known, struct dbio_range range)
{
    uint64_t first = range.begin >> known->shift, last = (range.end - 1) >> known->shift;

    if (first != last || last >= DBIO_KNOWN_REGIONS ||
        atomic_load_explicit(&known->regions[first], memory_order_relaxed) != DBIO_KNOWN_CACHED)
        dbio__known_mark(known, range);
}
/* Anything may be cached. */
void dbio__known_mark_all(struct dbio_known *known);

enum dbio_known_answer {
    DBIO_KNOWN_EMPTY,   /* nothing cached here */
    DBIO_KNOWN_CONFIRM, /* probably nothing in the whole file: ask for it, then call confirm */
    DBIO_KNOWN_ASK,     /* ask for the range */
};
enum dbio_known_answer dbio__known_answer(struct dbio_known *known, struct dbio_range range,
                                          uint64_t now_ns);

/* The whole file was asked for: `empty` or not. */
void dbio__known_confirm(struct dbio_known *known, bool empty, uint64_t now_ns);

/* The range was found absent. True: it may pay to ask for *region (the range's whole region)
 * and report with dbio__known_checked(). */
bool dbio__known_check(struct dbio_known *known, struct dbio_range range,
                       struct dbio_range *region);
void dbio__known_checked(struct dbio_known *known, struct dbio_range region, bool empty);

#endif
