/*
 * tpcc_dbio.c - the only file of the harness that knows dbio.
 *
 * Job: register dbio's SQLite VFS and name dbio's version. Leaves everything else to the engines,
 * which see dbio only as a VFS. Called from engine_sqlite.c, before threads start, and from the
 * reports. No lock.
 */
#include "dbio.h"
#include "dbio_vfs.h"

#include "tpcc_dbio.h"
#include "tpcc_util.h"

int
tpcc_dbio_register(void)
{
    int result = dbio_vfs_register(0);
    if (result)
        tpcc_complain("the SQLite VFS dbio cannot be registered (SQLite error %d)", result);
    return result ? -1 : 0;
}

const char *
tpcc_dbio_version(void)
{
    return dbio_version();
}
