/*
 * test_durability.c - syncs always reach the kernel, and a failed flush is never forgotten: it is
 * latched on the inode and told by every sync through any handle until all are closed.
 */
#include "engine/durability.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/membership.h"
#include "t_cache.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (256 * KIB)

/* A write in direct standing to a cached range, whose flush fails. */
static void
fail_flush(struct t_rig *rig, int error)
{
    t_cache_warm(rig->path, 0, 8 * KIB);
    t_fault_one(DBIO_SYS_SYNC_FILE_RANGE, 1, error);
    ck_assert_int_eq(dbio_pwrite(rig->file, t_aligned(8 * KIB), 8 * KIB, 0, 0), -error);
    t_fault_disarm();
}

START_TEST(a_sync_reaches_the_kernel_even_if_nothing_was_written_or_all_of_it_direct)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_fault_count();
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    ck_assert_int_eq(dbio_fsync(rig.file), 0);
    t_write_new(rig.file, 64 * KIB, 0);
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_FDATASYNC), 2);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_FSYNC), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_SYNCS), 3);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_interrupted_sync_is_repeated)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, SIZE);

    for (unsigned long i = 1; i <= 3; i++) {
        t_fault_one(DBIO_SYS_FDATASYNC, i, EINTR);
        t_fault_one(DBIO_SYS_FSYNC, i, EINTR);
    }
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    ck_assert_int_eq(dbio_fsync(rig.file), 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_FDATASYNC), 4);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_FSYNC), 4);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_ERRORS_LATCHED), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_failed_flush_is_told_by_every_later_sync_through_any_handle_until_all_are_closed)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_context *elsewhere = t_context();
    struct dbio_file *before = t_open(rig.context, rig.path, DBIO_MODE_BUFFERED), *after;

    fail_flush(&rig, EIO);
    after = t_open(elsewhere, rig.path, DBIO_MODE_AUTO);
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(dbio_fdatasync(rig.file), -EIO);
        ck_assert_int_eq(dbio_fdatasync(before), -EIO);
        ck_assert_int_eq(dbio_fsync(after), -EIO);
        ck_assert_int_eq(dbio_sync_range(after, 0, 0), -EIO);
    }
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_ERRORS_LATCHED), 1);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    ck_assert_int_eq(dbio_close(before), 0);
    ck_assert_int_eq(dbio_fdatasync(after), -EIO);
    ck_assert_int_eq(dbio_close(after), 0);
    rig.file = t_open(rig.context, rig.path, DBIO_MODE_DIRECT);
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    ck_assert_int_eq(dbio_context_destroy(elsewhere), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_failed_sync_is_latched_and_the_next_one_does_not_succeed)
{
    static const int errors[] = {EIO, ENOSPC, EDQUOT, ESTALE};

    for (size_t i = 0; i < 2 * sizeof(errors) / sizeof(errors[0]); i++) {
        struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, SIZE);
        int error = errors[i / 2];

        t_fault_one(i % 2 == 0 ? DBIO_SYS_FDATASYNC : DBIO_SYS_FSYNC, 1, error);
        ck_assert_int_eq(i % 2 == 0 ? dbio_fdatasync(rig.file) : dbio_fsync(rig.file), -error);
        ck_assert_int_eq(dbio_fdatasync(rig.file), -error);
        ck_assert_int_eq(dbio_fsync(rig.file), -error);
        /* Still to the kernel: it flushes the device. */
        ck_assert_uint_eq(t_fault_calls(DBIO_SYS_FDATASYNC) + t_fault_calls(DBIO_SYS_FSYNC), 3);
        t_fault_disarm();
        t_close(rig.context, rig.file);
    }
}
END_TEST

static int
fail_in_another_process(const char *path)
{
    struct dbio_context *context = t_context();
    struct dbio_file *file = t_open(context, path, DBIO_MODE_BUFFERED);

    t_fault_one(DBIO_SYS_FDATASYNC, 1, EIO);
    if (dbio_fdatasync(file) != -EIO)
        return 1;
    t_fault_disarm();
    return dbio_close(file) != 0; /* told already */
}

START_TEST(what_one_process_was_told_every_process_is_told_until_all_have_closed_the_file)
{
    struct t_rig rig = t_rig(t_filesystems()[_i].directory, DBIO_MODE_BUFFERED, SIZE);
    struct dbio_context *context = t_context();
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(fail_in_another_process(rig.path));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(dbio_fdatasync(rig.file),
                     -EIO); /* the kernel tells once, and told the child */
    ck_assert_int_eq(dbio_fsync(rig.file), -EIO);
    t_close(rig.context, rig.file);
    rig.file = t_open(context, rig.path, DBIO_MODE_BUFFERED);
    /* The dead child counts until it is buried, which the next process to join sees to. */
    dbio__membership_bury_dead();
    t_close(context, rig.file);
    context = t_context();
    rig.file = t_open(context, rig.path, DBIO_MODE_BUFFERED);
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    t_close(context, rig.file);
}
END_TEST

