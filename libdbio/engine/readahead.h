/*
 * readahead.h - reading ahead of those who read one piece after the other.
 *
 * Of a file in direct standing nobody reads ahead but we: the kernel does so for the page cache
 * alone. When the reads of a handle run on, what follows is read by the crew, O_DIRECT, in larger
 * pieces, into huge pages, and reads that fall into it are a copy. What has been read ahead is given
 * out only if nothing was written to the file since: by users of dbio (core/inflight.h, W1 to W5),
 * or by anyone, as far as the file's times and size tell.
 *
 * A handle has one window. It grows while all of it is used, and goes when it is not, or when
 * someone writes; then the handle pauses, for longer each time. Not for handles with a descriptor
 * that was lent, nor in a child of fork for those of its parent.
 */
#ifndef ENGINE_READAHEAD_H
#define ENGINE_READAHEAD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct dbio_file;
struct dbio_transfer;
struct dbio_window;

/* What a handle remembers of its reads. */
struct dbio_readahead {
    _Atomic uint64_t next;                /* where a read would run on */
    _Atomic uint32_t run;                 /* reads that did so, one after the other */
    _Atomic uint32_t pace;                /* ns per KiB of the longer ones; 0: not known */
    _Atomic(struct dbio_window *) window; /* NULL until reads ran on for the first time */
};

/* A request that will not block for bytes on their way: `ready` is called once, by any thread, when
 * it is time to ask again. */
struct dbio_readahead_waiter {
    struct dbio_link link;
    void (*ready)(struct dbio_readahead_waiter *waiter);
};

enum dbio_ahead {
    DBIO_AHEAD_NO,     /* what is left is to be read as ever; perhaps the first bytes have moved */
    DBIO_AHEAD_SERVED, /* all that was asked for, or up to the end of the file; and counted */
    DBIO_AHEAD_PARKED, /* the waiter waits */
};

/* For every read before anything is announced. Waits for bytes on their way; with a `waiter`, or for
 * a thread that has batches to look after, it never does. */
enum dbio_ahead dbio__readahead_serve(struct dbio_transfer *transfer,
                                      struct dbio_readahead_waiter *waiter);

/* A longer read that runs on took so long: where the device is as fast as memory, nothing is gained
 * by a copy. */
void dbio__readahead_note_pace(struct dbio_file *file, size_t bytes, uint64_t time_ns);

/* The handle is about to go: waits for what is on its way. */
void dbio__readahead_stop(struct dbio_file *file);

#endif
