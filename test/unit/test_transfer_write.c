/*
 * test_transfer_write.c - the write: which descriptor it uses and what dbio_why says of it, what
 * is flushed and what is not, edges, growing files, atomic writes, and what becomes of a write
 * that the kernel refuses, cuts short or cannot flush.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/membership.h"
#include "engine/transfer.h"
#include "t_cache.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"
#include "t_hold.h"

#define KIB  ((size_t)1024)
#define SIZE (1024 * KIB)

/* What a direct request may say about an empty cache. */
static uint64_t
absent_or_known(struct dbio_file *file)
{
    return t_reasoned(file, DBIO_REASON_RANGE_ABSENT) + t_reasoned(file, DBIO_REASON_KNOWN_EMPTY);
}

START_TEST(an_aligned_write_of_an_uncached_range_is_one_pwrite_and_needs_no_writeback)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_fault_all(DBIO_SYS_PWRITE, EIO, t_fault_on_buffered);
    t_write_new(rig.file, 64 * KIB, 16 * KIB);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE), 1);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITEV2), 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_SYNC_FILE_RANGE), 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    ck_assert_uint_eq(absent_or_known(rig.file), 1);
    ck_assert_uint_eq(t_cache_pages(rig.path, 0, SIZE), 0);
    t_verify_new(rig.path, 64 * KIB, 16 * KIB);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_write_to_a_range_of_which_one_page_is_cached_goes_through_the_cache_and_is_flushed)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_cache_warm(rig.path, 40 * KIB, 1);
    t_fault_all(DBIO_SYS_PWRITE, EIO, t_fault_on_direct);
    t_write_new(rig.file, 64 * KIB, 16 * KIB);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE), 1);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_SYNC_FILE_RANGE), 1);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED_FLUSH), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_RANGE_CACHED), 1);
    t_verify_new(rig.path, 64 * KIB, 16 * KIB);
    t_close(rig.context, rig.file);
}
END_TEST

struct request {
    struct dbio_file *file;
    void *memory;
};

static long
write_64k(void *argument)
{
    struct request *request = argument;

    return dbio_pwrite(request->file, request->memory, 64 * KIB, 0, 0);
}

static long
read_64k(void *argument)
{
    struct request *request = argument;

    return dbio_pread(request->file, request->memory, 64 * KIB, 0, 0);
}

START_TEST(a_write_that_the_cache_has_made_a_buffered_one_holds_off_direct_reads)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct request write = {rig.file, t_patterned(64 * KIB, T_NEW, 0)};
    struct request read = {rig.file, t_aligned(64 * KIB)};
    struct t_job writer, reader;

    t_cache_warm(rig.path, 0, 1);
    t_hold_arm(DBIO_SYS_PWRITE, false);
    t_job_start(&writer, write_64k, &write);
    t_hold_wait(); /* under its second announcement */
    t_job_start(&reader, read_64k, &read);
    t_await_outstanding(2);
    t_job_assert_waits(&reader);
    t_hold_release();
    ck_assert_int_eq(t_job_join(&writer), 64 * KIB);
    ck_assert_int_eq(t_job_join(&reader), 64 * KIB);
    t_pattern_verify(read.memory, 64 * KIB, T_NEW, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_small_unaligned_write_goes_through_the_cache_and_is_flushed)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_fault_count();
    t_write_new(rig.file, 10000, 4097);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_SYNC_FILE_RANGE), 1);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED_FLUSH), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_UNALIGNED), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 0);
    t_verify_new(rig.path, 10000, 4097);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_large_unaligned_write_flushes_its_edges_and_goes_direct_in_the_middle)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    uint32_t unit = t_why(rig.file).offset_align;
    size_t head = unit - 100, middle = 160 * KIB, tail = 77;

    t_fault_count();
    t_write_new(rig.file, head + middle + tail, 4096 + 100);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT_EDGES), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_UNALIGNED), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), middle);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_SYNC_FILE_RANGE), 2);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE), 3);
    t_verify_new(rig.path, head + middle + tail, 4096 + 100);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(edges_with_an_aligned_middle_in_memory_do_not_copy_it)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    uint32_t unit = t_why(rig.file).offset_align;
    size_t head = unit - 100, length = head + 160 * KIB;
    char *memory = t_aligned(length + unit);

    memory += 100; /* as far from alignment as the offset */
    t_pattern_fill(memory, length, T_NEW, unit + 100);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, length, (off_t)unit + 100, 0), (ssize_t)length);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT_EDGES), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 160 * KIB);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_BOUNCE_BYTES), 0);
    t_verify_new(rig.path, length, unit + 100);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_unaligned_write_to_a_cached_range_is_flushed_whole)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_cache_warm(rig.path, 64 * KIB, 1);
    t_write_new(rig.file, 200 * KIB, 100);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED_FLUSH), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_RANGE_CACHED), 1);
    t_verify_new(rig.path, 200 * KIB, 100);
    t_close(rig.context, rig.file);
}
END_TEST

