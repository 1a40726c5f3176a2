/*
 * vfs_module.c - what `.load ./dbio` calls.
 *
 * Job:       the extension's entry point. Leaves everything else to dbio_vfs.c. Only in dbio.so;
 *            a program that links the VFS in calls dbio_vfs_register() itself.
 * Callers:   SQLite, once for every load.
 * Lock:      none.
 * Invariant: once it succeeded the module stays loaded, because SQLite never forgets a VFS.
 */
#include <sqlite3ext.h>

#include "dbio.h"
#include "dbio_vfs.h"

#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT1

DBIO_EXPORT int sqlite3_dbio_init(sqlite3 *database, char **message,
                                  const sqlite3_api_routines *api);

int
sqlite3_dbio_init(sqlite3 *database, char **message, const sqlite3_api_routines *api)
{
    const char *wish = getenv("DBIO_SQLITE_DEFAULT");
    int result;

    (void)database;
    SQLITE_EXTENSION_INIT2(api);
    result = dbio_vfs_register(wish && strcmp(wish, "1") == 0);
    if (result == SQLITE_OK)
        return SQLITE_OK_LOAD_PERMANENTLY;
    *message = sqlite3_mprintf("the VFS dbio cannot be registered (%s): is DBIO_SQLITE_MODE one "
                               "of auto, direct, buffered, dontcache, and SQLite 3.31 or later?",
                               sqlite3_errstr(result));
    return result;
}
