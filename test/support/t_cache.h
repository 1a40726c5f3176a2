/*
 * t_cache.h - bring pages into the page cache, throw them out, count them.
 *
 * By system calls of its own, independent of the library that is tested. Each call opens and
 * closes a descriptor of the file, so this process's POSIX record locks on it are lost.
 */
#ifndef T_CACHE_H
#define T_CACHE_H

#include <stdbool.h>
#include <stdint.h>

/* Reads [offset, offset + length) into the page cache, without readahead beyond it. */
void t_cache_warm(const char *path, uint64_t offset, uint64_t length);
/* Writes the file back and drops its pages; how many stayed (tmpfs: all, they are the
 * file). */
uint64_t t_cache_drop(const char *path);
/* Cached pages of [offset, offset + length). */
uint64_t t_cache_pages(const char *path, uint64_t offset, uint64_t length);
/* Does this kernel have cachestat(2), and may we call it? */
bool t_cache_has_cachestat(void);

#endif
