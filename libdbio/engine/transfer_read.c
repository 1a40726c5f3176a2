/*
 * transfer_read.c - the read, top to bottom.
 *
 * Job:       settle; read by the route chosen; finish through the cache what cannot go
 *            direct; leave; count.
 * Not its:   the choice (core/route.c), the waiting (engine/arbitration.c).
 * Callers:   api/api_file.c.
 * Lock:      none.
 * Invariant: bytes are returned only up to the first error or the end of the file.
 */
#include <errno.h>

#include "base/err.h"
#include "engine/residency.h"
#include "engine/transfer.h"
#include "os/clock.h"
#include "os/sys.h"

/* Reads whole blocks around the range into an aligned buffer and copies what was asked for. */
static int
read_bounced(struct dbio_transfer *t)
{
    struct dbio_bounce_pool *pool = &t->file->context->bounce;
    uint32_t unit = t->file->inode->facts.offset_align;
    void *buffer = dbio__bounce_take(pool);
    int result = DBIO_TRANSFER_OVER;

    if (buffer == NULL)
        return DBIO_TRANSFER_REST; /* no memory: the cache needs none of ours */
    while (t->length > 0) {
        uint64_t begin = dbio__round_down(t->offset, unit);
        uint64_t end = dbio__round_up(t->offset + t->length, unit), clipped;
        size_t skip = (size_t)(t->offset - begin), usable;
        struct iovec whole = {buffer, end - begin < DBIO_BOUNCE_BYTES ? (size_t)(end - begin)
                                                                      : DBIO_BOUNCE_BYTES};
        struct dbio_cursor target;
        ssize_t answer;

        if (end > INT64_MAX) { /* the last block that offsets reach: no direct call can have it */
            result = DBIO_TRANSFER_REST;
            break;
        }
        answer = dbio__transfer_call(t, dbio__file_direct(t->file), &whole, 1, begin, 0);
        clipped = begin + whole.iov_len;
        if (dbio__transfer_clip(t, answer, &clipped)) {
            whole.iov_len = (size_t)(clipped - begin);
            answer = dbio__transfer_call(t, dbio__file_direct(t->file), &whole, 1, begin, 0);
        }
        if (answer < 0) {
            result = dbio__transfer_judge(t, answer);
            break;
        }
        dbio__context_count(t->file->context, DBIO_STAT_DIRECT_BYTES, (uint64_t)answer);
        if ((size_t)answer <= skip) {
            result = dbio__transfer_short(t);
            break;
        }
        usable = (size_t)answer - skip < t->length ? (size_t)answer - skip : t->length;
        target = t->cursor;
        if (!dbio__bounce_scatter(&target, (char *)buffer + skip, usable)) {
            result = DBIO_TRANSFER_REST;
            break;
        }
        dbio__transfer_moved(t, usable);
        dbio__context_count(t->file->context, DBIO_STAT_BOUNCE_BYTES, usable);
        if (!dbio__is_aligned((uint64_t)answer, unit) && t->length > 0) {
            result = dbio__transfer_short(t);
            break;
        }
    }
    dbio__bounce_return(pool, buffer);
    return result;
}

static int
read_by_route(struct dbio_transfer *t, enum dbio_route route)
{
    switch (route) {
    case DBIO_ROUTE_DIRECT:
        return dbio__transfer_direct(t, t->length, 0);
    case DBIO_ROUTE_DIRECT_BOUNCE:
        return read_bounced(t);
    case DBIO_ROUTE_DONTCACHE:
        return dbio__transfer_dontcache(t, 0);
    case DBIO_ROUTE_BUFFERED:
        return dbio__transfer_buffered(t, t->length, 0);
    case DBIO_ROUTE_NONE:
    case DBIO_ROUTE_BUFFERED_FLUSH:
    case DBIO_ROUTE_DIRECT_EDGES:
    case DBIO_ROUTE_ATOMIC:
        break; /* routes of writes */
    }
    dbio_verify(route == DBIO_ROUTE_BUFFERED); /* a read was given the route of a write */
    return -EIO;
}

/* Pages that our own buffered read brings in, the kernel's readahead included. */
static void
mark_cached(struct dbio_transfer *t, struct dbio_range pages, enum dbio_class class)
{
    if (class != DBIO_CLASS_BUFFERED_READ)
        return;
    pages.end += DBIO_KNOWN_READAHEAD;
    dbio__known_mark(&t->file->inode->known, pages);
}

