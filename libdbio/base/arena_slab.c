/*
 * arena_slab.c - buffers from regions, first fit.
 *
 * Job:       arena.h for builds that cannot load jemalloc: the static library, plug-ins, the
 *            shim.
 * Not its:   which pages are in use: region.c remembers that, and this looks there.
 * Callers:   engine/buffers.c; never together with arena_jemalloc.c.
 * Lock:      the caller's.
 * Invariant: what is lent is a marked run; all other pages are free.
 *
 * First fit, because neighbours that are free are one piece without anything being merged, and
 * 1 MiB takes 1 MiB. Free lists of powers of two would be found faster, and lend out half of what
 * there is at worst.
 */
#include <errno.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/range.h"

struct dbio_arena {
    struct dbio_regions regions;
    size_t step; /* bytes of a region, unless a buffer needs more */
};

struct dbio_arena *
dbio__arena_create(size_t lent)
{
    struct dbio_arena *arena = dbio__mem_alloc(sizeof(*arena));

    if (arena == NULL)
        return NULL;
    dbio__regions_init(&arena->regions, 2 * lent + 2 * DBIO_REGION_LEAST);
    /* Eighths: few regions to look through, and not all the memory for the first buffer. */
    arena->step = (size_t)dbio__round_up(lent / 8, DBIO_REGION_ALIGN);
    if (arena->step > DBIO_REGION_MOST)
        arena->step = DBIO_REGION_MOST;
    return arena;
}

void
dbio__arena_destroy(struct dbio_arena *arena, bool inherited)
{
    dbio__regions_fini(&arena->regions, inherited);
    dbio__mem_free(arena, sizeof(*arena));
}

static void *
find_free(struct dbio_arena *arena, size_t length)
{
    uint32_t i, count = dbio__regions_list(&arena->regions, NULL, 0);
    void *found = NULL;

    for (i = 0; i < count && found == NULL; i++)
        found = dbio__regions_find(&arena->regions, i, length);
    return found;
}

/* A region for a buffer of `length` bytes: of the usual size, else of what the buffer needs. */
static void *
add_region(struct dbio_arena *arena, size_t length)
{
    size_t needed = (size_t)dbio__round_up(length, DBIO_REGION_ALIGN);
    char *base = NULL;

    if (needed < arena->step)
        base = dbio__regions_add(&arena->regions, arena->step);
    return base != NULL ? base : dbio__regions_add(&arena->regions, needed);
}

int
dbio__arena_take(struct dbio_arena *arena, size_t length, void **memory)
{
    void *found = find_free(arena, length);

    dbio_assert(length != 0 && length % DBIO_REGION_PAGE == 0 && length <= DBIO_ARENA_MOST);
    if (found == NULL)
        found = add_region(arena, length);
    if (found == NULL)
        return arena->regions.refused;
    dbio__regions_mark(&arena->regions, found, length);
    *memory = found;
    return 0;
}

size_t
dbio__arena_give(struct dbio_arena *arena, void *memory)
{
    return dbio__regions_unmark(&arena->regions, memory);
}

const struct dbio_regions *
dbio__arena_regions(const struct dbio_arena *arena)
{
    return &arena->regions;
}

const char *
dbio__arena_name(void)
{
    return "slab";
}
