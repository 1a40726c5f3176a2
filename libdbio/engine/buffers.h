/*
 * buffers.h - aligned memory that a context lends, up to a bound: a pool for its callers, and one
 * for what it reads ahead.
 *
 * Where a ring registers it (io_uring, fixed buffers): dbio__buffers_regions has what to register,
 * by index, and dbio__buffers_region_of the index of what a request brings. Regions are only added,
 * and stay until the context is destroyed, so their number is also the generation of the list: as
 * long as it is what it was, everything is registered.
 */
#ifndef ENGINE_BUFFERS_H
#define ENGINE_BUFFERS_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/lock.h"

#define DBIO_BUFFER_PAGE        DBIO_ARENA_ALIGN
#define DBIO_BUFFER_LENGTH_MOST DBIO_ARENA_MOST

struct dbio_context;

struct dbio_buffers {
    struct dbio_lock lock;
    _Atomic(struct dbio_arena *) arena; /* NULL until the first buffer is asked for */
    uint64_t most;                      /* bytes lent at a time */
    _Atomic uint64_t held;              /* bytes lent */
};

void dbio__buffers_init(struct dbio_buffers *buffers, uint64_t most);
/* Nothing is lent. */
void dbio__buffers_fini(struct dbio_buffers *buffers);

/* `length`: 1 to DBIO_BUFFER_LENGTH_MOST. 0, -EINVAL (more than the pool has), -ENOBUFS or
 * -ENOMEM. */
DBIO_CHECKED int dbio__buffers_take(struct dbio_buffers *buffers, size_t length, void **buffer);
/* The same of the context's pool for callers; counts what is refused. */
DBIO_CHECKED int dbio__buffers_acquire(struct dbio_context *context, size_t length, void **buffer);
/* 0, or -EINVAL: not lent. */
DBIO_CHECKED int dbio__buffers_give(struct dbio_buffers *buffers, void *buffer);

/* The number of regions; the first `room` of them in `list`. Lock-free. */
uint32_t dbio__buffers_regions(const struct dbio_buffers *buffers, struct iovec *list,
                               uint32_t room);
/* The region in which all of these bytes are, or -1: memory of the caller's own. Lock-free. */
int dbio__buffers_region_of(const struct dbio_buffers *buffers, const void *address, size_t length);

/* In a child of fork, under the pool's lock: what was lent was lent to the parent. */
void dbio__buffers_in_child(struct dbio_buffers *buffers);

#endif
