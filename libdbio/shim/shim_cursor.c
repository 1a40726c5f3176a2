/*
 * shim_cursor.c - reads and writes through the file position, and from file to file.
 *
 * Job:       announce them over the whole file, carry them out as they are; send the file through
 *            the page cache from then on.
 * Not its:   emulating the position: it belongs to the kernel's description, which other
 *            processes may share.
 * Callers:   the program.
 * Lock:      none.
 * Invariant: a call that may sleep for long (a socket or a pipe at the other end) is not announced
 *            while it does: it would keep others waiting.
 */
#include <pthread.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "shim/shim_main.h"

#define THROUGH_CURSOR(fd, write, call)                           \
    do {                                                          \
        uintptr_t entry = shim_entry(fd);                         \
        struct dbio_span span;                                    \
        ssize_t moved;                                            \
                                                                  \
        if (__builtin_expect(entry == SHIM_UNMANAGED, 1))         \
            return (call);                                        \
        pthread_testcancel();                                     \
        if ((entry & (SHIM_DIRECT | SHIM_DEMOTED)) == 0)          \
            shim_demote((fd), entry, DBIO_REASON_USED_BY_CURSOR); \
        if (!shim_begin(entry, (write), &span))                   \
            return (call);                                        \
        moved = (call);                                           \
        shim_end(entry, &span);                                   \
        return moved;                                             \
    } while (0)

SHIM_EXPORT ssize_t
read(int fd, void *buffer, size_t length)
{
    THROUGH_CURSOR(fd, false, SHIM_NEXT(read)(fd, buffer, length));
}

SHIM_EXPORT ssize_t __read_chk(int fd, void *buffer, size_t length, size_t room);

ssize_t
__read_chk(int fd, void *buffer, size_t length, size_t room)
{
    THROUGH_CURSOR(fd, false, SHIM_NEXT(__read_chk)(fd, buffer, length, room));
}

SHIM_EXPORT ssize_t
readv(int fd, const struct iovec *vector, int count)
{
    THROUGH_CURSOR(fd, false, SHIM_NEXT(readv)(fd, vector, count));
}

SHIM_EXPORT ssize_t
write(int fd, const void *buffer, size_t length)
{
    THROUGH_CURSOR(fd, true, SHIM_NEXT(write)(fd, buffer, length));
}

SHIM_EXPORT ssize_t
writev(int fd, const struct iovec *vector, int count)
{
    THROUGH_CURSOR(fd, true, SHIM_NEXT(writev)(fd, vector, count));
}

static uintptr_t
take_through_cache(int fd)
{
    uintptr_t entry = shim_entry(fd);

    if (entry != SHIM_UNMANAGED && (entry & (SHIM_DIRECT | SHIM_DEMOTED)) == 0)
        shim_demote(fd, entry, DBIO_REASON_USED_BY_CURSOR);
    return entry;
}

/* One end alone is ours; at the other is perhaps a socket. What is outstanding now is waited for;
 * what comes meanwhile is counted as untracked. */
static void
wait_once(uintptr_t entry, bool write)
{
    struct dbio_span span;

    if (entry == SHIM_UNMANAGED)
        return;
    if (shim_begin(entry, write, &span))
        shim_end(entry, &span);
    shim_count_untracked(1);
}

/* Both ends are files of ours: each is announced, and neither is held while the other is waited
 * for, so that two who copy in opposite directions do not wait for each other. */
static void
begin_both(uintptr_t from, uintptr_t to, struct dbio_span *read_span, struct dbio_span *write_span)
{
    uintptr_t held = from, wanted = to;
    struct dbio_span *held_span = read_span, *wanted_span = write_span;
    bool held_writes = false;

    for (;;) {
        unsigned class = held_writes ? DBIO_CLASS_BUFFERED_READ : DBIO_CLASS_BUFFERED_WRITE;
        uintptr_t swap = held;
        struct dbio_span *swap_span = held_span;

        if (!shim_begin(held, held_writes, held_span))
            return;
        if (dbio_span_begin(shim_fdmap_file(wanted), class, 0, 0, DBIO_NOWAIT, wanted_span) == 0)
            return;
        shim_end(held, held_span);
        held = wanted;
        held_span = wanted_span;
        wanted = swap;
        wanted_span = swap_span;
        held_writes = !held_writes;
    }
}

#define FROM_FILE_TO_FILE(from, to, call)                           \
    do {                                                            \
        uintptr_t source = take_through_cache(from);                \
        uintptr_t target = take_through_cache(to);                  \
        struct dbio_span read_span = {{0}}, write_span = {{0}};     \
        ssize_t moved;                                              \
                                                                    \
        if (source == SHIM_UNMANAGED || target == SHIM_UNMANAGED) { \
            wait_once(source, false);                               \
            wait_once(target, true);                                \
            return (call);                                          \
        }                                                           \
        begin_both(source, target, &read_span, &write_span);        \
        moved = (call);                                             \
        shim_end(target, &write_span);                              \
        dbio_span_end(shim_fdmap_file(source), &read_span);         \
        return moved;                                               \
    } while (0)

#define WRAP_SENDFILE(name)                                                    \
    SHIM_EXPORT ssize_t name(int to, int from, off_t *offset, size_t count);   \
    ssize_t name(int to, int from, off_t *offset, size_t count)                \
    {                                                                          \
        FROM_FILE_TO_FILE(from, to, SHIM_NEXT(name)(to, from, offset, count)); \
    }
WRAP_SENDFILE(sendfile)
WRAP_SENDFILE(sendfile64)

SHIM_EXPORT ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset,
                                    size_t length, unsigned flags);

ssize_t
copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length,
                unsigned flags)
{
    FROM_FILE_TO_FILE(from, to,
                      SHIM_NEXT(copy_file_range)(from, from_offset, to, to_offset, length, flags));
}

SHIM_EXPORT ssize_t splice(int from, off_t *from_offset, int to, off_t *to_offset, size_t length,
                           unsigned flags);

ssize_t
splice(int from, off_t *from_offset, int to, off_t *to_offset, size_t length, unsigned flags)
{
    FROM_FILE_TO_FILE(from, to, SHIM_NEXT(splice)(from, from_offset, to, to_offset, length, flags));
}
