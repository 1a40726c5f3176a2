/*
 * test_log.c - log lines: which are written, how long they get, and that each is one
 * write(2). Each case logs in a process of its own whose standard error is read.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_support.h"

static int evaluated;

static int
count_evaluation(void)
{
    return ++evaluated;
}

static void
log_at_every_level(void)
{
    dbio_log(DBIO_LOG_ERROR, "one %d", 1);
    dbio_log(DBIO_LOG_WARN, "two %d", 2);
    dbio_log(DBIO_LOG_INFO, "three %d", 3);
    dbio_log(DBIO_LOG_TRACE, "four %d", 4);
}

/* How many of the four lines are written with DBIO_LOG=`value` (NULL: unset). */
static int
count_lines(const char *value)
{
    static const char *const lines[] = {" error: one 1\n\n", " warn: two 2\n\n",
                                        " info: three 3\n\n", " trace: four 4\n\n"};
    char text[1024];
    int count = 0, status;

    dbio__log_level_now = DBIO_LOG_UNREAD;
    if (value != NULL)
        setenv("DBIO_LOG", value, 1);
    else
        unsetenv("DBIO_LOG");
    status = t_capture(log_at_every_level, text, sizeof(text));
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    while (count < 4 && strstr(text, lines[count]) != NULL)
        count++;
    for (int above = count; above < 4; above++)
        ck_assert_ptr_null(strstr(text, lines[above]));
    return count;
}

static void
log_a_long_line(void)
{
    char word[2000];

    memset(word, 'y', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    dbio__log_level_now = DBIO_LOG_ERROR;
    dbio_log(DBIO_LOG_ERROR, "%s", word);
}

static void
log_after_start(void)
{
    setenv("DBIO_LOG", "trace", 1);
    dbio__log_level_now = DBIO_LOG_WARN;
    dbio__log_start();
    log_at_every_level();
}

static void *
log_while_cancelled(void *unused)
{
    (void)unused;
    pthread_cancel(pthread_self());
    dbio_log(DBIO_LOG_ERROR, "first");
    dbio_log(DBIO_LOG_ERROR, "second");
    pthread_testcancel();
    return NULL;
}

static void
log_in_a_cancelled_thread(void)
{
    pthread_t thread;
    void *result = NULL;

    dbio__log_level_now = DBIO_LOG_ERROR;
    if (pthread_create(&thread, NULL, log_while_cancelled, NULL) == 0)
        pthread_join(thread, &result);
    _exit(result == PTHREAD_CANCELED ? 0 : 1);
}

START_TEST(nothing_is_logged_unless_asked)
{
    ck_assert_int_eq(count_lines(NULL), 0);
}
END_TEST

START_TEST(the_environment_sets_the_level)
{
    ck_assert_int_eq(count_lines("none"), 0);
    ck_assert_int_eq(count_lines("error"), 1);
    ck_assert_int_eq(count_lines("warn"), 2);
    ck_assert_int_eq(count_lines("info"), 3);
    ck_assert_int_eq(count_lines("trace"), 4);
}
END_TEST

START_TEST(an_unknown_level_is_none)
{
    ck_assert_int_eq(count_lines(""), 0);
    ck_assert_int_eq(count_lines("TRACE"), 0);
    ck_assert_int_eq(count_lines("loud"), 0);
}
END_TEST

START_TEST(a_level_that_was_set_is_not_read_again)
{
    char text[1024];

    t_capture(log_after_start, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "warn: two 2"));
    ck_assert_ptr_null(strstr(text, "info: three 3"));
}
END_TEST

START_TEST(a_long_line_is_cut_at_512_bytes_and_ends_with_a_newline)
{
    char text[4096];

    t_capture(log_a_long_line, text, sizeof(text));
    /* One write, so one newline of t_capture's after it. */
    ck_assert_uint_eq(strlen(text), 512 + 1);
    ck_assert_ptr_eq(strstr(text, "yy\n"), text + 512 - 3);
}
END_TEST

START_TEST(a_line_has_the_process_number)
{
    char text[4096];

    t_capture(log_a_long_line, text, sizeof(text));
    ck_assert_int_eq(strncmp(text, "dbio[", 5), 0);
    ck_assert_int_ne(atoi(text + 5), 0);
}
END_TEST

START_TEST(values_are_not_computed_when_the_level_is_off)
{
    dbio__log_level_now = DBIO_LOG_WARN;
    dbio_log(DBIO_LOG_INFO, "%d", count_evaluation());
    ck_assert_int_eq(evaluated, 0);
}
END_TEST

START_TEST(a_line_is_no_cancellation_point)
{
    char text[1024];
    int status = t_capture(log_in_a_cancelled_thread, text, sizeof(text));

    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_ptr_nonnull(strstr(text, "first"));
    ck_assert_ptr_nonnull(strstr(text, "second"));
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *cases = tcase_create("log");

    tcase_add_test(cases, nothing_is_logged_unless_asked);
    tcase_add_test(cases, the_environment_sets_the_level);
    tcase_add_test(cases, an_unknown_level_is_none);
    tcase_add_test(cases, a_level_that_was_set_is_not_read_again);
    tcase_add_test(cases, a_long_line_is_cut_at_512_bytes_and_ends_with_a_newline);
    tcase_add_test(cases, a_line_has_the_process_number);
    tcase_add_test(cases, values_are_not_computed_when_the_level_is_off);
    tcase_add_test(cases, a_line_is_no_cancellation_point);
    suite_add_tcase(suite, cases);
    return suite;
}
