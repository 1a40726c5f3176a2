/*
 * test_arbitration.c - waiting and waking: who waits for whom, in which order, what is counted,
 * that nothing ends a wait but its reason, and that nobody waits for ever. The requests are
 * announcements without I/O.
 */
#include "engine/arbitration.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/fork.h"
#include "engine/membership.h"
#include "t_fault.h"
#include "t_hold.h"
#include "t_support.h"

#define PAGE  4096u
#define JOBS  8
#define CROWD 32
#define TIMES 200
#define ENTRY 7u
#define TABLE dbio__membership.table

static struct dbio_counters counters;
static const struct dbio_range page = {0, PAGE}, elsewhere = {PAGE, 2 * PAGE};

static uint64_t
counted(enum dbio_stat stat)
{
    return dbio__stats_sum(&counters, stat);
}

static int
begin(enum dbio_class class, struct dbio_range range, bool nowait, struct dbio_announcement *a)
{
    struct dbio_turn turn = {
        .entry = ENTRY, .class = class, .range = range, .nowait = nowait, .counters = &counters};

    ck_assert_int_eq(dbio__fork_start(), 0);
    ck_assert_int_eq(dbio__arbitration_start(), 0);
    ck_assert_int_eq(dbio__membership_join(NULL), 0);
    return dbio__arbitration_finish(&turn, dbio__arbitration_announce(ENTRY, class, range, a), a);
}

/* A request in a thread: its class, and when its turn came. */
struct request {
    struct t_job job;
    enum dbio_class class;
    struct dbio_range range;
    int turn;
};
static _Atomic int turns;

static long
take_turn(void *argument)
{
    struct request *request = argument;
    struct dbio_announcement a;
    int error = begin(request->class, request->range, false, &a);

    if (error != 0)
        return error;
    request->turn = atomic_fetch_add(&turns, 1);
    dbio__arbitration_end(&a);
    return 0;
}

static void
start(struct request *request, enum dbio_class class, struct dbio_range range)
{
    request->class = class;
    request->range = range;
    t_job_start(&request->job, take_turn, request);
}

START_TEST(requests_of_one_group_draw_no_tickets_and_wait_for_nobody)
{
    struct dbio_announcement a[4];

    ck_assert_int_eq(begin(DBIO_CLASS_DIRECT_WRITE, page, false, &a[0]), 0);
    ck_assert_int_eq(begin(DBIO_CLASS_DIRECT_READ, page, false, &a[1]), 0);
    ck_assert_int_eq(begin(DBIO_CLASS_DIRECT_WRITE, page, true, &a[2]), 0);
    ck_assert_uint_eq(dbio__inflight_outstanding(TABLE), 3);
    for (int i = 0; i < 3; i++)
        dbio__arbitration_end(&a[i]);
    ck_assert_uint_eq(dbio__inflight_outstanding(TABLE), 0);
    ck_assert_uint_eq(counted(DBIO_STAT_WAITS), 0);
    for (unsigned i = 0; i < 4 * DBIO_INFLIGHT_QUIET; i++) {
        ck_assert_int_eq(begin(DBIO_CLASS_DIRECT_WRITE, page, false, &a[0]), 0);
        dbio__arbitration_end(&a[0]);
    }
    /* A new file begins with tickets; they are given up after a quiet time. */
    ck_assert_uint_le(counted(DBIO_STAT_TICKETS), DBIO_INFLIGHT_QUIET + 8);
    ck_assert_str_eq(dbio__inflight_mode_name(TABLE, ENTRY), "direct");
}
END_TEST

START_TEST(a_request_waits_for_one_that_conflicts_and_the_wait_is_counted)
{
    struct request waiter = {.turn = -1};
    struct dbio_announcement a;

    ck_assert_int_eq(begin(DBIO_CLASS_DIRECT_WRITE, page, false, &a), 0);
    start(&waiter, DBIO_CLASS_BUFFERED_WRITE, page);
    t_await_outstanding(2);
    t_job_assert_waits(&waiter.job);
    dbio__arbitration_end(&a);
    ck_assert_int_eq(t_job_join(&waiter.job), 0);
    ck_assert_uint_eq(counted(DBIO_STAT_WAITS), 1);
    ck_assert_uint_ge(counted(DBIO_STAT_WAIT_NS), 10000000);
    ck_assert_uint_eq(counted(DBIO_STAT_WAIT_NS_MAX), counted(DBIO_STAT_WAIT_NS));
    ck_assert_uint_eq(dbio__inflight_outstanding(TABLE), 0);
}
END_TEST

