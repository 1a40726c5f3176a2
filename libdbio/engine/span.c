/*
 * span.c - requests that the caller carries out itself, and what it tells of a file.
 *
 * Job:       announce on the caller's behalf; remember what such requests leave in the cache.
 * Not its:   the requests.
 * Callers:   api/api_file.c.
 * Lock:      none.
 * Invariant: a span that was begun is in the table until it is ended, or its thread ends.
 */
#include "engine/span.h"

#include <errno.h>
#include <string.h>

#include "engine/arbitration.h"
#include "engine/mapping.h"

#define SPAN_MAGIC UINT64_C(0x6462696f7370616e) /* "dbiospan" */

struct span {
    uint64_t magic; /* while it lasts */
    struct dbio_announcement announcement;
    enum dbio_class class;
};
_Static_assert(sizeof(struct span) <= sizeof(struct dbio_span), "a span holds an announcement");

/* Pages that it brings in, the kernel's readahead included. */
static void
mark_cached(struct dbio_file *file, const struct span *span)
{
    struct dbio_range range = span->announcement.range;

    if (span->class == DBIO_CLASS_DIRECT_READ || span->class == DBIO_CLASS_DIRECT_WRITE)
        return;
    if (range.end < DBIO_RANGE_END - DBIO_KNOWN_READAHEAD)
        range.end += DBIO_KNOWN_READAHEAD;
    dbio__known_mark(&file->inode->known, range);
}

int
dbio__span_begin(struct dbio_file *file, enum dbio_class class, struct dbio_range range,
                 bool nowait, struct dbio_span *words)
{
    struct span span = {.magic = SPAN_MAGIC, .class = class};
    int error = dbio__file_announce(file, class, dbio__range_widen(range, file->inode->unit),
                                    nowait, &span.announcement);

    if (error != 0)
        return error;
    dbio__context_count(file->context, DBIO_STAT_SPANS, 1);
    mark_cached(file, &span);
    memcpy(words, &span, sizeof(span));
    return 0;
}

int
dbio__span_end(struct dbio_file *file, struct dbio_span *words)
{
    struct span span;

    memcpy(&span, words, sizeof(span));
    if (span.magic != SPAN_MAGIC)
        return -EINVAL;
    words->words[0] = 0;
    mark_cached(file, &span);
    dbio__arbitration_end(&span.announcement);
    return 0;
}

int
dbio__span_demote(struct dbio_file *file, enum dbio_reason reason)
{
    int error = reason == DBIO_REASON_FILE_MAPPED ? dbio__mapping_pin_for_good(file) : 0;
    bool first = error == 0 && dbio__inode_demote(file->inode, reason);

    if (first)
        dbio__context_count(file->context, DBIO_STAT_DEMOTIONS, 1);
    return error;
}
