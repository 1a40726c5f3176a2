/* test_api_error.c - errors in words: names, remedies, either sign, any number. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "t_dbio.h"

/* Every error that the headers name. */
static const int documented[] = {EINVAL, E2BIG,  ENOMEM,  EBADF,  EBUSY,  EFAULT, EIO,
                                 EISDIR, ESPIPE, ENOTSUP, EMFILE, ENFILE, EAGAIN, EOPNOTSUPP,
                                 ENOSPC, EDQUOT, EFBIG,   EPERM,  EACCES, ENOBUFS};
#define DOCUMENTED (sizeof(documented) / sizeof(documented[0]))

START_TEST(a_name_is_the_constant_whatever_the_sign)
{
    ck_assert_str_eq(dbio_error_name(-EIO), "EIO");
    ck_assert_str_eq(dbio_error_name(EIO), "EIO");
    ck_assert_str_eq(dbio_error_name(-EAGAIN), "EAGAIN");
    ck_assert_str_eq(dbio_error_name(0), "?");
    ck_assert_str_eq(dbio_error_name(-100000), "?");
    ck_assert_str_eq(dbio_error_name(INT_MIN), "?");
    ck_assert_str_eq(dbio_error_name(INT_MAX), "?");
}
END_TEST

START_TEST(every_documented_error_has_a_sentence_of_its_own_that_says_what_to_do)
{
    for (size_t i = 0; i < DOCUMENTED; i++) {
        const char *text = dbio_error_text(-documented[i]);

        ck_assert_str_ne(text, dbio_error_text(-100000));
        ck_assert_uint_gt(strlen(text), 30);
        ck_assert_str_eq(text, dbio_error_text(documented[i]));
        for (size_t j = 0; j < i; j++)
            if (documented[i] != documented[j])
                ck_assert_str_ne(text, dbio_error_text(documented[j]));
    }
}
END_TEST

START_TEST(any_number_has_a_text)
{
    for (int error = -200; error < 200; error++)
        ck_assert_uint_gt(strlen(dbio_error_text(error)), 5);
    ck_assert_ptr_nonnull(dbio_error_text(INT_MIN));
    ck_assert_ptr_nonnull(dbio_error_text(INT_MAX));
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_error");
    TCase *cases = tcase_create("api_error");

    tcase_add_test(cases, a_name_is_the_constant_whatever_the_sign);
    tcase_add_test(cases, every_documented_error_has_a_sentence_of_its_own_that_says_what_to_do);
    tcase_add_test(cases, any_number_has_a_text);
    suite_add_tcase(suite, cases);
    return suite;
}
