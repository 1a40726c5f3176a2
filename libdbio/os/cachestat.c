/*
 * cachestat.c - residency by cachestat(2).
 *
 * Job:       count the cached pages of a range; remember if the kernel cannot.
 * Not its:   what to do without an answer (engine/residency.c).
 * Callers:   engine/residency.c.
 * Lock:      none: `absent` is one atomic word, and setting it twice does no harm.
 * Invariant: -ENOSYS means that the call is not offered here, whatever the file.
 */
#include "os/cachestat.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/sys.h"

static _Atomic bool absent;

/* May the caller look at this file's residency, by the kernel's rule (can_do_cachestat,
 * mm/filemap.c): open for writing, or the owner? A permission to write that comes from the mode
 * bits alone is not looked at; then EPERM is taken for the kernel's word on this file. */
static bool
is_ours(int fd)
{
    long flags = dbio__sys_fcntl(fd, F_GETFL, 0);
    struct stat status;

    if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
        return true;
    return dbio__sys_fstat(fd, &status) == 0 && status.st_uid == geteuid();
}

int
dbio__cachestat_pages(int fd, uint64_t offset, uint64_t length, uint64_t *cached)
{
    struct dbio_cachestat_range range = {offset, length > UINT64_MAX - offset ? 0 : length};
    struct dbio_cachestat counts;
    int result;

    if (atomic_load_explicit(&absent, memory_order_relaxed))
        return -ENOSYS;
    result = dbio__sys_cachestat(fd, &range, &counts);
    if (result == 0) {
        *cached = counts.cached;
        return 0;
    }
    /* Seccomp filters older than the call answer EPERM to what they do not know. */
    if (result == -EPERM && is_ours(fd))
        result = -ENOSYS;
    if (result == -ENOSYS)
        atomic_store_explicit(&absent, true, memory_order_relaxed);
    return result;
}

void
dbio__cachestat_reset(void)
{
    atomic_store(&absent, false);
}
