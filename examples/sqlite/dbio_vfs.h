/*
 * dbio_vfs.h - the SQLite VFS `dbio`, for a program that links it in.
 *
 * A program that loads dbio.so (`.load ./dbio`, sqlite3_load_extension) needs no header.
 */
#ifndef DBIO_VFS_H
#define DBIO_VFS_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * dbio_vfs_register() - make the VFS `dbio` known to SQLite in this process.
 *
 * Effect:    sqlite3_open_v2(..., "dbio") and file:x.db?vfs=dbio work; with `make_default` it is
 *            also what plain names open. It stays until the process ends. Further calls may
 *            change the default and do nothing else. Reads the environment variable
 *            DBIO_SQLITE_MODE at the first call that succeeds.
 * Threads:   any thread.
 * Returns:   SQLITE_OK, or an SQLite result code; sqlite3_log() has the reason:
 *            SQLITE_ERROR   DBIO_SQLITE_MODE is not a mode, or this SQLite is older than 3.31.
 *            SQLITE_MISUSE  another copy of this VFS, or something of its name, is there already.
 *            SQLITE_NOMEM   no memory.
 */
int dbio_vfs_register(int make_default);

#ifdef __cplusplus
}
#endif

#endif
