/*
 * test_transfer_read.c - the read: which descriptor it uses and what dbio_why says of it, what
 * it does at the end of the file, with many buffers, without waiting, and when the kernel
 * refuses direct I/O.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/transfer.h"
#include "t_cache.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (1024 * KIB)

/* What a direct request may say about an empty cache. */
static uint64_t
absent_or_known(struct dbio_file *file)
{
    return t_reasoned(file, DBIO_REASON_RANGE_ABSENT) + t_reasoned(file, DBIO_REASON_KNOWN_EMPTY);
}

START_TEST(an_aligned_read_of_an_uncached_range_is_one_pread_on_the_direct_descriptor)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_fault_all(DBIO_SYS_PREAD, EIO, t_fault_on_buffered);
    t_read_old(rig.file, 64 * KIB, 16 * KIB);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREAD), 1);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREADV2), 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    ck_assert_uint_eq(absent_or_known(rig.file), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 64 * KIB);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_BOUNCE_BYTES), 0);
    ck_assert_uint_eq(t_cache_pages(rig.path, 0, SIZE), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_read_of_a_range_that_is_all_cached_is_copied_from_the_cache)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_cache_warm(rig.path, 16 * KIB, 64 * KIB);
    t_fault_all(DBIO_SYS_PREAD, EIO, t_fault_on_direct);
    t_read_old(rig.file, 64 * KIB, 16 * KIB);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREAD), 1);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_RANGE_CACHED), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_read_of_a_range_that_is_partly_cached_goes_direct)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_cache_warm(rig.path, 16 * KIB, 8 * KIB);
    t_read_old(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_unaligned_read_reads_whole_blocks_and_copies_what_was_asked_for)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    static const struct {
        size_t length;
        uint64_t offset;
    } cases[] = {{1, 0},          {1, 4095},         {10, 4090},       {4096, 1},
                 {300000, 12345}, {3 * 262144, 777}, {262144, 262143}, {511, 512}};
    size_t total = 0;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        t_read_old(rig.file, cases[i].length, cases[i].offset);
        total += cases[i].length;
    }
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_UNALIGNED), 8);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT_BOUNCE), 8);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_BOUNCE_BYTES), total);
    ck_assert_uint_eq(t_cache_pages(rig.path, 0, SIZE), 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* EINVAL and EOPNOTSUPP mean: not here. Never an error for the caller. */
static void
refuse_direct(const char *directory, int error, bool aligned)
{
    struct t_rig rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = aligned ? t_aligned(64 * KIB) : t_unaligned(64 * KIB);

    t_fault_all(DBIO_SYS_PREAD, error, t_fault_on_direct);
    ck_assert_int_eq(dbio_pread(rig.file, memory, 64 * KIB, 64 * KIB, 0), 64 * KIB);
    t_pattern_verify(memory, 64 * KIB, T_SEED, 64 * KIB);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 1);
    ck_assert_uint_eq(t_why(rig.file).standing_direct, 0);
    ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_DIRECT_REFUSED);
    /* For good: the direct descriptor is not tried again. */
    ck_assert_uint_eq(t_fault_hits(), 1);
    t_read_old(rig.file, 64 * KIB, 256 * KIB);
    ck_assert_uint_eq(t_fault_hits(), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_DIRECT_REFUSED), 1);
    t_close(rig.context, rig.file);
}

START_TEST(a_direct_read_that_is_refused_is_done_buffered_and_the_file_demoted)
{
    T_DIRECT_OR_SKIP(where);
    refuse_direct(where->directory, EINVAL, true);
}
END_TEST

START_TEST(a_bounced_read_that_is_refused_is_done_buffered_and_the_file_demoted)
{
    T_DIRECT_OR_SKIP(where);
    refuse_direct(where->directory, EOPNOTSUPP, false);
}
END_TEST

START_TEST(a_read_ends_at_the_end_of_the_file_whichever_way_it_goes)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    static const struct {
        size_t length;
        uint64_t offset;
        ssize_t got;
    } cases[] = {{16384, 0, 10000}, {16384, 8192, 1808}, {4096, 8192, 1808}, {1, 9999, 1},
                 {100, 9999, 1},    {100, 10000, 0},     {4096, 12288, 0},   {4096, 1 << 20, 0},
                 {1, 1 << 20, 0},   {20000, 1, 9999}};
    const enum dbio_mode modes[] = {DBIO_MODE_DIRECT, DBIO_MODE_BUFFERED, DBIO_MODE_AUTO,
                                    DBIO_MODE_DONTCACHE};

    for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
        struct t_rig rig = t_rig(where->directory, modes[m], 10000);

        for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
            size_t at = i / 2, length = cases[at].length;
            char *memory = i % 2 == 0 ? t_aligned(length + 1) : t_unaligned(length + 1);

            memory[length] = 0x55; /* not ours */
            ck_assert_int_eq(dbio_pread(rig.file, memory, length, (off_t)cases[at].offset, 0),
                             cases[at].got);
            t_pattern_verify(memory, (size_t)cases[at].got, T_SEED, cases[at].offset);
            ck_assert_int_eq(memory[length], 0x55);
        }
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(the_cached_tail_of_a_file_counts_as_cached_whole_although_the_range_goes_on)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 10000);
    char *memory = t_aligned(64 * KIB);

    t_cache_warm(rig.path, 0, 10000);
    ck_assert_int_eq(dbio_pread(rig.file, memory, 64 * KIB, 0, 0), 10000);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_RANGE_CACHED), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_file_system_that_reads_through_the_cache_into_untouched_memory_is_found_out)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 4 * SIZE);

    for (uint64_t i = 0; i < 4; i++) {
        /* btrfs does it (6.18): page faults are off while it holds its locks. */
        void *memory =
            mmap(NULL, 64 * KIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        ck_assert_int_eq(dbio_pread(rig.file, memory, 64 * KIB, (off_t)(i * SIZE), 0), 64 * KIB);
        t_pattern_verify(memory, 64 * KIB, T_SEED, i * SIZE);
    }
    if (t_cache_pages(rig.path, 0, 4 * SIZE) != 0)
        ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_SILENT_FALLBACK);
    else
        ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 4);
    t_close(rig.context, rig.file);
}
END_TEST

