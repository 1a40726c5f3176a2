/*
 * why.c - what was decided and for which reason.
 *
 * Job:       collect a file's standing, alignment and history; hand on the words for them.
 * Not its:   the words themselves (core/names.c), the decisions.
 * Callers:   api/api_stats.c.
 * Lock:      none.
 * Invariant: reading changes nothing.
 */
#include "engine/why.h"

#include "core/names.h"

void
dbio__why_fill(const struct dbio_file *file, struct dbio_why *why)
{
    struct dbio_standing standing = dbio__file_standing(file);
    const struct dbio_facts *facts = &file->inode->facts;

    why->mode = file->options.mode;
    why->standing_direct = standing.direct;
    why->standing_reason = (uint32_t)standing.reason;
    if (file->inode->ability == DBIO_REASON_NONE) {
        why->memory_align = facts->memory_align;
        why->offset_align = facts->offset_align;
        why->atomic_bytes_max = facts->atomic_max;
    }
    dbio__stats_recall(&file->inode->history, why);
}

const char *
dbio__why_route(unsigned route)
{
    return dbio__name_route(route);
}

const char *
dbio__why_reason(unsigned reason)
{
    return dbio__name_reason(reason);
}

const char *
dbio__why_text(unsigned reason)
{
    return dbio__text_reason(reason);
}

const char *
dbio__why_stat(unsigned stat)
{
    return dbio__name_stat(stat);
}
