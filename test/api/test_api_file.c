/*
 * test_api_file.c - dbio_open, dbio_close, dbio_size: what each flag and option of an open does,
 * files that are unlinked, renamed or made read-only while they are open, and what happens when
 * descriptors or rights run out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (256 * KIB)

static int
open_with(struct dbio_context *context, const char *path, int flags, struct dbio_file **file)
{
    *file = NULL;
    return dbio_open(context, path, flags, 0640, NULL, file);
}

START_TEST(open_creates_what_it_is_told_to_with_the_permissions_given)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const char *path = t_path(where->directory, "new");
    struct dbio_context *context = t_context();
    struct dbio_file *file;
    struct stat status;

    umask(0022);
    ck_assert_int_eq(open_with(context, path, O_RDWR, &file), -ENOENT);
    ck_assert_int_eq(open_with(context, path, O_RDWR | O_CREAT | O_EXCL, &file), 0);
    ck_assert_int_eq(dbio_size(file), 0);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode, S_IFREG | 0640);
    t_close(context, file);
}
END_TEST

START_TEST(flags_that_change_nothing_here_are_accepted)
{
    const int flags[] = {O_CLOEXEC, O_LARGEFILE, 0100000,    O_NONBLOCK, O_NOCTTY,
                         O_SYNC,    O_DSYNC,     O_NOFOLLOW, O_NOATIME};
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_AUTO, SIZE);
    struct dbio_file *file;

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        ck_assert_int_eq(open_with(rig.context, rig.path, O_RDWR | flags[i], &file), 0);
        t_read_old(file, SIZE, 0);
        ck_assert_int_eq(dbio_close(file), 0);
    }
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(o_trunc_empties_a_file_that_is_opened_for_writing)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_file *file;

    ck_assert_int_eq(open_with(rig.context, rig.path, O_RDWR | O_TRUNC, &file), 0);
    ck_assert_int_eq(dbio_size(rig.file), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_EXCLUSIVE), 1);
    t_write_new(file, 64 * KIB, 0);
    t_verify_new(rig.path, 64 * KIB, 0);
    ck_assert_int_eq(dbio_close(file), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(o_direct_means_mode_direct_where_the_mode_is_auto)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_AUTO, SIZE);
    struct dbio_file *file;

    ck_assert_int_eq(open_with(rig.context, rig.path, O_RDWR | O_DIRECT, &file), 0);
    ck_assert_uint_eq(t_why(file).mode, DBIO_MODE_DIRECT);
    ck_assert_uint_eq(t_why(rig.file).mode, DBIO_MODE_AUTO);
    t_read_old(file, 4 * KIB, 0);
    ck_assert_uint_eq(t_routed(file, DBIO_ROUTE_DIRECT), 1);
    ck_assert_int_eq(dbio_close(file), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(strict_direct_fails_where_there_is_no_direct_io_and_only_there)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct dbio_file_options strict = {
        .size = sizeof(strict), .mode = DBIO_MODE_DIRECT, .strictness = DBIO_STRICT_DIRECT};
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    const char *path = t_path(where->directory, "strict");
    int before = t_descriptors(), error;
    struct dbio_file *file;

    error = dbio_open(rig.context, path, O_RDWR | O_CREAT, 0600, &strict, &file);
    ck_assert_int_eq(error, t_why(rig.file).standing_direct ? 0 : -EOPNOTSUPP);
    if (error == 0)
        ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_int_eq(t_descriptors(), before);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_FILES), 1);
    ck_assert_uint_eq(t_file_size(path), 0); /* created it is */
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_file_without_a_name_goes_direct_too)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct dbio_context *context = t_context();
    void *memory = t_aligned(SIZE);
    struct dbio_file *file;
    int error = dbio_open(context, where->directory, O_RDWR | O_TMPFILE, 0600, &options, &file);

    ck_assert_int_eq(error, 0);
    t_write_new(file, SIZE, 0);
    ck_assert_int_eq(dbio_pread(file, memory, SIZE, 0, 0), SIZE);
    t_pattern_verify(memory, SIZE, T_NEW, 0);
    ck_assert_uint_eq(t_routed(file, DBIO_ROUTE_DIRECT), 2);
    t_close(context, file);
}
END_TEST

