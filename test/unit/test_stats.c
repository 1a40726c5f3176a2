/*
 * test_stats.c - counters and the history of decisions: nothing is lost between shards and
 * threads, a maximum is a maximum, no two shards share a cache line.
 */
#include "core/stats.h"

#include <pthread.h>
#include <string.h>

#include "t_support.h"

#define THREADS 4
#define ROUNDS  100000

static struct dbio_counters counters;
static struct dbio_history history;

START_TEST(a_sum_is_over_all_shards_and_of_its_counter_alone)
{
    uint32_t hint;

    for (hint = 0; hint < 3 * DBIO_STATS_SHARDS; hint++) {
        dbio__stats_add(&counters, hint, DBIO_STAT_READS, hint);
        dbio__stats_add(&counters, hint, DBIO_STAT_READ_BYTES, 4096);
    }
    ck_assert_uint_eq(dbio__stats_sum(&counters, DBIO_STAT_READS), hint * (hint - 1) / 2);
    ck_assert_uint_eq(dbio__stats_sum(&counters, DBIO_STAT_READ_BYTES), hint * 4096);
    ck_assert_uint_eq(dbio__stats_sum(&counters, DBIO_STAT_WRITES), 0);
    ck_assert_uint_eq(dbio__stats_sum(&counters, DBIO_STAT_CROSS_PROCESS), 0);
}
END_TEST

START_TEST(a_maximum_is_raised_never_lowered_and_compared_over_shards)
{
    dbio__stats_raise(&counters, 1, DBIO_STAT_WAIT_NS_MAX, 500);
    dbio__stats_raise(&counters, 1, DBIO_STAT_WAIT_NS_MAX, 300);
    ck_assert_uint_eq(dbio__stats_sum(&counters, DBIO_STAT_WAIT_NS_MAX), 500);
    dbio__stats_raise(&counters, 2, DBIO_STAT_WAIT_NS_MAX, 400);
    ck_assert_uint_eq(dbio__stats_sum(&counters, DBIO_STAT_WAIT_NS_MAX), 500);
    dbio__stats_raise(&counters, 7, DBIO_STAT_WAIT_NS_MAX, 501);
    ck_assert_uint_eq(dbio__stats_sum(&counters, DBIO_STAT_WAIT_NS_MAX), 501);
}
END_TEST

START_TEST(two_threads_hints_are_in_different_shards_until_they_run_out)
{
    uint32_t hint;

    for (hint = 0; hint < DBIO_STATS_OWN; hint++) {
        dbio__stats_add(&counters, hint, DBIO_STAT_SYNCS, 1);
        ck_assert_uint_eq(atomic_load(&counters.shards[hint].counters[DBIO_STAT_SYNCS]), 1);
    }
    ck_assert_uint_eq(sizeof(struct dbio_stats_shard) % DBIO_CACHE_LINE, 0);
    ck_assert_uint_eq(sizeof(struct dbio_history_shard) % DBIO_CACHE_LINE, 0);
    ck_assert_uint_eq(offsetof(struct dbio_history, shards) % DBIO_CACHE_LINE, 0);
}
END_TEST

START_TEST(a_new_history_recalls_no_route_and_no_reason)
{
    struct dbio_why why = {.size = sizeof(why)};
    struct dbio_why nothing = why;

    dbio__stats_recall(&history, &why);
    ck_assert_mem_eq(&why, &nothing, sizeof(why));
}
END_TEST

