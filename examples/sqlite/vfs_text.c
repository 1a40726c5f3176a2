/*
 * vfs_text.c - modes from words, and answers to PRAGMA dbio_stats and PRAGMA dbio_why.
 *
 * Job:       text in and out. Leaves to others: where the words come from and go to.
 * Callers:   dbio_vfs.c (modes), vfs_file.c (PRAGMAs).
 * Lock:      none; dbio's counters may be read at any time.
 * Invariant: the keys of the JSON object are dbio_stats_name()'s, and nothing else.
 */
#include <sqlite3ext.h>

#include "vfs_text.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

static const char *const mode_names[] = {
    [DBIO_MODE_AUTO] = "auto",
    [DBIO_MODE_DIRECT] = "direct",
    [DBIO_MODE_BUFFERED] = "buffered",
    [DBIO_MODE_DONTCACHE] = "dontcache",
};

#define MODE_COUNT (sizeof(mode_names) / sizeof(mode_names[0]))

int
vfs_text_mode(const char *name)
{
    for (int mode = 0; mode < (int)MODE_COUNT; mode++) {
        if (strcmp(name, mode_names[mode]) == 0)
            return mode;
    }
    return -1;
}

static const char *
name_mode(uint32_t mode)
{
    return mode < MODE_COUNT ? mode_names[mode] : "?";
}

char *
vfs_text_stats(struct dbio_context *context)
{
    struct dbio_stats stats = {.size = sizeof(stats)};
    sqlite3_str *text = sqlite3_str_new(NULL);
    int error = dbio_stats_read(context, &stats);

    sqlite3_str_appendchar(text, 1, '{');
    for (unsigned i = 0; i < DBIO_STAT_COUNT && error == 0; i++)
        sqlite3_str_appendf(text, "%s\"%s\":%llu", i ? "," : "", dbio_stats_name(i),
                            (sqlite3_uint64)stats.counters[i]);
    sqlite3_str_appendchar(text, 1, '}');
    return sqlite3_str_finish(text);
}

/* The routes that were taken: "direct 12, buffered 3". */
static void
append_routes(sqlite3_str *text, const struct dbio_why *why)
{
    const char *separator = "";

    for (unsigned route = 0; route < DBIO_ROUTE_COUNT; route++) {
        if (why->routes[route] == 0)
            continue;
        sqlite3_str_appendf(text, "%s%s %llu", separator, dbio_route_name(route),
                            (sqlite3_uint64)why->routes[route]);
        separator = ", ";
    }
    if (*separator == 0)
        sqlite3_str_appendf(text, "none");
}

char *
vfs_text_why(struct dbio_file *file)
{
    struct dbio_why why = {.size = sizeof(why)};
    sqlite3_str *text = sqlite3_str_new(NULL);
    int error = dbio_why(file, &why);

    if (error) {
        sqlite3_str_appendf(text, "unknown: %s", dbio_error_text(error));
        return sqlite3_str_finish(text);
    }
    sqlite3_str_appendf(
        text, "mode %s; standing %s, reason %s: %s; requests: ", name_mode(why.mode),
        why.standing_direct ? "direct" : "buffered", dbio_reason_name(why.standing_reason),
        dbio_reason_text(why.standing_reason));
    append_routes(text, &why);
    sqlite3_str_appendf(text, "; last: route %s, reason %s: %s", dbio_route_name(why.last_route),
                        dbio_reason_name(why.last_reason), dbio_reason_text(why.last_reason));
    if (why.offset_align)
        sqlite3_str_appendf(text, "; direct alignment: memory %u, offset %u", why.memory_align,
                            why.offset_align);
    return sqlite3_str_finish(text);
}
