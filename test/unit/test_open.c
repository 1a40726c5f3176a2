/*
 * test_open.c - descriptors that are dbio's own: known as such, out of the way, never 0, 1 or 2.
 */
#include "os/open.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "t_fault.h"
#include "t_support.h"

START_TEST(own_descriptors_are_known_until_they_are_closed)
{
    int own = dbio__open("/dev/null", O_RDONLY, 0), other = open("/dev/null", O_RDONLY), again;

    ck_assert_int_gt(own, 2);
    ck_assert(dbio__open_owns(own));
    ck_assert(!dbio__open_owns(other));
    again = dbio__open_again(own, O_RDONLY);
    ck_assert(dbio__open_owns(again));
    ck_assert_int_ne(fcntl(own, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_eq(dbio__close(own), 0);
    ck_assert(!dbio__open_owns(own));
    ck_assert_int_eq(dbio__close(other), 0); /* one that was handed over */
    ck_assert_int_eq(dbio__close(again), 0);
    ck_assert_int_eq(dbio__close(again), -EBADF);
    ck_assert(!dbio__open_owns(-1));
    ck_assert(!dbio__open_owns(1 << 30));
}
END_TEST

START_TEST(aside_is_beyond_the_numbers_that_scripts_choose)
{
    int fd = dbio__open("/dev/null", O_RDONLY, 0), aside = dbio__open_aside(fd);

    ck_assert_int_ge(aside, 512);
    ck_assert(dbio__open_owns(aside));
    ck_assert(!dbio__open_owns(fd));
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    ck_assert_int_ne(fcntl(aside, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_eq(dbio__close(aside), 0);
}
END_TEST

START_TEST(where_there_is_no_such_number_it_stays)
{
    struct rlimit limit;
    int fd = dbio__open("/dev/null", O_RDONLY, 0);

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 100;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(dbio__open_aside(fd), fd);
    ck_assert(dbio__open_owns(fd));
    ck_assert_int_eq(dbio__close(fd), 0);
}
END_TEST

START_TEST(standard_streams_that_are_closed_stay_closed)
{
    int fd;

    (void)close(0);
    fd = dbio__open("/dev/null", O_RDONLY, 0);
    ck_assert_int_gt(fd, 2);
    ck_assert_int_eq(fcntl(0, F_GETFD), -1);
    ck_assert_int_eq(dbio__close(fd), 0);
    ck_assert_int_eq(dbio__open("/nowhere/at/all", O_RDONLY, 0), -ENOENT);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("open");
    TCase *cases = tcase_create("open");

    tcase_add_test(cases, own_descriptors_are_known_until_they_are_closed);
    tcase_add_test(cases, aside_is_beyond_the_numbers_that_scripts_choose);
    tcase_add_test(cases, where_there_is_no_such_number_it_stays);
    tcase_add_test(cases, standard_streams_that_are_closed_stay_closed);
    suite_add_tcase(suite, cases);
    return suite;
}