/* Reads all, and says that it stopped inside a block; the rest of the memory is spoilt. */
static size_t stop_at;

static long
stop_inside_block(enum dbio_sys_call call, const long arguments[6])
{
    long result = dbio__sys_real(call, arguments);

    if (result > 0 && stop_at > 0 && t_fault_on_direct(call, arguments)) {
        memset((char *)arguments[1] + stop_at, 0x55, (size_t)result - stop_at);
        result = (long)stop_at;
        stop_at = 0;
    }
    return result;
}

START_TEST(a_direct_read_that_stops_inside_a_block_before_the_end_is_finished_buffered)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *unaligned = t_unaligned(64 * KIB);

    dbio__sys_table[DBIO_SYS_PREAD].call = stop_inside_block;
    stop_at = 5000;
    t_read_old(rig.file, 64 * KIB, 16 * KIB);
    (void)t_cache_drop(rig.path);
    stop_at = 5000;
    ck_assert_int_eq(dbio_pread(rig.file, unaligned, 64 * KIB, 16 * KIB, 0), 64 * KIB);
    t_pattern_verify(unaligned, 64 * KIB, T_SEED, 16 * KIB);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 2);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_thousand_aligned_buffers_are_read_directly_in_windows)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 4 * SIZE);
    struct iovec vector[1024];
    uint32_t piece = t_why(rig.file).offset_align;
    char *memory = t_aligned(1024 * (size_t)piece);

    for (size_t i = 0; i < 1024; i++) /* in backward order */
        vector[i] = (struct iovec){memory + (1023 - i) * piece, piece};
    t_fault_count();
    ck_assert_int_eq(dbio_preadv(rig.file, vector, 1024, 0, 0), 1024 * (ssize_t)piece);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREADV2), 1024 / DBIO_VECTOR_WINDOW);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    for (size_t i = 0; i < 1024; i++)
        t_pattern_verify(vector[i].iov_base, piece, T_SEED, i * piece);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(buffers_of_odd_lengths_are_filled_through_a_bounce_buffer)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct iovec vector[100];
    size_t total = 0;

    for (size_t i = 0; i < 100; i++) {
        vector[i].iov_len = t_random_below(7000); /* now and then none */
        vector[i].iov_base = t_aligned(vector[i].iov_len);
        total += vector[i].iov_len;
    }
    ck_assert_int_eq(dbio_preadv(rig.file, vector, 100, 999, 0), (ssize_t)total);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT_BOUNCE), 1);
    total = 999;
    for (size_t i = 0; i < 100; i++) {
        t_pattern_verify(vector[i].iov_base, vector[i].iov_len, T_SEED, total);
        total += vector[i].iov_len;
    }
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_read_that_may_not_wait_finds_nothing_cached_and_says_so)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
    char *memory = t_aligned(8 * KIB);

    if (strcmp(where->name, "tmpfs") != 0) { /* which has no RWF_NOWAIT */
        ck_assert_int_eq(dbio_pread(rig.file, memory, 8 * KIB, 0, DBIO_NOWAIT), -EAGAIN);
        t_cache_warm(rig.path, 0, 8 * KIB);
        ck_assert_int_eq(dbio_pread(rig.file, memory, 8 * KIB, 0, DBIO_NOWAIT), 8 * KIB);
        t_pattern_verify(memory, 8 * KIB, T_SEED, 0);
    }
    t_fault_all(DBIO_SYS_PREADV2, EOPNOTSUPP, NULL);
    ck_assert_int_eq(dbio_pread(rig.file, memory, 8 * KIB, 0, DBIO_NOWAIT), -EAGAIN);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("transfer_read");
    TCase *cases = tcase_create("transfer_read");

    t_add_direct_test(cases,
                      an_aligned_read_of_an_uncached_range_is_one_pread_on_the_direct_descriptor);
    t_add_direct_test(cases, a_read_of_a_range_that_is_all_cached_is_copied_from_the_cache);
    t_add_direct_test(cases, a_read_of_a_range_that_is_partly_cached_goes_direct);
    t_add_direct_test(cases, an_unaligned_read_reads_whole_blocks_and_copies_what_was_asked_for);
    t_add_direct_test(cases, a_direct_read_that_is_refused_is_done_buffered_and_the_file_demoted);
    t_add_direct_test(cases, a_bounced_read_that_is_refused_is_done_buffered_and_the_file_demoted);
    t_add_filesystem_test(cases, a_read_ends_at_the_end_of_the_file_whichever_way_it_goes);
    t_add_direct_test(cases,
                      the_cached_tail_of_a_file_counts_as_cached_whole_although_the_range_goes_on);
    t_add_direct_test(
        cases, a_file_system_that_reads_through_the_cache_into_untouched_memory_is_found_out);
    t_add_direct_test(cases,
                      a_direct_read_that_stops_inside_a_block_before_the_end_is_finished_buffered);
    t_add_direct_test(cases, a_thousand_aligned_buffers_are_read_directly_in_windows);
    t_add_direct_test(cases, buffers_of_odd_lengths_are_filled_through_a_bounce_buffer);
    t_add_filesystem_test(cases, a_read_that_may_not_wait_finds_nothing_cached_and_says_so);
    suite_add_tcase(suite, cases);
    return suite;
}
