/*
 * vfs_file.h - an open file of the VFS: two views of one inode, and the methods SQLite calls.
 */
#ifndef VFS_FILE_H
#define VFS_FILE_H

#include <sqlite3ext.h>

#include "dbio.h"

/* What SQLite's sqlite3_file pointer points to. The unix VFS's own file follows it in memory. */
struct vfs_file {
    sqlite3_file head; /* first: SQLite sees only this */
    struct dbio_context *context;
    struct dbio_file *data; /* bytes, sizes, syncs */
    sqlite3_file *base;     /* locks, shared memory, what the device promises */
    const char *path;       /* SQLite's; valid until xClose */
    sqlite3_int64 chunk;    /* the file grows and shrinks in these bytes; 0 if it does not */
    int directory_due;      /* a new journal: its name is not durable yet */
    int last_errno;         /* of the last call that failed here; 0 if none has */
};

/* Gives `file`, whose fields are filled in, the methods that fit its base. */
void vfs_file_methods(struct vfs_file *file);

#endif
