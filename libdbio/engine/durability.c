/*
 * durability.c - sync calls and the error latch.
 *
 * Job:       fdatasync and fsync; remember the first failure per inode, for every process.
 * Not its:   writing pages back without a promise: engine/writeback.c.
 * Callers:   api/api_file.c, engine/writeback.c, engine/transfer_write.c.
 * Lock:      none; the latch is one atomic word.
 * Invariant: once latched, no sync of the inode returns 0 until it is reopened.
 */
#include "engine/durability.h"

#include <errno.h>

#include "base/err.h"
#include "base/log.h"
#include "engine/membership.h"
#include "os/sys.h"

static struct dbio_entry *
entry_of(const struct dbio_file *file)
{
    return &dbio__membership.table->entries[file->inode->entry];
}

void
dbio__durability_latch(struct dbio_file *file, int error)
{
    int32_t nobody = 0;
    int none = 0;

    /* A common entry may be another file's. */
    if (!dbio__table_is_common(file->inode->entry))
        (void)atomic_compare_exchange_strong(&entry_of(file)->latched, &nobody, (int32_t)error);
    if (!atomic_compare_exchange_strong(&file->inode->latched, &none, error))
        return;
    atomic_store(&file->inode->unreported, true);
    dbio__context_count(file->context, DBIO_STAT_ERRORS_LATCHED, 1);
    dbio_log(DBIO_LOG_ERROR,
             "inode %llu: writeback or flush failed: %s; every sync fails until it is reopened",
             (unsigned long long)file->inode->identity.inode, dbio__err_name(error));
}

/* Was the call wrong in itself, or not made at all? Anything else may be the only word there
 * will ever be about lost pages, whatever its number: the kernel hands on what the device said. */
static bool
is_harmless(int error)
{
    return error == -EINVAL || error == -EBADF || error == -EROFS || error == -ENOSYS ||
           error == -EPERM;
}

void
dbio__durability_latch_flush(struct dbio_file *file, int error)
{
    if (error != 0 && !is_harmless(error))
        dbio__durability_latch(file, error);
}

void
dbio__durability_latch_write(struct dbio_file *file, int error)
{
    switch (-error) {
    case EFBIG: /* the write itself was refused */
    case ECANCELED:
    case EAGAIN:
    case EOPNOTSUPP:
    case EFAULT:
    case EINTR:
    case ETXTBSY:
    case ENOSPC: /* told apart by engine/transfer_write.c */
    case EDQUOT:
        break;
    default:
        dbio__durability_latch_flush(file, error);
        break;
    }
}

int
dbio__durability_report(struct dbio_file *file, int error)
{
    int latched = atomic_load(&file->inode->latched);

    if (latched != 0)
        atomic_store(&file->inode->unreported, false);
    else /* another process was told by the kernel, which tells once */
        latched = atomic_load(&entry_of(file)->latched);
    return latched != 0 ? latched : error;
}

int
dbio__durability_sync(struct dbio_file *file, bool data_only)
{
    int fd = file->descriptors->buffered, error;

    /* Always to the kernel, also when latched or when every write was direct: it flushes the
     * device cache. One descriptor is enough to flush the inode; errors that another
     * descriptor would be told are in the latch, put there by whoever consumed them. */
    do
        error = data_only ? dbio__sys_fdatasync(fd) : dbio__sys_fsync(fd);
    while (error == -EINTR);
    dbio__context_count(file->context, DBIO_STAT_SYNCS, 1);
    dbio__durability_latch_flush(file, error);
    return dbio__durability_report(file, error);
}