START_TEST(every_pair_of_classes_waits_exactly_if_it_conflicts)
{
    for (int first = 0; first < DBIO_CLASS_COUNT; first++) {
        for (int second = 0; second < DBIO_CLASS_COUNT; second++) {
            enum dbio_class one = (enum dbio_class)first, two = (enum dbio_class)second;
            struct dbio_announcement a, b;
            bool conflict = dbio__inflight_conflicts(one, two);
            struct dbio_range next = {PAGE, 2 * PAGE};

            ck_assert_int_eq(begin(one, page, false, &a), 0);
            ck_assert_int_eq(begin(two, page, true, &b), conflict ? -EAGAIN : 0);
            ck_assert_uint_eq(dbio__inflight_outstanding(TABLE), conflict ? 1 : 2);
            if (!conflict)
                dbio__arbitration_end(&b);
            ck_assert_int_eq(begin(two, next, true, &b), 0);
            dbio__arbitration_end(&b);
            dbio__arbitration_end(&a);
        }
    }
    ck_assert_uint_eq(dbio__inflight_outstanding(TABLE), 0);
    ck_assert_uint_eq(counted(DBIO_STAT_WAITS), 0);
}
END_TEST

START_TEST(those_who_wait_are_served_first_come_first_served)
{
    struct request requests[JOBS];
    struct dbio_announcement a;

    ck_assert_int_eq(begin(DBIO_CLASS_EXCLUSIVE, page, false, &a), 0);
    for (unsigned i = 0; i < JOBS; i++) {
        /* Each conflicts with the one before it. */
        start(&requests[i], i % 2 == 0 ? DBIO_CLASS_DIRECT_WRITE : DBIO_CLASS_BUFFERED_WRITE, page);
        t_await_outstanding(i + 2);
        usleep(10000); /* announced; now it has a number too */
    }
    dbio__arbitration_end(&a);
    for (int i = 0; i < JOBS; i++) {
        ck_assert_int_eq(t_job_join(&requests[i].job), 0);
        ck_assert_int_eq(requests[i].turn, i);
    }
    ck_assert_uint_eq(counted(DBIO_STAT_WAITS), JOBS);
}
END_TEST

START_TEST(a_request_that_does_not_conflict_overtakes_those_who_wait)
{
    struct request waiter = {.turn = -1};
    struct dbio_announcement a, b;
    const struct dbio_range next = {PAGE, 2 * PAGE};

    ck_assert_int_eq(begin(DBIO_CLASS_DIRECT_WRITE, page, false, &a), 0);
    start(&waiter, DBIO_CLASS_BUFFERED_READ, page);
    t_await_outstanding(2);
    ck_assert_int_eq(begin(DBIO_CLASS_BUFFERED_WRITE, next, true, &b), 0);
    dbio__arbitration_end(&b);
    t_job_assert_waits(&waiter.job);
    dbio__arbitration_end(&a);
    ck_assert_int_eq(t_job_join(&waiter.job), 0);
}
END_TEST

START_TEST(a_newcomer_does_not_overtake_a_waiter_that_it_conflicts_with)
{
    struct request waiter = {.turn = -1}, newcomer = {.turn = -1};
    struct dbio_announcement a;

    ck_assert_int_eq(begin(DBIO_CLASS_DIRECT_WRITE, page, false, &a), 0);
    start(&waiter, DBIO_CLASS_BUFFERED_WRITE, page);
    t_await_outstanding(2);
    /* It could run beside the direct write, but not beside the one that waits. */
    start(&newcomer, DBIO_CLASS_DIRECT_WRITE, page);
    t_await_outstanding(3);
    t_job_assert_waits(&newcomer.job);
    dbio__arbitration_end(&a);
    ck_assert_int_eq(t_job_join(&waiter.job), 0);
    ck_assert_int_eq(t_job_join(&newcomer.job), 0);
    ck_assert_int_lt(waiter.turn, newcomer.turn);
}
END_TEST

static _Atomic bool stop;
static _Atomic uint64_t direct_turns;

static long
write_directly_for_ever(void *argument)
{
    struct dbio_announcement a;

    (void)argument;
    while (!atomic_load(&stop)) {
        if (begin(DBIO_CLASS_DIRECT_WRITE, page, false, &a) != 0)
            return 1;
        atomic_fetch_add(&direct_turns, 1);
        sched_yield();
        dbio__arbitration_end(&a);
    }
    return 0;
}

START_TEST(a_crowd_of_direct_writers_does_not_starve_a_buffered_one)
{
    static struct t_job crowd[CROWD];
    struct dbio_announcement a;

    for (int i = 0; i < CROWD; i++)
        t_job_start(&crowd[i], write_directly_for_ever, NULL);
    while (atomic_load(&direct_turns) < CROWD)
        sched_yield();
    /* Both come on: neither count ends the loop alone. */
    for (int i = 0; i < TIMES || atomic_load(&direct_turns) < TIMES; i++) {
        ck_assert_int_eq(begin(DBIO_CLASS_BUFFERED_WRITE, page, false, &a), 0);
        dbio__arbitration_end(&a);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < CROWD; i++)
        ck_assert_int_eq(t_job_join(&crowd[i]), 0);
    ck_assert_uint_eq(dbio__inflight_outstanding(TABLE), 0);
}
END_TEST

