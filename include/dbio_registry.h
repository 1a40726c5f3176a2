/*
 * dbio_registry.h - what the processes of a user have outstanding, seen from outside.
 *
 * A view is a snapshot of a registry (dbio_context.h): its processes and the requests that they
 * have announced. Taking one joins nothing, needs no context, and costs the processes nothing:
 * the file is read, not mapped. `dbio stat` and `dbio top` are made of this.
 *
 * Part of dbio, BSD-2-Clause. See LICENSE.
 */
#ifndef DBIO_REGISTRY_H
#define DBIO_REGISTRY_H

#include "dbio_export.h"
#include "dbio_types.h"

DBIO_BEGIN_DECLS

/**
 * dbio_registry_path() - where processes started with this environment would meet.
 *
 * Effect:    copies the path that DBIO_REGISTRY names, else /dev/shm/dbio-UID.
 * Arguments: `path` has room for `size` bytes, the final 0 included.
 * Threads:   any thread that does not change the environment meanwhile.   Blocks: no.
 * Returns:   0.
 * Errors:    -EINVAL  `path` is NULL.   -ENAMETOOLONG  `size` is too small.
 *            -ENOENT  DBIO_REGISTRY=off: processes track for themselves.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_registry_path(char *path, size_t size);

/**
 * dbio_registry_open() - take a first snapshot of the registry at `path`.
 *
 * Memory:    *view is freed by dbio_registry_close().
 * Threads:   any thread; a view is used by one thread at a time.   Fork: a child may go on.
 * Blocks:    no.
 * Returns:   0.
 * Errors:    -EINVAL  an argument is NULL.
 *            -ENOENT  there is none: no process tracks across processes.
 *            -EPERM   not a regular file, another user's, or open to others: dbio would
 *                     refuse it too. Remove it, or chmod 600.
 *            -EBADMSG something else than a registry, or of another version of dbio, or cut.
 *            -ENOMEM, or what open(2) and pread(2) say.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_registry_open(const char *path,
                                                 struct dbio_registry_view **view);

/**
 * dbio_registry_refresh() - take another snapshot of the same file.
 *
 * Threads, Blocks, Returns: as dbio_registry_open().
 * Errors:    as above; the last snapshot stays.   -ENOENT  the file was removed: processes that
 *            start now meet elsewhere. Close the view and open another.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_registry_refresh(struct dbio_registry_view *view);

/** dbio_registry_close() - free a view. NULL is ignored.   Since: 0.1 */
DBIO_EXPORT void dbio_registry_close(struct dbio_registry_view *view);

/**
 * dbio_registry_info() - totals of the snapshot. Set info->size first.
 * dbio_registry_process() - its process number `index`, counted from 0 to info->processes.
 * dbio_registry_request() - its request number `index`, from 0 to info->requests, oldest first.
 *
 * Threads:   as the view.   Blocks: no.
 * Returns:   0.
 * Errors:    -EINVAL  NULL, or a size that no version had.   -ENOENT  no such index.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_registry_info(const struct dbio_registry_view *view,
                                                 struct dbio_registry_info *info);
DBIO_EXPORT DBIO_MUST_USE int dbio_registry_process(const struct dbio_registry_view *view,
                                                    unsigned index,
                                                    struct dbio_registry_process *process);
DBIO_EXPORT DBIO_MUST_USE int dbio_registry_request(const struct dbio_registry_view *view,
                                                    unsigned index,
                                                    struct dbio_registry_request *request);

/** dbio_class_name() - "direct write"; "?" if unknown. Static text, any thread. Since 0.1 */
DBIO_EXPORT const char *dbio_class_name(unsigned io_class);

DBIO_END_DECLS

#endif
