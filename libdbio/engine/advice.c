/*
 * advice.c - POSIX_FADV_* for a range.
 *
 * Job:       pass advice on; announce it where it brings pages in or throws them out.
 * Not its:   dbio's own advice on its descriptors: engine/file.c.
 * Callers:   api/api_file.c.
 * Lock:      none.
 * Invariant: advice never fails for the file system's sake.
 */
#include "engine/advice.h"

#include <errno.h>
#include <fcntl.h>

#include "engine/arbitration.h"
#include "os/sys.h"

static int
pass_on(struct dbio_file *file, struct dbio_range range, int advice)
{
    uint64_t length = range.end == DBIO_RANGE_END ? 0 : range.end - range.begin;
    int error = dbio__sys_fadvise(file->descriptors->buffered, range.begin, length, advice);

    return error == -EOPNOTSUPP || error == -ENOSYS || error == -EPERM ? 0 : error;
}

int
dbio__advice_give(struct dbio_file *file, struct dbio_range range, int advice)
{
    struct dbio_range pages = dbio__range_widen(range, file->inode->unit);
    struct dbio_announcement a;
    int error;

    if (advice != POSIX_FADV_WILLNEED && advice != POSIX_FADV_DONTNEED)
        return pass_on(file, range, advice);
    if (advice == POSIX_FADV_WILLNEED && dbio__file_standing(file).direct)
        return 0;
    /* Like a buffered read while pages are asked for, like a buffered write while dirty ones
     * are pushed out. */
    error = dbio__file_announce(
        file, advice == POSIX_FADV_WILLNEED ? DBIO_CLASS_BUFFERED_READ : DBIO_CLASS_BUFFERED_WRITE,
        pages, false, &a);
    if (error != 0)
        return error;
    if (advice == POSIX_FADV_WILLNEED)
        dbio__known_mark(&file->inode->known, pages);
    error = pass_on(file, range, advice);
    dbio__arbitration_end(&a);
    return error;
}
