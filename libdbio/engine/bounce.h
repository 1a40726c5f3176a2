/*
 * bounce.h - a bounded pool of aligned buffers, for requests that are not aligned.
 *
 * Taken only after the request's turn has come, so whoever holds a buffer waits for nobody
 * and a wait for one is as short as a transfer.
 */
#ifndef ENGINE_BOUNCE_H
#define ENGINE_BOUNCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/lock.h"
#include "base/vector.h"

#define DBIO_BOUNCE_BYTES (256u * 1024u) /* of one buffer */
#define DBIO_BOUNCE_ALIGN 4096u

struct dbio_bounce_pool {
    struct dbio_lock lock;
    pthread_cond_t returned;
    void *free; /* the first word of a free buffer points to the next */
    uint32_t made, most;
};

void dbio__bounce_init(struct dbio_bounce_pool *pool, uint64_t bytes_max);
/* Every buffer has been returned. */
void dbio__bounce_fini(struct dbio_bounce_pool *pool);

/* A buffer of DBIO_BOUNCE_BYTES, or NULL if there is no memory for even one. May wait for
 * another request to return one. */
DBIO_CHECKED void *dbio__bounce_take(struct dbio_bounce_pool *pool);
void dbio__bounce_return(struct dbio_bounce_pool *pool, void *buffer);

/* Between a buffer and the caller's memory, of which we have the caller's word alone. False: it is not
 * all there, the cursor has not moved, and the kernel shall say what it says of such memory. */
DBIO_CHECKED bool dbio__bounce_gather(struct dbio_cursor *source, void *buffer, size_t bytes);
DBIO_CHECKED bool dbio__bounce_scatter(struct dbio_cursor *target, void *buffer, size_t bytes);

/* In a child of fork, under the pool's lock: buffers that other threads had are lost with them. */
void dbio__bounce_in_child(struct dbio_bounce_pool *pool);

#endif
