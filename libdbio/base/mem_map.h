/* mem_map.h - anonymous memory from the kernel, aligned. For the rooms of memory only. */
#ifndef BASE_MEM_MAP_H
#define BASE_MEM_MAP_H

#include <stddef.h>

#include "base/compiler.h"

/* A mapping of `size` bytes, whole pages, zero, at a multiple of `alignment` (a power of two).
 * NULL if there is none. munmap(2) gives it back. */
DBIO_CHECKED void *dbio__mem_map(size_t alignment, size_t size);

#endif
