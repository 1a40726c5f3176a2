/*
 * dbio.h - storage I/O for databases: everything a caller needs.
 *
 * Concepts
 *   context   owns buffers and counters                         dbio_context.h
 *   file      a handle on an inode; reads, writes, syncs        dbio_file.h
 *   batch     many requests at once                             dbio_batch.h
 *   buffer    aligned memory, to borrow                         dbio_buffer.h
 *   registry  what all processes have outstanding               dbio_registry.h
 *   stats     what was done, what was decided and why           dbio_stats.h
 *   error     an errno in words, with the remedy                dbio_error.h
 *
 * dbio decides for every request whether it goes O_DIRECT or through the page
 * cache. Every request is announced before it looks at anything, so that direct and
 * buffered requests on the same pages never run at the same time: a completed write
 * is seen by every later read, whichever way each went.
 *
 * Caveats
 *   - Only requests through dbio are tracked. A program that uses plain pread or
 *     pwrite on the same file at the same time has the kernel's own guarantees and
 *     no more.
 *   - Tracking spans all processes of one user that share a registry: a file, by default
 *     /dev/shm/dbio-UID (dbio_context.h). Processes of different users do not track each
 *     other, nor do machines that share a file system. DBIO_STAT_CROSS_PROCESS is 0 where
 *     a process could not join and tracks for itself.
 *   - A process that is killed leaves nobody waiting; the ranges that it was writing hold
 *     old bytes, new ones or a mixture (DBIO_STAT_ORPHANS).
 *   - fork: the child may use what the parent opened. vfork, posix_spawn: the child may
 *     only exec. A child made by clone(2) itself, without the C library, must not use dbio.
 *   - mmap: use dbio_map, which sends the whole file through the page cache as long
 *     as it is mapped. A mapping made behind dbio's back is not seen.
 *   - sync_file_range, used for writes to cached ranges, is not durability. Only
 *     DBIO_DURABLE, dbio_fdatasync and dbio_fsync are.
 *   - /proc must be mounted: the O_DIRECT descriptor is opened through it. Without, every file
 *     goes buffered (reason no_descriptor) and borrowed descriptors are refused.
 *   - A handle may take over a descriptor that an earlier handle of this process had to leave
 *     open (see dbio_adopt(), Locks); permissions count as of when that was opened.
 *   - Network, FUSE and overlay file systems go buffered: their caches follow other
 *     rules.
 *
 * Part of dbio, BSD-2-Clause. See LICENSE.
 */
#ifndef DBIO_H
#define DBIO_H

#include "dbio_batch.h"
#include "dbio_buffer.h"
#include "dbio_context.h"
#include "dbio_error.h"
#include "dbio_export.h"
#include "dbio_file.h"
#include "dbio_registry.h"
#include "dbio_statistics.h"
#include "dbio_stats.h"
#include "dbio_types.h"
#include "dbio_version.h"

#endif
