/*
 * test_transfer.c - what reads and writes share between settle and leave: the way that a mode
 * chooses, EINTR and EAGAIN, errors, short transfers, memory that is not to be had, counters.
 */
#include "engine/transfer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "t_cache.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (1024 * KIB)

START_TEST(unaligned_memory_is_read_and_written_through_a_bounce_buffer)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_unaligned(600 * KIB);

    ck_assert_int_eq(dbio_pread(rig.file, memory, 600 * KIB, 8 * KIB, 0), 600 * KIB);
    t_pattern_verify(memory, 600 * KIB, T_SEED, 8 * KIB);
    t_pattern_fill(memory, 600 * KIB, T_NEW, 8 * KIB);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 600 * KIB, 8 * KIB, 0), 600 * KIB);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT_BOUNCE), 2);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_UNALIGNED_MEMORY), 2);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_BOUNCE_BYTES), 1200 * KIB);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 1200 * KIB);
    ck_assert_uint_eq(t_cache_pages(rig.path, 0, SIZE), 0);
    t_verify_new(rig.path, 600 * KIB, 8 * KIB);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(in_buffered_mode_no_residency_is_asked_and_nothing_is_flushed)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);

    t_fault_count();
    t_write_new(rig.file, 64 * KIB, 16 * KIB);
    t_write_new(rig.file, 100, 5);
    ck_assert_uint_eq(t_fault_calls(T_FAULT_ANY), 2);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE), 2);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_MODE_BUFFERED), 2);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 2);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(where_there_is_no_direct_io_mode_direct_goes_buffered_and_says_why)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_why why = t_why(rig.file);

    if (why.standing_direct != 0)
        ck_assert_uint_eq(why.standing_reason, DBIO_REASON_MODE_DIRECT);
    t_write_new(rig.file, 64 * KIB, 16 * KIB);
    t_read_old(rig.file, 16 * KIB, 0);
    if (why.standing_direct == 0) {
        ck_assert(why.standing_reason == DBIO_REASON_FS_NO_DIRECT ||
                  why.standing_reason == DBIO_REASON_FS_UNKNOWN ||
                  why.standing_reason == DBIO_REASON_FS_CHECKSUM);
        ck_assert_uint_eq(t_reasoned(rig.file, (enum dbio_reason)why.standing_reason), 2);
        ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 2);
        ck_assert_uint_eq(why.offset_align, 0);
    }
    t_verify_new(rig.path, 64 * KIB, 16 * KIB);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(mode_auto_sends_large_aligned_uncached_requests_direct_and_small_ones_through_the_cache)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_AUTO, SIZE);

    t_read_old(rig.file, 256 * KIB, 512 * KIB);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_LARGE_REQUEST), 1);
    t_read_old(rig.file, 8 * KIB, 0);
    t_write_new(rig.file, 8 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 2);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_ROLE_DATA), 2);
    /* Cached: copied, and not flushed for each write. */
    t_fault_count();
    t_write_new(rig.file, 256 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 3);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_SYNC_FILE_RANGE), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(eintr_is_repeated_until_it_ends)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    for (unsigned long i = 1; i <= 4; i++) {
        t_fault_one(DBIO_SYS_PREAD, i, EINTR);
        t_fault_one(DBIO_SYS_PWRITE, i, EINTR);
    }
    t_read_old(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREAD), 5);
    t_write_new(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE), 5);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 2);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 0);
    t_verify_new(rig.path, 64 * KIB, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(eagain_that_nobody_asked_for_is_tried_again_and_then_done_buffered)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_fault_one(DBIO_SYS_PREAD, 1, EAGAIN);
    t_read_old(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 0);
    t_fault_disarm();
    t_fault_all(DBIO_SYS_PWRITE, EAGAIN, t_fault_on_direct);
    t_write_new(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 1);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_SYNC_FILE_RANGE), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 0);
    ck_assert_uint_eq(t_why(rig.file).standing_direct, 1);
    t_verify_new(rig.path, 64 * KIB, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_direct_error_is_the_callers_and_is_not_tried_another_way)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *aligned = t_aligned(64 * KIB), *unaligned = t_unaligned(64 * KIB);
    const int errors[] = {EIO, ENOSPC, EDQUOT, ENOMEM, EFBIG};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        t_fault_all(DBIO_SYS_PREAD, errors[i], NULL);
        t_fault_all(DBIO_SYS_PWRITE, errors[i], NULL);
        ck_assert_int_eq(dbio_pread(rig.file, aligned, 64 * KIB, 0, 0), -errors[i]);
        ck_assert_int_eq(dbio_pread(rig.file, unaligned, 64 * KIB, 0, 0), -errors[i]);
        ck_assert_int_eq(dbio_pwrite(rig.file, aligned, 64 * KIB, 0, 0), -errors[i]);
        ck_assert_int_eq(dbio_pwrite(rig.file, unaligned, 64 * KIB, 0, 0), -errors[i]);
        ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREAD), 2);
        ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE), 2);
        t_fault_disarm();
    }
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 0);
    ck_assert_uint_eq(t_why(rig.file).standing_direct, 1);
    t_file_verify(rig.path, T_SEED, 0, SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_error_after_some_bytes_gives_the_count)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_aligned(64 * KIB);

    t_fault_short(DBIO_SYS_PREAD, 1, 16 * KIB);
    t_fault_one(DBIO_SYS_PREAD, 2, EIO);
    t_fault_short(DBIO_SYS_PWRITE, 1, 16 * KIB);
    t_fault_one(DBIO_SYS_PWRITE, 2, ENOSPC);
    ck_assert_int_eq(dbio_pread(rig.file, memory, 64 * KIB, 0, 0), 16 * KIB);
    t_pattern_verify(memory, 16 * KIB, T_SEED, 0);
    t_pattern_fill(memory, 64 * KIB, T_NEW, 0);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 64 * KIB, 0, 0), 16 * KIB);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_READ_BYTES), 16 * KIB);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WRITE_BYTES), 16 * KIB);
    t_verify_new(rig.path, 16 * KIB, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_short_transfer_is_continued_where_it_stopped)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_unaligned(64 * KIB);

    t_fault_arm(
        &(struct t_fault){.call = DBIO_SYS_PREAD, .nth = 1, .for_ever = true, .bytes = 4 * KIB});
    t_fault_arm(
        &(struct t_fault){.call = DBIO_SYS_PWRITE, .nth = 1, .for_ever = true, .bytes = 4 * KIB});
    t_read_old(rig.file, 64 * KIB, 128 * KIB);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREAD), 16);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_CONTINUED), 15);
    ck_assert_int_eq(dbio_pread(rig.file, memory, 64 * KIB, 1, 0), 64 * KIB);
    t_pattern_verify(memory, 64 * KIB, T_SEED, 1);
    t_write_new(rig.file, 64 * KIB, 128 * KIB);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE), 16);
    t_pattern_fill(memory, 64 * KIB, T_NEW, 192 * KIB);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 64 * KIB, 192 * KIB, 0), 64 * KIB);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE), 32);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 0);
    t_verify_new(rig.path, 128 * KIB, 128 * KIB);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_short_buffered_transfer_is_continued_byte_by_byte_if_need_be)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);

    t_fault_short_all(DBIO_SYS_PREAD, 1);
    t_fault_short_all(DBIO_SYS_PWRITE, 1);
    t_read_old(rig.file, 100, 77);
    t_write_new(rig.file, 100, 4000);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREAD), 100);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE), 100);
    t_fault_disarm();
    t_verify_new(rig.path, 100, 4000);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(without_memory_for_a_bounce_buffer_the_request_goes_buffered)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_unaligned(64 * KIB);

    dbio__mem_fail_after(0);
    t_fault_count();
    ck_assert_int_eq(dbio_pread(rig.file, memory, 64 * KIB, 0, 0), 64 * KIB);
    t_pattern_verify(memory, 64 * KIB, T_SEED, 0);
    (void)t_cache_drop(rig.path);
    t_pattern_fill(memory, 64 * KIB, T_NEW, 0);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 64 * KIB, 0, 0), 64 * KIB);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_SYNC_FILE_RANGE), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 2);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 0);
    dbio__mem_fail_after(-1);
    t_verify_new(rig.path, 64 * KIB, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(every_request_that_reached_the_kernel_is_counted_by_its_route)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    uint64_t routes = 0, of_inode = 0, reasons = 0;

    for (int i = 0; i < 200; i++) {
        size_t length = 1 + t_random_below(200 * KIB);
        uint64_t offset = t_random_below(SIZE - length);

        if (t_random_below(2) == 0)
            t_read_old(rig.file, length, offset);
        else
            ck_assert_int_eq(dbio_pwrite(rig.file, t_patterned(length, T_SEED, offset), length,
                                         (off_t)offset, 0),
                             (ssize_t)length);
    }
    for (int i = 0; i < 7; i++)
        routes += t_stat(rig.context, (enum dbio_stat)(DBIO_STAT_BUFFERED + i));
    for (int i = 0; i < DBIO_ROUTE_COUNT; i++)
        of_inode += t_why(rig.file).routes[i];
    for (int i = 0; i < DBIO_REASON_COUNT; i++)
        reasons += t_why(rig.file).reasons[i];
    ck_assert_uint_eq(routes, 200);
    ck_assert_uint_eq(of_inode, 200);
    ck_assert_uint_eq(reasons, 200);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_READS) + t_stat(rig.context, DBIO_STAT_WRITES),
                      200);
    t_file_verify(rig.path, T_SEED, 0, SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(dontcache_that_is_refused_is_done_plainly_and_not_asked_for_again)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DONTCACHE, SIZE);

    t_fault_all(DBIO_SYS_PREADV2, EOPNOTSUPP, NULL);
    t_fault_all(DBIO_SYS_PWRITEV2, EOPNOTSUPP, NULL);
    t_read_old(rig.file, 8 * KIB, 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREADV2), 1);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREAD), 1);
    t_read_old(rig.file, 8 * KIB, 0);
    t_write_new(rig.file, 8 * KIB, 0);
    ck_assert_uint_eq(t_fault_hits(), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_DONTCACHE_REFUSED), 2);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 2);
    t_verify_new(rig.path, 8 * KIB, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_refusal_of_nowait_is_not_taken_for_a_refusal_of_dontcache)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DONTCACHE, SIZE);

    t_fault_all(DBIO_SYS_PREADV2, EOPNOTSUPP, NULL);
    ck_assert_int_eq(dbio_pread(rig.file, t_aligned(8 * KIB), 8 * KIB, 0, DBIO_NOWAIT), -EAGAIN);
    t_fault_disarm();
    ck_assert(!atomic_load(&rig.file->inode->no_dontcache));
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(dontcache_leaves_nothing_in_the_cache_where_the_kernel_offers_it)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DONTCACHE, SIZE);

    t_read_old(rig.file, 64 * KIB, 0);
    t_read_old(rig.file, 64 * KIB, 64 * KIB);
    if (t_routed(rig.file, DBIO_ROUTE_DONTCACHE) == 2) {
        ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_MODE_DONTCACHE), 2);
        ck_assert_uint_lt(t_cache_pages(rig.path, 0, 128 * KIB), 128 * KIB / T_PAGE);
    } else {
        ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_DONTCACHE_REFUSED), 1);
    }
    t_write_new(rig.file, 64 * KIB, 0);
    t_verify_new(rig.path, 64 * KIB, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(the_dontcache_flag_on_a_buffered_file_is_for_that_request_alone)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
    char *memory = t_aligned(8 * KIB);

    t_fault_count();
    ck_assert_int_eq(dbio_pread(rig.file, memory, 8 * KIB, 0, DBIO_DONTCACHE), 8 * KIB);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREADV2), 1);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DONTCACHE), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_DONTCACHE_ASKED), 1);
    t_read_old(rig.file, 8 * KIB, 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREADV2), 1);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 1);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("transfer");
    TCase *cases = tcase_create("transfer");

    t_add_direct_test(cases, unaligned_memory_is_read_and_written_through_a_bounce_buffer);
    t_add_filesystem_test(cases, in_buffered_mode_no_residency_is_asked_and_nothing_is_flushed);
    t_add_filesystem_test(cases,
                          where_there_is_no_direct_io_mode_direct_goes_buffered_and_says_why);
    t_add_direct_test(
        cases,
        mode_auto_sends_large_aligned_uncached_requests_direct_and_small_ones_through_the_cache);
    t_add_direct_test(cases, eintr_is_repeated_until_it_ends);
    t_add_direct_test(cases, eagain_that_nobody_asked_for_is_tried_again_and_then_done_buffered);
    t_add_direct_test(cases, a_direct_error_is_the_callers_and_is_not_tried_another_way);
    t_add_direct_test(cases, an_error_after_some_bytes_gives_the_count);
    t_add_direct_test(cases, a_short_transfer_is_continued_where_it_stopped);
    t_add_filesystem_test(cases, a_short_buffered_transfer_is_continued_byte_by_byte_if_need_be);
    t_add_direct_test(cases, without_memory_for_a_bounce_buffer_the_request_goes_buffered);
    t_add_direct_test(cases, every_request_that_reached_the_kernel_is_counted_by_its_route);
    t_add_filesystem_test(cases, dontcache_that_is_refused_is_done_plainly_and_not_asked_for_again);
    t_add_filesystem_test(cases, a_refusal_of_nowait_is_not_taken_for_a_refusal_of_dontcache);
    t_add_filesystem_test(cases, dontcache_leaves_nothing_in_the_cache_where_the_kernel_offers_it);
    t_add_filesystem_test(cases, the_dontcache_flag_on_a_buffered_file_is_for_that_request_alone);
    suite_add_tcase(suite, cases);
    return suite;
}
