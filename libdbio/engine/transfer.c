/*
 * transfer.c - what reading and writing share.
 *
 * Job:       collect facts, ask the route, announce, look, ask again; loops that move bytes.
 * Not its:   the order of steps of a read or a write.
 * Callers:   engine/transfer_read.c, transfer_write.c.
 * Lock:      none; a request holds its announcement.
 * Invariant: bytes move only between settle and leave, on a descriptor that fits the class
 *            announced.
 */
#include "engine/transfer.h"

#include <errno.h>

#include "engine/residency.h"
#include "os/clock.h"
#include "os/sys.h"

struct dbio_range
dbio__transfer_pages(const struct dbio_transfer *t)
{
    struct dbio_range range = {t->offset, t->offset + t->length};

    return dbio__range_widen(range, t->file->inode->unit);
}

/* The facts that depend on the inode's state now. Asked again once announced: a mapping or a
 * demotion may have come between. */
static void
collect_standing(const struct dbio_transfer *t, struct dbio_request_facts *facts)
{
    bool wants;

    facts->standing = dbio__file_standing(t->file);
    wants = facts->standing.direct || (facts->standing.large_direct && facts->large);
    if (wants && dbio__file_direct(t->file) == DBIO_FD_NONE) {
        facts->standing.direct = facts->standing.large_direct = false;
        facts->standing.reason = DBIO_REASON_NO_DESCRIPTOR;
    }
}

static void
collect_shape(const struct dbio_transfer *t, struct dbio_request_facts *facts)
{
    const struct dbio_facts *inode = &t->file->inode->facts;
    uint64_t end = t->offset + t->length, unit = inode->offset_align, first, last;

    if (!facts->standing.direct && !(facts->standing.large_direct && facts->large))
        return;
    facts->range_aligned = dbio__is_aligned(t->offset | t->length, unit);
    facts->memory_aligned =
        dbio__vector_aligned(&t->cursor, t->length, inode->memory_align, inode->offset_align);
    first = dbio__round_up(t->offset, unit);
    last = dbio__round_down(end, unit);
    facts->middle = last > first ? last - first : 0;
}

static int
announce(struct dbio_transfer *t, enum dbio_class class, struct dbio_range pages,
         struct dbio_announcement *a)
{
    if (t->held)
        return 0;
    if (t->announcer != NULL)
        return dbio__file_try_announce(t->file, t->announcer, class, pages, a);
    return dbio__file_announce(t->file, class, pages, t->nowait, a);
}

void
dbio__transfer_leave(struct dbio_transfer *t, const struct dbio_announcement *a)
{
    if (t->held)
        return;
    if (t->announcer != NULL)
        dbio__arbitration_end_as(t->announcer, a);
    else
        dbio__arbitration_end(a);
}

/* Announced: look at what the cache holds, and choose for good. */
static int
look_and_choose(struct dbio_transfer *t, struct dbio_request_facts *facts,
                struct dbio_settled *settled)
{
    enum dbio_class announced = settled->choice.class;

    collect_standing(t, facts);
    /* A timer tick more or less of trust costs nothing; a precise clock costs 20 ns. */
    facts->residency =
        dbio__residency_look(t->file, settled->pages,
                             t->announcer != NULL ? t->announcer->now_ns : dbio__clock_coarse_ns());
    t->absent =
        facts->residency == DBIO_RESIDENCY_ABSENT || facts->residency == DBIO_RESIDENCY_KNOWN_EMPTY;
    settled->choice = dbio__route(facts);
    if (settled->choice.class == announced)
        return 0;
    dbio__transfer_leave(t, &settled->announcement);
    return announce(t, settled->choice.class, settled->pages, &settled->announcement);
}

/* A write that must wait for writeback cannot be had without waiting. */
static bool
must_wait(const struct dbio_choice *choice)
{
    return choice->route == DBIO_ROUTE_BUFFERED_FLUSH || choice->route == DBIO_ROUTE_DIRECT_EDGES;
}

