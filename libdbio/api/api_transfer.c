/*
 * api_transfer.c - the front door of dbio_file.h: reads, writes and appends.
 */
#include "api/arguments.h"
#include "dbio_file.h"
#include "engine/exclusive.h"
#include "engine/transfer.h"

#define VECTOR_MOST 1024 /* UIO_MAXIOV */
#define NOWHERE     4096 /* nothing is ever mapped below (vm.mmap_min_addr) */

/* Checks the buffers and adds up their lengths. */
static int
check_vector(const struct iovec *vector, int count, size_t *length)
{
    size_t total = 0;
    int i;

    if (count < 0 || count > VECTOR_MOST)
        return -EINVAL;
    if ((uintptr_t)vector < NOWHERE && count > 0)
        return -EFAULT;
    for (i = 0; i < count; i++) {
        if (vector[i].iov_len > (size_t)INT64_MAX - total)
            return -EINVAL;
        if (vector[i].iov_base == NULL && vector[i].iov_len > 0)
            return -EFAULT;
        total += vector[i].iov_len;
    }
    *length = total;
    return 0;
}

int
dbio__check_transfer(struct dbio_file *file, const struct iovec *vector, int count, off_t offset,
                     unsigned flags, bool write, struct dbio_transfer *transfer)
{
    unsigned known = DBIO_NOWAIT | DBIO_DONTCACHE | (write ? DBIO_DURABLE | DBIO_ATOMIC : 0);
    size_t length = 0;
    int error = dbio__check_file(file);

    if (error == 0 && !(write ? file->writable : file->readable))
        error = -EBADF;
    if (error == 0 && (flags & ~known) != 0)
        error = -EINVAL;
    if (error == 0 && (flags & DBIO_NOWAIT) != 0 && (flags & (DBIO_DURABLE | DBIO_ATOMIC)) != 0)
        error = -EINVAL;
    if (error == 0 && (flags & DBIO_ATOMIC) != 0 && ((flags & DBIO_DONTCACHE) != 0 || count != 1))
        error = -EINVAL;
    if (error == 0)
        error = check_vector(vector, count, &length);
    if (error == 0)
        error = dbio__check_range(offset, length);
    if (error != 0)
        return error;
    *transfer = (struct dbio_transfer){
        .file = file,
        .cursor = {.vector = vector},
        .offset = (uint64_t)offset,
        .length = length,
        .write = write,
        .durable = write && ((flags & DBIO_DURABLE) != 0 ||
                             file->options.durability == DBIO_DURABILITY_WRITE),
        .atomic = (flags & DBIO_ATOMIC) != 0,
        .nowait = (flags & DBIO_NOWAIT) != 0,
        .dontcache = (flags & DBIO_DONTCACHE) != 0,
    };
    return transfer->durable && transfer->nowait ? -EINVAL : 0;
}

ssize_t
dbio_preadv(struct dbio_file *file, const struct iovec *vector, int count, off_t offset,
            unsigned flags)
{
    struct dbio_transfer transfer;
    int error = dbio__check_transfer(file, vector, count, offset, flags, false, &transfer);

    if (error != 0 || transfer.length == 0)
        return error;
    return dbio__transfer_read(&transfer);
}

/* With the vector on a stack of its own. */
static ssize_t DBIO_APART
read_the_long_way(struct dbio_file *file, void *buffer, size_t length, off_t offset, unsigned flags)
{
    struct iovec vector = {buffer, length};

    return dbio_preadv(file, &vector, 1, offset, flags);
}

ssize_t
dbio_pread(struct dbio_file *file, void *buffer, size_t length, off_t offset, unsigned flags)
{
    ssize_t result;

    /* A short cut for the common case; whatever is unusual goes the long way. */
    if (flags == 0 && length > 0 && buffer != NULL && dbio__check_file(file) == 0 &&
        file->readable && dbio__check_range(offset, length) == 0 &&
        dbio__transfer_read_plain(file, buffer, length, (uint64_t)offset, &result))
        return result;
    return read_the_long_way(file, buffer, length, offset, flags);
}

ssize_t
dbio_pwritev(struct dbio_file *file, const struct iovec *vector, int count, off_t offset,
             unsigned flags)
{
    struct dbio_transfer transfer;
    int error = dbio__check_transfer(file, vector, count, offset, flags, true, &transfer);

    if (error != 0 || transfer.length == 0)
        return error;
    return dbio__transfer_write(&transfer);
}

ssize_t
dbio_pwrite(struct dbio_file *file, const void *buffer, size_t length, off_t offset, unsigned flags)
{
    struct iovec vector = {(void *)(uintptr_t)buffer, length};

    return dbio_pwritev(file, &vector, 1, offset, flags);
}

ssize_t
dbio_append(struct dbio_file *file, const void *buffer, size_t length, unsigned flags,
            off_t *offset)
{
    struct iovec vector = {(void *)(uintptr_t)buffer, length};
    struct dbio_transfer transfer;
    off_t where = 0;
    ssize_t result = dbio__check_transfer(file, &vector, 1, 0, flags, true, &transfer);

    if (result == 0 && (flags & ~DBIO_DURABLE) != 0)
        result = -EINVAL;
    if (result != 0)
        return result;
    if (length == 0)
        where = dbio__file_size(file);
    else
        result = dbio__exclusive_append(file, buffer, length, transfer.durable, &where);
    if (offset != NULL && result >= 0)
        *offset = where;
    return result < 0 || where >= 0 ? result : (ssize_t)where;
}
