/* span.h - requests that the caller carries out itself, and what it tells of a file. */
#ifndef ENGINE_SPAN_H
#define ENGINE_SPAN_H

#include <stdbool.h>

#include "engine/file.h"

/* As dbio_span_begin() and dbio_span_end(); arguments have been checked. */
DBIO_CHECKED int dbio__span_begin(struct dbio_file *file, enum dbio_class class,
                                  struct dbio_range range, bool nowait, struct dbio_span *span);
DBIO_CHECKED int dbio__span_end(struct dbio_file *file, struct dbio_span *span);

/* As dbio_demote(). */
DBIO_CHECKED int dbio__span_demote(struct dbio_file *file, enum dbio_reason reason);

#endif
