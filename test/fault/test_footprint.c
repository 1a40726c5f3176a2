/*
 * test_footprint.c - what the library takes: memory of a context before buffers are used, and
 * allocations on the path of a request. To see one it lets all but one fail: if that one is
 * still there afterwards, nobody asked for memory, not even to give it back at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "dbio.h"
#include "t_cache.h"
#include "t_file.h"
#include "t_support.h"

#define BLOCK 4096u
#define BYTES (64u * BLOCK)
#define MIB   (UINT64_C(1) << 20)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static struct dbio_context *context;
static struct dbio_file *file;
static char *block; /* aligned */

/* Private writable memory of the process without a file behind it. */
struct footprint {
    uint64_t mapped, present; /* bytes */
};

static struct footprint
take_footprint(void)
{
    struct footprint sum = {0, 0};
    FILE *maps = fopen("/proc/self/smaps", "re");
    bool counts = false;
    char line[512];

    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long long begin, end, inode, kib;
        char rights[8];

        if (sscanf(line, "%llx-%llx %7s %*s %*s %llu", &begin, &end, rights, &inode) == 4) {
            counts = inode == 0 && rights[1] == 'w' && rights[3] == 'p';
            if (counts)
                sum.mapped += end - begin;
        } else if (counts && sscanf(line, "Rss: %llu", &kib) == 1) {
            sum.present += kib * 1024;
        }
    }
    fclose(maps);
    return sum;
}

START_TEST(a_context_costs_less_than_a_mebibyte_before_buffers_are_used)
{
    struct dbio_context *contexts[9];
    struct footprint before, one, nine;
    int i;

    if (SANITIZED)
        t_skip("a sanitizer has memory of its own");
    (void)take_footprint(); /* stdio's own */
    before = take_footprint();
    ck_assert_int_eq(dbio_context_create(NULL, &contexts[0]), 0);
    one = take_footprint();
    for (i = 1; i < 9; i++)
        ck_assert_int_eq(dbio_context_create(NULL, &contexts[i]), 0);
    nine = take_footprint();
    printf("first context: %" PRIu64 " KiB present, %" PRIu64
           " KiB mapped; each of 8 more: %" PRIu64 " KiB present\n",
           (one.present - before.present) / 1024, (one.mapped - before.mapped) / 1024,
           (nine.present - one.present) / 8 / 1024);
    fflush(stdout);
    ck_assert_uint_lt(one.present - before.present, MIB);
    ck_assert_uint_lt(nine.present - before.present, 9 * MIB);
    for (i = 0; i < 9; i++)
        ck_assert_int_eq(dbio_context_destroy(contexts[i]), 0);
}
END_TEST

