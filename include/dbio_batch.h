/*
 * dbio_batch.h - many requests at once, by one thread.
 *
 * A batch takes requests on any files, submits them together and hands out their
 * completions, by io_uring where the kernel grants one, else by threads of dbio's own. Every
 * request is announced, routed and held to completion like a synchronous one: the same routes, the
 * same reasons, the same errors as dbio_pread() and its like. A request that has to wait for
 * another one, or that cannot go as it is (unaligned memory, for example), is carried out by
 * such a thread meanwhile: the submitter never waits.
 *
 * Life cycle: create; prepare requests, submit, wait or peek, over and over; destroy.
 *
 * What holds for every call below unless it says otherwise:
 *
 * Threads:   a batch belongs to the thread that created it: one batch per thread is the supported
 *            shape. Any other thread, and a child of fork(2), gets -EPERM.
 * Progress:  a request that has completed keeps others out of its pages until its thread looks:
 *            in wait, peek or submit, or while the thread waits in any other call of dbio. Look
 *            often; a thread that does something else for a second may hold up others for a second.
 * Joining:   writes of whole blocks that lie side by side in a file, in the order in which they
 *            were prepared, unlinked and with the same flags, go to the device as one of up to
 *            1 MiB. Each is answered for itself; cancelling one is too late once submitted.
 * Order:     requests of one batch run in any order, at the same time. Overlapping ones are ordered
 *            as those of two threads would be: not at all where none conflicts. Where order is
 *            asked for, link them (DBIO_LINK), or wait in between.
 * Signals:   not async-signal-safe. Errors common to all:
 *            -EINVAL  NULL batch, file or result: nothing was done.
 *            -EBADF   the batch was destroyed (recognised until its memory is used again).
 *            -EPERM   not the batch's thread.
 *
 * Part of dbio, BSD-2-Clause. See LICENSE.
 */
#ifndef DBIO_BATCH_H
#define DBIO_BATCH_H

#include <sys/types.h>
#include <sys/uio.h>

#include "dbio_export.h"
#include "dbio_types.h"

DBIO_BEGIN_DECLS

/**
 * dbio_batch_create() - make a batch.
 *
 * Arguments: `options` may be NULL; read during the call only. `depth`: requests that may be
 *            prepared, outstanding or completed and not yet taken out, 1 to 4096; default 128.
 * Memory:    about 450 bytes per request beside the ring, which children of fork do not get. A ring
 *            that uses buffers (dbio_buffer.h) has them pinned until the batch is destroyed.
 * Fork:      a child cannot use it, and need not destroy it; requests stay the parent's.
 * Returns:   0, and *batch. Where io_uring is refused (kernel.io_uring_disabled, seccomp, an old
 *            kernel) or DBIO_BACKEND=threads is set, threads serve it; dbio_batch_describe() says
 *            why. DBIO_BACKEND=null answers everything at once and moves nothing: for measuring.
 * Errors:    -EINVAL  depth; options of an unknown size. -ENOMEM. -EMFILE, -ENFILE: a ring is a
 *            descriptor.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_create(struct dbio_context *context,
                                                const struct dbio_batch_options *options,
                                                struct dbio_batch **batch);

/**
 * dbio_batch_destroy() - wait for what is outstanding, and give the batch up.
 *
 * Effect:    prepared requests are dropped, outstanding ones are waited for; their completions are
 *            lost. In the thread of the batch, before that thread ends: later nobody can, and the
 *            files of its requests and its context answer -EBUSY to whoever would close them.
 * Blocks:    for outstanding requests.
 * Since:     0.1
 */
DBIO_EXPORT int dbio_batch_destroy(struct dbio_batch *batch);

