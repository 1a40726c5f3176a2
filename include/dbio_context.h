/*
 * dbio_context.h - create and destroy a library context.
 *
 * A context owns the aligned buffers, the counters and the defaults of the files
 * opened through it. Most programs have one. Outstanding I/O is tracked for the
 * whole process, not per context: two contexts that open the same file see each
 * other's requests.
 *
 * Life cycle: create, open files, close files, destroy.
 *
 * Part of dbio, BSD-2-Clause. See LICENSE.
 */
#ifndef DBIO_CONTEXT_H
#define DBIO_CONTEXT_H

#include "dbio_export.h"
#include "dbio_types.h"

DBIO_BEGIN_DECLS

/**
 * dbio_context_create() - make a context.
 *
 * Effect:    *context is ready for dbio_open(). Nothing is opened or created on disk.
 * Arguments: `options` may be NULL for defaults; read during the call only.
 * Memory:    under 1 MiB until buffers are used. Free with dbio_context_destroy().
 * Threads:   any thread. After it returns, the context may be used by every thread.
 * Fork:      a child may go on using the context and its files: it starts with no
 *            request outstanding. Requests of parent and child are not tracked
 *            against each other yet (DBIO_STAT_CROSS_PROCESS is 0). Fork only
 *            while no other thread is inside dbio, or exec at once.
 * Signals:   not async-signal-safe.
 * Blocks:    no.
 * Returns:   0.
 * Errors:    -EINVAL  `context` is NULL, or a size or a value of `options` is out of
 *                     range: correct it.
 *            -E2BIG   `options` has a field set that this version does not know: rebuild
 *                     against this version or clear it.
 *            -ENOMEM  no memory: free some and call again.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_context_create(const struct dbio_context_options *options,
                                                  struct dbio_context **context);

/**
 * dbio_context_destroy() - free a context.
 *
 * Effect:    buffers are freed, and parked descriptors closed where no POSIX lock of the process
 *            depends on them any more. On an error nothing changed.
 * Threads:   no other thread may be using the context.
 * Blocks:    no.
 * Returns:   0.
 * Errors:    -EINVAL  `context` is NULL.
 *            -EBADF   the context was destroyed already.
 *            -EBUSY   files are still open: close them first.
 * Since:     0.1
 */
DBIO_EXPORT int dbio_context_destroy(struct dbio_context *context);

DBIO_END_DECLS

#endif
