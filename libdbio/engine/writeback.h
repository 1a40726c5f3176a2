/* writeback.h - pushing dirty pages out. Pushing is not persisting: see durability.h. */
#ifndef ENGINE_WRITEBACK_H
#define ENGINE_WRITEBACK_H

#include "base/range.h"
#include "engine/file.h"

/* Writes the dirty pages of the range back and waits for it. 0, or the first error, which is
 * latched: sync_file_range(2) consumes it from the descriptor. */
DBIO_CHECKED int dbio__writeback_range(struct dbio_file *file, struct dbio_range range);

#endif
