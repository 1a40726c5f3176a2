/*
 * test_drain.c - the drain barrier: it changes nothing, it says where there is none, and its trial
 * tells whether a file system waits in it. The verdict of each is printed.
 */
#include "os/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

#define SIZE ((size_t)1024 * 1024)

static const char *const verdicts[] = {"unknown", "waits", "does not wait"};

static const char *
make_file(const char *directory, size_t size, int *fd, int *direct)
{
    const char *path = t_path(directory, "drain");

    close(t_file_make(path, T_SEED, size));
    *fd = open(path, O_RDWR | O_CLOEXEC);
    *direct = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    ck_assert_int_ge(*fd, 0);
    return path;
}

START_TEST(the_barrier_changes_neither_bytes_nor_size_nor_allocation)
{
    T_DIRECT_OR_SKIP(where);
    struct stat before, after;
    int fd, direct;
    const char *path = make_file(where->directory, SIZE, &fd, &direct);

    ck_assert_int_eq(fstat(fd, &before), 0);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(dbio__drain_wait(fd), 0);
    ck_assert_int_eq(fstat(fd, &after), 0);
    ck_assert_int_eq(after.st_size, before.st_size);
    ck_assert_int_eq(after.st_blocks, before.st_blocks);
    t_file_verify(path, T_SEED, 0, SIZE);
}
END_TEST

START_TEST(where_there_is_no_barrier_it_says_why)
{
    T_DIRECT_OR_SKIP(where);
    int fd, direct, reader;
    const char *path = make_file(where->directory, SIZE, &fd, &direct);

    reader = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(dbio__drain_wait(reader), -EBADF);
    ck_assert_int_eq(dbio__drain_wait(-1), -EBADF);
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    ck_assert_int_eq(dbio__drain_wait(fd), -ENODATA);
    ck_assert_int_eq(dbio__drain_try(fd, direct), DBIO_DRAIN_UNKNOWN);
}
END_TEST

START_TEST(the_trial_tells_whether_the_file_system_waits)
{
    T_DIRECT_OR_SKIP(where);
    enum dbio_drain verdict;
    int fd, direct, tries;

    (void)make_file(where->directory, SIZE, &fd, &direct);
    for (tries = 0; tries < 20; tries++) {
        verdict = dbio__drain_try(fd, direct);
        /* Neither ext4 nor XFS nor btrfs lets anyone through; "unknown": the reads were over. */
        ck_assert_int_ne(verdict, DBIO_DRAIN_DOES_NOT);
        if (verdict == DBIO_DRAIN_WAITS)
            break;
    }
    printf("%s: the barrier %s\n", where->name, verdicts[verdict]);
    fflush(stdout);
}
END_TEST

START_TEST(a_trial_that_cannot_be_made_tells_nothing_and_leaks_nothing)
{
    static const enum dbio_sys_call calls[] = {DBIO_SYS_IO_SETUP, DBIO_SYS_IO_SUBMIT,
                                               DBIO_SYS_IOCTL, DBIO_SYS_FALLOCATE};
    static const int errors[] = {ENOSYS, EPERM, EAGAIN};
    T_DIRECT_OR_SKIP(where);
    int fd, direct, before;
    long memory;

    (void)make_file(where->directory, SIZE, &fd, &direct);
    before = t_descriptors();
    memory = dbio__mem_outstanding();
    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < 3; k++) {
            t_fault_all((int)calls[i], errors[k], NULL);
            ck_assert_int_eq(dbio__drain_try(fd, direct), DBIO_DRAIN_UNKNOWN);
            t_fault_disarm();
        }
    dbio__mem_fail_after(0);
    ck_assert_int_eq(dbio__drain_try(fd, direct), DBIO_DRAIN_UNKNOWN);
    dbio__mem_fail_after(-1);
    ck_assert_int_eq(dbio__drain_try(fd, -1), DBIO_DRAIN_UNKNOWN);
    ck_assert_int_eq(t_descriptors(), before);
    ck_assert_int_eq(dbio__mem_outstanding(), memory);
}
END_TEST

START_TEST(an_interrupted_barrier_is_passed_again)
{
    T_DIRECT_OR_SKIP(where);
    int fd, direct;

    (void)make_file(where->directory, SIZE, &fd, &direct);
    t_fault_one(DBIO_SYS_FALLOCATE, 1, EINTR);
    ck_assert_int_eq(dbio__drain_wait(fd), 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_FALLOCATE), 2);
    t_fault_disarm();
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("drain");
    TCase *cases = tcase_create("drain");

    t_add_direct_test(cases, the_barrier_changes_neither_bytes_nor_size_nor_allocation);
    t_add_direct_test(cases, where_there_is_no_barrier_it_says_why);
    t_add_direct_test(cases, the_trial_tells_whether_the_file_system_waits);
    t_add_direct_test(cases, a_trial_that_cannot_be_made_tells_nothing_and_leaks_nothing);
    t_add_direct_test(cases, an_interrupted_barrier_is_passed_again);
    suite_add_tcase(suite, cases);
    return suite;
}
