/* t_cache.c - bring pages into the page cache, throw them out, count them. */
#include "t_cache.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CACHESTAT_NUMBER 451
#define DROP_TRIES       20

static int
open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    ck_assert_msg(fd >= 0, "open %s: %s", path, strerror(errno));
    return fd;
}

void
t_cache_warm(const char *path, uint64_t offset, uint64_t length)
{
    int fd = open_file(path);
    uint64_t end = offset + length;
    char page[4096];

    ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
    while (offset < end) {
        uint64_t wanted = sizeof(page) - offset % sizeof(page);
        ssize_t got;

        if (wanted > end - offset)
            wanted = end - offset;
        got = pread(fd, page, (size_t)wanted, (off_t)offset);
        ck_assert_msg(got >= 0, "pread %s at %" PRIu64 ": %s", path, offset, strerror(errno));
        if (got == 0)
            break;
        offset += (uint64_t)got;
    }
    close(fd);
}

/* By mincore, for kernels without cachestat. */
static uint64_t
count_mapped(int fd, uint64_t offset, uint64_t length)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), begin = offset - offset % page, count = 0;
    size_t pages = (size_t)((offset + length - begin + page - 1) / page);
    void *address = mmap(NULL, pages * page, PROT_NONE, MAP_PRIVATE, fd, (off_t)begin);
    unsigned char *resident = malloc(pages);

    ck_assert_msg(address != MAP_FAILED && resident != NULL, "mmap: %s", strerror(errno));
    ck_assert_msg(mincore(address, pages * page, resident) == 0, "mincore: %s", strerror(errno));
    for (size_t i = 0; i < pages; i++)
        count += resident[i] & 1u;
    free(resident);
    munmap(address, pages * page);
    return count;
}

/* -1 with errno where there is no cachestat. */
static int64_t
count_cached(int fd, uint64_t offset, uint64_t length)
{
    uint64_t range[2] = {offset, length}, counts[5];

    return syscall(CACHESTAT_NUMBER, fd, range, counts, 0) == 0 ? (int64_t)counts[0] : -1;
}

bool
t_cache_has_cachestat(void)
{
    return count_cached(-1, 0, 0) == -1 && errno == EBADF;
}

static uint64_t
count_pages(int fd, uint64_t offset, uint64_t length)
{
    int64_t count = length == 0 ? 0 : count_cached(fd, offset, length);

    return count >= 0 ? (uint64_t)count : count_mapped(fd, offset, length);
}

uint64_t
t_cache_pages(const char *path, uint64_t offset, uint64_t length)
{
    int fd = open_file(path);
    uint64_t count = count_pages(fd, offset, length);

    close(fd);
    return count;
}

uint64_t
t_cache_drop(const char *path)
{
    int fd = open_file(path);
    struct stat status;
    uint64_t left = 0;

    ck_assert_int_eq(fstat(fd, &status), 0);
    /* Pages that the kernel is still busy with (just written back, in a per-CPU list) stay at
     * the first try. */
    for (int i = 0; i < DROP_TRIES; i++) {
        ck_assert_msg(fdatasync(fd) == 0, "fdatasync %s: %s", path, strerror(errno));
        ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        left = count_pages(fd, 0, (uint64_t)status.st_size);
        if (left == 0)
            break;
        usleep(1000);
    }
    close(fd);
    return left;
}
