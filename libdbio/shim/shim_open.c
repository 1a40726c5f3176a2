/*
 * shim_open.c - descriptors come, go, and change what they are.
 *
 * Job:       keep the table true; keep dbio's own descriptors from being closed or overwritten.
 * Not its:   what is read and written.
 * Callers:   the program.
 * Lock:      none.
 * Invariant: a file is given up before its descriptor is closed: its number may be another
 *            thread's a moment later.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

#include "shim/shim_main.h"

#define NUMBERS (SHIM_LEAF * SHIM_LEAVES)

/* The mode is there with O_CREAT and O_TMPFILE; elsewhere it is not looked at. */
static mode_t
take_mode(int flags, va_list rest)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

static int
opened(int fd)
{
    shim_renew(fd);
    return fd;
}

#define WRAP_OPEN(name)                                     \
    SHIM_EXPORT int name(const char *path, int flags, ...); \
    int name(const char *path, int flags, ...)              \
    {                                                       \
        va_list rest;                                       \
        mode_t mode;                                        \
                                                            \
        va_start(rest, flags);                              \
        mode = take_mode(flags, rest);                      \
        va_end(rest);                                       \
        return opened(SHIM_NEXT(name)(path, flags, mode));  \
    }
WRAP_OPEN(open)
WRAP_OPEN(open64)

#define WRAP_OPENAT(name)                                                  \
    SHIM_EXPORT int name(int directory, const char *path, int flags, ...); \
    int name(int directory, const char *path, int flags, ...)              \
    {                                                                      \
        va_list rest;                                                      \
        mode_t mode;                                                       \
                                                                           \
        va_start(rest, flags);                                             \
        mode = take_mode(flags, rest);                                     \
        va_end(rest);                                                      \
        return opened(SHIM_NEXT(name)(directory, path, flags, mode));      \
    }
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)

#define WRAP_CREAT(name)                                 \
    SHIM_EXPORT int name(const char *path, mode_t mode); \
    int name(const char *path, mode_t mode)              \
    {                                                    \
        return opened(SHIM_NEXT(name)(path, mode));      \
    }
WRAP_CREAT(creat)
WRAP_CREAT(creat64)

/* What _FORTIFY_SOURCE makes of open without a mode. */
#define WRAP_OPEN_2(name)                              \
    SHIM_EXPORT int name(const char *path, int flags); \
    int name(const char *path, int flags)              \
    {                                                  \
        return opened(SHIM_NEXT(name)(path, flags));   \
    }
WRAP_OPEN_2(__open_2)
WRAP_OPEN_2(__open64_2)

#define WRAP_OPENAT_2(name)                                           \
    SHIM_EXPORT int name(int directory, const char *path, int flags); \
    int name(int directory, const char *path, int flags)              \
    {                                                                 \
        return opened(SHIM_NEXT(name)(directory, path, flags));       \
    }
WRAP_OPENAT_2(__openat_2)
WRAP_OPENAT_2(__openat64_2)

/* Descriptors of dbio do not exist for the program. */
static bool
is_hidden(int fd)
{
    return shim_is_live() && dbio_owns_descriptor(fd) && shim_is_same_process();
}

SHIM_EXPORT int
close(int fd)
{
    if (is_hidden(fd))
        return (int)shim_answer(-EBADF);
    if (shim_fdmap_get(fd) != 0)
        shim_forget(fd);
    return SHIM_NEXT(close)(fd);
}

/* Closes [first, last] but what is dbio's, in as few calls as that takes. */
static int
close_around(unsigned first, unsigned last, int flags)
{
    unsigned begin = first, fd;
    int result = 0;

    for (fd = first; fd <= last && fd < NUMBERS; fd++) {
        if (shim_fdmap_get((int)fd) != 0)
            shim_forget((int)fd);
        if (!dbio_owns_descriptor((int)fd))
            continue;
        if (fd > begin)
            result |= SHIM_NEXT(close_range)(begin, fd - 1, flags);
        begin = fd + 1;
    }
    if (begin <= last)
        result |= SHIM_NEXT(close_range)(begin, last, flags);
    return result;
}

SHIM_EXPORT int close_range(unsigned first, unsigned last, int flags);

int
close_range(unsigned first, unsigned last, int flags)
{
    /* With CLOSE_RANGE_CLOEXEC nothing is closed yet, and dbio's are close-on-exec anyway. */
    if ((flags & ~(int)CLOSE_RANGE_UNSHARE) != 0 || first > last || !shim_is_live() ||
        !shim_is_same_process())
        return SHIM_NEXT(close_range)(first, last, flags);
    return close_around(first, last, flags);
}

