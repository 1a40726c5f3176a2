/*
 * shim_sync.c - sync, resize, advice, mappings.
 *
 * Job:       syncs through dbio, which remembers failures; resizing alone on the file; a mapping
 *            sends the file through the page cache, in every process.
 * Not its:   sync_file_range, syncfs, sync, msync: they need nothing of us.
 * Callers:   the program.
 * Lock:      none.
 * Invariant: every fsync and fdatasync reaches the kernel.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim/shim_main.h"

SHIM_EXPORT int fsync(int fd);
SHIM_EXPORT int fdatasync(int fd);

int
fsync(int fd)
{
    uintptr_t entry = shim_known(fd);
    int error;

    if (entry == SHIM_UNMANAGED)
        return SHIM_NEXT(fsync)(fd);
    pthread_testcancel();
    shim_enter();
    error = dbio_fsync(shim_fdmap_file(entry));
    shim_leave();
    return (int)shim_answer(error);
}

int
fdatasync(int fd)
{
    uintptr_t entry = shim_known(fd);
    int error;

    if (entry == SHIM_UNMANAGED)
        return SHIM_NEXT(fdatasync)(fd);
    pthread_testcancel();
    shim_enter();
    error = dbio_fdatasync(shim_fdmap_file(entry));
    shim_leave();
    return (int)shim_answer(error);
}

/* Alone in [offset, offset + length), a length of 0 meaning to infinity. */
#define ALONE(fd, offset, length, call)                                                           \
    do {                                                                                          \
        uintptr_t entry = shim_entry(fd);                                                         \
        struct dbio_span span;                                                                    \
        int result, begun;                                                                        \
                                                                                                  \
        if (entry == SHIM_UNMANAGED)                                                              \
            return (call);                                                                        \
        pthread_testcancel();                                                                     \
        shim_enter();                                                                             \
        begun = dbio_span_begin(shim_fdmap_file(entry), DBIO_CLASS_EXCLUSIVE, (offset), (length), \
                                0, &span);                                                        \
        if (begun != 0) {                                                                         \
            shim_leave();                                                                         \
            return (call); /* arguments that the kernel refuses too */                            \
        }                                                                                         \
        result = (call);                                                                          \
        shim_end(entry, &span);                                                                   \
        return result;                                                                            \
    } while (0)

#define WRAP_FTRUNCATE(name)                        \
    SHIM_EXPORT int name(int fd, off_t size);       \
    int name(int fd, off_t size)                    \
    {                                               \
        ALONE(fd, 0, 0, SHIM_NEXT(name)(fd, size)); \
    }
WRAP_FTRUNCATE(ftruncate)
WRAP_FTRUNCATE(ftruncate64)

/* What moves the rest of the file needs all of it. */
#define FALLOCATE_MOVES (0x08 | 0x20) /* collapse, insert: linux/falloc.h */

#define WRAP_FALLOCATE(name)                                           \
    SHIM_EXPORT int name(int fd, int how, off_t offset, off_t length); \
    int name(int fd, int how, off_t offset, off_t length)              \
    {                                                                  \
        ALONE(fd, offset, (how & FALLOCATE_MOVES) != 0 ? 0 : length,   \
              SHIM_NEXT(name)(fd, how, offset, length));               \
    }
WRAP_FALLOCATE(fallocate)
WRAP_FALLOCATE(fallocate64)

#define WRAP_POSIX_FALLOCATE(name)                                      \
    SHIM_EXPORT int name(int fd, off_t offset, off_t length);           \
    int name(int fd, off_t offset, off_t length)                        \
    {                                                                   \
        ALONE(fd, offset, length, SHIM_NEXT(name)(fd, offset, length)); \
    }
WRAP_POSIX_FALLOCATE(posix_fallocate)
WRAP_POSIX_FALLOCATE(posix_fallocate64)

/* posix_fadvise(2) returns the error and leaves errno alone. */
#define WRAP_FADVISE(name)                                                              \
    SHIM_EXPORT int name(int fd, off_t offset, off_t length, int advice);               \
    int name(int fd, off_t offset, off_t length, int advice)                            \
    {                                                                                   \
        uintptr_t entry = shim_entry(fd);                                               \
        int error;                                                                      \
                                                                                        \
        if (entry == SHIM_UNMANAGED)                                                    \
            return SHIM_NEXT(name)(fd, offset, length, advice);                         \
        shim_enter();                                                                   \
        error = dbio_advise(shim_fdmap_file(entry), offset, length, advice);            \
        shim_leave();                                                                   \
        /* The kernel knows arguments that dbio has no use for. */                      \
        return error == -EINVAL ? SHIM_NEXT(name)(fd, offset, length, advice) : -error; \
    }
WRAP_FADVISE(posix_fadvise)
WRAP_FADVISE(posix_fadvise64)

SHIM_EXPORT ssize_t readahead(int fd, off_t offset, size_t count);

ssize_t
readahead(int fd, off_t offset, size_t count)
{
    uintptr_t entry = shim_entry(fd);
    struct dbio_why why = {.size = sizeof(why)};

    if (entry == SHIM_UNMANAGED)
        return SHIM_NEXT(readahead)(fd, offset, count);
    /* As with POSIX_FADV_WILLNEED: it would fill the cache that direct I/O wants empty. */
    if (dbio_why(shim_fdmap_file(entry), &why) == 0 && why.standing_direct != 0)
        return 0;
    return SHIM_NEXT(readahead)(fd, offset, count);
}

/* Inside malloc, too: without a descriptor it is passed on at once. */

/*
 * The file is demoted before the mapping brings pages in: what is outstanding is waited for. A
 * mapping with MAP_SYNC works on DAX only and is refused everywhere else; InnoDB asks for one on
 * its redo log at every start and then opens the log with O_DIRECT. So that one is tried first,
 * without MAP_FIXED, where it replaces nothing.
 */
#define WRAP_MMAP(name)                                                                        \
    SHIM_EXPORT void *name(void *address, size_t length, int protection, int flags, int fd,    \
                           off_t offset);                                                      \
    void *name(void *address, size_t length, int protection, int flags, int fd, off_t offset)  \
    {                                                                                          \
        uintptr_t entry =                                                                      \
            fd >= 0 && (flags & MAP_ANONYMOUS) == 0 ? shim_entry(fd) : SHIM_UNMANAGED;         \
                                                                                               \
        if (entry != SHIM_UNMANAGED) {                                                         \
            if ((flags & MAP_SYNC) != 0 && (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == 0) { \
                void *trial = SHIM_NEXT(name)(NULL, length, protection, flags, fd, offset);    \
                                                                                               \
                if (trial == MAP_FAILED)                                                       \
                    return MAP_FAILED;                                                         \
                (void)munmap(trial, length);                                                   \
            }                                                                                  \
            shim_enter();                                                                      \
            (void)dbio_demote(shim_fdmap_file(entry), DBIO_REASON_FILE_MAPPED);                \
            shim_leave();                                                                      \
        }                                                                                      \
        return SHIM_NEXT(name)(address, length, protection, flags, fd, offset);                \
    }
WRAP_MMAP(mmap)
WRAP_MMAP(mmap64)
