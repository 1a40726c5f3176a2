/*
 * shim_async.c - requests that are submitted to the kernel in batches: libaio and liburing.
 *
 * Job:       let them through, and say so; keep what goes through dbio apart from them.
 * Not its:   their completions, which programs take from memory that they share with the kernel.
 * Callers:   the program.
 * Lock:      none.
 * Invariant: a descriptor on which such requests were seen is never served from the page cache by
 *            us while the program uses it direct.
 *
 * A file that the program opened with O_DIRECT is left to it from the first such request on: a read
 * of ours that found a page in the cache would not know of a write that is under way. One that it
 * opened without goes through the page cache, as its own requests do.
 */
#include <liburing.h>
#include <linux/aio_abi.h>

#include "shim/shim_main.h"

/* One request on `fd` is about to be submitted. */
static void
see(int fd)
{
    uintptr_t entry = shim_entry(fd);

    if (entry == SHIM_UNMANAGED)
        return;
    shim_count_untracked(1);
    if ((entry & SHIM_DIRECT) != 0)
        shim_disown(fd);
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

/* Those that have been prepared since the last submission. (io_uring(7)) */
static void
see_prepared(const struct io_uring *ring)
{
    const struct io_uring_sq *queue = &ring->sq;
    unsigned shift = (ring->flags & IORING_SETUP_SQE128) != 0 ? 1 : 0, at;
    int kept = shim_keep_errno();

    if (!shim_is_live())
        return;
    for (at = queue->sqe_head; at != queue->sqe_tail; at++) {
        const struct io_uring_sqe *entry = &queue->sqes[(at & *queue->kring_mask) << shift];
        bool moves = entry->opcode == IORING_OP_READV || entry->opcode == IORING_OP_WRITEV ||
                     entry->opcode == IORING_OP_READ || entry->opcode == IORING_OP_WRITE ||
                     entry->opcode == IORING_OP_READ_FIXED ||
                     entry->opcode == IORING_OP_WRITE_FIXED;

        if (moves && (entry->flags & IOSQE_FIXED_FILE) == 0)
            see(entry->fd);
        else if (moves)
            shim_count_untracked(1); /* a number of a table that we do not see */
    }
    shim_put_errno(kept);
}

SHIM_EXPORT int
io_uring_submit(struct io_uring *ring)
{
    see_prepared(ring);
    return SHIM_NEXT(io_uring_submit)(ring);
}

SHIM_EXPORT int
io_uring_submit_and_wait(struct io_uring *ring, unsigned wait_nr)
{
    see_prepared(ring);
    return SHIM_NEXT(io_uring_submit_and_wait)(ring, wait_nr);
}
