/*
 * transfer_write.c - the write, top to bottom.
 *
 * Job:       settle; write by the route chosen; finish through the cache what cannot go
 *            direct, and flush it; leave; count.
 * Not its:   the choice (core/route.c), the waiting (engine/arbitration.c).
 * Callers:   api/api_file.c, engine/exclusive.c (append).
 * Lock:      none.
 * Invariant: a write that was promised direct standing is on the device when it returns, by
 *            whichever way: O_DIRECT, or writeback waited for.
 */
#include <errno.h>

#include "base/err.h"
#include "engine/durability.h"
#include "engine/residency.h"
#include "engine/transfer.h"
#include "engine/writeback.h"
#include "os/sys.h"

/* Through the cache, then out of it: `bytes` from here on. */
static int
write_flushed(struct dbio_transfer *t, size_t bytes)
{
    struct dbio_range range = {t->offset, t->offset};
    int result = dbio__transfer_buffered(t, bytes, 0), error = 0;

    range.end = t->offset;
    /* RWF_DSYNC has flushed already, metadata and device cache included. */
    if (!t->durable && range.end > range.begin)
        error = dbio__writeback_range(t->file, dbio__range_widen(range, t->file->inode->unit));
    if (error != 0)
        t->done = 0; /* the bytes are lost: report the failure, not a count */
    return error != 0 ? error : result;
}

/* Copies into an aligned buffer and writes from there; the range is aligned. */
static int
write_bounced(struct dbio_transfer *t, size_t bytes)
{
    struct dbio_bounce_pool *pool = &t->file->context->bounce;
    uint32_t unit = t->file->inode->facts.offset_align;
    size_t target = t->done + bytes;
    void *buffer = dbio__bounce_take(pool);
    int result = DBIO_TRANSFER_OVER;

    if (buffer == NULL)
        return DBIO_TRANSFER_REST;
    while (t->done < target && result == DBIO_TRANSFER_OVER) {
        size_t left = target - t->done;
        struct iovec piece = {buffer, left < DBIO_BOUNCE_BYTES ? left : DBIO_BOUNCE_BYTES};
        struct dbio_cursor source = t->cursor;
        ssize_t answer;

        if (!dbio__bounce_gather(&source, buffer, piece.iov_len)) {
            result = DBIO_TRANSFER_REST;
            break;
        }
        answer = dbio__transfer_call(t, dbio__file_direct(t->file), &piece, 1, t->offset, 0);
        if (answer <= 0) {
            result = dbio__transfer_judge(t, answer);
            break;
        }
        if ((size_t)answer < piece.iov_len)
            dbio__context_count(t->file->context, DBIO_STAT_CONTINUED, 1);
        dbio__transfer_moved(t, (size_t)answer);
        dbio__context_count(t->file->context, DBIO_STAT_BOUNCE_BYTES, (uint64_t)answer);
        dbio__context_count(t->file->context, DBIO_STAT_DIRECT_BYTES, (uint64_t)answer);
        if (!dbio__is_aligned((uint64_t)answer, unit))
            result = DBIO_TRANSFER_REST;
    }
    dbio__bounce_return(pool, buffer);
    return result;
}

/* Head, middle, tail under one exclusive announcement. In file order, so that a failure
 * leaves a prefix; each edge is clean before anything beside it goes direct, because a dirty
 * page written back later would bring old bytes over new ones. */
static int
write_edges(struct dbio_transfer *t)
{
    const struct dbio_facts *facts = &t->file->inode->facts;
    uint64_t unit = facts->offset_align;
    uint64_t first = dbio__round_up(t->offset, unit);
    uint64_t last = dbio__round_down(t->offset + t->length, unit);
    size_t head = (size_t)(first - t->offset), middle = (size_t)(last - first);
    int result = DBIO_TRANSFER_OVER;
    struct dbio_cursor at;

    if (head > 0)
        result = write_flushed(t, head);
    if (result != DBIO_TRANSFER_OVER || t->done < head)
        return result;
    at = t->cursor;
    result = dbio__vector_aligned(&at, middle, facts->memory_align, facts->offset_align)
                 ? dbio__transfer_direct(t, middle, 0)
                 : write_bounced(t, middle);
    if (result != DBIO_TRANSFER_OVER || t->done < head + middle || t->length == 0)
        return result;
    return write_flushed(t, t->length);
}

/* All or nothing: one call, never continued, never retried another way. */
static int
write_atomic(struct dbio_transfer *t)
{
    struct iovec window[DBIO_VECTOR_WINDOW];
    size_t asked;
    int count = dbio__vector_window(&t->cursor, t->length, window, &asked);
    ssize_t answer = dbio__transfer_call(t, dbio__file_direct(t->file), window, count, t->offset,
                                         DBIO_RWF_ATOMIC);

    if (answer < 0)
        return (int)answer;
    dbio__context_count(t->file->context, DBIO_STAT_DIRECT_BYTES, (uint64_t)answer);
    dbio__transfer_moved(t, (size_t)answer);
    return DBIO_TRANSFER_OVER;
}

