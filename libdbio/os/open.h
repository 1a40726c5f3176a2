/* open.h - descriptors that are dbio's own: close-on-exec, never 0, 1 or 2. */
#ifndef OS_OPEN_H
#define OS_OPEN_H

#include <sys/types.h>

#include "base/compiler.h"

/* As open(2), with O_CLOEXEC and O_NOCTTY. A descriptor or -errno. */
DBIO_CHECKED int dbio__open(const char *path, int flags, mode_t permissions);

/* Another description of what `fd` has open. Through procfs, because a path may by now name
 * something else, and because this works for unlinked files. */
DBIO_CHECKED int dbio__open_again(int fd, int flags);

#endif