START_TEST(a_history_recalls_the_last_decision_and_counts_each)
{
    struct dbio_why why = {.size = sizeof(why), .mode = 3, .memory_align = 512};
    uint32_t hint;

    for (hint = 0; hint < 20; hint++)
        dbio__stats_note(&history, hint, DBIO_ROUTE_BUFFERED, DBIO_REASON_ROLE_DATA);
    dbio__stats_note(&history, 5, DBIO_ROUTE_DIRECT_BOUNCE, DBIO_REASON_UNALIGNED);
    dbio__stats_note(&history, 6, DBIO_ROUTE_ATOMIC, DBIO_REASON_DONTCACHE_REFUSED);
    dbio__stats_recall(&history, &why);
    ck_assert_uint_eq(why.last_route, DBIO_ROUTE_ATOMIC);
    ck_assert_uint_eq(why.last_reason, DBIO_REASON_DONTCACHE_REFUSED);
    ck_assert_uint_eq(why.routes[DBIO_ROUTE_BUFFERED], 20);
    ck_assert_uint_eq(why.routes[DBIO_ROUTE_DIRECT_BOUNCE], 1);
    ck_assert_uint_eq(why.routes[DBIO_ROUTE_ATOMIC], 1);
    ck_assert_uint_eq(why.routes[DBIO_ROUTE_DIRECT], 0);
    ck_assert_uint_eq(why.reasons[DBIO_REASON_ROLE_DATA], 20);
    ck_assert_uint_eq(why.reasons[DBIO_REASON_UNALIGNED], 1);
    ck_assert_uint_eq(why.reasons[DBIO_REASON_DONTCACHE_REFUSED], 1);
    /* The rest is not the history's. */
    ck_assert(why.mode == 3 && why.memory_align == 512);
}
END_TEST

static void *
count_and_note(void *argument)
{
    uint32_t hint = *(uint32_t *)argument, i;

    for (i = 0; i < ROUNDS; i++) {
        dbio__stats_add(&counters, hint, DBIO_STAT_WRITES, 3);
        dbio__stats_raise(&counters, hint, DBIO_STAT_WAIT_NS_MAX, (uint64_t)hint * ROUNDS + i);
        dbio__stats_note(&history, hint, (enum dbio_route)(1 + i % 7),
                         (enum dbio_reason)(i % DBIO_REASON_COUNT));
    }
    return NULL;
}

/* `stride` between the hints: 1, every thread has a shard; the shards' number, all have one. */
static void
hammer(uint32_t stride)
{
    struct dbio_why why = {.size = sizeof(why)};
    pthread_t threads[THREADS];
    uint32_t hints[THREADS], i;
    uint64_t routes = 0, reasons = 0;

    for (i = 0; i < THREADS; i++) {
        hints[i] = i * stride;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_and_note, &hints[i]), 0);
    }
    for (i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(dbio__stats_sum(&counters, DBIO_STAT_WRITES), 3ull * THREADS * ROUNDS);
    ck_assert_uint_eq(dbio__stats_sum(&counters, DBIO_STAT_WAIT_NS_MAX),
                      (uint64_t)hints[THREADS - 1] * ROUNDS + ROUNDS - 1);
    dbio__stats_recall(&history, &why);
    for (i = 0; i < DBIO_ROUTE_COUNT; i++)
        routes += why.routes[i];
    for (i = 0; i < DBIO_REASON_COUNT; i++)
        reasons += why.reasons[i];
    ck_assert_uint_eq(routes, THREADS * ROUNDS);
    ck_assert_uint_eq(reasons, THREADS * ROUNDS);
    ck_assert(why.last_route >= 1 && why.last_route < DBIO_ROUTE_COUNT);
    ck_assert(why.last_reason < DBIO_REASON_COUNT);
}

START_TEST(threads_with_shards_of_their_own_lose_nothing)
{
    hammer(1);
}
END_TEST

START_TEST(threads_that_share_a_shard_lose_nothing)
{
    hammer(DBIO_STATS_SHARDS);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("stats");
    TCase *cases = tcase_create("stats");

    tcase_add_test(cases, a_sum_is_over_all_shards_and_of_its_counter_alone);
    tcase_add_test(cases, a_maximum_is_raised_never_lowered_and_compared_over_shards);
    tcase_add_test(cases, two_threads_hints_are_in_different_shards_until_they_run_out);
    tcase_add_test(cases, a_new_history_recalls_no_route_and_no_reason);
    tcase_add_test(cases, a_history_recalls_the_last_decision_and_counts_each);
    tcase_add_test(cases, threads_with_shards_of_their_own_lose_nothing);
    tcase_add_test(cases, threads_that_share_a_shard_lose_nothing);
    suite_add_tcase(suite, cases);
    return suite;
}
