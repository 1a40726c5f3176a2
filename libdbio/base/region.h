/*
 * region.h - memory for buffers, mapped in large pieces.
 *
 * A region begins at a multiple of 2 MiB, is advised to be huge pages, has every page in place,
 * and is not there in a child of fork(2): a page under I/O is never copied, and never shared with
 * a child that could write to it. Regions are only ever added, so the index of one stays its
 * name, for an io_uring that registers each.
 *
 * Each also remembers which runs of 4096-byte pages are in use, beside the memory and not in
 * it: what a caller writes after giving a buffer back cannot harm it, and a child has it.
 *
 * dbio__regions_list and _index may be called at any time; the rest, by one thread at a time.
 */
#ifndef BASE_REGION_H
#define BASE_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/compiler.h"

#define DBIO_REGION_PAGE  ((size_t)4096)
#define DBIO_REGION_ALIGN ((size_t)2 << 20)
#define DBIO_REGION_LEAST ((size_t)2 << 20)
#define DBIO_REGION_MOST  ((size_t)1 << 30) /* an io_uring registers no longer buffer */
#define DBIO_REGIONS_MOST 192u

struct dbio_region {
    char *base;
    size_t length;  /* whole pages */
    uint32_t *runs; /* for each page: pages of the run that begins there, or 0 */
    size_t lowest;  /* every page below this is in use */
};

struct dbio_regions {
    struct dbio_region list[DBIO_REGIONS_MOST];
    _Atomic uint32_t count;
    size_t mapped, most; /* bytes of all */
    int refused;         /* why dbio__regions_add last said NULL: -ENOBUFS or -ENOMEM */
};

void dbio__regions_init(struct dbio_regions *regions, size_t most);
/* Unmaps them. `inherited`: in a child of fork, where they are not mapped, and where something
 * else may be by now. */
void dbio__regions_fini(struct dbio_regions *regions, bool inherited);

/* A new region of `length` bytes, whole pages. NULL: see `refused`. */
DBIO_CHECKED char *dbio__regions_add(struct dbio_regions *regions, size_t length);

/* How many there are, and up to `room` of them in `list`, by index. More than last time: the
 * others are as they were. */
uint32_t dbio__regions_list(const struct dbio_regions *regions, struct iovec *list, uint32_t room);
/* The region that holds all of these bytes, or -1. */
int dbio__regions_index(const struct dbio_regions *regions, const void *memory, size_t length);

/* Runs of pages. Marked: in use, from `memory` on, `length` bytes, whole pages. */
void dbio__regions_mark(struct dbio_regions *regions, const void *memory, size_t length);
/* No longer in use. Its length, or 0: no run begins there. */
DBIO_CHECKED size_t dbio__regions_unmark(struct dbio_regions *regions, const void *memory);
/* The lowest `length` bytes, whole pages, of a region that are in no run; NULL if there are none. */
DBIO_CHECKED void *dbio__regions_find(struct dbio_regions *regions, uint32_t index, size_t length);

#endif