SHIM_EXPORT void closefrom(int first);

void
closefrom(int first)
{
    if (first < 0)
        first = 0;
    if (!shim_is_live() || !shim_is_same_process() ||
        close_around((unsigned)first, UINT_MAX, 0) != 0)
        SHIM_NEXT(closefrom)(first); /* it falls back to a way without close_range */
}

SHIM_EXPORT int
dup(int fd)
{
    return opened(SHIM_NEXT(dup)(fd));
}

/* `target` is about to become another file's, or has just become it: a thread that uses it meanwhile
 * gets to either, as without us. */
static void
change_target(int fd, int target)
{
    if (fd != target && target >= 0 && shim_fdmap_get(target) != 0)
        shim_let_go(target);
}

/* The number that the program wants may be one of dbio's. dup2(2) may answer EBUSY, and so it
 * does: moving a descriptor that requests are using would be worse. */
SHIM_EXPORT int
dup2(int fd, int target)
{
    int result;

    if (fd != target && is_hidden(target))
        return (int)shim_answer(-EBUSY);
    change_target(fd, target);
    result = SHIM_NEXT(dup2)(fd, target);
    change_target(fd, target);
    return result;
}

SHIM_EXPORT int
dup3(int fd, int target, int flags)
{
    int result;

    if (fd != target && is_hidden(target))
        return (int)shim_answer(-EBUSY);
    change_target(fd, target);
    result = SHIM_NEXT(dup3)(fd, target, flags);
    change_target(fd, target);
    return result;
}

/* O_DIRECT and O_APPEND are what decided how the descriptor is used. */
static void
before_setfl(int fd, long flags)
{
    int now;

    if (shim_known(fd) <= SHIM_UNMANAGED)
        return;
    now = SHIM_NEXT(fcntl)(fd, F_GETFL);
    if (now >= 0 && (((long)now ^ flags) & (O_DIRECT | O_APPEND)) != 0)
        shim_let_go(fd);
}

/* Every argument of fcntl(2) fits a pointer, and is passed on as one. */
#define WRAP_FCNTL(name)                                                                   \
    SHIM_EXPORT int name(int fd, int command, ...);                                        \
    int name(int fd, int command, ...)                                                     \
    {                                                                                      \
        va_list rest;                                                                      \
        void *argument;                                                                    \
        int result;                                                                        \
                                                                                           \
        va_start(rest, command);                                                           \
        argument = va_arg(rest, void *);                                                   \
        va_end(rest);                                                                      \
        if (command == F_SETFL)                                                            \
            before_setfl(fd, (long)(intptr_t)argument);                                    \
        result = SHIM_NEXT(name)(fd, command, argument);                                   \
        return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? opened(result) : result; \
    }
WRAP_FCNTL(fcntl)
WRAP_FCNTL(fcntl64)

/* stdio reads and writes by calls inside libc, which nobody sees. */
static FILE *
disown(FILE *stream)
{
    int kept = shim_keep_errno();

    if (stream != NULL && shim_is_live())
        shim_disown(fileno(stream), SHIM_UNMANAGED);
    shim_put_errno(kept);
    return stream;
}

#define WRAP_FOPEN(name)                                        \
    SHIM_EXPORT FILE *name(const char *path, const char *mode); \
    FILE *name(const char *path, const char *mode)              \
    {                                                           \
        return disown(SHIM_NEXT(name)(path, mode));             \
    }
WRAP_FOPEN(fopen)
WRAP_FOPEN(fopen64)

#define WRAP_FREOPEN(name)                                                    \
    SHIM_EXPORT FILE *name(const char *path, const char *mode, FILE *stream); \
    FILE *name(const char *path, const char *mode, FILE *stream)              \
    {                                                                         \
        return disown(SHIM_NEXT(name)(path, mode, stream));                   \
    }
WRAP_FREOPEN(freopen)
WRAP_FREOPEN(freopen64)

SHIM_EXPORT FILE *
fdopen(int fd, const char *mode)
{
    return disown(SHIM_NEXT(fdopen)(fd, mode));
}

SHIM_EXPORT int
fclose(FILE *stream)
{
    int fd;

    if (stream != NULL && shim_is_live()) {
        int kept = shim_keep_errno();

        fd = fileno(stream);
        shim_put_errno(kept);
        if (fd >= 0 && shim_fdmap_get(fd) != 0)
            shim_forget(fd);
    }
    return SHIM_NEXT(fclose)(stream);
}
