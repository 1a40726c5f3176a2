/* residency.h - what of a range does the page cache hold? Advice: never fails a request. */
#ifndef ENGINE_RESIDENCY_H
#define ENGINE_RESIDENCY_H

#include "base/range.h"
#include "core/route.h"
#include "engine/file.h"

/* Asks memory, then cachestat, then mincore. `range` is page-rounded; `now_ns` CLOCK_MONOTONIC, coarsely.
 * The caller has announced the range, else the answer may be old before it is given. */
enum dbio_residency dbio__residency_look(struct dbio_file *file, struct dbio_range range,
                                         uint64_t now_ns);

/* After a direct request found nothing cached: are there pages now? Then somebody outside dbio
 * reads the file through the cache, or the file system only pretends to go direct, which is
 * learnt from repetition. Looks at the first requests of an inode and a few of the others. */
void dbio__residency_recheck(struct dbio_file *file, struct dbio_range range);

#endif
