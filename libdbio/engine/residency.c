/*
 * residency.c - what of a range does the page cache hold?
 *
 * Job:       known-empty map, cachestat, mincore, "unknown", in this order.
 * Not its:   what follows from the answer: core/route.c.
 * Callers:   engine/transfer.c.
 * Lock:      none.
 * Invariant: an error becomes "unknown", never a failure.
 */
#include "engine/residency.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/membership.h"
#include "os/cachestat.h"
#include "os/clock.h"
#include "os/mincore.h"
#include "os/sys.h"

#define RECHECK_FIRST  4u   /* direct requests of an inode that are always looked at again */
#define RECHECK_EVERY  256u /* and one in this many later */
#define FALLBACK_PROOF 3u   /* pages found this often in a row: the file system pretends */
#define MINCORE_MOST   (64u * 1024u * 1024u)

static uint64_t
page_size(void)
{
    static _Atomic uint64_t known; /* relaxed: every writer writes the same */
    uint64_t size = atomic_load_explicit(&known, memory_order_relaxed);

    if (size == 0) {
        size = (uint64_t)sysconf(_SC_PAGESIZE);
        atomic_store_explicit(&known, size, memory_order_relaxed);
    }
    return size;
}

/* Pages of the range in the cache; an error if the kernel will not say. */
static int
count_pages(struct dbio_file *file, struct dbio_range range, uint64_t *cached)
{
    uint64_t length = range.end - range.begin;
    int fd = file->descriptors->buffered;
    int error = dbio__cachestat_pages(fd, range.begin, length, cached);

    dbio__context_count(file->context, DBIO_STAT_LOOKS, 1);
    if (error == 0)
        return 0;
    /* mincore says "all" for a file that we may not write; "all" is the safe answer. */
    if (length > MINCORE_MOST || !file->readable)
        return -EOPNOTSUPP;
    return dbio__mincore_pages(fd, range.begin, length, cached);
}

/* Nothing of ours is cached as far as we remember: does the kernel agree, for all of it? */
static bool
confirm_empty(struct dbio_file *file, uint64_t now)
{
    uint64_t cached = 1;
    int error = dbio__cachestat_pages(file->descriptors->buffered, 0, 0, &cached);

    dbio__context_count(file->context, DBIO_STAT_LOOKS, 1);
    if (error != 0)
        return false;
    dbio__known_confirm(&file->inode->known, cached == 0, now);
    return cached == 0;
}

static void
learn_absent(struct dbio_file *file, struct dbio_range range)
{
    struct dbio_range region;
    uint64_t cached = 1;

    if (!dbio__known_check(&file->inode->known, range, &region))
        return;
    if (dbio__cachestat_pages(file->descriptors->buffered, region.begin, region.end - region.begin,
                              &cached) != 0)
        cached = 1;
    dbio__context_count(file->context, DBIO_STAT_LOOKS, 1);
    dbio__known_checked(&file->inode->known, region, cached == 0);
}

/* `cached` pages are not the whole range; are they all that the file has of it? */
static bool
is_rest_past_end(struct dbio_file *file, struct dbio_range range, uint64_t cached)
{
    struct stat status;
    uint64_t end;

    if (dbio__sys_fstat(file->descriptors->buffered, &status) != 0)
        return false;
    end = dbio__round_up((uint64_t)status.st_size, page_size());
    return end > range.begin && end < range.end && cached >= (end - range.begin) / page_size();
}

/* Does what we know of the cache still hold? Each process sees its own buffered requests alone;
 * others may have made some since. Then it is learnt anew. */
static bool
may_trust_memory(struct dbio_file *file)
{
    struct dbio_inode *inode = file->inode;
    uint64_t since = dbio__inflight_quiet_since(dbio__membership.table, inode->entry);
    off_t size;

    if (since == atomic_load_explicit(&inode->known_since, memory_order_relaxed))
        return since != 0;
    size = dbio__file_size(file);
    if (size < 0)
        return false;
    /* Past the end nothing can be cached. */
    if (size > 0)
        dbio__known_mark(&inode->known, (struct dbio_range){0, (uint64_t)size});
    atomic_store_explicit(&inode->known_since, since, memory_order_relaxed);
    return false;
}

enum dbio_residency
dbio__residency_look(struct dbio_file *file, struct dbio_range range, uint64_t now)
{
    uint64_t cached = 0;
    bool trusted = may_trust_memory(file);

    switch (trusted ? dbio__known_answer(&file->inode->known, range, now) : DBIO_KNOWN_ASK) {
    case DBIO_KNOWN_EMPTY:
        dbio__context_count(file->context, DBIO_STAT_LOOKS_SAVED, 1);
        return DBIO_RESIDENCY_KNOWN_EMPTY;
    case DBIO_KNOWN_CONFIRM:
        if (confirm_empty(file, now))
            return DBIO_RESIDENCY_ABSENT;
        break;
    case DBIO_KNOWN_ASK:
        break;
    }
    if (count_pages(file, range, &cached) != 0) {
        dbio__context_count(file->context, DBIO_STAT_LOOKS_UNKNOWN, 1);
        return DBIO_RESIDENCY_UNKNOWN;
    }
    if (cached == 0) {
        if (trusted)
            learn_absent(file, range);
        return DBIO_RESIDENCY_ABSENT;
    }
    return cached >= (range.end - range.begin) / page_size() ||
                   is_rest_past_end(file, range, cached)
               ? DBIO_RESIDENCY_FULL
               : DBIO_RESIDENCY_PARTIAL;
}

void
dbio__residency_recheck(struct dbio_file *file, struct dbio_range range)
{
    struct dbio_inode *inode = file->inode;
    uint32_t check = atomic_load_explicit(&inode->checks, memory_order_relaxed);
    uint64_t cached = 0;

    /* Relaxed, and counts may be lost between threads: it is a sample. */
    atomic_store_explicit(&inode->checks, check + 1, memory_order_relaxed);
    if (check >= RECHECK_FIRST && check % RECHECK_EVERY != 0)
        return;
    if (count_pages(file, range, &cached) != 0)
        return;
    if (cached == 0) {
        atomic_store_explicit(&inode->fallbacks, 0, memory_order_relaxed);
        return;
    }
    dbio__context_count(file->context, DBIO_STAT_COLLISIONS, 1);
    dbio__known_mark(&inode->known, range);
    if (atomic_fetch_add_explicit(&inode->fallbacks, 1, memory_order_relaxed) + 1 ==
            FALLBACK_PROOF &&
        dbio__inode_demote(inode, DBIO_REASON_SILENT_FALLBACK))
        dbio__context_count(file->context, DBIO_STAT_DEMOTIONS, 1);
}
