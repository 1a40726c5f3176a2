/*
 * dbio_buffer.h - memory for I/O that needs no copy and no pinning of its own.
 *
 * Buffers are aligned for O_DIRECT, lie in huge pages where the kernel has any, have their
 * memory from the start, and are not there in children of fork(2). A batch (dbio_batch.h) registers
 * them with its io_uring where the kernel lets it, and direct requests of one piece then pin nothing
 * each: a fifth more 4 KiB reads per second on a device of memory's speed. A context lends them, up to
 * its option `buffer_bytes`. They are never a condition: every call of dbio takes any memory.
 *
 * Life cycle: acquire, use for any number of requests, release.
 *
 * Part of dbio, BSD-2-Clause. See LICENSE.
 */
#ifndef DBIO_BUFFER_H
#define DBIO_BUFFER_H

#include "dbio_export.h"
#include "dbio_types.h"

DBIO_BEGIN_DECLS

/**
 * dbio_buffer_acquire() - borrow aligned memory.
 *
 * Effect:    *buffer is memory of `length` bytes, rounded up to a multiple of 4096, at a
 *            multiple of 4096. Its bytes are what the last holder left there.
 * Arguments: `length` in bytes, 1 to 512 MiB, and at most the option `buffer_bytes` (default
 *            64 MiB).
 * Memory:    the caller's until dbio_buffer_release(). The bound is on what is lent. Memory is
 *            mapped in pieces of 2 MiB and more as it is needed, stays the context's until that
 *            is destroyed, and can come to twice the bound where sizes differ much. Huge pages
 *            are asked for by madvise(2); where /sys/kernel/mm/transparent_hugepage/enabled says
 *            "never" they are small ones.
 * Threads:   any thread; another one may release it.
 * Fork:      a child does not have the memory, and touching it there is SIGSEGV. The child's
 *            pool is empty: it may acquire buffers of its own.
 * Signals:   not async-signal-safe.
 * Blocks:    not for others to release theirs; for memory, when a piece is mapped.
 * Returns:   0.
 * Errors:    -EINVAL   `context` or `buffer` is NULL, or `length` is 0 or too large: correct it,
 *                      or raise `buffer_bytes`.
 *            -EBADF    the context was destroyed.
 *            -ENOBUFS  the pool is exhausted, or what is free is in pieces that are too
 *                      small: release some, or raise `buffer_bytes`. Counted as
 *                      DBIO_STAT_BUFFERS_EXHAUSTED. Memory of your own does as well.
 *            -ENOMEM   the system gives no memory (or RLIMIT_AS forbids it): free some and call
 *                      again.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_buffer_acquire(struct dbio_context *context, size_t length,
                                                  void **buffer);

/**
 * dbio_buffer_release() - give it back.
 *
 * Effect:    the memory may be lent to the next who asks. On an error nothing was done.
 * Arguments: `buffer` as dbio_buffer_acquire() gave it, not an address within it.
 * Memory:    no request on it may be outstanding: take the completions of batches out first.
 * Threads:   any thread. Signals: not async-signal-safe. Blocks: no.
 * Returns:   0.
 * Errors:    -EINVAL  `context` or `buffer` is NULL, or it is not a buffer that this context has
 *                     lent: it was released already, is another context's, is your own
 *                     memory, or was lent to the process that forked this one. Release each once.
 *            -EBADF   the context was destroyed.
 * Since:     0.1
 */
DBIO_EXPORT int dbio_buffer_release(struct dbio_context *context, void *buffer);

DBIO_END_DECLS

#endif
