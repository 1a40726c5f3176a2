/* census.h - what all contexts on a board have counted, seen from outside. */
#ifndef ENGINE_CENSUS_H
#define ENGINE_CENSUS_H

#include <stdbool.h>

#include "base/compiler.h"
#include "dbio_types.h"

/* Where contexts count unless told otherwise; "" if switched off. Static text. */
const char *dbio__census_path(void);

/* As the functions of dbio_statistics.h; arguments have been checked. */
DBIO_CHECKED int dbio__census_open(const char *path, struct dbio_statistics_view **view);
void dbio__census_close(struct dbio_statistics_view *view);
void dbio__census_totals(const struct dbio_statistics_view *view,
                         struct dbio_statistics *statistics);
DBIO_CHECKED int dbio__census_process(const struct dbio_statistics_view *view, unsigned index,
                                      struct dbio_statistics *statistics);
DBIO_CHECKED int dbio__census_switch(const char *path, int32_t pid, bool on);

#endif
