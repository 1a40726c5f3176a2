/*
 * test_lock.c - locks with ranks: they exclude, they wait, and in debug builds every breach of
 * the lock order ends the process.
 */
#include "base/lock.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_support.h"

static struct dbio_lock outer = DBIO_LOCK_STATIC(DBIO_RANK_CONTEXT);
static struct dbio_lock inner = DBIO_LOCK_STATIC(DBIO_RANK_INODE);
static struct dbio_lock equal = DBIO_LOCK_STATIC(DBIO_RANK_INODE);
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long counter;
static bool ready;

static void *
count_up(void *unused)
{
    for (int i = 0; i < 100000; i++) {
        dbio__lock_acquire(&inner);
        counter++;
        dbio__lock_release(&inner);
    }
    return unused;
}

START_TEST(only_one_thread_is_inside)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(counter, 400000);
}
END_TEST

START_TEST(a_lock_can_be_made_and_unmade)
{
    struct dbio_lock lock;

    for (int i = 0; i < 3; i++) {
        dbio__lock_init(&lock, DBIO_RANK_BOUNCE);
        dbio__lock_acquire(&lock);
        dbio__lock_release(&lock);
        dbio__lock_fini(&lock);
    }
}
END_TEST

START_TEST(locks_may_be_given_back_in_any_order)
{
    struct dbio_lock last = DBIO_LOCK_STATIC(DBIO_RANK_MEMORY);

    dbio__lock_acquire(&outer);
    dbio__lock_acquire(&inner);
    dbio__lock_acquire(&last);
    dbio__lock_release(&inner);
    dbio__lock_release(&outer);
    dbio__lock_release(&last);
    dbio__lock_acquire(&outer);
    dbio__lock_release(&outer);
}
END_TEST

static void *
wait_until_ready(void *unused)
{
    dbio__lock_acquire(&inner);
    while (!ready)
        dbio__lock_wait(&inner, &condition);
    counter = 1;
    dbio__lock_release(&inner);
    pthread_testcancel();
    return unused;
}

/* Starts a thread that waits, and makes it ready; the thread's result. */
static void *
run_waiter(bool cancel)
{
    pthread_t thread;
    void *result;

    ck_assert_int_eq(pthread_create(&thread, NULL, wait_until_ready, NULL), 0);
    usleep(20000);
    if (cancel)
        ck_assert_int_eq(pthread_cancel(thread), 0);
    usleep(20000);
    dbio__lock_acquire(&inner);
    ck_assert_int_eq(counter, 0);
    ready = true;
    pthread_cond_broadcast(&condition);
    dbio__lock_release(&inner);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    return result;
}

START_TEST(a_wait_gives_the_lock_back_and_takes_it_again)
{
    ck_assert_ptr_null(run_waiter(false));
    ck_assert_int_eq(counter, 1);
}
END_TEST

START_TEST(a_wait_is_no_cancellation_point)
{
    ck_assert_ptr_eq(run_waiter(true), PTHREAD_CANCELED);
    ck_assert_int_eq(counter, 1);
}
END_TEST

static void
take_a_lower_rank(void)
{
    dbio__lock_acquire(&inner);
    dbio__lock_acquire(&outer);
}

static void
take_an_equal_rank(void)
{
    dbio__lock_acquire(&inner);
    dbio__lock_acquire(&equal);
}

static void
take_the_same_twice(void)
{
    dbio__lock_acquire(&inner);
    dbio__lock_acquire(&inner);
}

static void
give_back_what_is_not_held(void)
{
    dbio__lock_acquire(&outer);
    dbio__lock_release(&inner);
}

static void
wait_with_one_that_is_not_the_last(void)
{
    dbio__lock_acquire(&outer);
    dbio__lock_acquire(&inner);
    dbio__lock_wait(&outer, &condition);
}

static void
wait_without_holding(void)
{
    dbio__lock_wait(&outer, &condition);
}

static void (*const breaches[])(void) = {take_a_lower_rank,
                                         take_an_equal_rank,
                                         take_the_same_twice,
                                         give_back_what_is_not_held,
                                         wait_with_one_that_is_not_the_last,
                                         wait_without_holding};

START_TEST(a_breach_of_the_lock_order_aborts)
{
#ifdef NDEBUG
    (void)breaches;
    t_skip("release build: the lock order is not checked");
#else
    char text[1024];
    int status = t_capture(breaches[_i], text, sizeof(text));

    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#endif
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("lock");
    TCase *cases = tcase_create("lock");

    tcase_add_test(cases, only_one_thread_is_inside);
    tcase_add_test(cases, a_lock_can_be_made_and_unmade);
    tcase_add_test(cases, locks_may_be_given_back_in_any_order);
    tcase_add_test(cases, a_wait_gives_the_lock_back_and_takes_it_again);
    tcase_add_test(cases, a_wait_is_no_cancellation_point);
    tcase_add_loop_test(cases, a_breach_of_the_lock_order_aborts, 0,
                        sizeof(breaches) / sizeof(breaches[0]));
    suite_add_tcase(suite, cases);
    return suite;
}
