/* open.h - descriptors that are dbio's own: close-on-exec, never 0, 1 or 2. */
#ifndef OS_OPEN_H
#define OS_OPEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"

/* As open(2), with O_CLOEXEC and O_NOCTTY. A descriptor or -errno. */
DBIO_CHECKED int dbio__open(const char *path, int flags, mode_t permissions);

/* Another description of what `fd` has open. Through procfs, because a path may by now name
 * something else, and because this works for unlinked files. */
DBIO_CHECKED int dbio__open_again(int fd, int flags);

/* The same descriptor under a number that programs do not choose for their own (a shell's
 * `exec 5>file`), if one is free; else `fd` itself. Closes `fd`, which drops POSIX record locks of the
 * process on the file: not for files that programs lock. */
int dbio__open_aside(int fd);

/* Closes one of them, or one that was handed over. 0 or -errno; it is closed all the same. */
int dbio__close(int fd);

/* Is `fd` one from here that has not been closed by dbio__close()? Lock-free. */
bool dbio__open_owns(int fd);

#endif
