/*
 * test_check.c - assertions: that a false one ends the process and says where, that a true one
 * does nothing. Failing ones run in a process of their own whose standard error is read.
 */
#include "base/check.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "t_support.h"

static int evaluated;

static int
count_and_return(int value)
{
    evaluated++;
    return value;
}

static void
fail_verify(void)
{
    int answer = 41;

    dbio_verify(answer == 42);
}

static void
fail_assert(void)
{
    dbio_assert(count_and_return(0) != 0);
}

static void
fail_with_a_long_condition(void)
{
    char condition[2000];

    memset(condition, 'x', sizeof(condition) - 1);
    condition[sizeof(condition) - 1] = '\0';
    dbio__check_failed(condition, "file.c", 7);
}

START_TEST(a_true_condition_is_evaluated_once_and_passes)
{
    dbio_verify(count_and_return(1) == 1);
    ck_assert_int_eq(evaluated, 1);
}
END_TEST

START_TEST(a_false_verify_aborts_and_says_where)
{
    char text[1024];
    int status = t_capture(fail_verify, text, sizeof(text));

    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(text, "test_check.c:"));
    ck_assert_ptr_nonnull(strstr(text, "must hold: answer == 42\n"));
}
END_TEST

START_TEST(a_false_assert_aborts_in_debug_builds_only)
{
    char text[1024];
    int status = t_capture(fail_assert, text, sizeof(text));

#ifdef NDEBUG
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_str_eq(text, "");
#else
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#endif
}
END_TEST

START_TEST(a_long_condition_is_cut)
{
    char text[4096];
    int status = t_capture(fail_with_a_long_condition, text, sizeof(text));

    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_int_eq(strncmp(text, "dbio: file.c:7: must hold: xxx", 30), 0);
    ck_assert_uint_eq(strlen(text), 511 + 1);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("check");
    TCase *cases = tcase_create("check");

    tcase_add_test(cases, a_true_condition_is_evaluated_once_and_passes);
    tcase_add_test(cases, a_false_verify_aborts_and_says_where);
    tcase_add_test(cases, a_false_assert_aborts_in_debug_builds_only);
    tcase_add_test(cases, a_long_condition_is_cut);
    suite_add_tcase(suite, cases);
    return suite;
}
