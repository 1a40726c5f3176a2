/*
 * drain.c - the drain barrier and its trial.
 *
 * Job:       find allocated space, call fallocate over it; find out whether that waits.
 * Not its:   when to drain, and what to do where it does not wait: engine/recovery.c.
 * Callers:   engine/recovery.c.
 * Lock:      none.
 * Invariant: neither bytes nor size nor allocation of the file change.
 */
#include "os/drain.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "os/clock.h"
#include "os/sys.h"

#define EXTENTS      8u
#define BARRIER_MOST 4096u /* bytes; a block is enough, and long ranges cost time */
#define READS        8u
#define READ_BYTES   ((uint64_t)256 * 1024)
#define READS_ENOUGH 3        /* outstanding when the barrier began: then its end tells something */
#define SETTLE_NS    1000000u /* a request is over a little before its completion is there to read */

/* Extents whose blocks are not (yet) where a direct request could find them. */
#define NOT_PLAIN                                                                 \
    (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_DATA_INLINE | \
     FIEMAP_EXTENT_DATA_TAIL | FIEMAP_EXTENT_NOT_ALIGNED | FIEMAP_EXTENT_DATA_ENCRYPTED)

struct extent {
    uint64_t offset, length; /* bytes */
};

/* Some allocated space of the file. */
static int
find_extent(int fd, struct extent *found)
{
    union {
        struct fiemap head;
        unsigned char bytes[sizeof(struct fiemap) + EXTENTS * sizeof(struct fiemap_extent)];
    } map;
    const struct fiemap_extent *extents = map.head.fm_extents;
    uint32_t i;
    int error;

    memset(&map, 0, sizeof(map));
    map.head.fm_length = FIEMAP_MAX_OFFSET;
    map.head.fm_extent_count = EXTENTS;
    error = dbio__sys_ioctl(fd, FS_IOC_FIEMAP, &map);
    if (error != 0)
        return error;
    for (i = 0; i < map.head.fm_mapped_extents && i < EXTENTS; i++) {
        if ((extents[i].fe_flags & NOT_PLAIN) != 0)
            continue;
        *found = (struct extent){extents[i].fe_logical, extents[i].fe_length};
        return 0;
    }
    return -ENODATA;
}

int
dbio__drain_wait(int fd)
{
    struct extent extent;
    int error = find_extent(fd, &extent);

    if (error != 0)
        return error;
    if (extent.length > BARRIER_MOST)
        extent.length = BARRIER_MOST;
    do
        error = dbio__sys_fallocate(fd, FALLOC_FL_KEEP_SIZE, extent.offset, extent.length);
    while (error == -EINTR);
    return error;
}

/* Completions that are there, added to *seen. */
static void
reap(unsigned long queue, int *seen)
{
    struct io_event events[READS];
    int count = dbio__sys_io_getevents(queue, READS, events);

    if (count > 0)
        *seen += count;
}

/* Reads the extent, READS times over, all outstanding at once; what is read nobody looks at. */
static int
submit_reads(unsigned long queue, int fd, const struct extent *extent, void *memory)
{
    struct iocb requests[READS], *list[READS];
    uint32_t i;

    memset(requests, 0, sizeof(requests));
    for (i = 0; i < READS; i++) {
        requests[i].aio_lio_opcode = IOCB_CMD_PREAD;
        requests[i].aio_fildes = (uint32_t)fd;
        requests[i].aio_buf = (uint64_t)(uintptr_t)memory;
        requests[i].aio_nbytes = extent->length < READ_BYTES ? extent->length : READ_BYTES;
        requests[i].aio_offset = (int64_t)extent->offset;
        list[i] = &requests[i];
    }
    return dbio__sys_io_submit(queue, READS, list);
}

static enum dbio_drain
try_behind_reads(unsigned long queue, int fd, int direct, void *memory)
{
    struct extent extent;
    int submitted, seen = 0;
    uint64_t end;

    if (find_extent(fd, &extent) != 0)
        return DBIO_DRAIN_UNKNOWN;
    submitted = submit_reads(queue, direct, &extent, memory);
    if (submitted <= 0)
        return DBIO_DRAIN_UNKNOWN;
    reap(queue, &seen);
    if (submitted - seen < READS_ENOUGH || dbio__drain_wait(fd) != 0)
        return DBIO_DRAIN_UNKNOWN;
    end = dbio__clock_ns() + SETTLE_NS;
    do
        reap(queue, &seen);
    while (seen < submitted && dbio__clock_ns() < end);
    return seen == submitted ? DBIO_DRAIN_WAITS : DBIO_DRAIN_DOES_NOT;
}

enum dbio_drain
dbio__drain_try(int fd, int direct)
{
    enum dbio_drain verdict = DBIO_DRAIN_UNKNOWN;
    void *memory = dbio__mem_aligned(BARRIER_MOST, READ_BYTES);
    unsigned long queue = 0;

    if (memory != NULL && dbio__sys_io_setup(READS, &queue) == 0) {
        verdict = try_behind_reads(queue, fd, direct, memory);
        (void)dbio__sys_io_destroy(queue); /* waits for what it still has */
    }
    dbio__mem_free(memory, READ_BYTES);
    return verdict;
}
