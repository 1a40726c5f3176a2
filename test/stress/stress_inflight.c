/*
 * stress_inflight.c - the announcement table under threads that meet on a few pages, judged by
 * an account of its own: for every page and class, how many requests are inside. No conflicting
 * pair is ever inside together; of conflicting requests with tickets the earlier enters first;
 * nobody waits for more than what the others may have in its way; nobody who is to be woken
 * sleeps on. And, in one thread, random crowds against the obvious queue.
 *
 * DBIO_TEST_SECONDS: for all cases together; a second for each at least.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/inflight.h"
#include "os/sys.h"
#include "t_support.h"

#define PAGE          UINT64_C(4096)
#define PAGES         6u
#define ENTRY         0u
#define THREADS_LEAST 2
#define THREADS_MOST  4
#define CASES         (2 * (THREADS_MOST - THREADS_LEAST + 1) + 1)
#define SECONDS       12
#define PHASE_LENGTH  2048u
#define SLEEP_NS      UINT64_C(1000000000) /* asleep so long on a changed word: nobody woke us */

/* Bit b of row a: class a conflicts with class b. Written from the design, not from the code. */
static const unsigned conflicts[DBIO_CLASS_COUNT] = {
    [DBIO_CLASS_DIRECT_READ] = 0x18,   [DBIO_CLASS_DIRECT_WRITE] = 0x1c,
    [DBIO_CLASS_BUFFERED_READ] = 0x12, [DBIO_CLASS_BUFFERED_WRITE] = 0x13,
    [DBIO_CLASS_EXCLUSIVE] = 0x1f,
};

static struct dbio_table table;

static bool
in_conflict(enum dbio_class a, enum dbio_class b)
{
    return (conflicts[a] >> b & 1u) != 0;
}

static struct dbio_range
random_range(void)
{
    uint64_t begin = t_random_below(PAGES), end = begin + 1 + t_random_below(3);

    return (struct dbio_range){begin * PAGE, (end < PAGES ? end : PAGES) * PAGE};
}

#define CROWD 24

/* What has been announced, in the order of arrival. */
static struct arrival {
    struct dbio_announcement a;
    enum dbio_class class;
    bool runs, here;
} crowd[CROWD];

/* The first of the earlier arrivals that request `i` has to wait for, or -1. */
static int
earlier_enemy(int i)
{
    int k;

    for (k = 0; k < i; k++)
        if (crowd[k].here && in_conflict(crowd[k].class, crowd[i].class) &&
            crowd[k].a.range.begin < crowd[i].a.range.end &&
            crowd[i].a.range.begin < crowd[k].a.range.end)
            return k;
    return -1;
}

static void
arrive(int i)
{
    struct dbio_announcer who = {.hint = (uint32_t)t_random_below(60)};
    enum dbio_verdict verdict;

    crowd[i].class = (enum dbio_class)t_random_below(t_random_below(3) == 0 ? 5 : 4);
    verdict = dbio__inflight_announce(&table, ENTRY, crowd[i].class, random_range(), 0, &who,
                                      &crowd[i].a);
    ck_assert_int_ne(verdict, DBIO_FULL);
    if (verdict == DBIO_BLOCKED && crowd[i].a.switching != 0) /* one thread: no barrier */
        dbio__inflight_settle(&table, &crowd[i].a);
    crowd[i].here = true;
    crowd[i].runs = verdict == DBIO_CLEAR;
    ck_assert(!crowd[i].runs || earlier_enemy(i) < 0);
}

/* Asks a request that waits, or ends one that runs. */
static void
move_on(struct arrival *one)
{
    int i = (int)(one - crowd);
    struct dbio_blocker blocker;

    if (one->runs) {
        ck_assert(!dbio__inflight_release(&table, &one->a));
        one->here = false;
    } else if (!dbio__inflight_blocker(&table, &one->a, &blocker)) {
        ck_assert_msg(earlier_enemy(i) < 0, "request %d does not wait for request %d", i,
                      earlier_enemy(i));
        one->runs = true;
    } else {
        ck_assert_msg(earlier_enemy(i) >= 0, "request %d waits for nobody", i);
    }
}

/* Requests of one group, one after another, until the file admits only them. */
static void settle(enum dbio_class class)
{
    struct arrival *one = &crowd[0]; /* nobody is there */
    struct dbio_announcer who = {.hint = 0};
    uint32_t i;

    for (i = 0; i <= DBIO_INFLIGHT_QUIET; i++) {
        one->runs = dbio__inflight_announce(&table, ENTRY, class, random_range(), 0, &who,
                                            &one->a) == DBIO_CLEAR;
        if (!one->runs && one->a.switching != 0)
            dbio__inflight_settle(&table, &one->a);
        if (!one->runs)
            move_on(one);
        move_on(one);
    }
    ck_assert_str_ne(dbio__inflight_mode_name(&table, ENTRY), "tickets");
}

