/*
 * shim_async.c - requests that somebody else carries out: libaio, POSIX AIO, liburing.
 *
 * Job:       hand those of liburing to threads that carry them out through dbio (shim_crew.c);
 *            let the others through, and say so.
 * Not its:   how programs take completions: from memory that they share with the kernel. Ours get
 *            there as messages to their ring.
 * Callers:   the program.
 * Lock:      none.
 * Invariant: a descriptor on which requests went past dbio is never served from the page cache by
 *            us while the program uses it direct.
 *
 * A file that the program opened with O_DIRECT is left to it from the first such request on: a read
 * of ours that found a page in the cache would not know of a write that is under way. One that it
 * opened without goes through the page cache, as its own requests do.
 */
#include <aio.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <string.h>

#include "shim/shim_crew.h"
#include "shim/shim_main.h"

/* One request on `fd` is about to be submitted. */
static void
see(int fd)
{
    uintptr_t entry = shim_entry(fd);

    if (entry != SHIM_UNMANAGED || shim_fdmap_get(fd) == SHIM_LEFT)
        shim_count_untracked(1);
    if (entry == SHIM_UNMANAGED)
        return;
    if ((entry & SHIM_DIRECT) != 0)
        shim_disown(fd, SHIM_LEFT);
    else
        shim_demote(fd, entry, DBIO_REASON_USED_UNTRACKED);
}

SHIM_EXPORT int io_submit(void *queue, long count, struct iocb **requests);

int
io_submit(void *queue, long count, struct iocb **requests)
{
    int kept = shim_keep_errno();
    long i;

    for (i = 0; i < count && shim_is_live(); i++)
        if (requests[i]->aio_lio_opcode <= IOCB_CMD_PWRITE ||
            requests[i]->aio_lio_opcode == IOCB_CMD_PREADV ||
            requests[i]->aio_lio_opcode == IOCB_CMD_PWRITEV)
            see((int)requests[i]->aio_fildes);
    shim_put_errno(kept);
    return SHIM_NEXT(io_submit)(queue, count, requests);
}

/* POSIX AIO: threads of libc carry it out by calls that nobody sees. */
#define WRAP_AIO(name, type)                   \
    SHIM_EXPORT int name(struct type *request) \
    {                                          \
        see(request->aio_fildes);              \
        return SHIM_NEXT(name)(request);       \
    }
WRAP_AIO(aio_read, aiocb)
WRAP_AIO(aio_read64, aiocb64)
WRAP_AIO(aio_write, aiocb)
WRAP_AIO(aio_write64, aiocb64)

#define WRAP_LISTIO(name, type)                                                                  \
    SHIM_EXPORT int name(int mode, struct type *const list[], int count, struct sigevent *event) \
    {                                                                                            \
        int i;                                                                                   \
                                                                                                 \
        for (i = 0; i < count; i++)                                                              \
            if (list[i] != NULL && list[i]->aio_lio_opcode != LIO_NOP)                           \
                see(list[i]->aio_fildes);                                                        \
        return SHIM_NEXT(name)(mode, list, count, event);                                        \
    }
WRAP_LISTIO(lio_listio, aiocb)
WRAP_LISTIO(lio_listio64, aiocb64)

/* Setups in which the kernel takes requests by itself, or completes them by polling the device. */
#define SETUP_OTHER (IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL)
#define LINKED      (IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_IO_DRAIN)

static bool
moves_bytes(const struct io_uring_sqe *entry)
{
    switch (entry->opcode) {
    case IORING_OP_READV:
    case IORING_OP_WRITEV:
    case IORING_OP_READ:
    case IORING_OP_WRITE:
    case IORING_OP_READ_FIXED:
    case IORING_OP_WRITE_FIXED:
        return true;
    default:
        return false;
    }
}

