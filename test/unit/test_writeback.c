/*
 * test_writeback.c - pushing dirty pages out: one sync_file_range that waits, with the range that
 * was asked for, and an error that is latched before it is told.
 */
#include "engine/writeback.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/durability.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (256 * KIB)

static long recorded[6];

static long
record(enum dbio_sys_call call, const long arguments[6])
{
    memcpy(recorded, arguments, sizeof(recorded));
    return dbio__sys_real(call, arguments);
}

static struct t_rig
recording_rig(const char *directory)
{
    struct t_rig rig = t_rig(directory, DBIO_MODE_BUFFERED, SIZE);

    dbio__sys_table[DBIO_SYS_SYNC_FILE_RANGE].call = record;
    return rig;
}

START_TEST(the_range_is_written_and_waited_for_on_the_buffered_descriptor)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = recording_rig(where->directory);

    t_write_new(rig.file, 64 * KIB, 0);
    ck_assert_int_eq(dbio_sync_range(rig.file, 4096, 8192), 0);
    ck_assert_int_eq(recorded[0], rig.file->descriptors->buffered);
    ck_assert_int_eq(recorded[1], 4096);
    ck_assert_int_eq(recorded[2], 8192);
    ck_assert_int_eq(recorded[3], SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                      SYNC_FILE_RANGE_WAIT_AFTER);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(length_0_means_to_the_end)
{
    struct t_rig rig = recording_rig(t_scratch());

    ck_assert_int_eq(dbio_sync_range(rig.file, 4096, 0), 0);
    ck_assert_int_eq(recorded[1], 4096);
    ck_assert_int_eq(recorded[2], 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* Dirty pages by the kernel's own count; -1 where it does not count. */
static long
dirty_pages(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t range[2] = {0, 0}, counts[5];
    long result = syscall(dbio__sys_table[DBIO_SYS_CACHESTAT].number, fd, range, counts, 0);

    close(fd);
    return result != 0 ? -1 : (long)(counts[1] + counts[2]);
}

START_TEST(a_write_in_direct_standing_leaves_no_dirty_page_whichever_way_it_went)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_file *buffered = t_open(rig.context, rig.path, DBIO_MODE_BUFFERED);

    if (dirty_pages(rig.path) < 0)
        t_skip("this kernel has no cachestat");
    t_write_new(buffered, 8 * KIB, 8 * KIB);
    ck_assert_int_gt(dirty_pages(rig.path), 0);
    t_write_new(rig.file, 64 * KIB, 0);         /* over the dirty pages */
    t_write_new(rig.file, 1000, 100 * KIB + 1); /* unaligned */
    t_write_new(rig.file, 150 * KIB, 100 * KIB + 1);
    ck_assert_uint_ge(t_routed(rig.file, DBIO_ROUTE_BUFFERED_FLUSH), 2);
    ck_assert_int_eq(dirty_pages(rig.path), 0);
    ck_assert_int_eq(dbio_close(buffered), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_interrupted_writeback_is_repeated)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, SIZE);

    t_fault_one(DBIO_SYS_SYNC_FILE_RANGE, 1, EINTR);
    t_fault_one(DBIO_SYS_SYNC_FILE_RANGE, 2, EINTR);
    ck_assert_int_eq(dbio_sync_range(rig.file, 0, 0), 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_SYNC_FILE_RANGE), 3);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_error_is_latched_and_told)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, SIZE);

    t_fault_one(DBIO_SYS_SYNC_FILE_RANGE, 1, EIO);
    ck_assert_int_eq(dbio_sync_range(rig.file, 0, 0), -EIO);
    ck_assert_int_eq(atomic_load(&rig.file->inode->latched), -EIO);
    ck_assert_int_eq(dbio_sync_range(rig.file, 0, 0), -EIO);
    ck_assert_int_eq(dbio_fdatasync(rig.file), -EIO);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_ERRORS_LATCHED), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(where_sync_file_range_is_not_allowed_fdatasync_does_it)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_fault_all(DBIO_SYS_SYNC_FILE_RANGE, ENOSYS, NULL);
    t_fault_one(DBIO_SYS_FDATASYNC, 1, EINTR);
    t_write_new(rig.file, 1000, 1);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED_FLUSH), 1);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_FDATASYNC), 2);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_ERRORS_LATCHED), 0);
    t_fault_one(DBIO_SYS_FDATASYNC, 1, EIO);
    ck_assert_int_eq(dbio_pwrite(rig.file, "x", 1, 1, 0), -EIO);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_ERRORS_LATCHED), 1);
    ck_assert_int_eq(dbio_close(rig.file), -EIO);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("writeback");
    TCase *cases = tcase_create("writeback");

    t_add_filesystem_test(cases, the_range_is_written_and_waited_for_on_the_buffered_descriptor);
    tcase_add_test(cases, length_0_means_to_the_end);
    t_add_direct_test(cases, a_write_in_direct_standing_leaves_no_dirty_page_whichever_way_it_went);
    tcase_add_test(cases, an_interrupted_writeback_is_repeated);
    tcase_add_test(cases, an_error_is_latched_and_told);
    t_add_direct_test(cases, where_sync_file_range_is_not_allowed_fdatasync_does_it);
    suite_add_tcase(suite, cases);
    return suite;
}
