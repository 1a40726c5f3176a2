/*
 * exclusive.c - operations that are alone in their range.
 *
 * Job:       hold everyone off, resize or write, let them in again.
 * Not its:   mappings: engine/mapping.c.
 * Callers:   api/api_file.c, engine/mapping.c.
 * Lock:      none; the exclusive announcement is the lock.
 * Invariant: the file's size below an announced tail does not change through dbio.
 */
#include "engine/exclusive.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>

#include "engine/arbitration.h"
#include "engine/transfer.h"
#include "os/sys.h"

void
dbio__exclusive_begin(struct dbio_file *file, struct dbio_range range, struct dbio_announcement *a)
{
    dbio__context_count(file->context, DBIO_STAT_EXCLUSIVE, 1);
    dbio_verify(dbio__file_announce(file, DBIO_CLASS_EXCLUSIVE,
                                    dbio__range_widen(range, file->inode->unit), false, a) == 0);
}

/* Takes everything from the smaller of `limit` and the file's size to infinity. The size may
 * shrink while we wait; then the tail begins too late, and we try again. */
static int
begin_tail(struct dbio_file *file, uint64_t limit, struct dbio_announcement *a, uint64_t *size)
{
    off_t now = dbio__file_size(file);

    while (now >= 0) {
        uint64_t begin = (uint64_t)now < limit ? (uint64_t)now : limit;
        struct dbio_range tail = {dbio__round_down(begin, file->inode->unit), DBIO_RANGE_END};

        dbio__exclusive_begin(file, tail, a);
        now = dbio__file_size(file);
        if (now >= 0 && (uint64_t)now >= tail.begin) {
            *size = (uint64_t)now;
            return 0;
        }
        dbio__arbitration_end(a);
    }
    return (int)now; /* fstat failed */
}

int
dbio__exclusive_truncate(struct dbio_file *file, uint64_t size)
{
    struct dbio_announcement a;
    uint64_t old_size;
    int error = begin_tail(file, size, &a, &old_size);

    if (error != 0)
        return error;
    do
        error = dbio__sys_ftruncate(file->descriptors->buffered, size);
    while (error == -EINTR);
    /* The kernel zeroes the rest of the last page, the new one or the old, in the cache. */
    if (size > 0)
        dbio__known_mark(&file->inode->known, (struct dbio_range){size - 1, size});
    if (old_size > 0)
        dbio__known_mark(&file->inode->known, (struct dbio_range){old_size - 1, old_size});
    dbio__arbitration_end(&a);
    return error;
}

int
dbio__exclusive_allocate(struct dbio_file *file, int how, struct dbio_range range)
{
    struct dbio_range alone = range;
    struct dbio_announcement a;
    int error;

    if ((how & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0)
        alone.end = DBIO_RANGE_END; /* everything behind it moves */
    dbio__exclusive_begin(file, alone, &a);
    do
        error = dbio__sys_fallocate(file->descriptors->buffered, how, range.begin,
                                    range.end - range.begin);
    while (error == -EINTR);
    /* Partial pages at the ends of a hole are zeroed in the cache. */
    dbio__known_mark(&file->inode->known, (struct dbio_range){range.begin, range.begin + 1});
    dbio__known_mark(&file->inode->known, (struct dbio_range){range.end - 1, range.end});
    if (alone.end != range.end)
        dbio__known_mark(&file->inode->known, alone);
    dbio__arbitration_end(&a);
    return error;
}

ssize_t
dbio__exclusive_append(struct dbio_file *file, const void *buffer, size_t length, bool durable,
                       off_t *offset)
{
    struct iovec vector = {(void *)(uintptr_t)buffer, length};
    struct dbio_transfer transfer = {.file = file,
                                     .cursor = {.vector = &vector},
                                     .length = length,
                                     .write = true,
                                     .durable = durable,
                                     .held = true};
    struct dbio_announcement a;
    uint64_t size;
    ssize_t result = begin_tail(file, UINT64_MAX, &a, &size);

    if (result != 0)
        return result;
    if (length > (uint64_t)INT64_MAX - size) {
        result = -EFBIG;
    } else {
        transfer.offset = size;
        result = dbio__transfer_write(&transfer);
    }
    dbio__arbitration_end(&a);
    *offset = (off_t)size;
    return result;
}
