/*
 * shim_rw.c - reads and writes at an offset.
 *
 * Job:       carry them out through dbio.
 * Not its:   reads and writes through the file position: shim_cursor.c.
 * Callers:   the program.
 * Lock:      none.
 * Invariant: what dbio is not asked is asked of the next function, unchanged.
 *
 * These are cancellation points (pthreads(7)); dbio's calls are not, so the thread asks before.
 */
#include <limits.h>
#include <pthread.h>
#include <sys/uio.h>

#include "shim/shim_main.h"

#ifndef RWF_ATOMIC
#define RWF_ATOMIC 0x40
#endif
#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x80
#endif

/* Blocks for direct I/O are multiples of this everywhere. */
#define SECTOR 512u

/* The caller is mistaken, and dbio has done nothing. Each kind of file has its own way to say so. */
static bool
is_mistake(ssize_t result)
{
    return result == -EINVAL || result == -EFAULT || result == -EBADF;
}

/* A descriptor that the program opened with O_DIRECT takes whole blocks from aligned memory; programs
 * find out which by trying. */
static bool
is_fit(const struct iovec *vector, int count, off_t offset)
{
    uint64_t bits = (uint64_t)offset;
    int i;

    if ((uintptr_t)vector < SECTOR || count > IOV_MAX)
        return true; /* a mistake of another kind */
    for (i = 0; i < count; i++)
        bits |= (uintptr_t)vector[i].iov_base | vector[i].iov_len;
    return (bits & (SECTOR - 1)) == 0;
}

/* A request that is carried out as it is: its place is the kernel's choice, it has flags that dbio has
 * no word for, or the caller is mistaken and the kernel shall say how. */
#define AS_IT_IS(entry, write, call)                                               \
    do {                                                                           \
        struct dbio_span span;                                                     \
        uintptr_t which = (entry);                                                 \
        bool begun = which != SHIM_UNMANAGED && shim_begin(which, (write), &span); \
        ssize_t moved = (call);                                                    \
                                                                                   \
        if (begun)                                                                 \
            shim_end(which, &span);                                                \
        return moved;                                                              \
    } while (0)

static ssize_t __attribute__((noinline, cold))
read_as_it_is(int fd, void *buffer, size_t length, off_t offset)
{
    AS_IT_IS(shim_entry(fd), false, SHIM_NEXT(pread64)(fd, buffer, length, offset));
}

/* What follows from an answer that is an error, or from a descriptor that has become another's. */
static ssize_t __attribute__((noinline, cold))
read_failed(int fd, void *buffer, size_t length, off_t offset, ssize_t result)
{
    struct iovec vector = {buffer, length};
    uintptr_t entry;

    if (result == -ESTALE) {
        entry = shim_again(fd);
        if (entry == SHIM_UNMANAGED)
            return SHIM_NEXT(pread64)(fd, buffer, length, offset);
        shim_enter();
        result = dbio_preadv(shim_fdmap_file(entry), &vector, 1, offset, 0);
        shim_leave();
    }
    return is_mistake(result) ? read_as_it_is(fd, buffer, length, offset) : shim_answer(result);
}

/* pread of a file of ours. All callers end by jumping here, and dbio_pread becomes part of it:
 * coming back from the kernel, each return costs a wrong guess. */
static ssize_t __attribute__((noinline))
read_ours(int fd, void *buffer, size_t length, off_t offset, uintptr_t entry)
{
    ssize_t result;

    if (__builtin_expect((entry & SHIM_DIRECT) != 0, 0) &&
        ((((uintptr_t)buffer | length | (uint64_t)offset) & (SECTOR - 1)) != 0))
        return read_as_it_is(fd, buffer, length, offset);
    pthread_testcancel();
    shim_enter();
    result = dbio_pread(shim_fdmap_file(entry), buffer, length, offset, 0);
    shim_leave();
    return __builtin_expect(result >= 0, 1) ? result
                                            : read_failed(fd, buffer, length, offset, result);
}

#define WRAP_PREAD(name)                                                         \
    SHIM_EXPORT ssize_t name(int fd, void *buffer, size_t length, off_t offset); \
    ssize_t name(int fd, void *buffer, size_t length, off_t offset)              \
    {                                                                            \
        uintptr_t entry = shim_entry(fd);                                        \
                                                                                 \
        if (entry != SHIM_UNMANAGED)                                             \
            return read_ours(fd, buffer, length, offset, entry);                 \
        return SHIM_NEXT(name)(fd, buffer, length, offset);                      \
    }
WRAP_PREAD(pread)
WRAP_PREAD(pread64)

/* What _FORTIFY_SOURCE makes of pread: a length over the buffer's is a bug, which the next function
 * punishes. */
