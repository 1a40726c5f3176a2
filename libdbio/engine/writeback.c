/*
 * writeback.c - pushing dirty pages out.
 *
 * Job:       one sync_file_range that starts writeback and waits for it.
 * Not its:   durability: neither metadata nor the device cache is touched.
 * Callers:   engine/transfer_write.c, api/api_file.c.
 * Lock:      none.
 * Invariant: an error seen here is latched before it is returned.
 */
#include "engine/writeback.h"

#include <errno.h>
#include <fcntl.h>

#include "engine/durability.h"
#include "os/sys.h"

int
dbio__writeback_range(struct dbio_file *file, struct dbio_range range)
{
    /* Length 0 means "to the end of the file" to the kernel too, which refuses an end that is not
     * a file offset: such as that of a last page, rounded up. */
    uint64_t length = range.end > INT64_MAX ? 0 : range.end - range.begin;
    int error;

    do
        error = dbio__sys_sync_file_range(file->descriptors->buffered, range.begin, length,
                                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                              SYNC_FILE_RANGE_WAIT_AFTER);
    while (error == -EINTR);
    if (error == -ENOSYS || error == -EPERM) /* a seccomp filter; more than was asked for will do */
        do
            error = dbio__sys_fdatasync(file->descriptors->buffered);
        while (error == -EINTR);
    dbio__durability_latch_flush(file, error);
    return error;
}