START_TEST(with_a_full_table_a_request_waits_for_a_slot_or_says_that_it_would)
{
    static struct dbio_announcement all[DBIO_TABLE_SLOTS];
    struct request waiter = {.turn = -1};
    struct dbio_announcement a;

    for (unsigned i = 0; i < DBIO_TABLE_SLOTS; i++)
        ck_assert_int_eq(begin(DBIO_CLASS_BUFFERED_READ, page, false, &all[i]), 0);
    ck_assert_int_eq(begin(DBIO_CLASS_BUFFERED_READ, page, true, &a), -EAGAIN);
    ck_assert_uint_eq(counted(DBIO_STAT_TABLE_FULL), 1);
    start(&waiter, DBIO_CLASS_BUFFERED_READ, page);
    t_job_assert_waits(&waiter.job);
    dbio__arbitration_end(&all[DBIO_TABLE_KEPT]); /* one that its thread does not keep */
    ck_assert_int_eq(t_job_join(&waiter.job), 0);
    ck_assert_uint_gt(counted(DBIO_STAT_TABLE_FULL), 1);
    all[DBIO_TABLE_KEPT] = all[0];
    for (unsigned i = 1; i < DBIO_TABLE_SLOTS; i++)
        dbio__arbitration_end(&all[i]);
    ck_assert_uint_eq(dbio__inflight_outstanding(TABLE), 0);
}
END_TEST

/* A filter that was installed after we had joined. Of the two groups one settles; the other comes. */
START_TEST(without_membarrier_the_other_group_waits_until_buffers_are_empty)
{
    struct dbio_announcement a;
    int i;

    for (i = 0; i <= (int)DBIO_INFLIGHT_QUIET; i++) {
        ck_assert_int_eq(begin(DBIO_CLASS_DIRECT_WRITE, page, false, &a), 0);
        dbio__arbitration_end(&a);
    }
    ck_assert_str_eq(dbio__inflight_mode_name(TABLE, ENTRY), "direct");
    t_fault_all(DBIO_SYS_MEMBARRIER, EPERM, NULL);
    ck_assert_int_eq(begin(DBIO_CLASS_BUFFERED_WRITE, page, false, &a), 0);
    ck_assert_uint_eq(t_fault_hits(), 1);
    t_fault_disarm();
    ck_assert_uint_eq(a.switching & DBIO_MODE_KIND_MASK, DBIO_MODE_KIND_SWITCHING);
    ck_assert_uint_eq(atomic_load(&TABLE->entries[ENTRY].mode) & DBIO_MODE_KIND_MASK,
                      DBIO_MODE_KIND_TICKETS);
    dbio__arbitration_end(&a);
}
END_TEST

/* What an idle thread keeps it gives back when it ends. */
START_TEST(a_thread_keeps_its_slot_until_it_ends)
{
    struct request one = {.turn = -1};
    uint32_t i, claimed = 0;

    for (i = 0; i < 3; i++) {
        start(&one, DBIO_CLASS_BUFFERED_READ, page);
        ck_assert_int_eq(t_job_join(&one.job), 0);
    }
    for (i = 0; i < DBIO_TABLE_SLOTS; i++)
        claimed += dbio__slot_phase(atomic_load(&TABLE->slots[i].word)) != DBIO_PHASE_FREE;
    ck_assert_uint_eq(claimed, 0);
}
END_TEST

static void
ignore(int signal)
{
    (void)signal;
}

START_TEST(a_signal_does_not_end_a_wait)
{
    struct sigaction action = {.sa_handler = ignore}; /* no SA_RESTART */
    struct request waiter = {.turn = -1};
    struct dbio_announcement a;

    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    ck_assert_int_eq(begin(DBIO_CLASS_EXCLUSIVE, page, false, &a), 0);
    start(&waiter, DBIO_CLASS_DIRECT_READ, page);
    t_await_outstanding(2);
    for (int i = 0; i < 10; i++) {
        usleep(2000);
        ck_assert_int_eq(pthread_kill(waiter.job.thread, SIGUSR1), 0);
    }
    t_job_assert_waits(&waiter.job);
    dbio__arbitration_end(&a);
    ck_assert_int_eq(t_job_join(&waiter.job), 0);
    ck_assert_uint_eq(counted(DBIO_STAT_WAITS), 1);
}
END_TEST