static void
count_read(struct dbio_file *file, enum dbio_route route, enum dbio_reason reason, size_t bytes)
{
    uint32_t thread = dbio__arbitration_thread();

    dbio__stats_request(&file->context->board.place->counters, thread, DBIO_STAT_READS, bytes,
                        route, reason);
    dbio__stats_note(&file->inode->history, thread, route, reason);
}

/* Until all is read, or the end of the file; a count or -errno. What the usual backend does, without
 * a call through a pointer: coming back from the kernel, each return costs a wrong guess. */
static ssize_t
read_through_cache(struct dbio_file *file, char *buffer, size_t length, uint64_t offset)
{
    size_t done = 0;
    int tries = 0;

    while (done < length) {
        ssize_t answer = dbio__sys_pread(file->descriptors->buffered, buffer + done, length - done,
                                         offset + done);

        if (answer == -EINTR || (answer == -EAGAIN && ++tries < DBIO_TRANSFER_TRIES))
            continue;
        if (answer < 0 && done == 0)
            return answer;
        if (answer <= 0)
            break;
        done += (size_t)answer;
        if (done < length)
            dbio__context_count(file->context, DBIO_STAT_CONTINUED, 1);
    }
    return (ssize_t)done;
}

bool
dbio__transfer_read_plain(struct dbio_file *file, void *buffer, size_t length, uint64_t offset,
                          ssize_t *result)
{
    struct dbio_range pages = {offset, offset + length};
    struct dbio_announcement a;

    if (length >= file->plain_below)
        return false;
    pages = dbio__range_widen(pages, file->inode->unit);
    *result = dbio__file_announce(file, DBIO_CLASS_BUFFERED_READ, pages, false, &a);
    if (*result != 0)
        return true;
    *result = read_through_cache(file, buffer, length, offset);
    /* Once, and before it is over: whoever must not come between waits for that; a direct read need
     * not know of clean pages. */
    pages.end += DBIO_KNOWN_READAHEAD;
    dbio__known_mark_again(&file->inode->known, pages);
    dbio__arbitration_end(&a);
    count_read(file, DBIO_ROUTE_BUFFERED, file->wish.reason, *result > 0 ? (size_t)*result : 0);
    return true;
}

int
dbio__transfer_read_settle(struct dbio_transfer *t, struct dbio_settled *settled)
{
    int error = dbio__transfer_settle(t, settled);

    if (error == 0)
        mark_cached(t, settled->pages, settled->choice.class);
    return error;
}

ssize_t
dbio__transfer_read_rest(struct dbio_transfer *t, struct dbio_settled *settled, int begun)
{
    struct dbio_choice *choice = &settled->choice;
    int result = begun == DBIO_TRANSFER_BEGIN ? read_by_route(t, choice->route) : begun;

    if (result == DBIO_TRANSFER_REST) {
        result = dbio__transfer_resettle(t, &settled->announcement);
        if (result != 0)
            goto count;
        choice->class = DBIO_CLASS_BUFFERED_READ;
        result = dbio__transfer_buffered(t, t->length, 0);
    }
    mark_cached(t, settled->pages, choice->class);
    if (choice->class == DBIO_CLASS_DIRECT_READ && t->absent)
        dbio__residency_recheck(t->file, settled->pages);
    dbio__transfer_leave(t, &settled->announcement);
count:
    if (!t->ahead)
        count_read(t->file, choice->route, choice->reason, t->done);
    return t->done > 0 || result >= 0 ? (ssize_t)t->done : result;
}

ssize_t
dbio__transfer_read(struct dbio_transfer *t)
{
    struct dbio_settled settled;
    uint64_t begun;
    ssize_t result;
    int error;

    if (!t->ahead && dbio__readahead_serve(t, NULL) == DBIO_AHEAD_SERVED)
        return (ssize_t)t->done;
    error = dbio__transfer_read_settle(t, &settled);
    if (error != 0)
        return t->done > 0 ? (ssize_t)t->done : error;
    begun = t->timed ? dbio__clock_ns() : 0;
    result = dbio__transfer_read_rest(t, &settled, DBIO_TRANSFER_BEGIN);
    if (t->timed && result > 0)
        dbio__readahead_note_pace(t->file, (size_t)result, dbio__clock_ns() - begun);
    return result;
}