START_TEST(the_first_failure_is_the_one_that_is_told)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    fail_flush(&rig, ENOSPC);
    fail_flush(&rig, EIO);
    ck_assert_int_eq(dbio_fdatasync(rig.file), -ENOSPC);
    t_fault_one(DBIO_SYS_FDATASYNC, 1, EIO);
    ck_assert_int_eq(dbio_fdatasync(rig.file), -ENOSPC);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_ERRORS_LATCHED), 1);
    t_fault_disarm();
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_failure_that_no_sync_has_told_is_told_by_close_once)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_file *other = t_open(rig.context, rig.path, DBIO_MODE_BUFFERED);

    fail_flush(&rig, EIO);
    ck_assert_int_eq(dbio_close(other), -EIO);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_failure_that_a_sync_has_told_is_not_told_by_close)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    fail_flush(&rig, EIO);
    ck_assert_int_eq(dbio_sync_range(rig.file, 0, 4096), -EIO);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_sync_that_was_wrong_in_itself_is_an_error_but_is_not_latched)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, SIZE);
    const int errors[] = {EROFS, EINVAL, EBADF};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        t_fault_one(DBIO_SYS_FDATASYNC, 1, errors[i]);
        ck_assert_int_eq(dbio_fdatasync(rig.file), -errors[i]);
        ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
        t_fault_disarm();
    }
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_ERRORS_LATCHED), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_durable_write_that_fails_is_latched_because_it_may_have_flushed_others)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_fault_one(DBIO_SYS_PWRITEV2, 1, EIO);
    ck_assert_int_eq(dbio_pwrite(rig.file, t_aligned(8 * KIB), 8 * KIB, 0, DBIO_DURABLE), -EIO);
    ck_assert_int_eq(dbio_fdatasync(rig.file), -EIO);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_durable_write_that_is_refused_is_an_error_but_is_not_latched)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, SIZE);
    const int errors[] = {EFBIG, EPERM, EFAULT};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        t_fault_one(DBIO_SYS_PWRITEV2, 1, errors[i]);
        ck_assert_int_eq(dbio_pwrite(rig.file, t_aligned(100), 100, 0, DBIO_DURABLE), -errors[i]);
        t_fault_disarm();
    }
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_ERRORS_LATCHED), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(reads_and_writes_go_on_after_a_failed_flush)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    fail_flush(&rig, EIO);
    t_write_new(rig.file, 16 * KIB, 0);
    t_read_old(rig.file, 64 * KIB, 64 * KIB);
    t_verify_new(rig.path, 16 * KIB, 0);
    ck_assert_int_eq(dbio_fdatasync(rig.file), -EIO);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_file_opened_again_on_parked_descriptors_has_forgotten_too)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd;

    fail_flush(&rig, EIO);
    ck_assert_int_eq(dbio_fdatasync(rig.file), -EIO);
    fd = open(rig.path, O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(fcntl(fd, F_SETLK, &lock), 0);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_PARKED), 1);
    rig.file = t_open(rig.context, rig.path, DBIO_MODE_DIRECT);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_PARKED), 0);
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    t_close(rig.context, rig.file);
    close(fd);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("durability");
    TCase *cases = tcase_create("durability");

    t_add_filesystem_test(
        cases, a_sync_reaches_the_kernel_even_if_nothing_was_written_or_all_of_it_direct);
    tcase_add_test(cases, an_interrupted_sync_is_repeated);
    t_add_direct_test(
        cases, a_failed_flush_is_told_by_every_later_sync_through_any_handle_until_all_are_closed);
    tcase_add_test(cases, a_failed_sync_is_latched_and_the_next_one_does_not_succeed);
    t_add_filesystem_test(
        cases, what_one_process_was_told_every_process_is_told_until_all_have_closed_the_file);
    t_add_direct_test(cases, the_first_failure_is_the_one_that_is_told);
    t_add_direct_test(cases, a_failure_that_no_sync_has_told_is_told_by_close_once);
    t_add_direct_test(cases, a_failure_that_a_sync_has_told_is_not_told_by_close);
    tcase_add_test(cases, a_sync_that_was_wrong_in_itself_is_an_error_but_is_not_latched);
    t_add_direct_test(cases,
                      a_durable_write_that_fails_is_latched_because_it_may_have_flushed_others);
    tcase_add_test(cases, a_durable_write_that_is_refused_is_an_error_but_is_not_latched);
    t_add_direct_test(cases, reads_and_writes_go_on_after_a_failed_flush);
    t_add_direct_test(cases, a_file_opened_again_on_parked_descriptors_has_forgotten_too);
    suite_add_tcase(suite, cases);
    return suite;
}
