/*
 * backend_sync.c - the transfer at once, in the caller's thread.
 *
 * Job:       one pread, pwrite, preadv2 or pwritev2.
 * Not its:   short counts and refusals: engine/transfer.c.
 * Callers:   engine/transfer.c, through the context's backend.
 * Lock:      none.
 * Invariant: exactly one system call per transfer.
 */
#include "backend/backend.h"

#include "os/sys.h"

static ssize_t
transfer_sync(const struct dbio_io *io)
{
    const struct iovec *first = io->vector;

    /* The plain calls where they do: every kernel and every file system has them. */
    if (io->count == 1 && io->rwf == 0)
        return io->write ? dbio__sys_pwrite(io->fd, first->iov_base, first->iov_len, io->offset)
                         : dbio__sys_pread(io->fd, first->iov_base, first->iov_len, io->offset);
    return io->write ? dbio__sys_pwritev2(io->fd, first, io->count, io->offset, io->rwf)
                     : dbio__sys_preadv2(io->fd, first, io->count, io->offset, io->rwf);
}

const struct dbio_backend dbio__backend_sync = {.name = "sync", .transfer = transfer_sync};