static void *
end_in_the_midst(void *argument)
{
    struct dbio_announcement a;

    ck_assert_int_eq(begin(DBIO_CLASS_EXCLUSIVE, page, false, &a), 0);
    ck_assert_uint_eq(dbio__inflight_outstanding(TABLE), 1);
    if (argument != NULL)
        pthread_exit(NULL); /* as from a signal handler */
    return NULL;
}

START_TEST(a_thread_that_ends_in_the_midst_of_a_request_withdraws_it)
{
    struct dbio_announcement a;
    pthread_t thread;

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&thread, NULL, end_in_the_midst, i == 0 ? NULL : &thread),
                         0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert_uint_eq(dbio__inflight_outstanding(TABLE), 0);
    }
    ck_assert_int_eq(begin(DBIO_CLASS_DIRECT_WRITE, page, true, &a), 0);
    dbio__arbitration_end(&a);
}
END_TEST

/* It has a place of its own among the processes, and waits for its parent like for anyone. */
START_TEST(a_child_of_fork_has_nothing_outstanding)
{
    struct dbio_announcement a;
    uint32_t parent;
    int status;
    pid_t child;

    ck_assert_int_eq(begin(DBIO_CLASS_EXCLUSIVE, page, false, &a), 0);
    parent = dbio__membership.owner;
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct dbio_announcement b;
        bool right = dbio__membership.shared && dbio__membership.owner != parent &&
                     begin(DBIO_CLASS_DIRECT_WRITE, page, true, &b) == -EAGAIN &&
                     begin(DBIO_CLASS_DIRECT_WRITE, elsewhere, true, &b) == 0 &&
                     dbio__slot_owner(b.word) == dbio__membership.owner;

        if (right)
            dbio__arbitration_end(&b);

        _exit(right ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(dbio__inflight_outstanding(TABLE), 1);
    dbio__arbitration_end(&a);
}
END_TEST

static void
wait_long(void)
{
    struct request waiter = {.turn = -1};
    struct dbio_announcement a;

    setenv("DBIO_LOG", "warn", 1);
    dbio__log_start();
    if (begin(DBIO_CLASS_EXCLUSIVE, page, false, &a) != 0)
        return;
    start(&waiter, DBIO_CLASS_DIRECT_READ, page);
    usleep(1800000);
    dbio__arbitration_end(&a);
    (void)t_job_join(&waiter.job);
}

START_TEST(a_wait_of_more_than_a_second_is_seen_in_the_log)
{
    char text[1024];

    ck_assert_int_eq(t_capture(wait_long, text, sizeof(text)), 0);
    ck_assert_ptr_nonnull(strstr(text, "waiting"));
    ck_assert_ptr_nonnull(strstr(text, "bytes 0 to 4096"));
}
END_TEST

static long
thread_number(void *argument)
{
    (void)argument;
    return (long)dbio__arbitration_thread();
}

START_TEST(threads_have_numbers_of_their_own)
{
    struct t_job other;

    t_job_start(&other, thread_number, NULL);
    ck_assert_int_ne(t_job_join(&other), (long)dbio__arbitration_thread());
    ck_assert_uint_eq(dbio__arbitration_thread(), dbio__arbitration_thread());
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("arbitration");
    TCase *cases = tcase_create("arbitration");

    tcase_add_test(cases, requests_of_one_group_draw_no_tickets_and_wait_for_nobody);
    tcase_add_test(cases, a_request_waits_for_one_that_conflicts_and_the_wait_is_counted);
    tcase_add_test(cases, every_pair_of_classes_waits_exactly_if_it_conflicts);
    tcase_add_test(cases, those_who_wait_are_served_first_come_first_served);
    tcase_add_test(cases, a_request_that_does_not_conflict_overtakes_those_who_wait);
    tcase_add_test(cases, a_newcomer_does_not_overtake_a_waiter_that_it_conflicts_with);
    tcase_add_test(cases, a_crowd_of_direct_writers_does_not_starve_a_buffered_one);
    tcase_add_test(cases, with_a_full_table_a_request_waits_for_a_slot_or_says_that_it_would);
    tcase_add_test(cases, a_signal_does_not_end_a_wait);
    tcase_add_test(cases, without_membarrier_the_other_group_waits_until_buffers_are_empty);
    tcase_add_test(cases, a_thread_keeps_its_slot_until_it_ends);
    tcase_add_test(cases, a_thread_that_ends_in_the_midst_of_a_request_withdraws_it);
    tcase_add_test(cases, a_child_of_fork_has_nothing_outstanding);
    tcase_add_test(cases, a_wait_of_more_than_a_second_is_seen_in_the_log);
    tcase_add_test(cases, threads_have_numbers_of_their_own);
    suite_add_tcase(suite, cases);
    return suite;
}