int
dbio__transfer_settle(struct dbio_transfer *t, struct dbio_settled *settled)
{
    const struct dbio_file *file = t->file;
    struct dbio_choice *choice = &settled->choice;
    struct dbio_announcement *a = &settled->announcement;
    struct dbio_request_facts facts = {
        .write = t->write,
        .atomic = t->atomic,
        .dontcache = t->dontcache || file->options.mode == DBIO_MODE_DONTCACHE,
        .dontcache_here = !atomic_load_explicit(&file->inode->no_dontcache, memory_order_relaxed),
        .large = t->length >= file->context->settings.large_request_bytes,
    };
    int error;

    collect_standing(t, &facts);
    /* The twin of a descriptor that was lent must not take a request for another file. */
    if ((facts.standing.direct || (facts.standing.large_direct && facts.large) ||
         file->descriptors->buffered != file->descriptors->lent) &&
        !dbio__file_is_true(file))
        return -ESTALE;
    collect_shape(t, &facts);
    *choice = dbio__route(&facts);
    settled->pages = dbio__transfer_pages(t);
    if (t->nowait && must_wait(choice))
        return -EAGAIN;
    error = announce(t, choice->class, settled->pages, a);
    if (error == 0 && choice->look)
        error = look_and_choose(t, &facts, settled);
    if (error != 0)
        return error;
    if (t->nowait && must_wait(choice))
        error = -EAGAIN;
    /* Mapped, demoted or without a descriptor since the caller looked. */
    if (t->atomic && (dbio__inode_ability(file->inode) != DBIO_REASON_NONE ||
                      dbio__file_direct(t->file) == DBIO_FD_NONE))
        error = -EOPNOTSUPP;
    if (error != 0)
        dbio__transfer_leave(t, a);
    return error;
}

int
dbio__transfer_resettle(struct dbio_transfer *t, struct dbio_announcement *a)
{
    dbio__transfer_leave(t, a);
    dbio__context_count(t->file->context, DBIO_STAT_RETRIED_BUFFERED, 1);
    return announce(t, t->write ? DBIO_CLASS_BUFFERED_WRITE : DBIO_CLASS_BUFFERED_READ,
                    dbio__transfer_pages(t), a);
}

ssize_t
dbio__transfer_call(struct dbio_transfer *t, int fd, const struct iovec *vector, int count,
                    uint64_t offset, int rwf)
{
    const struct dbio_descriptors *descriptors = t->file->descriptors;
    bool flush = t->durable && !(descriptors->durable && fd == descriptors->lent);
    struct dbio_io io = {.fd = fd,
                         .write = t->write,
                         .rwf =
                             rwf | (flush ? DBIO_RWF_DSYNC : 0) | (t->nowait ? DBIO_RWF_NOWAIT : 0),
                         .count = count,
                         .vector = vector,
                         .offset = offset};
    ssize_t answer;
    int tries = 0;

    do
        answer = t->file->context->backend->transfer(&io);
    while (answer == -EINTR || (answer == -EAGAIN && !t->nowait && ++tries < DBIO_TRANSFER_TRIES));
    /* A file system that cannot promise not to wait: as good as "would have to wait". */
    return t->nowait && answer == -EOPNOTSUPP && rwf == 0 ? -EAGAIN : answer;
}

void
dbio__transfer_moved(struct dbio_transfer *t, size_t bytes)
{
    dbio__vector_advance(&t->cursor, bytes);
    t->offset += bytes;
    t->length -= bytes;
    t->done += bytes;
}