START_TEST(a_file_that_is_unlinked_or_renamed_while_open_stays_as_it_is)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    bool direct = t_why(rig.file).standing_direct != 0;
    void *memory = t_aligned(SIZE);

    /* Another file takes its name before the direct descriptor is opened. */
    ck_assert_int_eq(rename(rig.path, t_path(where->directory, "elsewhere")), 0);
    close(t_file_make(rig.path, 99, SIZE));
    t_read_old(rig.file, 64 * KIB, 0);
    ck_assert_int_eq(unlink(t_path(where->directory, "elsewhere")), 0);
    t_read_old(rig.file, 64 * KIB, 64 * KIB);
    t_write_new(rig.file, SIZE, 0);
    ck_assert_int_eq(dbio_pread(rig.file, memory, SIZE, 0, 0), SIZE);
    t_pattern_verify(memory, SIZE, T_NEW, 0);
    ck_assert_uint_eq(t_routed(rig.file, direct ? DBIO_ROUTE_DIRECT : DBIO_ROUTE_BUFFERED), 4);
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    t_file_verify(rig.path, 99, 0, SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(every_descriptor_of_a_handle_is_closed_on_exec)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct stat ours, other;

    t_read_old(rig.file, 64 * KIB, 0);
    ck_assert_int_eq(stat(rig.path, &ours), 0);
    for (int fd = 0, found = 0; fd < 1024 || found < 2; fd++) {
        ck_assert_int_lt(fd, 1024);
        if (fstat(fd, &other) != 0 || ours.st_ino != other.st_ino || ours.st_dev != other.st_dev)
            continue;
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
        if (++found == 2)
            break;
    }
    t_close(rig.context, rig.file);
}
END_TEST

static void
limit_descriptors(rlim_t most)
{
    struct rlimit limit = {most, 4096};

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(when_descriptors_run_out_open_says_so_and_a_file_that_is_open_goes_buffered)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    int highest = dup(0);
    struct dbio_file *file;

    limit_descriptors((rlim_t)highest + 1);
    ck_assert_int_eq(open_with(rig.context, rig.path, O_RDWR, &file), -EMFILE);
    t_read_old(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_NO_DESCRIPTOR), 1);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 1);
    limit_descriptors(256);
    (void)t_cache_drop(rig.path);
    usleep(200000); /* it is tried again ten times a second, not at each request */
    t_read_old(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    close(highest);
    t_close(rig.context, rig.file);
}
END_TEST

/* 0: as it should be. In a child, which cannot get its rights back. */
static int
use_without_rights(const struct t_rig *rig)
{
    char *memory = t_aligned(64 * KIB);
    struct dbio_file *file;
    int error;

    if (chmod(rig->path, 0600) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
        return 1;
    error = dbio_open(rig->context, rig->path, O_RDWR, 0, NULL, &file);
    if (error != -EACCES)
        return 2;
    if (dbio_pread(rig->file, memory, 64 * KIB, 0, 0) != 64 * KIB ||
        t_pattern_first_wrong(memory, 64 * KIB, T_SEED, 0) != T_ALL_RIGHT)
        return 3;
    return t_reasoned(rig->file, DBIO_REASON_NO_DESCRIPTOR) == 1 ? 0 : 4;
}

START_TEST(a_process_that_gave_up_its_rights_goes_on_buffered)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    int status;
    pid_t child;

    if (geteuid() != 0)
        t_skip("needs root, to give its rights up");
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(use_without_rights(&rig));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(the_size_is_what_the_kernel_says_now)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 10000);

    ck_assert_int_eq(dbio_size(rig.file), 10000);
    ck_assert_int_eq(truncate(rig.path, 77), 0); /* behind dbio's back */
    ck_assert_int_eq(dbio_size(rig.file), 77);
    t_write_new(rig.file, 4 * KIB, 64 * KIB);
    ck_assert_int_eq(dbio_size(rig.file), 68 * KIB);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(handles_closed_in_any_order_leave_the_others_alone)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_file *files[8];
    int before = t_descriptors();

    for (unsigned i = 0; i < 8; i++)
        files[i] = t_open(rig.context, rig.path, (enum dbio_mode)(i % 4));
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_FILES), 9);
    for (unsigned i = 0; i < 8; i++) {
        ck_assert_int_eq(dbio_close(files[(i * 3) % 8]), 0);
        t_read_old(rig.file, 16 * KIB, i * 16 * KIB);
    }
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_FILES), 1);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    ck_assert_int_eq(t_descriptors(), before - 1);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_file");
    TCase *cases = tcase_create("api_file");

    t_add_filesystem_test(cases, open_creates_what_it_is_told_to_with_the_permissions_given);
    tcase_add_test(cases, flags_that_change_nothing_here_are_accepted);
    t_add_filesystem_test(cases, o_trunc_empties_a_file_that_is_opened_for_writing);
    t_add_direct_test(cases, o_direct_means_mode_direct_where_the_mode_is_auto);
    t_add_filesystem_test(cases, strict_direct_fails_where_there_is_no_direct_io_and_only_there);
    t_add_direct_test(cases, a_file_without_a_name_goes_direct_too);
    t_add_filesystem_test(cases, a_file_that_is_unlinked_or_renamed_while_open_stays_as_it_is);
    t_add_direct_test(cases, every_descriptor_of_a_handle_is_closed_on_exec);
    t_add_direct_test(cases,
                      when_descriptors_run_out_open_says_so_and_a_file_that_is_open_goes_buffered);
    t_add_direct_test(cases, a_process_that_gave_up_its_rights_goes_on_buffered);
    t_add_filesystem_test(cases, the_size_is_what_the_kernel_says_now);
    t_add_filesystem_test(cases, handles_closed_in_any_order_leave_the_others_alone);
    suite_add_tcase(suite, cases);
    return suite;
}
