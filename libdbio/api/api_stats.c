/* api_stats.c - the front door of dbio_stats.h. */
#include "dbio_stats.h"

#include <string.h>

#include "api/arguments.h"
#include "engine/why.h"

int
dbio_stats_read(struct dbio_context *context, struct dbio_stats *stats)
{
    int error = dbio__check_context(context);
    unsigned i;

    if (error != 0)
        return error;
    if (stats == NULL || stats->size != sizeof(*stats))
        return -EINVAL;
    for (i = 0; i < DBIO_STAT_COUNT; i++)
        stats->counters[i] = dbio__context_stat(context, (enum dbio_stat)i);
    return 0;
}

int
dbio_untracked(struct dbio_context *context, uint64_t requests)
{
    int error = dbio__check_context(context);

    if (error == 0)
        dbio__context_count(context, DBIO_STAT_UNTRACKED, requests);
    return error;
}

const char *
dbio_stats_name(unsigned index)
{
    return dbio__why_stat(index);
}

int
dbio_why(struct dbio_file *file, struct dbio_why *why)
{
    int error = dbio__check_file(file);

    if (error != 0)
        return error;
    if (why == NULL || why->size != sizeof(*why))
        return -EINVAL;
    memset(why, 0, sizeof(*why));
    why->size = sizeof(*why);
    dbio__why_fill(file, why);
    return 0;
}

const char *
dbio_route_name(unsigned route)
{
    return dbio__why_route(route);
}

const char *
dbio_reason_name(unsigned reason)
{
    return dbio__why_reason(reason);
}

const char *
dbio_reason_text(unsigned reason)
{
    return dbio__why_text(reason);
}
