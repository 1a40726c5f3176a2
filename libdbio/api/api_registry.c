/*
 * api_registry.c - the front door of dbio_registry.h.
 */
#include "dbio_registry.h"

#include <errno.h>
#include <string.h>

#include "engine/outlook.h"

int
dbio_registry_path(char *path, size_t size)
{
    const char *chosen;

    if (path == NULL)
        return -EINVAL;
    chosen = dbio__outlook_path();
    if (chosen[0] == '\0')
        return -ENOENT;
    if (strlen(chosen) >= size)
        return -ENAMETOOLONG;
    memcpy(path, chosen, strlen(chosen) + 1);
    return 0;
}

int
dbio_registry_open(const char *path, struct dbio_registry_view **view)
{
    return path == NULL || view == NULL ? -EINVAL : dbio__outlook_open(path, view);
}

int
dbio_registry_refresh(struct dbio_registry_view *view)
{
    return view == NULL ? -EINVAL : dbio__outlook_refresh(view);
}

void
dbio_registry_close(struct dbio_registry_view *view)
{
    dbio__outlook_close(view);
}

int
dbio_registry_info(const struct dbio_registry_view *view, struct dbio_registry_info *info)
{
    if (view == NULL || info == NULL || info->size != sizeof(*info))
        return -EINVAL;
    dbio__outlook_info(view, info);
    return 0;
}

int
dbio_registry_process(const struct dbio_registry_view *view, unsigned index,
                      struct dbio_registry_process *process)
{
    if (view == NULL || process == NULL || process->size != sizeof(*process))
        return -EINVAL;
    return dbio__outlook_process(view, index, process);
}

int
dbio_registry_request(const struct dbio_registry_view *view, unsigned index,
                      struct dbio_registry_request *request)
{
    if (view == NULL || request == NULL || request->size != sizeof(*request))
        return -EINVAL;
    return dbio__outlook_request(view, index, request);
}

const char *
dbio_class_name(unsigned io_class)
{
    return dbio__outlook_class(io_class);
}
