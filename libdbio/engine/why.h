/* why.h - what was decided and for which reason, in numbers and in words. */
#ifndef ENGINE_WHY_H
#define ENGINE_WHY_H

#include "engine/file.h"

/* Fills *why but for its size. */
void dbio__why_fill(const struct dbio_file *file, struct dbio_why *why);

/* As dbio_route_name(), dbio_reason_name(), dbio_reason_text() and dbio_stats_name(). */
const char *dbio__why_route(unsigned route);
const char *dbio__why_reason(unsigned reason);
const char *dbio__why_text(unsigned reason);
const char *dbio__why_stat(unsigned stat);

#endif
