/* exclusive.h - operations that are alone in their range: resizing, punching, appending. */
#ifndef ENGINE_EXCLUSIVE_H
#define ENGINE_EXCLUSIVE_H

#include "engine/arbitration.h"
#include "engine/file.h"

/* Announces the exclusive class over the range and waits. Ends with dbio__arbitration_end(). */
void dbio__exclusive_begin(struct dbio_file *file, struct dbio_range range,
                           struct dbio_announcement *announcement);

DBIO_CHECKED int dbio__exclusive_truncate(struct dbio_file *file, uint64_t size);
/* `how`: FALLOC_FL_* as of fallocate(2). */
DBIO_CHECKED int dbio__exclusive_allocate(struct dbio_file *file, int how, struct dbio_range range);
/* *offset: where the bytes stand. A count or -errno. */
DBIO_CHECKED ssize_t dbio__exclusive_append(struct dbio_file *file, const void *buffer,
                                            size_t length, bool durable, off_t *offset);

#endif
