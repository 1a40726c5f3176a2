/* test_clock.c - time: it does not go back, and it is the kernel's monotonic time. */
#include "os/clock.h"

#include <time.h>

#include "t_support.h"

static uint64_t
kernel_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

START_TEST(time_never_goes_back)
{
    uint64_t before = dbio__clock_ns();

    for (int i = 0; i < 100000; i++) {
        uint64_t now = dbio__clock_ns();

        ck_assert_uint_ge(now, before);
        before = now;
    }
}
END_TEST

START_TEST(it_is_the_kernels_monotonic_time)
{
    uint64_t before = kernel_ns(), ours = dbio__clock_ns(), after = kernel_ns();

    ck_assert(before <= ours && ours <= after);
}
END_TEST

START_TEST(a_sleep_takes_its_time)
{
    struct timespec five_ms = {0, 5000000};
    uint64_t begin = dbio__clock_ns();

    ck_assert_int_eq(clock_nanosleep(CLOCK_MONOTONIC, 0, &five_ms, NULL), 0);
    ck_assert_uint_ge(dbio__clock_ns() - begin, 5000000);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("clock");
    TCase *cases = tcase_create("clock");

    tcase_add_test(cases, time_never_goes_back);
    tcase_add_test(cases, it_is_the_kernels_monotonic_time);
    tcase_add_test(cases, a_sleep_takes_its_time);
    suite_add_tcase(suite, cases);
    return suite;
}