/* The same request in our words; false: it has something that dbio has no word for. */
static bool
describe(const struct io_uring *ring, const struct io_uring_sqe *entry, struct shim_job *job)
{
    bool vector = entry->opcode == IORING_OP_READV || entry->opcode == IORING_OP_WRITEV;
    const struct iovec *given = (const struct iovec *)(uintptr_t)entry->addr;

    job->write = entry->opcode == IORING_OP_WRITEV || entry->opcode == IORING_OP_WRITE;
    job->count = vector ? (int)entry->len : 1;
    if ((!vector && entry->opcode != IORING_OP_READ && entry->opcode != IORING_OP_WRITE) ||
        (entry->flags & ~IOSQE_ASYNC) != 0 || entry->ioprio != 0 || entry->personality != 0 ||
        (vector && entry->len > SHIM_JOB_VECTORS) || entry->off > INT64_MAX ||
        (entry->rw_flags & ~RWF_DSYNC) != 0)
        return false;
    job->flags = (entry->rw_flags & RWF_DSYNC) != 0 ? DBIO_DURABLE : 0;
    job->offset = (off_t)entry->off;
    job->ring_fd = ring->ring_fd;
    job->user_data = entry->user_data;
    /* An array of buffers need be valid until the submission only; so it is copied. */
    if (vector)
        memcpy(job->vectors, given, entry->len * sizeof(*given));
    else
        job->vectors[0] = (struct iovec){(void *)(uintptr_t)entry->addr, entry->len};
    return true;
}

/* Takes the request to the crew, and leaves one in its place that does nothing and says nothing. */
static bool
take_over(const struct io_uring *ring, struct io_uring_sqe *entry)
{
    uintptr_t known = shim_entry(entry->fd);
    struct shim_job job;

    if (known == SHIM_UNMANAGED)
        return true; /* none of ours: as it is */
    if ((known & SHIM_APPEND) != 0 || !describe(ring, entry, &job))
        return false;
    job.file = shim_fdmap_file(known);
    if (!shim_crew_take(&job))
        return false;
    memset(entry, 0, sizeof(*entry));
    entry->opcode = IORING_OP_NOP;
    entry->fd = -1;
    entry->flags = IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = job.user_data;
    return true;
}

/* Requests that depend on each other stay together. */
static bool
may_take(const struct io_uring *ring)
{
    const struct io_uring_sq *queue = &ring->sq;
    unsigned at;

    if ((ring->flags & (SETUP_OTHER | IORING_SETUP_SQE128)) != 0 ||
        (ring->features & IORING_FEAT_CQE_SKIP) == 0 || !shim_crew_is_able())
        return false;
    for (at = queue->sqe_head; at != queue->sqe_tail; at++)
        if ((queue->sqes[at & *queue->kring_mask].flags & LINKED) != 0)
            return false;
    return true;
}

/* Those that have been prepared since the last submission. (io_uring(7)) */
static void
look_through(struct io_uring *ring)
{
    struct io_uring_sq *queue = &ring->sq;
    unsigned shift = (ring->flags & IORING_SETUP_SQE128) != 0 ? 1 : 0, at;
    int kept = shim_keep_errno();
    bool take;

    if (!shim_is_live())
        return;
    take = queue->sqe_head != queue->sqe_tail && may_take(ring);
    for (at = queue->sqe_head; at != queue->sqe_tail; at++) {
        struct io_uring_sqe *entry = &queue->sqes[(at & *queue->kring_mask) << shift];

        if (!moves_bytes(entry))
            continue;
        if ((entry->flags & IOSQE_FIXED_FILE) != 0)
            shim_count_untracked(1); /* a number of a table that we do not see */
        else if (!take || !take_over(ring, entry))
            see(entry->fd);
    }
    shim_put_errno(kept);
}

SHIM_EXPORT int
io_uring_submit(struct io_uring *ring)
{
    look_through(ring);
    return SHIM_NEXT(io_uring_submit)(ring);
}

SHIM_EXPORT int
io_uring_submit_and_wait(struct io_uring *ring, unsigned wait_nr)
{
    look_through(ring);
    return SHIM_NEXT(io_uring_submit_and_wait)(ring, wait_nr);
}

SHIM_EXPORT void
io_uring_queue_exit(struct io_uring *ring)
{
    shim_crew_wait(NULL, ring->ring_fd);
    SHIM_NEXT(io_uring_queue_exit)(ring);
}