START_TEST(an_idle_batch_costs_no_more_than_64_kib_beside_its_ring)
{
    struct dbio_batch *batches[9];
    struct footprint one, nine;
    int i;

    if (SANITIZED)
        t_skip("a sanitizer has memory of its own");
    ck_assert_int_eq(dbio_context_create(NULL, &context), 0);
    ck_assert_int_eq(dbio_batch_create(context, NULL, &batches[0]), 0);
    (void)take_footprint();
    one = take_footprint();
    for (i = 1; i < 9; i++)
        ck_assert_int_eq(dbio_batch_create(context, NULL, &batches[i]), 0);
    nine = take_footprint();
    printf("each of 8 more batches of 128 requests: %" PRIu64 " KiB present, %" PRIu64
           " KiB mapped beside their rings\n",
           (nine.present - one.present) / 8 / 1024, (nine.mapped - one.mapped) / 8 / 1024);
    fflush(stdout);
    ck_assert_uint_le(nine.present - one.present, 8 * 64 * 1024);
    for (i = 0; i < 9; i++)
        ck_assert_int_eq(dbio_batch_destroy(batches[i]), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

/* Dead handles are kept for a while, to be recognised; there is an end to that. */
START_TEST(contexts_that_come_and_go_soon_cost_nothing_more)
{
    long outstanding = 0;
    int i;

    for (i = 0; i < 1000; i++) {
        ck_assert_int_eq(dbio_context_create(NULL, &context), 0);
        ck_assert_int_eq(dbio_context_destroy(context), 0);
        if (i == 100)
            outstanding = dbio__mem_outstanding();
    }
    ck_assert_int_eq(dbio__mem_outstanding(), outstanding);
}
END_TEST

static const enum dbio_mode modes[] = {DBIO_MODE_DIRECT, DBIO_MODE_BUFFERED, DBIO_MODE_AUTO,
                                       DBIO_MODE_DONTCACHE};
#define MODES 4

/* The file of a case: its number counts file systems and modes. Nothing of it is cached. */
static void
open_file(int number)
{
    const char *path = t_path(t_filesystems()[number / MODES].directory, "footprint");
    struct dbio_file_options options = {.size = sizeof(options), .mode = modes[number % MODES]};
    int fd;

    fd = t_file_make(path, t_seed(), BYTES);
    ck_assert_int_eq(close(fd), 0);
    (void)t_cache_drop(path);
    block = aligned_alloc(BLOCK, 4 * (size_t)BLOCK);
    ck_assert_ptr_nonnull(block);
    ck_assert_int_eq(dbio_context_create(NULL, &context), 0);
    ck_assert_int_eq(dbio_open(context, path, O_RDWR, 0, &options, &file), 0);
}

/* From here on a single allocation succeeds. */
static void
leave_one(void)
{
    dbio__mem_fail_after(1);
}

/* Allocations since then: 0 or, however many, 1. */
static int
count_allocations(void)
{
    void *memory = dbio__mem_alloc(64);
    int count = memory == NULL;

    dbio__mem_fail_after(-1);
    dbio__mem_free(memory, 64);
    return count;
}

static void
do_requests(char *buffer, size_t length, off_t offset)
{
    struct iovec two[2] = {{buffer, length / 2}, {buffer + length / 2, length / 2}};
    int round;

    for (round = 0; round < 100; round++) {
        ck_assert_int_eq(dbio_pread(file, buffer, length, offset, 0), (ssize_t)length);
        ck_assert_int_eq(dbio_pwrite(file, buffer, length, offset, 0), (ssize_t)length);
        ck_assert_int_eq(dbio_preadv(file, two, 2, offset, 0), (ssize_t)length);
        ck_assert_int_eq(dbio_pwritev(file, two, 2, offset, 0), (ssize_t)length);
        ck_assert_int_eq(dbio_pwrite(file, buffer, length, offset, round == 0 ? DBIO_DURABLE : 0),
                         (ssize_t)length);
    }
    ck_assert_int_eq(dbio_fdatasync(file), 0);
}

static bool
goes_direct(void)
{
    struct dbio_why why = {.size = sizeof(why)};

    ck_assert_int_eq(dbio_why(file, &why), 0);
    return why.standing_direct != 0;
}

static uint64_t
count_routed(enum dbio_route route)
{
    struct dbio_why why = {.size = sizeof(why)};

    ck_assert_int_eq(dbio_why(file, &why), 0);
    return why.routes[route];
}

/* The first request and all others, on every file system, in every mode. */
START_TEST(an_aligned_request_allocates_nothing)
{
    struct mallinfo2 before, after;
    long outstanding;

    open_file(_i);
    outstanding = dbio__mem_outstanding();
    before = mallinfo2();
    leave_one();
    do_requests(block, 2 * (size_t)BLOCK, 8 * BLOCK);
    after = mallinfo2();
    ck_assert_int_eq(count_allocations(), 0);
    ck_assert_int_eq(dbio__mem_outstanding(), outstanding);
    ck_assert_uint_eq(after.uordblks, before.uordblks); /* nor from the program's malloc */
    ck_assert(!goes_direct() || count_routed(DBIO_ROUTE_DIRECT) > 0);
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

/* The control: here is an allocation, and this test sees it. One buffer, used again and again. */
START_TEST(unaligned_memory_costs_one_buffer_at_the_first_request_and_none_later)
{
    long outstanding;

    open_file(_i * MODES); /* mode direct */
    if (!goes_direct())
        t_skip("no direct I/O here");
    outstanding = dbio__mem_outstanding();
    leave_one();
    ck_assert_int_eq(dbio_pread(file, block + 1, BLOCK, 0, 0), BLOCK);
    ck_assert_int_eq(dbio_pwrite(file, block + 1, BLOCK, 0, 0), BLOCK);
    ck_assert_uint_eq(count_routed(DBIO_ROUTE_DIRECT_BOUNCE), 2);
    ck_assert_int_eq(count_allocations(), 1);
    ck_assert_int_eq(dbio__mem_outstanding(), outstanding + 1);
    leave_one();
    do_requests(block + 1, 2 * (size_t)BLOCK, 8 * BLOCK);
    ck_assert_int_eq(count_allocations(), 0);
    ck_assert_int_eq(dbio__mem_outstanding(), outstanding + 1);
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("footprint");
    TCase *cases = tcase_create("footprint");

    tcase_add_test(cases, a_context_costs_less_than_a_mebibyte_before_buffers_are_used);
    tcase_add_test(cases, an_idle_batch_costs_no_more_than_64_kib_beside_its_ring);
    tcase_add_test(cases, contexts_that_come_and_go_soon_cost_nothing_more);
    tcase_add_loop_test(cases, an_aligned_request_allocates_nothing, 0,
                        t_filesystems_count() * MODES);
    tcase_add_loop_test(cases,
                        unaligned_memory_costs_one_buffer_at_the_first_request_and_none_later, 0,
                        t_filesystems_count());
    suite_add_tcase(suite, cases);
    return suite;
}