START_TEST(random_crowds_are_served_as_a_queue_would)
{
    int round, i, count, left;

    for (round = 0; round < 3000; round++) {
        if (t_random_below(3) == 0)
            settle(t_random_below(2) == 0 ? DBIO_CLASS_DIRECT_WRITE : DBIO_CLASS_BUFFERED_READ);
        count = left = (int)t_random_below(CROWD) + 1;
        for (i = 0; i < count; i++) {
            arrive(i);
            if (t_random_below(4) == 0)
                move_on(&crowd[i]);
        }
        while (left > 0) {
            i = (int)t_random_below((uint64_t)count);
            if (crowd[i].here)
                move_on(&crowd[i]);
            for (i = 0, left = 0; i < count; i++)
                left += crowd[i].here;
        }
        ck_assert_uint_eq(dbio__inflight_outstanding(&table), 0);
    }
}
END_TEST

/* Inside now: 12 bits for each class. */
static _Atomic uint64_t inside[PAGES];
/* The largest ticket of a class that has entered. */
static _Atomic uint64_t entered[PAGES][DBIO_CLASS_COUNT];

static _Atomic uint64_t turns;
static _Atomic bool stop;
static const char *_Atomic wrong; /* what; the first one found */

struct worker {
    pthread_t thread;
    pthread_barrier_t *start;
    bool sleeps; /* while it waits; else it spins */
    bool keeps;  /* its slot */
    uint32_t number, others;
    uint64_t at_once, with_ticket, waited, slept;
};

/* Announcing has a fence of its own; nobody needs a barrier. */
static bool fenced;

static void
report(const char *what)
{
    const char *nothing = NULL;

    (void)atomic_compare_exchange_strong(&wrong, &nothing, what);
    atomic_store(&stop, true);
}

/* The crowd changes: everyone, direct requests, both groups, buffered requests. */
static enum dbio_class
random_class(void)
{
    unsigned phase = (unsigned)(atomic_load(&turns) / PHASE_LENGTH % 4);
    unsigned read_or_write = (unsigned)t_random_below(2);

    if (phase == 0 && t_random_below(16) == 0)
        return DBIO_CLASS_EXCLUSIVE;
    if (phase == 1 || (phase != 3 && t_random_below(2) == 0))
        return read_or_write == 0 ? DBIO_CLASS_DIRECT_READ : DBIO_CLASS_DIRECT_WRITE;
    return read_or_write == 0 ? DBIO_CLASS_BUFFERED_READ : DBIO_CLASS_BUFFERED_WRITE;
}

static void
enter_page(uint64_t page, enum dbio_class class, uint64_t ticket)
{
    uint64_t before = atomic_fetch_add(&inside[page], UINT64_C(1) << 12 * class), last;
    unsigned c;

    for (c = 0; c < DBIO_CLASS_COUNT; c++) {
        if (!in_conflict(class, (enum dbio_class)c))
            continue;
        if ((before >> 12 * c & 0xfff) != 0)
            report("a conflicting pair is inside together");
        if (ticket != 0 && atomic_load(&entered[page][c]) > ticket)
            report("a later ticket entered first");
    }
    last = atomic_load(&entered[page][class]);
    while (last < ticket && !atomic_compare_exchange_weak(&entered[page][class], &last, ticket))
        ;
}

static void
be_inside(const struct dbio_announcement *a)
{
    uint64_t page, turn;

    for (page = a->range.begin / PAGE; page < a->range.end / PAGE; page++)
        enter_page(page, a->class, a->ticket);
    for (turn = t_random_below(64); turn > 0; turn--)
        (void)atomic_load(&turns);
    if (t_random_below(32) == 0)
        (void)sched_yield();
    for (page = a->range.begin / PAGE; page < a->range.end / PAGE; page++)
        atomic_fetch_sub(&inside[page], UINT64_C(1) << 12 * a->class);
}

static void
sleep_on(struct worker *w, struct dbio_blocker *blocker)
{
    if (!dbio__inflight_mark_waited(&table, blocker))
        return;
    w->slept++;
    if (dbio__sys_futex_wait(dbio__inflight_bed(&table, blocker->slot), (uint32_t)blocker->word,
                             SLEEP_NS, 0) == -ETIMEDOUT &&
        dbio__inflight_has_moved(&table, blocker))
        report("a sleeper was not woken");
}

/* Another thread can be in the way three times: by what it had announced before our ticket,
 * choosing and then with a smaller ticket, and once more while it chooses a larger one. */
