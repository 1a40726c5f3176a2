/*
 * drain.h - a barrier for direct I/O that someone else has left in the kernel.
 *
 * A process that dies may leave direct writes running (the teardown of io_uring is a kernel
 * worker's). fallocate(2) over space that is allocated already changes nothing, but ext4 and
 * XFS wait in it until no direct I/O of the inode is outstanding (inode_dio_wait). Whether a
 * file system does so is not documented, so it is tried out once per file system.
 */
#ifndef OS_DRAIN_H
#define OS_DRAIN_H

#include "base/compiler.h"

enum dbio_drain {
    DBIO_DRAIN_UNKNOWN = 0, /* not tried, or nothing was outstanding long enough to tell */
    DBIO_DRAIN_WAITS = 1,   /* all that was outstanding was over when the barrier returned */
    DBIO_DRAIN_DOES_NOT = 2,
};

/* Passes the barrier. 0, or why there is none: -EBADF (`fd` may not write), -ENODATA (no space
 * is allocated yet), what fallocate or FS_IOC_FIEMAP said. Changes nothing in the file. */
DBIO_CHECKED int dbio__drain_wait(int fd);

/* Tries the barrier of `fd` behind direct reads of the file through `direct`, 2 MiB at most. Both
 * are the caller's: opening and closing one here would drop the process's POSIX locks. */
DBIO_CHECKED enum dbio_drain dbio__drain_try(int fd, int direct);

#endif