static void
refuse_direct_write(const char *directory, size_t length, uint64_t offset, void *memory,
                    uint64_t flushes)
{
    struct t_rig rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);

    t_pattern_fill(memory, length, T_NEW, offset);
    t_fault_all(DBIO_SYS_PWRITE, EINVAL, t_fault_on_direct);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, length, (off_t)offset, 0), (ssize_t)length);
    ck_assert_uint_eq(t_fault_hits(), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 1);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_SYNC_FILE_RANGE), flushes);
    ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_DIRECT_REFUSED);
    t_verify_new(rig.path, length, offset);
    t_close(rig.context, rig.file);
}

START_TEST(a_direct_write_that_is_refused_is_done_buffered_and_flushed)
{
    T_DIRECT_OR_SKIP(where);
    refuse_direct_write(where->directory, 64 * KIB, 16 * KIB, t_aligned(64 * KIB), 1);
}
END_TEST

START_TEST(a_bounced_write_that_is_refused_is_done_buffered_and_flushed)
{
    T_DIRECT_OR_SKIP(where);
    refuse_direct_write(where->directory, 64 * KIB, 16 * KIB, t_unaligned(64 * KIB), 1);
}
END_TEST

START_TEST(the_middle_of_an_unaligned_write_that_is_refused_is_done_buffered_with_its_tail)
{
    T_DIRECT_OR_SKIP(where);
    refuse_direct_write(where->directory, 300 * KIB, 100, t_aligned(300 * KIB), 2);
}
END_TEST

START_TEST(a_write_of_which_the_kernel_takes_nothing_ends_with_a_short_count)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_aligned(64 * KIB), *unaligned = t_unaligned(64 * KIB);

    t_fault_short_all(DBIO_SYS_PWRITE, 0);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 64 * KIB, 0, 0), 0);
    ck_assert_int_eq(dbio_pwrite(rig.file, unaligned, 64 * KIB, 0, 0), 0);
    ck_assert_int_eq(dbio_pwrite(rig.file, unaligned, 100, 0, 0), 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* Does the whole write but says that it stopped inside a block: the first time. */
static size_t stop_at;

static long
stop_inside_block(enum dbio_sys_call call, const long arguments[6])
{
    long result = dbio__sys_real(call, arguments);

    if (result > 0 && stop_at > 0 && t_fault_on_direct(call, arguments)) {
        result = (long)stop_at;
        stop_at = 0;
    }
    return result;
}

static _Atomic unsigned long flushes;

static long
count_flush(enum dbio_sys_call call, const long arguments[6])
{
    flushes++;
    return dbio__sys_real(call, arguments);
}

static void
stop_direct_write(const char *directory, void *memory)
{
    struct t_rig rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);

    t_pattern_fill(memory, 64 * KIB, T_NEW, 16 * KIB);
    stop_at = 5000;
    dbio__sys_table[DBIO_SYS_PWRITE].call = stop_inside_block;
    dbio__sys_table[DBIO_SYS_SYNC_FILE_RANGE].call = count_flush;
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 64 * KIB, 16 * KIB, 0), 64 * KIB);
    ck_assert_uint_eq(stop_at, 0);
    ck_assert_uint_eq(flushes, 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 5000);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 0);
    t_verify_new(rig.path, 64 * KIB, 16 * KIB);
    t_close(rig.context, rig.file);
}

START_TEST(a_direct_write_that_stops_inside_a_block_is_finished_buffered_and_flushed)
{
    T_DIRECT_OR_SKIP(where);
    stop_direct_write(where->directory, t_aligned(64 * KIB));
}
END_TEST

START_TEST(a_bounced_write_that_stops_inside_a_block_is_finished_buffered_and_flushed)
{
    T_DIRECT_OR_SKIP(where);
    stop_direct_write(where->directory, t_unaligned(64 * KIB));
}
END_TEST