static void
wait_turn(struct worker *w, struct dbio_announcement *a)
{
    struct dbio_blocker blocker, last = {0, 0};
    unsigned sights = 0;

    if (a->wake)
        (void)dbio__sys_futex_wake(dbio__inflight_bed(&table, a->slot), 0);
    if (a->switching != 0) {
        if (!fenced && dbio__sys_membarrier() != 0)
            report("membarrier(2) fails");
        dbio__inflight_settle(&table, a);
    }
    while (dbio__inflight_blocker(&table, a, &blocker)) {
        uint64_t bare = blocker.word & ~UINT64_C(4); /* without WAITED, which others may set */

        if (blocker.slot != last.slot || bare != last.word)
            sights++;
        last = (struct dbio_blocker){bare, blocker.slot};
        if (sights > 3 * w->others)
            report("a request waits and waits");
        if (w->sleeps)
            sleep_on(w, &blocker);
        else
            (void)sched_yield();
    }
    w->waited += sights > 0;
}

static void *
work(void *argument)
{
    struct worker *w = argument;
    struct dbio_announcement a;
    uint32_t kept;
    struct dbio_announcer who = {
        .hint = w->number, .kept = &kept, .kept_most = w->keeps, .fenced = fenced};

    t_random_start(t_seed() + w->number);
    pthread_barrier_wait(w->start);
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        /* Now and then all crowd into the same first slots. */
        if (t_random_below(64) == 0) {
            dbio__inflight_drop_kept(&table, &who);
            who.hint = 0;
        }
        if (dbio__inflight_announce(&table, ENTRY, random_class(), random_range(), 0, &who, &a) ==
            DBIO_CLEAR) {
            w->at_once++;
        } else {
            w->with_ticket++;
            wait_turn(w, &a);
        }
        be_inside(&a);
        if (dbio__inflight_release_kept(&table, &who, &a))
            (void)dbio__sys_futex_wake(dbio__inflight_bed(&table, a.slot), 0);
        atomic_fetch_add(&turns, 1);
    }
    return NULL;
}

static void
let_time_pass(void)
{
    const char *text = getenv("DBIO_TEST_SECONDS");
    double each = (text != NULL ? atof(text) : SECONDS) / CASES;
    struct timespec step = {0, 10000000};
    int steps;

    for (steps = (int)(100 * (each > 1 ? each : 1)); steps > 0 && !atomic_load(&stop); steps--)
        nanosleep(&step, NULL);
    atomic_store(&stop, true);
}

static void
hammer(unsigned count, bool sleeps)
{
    struct worker workers[THREADS_MOST] = {0};
    uint64_t at_once = 0, with_ticket = 0, waited = 0, slept = 0;
    pthread_barrier_t start;
    unsigned i;

    if (!fenced && dbio__sys_membarrier_register() != 0)
        t_skip("membarrier(2) is refused");
    ck_assert_int_eq(pthread_barrier_init(&start, NULL, count), 0);
    for (i = 0; i < count; i++) {
        workers[i] = (struct worker){
            .start = &start, .sleeps = sleeps, .keeps = !fenced, .number = i, .others = count - 1};
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    let_time_pass();
    for (i = 0; i < count; i++) {
        ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
        at_once += workers[i].at_once;
        with_ticket += workers[i].with_ticket;
        waited += workers[i].waited;
        slept += workers[i].slept;
    }
    pthread_barrier_destroy(&start);
    printf("%u threads that %s: %" PRIu64 " at once, %" PRIu64 " with tickets, of which %" PRIu64
           " waited, %" PRIu64 " sleeps\n",
           count, sleeps ? "sleep" : "spin", at_once, with_ticket, waited, slept);
    fflush(stdout);
    ck_assert_msg(atomic_load(&wrong) == NULL, "%s", atomic_load(&wrong));
    ck_assert_uint_eq(dbio__inflight_outstanding(&table), 0);
    /* All of it was tried. */
    ck_assert(at_once > 0 && with_ticket > 0 && waited > 0 && (slept > 0 || !sleeps));
}

START_TEST(threads_that_spin_never_meet_an_enemy_inside_and_are_served_in_order)
{
    hammer((unsigned)_i, false);
}
END_TEST

START_TEST(threads_that_sleep_are_woken_whenever_they_must_be)
{
    hammer((unsigned)_i, true);
}
END_TEST

START_TEST(threads_that_fence_for_themselves_need_no_barrier)
{
    fenced = true;
    hammer(THREADS_MOST, true);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("inflight");
    TCase *cases = tcase_create("inflight");

    tcase_set_timeout(cases, 300);
    tcase_add_test(cases, random_crowds_are_served_as_a_queue_would);
    tcase_add_loop_test(cases, threads_that_spin_never_meet_an_enemy_inside_and_are_served_in_order,
                        THREADS_LEAST, THREADS_MOST + 1);
    tcase_add_loop_test(cases, threads_that_sleep_are_woken_whenever_they_must_be, THREADS_LEAST,
                        THREADS_MOST + 1);
    tcase_add_test(cases, threads_that_fence_for_themselves_need_no_barrier);
    suite_add_tcase(suite, cases);
    return suite;
}
