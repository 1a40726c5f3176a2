/*
 * mem.h - the only door to memory.
 *
 * Two implementations, one of which is built: mem_jemalloc.c (an arena of its own in
 * jemalloc, through the non-standard API: mallctl, mallocx, sdallocx) and mem_slab.c
 * (power-of-two classes carved from anonymous mmap chunks) for the static library, the
 * shim and loadable plug-ins, where Debian's jemalloc cannot be loaded. Neither touches
 * the host program's malloc.
 *
 * All calls are thread-safe and may take a lock. Memory is zeroed. NULL when there is none.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/compiler.h"

/* `size` bytes, zeroed, aligned to at least 64 bytes if size >= 64, else 16. */
DBIO_CHECKED void *dbio__mem_alloc(size_t size);
/* `size` bytes, zeroed, aligned to `alignment` (a power of two, at most 2 MiB). */
DBIO_CHECKED void *dbio__mem_aligned(size_t alignment, size_t size);
/* Give back; `size` as asked for; both kinds. NULL is ignored. */
void dbio__mem_free(void *memory, size_t size);
/* "jemalloc" or "slab". */
const char *dbio__mem_name(void);

/* fork(2) happens while nobody is inside; parent and child both call after_fork. */
void dbio__mem_before_fork(void);
void dbio__mem_after_fork(void);

/* Tests: after `count` more successful allocations every one fails; -1 switches it off. */
void dbio__mem_fail_after(long count);
/* Tests: allocations not yet given back. */
long dbio__mem_outstanding(void);

#endif