START_TEST(a_flush_that_finds_the_disk_full_fails_the_write_that_needed_it)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_aligned(64 * KIB);

    t_cache_warm(rig.path, 0, 64 * KIB);
    t_fault_one(DBIO_SYS_SYNC_FILE_RANGE, 1, ENOSPC);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 64 * KIB, 0, 0), -ENOSPC);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_ERRORS_LATCHED), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WRITE_BYTES), 0);
    ck_assert_int_eq(dbio_fdatasync(rig.file), -ENOSPC);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_edge_whose_flush_fails_fails_the_write_and_the_middle_is_not_written)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_aligned(300 * KIB);

    t_fault_one(DBIO_SYS_SYNC_FILE_RANGE, 1, EIO);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 300 * KIB, 100, 0), -EIO);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 0);
    ck_assert_int_eq(dbio_fdatasync(rig.file), -EIO);
    /* The tail's flush, after head and middle. */
    t_fault_disarm();
    t_fault_one(DBIO_SYS_SYNC_FILE_RANGE, 2, EIO);
    (void)t_cache_drop(rig.path);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 300 * KIB, 100, 0), -EIO);
    ck_assert_uint_ne(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 0);
    ck_assert_int_eq(dbio_fdatasync(rig.file), -EIO);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_durable_write_carries_dsync_on_each_call_and_needs_no_flush_besides)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_patterned(300 * KIB, T_NEW, 100);

    t_fault_count();
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 300 * KIB, 100, DBIO_DURABLE), 300 * KIB);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE), 0);
    /* The middle is bounced, 256 KiB at a time. */
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITEV2), 4);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_SYNC_FILE_RANGE), 0);
    t_verify_new(rig.path, 300 * KIB, 100);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_direct_write_past_the_end_leaves_a_hole_of_zeros)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 10000);
    char *memory = t_aligned(SIZE), zeros[1000] = {0};

    t_write_new(rig.file, 64 * KIB, 512 * KIB);
    ck_assert_int_eq(dbio_size(rig.file), 576 * KIB);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    ck_assert_int_eq(dbio_pread(rig.file, memory, SIZE, 0, 0), 576 * KIB);
    t_pattern_verify(memory, 10000, T_SEED, 0);
    ck_assert_int_eq(memory[10000], 0);
    ck_assert_mem_eq(memory + 10000, memory + 10001, 512 * KIB - 10001);
    t_pattern_verify(memory + 512 * KIB, 64 * KIB, T_NEW, 512 * KIB);
    /* The last page of the old end, where the kernel may have zeroed in the cache. */
    ck_assert_int_eq(dbio_pread(rig.file, memory, 1000, 10000, 0), 1000);
    ck_assert_mem_eq(memory, zeros, 1000);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(pieces_that_make_an_aligned_range_are_gathered)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct iovec vector[5];
    const size_t lengths[5] = {100, 0, 60000, 436, 5000};
    size_t at = 8 * KIB;

    for (size_t i = 0; i < 5; i++) {
        vector[i] = (struct iovec){t_patterned(lengths[i], T_NEW, at), lengths[i]};
        at += lengths[i];
    }
    ck_assert_uint_eq(at, 8 * KIB + 64 * KIB);
    ck_assert_int_eq(dbio_pwritev(rig.file, vector, 5, 8 * KIB, 0), 64 * KIB);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT_BOUNCE), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_BOUNCE_BYTES), 64 * KIB);
    t_verify_new(rig.path, 64 * KIB, 8 * KIB);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_write_that_needs_a_flush_cannot_be_had_without_waiting)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_aligned(300 * KIB);

    t_cache_warm(rig.path, 0, 8 * KIB);
    t_fault_count();
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 8 * KIB, 0, DBIO_NOWAIT), -EAGAIN);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 100, 0, DBIO_NOWAIT), -EAGAIN);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 300 * KIB, 512 * KIB + 1, DBIO_NOWAIT), -EAGAIN);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE) + t_fault_calls(DBIO_SYS_PWRITEV2), 0);
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
    t_file_verify(rig.path, T_SEED, 0, SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

/* The answer to RWF_ATOMIC; -1: what the kernel says to the same call without it. */
static long atomic_answer;
static _Atomic unsigned long atomic_calls;

static long
answer_atomic(enum dbio_sys_call call, const long arguments[6])
{
    long plain[6];

    if ((arguments[5] & DBIO_RWF_ATOMIC) == 0)
        return dbio__sys_real(call, arguments);
    atomic_calls++;
    if (atomic_answer != -1)
        return atomic_answer;
    memcpy(plain, arguments, sizeof(plain));
    plain[5] &= ~(long)DBIO_RWF_ATOMIC;
    return dbio__sys_real(call, plain);
}

/* As on a file with atomic writes of 4 to 64 KiB, whatever this kernel offers. */
static struct t_rig
atomic_rig(const char *directory)
{
    struct t_rig rig = t_rig(directory, DBIO_MODE_AUTO, SIZE);

    rig.file->inode->facts.atomic_min = 4096;
    rig.file->inode->facts.atomic_max = 65536;
    dbio__sys_table[DBIO_SYS_PWRITEV2].call = answer_atomic;
    return rig;
}

START_TEST(an_atomic_write_is_one_direct_call)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = atomic_rig(where->directory);

    atomic_answer = -1;
    ck_assert_int_eq(dbio_pwrite(rig.file, t_patterned(64 * KIB, T_NEW, 64 * KIB), 64 * KIB,
                                 64 * KIB, DBIO_ATOMIC),
                     64 * KIB);
    ck_assert_uint_eq(atomic_calls, 1);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_ATOMIC), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_ATOMIC_ASKED), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_ATOMIC), 1);
    t_verify_new(rig.path, 64 * KIB, 64 * KIB);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_atomic_write_that_is_refused_is_never_done_another_way)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = atomic_rig(where->directory);
    char *memory = t_aligned(64 * KIB);
    const int errors[] = {EINVAL, EOPNOTSUPP, EIO, ENOSPC};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        atomic_answer = -errors[i];
        ck_assert_int_eq(dbio_pwrite(rig.file, memory, 4 * KIB, 0, DBIO_ATOMIC), -errors[i]);
        ck_assert_uint_eq(atomic_calls, i + 1);
    }
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 0);
    t_file_verify(rig.path, T_SEED, 0, SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_atomic_write_of_the_wrong_shape_is_refused_before_the_kernel_sees_it)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = atomic_rig(where->directory);
    char *memory = t_aligned(256 * KIB);

    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 3 * 4096, 0, DBIO_ATOMIC), -EINVAL);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 2048, 0, DBIO_ATOMIC), -EINVAL);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 128 * KIB, 0, DBIO_ATOMIC), -EINVAL);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 8192, 4096, DBIO_ATOMIC), -EINVAL);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory + 1, 4096, 0, DBIO_ATOMIC), -EINVAL);
    rig.file->inode->facts.atomic_max = 0;
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 4096, 0, DBIO_ATOMIC), -EOPNOTSUPP);
    ck_assert_uint_eq(atomic_calls, 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WRITES), 0);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("transfer_write");
    TCase *cases = tcase_create("transfer_write");

    t_add_direct_test(cases,
                      an_aligned_write_of_an_uncached_range_is_one_pwrite_and_needs_no_writeback);
    t_add_direct_test(
        cases,
        a_write_to_a_range_of_which_one_page_is_cached_goes_through_the_cache_and_is_flushed);
    t_add_direct_test(cases, a_write_that_the_cache_has_made_a_buffered_one_holds_off_direct_reads);
    t_add_direct_test(cases, a_small_unaligned_write_goes_through_the_cache_and_is_flushed);
    t_add_direct_test(cases,
                      a_large_unaligned_write_flushes_its_edges_and_goes_direct_in_the_middle);
    t_add_direct_test(cases, edges_with_an_aligned_middle_in_memory_do_not_copy_it);
    t_add_direct_test(cases, an_unaligned_write_to_a_cached_range_is_flushed_whole);
    t_add_direct_test(cases, a_direct_write_that_is_refused_is_done_buffered_and_flushed);
    t_add_direct_test(cases, a_bounced_write_that_is_refused_is_done_buffered_and_flushed);
    t_add_direct_test(
        cases, the_middle_of_an_unaligned_write_that_is_refused_is_done_buffered_with_its_tail);
    t_add_direct_test(cases, a_write_of_which_the_kernel_takes_nothing_ends_with_a_short_count);
    t_add_direct_test(cases,
                      a_direct_write_that_stops_inside_a_block_is_finished_buffered_and_flushed);
    t_add_direct_test(cases,
                      a_bounced_write_that_stops_inside_a_block_is_finished_buffered_and_flushed);
    t_add_direct_test(cases, a_flush_that_finds_the_disk_full_fails_the_write_that_needed_it);
    t_add_direct_test(cases,
                      an_edge_whose_flush_fails_fails_the_write_and_the_middle_is_not_written);
    t_add_direct_test(cases, a_durable_write_carries_dsync_on_each_call_and_needs_no_flush_besides);
    t_add_direct_test(cases, a_direct_write_past_the_end_leaves_a_hole_of_zeros);
    t_add_direct_test(cases, pieces_that_make_an_aligned_range_are_gathered);
    t_add_direct_test(cases, a_write_that_needs_a_flush_cannot_be_had_without_waiting);
    t_add_direct_test(cases, an_atomic_write_is_one_direct_call);
    t_add_direct_test(cases, an_atomic_write_that_is_refused_is_never_done_another_way);
    t_add_direct_test(cases,
                      an_atomic_write_of_the_wrong_shape_is_refused_before_the_kernel_sees_it);
    suite_add_tcase(suite, cases);
    return suite;
}