static int
write_by_route(struct dbio_transfer *t, enum dbio_route route)
{
    switch (route) {
    case DBIO_ROUTE_BUFFERED:
        return dbio__transfer_buffered(t, t->length, 0);
    case DBIO_ROUTE_BUFFERED_FLUSH:
        return write_flushed(t, t->length);
    case DBIO_ROUTE_DIRECT:
        return dbio__transfer_direct(t, t->length, 0);
    case DBIO_ROUTE_DIRECT_BOUNCE:
        return write_bounced(t, t->length);
    case DBIO_ROUTE_DIRECT_EDGES:
        return write_edges(t);
    case DBIO_ROUTE_DONTCACHE:
        return dbio__transfer_dontcache(t, 0);
    case DBIO_ROUTE_ATOMIC:
        return write_atomic(t);
    case DBIO_ROUTE_NONE:
        break;
    }
    dbio_verify(route != DBIO_ROUTE_NONE);
    return -EIO;
}

/* Can this file do this write all or nothing? (statx(2), STATX_WRITE_ATOMIC; pwritev2(2)) */
static int
check_atomic(const struct dbio_transfer *t)
{
    const struct dbio_facts *facts = &t->file->inode->facts;

    if (facts->atomic_max == 0 || dbio__inode_ability(t->file->inode) != DBIO_REASON_NONE)
        return -EOPNOTSUPP;
    if ((t->length & (t->length - 1)) != 0 || t->length < facts->atomic_min ||
        t->length > facts->atomic_max || t->offset % t->length != 0 ||
        !dbio__vector_aligned(&t->cursor, t->length, facts->memory_align, 1))
        return -EINVAL;
    return 0;
}

/* Pages that our own write leaves in the cache. */
static void
mark_cached(struct dbio_transfer *t, struct dbio_range pages, const struct dbio_choice *choice)
{
    if (choice->class == DBIO_CLASS_BUFFERED_WRITE || choice->class == DBIO_CLASS_EXCLUSIVE)
        dbio__known_mark(&t->file->inode->known, pages);
}

static void
count_write(struct dbio_transfer *t, const struct dbio_choice *choice)
{
    uint32_t thread = dbio__arbitration_thread();

    dbio__stats_request(&t->file->context->board.place->counters, thread, DBIO_STAT_WRITES, t->done,
                        choice->route, choice->reason);
    dbio__stats_note(&t->file->inode->history, thread, choice->route, choice->reason);
}

/* A buffered write with RWF_DSYNC is a write and a flush in one, and the flush tells, once, of
 * what earlier writes left in the cache. ENOSPC may come from either: if the same bytes can be
 * written without the flush, it was the flush. */
static void
latch_hidden_flush(struct dbio_transfer *t, int error)
{
    struct dbio_transfer again = *t;

    if (error != -ENOSPC && error != -EDQUOT)
        return;
    again.durable = false;
    /* All of them: a part would leave a sector that is neither old nor new. */
    if (dbio__transfer_buffered(&again, again.length, 0) == DBIO_TRANSFER_OVER && again.length == 0)
        dbio__durability_latch(t->file, error);
}

int
dbio__transfer_write_settle(struct dbio_transfer *t, struct dbio_settled *settled)
{
    int error = t->atomic ? check_atomic(t) : 0;

    if (error == 0)
        error = dbio__transfer_settle(t, settled);
    if (error == 0)
        mark_cached(t, settled->pages, &settled->choice);
    return error;
}

ssize_t
dbio__transfer_write_rest(struct dbio_transfer *t, struct dbio_settled *settled, int begun)
{
    struct dbio_choice *choice = &settled->choice;
    int result = begun == DBIO_TRANSFER_BEGIN ? write_by_route(t, choice->route) : begun;

    if (result == DBIO_TRANSFER_REST) {
        result = dbio__transfer_resettle(t, &settled->announcement);
        if (result != 0)
            goto count;
        choice->class = DBIO_CLASS_BUFFERED_WRITE;
        mark_cached(t, settled->pages, choice);
        result = write_flushed(t, t->length);
    }
    mark_cached(t, settled->pages, choice);
    if (t->durable && choice->class != DBIO_CLASS_DIRECT_WRITE)
        latch_hidden_flush(t, result);
    if (choice->class == DBIO_CLASS_DIRECT_WRITE)
        dbio__residency_recheck(t->file, settled->pages);
    dbio__transfer_leave(t, &settled->announcement);
count:
    if (t->durable && result < 0)
        dbio__durability_latch_write(t->file, result);
    count_write(t, choice);
    return t->done > 0 || result >= 0 ? (ssize_t)t->done : result;
}

ssize_t
dbio__transfer_write(struct dbio_transfer *t)
{
    struct dbio_settled settled;
    int error = dbio__transfer_write_settle(t, &settled);

    return error != 0 ? error : dbio__transfer_write_rest(t, &settled, DBIO_TRANSFER_BEGIN);
}
