/*
 * vfs_text.h - words: modes into numbers, counters and reasons into text for PRAGMAs.
 */
#ifndef VFS_TEXT_H
#define VFS_TEXT_H

#include "dbio.h"

/* "auto", "direct", "buffered", "dontcache": the enum dbio_mode. Anything else: -1. */
int vfs_text_mode(const char *name);

/* Text for sqlite3_free(), or NULL without memory. The first is a JSON object of the context's
 * counters, the second says how the file's requests go, and why. */
char *vfs_text_stats(struct dbio_context *context);
char *vfs_text_why(struct dbio_file *file);

#endif
