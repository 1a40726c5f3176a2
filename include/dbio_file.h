/*
 * dbio_file.h - open, read, write, sync, resize, map and close a file.
 *
 * A file is a handle on an inode. Handles on the same inode in one process share
 * what is known about it: outstanding requests, residency, the error latch.
 *
 * Life cycle: dbio_open() or dbio_adopt(), any number of calls from any number of
 * threads, dbio_close().
 *
 * What holds for every call below unless it says otherwise:
 *
 * Returns:   0 or a count on success, a negative errno on failure. errno itself is
 *            neither read nor relied upon by callers.
 * Order:     a request waits for outstanding requests that overlap its pages and
 *            conflict with it (a direct write with any buffered request, a direct read
 *            with a buffered write, an exclusive operation with everything), first come,
 *            first served. Two direct, or two buffered, requests never wait for each
 *            other: the kernel orders those.
 * Threads:   any thread, at the same time as any other call on the file but dbio_close().
 * Signals:   not async-signal-safe. A signal does not end a wait of dbio's.
 * Cancel:    not cancellation points: a request that has begun is finished.
 * Errors common to all, with their remedy:
 *            -EINVAL  NULL handle, negative offset, offset + length past 2^63 - 1,
 *                     unknown flag: the caller is mistaken; nothing was done.
 *            -EBADF   the handle was closed (recognised until a later open reuses its
 *                     memory), or is not open for this direction.
 *            -EFAULT  a NULL buffer with a length, or other memory that the kernel
 *                     rejects. The vector itself must be valid.
 *            -ESTALE  a descriptor adopted with DBIO_ADOPT_SHARE is not open on this file any
 *                     more: close the handle before the descriptor.
 *            -EIO     the device failed, now or (syncs) earlier: see dbio_fdatasync().
 *
 * Part of dbio, BSD-2-Clause. See LICENSE.
 */
#ifndef DBIO_FILE_H
#define DBIO_FILE_H

#include <sys/types.h>
#include <sys/uio.h>

#include "dbio_export.h"
#include "dbio_types.h"

DBIO_BEGIN_DECLS

/**
 * dbio_open() - open a regular file.
 *
 * Effect:    like open(2): creates with O_CREAT, empties with O_TRUNC (as an exclusive
 *            operation). The descriptors are dbio's own, close-on-exec. The O_DIRECT
 *            descriptor is opened when the first request needs it.
 * Arguments: `flags` as of open(2). O_DIRECT means DBIO_MODE_DIRECT where the mode is
 *            auto; O_SYNC and O_DSYNC mean DBIO_DURABILITY_WRITE. O_CLOEXEC, O_LARGEFILE
 *            and O_NONBLOCK are accepted and change nothing. `permissions` counts with
 *            O_CREAT and O_TMPFILE. `options` may be NULL; it is read during the call only.
 * Blocks:    as open(2); a FIFO does not block, it is refused.
 * Returns:   0, and *file.
 * Errors:    as open(2), and
 *            -EINVAL      O_APPEND (use dbio_append()), O_PATH, O_TRUNC with O_RDONLY, O_DIRECT with mode
 *                         buffered, or a bad option value.
 *            -E2BIG       an option that this version does not know is set.
 *            -EISDIR      a directory.      -ESPIPE  a FIFO, socket or character device.
 *            -ENOTSUP     a block device or something else that is not a regular file.
 *            -EOPNOTSUPP  DBIO_STRICT_DIRECT and the file has no direct I/O; a file that this
 *                         call created stays, empty. Where only its O_DIRECT descriptor could
 *                         not be opened: what that open said (-EMFILE; -ENOENT without /proc).
 *            -ENOMEM, -EMFILE, -ENFILE  memory or descriptors are used up.
 *            -ENOLCK  the program closed dbio's descriptor of the registry, and the file is
 *                     gone too: do not close descriptors you do not know; start again.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_open(struct dbio_context *context, const char *path, int flags,
                                        mode_t permissions, const struct dbio_file_options *options,
                                        struct dbio_file **file);

/**
 * dbio_adopt() - take over an open descriptor.
 *
 * Effect:    requests go through `fd` or through private descriptors of the same inode.
 *            The flags, the offset and the locks of `fd` are left alone. Without
 *            DBIO_ADOPT_BORROW the descriptor belongs to dbio on success (as with
 *            fdopen(3)) and dbio_close() closes it; on failure it stays the caller's.
 *            With DBIO_ADOPT_SHARE too it stays the caller's, and requests go through it where
 *            its flags allow: page cache through one without O_DIRECT, direct through one with.
 *            dbio opens only the other kind, when it is needed. Call dbio_close() just before
 *            the descriptor is closed, or before F_SETFL changes what it is. A shared O_APPEND
 *            descriptor serves reads and spans; writing with it is the caller's.
 * Locks:     closing any descriptor of an inode drops every POSIX record lock that the
 *            process has on it (fcntl(2)). dbio therefore keeps its private descriptors
 *            open as long as another handle is open on the inode or this process holds
 *            such a lock (asked with F_OFD_GETLK), and closes them later.
 * Returns:   0, and *file.
 * Errors:    -EBADF  `fd` is not open, or is O_PATH; -EINVAL (also: shared, with both O_DIRECT
 *            and O_APPEND), -E2BIG, -EISDIR, -ESPIPE,
 *            -ENOTSUP, -EOPNOTSUPP, -ENOMEM as dbio_open().
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_adopt(struct dbio_context *context, int fd, unsigned flags,
                                         const struct dbio_file_options *options,
                                         struct dbio_file **file);

/**
 * dbio_close() - close a handle.
 *
 * Effect:    the handle is gone, whatever is returned. Durable is only what was synced.
 * Threads:   no other call on this handle may be running.
 * Returns:   0, or the error of close(2) on a descriptor, or the latched error of the
 *            inode if no sync has reported it yet.
 * Errors:    -EBUSY   requests of a batch are prepared or outstanding on it: take their
 *                     completions out first. The handle stays.
 * Since:     0.1
 */
