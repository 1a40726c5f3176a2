/* arguments.h - the checks that every public call makes before anything happens. */
#ifndef API_ARGUMENTS_H
#define API_ARGUMENTS_H

#include <errno.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/context.h"
#include "engine/file.h"
#include "engine/transfer.h"

static inline int
dbio__check_context(const struct dbio_context *context)
{
    if (context == NULL)
        return -EINVAL;
    return dbio__context_alive(context) ? 0 : -EBADF;
}

static inline int
dbio__check_file(const struct dbio_file *file)
{
    if (file == NULL)
        return -EINVAL;
    return dbio__file_alive(file) ? 0 : -EBADF;
}

/* Bytes [offset, offset + length) exist in some file. */
static inline int
dbio__check_range(off_t offset, uint64_t length)
{
    return offset < 0 || length > (uint64_t)INT64_MAX - (uint64_t)offset ? -EINVAL : 0;
}

/* Fills in a transfer, after every check. 0 with a length of 0: nothing to do. */
int dbio__check_transfer(struct dbio_file *file, const struct iovec *vector, int count,
                         off_t offset, unsigned flags, bool write, struct dbio_transfer *transfer);

/* The same for arguments of type off_t, where a length of 0 means "to the end". */
static inline int
dbio__check_span(off_t offset, off_t length, struct dbio_range *range)
{
    if (offset < 0 || length < 0 || length > INT64_MAX - offset)
        return -EINVAL;
    range->begin = (uint64_t)offset;
    range->end = length == 0 ? DBIO_RANGE_END : (uint64_t)(offset + length);
    return 0;
}

#endif
