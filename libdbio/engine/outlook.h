/* outlook.h - a registry seen from outside: snapshots for reports. */
#ifndef ENGINE_OUTLOOK_H
#define ENGINE_OUTLOOK_H

#include "base/compiler.h"
#include "dbio_types.h"

/* As dbio_registry_open(), _refresh() and _close(). */
DBIO_CHECKED int dbio__outlook_open(const char *path, struct dbio_registry_view **view);
DBIO_CHECKED int dbio__outlook_refresh(struct dbio_registry_view *view);
void dbio__outlook_close(struct dbio_registry_view *view);

/* Fill in all but the sizes. The indices are in range, or -ENOENT. */
void dbio__outlook_info(const struct dbio_registry_view *view, struct dbio_registry_info *info);
DBIO_CHECKED int dbio__outlook_process(const struct dbio_registry_view *view, unsigned index,
                                       struct dbio_registry_process *process);
DBIO_CHECKED int dbio__outlook_request(const struct dbio_registry_view *view, unsigned index,
                                       struct dbio_registry_request *request);

/* The path that DBIO_REGISTRY or the default names; "" if switched off. Valid until the next call
 * in this thread. */
const char *dbio__outlook_path(void);

/* "direct write"; "?" if unknown. */
const char *dbio__outlook_class(unsigned io_class);

#endif
