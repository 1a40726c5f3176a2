/* durability.h - the only room that promises stable storage; failed flushes are remembered. */
#ifndef ENGINE_DURABILITY_H
#define ENGINE_DURABILITY_H

#include <stdbool.h>

#include "engine/file.h"

/* fdatasync or fsync. 0, or the inode's first failure, now or earlier. */
DBIO_CHECKED int dbio__durability_sync(struct dbio_file *file, bool data_only);

/* What a sync that came to `error` says: the latched failure, if there is one. */
DBIO_CHECKED int dbio__durability_report(struct dbio_file *file, int error);

/* A writeback or flush failed: every later sync of the inode says so. */
void dbio__durability_latch(struct dbio_file *file, int error);
/* A write that carried RWF_DSYNC failed. Latched if it may have been the flush in it, which tells
 * of what earlier writes left in the cache, too. */
void dbio__durability_latch_write(struct dbio_file *file, int error);

/* A flush or writeback failed: latched unless the call was wrong in itself or not made. */
void dbio__durability_latch_flush(struct dbio_file *file, int error);

#endif
