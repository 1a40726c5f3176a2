/*
 * pool.h - objects of one type whose memory stays of that type for ever.
 *
 * A handle that was given back can still be read: its `alive` word tells that it is
 * dead. Objects are reused oldest first, so that a stale handle is recognised as long as
 * possible. This is what makes "closed handle: -EBADF" a promise and not undefined.
 * Memory of a pool is never returned to the system.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/lock.h"

/* Every object begins with this. */
struct dbio_pooled {
    _Atomic uint64_t alive; /* the pool's magic while in use, else 0 */
    struct dbio_link link;  /* in `fresh` or `dead` while not in use */
};

struct dbio_pool {
    struct dbio_lock lock;
    struct dbio_link fresh; /* never used */
    struct dbio_link dead;  /* given back, oldest first */
    size_t dead_count;
    size_t object_size;
    uint64_t magic; /* not 0 */
    bool started;
};

#define DBIO_POOL_STATIC(type, magic_)                                             \
    {                                                                              \
        .lock = DBIO_LOCK_STATIC(DBIO_RANK_CONTEXTS), .object_size = sizeof(type), \
        .magic = (magic_)                                                          \
    }

/* An object, zeroed but for its head, alive; NULL without memory. At least 16 dead ones are
 * kept before one is reused. */
DBIO_CHECKED void *dbio__pool_take(struct dbio_pool *pool);
/* Dead from here on. False if it was dead already (two threads closed it): nothing done. */
DBIO_CHECKED bool dbio__pool_kill(struct dbio_pool *pool, struct dbio_pooled *object);
/* A killed object may be reused. */
void dbio__pool_give(struct dbio_pool *pool, struct dbio_pooled *object);
/* Lock-free; true if `object` is alive in the pool of that magic. */
static inline bool
dbio__pool_alive(uint64_t magic, const struct dbio_pooled *object)
{
    /* Relaxed: the caller got the handle by some ordering of its own. */
    return __atomic_load_n((const uint64_t *)(const void *)&object->alive, __ATOMIC_RELAXED) ==
           magic;
}

#endif