/**
 * dbio_batch_read(), dbio_batch_readv(), dbio_batch_write(), dbio_batch_writev() - prepare a
 * transfer.
 * dbio_batch_fdatasync(), dbio_batch_fsync(), dbio_batch_allocate() - prepare the like of
 * dbio_fdatasync(), dbio_fsync() and dbio_allocate().
 *
 * Arguments: as of the synchronous calls. `flags`: theirs, and DBIO_LINK: the next request that is
 *            prepared begins after this one has done all that was asked of it; otherwise it, and all
 *            those linked behind it, complete with -ECANCELED, also those that are prepared after
 *            it was cancelled. A chain ends at submit.
 *            A sync covers what had completed before it was submitted: link it behind writes.
 * Memory:    buffers, and the vector itself, must stay until the completion was taken out, also
 *            after cancel. The file stays open: dbio_close() answers -EBUSY.
 * Blocks:    no. Nothing happens before dbio_batch_submit().
 * Returns:   0.
 * Errors:    -EINVAL, -EBADF, -EFAULT as of the synchronous call, what else it may answer
 *            (-EOPNOTSUPP, -ENOSPC) comes with the completion; and
 *            -EAGAIN  as many requests as the depth says: take completions out first.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_read(struct dbio_batch *batch, struct dbio_file *file,
                                              void *buffer, size_t length, off_t offset,
                                              unsigned flags, uint64_t user_data);
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_readv(struct dbio_batch *batch, struct dbio_file *file,
                                               const struct iovec *vector, int count, off_t offset,
                                               unsigned flags, uint64_t user_data);
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_write(struct dbio_batch *batch, struct dbio_file *file,
                                               const void *buffer, size_t length, off_t offset,
                                               unsigned flags, uint64_t user_data);
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_writev(struct dbio_batch *batch, struct dbio_file *file,
                                                const struct iovec *vector, int count, off_t offset,
                                                unsigned flags, uint64_t user_data);
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_fdatasync(struct dbio_batch *batch, struct dbio_file *file,
                                                   unsigned flags, uint64_t user_data);
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_fsync(struct dbio_batch *batch, struct dbio_file *file,
                                               unsigned flags, uint64_t user_data);
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_allocate(struct dbio_batch *batch, struct dbio_file *file,
                                                  off_t offset, off_t length, unsigned flags,
                                                  uint64_t user_data);

/**
 * dbio_batch_submit() - start what was prepared.
 *
 * Blocks:    no; but see DBIO_NOWAIT, whose requests are carried out within the call.
 * Returns:   how many requests were prepared, without those that were cancelled: these have
 *            completed. Whatever becomes of one is told by its completion.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_submit(struct dbio_batch *batch);

/**
 * dbio_batch_wait() - wait for completions, and take them out.
 * dbio_batch_peek() - take out those that are there.
 *
 * Arguments: waits until `least` requests have completed, or none is outstanding, or `timeout_ns`
 *            (ns; UINT64_MAX: no limit) are over. Room for `most` completions, at least 1.
 * Returns:   how many were taken out, in order of completion; 0: the time was up, or nothing is
 *            outstanding.
 * Errors:    -EINTR  a signal came before any completion: call again.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_wait(struct dbio_batch *batch, unsigned least,
                                              uint64_t timeout_ns,
                                              struct dbio_completion *completions, unsigned most);
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_peek(struct dbio_batch *batch,
                                              struct dbio_completion *completions, unsigned most);

/**
 * dbio_batch_cancel() - ask for a request to be given up.
 *
 * Effect:    a request that has not begun completes with -ECANCELED, and so do those linked behind
 *            it. One that has begun may do either: its completion says what it came to. A started
 *            device transfer is not stopped, so the buffer stays the request's until then.
 * Arguments: of several with this `user_data`, the first that can be.
 * Returns:   0: its completion will tell.
 * Errors:    -ENOENT    there is none.
 *            -EALREADY  too late: it is with a thread, or has completed.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_batch_cancel(struct dbio_batch *batch, uint64_t user_data);

/**
 * dbio_batch_describe() - what carries the batch out, in words.
 *
 * Returns:   "io_uring: " and the features the kernel granted, or "threads: " and why, in memory of
 *            the batch; NULL for a NULL batch. "registered buffers, not all: " and why: the kernel
 *            pins no more (RLIMIT_MEMLOCK: raise it); requests from other buffers go unregistered.
 * Since:     0.1
 */
DBIO_EXPORT const char *dbio_batch_describe(struct dbio_batch *batch);

DBIO_END_DECLS

#endif
