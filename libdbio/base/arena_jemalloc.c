/*
 * arena_jemalloc.c - buffers from an arena of jemalloc's whose extents are regions.
 *
 * Job:       arena.h for builds that link jemalloc.
 * Not its:   the memory behind it: region.c. Nor mem.h: that arena has ordinary memory.
 * Callers:   engine/buffers.c; never together with arena_slab.c.
 * Lock:      the caller's, and jemalloc's own below it.
 * Invariant: nothing of jemalloc's own lies in a region; a region is never given back, purged or
 *            remapped, since an io_uring may have registered its pages.
 *
 * jemalloc takes room for its books from the same hooks. It must not get a region: its handlers of
 * fork(2) read those books in the child, where regions are not. It asks for them at a multiple
 * of 2 MiB, and for buffers at a multiple of a page, as we ask it to; that tells them apart
 * (experimental.arenas_create_ext would say it outright, but is not in every 5.x).
 */
#include <errno.h>
#include <jemalloc/jemalloc.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/mem_map.h"
#include "base/range.h"

#define BOOKS_ALIGN ((size_t)1 << 20) /* asked for at so much or more: for its books */

struct dbio_arena {
    extent_hooks_t hooks;
    struct dbio_regions regions;
    unsigned number;
};

static struct dbio_arena *
arena_of(extent_hooks_t *hooks)
{
    return DBIO_CONTAINER_OF(hooks, struct dbio_arena, hooks);
}

static void *
allocate_extent(extent_hooks_t *hooks, void *address, size_t size, size_t alignment, bool *zero,
                bool *commit, unsigned number)
{
    (void)number;
    if (address != NULL) /* to grow one in its place */
        return NULL;
    *zero = true;
    *commit = true;
    if (alignment >= BOOKS_ALIGN)
        return dbio__mem_map(alignment, size);
    return dbio__regions_add(&arena_of(hooks)->regions, size);
}

/* True: it was not given back, keep it for later. */
static bool
deallocate_extent(extent_hooks_t *hooks, void *address, size_t size, bool committed,
                  unsigned number)
{
    (void)committed;
    (void)number;
    return dbio__regions_index(&arena_of(hooks)->regions, address, size) >= 0 ||
           munmap(address, size) != 0;
}

/* False: done. There is nothing to do, all pages being alike. */
static bool
split_extent(extent_hooks_t *hooks, void *address, size_t size, size_t first, size_t second,
             bool committed, unsigned number)
{
    (void)hooks, (void)address, (void)size, (void)first, (void)second, (void)committed,
        (void)number;
    return false;
}

/* Two regions may lie side by side; a buffer must be in one. */
static bool
merge_extents(extent_hooks_t *hooks, void *first, size_t first_size, void *second,
              size_t second_size, bool committed, unsigned number)
{
    (void)second, (void)committed, (void)number;
    return dbio__regions_index(&arena_of(hooks)->regions, first, first_size + second_size) < 0;
}

/* What is missing (commit, decommit, purge) is never done. */
static const extent_hooks_t region_hooks = {
    .alloc = allocate_extent,
    .dalloc = deallocate_extent,
    .split = split_extent,
    .merge = merge_extents,
};

/* A control of one arena. */
static int
control(const struct dbio_arena *arena, const char *what, void *value, size_t size)
{
    char name[64];
    int length = snprintf(name, sizeof(name), "arena.%u.%s", arena->number, what);

    dbio_assert(length > 0 && (size_t)length < sizeof(name));
    (void)length;
    return mallctl(name, NULL, NULL, value, size);
}

struct dbio_arena *
dbio__arena_create(size_t lent)
{
    struct dbio_arena *arena = dbio__mem_alloc(sizeof(*arena));
    size_t size = sizeof(arena->number);
    size_t step = lent / 8 < DBIO_REGION_LEAST ? DBIO_REGION_LEAST : lent / 8;
    ssize_t at_once = 0;
    extent_hooks_t *hooks;

    if (arena == NULL)
        return NULL;
    arena->hooks = region_hooks;
    hooks = &arena->hooks;
    dbio__regions_init(&arena->regions, 2 * lent + 2 * DBIO_REGION_LEAST);
    if (mallctl("arenas.create", &arena->number, &size, &hooks, sizeof(hooks)) != 0) {
        dbio__mem_free(arena, sizeof(*arena));
        return NULL;
    }
    /* Regions grow to an eighth, and no further than one that an io_uring would register. All three
     * are about economy: what cannot be set stays as jemalloc has it. */
    step = step > DBIO_REGION_MOST ? DBIO_REGION_MOST : step;
    (void)control(arena, "retain_grow_limit", &step, sizeof(step));
    /* "Decay" gives nothing back here, the hooks seeing to that; but only what has decayed is merged
     * with its neighbours, and may be cut up for a much smaller buffer. */
    (void)control(arena, "dirty_decay_ms", &at_once, sizeof(at_once));
    (void)control(arena, "muzzy_decay_ms", &at_once, sizeof(at_once));
    return arena;
}

void
dbio__arena_destroy(struct dbio_arena *arena, bool inherited)
{
    int error = control(arena, "destroy", NULL, 0);

    /* Else jemalloc would believe in extents that are gone. */
    dbio_verify(error == 0);
    dbio__regions_fini(&arena->regions, inherited);
    dbio__mem_free(arena, sizeof(*arena));
}

static void *
take_from(struct dbio_arena *arena, size_t length)
{
    arena->regions.refused = 0;
    return mallocx(length, MALLOCX_ARENA(arena->number) | MALLOCX_TCACHE_NONE |
                               MALLOCX_ALIGN(DBIO_ARENA_ALIGN));
}

int
dbio__arena_take(struct dbio_arena *arena, size_t length, void **memory)
{
    void *taken = take_from(arena, length);

    dbio_assert(length != 0 && length % DBIO_REGION_PAGE == 0 && length <= DBIO_ARENA_MOST);
    if (taken == NULL && arena->regions.refused == -ENOBUFS && length < DBIO_REGION_LEAST) {
        /* jemalloc asked for the next larger region and then (or, with opt.retain off, at once)
         * for as little as the buffer takes. Something in between may be had. */
        void *between = take_from(arena, DBIO_REGION_LEAST);

        if (between != NULL) {
            dallocx(between, MALLOCX_TCACHE_NONE);
            taken = take_from(arena, length);
        }
    }
    if (taken == NULL) /* without having asked for a region: its books are full */
        return arena->regions.refused != 0 ? arena->regions.refused : -ENOMEM;
    dbio__regions_mark(&arena->regions, taken, length);
    *memory = taken;
    return 0;
}

size_t
dbio__arena_give(struct dbio_arena *arena, void *memory)
{
    size_t length = dbio__regions_unmark(&arena->regions, memory);

    if (length != 0)
        dallocx(memory, MALLOCX_TCACHE_NONE);
    return length;
}

const struct dbio_regions *
dbio__arena_regions(const struct dbio_arena *arena)
{
    return &arena->regions;
}

const char *
dbio__arena_name(void)
{
    return "jemalloc";
}
