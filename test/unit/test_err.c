/*
 * test_err.c - errors in words: every errno that the public headers promise has a name and a
 * sentence of its own, and no number at all gives NULL.
 */
#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "t_support.h"

/* What include/ documents. */
static const int promised[] = {EINVAL, E2BIG,  EBADF,      EFAULT, EIO,    EAGAIN, EBUSY,   ENOMEM,
                               EMFILE, ENFILE, ENOSPC,     EDQUOT, EFBIG,  EPERM,  ENOBUFS, EISDIR,
                               ESPIPE, ENOENT, EOPNOTSUPP, EEXIST, EACCES, ENOTSUP};
#define PROMISED ((int)(sizeof(promised) / sizeof(promised[0])))

START_TEST(names_do_not_mind_the_sign)
{
    ck_assert_str_eq(dbio__err_name(-EIO), "EIO");
    ck_assert_str_eq(dbio__err_name(EIO), "EIO");
    ck_assert_str_eq(dbio__err_name(-EAGAIN), "EAGAIN");
    ck_assert_ptr_eq(dbio__err_text(-EIO), dbio__err_text(EIO));
}
END_TEST

START_TEST(what_has_no_name_is_a_question_mark)
{
    static const int nameless[] = {0, 9999, -9999, INT_MAX, INT_MIN};

    for (size_t i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++)
        ck_assert_str_eq(dbio__err_name(nameless[i]), "?");
}
END_TEST

START_TEST(every_promised_error_has_a_sentence_of_its_own)
{
    const char *text = dbio__err_text(-promised[_i]);

    ck_assert_str_ne(dbio__err_name(promised[_i]), "?");
    ck_assert_uint_gt(strlen(text), 20);
    ck_assert_int_eq(text[strlen(text) - 1], '.');
    for (int other = 0; other < PROMISED; other++) {
        if (promised[other] != promised[_i])
            ck_assert_str_ne(text, dbio__err_text(promised[other]));
    }
}
END_TEST

START_TEST(every_number_has_a_text)
{
    for (int error = -200; error <= 200; error++)
        ck_assert_uint_gt(strlen(dbio__err_text(error)), 0);
    ck_assert_uint_gt(strlen(dbio__err_text(INT_MIN)), 0);
    ck_assert_uint_gt(strlen(dbio__err_text(INT_MAX)), 0);
}
END_TEST

START_TEST(a_lost_flush_is_not_to_be_retried)
{
    ck_assert_ptr_nonnull(strstr(dbio__err_text(EIO), "do not retry"));
}
END_TEST

START_TEST(the_first_error_wins)
{
    ck_assert_int_eq(dbio__err_first(-EIO, -ENOSPC), -EIO);
    ck_assert_int_eq(dbio__err_first(-EIO, 0), -EIO);
    ck_assert_int_eq(dbio__err_first(0, -ENOSPC), -ENOSPC);
    ck_assert_int_eq(dbio__err_first(7, -ENOSPC), -ENOSPC);
    ck_assert_int_eq(dbio__err_first(7, 9), 9);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("err");
    TCase *cases = tcase_create("err");

    tcase_add_test(cases, names_do_not_mind_the_sign);
    tcase_add_test(cases, what_has_no_name_is_a_question_mark);
    tcase_add_loop_test(cases, every_promised_error_has_a_sentence_of_its_own, 0, PROMISED);
    tcase_add_test(cases, every_number_has_a_text);
    tcase_add_test(cases, a_lost_flush_is_not_to_be_retried);
    tcase_add_test(cases, the_first_error_wins);
    suite_add_tcase(suite, cases);
    return suite;
}
