/*
 * open.c - descriptors that are dbio's own.
 *
 * Job:       open close-on-exec and out of the way of the standard streams; know which are ours.
 * Not its:   when to close: whoever opened knows what a close may drop.
 * Callers:   engine/, os/registry.c, os/process.c.
 * Lock:      none; the set of our own is a map of atomic words, relaxed: a number is ours from
 *            before anyone can know it until just before it is closed.
 * Invariant: no descriptor from here is 0, 1 or 2.
 *
 * A program that has closed its standard error may still print to descriptor 2, and must not
 * print into a database (as SQLite has it). Open gives the lowest number that is free. Taking a
 * higher one by duplication and closing the low one would drop the program's POSIX locks on the
 * file; descriptors made with O_PATH drop none, so such ones fill the gaps meanwhile.
 */
#include "os/open.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "os/sys.h"

#define NUMBERS_MAX (1 << 20) /* a descriptor above this is ours without being known as such */

#define ASIDE_FROM 512 /* beyond what scripts write down, below the usual limit of 1024 */

static _Atomic uint64_t own[NUMBERS_MAX / 64];

static void
remember(int fd, bool ours)
{
    uint64_t bit = UINT64_C(1) << (fd & 63);

    if (fd < 0 || fd >= NUMBERS_MAX)
        return;
    if (ours)
        atomic_fetch_or_explicit(&own[fd / 64], bit, memory_order_relaxed);
    else if ((atomic_load_explicit(&own[fd / 64], memory_order_relaxed) & bit) != 0)
        atomic_fetch_and_explicit(&own[fd / 64], ~bit, memory_order_relaxed);
}

bool
dbio__open_owns(int fd)
{
    return fd >= 0 && fd < NUMBERS_MAX &&
           (atomic_load_explicit(&own[fd / 64], memory_order_relaxed) >> (fd & 63) & 1) != 0;
}

int
dbio__close(int fd)
{
    remember(fd, false);
    return dbio__sys_close(fd);
}

int
dbio__open(const char *path, int flags, mode_t permissions)
{
    int plugs[STDERR_FILENO + 1], count = 0, low, fd;

    for (low = 0; low <= STDERR_FILENO; low++)
        if (dbio__sys_fcntl(low, F_GETFD, 0) == -EBADF)
            plugs[count++] = dbio__sys_openat(AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0);
    fd = dbio__sys_openat(AT_FDCWD, path, flags | O_CLOEXEC | O_NOCTTY, permissions);
    while (count > 0)
        if (plugs[--count] >= 0)
            (void)dbio__sys_close(plugs[count]);
    if (fd > STDERR_FILENO)
        remember(fd, true);
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    (void)dbio__sys_close(fd); /* no number was left for a plug */
    return -EMFILE;
}

int
dbio__open_aside(int fd)
{
    int aside = (int)dbio__sys_fcntl(fd, F_DUPFD_CLOEXEC, ASIDE_FROM);

    if (aside < 0)
        return fd;
    remember(aside, true);
    (void)dbio__close(fd);
    return aside;
}

int
dbio__open_again(int fd, int flags)
{
    char link[40];

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return dbio__open(link, flags, 0);
}
