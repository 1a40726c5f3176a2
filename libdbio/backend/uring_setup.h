/* uring_setup.h - an io_uring with as much as this kernel grants; the door of <liburing.h>. */
#ifndef BACKEND_URING_SETUP_H
#define BACKEND_URING_SETUP_H

#include <liburing.h>

#include "base/compiler.h"

/* Places for buffers, as many as there are regions of them; 3 KiB of the kernel's memory. */
#define DBIO_URING_BUFFERS 192u

struct dbio_uring {
    struct io_uring kernel;
    unsigned buffers;     /* places for registered buffers, all empty: DBIO_URING_BUFFERS or 0 */
    const char *features; /* what was granted, in static words */
};

/* Opens a ring for `entries` submissions, and twice as many completions, not shared with children.
 * Features that the kernel refuses are shed one by one. 0, -ENOSYS (no io_uring), -EPERM (forbidden: kernel.io_uring_disabled, seccomp), -ENOMEM
 * (RLIMIT_MEMLOCK before 5.12), -EMFILE, -ENFILE. */
DBIO_CHECKED int dbio__uring_open(unsigned entries, struct dbio_uring *ring);

#endif
