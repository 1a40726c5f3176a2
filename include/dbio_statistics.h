/*
 * dbio_statistics.h - what the processes of a user have done through dbio, seen from outside.
 *
 * A context whose option `statistics` (or the environment's DBIO_STATISTICS) names a file counts
 * in it; so does every process under the preload shim. The file is memory of 8 MiB, mode 0600.
 * Counting there costs no more than elsewhere, reading it costs the processes nothing, and what a
 * process has counted outlives it, however it ended.
 *
 * Part of dbio, BSD-2-Clause. See LICENSE.
 */
#ifndef DBIO_STATISTICS_H
#define DBIO_STATISTICS_H

#include "dbio_export.h"
#include "dbio_types.h"

DBIO_BEGIN_DECLS

/**
 * dbio_statistics_path() - where processes under the shim count.
 *
 * Effect:    copies the path that DBIO_STATISTICS names, else /dev/shm/dbio-UID.statistics.
 * Arguments: `path` has room for `size` bytes, the final 0 included.
 * Threads:   any thread that does not change the environment meanwhile.   Blocks: no.
 * Returns:   0.
 * Errors:    -EINVAL  `path` is NULL.   -ENAMETOOLONG  `size` is too small.
 *            -ENOENT  DBIO_STATISTICS=off: each process counts for itself.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_statistics_path(char *path, size_t size);

/**
 * dbio_statistics_open() - look at the file at `path`.
 *
 * Effect:    the view is live: each call below reads what is counted at that moment.
 * Memory:    *view is freed by dbio_statistics_close().
 * Threads:   any thread.   Fork: a child may go on.   Blocks: no.
 * Returns:   0.
 * Errors:    -EINVAL  an argument is NULL.
 *            -ENOENT  there is none: nothing counts there yet.
 *            -EPERM   not a regular file, another user's, or open to others: dbio would refuse
 *                     it too. Remove it, or chmod 600.
 *            -EBADMSG something else than statistics, or of another version of dbio.
 *            -ENOMEM, or what open(2) and mmap(2) say.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_statistics_open(const char *path,
                                                   struct dbio_statistics_view **view);

/** dbio_statistics_close() - free a view. NULL is ignored.   Since: 0.1 */
DBIO_EXPORT void dbio_statistics_close(struct dbio_statistics_view *view);

/**
 * dbio_statistics_totals() - sums over all processes, those that have ended included.
 * dbio_statistics_process() - context number `index`, counted from 0, of those that are listed.
 *
 * Effect:    fills *statistics. Set statistics->size first. Each counter is exact; together they
 *            are not one instant. A process that ended without destroying its context is listed
 *            until its place is needed; a process with two contexts is listed twice.
 * Threads:   any thread.   Blocks: no.
 * Returns:   0.
 * Errors:    -EINVAL  NULL, or a size that no version had.   -ENOENT  no such index.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_statistics_totals(const struct dbio_statistics_view *view,
                                                     struct dbio_statistics *statistics);
DBIO_EXPORT DBIO_MUST_USE int dbio_statistics_process(const struct dbio_statistics_view *view,
                                                      unsigned index,
                                                      struct dbio_statistics *statistics);

/**
 * dbio_statistics_switch() - send running processes through the page cache, or let them go on.
 *
 * Effect:    with `on` 0, requests that begin from now on in process `pid` (0: in all that count
 *            in the file at `path`, and in those that join it later) go through the page cache,
 *            still tracked, whatever their mode; with 1 they go as before.
 * Threads:   any thread.   Blocks: no.
 * Returns:   0.
 * Errors:    -EINVAL  `path` is NULL or `pid` negative.   -ESRCH  no such process counts there.
 *            Others as dbio_statistics_open().
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_statistics_switch(const char *path, int32_t pid, int on);

DBIO_END_DECLS

#endif