#define WRAP_PREAD_CHK(name)                                                                  \
    SHIM_EXPORT ssize_t name(int fd, void *buffer, size_t length, off_t offset, size_t room); \
    ssize_t name(int fd, void *buffer, size_t length, off_t offset, size_t room)              \
    {                                                                                         \
        uintptr_t entry = length <= room ? shim_entry(fd) : SHIM_UNMANAGED;                   \
                                                                                              \
        if (entry != SHIM_UNMANAGED)                                                          \
            return read_ours(fd, buffer, length, offset, entry);                              \
        return SHIM_NEXT(name)(fd, buffer, length, offset, room);                             \
    }
WRAP_PREAD_CHK(__pread_chk)
WRAP_PREAD_CHK(__pread64_chk)

/* 0 of a vector that the kernel would refuse without looking at it. */
static size_t
sum_lengths(const struct iovec *vector, int count)
{
    size_t sum = 0;
    int i;

    if ((uintptr_t)vector < SECTOR || count > IOV_MAX)
        return 0;
    for (i = 0; i < count; i++)
        sum += vector[i].iov_len;
    return sum;
}

/* Whole blocks, as far as the length tells; else the file is written in pieces that direct I/O is
 * not for. */
static void
judge_write(int fd, uintptr_t *entry, uint64_t offset, size_t length)
{
    if (__builtin_expect(((offset | length) & (SECTOR - 1)) == 0, 1) ||
        (*entry & SHIM_DEMOTED) != 0)
        return;
    shim_demote(fd, *entry, DBIO_REASON_USED_UNALIGNED);
    *entry |= SHIM_DEMOTED;
}

/* With O_APPEND the kernel writes at the end whatever the offset. (pwrite(2), BUGS) */
#define APPENDS(entry) (((entry)&SHIM_APPEND) != 0)

/* pwritev of a file of ours. False: not for us. */
static bool
write_ours(int fd, uintptr_t entry, const struct iovec *vector, int count, off_t offset,
           unsigned flags, ssize_t *result)
{
    if ((entry & SHIM_DIRECT) != 0 && !is_fit(vector, count, offset))
        return false;
    pthread_testcancel();
    if (count > 0 && vector != NULL)
        judge_write(fd, &entry, (uint64_t)offset, sum_lengths(vector, count));
    shim_enter();
    *result = dbio_pwritev(shim_fdmap_file(entry), vector, count, offset, flags);
    shim_leave();
    if (__builtin_expect(*result >= 0, 1))
        return true;
    if (*result == -ESTALE) {
        entry = shim_again(fd);
        return entry != SHIM_UNMANAGED && !APPENDS(entry) &&
               write_ours(fd, entry, vector, count, offset, flags, result);
    }
    if (is_mistake(*result))
        return false;
    *result = shim_answer(*result);
    return true;
}

#define WRAP_PWRITE(name)                                                              \
    SHIM_EXPORT ssize_t name(int fd, const void *buffer, size_t length, off_t offset); \
    ssize_t name(int fd, const void *buffer, size_t length, off_t offset)              \
    {                                                                                  \
        struct iovec vector = {(void *)(uintptr_t)buffer, length};                     \
        uintptr_t entry = shim_entry(fd);                                              \
        ssize_t result;                                                                \
                                                                                       \
        if (entry == SHIM_UNMANAGED)                                                   \
            return SHIM_NEXT(name)(fd, buffer, length, offset);                        \
        if (APPENDS(entry))                                                            \
            AS_IT_IS(entry, true, SHIM_NEXT(name)(fd, buffer, length, offset));        \
        if (write_ours(fd, entry, &vector, 1, offset, 0, &result))                     \
            return result;                                                             \
        AS_IT_IS(shim_entry(fd), true, SHIM_NEXT(name)(fd, buffer, length, offset));   \
    }
WRAP_PWRITE(pwrite)
WRAP_PWRITE(pwrite64)

static bool
readv_ours(int fd, uintptr_t entry, const struct iovec *vector, int count, off_t offset,
           unsigned flags, ssize_t *result)
{
    if ((entry & SHIM_DIRECT) != 0 && !is_fit(vector, count, offset))
        return false;
    pthread_testcancel();
    shim_enter();
    *result = dbio_preadv(shim_fdmap_file(entry), vector, count, offset, flags);
    shim_leave();
    if (*result == -ESTALE) {
        entry = shim_again(fd);
        return entry != SHIM_UNMANAGED &&
               readv_ours(fd, entry, vector, count, offset, flags, result);
    }
    if (is_mistake(*result))
        return false;
    *result = shim_answer(*result);
    return true;
}

