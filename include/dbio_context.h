/*
 * dbio_context.h - create and destroy a library context.
 *
 * A context owns the aligned buffers, the counters and the defaults of the files
 * opened through it. Most programs have one. Outstanding I/O is tracked for all
 * contexts of all processes that share a registry: whoever opens the same file sees
 * everyone's requests.
 *
 * The registry is a file of 1.9 MiB in memory, /dev/shm/dbio-UID unless DBIO_REGISTRY or
 * the option `registry` names another; "off" switches it off. It is made with mode 0600
 * when first needed, stays for the next process, and may be removed while no process
 * uses dbio. What is not a regular file of this user with mode 0600, or holds something
 * else, is refused and left as it is. Where it cannot be had, tracking goes on in this
 * process alone: one line in the log says why, and DBIO_STAT_CROSS_PROCESS is 0.
 *
 * Life cycle: create, open files, close files, release buffers, destroy.
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
 * Effect:    *context is ready for dbio_open(). The first context of a process joins the
 *            registry, which keeps one descriptor open for the life of the process.
 * Arguments: `options` may be NULL for defaults; read during the call only.
 * Memory:    under 1 MiB until buffers are used. Free with dbio_context_destroy().
 * Threads:   any thread. After it returns, the context may be used by every thread.
 * Fork:      a child may go on using the context and its files: it starts with no
 *            request outstanding and is a process like any other. Other threads may
 *            be inside dbio meanwhile. Not from a signal handler.
 * Signals:   not async-signal-safe.
 * Blocks:    no, unless a process was stopped in the microsecond in which it changed
 *            the registry's lists; the log says so.
 * Returns:   0.
 * Errors:    -EINVAL  `context` is NULL, or a size or a value of `options` is out of
 *                     range: correct it.
 *            -EBUSY   `registry` names another one than this process has joined: leave
 *                     it NULL.
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
 *            -EBUSY   files are still open, or buffers of dbio_buffer_acquire() not yet
 *                     released: memory that may be in use is not taken away. Close and
 *                     release them first.
 * Since:     0.1
 */
DBIO_EXPORT int dbio_context_destroy(struct dbio_context *context);

DBIO_END_DECLS

#endif
