/*
 * mem_jemalloc.c - memory from an arena of our own in jemalloc.
 *
 * Job:       mem.h for builds that link jemalloc.
 * Not its:   the host program's malloc and free: only jemalloc's non-standard functions are
 *            called, so it does not matter whose malloc the program uses.
 * Callers:   every room; never together with mem_slab.c.
 * Lock:      jemalloc's own; creation of the arena by pthread_once.
 * Invariant: no memory of ours lies in the program's arenas or thread caches.
 */
#include <jemalloc/jemalloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/mem_count.h"

static pthread_once_t arena_once = PTHREAD_ONCE_INIT;
static bool arena_made;
static unsigned arena;

static void
create_arena(void)
{
    size_t size = sizeof(arena);

    arena_made = mallctl("arenas.create", &arena, &size, NULL, 0) == 0;
}

void *
dbio__mem_aligned(size_t alignment, size_t size)
{
    void *memory;

    dbio_assert(alignment != 0 && (alignment & (alignment - 1)) == 0);
    (void)pthread_once(&arena_once, create_arena);
    if (!arena_made || !dbio__mem_count_allows())
        return NULL;
    /* No thread cache: it would be created in the host's threads and outlive our use. Our
     * allocations are rare (opens, buffers), so the arena's lock costs nothing. */
    memory = mallocx(size == 0 ? 1 : size, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE |
                                               MALLOCX_ALIGN(alignment) | MALLOCX_ZERO);
    if (memory != NULL)
        dbio__mem_count_taken();
    return memory;
}

void *
dbio__mem_alloc(size_t size)
{
    return dbio__mem_aligned(size >= DBIO_CACHE_LINE ? DBIO_CACHE_LINE : 16, size);
}

void
dbio__mem_free(void *memory, size_t size)
{
    if (memory == NULL)
        return;
    dbio_assert(sallocx(memory, 0) >= size);
    (void)size;
    /* Not sdallocx: it derives the size class from size and alignment, and the alignment that
     * was asked for is not known here. A wrong class corrupts the arena. */
    dallocx(memory, MALLOCX_TCACHE_NONE);
    dbio__mem_count_given();
}

const char *
dbio__mem_name(void)
{
    return "jemalloc";
}

/* jemalloc has handlers of its own. */
void
dbio__mem_before_fork(void)
{
}

void
dbio__mem_after_fork(void)
{
}
