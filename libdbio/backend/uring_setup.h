/* uring_setup.h - an io_uring with as much as this kernel grants; the door of <liburing.h>. */
#ifndef BACKEND_URING_SETUP_H
#define BACKEND_URING_SETUP_H

#include <liburing.h>

#include "base/compiler.h"

/* Opens a ring for `entries` submissions, and twice as many completions, not shared with children.
 * Features that the kernel refuses are shed one by one; *features says, in static words, what is
 * left. 0, -ENOSYS (no io_uring), -EPERM (forbidden: kernel.io_uring_disabled, seccomp), -ENOMEM
 * (RLIMIT_MEMLOCK before 5.12), -EMFILE, -ENFILE. */
DBIO_CHECKED int dbio__uring_open(unsigned entries, struct io_uring *ring, const char **features);

#endif