/* One window of at most `bytes` on `fd`; what the kernel answered. *asked: its size. */
static ssize_t
move_window(struct dbio_transfer *t, int fd, size_t bytes, int rwf, size_t *asked)
{
    struct iovec window[DBIO_VECTOR_WINDOW];
    int count = dbio__vector_window(&t->cursor, bytes, window, asked);
    ssize_t answer = dbio__transfer_call(t, fd, window, count, t->offset, rwf);

    if (answer > 0) {
        if ((size_t)answer < *asked)
            dbio__context_count(t->file->context, DBIO_STAT_CONTINUED, 1);
        dbio__transfer_moved(t, (size_t)answer);
    }
    return answer;
}

int
dbio__transfer_buffered(struct dbio_transfer *t, size_t bytes, int rwf)
{
    size_t target = t->done + bytes, asked;

    while (t->done < target) {
        ssize_t answer =
            move_window(t, t->file->descriptors->buffered, target - t->done, rwf, &asked);

        if (answer < 0)
            return (int)answer;
        if (answer == 0)
            return DBIO_TRANSFER_OVER;
    }
    return DBIO_TRANSFER_OVER;
}

int
dbio__transfer_dontcache(struct dbio_transfer *t, int rwf)
{
    int result = dbio__transfer_buffered(t, t->length, rwf | DBIO_RWF_DONTCACHE);

    if (result != -EOPNOTSUPP && result != -EINVAL && result != -ENOSYS && result != -EPERM)
        return result;
    if (t->nowait) /* it may be RWF_NOWAIT that is refused */
        return -EAGAIN;
    /* Kernels before 6.14, and file systems without it, refuse the flag before any byte; a
     * seccomp filter refuses the call. */
    atomic_store_explicit(&t->file->inode->no_dontcache, true, memory_order_relaxed);
    return dbio__transfer_buffered(t, t->length, rwf);
}

int
dbio__transfer_judge(struct dbio_transfer *t, ssize_t answer)
{
    if (answer == -EAGAIN && !t->nowait)
        return DBIO_TRANSFER_REST;
    if (answer != -EINVAL && answer != -EOPNOTSUPP)
        return (int)answer;
    /* Aligned as the file system wants it and still refused: it means direct I/O as such. */
    if (dbio__inode_demote(t->file->inode, DBIO_REASON_DIRECT_REFUSED))
        dbio__context_count(t->file->context, DBIO_STAT_DEMOTIONS, 1);
    return DBIO_TRANSFER_REST;
}

int
dbio__transfer_short(const struct dbio_transfer *t)
{
    /* A failed fstat is a negative size: then the read ends here. */
    return t->write || dbio__file_size(t->file) > (off_t)t->offset ? DBIO_TRANSFER_REST
                                                                   : DBIO_TRANSFER_OVER;
}

bool
dbio__transfer_clip(const struct dbio_transfer *t, ssize_t answer, uint64_t *end)
{
    uint64_t last;
    off_t size;

    if (t->write || answer != -EIO)
        return false;
    size = dbio__file_size(t->file);
    last = size < 0 ? UINT64_MAX : dbio__round_up((uint64_t)size, t->file->inode->unit);
    if (*end <= last || t->offset >= last)
        return false;
    *end = last;
    return true;
}

int
dbio__transfer_direct(struct dbio_transfer *t, size_t bytes, int rwf)
{
    uint32_t unit = t->file->inode->facts.offset_align;
    size_t target = t->done + bytes, asked;

    while (t->done < target) {
        ssize_t answer = move_window(t, dbio__file_direct(t->file), target - t->done, rwf, &asked);
        uint64_t end = t->offset + (target - t->done);

        if (dbio__transfer_clip(t, answer, &end)) {
            target = t->done + (size_t)(end - t->offset);
            continue;
        }
        if (answer < 0)
            return dbio__transfer_judge(t, answer);
        dbio__context_count(t->file->context, DBIO_STAT_DIRECT_BYTES, (uint64_t)answer);
        if (answer == 0)
            return DBIO_TRANSFER_OVER;
        if (!dbio__is_aligned((uint64_t)answer, unit))
            return dbio__transfer_short(t);
    }
    return DBIO_TRANSFER_OVER;
}
