/*
 * mincore.c - residency by mapping a window and asking mincore(2).
 *
 * Job:       count the cached pages of a range, where cachestat is not offered.
 * Not its:   knowing whether the caller may look (mincore.h says why that matters).
 * Callers:   engine/residency.c.
 * Lock:      none.
 * Invariant: no mapping is left behind, whatever fails.
 */
#include "os/mincore.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/range.h"
#include "os/sys.h"

#define WINDOW_BYTES   ((uint64_t)1 << 20)
#define LENGTH_MAX     ((uint64_t)64 << 20)
#define PAGE_BYTES_MIN 4096u

/* Adds the cached pages of a window of at most WINDOW_BYTES, whole pages, to *cached. */
static int
count_window(int fd, struct dbio_range window, uint64_t page, uint64_t *cached)
{
    unsigned char pages[WINDOW_BYTES / PAGE_BYTES_MIN];
    size_t length = (size_t)(window.end - window.begin), count = (size_t)(length / page);
    void *address;
    int result, undone;

    /* Private and without access: nothing can be read or faulted in through it, and the file
     * is not seen as mapped for writing. mincore looks at the page cache all the same. */
    result = dbio__sys_mmap(&address, length, PROT_NONE, MAP_PRIVATE, fd, window.begin);
    if (result != 0)
        return result;
    result = dbio__sys_mincore(address, length, pages);
    for (size_t i = 0; result == 0 && i < count; i++)
        *cached += pages[i] & 1u;
    undone = dbio__sys_munmap(address, length);
    return result != 0 ? result : undone;
}

/* [offset, offset + length) in whole pages, cut at the end of the file. */
static int
clip_range(int fd, uint64_t offset, uint64_t length, uint64_t page, struct dbio_range *range)
{
    struct stat status;
    int result = dbio__sys_fstat(fd, &status);
    uint64_t end = offset + length;

    if (result != 0)
        return result;
    if (end > (uint64_t)status.st_size)
        end = (uint64_t)status.st_size;
    *range = dbio__range_widen((struct dbio_range){offset, end}, page);
    return 0;
}

int
dbio__mincore_pages(int fd, uint64_t offset, uint64_t length, uint64_t *cached)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), pages = 0;
    struct dbio_range rest;
    int result;

    dbio_assert(length > 0 && length <= LENGTH_MAX && offset <= UINT64_MAX - length);
    result = clip_range(fd, offset, length, page, &rest);
    while (result == 0 && rest.begin < rest.end) {
        struct dbio_range window = rest;

        if (window.end - window.begin > WINDOW_BYTES)
            window.end = window.begin + WINDOW_BYTES;
        result = count_window(fd, window, page, &pages);
        rest.begin = window.end;
    }
    if (result == 0)
        *cached = pages;
    return result;
}
