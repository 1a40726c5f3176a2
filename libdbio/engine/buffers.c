/*
 * buffers.c - aligned memory that a context lends.
 *
 * Job:       count what is lent, keep to the bound, start empty in a child of fork.
 * Not its:   cutting it up: base/arena_*.c. Memory for requests that are not aligned: bounce.c.
 * Callers:   api/api_buffer.c, engine/context.c, readahead.c; whoever drives a ring, for its look-ups.
 * Lock:      the pool's own, rank BUFFERS. It is held while the kernel is asked for a region: two
 *            threads that need one at a time would both map one. That is once per eighth of the
 *            pool.
 * Invariant: held <= most; the arena, once there, stays until fini or a fork.
 */
#include "engine/buffers.h"

#include <errno.h>

#include "base/check.h"
#include "base/range.h"
#include "engine/context.h"

void
dbio__buffers_init(struct dbio_buffers *buffers, uint64_t most)
{
    dbio__lock_init(&buffers->lock, DBIO_RANK_BUFFERS);
    atomic_store(&buffers->arena, NULL);
    atomic_store(&buffers->held, 0);
    buffers->most = most;
}

static void
drop(struct dbio_buffers *buffers, bool inherited)
{
    struct dbio_arena *arena = atomic_load(&buffers->arena);

    if (arena != NULL)
        dbio__arena_destroy(arena, inherited);
    atomic_store(&buffers->arena, NULL);
    atomic_store(&buffers->held, 0);
}

void
dbio__buffers_fini(struct dbio_buffers *buffers)
{
    dbio_verify(atomic_load(&buffers->held) == 0);
    drop(buffers, false);
    dbio__lock_fini(&buffers->lock);
}

/* Most programs never ask for a buffer, so the arena is made for the first. */
static struct dbio_arena *
arena_of(struct dbio_buffers *buffers)
{
    struct dbio_arena *arena = atomic_load_explicit(&buffers->arena, memory_order_relaxed);

    if (arena == NULL) {
        arena = dbio__arena_create((size_t)buffers->most);
        atomic_store_explicit(&buffers->arena, arena, memory_order_release);
    }
    return arena;
}

/* Under the lock; `length` in whole pages. */
static int
lend(struct dbio_buffers *buffers, size_t length, void **buffer)
{
    uint64_t held = atomic_load_explicit(&buffers->held, memory_order_relaxed);
    struct dbio_arena *arena;
    int error;

    if (length > buffers->most - held)
        return -ENOBUFS;
    arena = arena_of(buffers);
    if (arena == NULL)
        return -ENOMEM;
    error = dbio__arena_take(arena, length, buffer);
    if (error == 0)
        atomic_store_explicit(&buffers->held, held + length, memory_order_relaxed);
    return error;
}

int
dbio__buffers_take(struct dbio_buffers *buffers, size_t length, void **buffer)
{
    size_t whole = (size_t)dbio__round_up(length, DBIO_BUFFER_PAGE);
    int error;

    dbio_assert(length != 0 && length <= DBIO_BUFFER_LENGTH_MOST);
    if (whole > buffers->most)
        return -EINVAL;
    dbio__lock_acquire(&buffers->lock);
    error = lend(buffers, whole, buffer);
    dbio__lock_release(&buffers->lock);
    dbio_assert(error != 0 || (uintptr_t)*buffer % DBIO_BUFFER_PAGE == 0);
    return error;
}

int
dbio__buffers_acquire(struct dbio_context *context, size_t length, void **buffer)
{
    int error = dbio__buffers_take(&context->buffers, length, buffer);

    if (error == -ENOBUFS)
        dbio__context_count(context, DBIO_STAT_BUFFERS_EXHAUSTED, 1);
    return error;
}

int
dbio__buffers_give(struct dbio_buffers *buffers, void *buffer)
{
    struct dbio_arena *arena;
    size_t length = 0;

    dbio__lock_acquire(&buffers->lock);
    arena = atomic_load_explicit(&buffers->arena, memory_order_relaxed);
    if (arena != NULL)
        length = dbio__arena_give(arena, buffer);
    dbio_assert(length <= atomic_load(&buffers->held));
    atomic_fetch_sub_explicit(&buffers->held, length, memory_order_relaxed);
    dbio__lock_release(&buffers->lock);
    return length != 0 ? 0 : -EINVAL;
}

uint32_t
dbio__buffers_regions(const struct dbio_buffers *buffers, struct iovec *list, uint32_t room)
{
    const struct dbio_arena *arena = atomic_load_explicit(&buffers->arena, memory_order_acquire);

    return arena == NULL ? 0 : dbio__regions_list(dbio__arena_regions(arena), list, room);
}

int
dbio__buffers_region_of(const struct dbio_buffers *buffers, const void *address, size_t length)
{
    const struct dbio_arena *arena = atomic_load_explicit(&buffers->arena, memory_order_acquire);

    return arena == NULL ? -1 : dbio__regions_index(dbio__arena_regions(arena), address, length);
}

void
dbio__buffers_in_child(struct dbio_buffers *buffers)
{
    /* Now, not when it is next asked for: what this process maps where a region was must not be
     * taken for one. */
    drop(buffers, true);
}
