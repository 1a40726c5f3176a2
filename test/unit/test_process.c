/*
 * test_process.c - when a process started: told for the living, not for the dead, zombies included.
 */
#include "os/process.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_fault.h"
#include "t_support.h"

START_TEST(a_living_process_has_one_start)
{
    uint64_t start = dbio__process_start(getpid());

    ck_assert_uint_gt(start, 0);
    ck_assert_uint_ne(start, UINT64_MAX);
    ck_assert_uint_eq(dbio__process_start(getpid()), start);
    ck_assert_uint_le(dbio__process_start(getppid()), start);
}
END_TEST

START_TEST(a_name_like_a_line_of_proc_does_not_confuse)
{
    uint64_t start = dbio__process_start(getpid());

    ck_assert_int_eq(prctl(PR_SET_NAME, "a) Z 1 (b) 2"), 0);
    ck_assert_uint_eq(dbio__process_start(getpid()), start);
}
END_TEST

START_TEST(the_dead_have_none)
{
    pid_t child = fork();
    siginfo_t info;

    if (child == 0)
        _exit(0);
    ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    ck_assert_uint_eq(dbio__process_start(child), 0); /* a zombie */
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_uint_eq(dbio__process_start(child), 0);
    ck_assert_uint_eq(dbio__process_start(-5), 0);
}
END_TEST

START_TEST(what_cannot_be_read_is_not_taken_for_dead)
{
    t_fault_one(DBIO_SYS_OPENAT, 1, EACCES);
    ck_assert_uint_eq(dbio__process_start(getpid()), UINT64_MAX);
    t_fault_disarm();
    t_fault_one(DBIO_SYS_PREAD, 1, EIO);
    ck_assert_uint_eq(dbio__process_start(getpid()), UINT64_MAX);
    t_fault_disarm();
    t_fault_short(DBIO_SYS_PREAD, 1, 12);
    ck_assert_uint_eq(dbio__process_start(getpid()), UINT64_MAX);
    t_fault_disarm();
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("process");
    TCase *cases = tcase_create("process");

    tcase_add_test(cases, a_living_process_has_one_start);
    tcase_add_test(cases, a_name_like_a_line_of_proc_does_not_confuse);
    tcase_add_test(cases, the_dead_have_none);
    tcase_add_test(cases, what_cannot_be_read_is_not_taken_for_dead);
    suite_add_tcase(suite, cases);
    return suite;
}
