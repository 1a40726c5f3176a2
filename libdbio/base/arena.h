/*
 * arena.h - buffers, cut from regions.
 *
 * Two implementations, one of which is built, as of mem.h and for the same reason:
 * arena_jemalloc.c (an arena of jemalloc's whose extents are regions) and arena_slab.c (first
 * fit). The bytes of a buffer are what its last holder left.
 *
 * One thread at a time; the look-ups of dbio__arena_regions at any time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/region.h"

#define DBIO_ARENA_ALIGN ((size_t)4096)
#define DBIO_ARENA_MOST \
    ((size_t)512 << 20) /* of one buffer: jemalloc rounds up, regions end at 1 GiB */

struct dbio_arena;

/* `lent`: bytes that will be out at a time. Regions are mapped as they are needed, for sizes and
 * pieces that do not fit up to twice as many. NULL without memory. */
DBIO_CHECKED struct dbio_arena *dbio__arena_create(size_t lent);
/* Every buffer is void. `inherited`: in a child of fork, as of dbio__regions_fini. */
void dbio__arena_destroy(struct dbio_arena *arena, bool inherited);

/* `length` bytes, a multiple of 4096, up to DBIO_ARENA_MOST, aligned to DBIO_ARENA_ALIGN. 0, -ENOBUFS:
 * nothing that is mapped, or may be, is free in one piece; -ENOMEM: no memory. */
DBIO_CHECKED int dbio__arena_take(struct dbio_arena *arena, size_t length, void **memory);
/* Its length, or 0: not a buffer that is out, and nothing was done. */
DBIO_CHECKED size_t dbio__arena_give(struct dbio_arena *arena, void *memory);

const struct dbio_regions *dbio__arena_regions(const struct dbio_arena *arena);
/* "jemalloc" or "slab". */
const char *dbio__arena_name(void);

#endif