#define WRAP_PREADV(name)                                                                        \
    SHIM_EXPORT ssize_t name(int fd, const struct iovec *vector, int count, off_t offset);       \
    ssize_t name(int fd, const struct iovec *vector, int count, off_t offset)                    \
    {                                                                                            \
        uintptr_t entry = shim_entry(fd);                                                        \
        ssize_t result;                                                                          \
                                                                                                 \
        if (entry != SHIM_UNMANAGED && readv_ours(fd, entry, vector, count, offset, 0, &result)) \
            return result;                                                                       \
        AS_IT_IS(shim_entry(fd), false, SHIM_NEXT(name)(fd, vector, count, offset));             \
    }
WRAP_PREADV(preadv)
WRAP_PREADV(preadv64)

#define WRAP_PWRITEV(name)                                                                 \
    SHIM_EXPORT ssize_t name(int fd, const struct iovec *vector, int count, off_t offset); \
    ssize_t name(int fd, const struct iovec *vector, int count, off_t offset)              \
    {                                                                                      \
        uintptr_t entry = shim_entry(fd);                                                  \
        ssize_t result;                                                                    \
                                                                                           \
        if (entry == SHIM_UNMANAGED)                                                       \
            return SHIM_NEXT(name)(fd, vector, count, offset);                             \
        if (APPENDS(entry))                                                                \
            AS_IT_IS(entry, true, SHIM_NEXT(name)(fd, vector, count, offset));             \
        if (write_ours(fd, entry, vector, count, offset, 0, &result))                      \
            return result;                                                                 \
        AS_IT_IS(shim_entry(fd), true, SHIM_NEXT(name)(fd, vector, count, offset));        \
    }
WRAP_PWRITEV(pwritev)
WRAP_PWRITEV(pwritev64)

/* The flags that dbio has words for; false: one that it has none for. */
static bool
translate(int rwf, unsigned *flags)
{
    *flags = ((rwf & RWF_NOWAIT) != 0 ? DBIO_NOWAIT : 0) |
             ((rwf & RWF_DSYNC) != 0 ? DBIO_DURABLE : 0) |
             ((rwf & RWF_ATOMIC) != 0 ? DBIO_ATOMIC : 0) |
             ((rwf & RWF_DONTCACHE) != 0 ? DBIO_DONTCACHE : 0);
    if ((rwf & RWF_NOWAIT) != 0 && (rwf & (RWF_DSYNC | RWF_ATOMIC)) != 0)
        return false;
    return (rwf & ~(RWF_NOWAIT | RWF_DSYNC | RWF_ATOMIC | RWF_DONTCACHE | RWF_HIPRI)) == 0;
}

/* Offset -1 is the file position: preadv2(2). */
#define WRAP_PREADV2(name)                                                                \
    SHIM_EXPORT ssize_t name(int fd, const struct iovec *vector, int count, off_t offset, \
                             int rwf);                                                    \
    ssize_t name(int fd, const struct iovec *vector, int count, off_t offset, int rwf)    \
    {                                                                                     \
        uintptr_t entry = shim_entry(fd);                                                 \
        unsigned flags;                                                                   \
        ssize_t result;                                                                   \
                                                                                          \
        if (entry == SHIM_UNMANAGED)                                                      \
            return SHIM_NEXT(name)(fd, vector, count, offset, rwf);                       \
        if (offset == -1 || !translate(rwf, &flags))                                      \
            AS_IT_IS(entry, false, SHIM_NEXT(name)(fd, vector, count, offset, rwf));      \
        if (readv_ours(fd, entry, vector, count, offset, flags, &result))                 \
            return result;                                                                \
        AS_IT_IS(shim_entry(fd), false, SHIM_NEXT(name)(fd, vector, count, offset, rwf)); \
    }
WRAP_PREADV2(preadv2)
WRAP_PREADV2(preadv64v2)

#define WRAP_PWRITEV2(name)                                                               \
    SHIM_EXPORT ssize_t name(int fd, const struct iovec *vector, int count, off_t offset, \
                             int rwf);                                                    \
    ssize_t name(int fd, const struct iovec *vector, int count, off_t offset, int rwf)    \
    {                                                                                     \
        uintptr_t entry = shim_entry(fd);                                                 \
        unsigned flags;                                                                   \
        ssize_t result;                                                                   \
                                                                                          \
        if (entry == SHIM_UNMANAGED)                                                      \
            return SHIM_NEXT(name)(fd, vector, count, offset, rwf);                       \
        if (offset == -1 || APPENDS(entry) || !translate(rwf, &flags))                    \
            AS_IT_IS(entry, true, SHIM_NEXT(name)(fd, vector, count, offset, rwf));       \
        if (write_ours(fd, entry, vector, count, offset, flags, &result))                 \
            return result;                                                                \
        AS_IT_IS(shim_entry(fd), true, SHIM_NEXT(name)(fd, vector, count, offset, rwf));  \
    }
WRAP_PWRITEV2(pwritev2)
WRAP_PWRITEV2(pwritev64v2)
