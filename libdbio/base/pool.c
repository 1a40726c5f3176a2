/*
 * pool.c - objects whose memory stays of one type for ever.
 *
 * Job:       hand out objects, recognise dead ones, reuse the oldest.
 * Not its:   what is in an object beyond its head.
 * Callers:   whoever gives handles to the street: contexts and files.
 * Lock:      the pool's own, for its two lists; `alive` is atomic.
 * Invariant: an object is in exactly one place: alive, between kill and give, `fresh` or
 *            `dead`. A dead one is not reused before 16 others have died after it.
 */
#include "base/pool.h"

#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/range.h"

#define DEAD_KEPT     16u
#define CHUNK_OBJECTS 16u

static void
start(struct dbio_pool *pool)
{
    dbio_assert(pool->magic != 0 && pool->object_size >= sizeof(struct dbio_pooled));
    dbio__list_init(&pool->fresh);
    dbio__list_init(&pool->dead);
    pool->started = true;
}

/* Adds a chunk of objects to `fresh`. Nothing is added without memory. */
static void
grow(struct dbio_pool *pool)
{
    size_t stride = (size_t)dbio__round_up(pool->object_size, DBIO_CACHE_LINE);
    char *chunk = dbio__mem_aligned(DBIO_CACHE_LINE, CHUNK_OBJECTS * stride);

    for (size_t i = 0; chunk != NULL && i < CHUNK_OBJECTS; i++) {
        struct dbio_pooled *object = (struct dbio_pooled *)(void *)(chunk + i * stride);

        dbio__list_append(&pool->fresh, &object->link);
    }
}

/* The next object to use, off its list, or NULL. */
static struct dbio_pooled *
pick(struct dbio_pool *pool)
{
    struct dbio_link *list = &pool->fresh, *link;

    if (pool->dead_count > DEAD_KEPT) {
        list = &pool->dead;
        pool->dead_count--;
    } else if (dbio__list_empty(&pool->fresh)) {
        grow(pool);
    }
    link = list->next;
    if (link == list)
        return NULL;
    dbio__list_remove(link);
    return DBIO_CONTAINER_OF(link, struct dbio_pooled, link);
}

void *
dbio__pool_take(struct dbio_pool *pool)
{
    struct dbio_pooled *object;

    dbio__lock_acquire(&pool->lock);
    if (!pool->started)
        start(pool);
    object = pick(pool);
    dbio__lock_release(&pool->lock);
    if (object == NULL)
        return NULL;
    dbio_assert(atomic_load_explicit(&object->alive, memory_order_relaxed) == 0);
    memset((char *)object + sizeof(*object), 0, pool->object_size - sizeof(*object));
    atomic_store_explicit(&object->alive, pool->magic, memory_order_release);
    return object;
}

bool
dbio__pool_kill(struct dbio_pool *pool, struct dbio_pooled *object)
{
    uint64_t alive = pool->magic;

    return atomic_compare_exchange_strong(&object->alive, &alive, 0);
}

void
dbio__pool_give(struct dbio_pool *pool, struct dbio_pooled *object)
{
    dbio_verify(atomic_load_explicit(&object->alive, memory_order_relaxed) == 0);
    dbio__lock_acquire(&pool->lock);
    dbio__list_append(&pool->dead, &object->link);
    pool->dead_count++;
    dbio__lock_release(&pool->lock);
}
