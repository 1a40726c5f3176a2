/*
 * test_pool.c - pools: objects are zeroed and apart, a dead one is recognised, the oldest dead
 * one is reused first and not before 16 have died after it.
 */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "t_support.h"

#define KEPT 16

struct thing {
    struct dbio_pooled head;
    unsigned char bytes[100];
};

static struct dbio_pool things = DBIO_POOL_STATIC(struct thing, 0x7468696e67);

static void
bury(struct thing *thing)
{
    ck_assert(dbio__pool_kill(&things, &thing->head));
    dbio__pool_give(&things, &thing->head);
}

START_TEST(an_object_is_zeroed_aligned_and_alive)
{
    struct thing *thing = dbio__pool_take(&things);

    ck_assert_ptr_nonnull(thing);
    ck_assert_uint_eq((uintptr_t)thing % 64, 0);
    ck_assert(dbio__pool_alive(things.magic, &thing->head));
    for (size_t i = 0; i < sizeof(thing->bytes); i++)
        ck_assert_uint_eq(thing->bytes[i], 0);
}
END_TEST

START_TEST(a_killed_object_is_dead_and_cannot_be_killed_again)
{
    struct thing *thing = dbio__pool_take(&things);

    ck_assert(dbio__pool_kill(&things, &thing->head));
    ck_assert(!dbio__pool_alive(things.magic, &thing->head));
    ck_assert(!dbio__pool_kill(&things, &thing->head));
    dbio__pool_give(&things, &thing->head);
    ck_assert(!dbio__pool_kill(&things, &thing->head));
}
END_TEST

START_TEST(an_object_of_another_pool_is_not_alive_here)
{
    static struct dbio_pool others = DBIO_POOL_STATIC(struct thing, 0x6f74686572);
    struct thing *thing = dbio__pool_take(&others);

    ck_assert(!dbio__pool_alive(things.magic, &thing->head));
    ck_assert(!dbio__pool_kill(&things, &thing->head));
    ck_assert(dbio__pool_alive(others.magic, &thing->head));
}
END_TEST

START_TEST(a_dead_object_stays_dead_until_16_have_died_after_it)
{
    struct thing *first = dbio__pool_take(&things);

    bury(first);
    for (int i = 0; i < KEPT; i++) {
        struct thing *next = dbio__pool_take(&things);

        ck_assert_ptr_ne(next, first);
        ck_assert(!dbio__pool_alive(things.magic, &first->head));
        bury(next);
    }
    ck_assert_ptr_eq(dbio__pool_take(&things), first);
}
END_TEST

START_TEST(without_new_deaths_a_dead_object_is_never_reused)
{
    struct thing *first = dbio__pool_take(&things);

    bury(first);
    for (int i = 0; i < 1000; i++)
        ck_assert_ptr_ne(dbio__pool_take(&things), first);
    ck_assert(!dbio__pool_alive(things.magic, &first->head));
}
END_TEST

START_TEST(dead_objects_are_reused_oldest_first_and_zeroed)
{
    struct thing *all[KEPT + 5];

    for (int i = 0; i < KEPT + 5; i++) {
        all[i] = dbio__pool_take(&things);
        memset(all[i]->bytes, 0xee, sizeof(all[i]->bytes));
    }
    for (int i = 0; i < KEPT + 5; i++)
        bury(all[i]);
    for (int i = 0; i < 5; i++) {
        struct thing *again = dbio__pool_take(&things);

        ck_assert_ptr_eq(again, all[i]);
        ck_assert_uint_eq(again->bytes[0] | again->bytes[99], 0);
    }
}
END_TEST

START_TEST(closing_and_opening_for_ever_takes_no_more_memory)
{
    long before;

    for (int i = 0; i < 100; i++)
        bury(dbio__pool_take(&things));
    before = dbio__mem_outstanding();
    for (int i = 0; i < 10000; i++)
        bury(dbio__pool_take(&things));
    ck_assert_int_eq(dbio__mem_outstanding(), before);
}
END_TEST

START_TEST(without_memory_nothing_is_given_and_later_it_works)
{
    dbio__mem_fail_after(0);
    ck_assert_ptr_null(dbio__pool_take(&things));
    ck_assert_ptr_null(dbio__pool_take(&things));
    dbio__mem_fail_after(-1);
    ck_assert_ptr_nonnull(dbio__pool_take(&things));
}
END_TEST

static void
give_a_living_one(void)
{
    struct thing *thing = dbio__pool_take(&things);

    dbio__pool_give(&things, &thing->head);
}

START_TEST(giving_back_a_living_object_aborts)
{
    char text[1024];
    int status = t_capture(give_a_living_one, text, sizeof(text));

    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

static void *
take_and_bury(void *wrong)
{
    for (int i = 0; i < 20000; i++) {
        struct thing *thing = dbio__pool_take(&things);

        thing->bytes[0]++;
        if (thing->bytes[0] != 1 || !dbio__pool_kill(&things, &thing->head))
            __atomic_store_n((bool *)wrong, true, __ATOMIC_RELAXED);
        dbio__pool_give(&things, &thing->head);
    }
    return NULL;
}

START_TEST(no_two_threads_hold_the_same_object)
{
    pthread_t threads[4];
    bool wrong = false;

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_bury, &wrong), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert(!wrong);
}
END_TEST

static struct thing *contested;

static void *
try_to_kill(void *unused)
{
    (void)unused;
    return dbio__pool_kill(&things, &contested->head) ? &contested : NULL;
}

START_TEST(of_two_threads_that_kill_one_succeeds)
{
    for (int round = 0; round < 200; round++) {
        pthread_t other;
        void *its;
        bool ours;

        contested = dbio__pool_take(&things);
        ck_assert_int_eq(pthread_create(&other, NULL, try_to_kill, NULL), 0);
        ours = dbio__pool_kill(&things, &contested->head);
        ck_assert_int_eq(pthread_join(other, &its), 0);
        ck_assert(ours != (its != NULL));
        dbio__pool_give(&things, &contested->head);
    }
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("pool");
    TCase *cases = tcase_create("pool");

    tcase_add_test(cases, an_object_is_zeroed_aligned_and_alive);
    tcase_add_test(cases, a_killed_object_is_dead_and_cannot_be_killed_again);
    tcase_add_test(cases, an_object_of_another_pool_is_not_alive_here);
    tcase_add_test(cases, a_dead_object_stays_dead_until_16_have_died_after_it);
    tcase_add_test(cases, without_new_deaths_a_dead_object_is_never_reused);
    tcase_add_test(cases, dead_objects_are_reused_oldest_first_and_zeroed);
    tcase_add_test(cases, closing_and_opening_for_ever_takes_no_more_memory);
    tcase_add_test(cases, without_memory_nothing_is_given_and_later_it_works);
    tcase_add_test(cases, giving_back_a_living_object_aborts);
    tcase_add_test(cases, no_two_threads_hold_the_same_object);
    tcase_add_test(cases, of_two_threads_that_kill_one_succeeds);
    suite_add_tcase(suite, cases);
    return suite;
}
