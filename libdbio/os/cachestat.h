/*
 * cachestat.h - pages in the page cache, by cachestat(2) (kernel 6.5).
 *
 * Remembers "not here": after ENOSYS, or EPERM from a seccomp filter on a file of ours,
 * it is not called again (dbio__cachestat_reset forgets, for tests).
 */
#ifndef OS_CACHESTAT_H
#define OS_CACHESTAT_H

#include <stdint.h>

#include "base/compiler.h"

/* *cached: pages of [offset, offset + length) in the cache; length 0 means to the end.
 * 0, -ENOSYS (not offered: ask mincore), or the kernel's error. */
DBIO_CHECKED int dbio__cachestat_pages(int fd, uint64_t offset, uint64_t length, uint64_t *cached);
void dbio__cachestat_reset(void);

#endif
