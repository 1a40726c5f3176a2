/*
 * api_statistics.c - the front door of dbio_statistics.h.
 */
#include "dbio_statistics.h"

#include <errno.h>
#include <string.h>

#include "engine/census.h"

int
dbio_statistics_path(char *path, size_t size)
{
    const char *chosen;

    if (path == NULL)
        return -EINVAL;
    chosen = dbio__census_path();
    if (chosen[0] == '\0')
        return -ENOENT;
    if (strlen(chosen) >= size)
        return -ENAMETOOLONG;
    memcpy(path, chosen, strlen(chosen) + 1);
    return 0;
}

int
dbio_statistics_open(const char *path, struct dbio_statistics_view **view)
{
    return path == NULL || view == NULL ? -EINVAL : dbio__census_open(path, view);
}

void
dbio_statistics_close(struct dbio_statistics_view *view)
{
    dbio__census_close(view);
}

/* Everything but the size. */
static void
clear(struct dbio_statistics *statistics)
{
    memset(statistics, 0, sizeof(*statistics));
    statistics->size = sizeof(*statistics);
}

int
dbio_statistics_totals(const struct dbio_statistics_view *view, struct dbio_statistics *statistics)
{
    if (view == NULL || statistics == NULL || statistics->size != sizeof(*statistics))
        return -EINVAL;
    clear(statistics);
    dbio__census_totals(view, statistics);
    return 0;
}

int
dbio_statistics_process(const struct dbio_statistics_view *view, unsigned index,
                        struct dbio_statistics *statistics)
{
    if (view == NULL || statistics == NULL || statistics->size != sizeof(*statistics))
        return -EINVAL;
    clear(statistics);
    return dbio__census_process(view, index, statistics);
}

int
dbio_statistics_switch(const char *path, int32_t pid, int on)
{
    return path == NULL || pid < 0 ? -EINVAL : dbio__census_switch(path, pid, on != 0);
}