DBIO_EXPORT int dbio_close(struct dbio_file *file);

/**
 * dbio_pread() - read `length` bytes at `offset` into `buffer`.
 * dbio_preadv() - the same into `count` buffers, as preadv(2).
 *
 * Route:     direct where the file is in direct standing and the range is not cached
 *            whole; unaligned offset, length or memory is read through an aligned buffer.
 *            Otherwise through the page cache.
 *            Direct reads of up to 256 KiB that run on, one behind the other, are read ahead of
 *            (DBIO_REASON_READ_AHEAD) by threads of dbio's own, within `readahead_bytes` of the
 *            context; DBIO_PATTERN_SEQUENTIAL and role scan begin with it at once,
 *            DBIO_PATTERN_RANDOM never. What was read ahead is given out only if nothing was
 *            written since: by anyone through dbio, or, as far as the file's change time and
 *            size tell, past it.
 * Arguments: bytes, any alignment. Aligned memory, offset and length (dbio_why() has the
 *            alignments) avoid a copy. `count` is 0 to 1024.
 * Flags:     DBIO_NOWAIT, DBIO_DONTCACHE.
 * Memory:    the caller's; may be reused after return. It must not be a mapping of the
 *            same file.
 * Blocks:    for the disk and for overlapping requests that conflict.
 * Returns:   bytes read; fewer than asked only at the end of the file, or after an error
 *            that followed some bytes, or with DBIO_NOWAIT.
 * Errors:    -EAGAIN  DBIO_NOWAIT and it would have to wait for another request, or the
 *                     kernel would (RWF_NOWAIT; a direct transfer still takes as long as
 *                     the device does): call again, or without.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE ssize_t dbio_pread(struct dbio_file *file, void *buffer, size_t length,
                                             off_t offset, unsigned flags);
DBIO_EXPORT DBIO_MUST_USE ssize_t dbio_preadv(struct dbio_file *file, const struct iovec *vector,
                                              int count, off_t offset, unsigned flags);

/**
 * dbio_pwrite() - write `length` bytes from `buffer` at `offset`.
 * dbio_pwritev() - the same from `count` buffers, as pwritev(2).
 *
 * Effect:    later reads by anyone through dbio see the bytes. They are durable only with
 *            DBIO_DURABLE, DBIO_DURABILITY_WRITE, or after dbio_fdatasync().
 * Route:     in direct standing: O_DIRECT where nothing of the range is cached, otherwise
 *            through the page cache and sync_file_range(2) that waits for the writeback.
 *            Unaligned memory is copied to an aligned buffer; unaligned edges go through
 *            the cache. In buffered standing: through the page cache.
 * Arguments: bytes, any alignment. `count` is 0 to 1024.
 * Flags:     DBIO_DURABLE, DBIO_ATOMIC, DBIO_NOWAIT, DBIO_DONTCACHE.
 * Memory:    the caller's; must not change during the call; may be reused after return.
 * Blocks:    for the disk and for overlapping requests that conflict.
 * Returns:   bytes written; fewer than asked only if the device became full or failed
 *            after some bytes, or RLIMIT_FSIZE was met (SIGXFSZ is raised, as by the
 *            pwrite(2) that would come next), or with DBIO_NOWAIT.
 * Errors:    -ENOSPC, -EDQUOT, -EFBIG  as pwrite(2), from this call.
 *            -EAGAIN      DBIO_NOWAIT and it would have to wait.
 *            -EOPNOTSUPP  DBIO_ATOMIC and the file has no atomic writes.
 *            -EINVAL      DBIO_ATOMIC and the length is not a power of two within the
 *                         file's limits, or offset or memory are not aligned to it; also
 *                         DBIO_DURABLE, DBIO_DURABILITY_WRITE or DBIO_ATOMIC together with DBIO_NOWAIT, and
 *                         DBIO_ATOMIC with more than one buffer or with DBIO_DONTCACHE.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE ssize_t dbio_pwrite(struct dbio_file *file, const void *buffer,
                                              size_t length, off_t offset, unsigned flags);
DBIO_EXPORT DBIO_MUST_USE ssize_t dbio_pwritev(struct dbio_file *file, const struct iovec *vector,
                                               int count, off_t offset, unsigned flags);

/**
 * dbio_append() - write `length` bytes at the end of the file.
 *
 * Effect:    the bytes stand together at the file's end; *offset (if not NULL) is where.
 *            Two appends through dbio in one process never overlap.
 * Route:     exclusive from the last block to infinity, then as dbio_pwrite().
 * Flags:     DBIO_DURABLE.
 * Returns, errors: as dbio_pwrite().
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE ssize_t dbio_append(struct dbio_file *file, const void *buffer,
                                              size_t length, unsigned flags, off_t *offset);

/**
 * dbio_fdatasync() - make written data durable, with the metadata needed to read it.
 * dbio_fsync() - and all other metadata.
 *
 * Effect:    everything written through any handle before the call is on stable storage.
 *            Both always reach the kernel, also after direct writes only (device cache).
 * Returns:   0.
 * Errors:    -EIO, -ENOSPC, -EDQUOT  a writeback or flush failed, now or earlier. The
 *            error is latched on the inode: every later sync through any handle returns it
 *            until all handles are closed and the file is opened again. The kernel may have
 *            dropped the data and marked the pages clean, so do not retry: recover from
 *            your log. (fsync(2); "fsyncgate", 2018.)
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_fdatasync(struct dbio_file *file);
DBIO_EXPORT DBIO_MUST_USE int dbio_fsync(struct dbio_file *file);

/**
 * dbio_sync_range() - write back `length` bytes at `offset` and wait for it.
 *
 * Effect:    dirty pages of the range have been written to the device. That is not
 *            durability: no metadata is written and no device cache flushed
 *            (sync_file_range(2)). Use dbio_fdatasync() for a promise.
 * Arguments: `length` 0 means to the end of the file.
 * Returns:   0.   Errors: as dbio_fdatasync(); the error is latched likewise.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_sync_range(struct dbio_file *file, off_t offset, off_t length);

/**
 * dbio_truncate() - set the file's size.
 * dbio_allocate() - allocate blocks (fallocate(2)); DBIO_KEEP_SIZE keeps the size.
 * dbio_punch() - deallocate a range; it reads as zeros, the size stays.
 * dbio_collapse() - take a range out; what is behind it moves up, the size shrinks.
 * dbio_insert() - put a hole in; what is at `offset` and behind moves down, the size grows.
 *
 * Order:     exclusive: each waits for every outstanding request in its range (truncate:
 *            from the smaller of old and new size to infinity; collapse and insert: from
 *            `offset` to infinity), and holds off new ones.
 * Arguments: collapse and insert: `offset` and `length` are multiples of the file system's block
 *            size, `offset` is inside the file, and collapse leaves something behind the range.
 * Returns:   0.
 * Errors:    as ftruncate(2) and fallocate(2): -ENOSPC, -EFBIG, -EDQUOT, -EPERM,
 *            -EOPNOTSUPP (the file system cannot); -EINVAL for a negative size, or a
 *            length of 0 (all but truncate), or what collapse and insert cannot take.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_truncate(struct dbio_file *file, off_t size);
DBIO_EXPORT DBIO_MUST_USE int dbio_allocate(struct dbio_file *file, off_t offset, off_t length,
                                            unsigned flags);
DBIO_EXPORT DBIO_MUST_USE int dbio_punch(struct dbio_file *file, off_t offset, off_t length);
DBIO_EXPORT DBIO_MUST_USE int dbio_collapse(struct dbio_file *file, off_t offset, off_t length);
DBIO_EXPORT DBIO_MUST_USE int dbio_insert(struct dbio_file *file, off_t offset, off_t length);

/**
 * dbio_advise() - pass POSIX_FADV_* advice for a range (`length` 0: to the end).
 *
 * Effect:    POSIX_FADV_WILLNEED on a file in direct standing is dropped: it would fill
 *            the cache that direct I/O wants empty. POSIX_FADV_DONTNEED waits for
 *            overlapping direct I/O. Others are passed on to the buffered descriptor.
 * Returns:   0; advice that the file system cannot take is not an error.
 * Errors:    -EINVAL for an unknown advice.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_advise(struct dbio_file *file, off_t offset, off_t length,
                                          int advice);

/**
 * dbio_map() - map part of the file; dbio_unmap() - remove that mapping.
 *
 * Effect:    outstanding direct I/O on the inode is waited for, and while any mapping of
 *            the inode exists every request on it goes through the page cache, because
 *            page faults cannot be tracked. Private mappings count too: they read through
 *            the cache. Unmapping the last one lets direct I/O begin again.
 * Arguments: as mmap(2); `offset` a multiple of the page size, `protection` PROT_*,
 *            `flags` MAP_SHARED or MAP_PRIVATE, with MAP_POPULATE and MAP_NORESERVE.
 *            dbio_unmap() takes exactly what dbio_map() gave: the whole mapping.
 * Memory:    the mapping is the caller's until dbio_unmap(). dbio_close() unmaps nothing: a
 *            mapping that outlives its handle keeps the file in the page cache, also when
 *            it is opened again, until dbio_unmap() through any handle on the file.
 * Returns:   0, and *address.
 * Errors:    as mmap(2); -EINVAL from dbio_unmap() for an address that is not one of
 *            this file's mappings.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_map(struct dbio_file *file, off_t offset, size_t length,
                                       int protection, int flags, void **address);
DBIO_EXPORT DBIO_MUST_USE int dbio_unmap(struct dbio_file *file, void *address, size_t length);

/**
 * dbio_span_begin() - announce a request that the caller carries out itself.
 * dbio_span_end() - it is over.
 *
 * Effect:    between the two the caller may do what `io_class` (enum dbio_class) says with bytes
 *            [offset, offset + length) of the file by its own system calls: requests of others
 *            that conflict wait, as for any request. Meant for programs that do part of their I/O
 *            past dbio: read(2) and write(2), sendfile(2), fallocate(2).
 * Arguments: `length` 0: to infinity. `flags`: DBIO_NOWAIT.
 * Memory:    `span` is the caller's, and is not copied or moved meanwhile.
 * Threads:   the same thread begins and ends, and asks nothing else of this file in between: it
 *            would wait for itself. A thread that ends meanwhile ends its span.
 * Blocks:    begin: for overlapping requests that conflict.
 * Returns:   0.
 * Errors:    -EAGAIN  DBIO_NOWAIT and it would have to wait.
 *            -EINVAL  end: `span` is not one that has begun.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_span_begin(struct dbio_file *file, unsigned io_class,
                                              off_t offset, off_t length, unsigned flags,
                                              struct dbio_span *span);
DBIO_EXPORT int dbio_span_end(struct dbio_file *file, struct dbio_span *span);

/**
 * dbio_demote() - send the file through the page cache for good, in this process.
 *
 * Effect:    requests through any handle of the process on the file go buffered from now on, for
 *            `reason`: DBIO_REASON_USED_* or DBIO_REASON_POLICY. With DBIO_REASON_FILE_MAPPED
 *            outstanding direct I/O is waited for first, and every process goes buffered until
 *            this one has ended: for mappings that were not made by dbio_map().
 * Returns:   0.   Errors: -EINVAL for another reason.
 * Since:     0.1
 */
DBIO_EXPORT int dbio_demote(struct dbio_file *file, unsigned reason);

/**
 * dbio_owns_descriptor() - is `fd` a descriptor that dbio opened for itself?
 *
 * For programs that close what they do not know: leave such ones open. Not those adopted.
 * Threads:   any.   Signals: async-signal-safe.
 * Returns:   1 or 0.   Since: 0.1
 */
DBIO_EXPORT int dbio_owns_descriptor(int fd);

/**
 * dbio_size() - the file's size in bytes now, as fstat(2) says it.
 * Returns:   the size, or a negative errno.   Blocks: no.   Since: 0.1
 */
DBIO_EXPORT DBIO_MUST_USE off_t dbio_size(struct dbio_file *file);

DBIO_END_DECLS

#endif
