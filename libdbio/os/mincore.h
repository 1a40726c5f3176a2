/*
 * mincore.h - pages in the page cache, by mapping a window and mincore(2).
 *
 * The fallback for kernels before 6.5. mincore answers "all resident" for a file that the
 * caller neither owns nor may write (5.1 and later), so the caller asks only where it may
 * look. Maps at most 1 MiB at a time; 0.7 to 5 us.
 */
#ifndef OS_MINCORE_H
#define OS_MINCORE_H

#include <stdint.h>

#include "base/compiler.h"

/* *cached: pages of [offset, offset + length) in the cache, length > 0 and at most 64 MiB.
 * Pages past the end of the file count as absent. 0 or the kernel's error (-EACCES: the
 * descriptor is write-only). */
DBIO_CHECKED int dbio__mincore_pages(int fd, uint64_t offset, uint64_t length, uint64_t *cached);

#endif
