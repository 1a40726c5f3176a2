/*
 * dbio_stats.h - what was done, and what was decided and why.
 *
 * Part of dbio, BSD-2-Clause. See LICENSE.
 */
#ifndef DBIO_STATS_H
#define DBIO_STATS_H

#include "dbio_export.h"
#include "dbio_types.h"

DBIO_BEGIN_DECLS

/**
 * dbio_stats_read() - read the counters of a context.
 *
 * Effect:    fills stats->counters, indexed by enum dbio_stat. Set stats->size first.
 *            Each counter is exact; together they are not one instant.
 * Threads:   any thread, at any time.   Blocks: no.
 * Returns:   0.
 * Errors:    -EINVAL  NULL, or stats->size is not a size that a version of this
 *                     library had.
 *            -EBADF   the context was destroyed.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_stats_read(struct dbio_context *context,
                                              struct dbio_stats *stats);

/**
 * dbio_stats_name() - the name of a counter ("direct_bytes"), or NULL past the last.
 * The text is static. Any thread, async-signal-safe.   Since: 0.1
 */
DBIO_EXPORT const char *dbio_stats_name(unsigned index);

/**
 * dbio_untracked() - tell that `requests` were carried out past dbio, to be counted as such.
 * Any thread.   Returns: 0, -EINVAL or -EBADF for the context.   Since: 0.1
 */
DBIO_EXPORT int dbio_untracked(struct dbio_context *context, uint64_t requests);

/**
 * dbio_why() - how a file's requests go, and why.
 *
 * Effect:    fills *why. Set why->size first. Counts are of the inode: they include the
 *            requests of every handle on the same file in this process.
 * Threads:   any thread, at any time while the file is open.   Blocks: no.
 * Returns:   0.
 * Errors:    -EINVAL  NULL or a wrong size.   -EBADF  the file was closed.
 * Since:     0.1
 */
DBIO_EXPORT DBIO_MUST_USE int dbio_why(struct dbio_file *file, struct dbio_why *why);

/** dbio_route_name() - "direct_bounce"; "?" if unknown. Static text, any thread. Since 0.1 */
DBIO_EXPORT const char *dbio_route_name(unsigned route);
/** dbio_reason_name() - "range_cached"; "?" if unknown. Static text, any thread. Since 0.1 */
DBIO_EXPORT const char *dbio_reason_name(unsigned reason);
/** dbio_reason_text() - a sentence that explains the reason. Static text. Since 0.1 */
DBIO_EXPORT const char *dbio_reason_text(unsigned reason);

DBIO_END_DECLS

#endif
