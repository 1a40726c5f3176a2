/*
 * registry.h - the file that the processes of a user share.
 *
 * It holds the announcement table (core/table.h), and its byte locks hold two truths that
 * memory cannot: who may change the table's lists (byte 0), and which processes live (byte
 * 1 + owner). The locks are open-file-description locks (fcntl(2)): the kernel gives them
 * up when the last descriptor of the description is closed, at the latest when the process
 * ends, whatever it dies of. By then every system call of the process is over.
 */
#ifndef OS_REGISTRY_H
#define OS_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

struct dbio_registry {
    int fd;
    void *memory; /* mapped shared; NULL: not yet */
    size_t bytes;
    uint64_t device, inode; /* of the file */
};

/* Where the registry of the calling user is unless something else is asked for: *path of at
 * least DBIO_REGISTRY_PATH bytes. */
#define DBIO_REGISTRY_PATH 64
void dbio__registry_default_path(char *path);

/* Opens the file, which is made if `make` and there is none: mode 0600. Refuses, with *why set to a
 * static text and -EPERM, what is not a regular file, is another user's, may be opened by others
 * or has several names. Else 0 or the error of open. */
DBIO_CHECKED int dbio__registry_open(const char *path, bool make, struct dbio_registry *registry,
                                     const char **why);
void dbio__registry_close(struct dbio_registry *registry);

/* 0 if the file has `bytes` bytes, else -EBADMSG, or what fstat says. */
DBIO_CHECKED int dbio__registry_size(const struct dbio_registry *registry, size_t bytes);

/* Maps it; gives an empty file `bytes` bytes first, zeroed and allocated, so that no access can
 * fail later. The caller holds the lock. -EBADMSG if it has another size; else 0, -ENOSPC, or
 * what the kernel says. */
DBIO_CHECKED int dbio__registry_map(struct dbio_registry *registry, size_t bytes, const char **why);

/* The lock of the table's lists: one process at a time, not told apart by threads. 0, -EAGAIN if
 * it may not wait, or the error of fcntl. */
DBIO_CHECKED int dbio__registry_lock(const struct dbio_registry *registry, bool wait);
void dbio__registry_unlock(const struct dbio_registry *registry);

/* An owner's proof of life. 0, -EAGAIN (it is another process's) or the error of fcntl. */
DBIO_CHECKED int dbio__registry_claim(const struct dbio_registry *registry, uint32_t owner);
void dbio__registry_disclaim(const struct dbio_registry *registry, uint32_t owner);
/* Does another description hold it? 1, 0, or the error of fcntl. */
DBIO_CHECKED int dbio__registry_is_claimed(const struct dbio_registry *registry, uint32_t owner);

/* Another description of the same file, without locks, in place of the inherited one: the locks
 * of a description stay while any process has it. The old descriptor is not closed. */
DBIO_CHECKED int dbio__registry_open_again(const struct dbio_registry *registry, int *fd);

enum dbio_registry_state {
    DBIO_REGISTRY_INTACT,
    DBIO_REGISTRY_REMOVED, /* nobody else will find the file any more */
    DBIO_REGISTRY_LOST,    /* the descriptor was closed by someone who does not know it */
};
/* 0, or what fstat says. */
DBIO_CHECKED int dbio__registry_state(const struct dbio_registry *registry,
                                      enum dbio_registry_state *state);

/* Does the process have the registry mapped? What has lost its lock, because it closed every
 * descriptor it did not know, and maps it still is not dead. */
DBIO_CHECKED bool dbio__registry_is_mapped_by(const struct dbio_registry *registry, pid_t pid);

#endif
