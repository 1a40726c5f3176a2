/* b_measure.c - clocks, bytes that can be recognised, the page cache, ratios and bars. */
#include "b_measure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "b_process.h"

#define CACHESTAT_NUMBER 451
#define DROPS_TRIED      100
#define CONTROL_BYTES    (128 * B_MIB)

double
b_seconds(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void *
b_plain_memory(size_t bytes)
{
    void *memory = aligned_alloc(B_PAGE, bytes);

    if (memory == NULL)
        b_fail("memory", ENOMEM);
    (void)madvise(memory, bytes, MADV_NOHUGEPAGE);
    return memory;
}

static int
open_or_fail(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd < 0)
        b_fail(path, errno);
    return fd;
}

void
b_file_make(const char *path, size_t bytes, uint64_t salt)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
    uint64_t *memory = b_plain_memory(B_MIB), i = 0;
    size_t done, k;

    if (fd < 0)
        fd = open_or_fail(path, O_WRONLY | O_CREAT);
    for (done = 0; done < bytes; done += B_MIB) {
        for (k = 0; k < B_MIB / sizeof(*memory); k++)
            memory[k] = b_word(salt, i++);
        if (pwrite(fd, memory, B_MIB, (off_t)done) != (ssize_t)B_MIB)
            b_fail(path, errno == 0 ? ENOSPC : errno);
    }
    (void)close(fd);
    free(memory);
    b_file_drop(path);
}

static uint64_t
count_mapped(int fd, size_t bytes)
{
    size_t pages = (bytes + B_PAGE - 1) / B_PAGE, i;
    void *address = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE, fd, 0);
    unsigned char *resident = malloc(pages);
    uint64_t count = 0;

    if (address == MAP_FAILED || resident == NULL || mincore(address, bytes, resident) != 0)
        b_fail("mincore", errno);
    for (i = 0; i < pages; i++)
        count += resident[i] & 1u;
    free(resident);
    (void)munmap(address, bytes);
    return count;
}

static uint64_t
count_cached(int fd)
{
    uint64_t range[2] = {0, 0}, counts[5]; /* to the end of the file */
    struct stat status;

    if (syscall(CACHESTAT_NUMBER, fd, range, counts, 0) == 0)
        return counts[0];
    if (fstat(fd, &status) != 0)
        b_fail("fstat", errno);
    return status.st_size == 0 ? 0 : count_mapped(fd, (size_t)status.st_size);
}

uint64_t
b_file_cached(const char *path)
{
    int fd = open_or_fail(path, O_RDONLY);
    uint64_t count = count_cached(fd);

    (void)close(fd);
    return count;
}

/* Pages that the kernel is still busy with stay at the first try. */
void
b_file_drop(const char *path)
{
    int fd = open_or_fail(path, O_RDONLY), i;

    for (i = 0; i < DROPS_TRIED; i++) {
        if (fdatasync(fd) != 0)
            b_fail(path, errno);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        if (count_cached(fd) == 0)
            break;
        (void)usleep(1000);
    }
    (void)close(fd);
}

double
b_control(const char *path, bool write)
{
    int fd = open(path, (write ? O_WRONLY | O_CREAT : O_RDONLY) | O_DIRECT | O_CLOEXEC, 0600);
    uint64_t *memory = b_plain_memory(B_MIB);
    double begin;
    size_t i, k;

    if (fd < 0)
        b_fail(path, errno);
    for (k = 0; k < B_MIB / sizeof(*memory); k++)
        memory[k] = b_word(1, k);
    begin = b_seconds(CLOCK_MONOTONIC);
    for (i = 0; i < CONTROL_BYTES; i += B_MIB) {
        ssize_t count =
            write ? pwrite(fd, memory, B_MIB, (off_t)i) : pread(fd, memory, B_MIB, (off_t)i);

        if (count < 0)
            b_fail(path, errno);
    }
    if (write && fdatasync(fd) != 0)
        b_fail(path, errno);
    begin = b_seconds(CLOCK_MONOTONIC) - begin;
    (void)close(fd);
    free(memory);
    return (double)(CONTROL_BYTES / B_MIB) / begin;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double
b_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(double), compare);
    return values[count / 2];
}

double
b_over(double a, double b)
{
    return b > 0 ? a / b : B_VOID;
}

double
b_saved(double a, double b)
{
    if (b <= 0)
        return B_VOID;
    return a > 0 ? b / a : 0;
}

/* Sorted, what is void comes first. */
static bool
is_void(struct b_ratio *ratio, int rounds)
{
    (void)b_median(ratio->values, rounds);
    return ratio->values[0] < 0;
}

bool
b_met(struct b_ratio *ratio, int rounds)
{
    int below = 0, i;

    if (is_void(ratio, rounds))
        return false;
    for (i = 0; i < rounds; i++)
        below += ratio->values[i] < 0.95 * ratio->bar;
    return ratio->values[rounds / 2] >= ratio->bar && below * 5 <= rounds;
}

void
b_print(struct b_ratio *ratio, int rounds, bool json)
{
    double median = b_median(ratio->values, rounds), *v = ratio->values;
    bool is_met = b_met(ratio, rounds);

    if (is_void(ratio, rounds) && json)
        printf("{\"name\": \"%s\", \"median\": null, \"bar\": %.2f, \"met\": null}", ratio->name,
               ratio->bar);
    else if (is_void(ratio, rounds))
        printf("%s: void, what it is measured against failed or was refused\n", ratio->text);
    else if (json)
        printf("{\"name\": \"%s\", \"median\": %.3f, \"smallest\": %.3f, \"largest\": %.3f, "
               "\"bar\": %.2f, \"met\": %s}",
               ratio->name, median, v[0], v[rounds - 1], ratio->bar, is_met ? "true" : "false");
    else
        printf("%s: %.2f (%.2f to %.2f)  at least %.2f: %s\n", ratio->text, median, v[0],
               v[rounds - 1], ratio->bar, is_met ? "met" : "not met");
}
