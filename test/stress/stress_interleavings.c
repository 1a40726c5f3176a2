/*
 * stress_interleavings.c - the code of the announcement table, under every interleaving of two
 * or three requests up to a number of preemptions, and under random ones without that limit.
 *
 * core/inflight.c is compiled into this test with its atomic operations replaced: each is a point
 * at which another actor may go on. Actors are threads of which exactly one runs; at every
 * point a schedule says which. Schedules are tried one after another, depth first, until
 * there is none left. Conflicting requests inside together, a later ticket before an earlier
 * one, a lost wake-up (everyone who is left sleeps) and an announcement left behind fail the case.
 *
 * The store that publishes a request waits in its processor's buffer for as long as the schedule
 * says, or until a fence, a locked operation or another's barrier. Beyond that operations are
 * sequentially consistent here; stress_inflight.c runs on the real machine.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "core/inflight.h"
#include "t_support.h"

static void step(void);
static void fence(void);
static void put_into_buffer(_Atomic uint64_t *at, uint64_t value);

/* The real operations, by type, ... */
#define OPERATIONS(bits)                                                                         \
    static uint##bits##_t load##bits(const _Atomic uint##bits##_t *at)                           \
    {                                                                                            \
        step();                                                                                  \
        return atomic_load(at);                                                                  \
    }                                                                                            \
    static void store##bits(_Atomic uint##bits##_t *at, uint##bits##_t value, bool late)         \
    {                                                                                            \
        step();                                                                                  \
        if (late)                                                                                \
            put_into_buffer((_Atomic uint64_t *)(void *)at, value);                              \
        else                                                                                     \
            atomic_store(at, value);                                                             \
    }                                                                                            \
    static uint##bits##_t add##bits(_Atomic uint##bits##_t *at, uint##bits##_t value)            \
    {                                                                                            \
        fence();                                                                                 \
        return atomic_fetch_add(at, value);                                                      \
    }                                                                                            \
    static bool cas##bits(_Atomic uint##bits##_t *at, uint##bits##_t *old, uint##bits##_t value) \
    {                                                                                            \
        fence();                                                                                 \
        return atomic_compare_exchange_strong(at, old, value);                                   \
    }

OPERATIONS(32)
OPERATIONS(64)

static uint64_t
or64(_Atomic uint64_t *at, uint64_t value)
{
    fence();
    return atomic_fetch_or(at, value);
}

static void
really_store(_Atomic uint64_t *at, uint64_t value)
{
    atomic_store(at, value);
}

/* ... and their names, given to these. */
#undef atomic_load
#undef atomic_load_explicit
#undef atomic_store
#undef atomic_store_explicit
#undef atomic_exchange
#undef atomic_fetch_or
#undef atomic_fetch_add
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_strong_explicit
#undef atomic_thread_fence
#define BY_TYPE(at, name) \
    _Generic((at),                            \
             const _Atomic uint32_t *: name##32, \
             _Atomic uint32_t *: name##32,    \
             const _Atomic uint64_t *: name##64, \
             _Atomic uint64_t *: name##64)
#define atomic_load(at)                 BY_TYPE(at, load)(at)
#define atomic_load_explicit(at, order) BY_TYPE(at, load)(at)
#define atomic_store(at, value)         BY_TYPE(at, store)(at, value, false)
/* Of release stores there is one: A1. */
#define atomic_store_explicit(at, value, order) \
    BY_TYPE(at, store)(at, value, (order) == memory_order_release)
#define atomic_fetch_or(at, value)                     or64(at, value)
#define atomic_fetch_add(at, value)                    BY_TYPE(at, add)(at, value)
#define atomic_compare_exchange_weak(at, old, value)   BY_TYPE(at, cas)(at, old, value)
#define atomic_compare_exchange_strong(at, old, value) BY_TYPE(at, cas)(at, old, value)
#define atomic_compare_exchange_strong_explicit(at, old, value, yes, no) \
    BY_TYPE(at, cas)(at, old, value)
#define atomic_thread_fence(order) ((order) == memory_order_seq_cst ? fence() : step())

#include "core/inflight.c"

#define DR (1u + DBIO_CLASS_DIRECT_READ)
#define DW (1u + DBIO_CLASS_DIRECT_WRITE)
#define BR (1u + DBIO_CLASS_BUFFERED_READ)
#define BW (1u + DBIO_CLASS_BUFFERED_WRITE)
#define EX (1u + DBIO_CLASS_EXCLUSIVE)
/* Requests are on the first page, or with this on the second. */
#define THERE 0x10u

#define ACTORS_MOST   3
#define REQUESTS_MOST 2
#define SLOTS         8 /* that are used at all */
#define DEPTH_MOST    4096
#define STEPS_MOST    20000
#define RANDOM_RUNS   20000
#define STRAIGHT_ON   6
#define ENTRY         1u
#define PAGE          UINT64_C(4096)

/* How the file stands when the actors begin. */
enum beginning {
    FRESH,       /* nothing was ever announced */
    ONLY_DIRECT, /* settled */
    ONLY_BUFFERED,
    NEARLY_DIRECT, /* the next quiet scan closes */
    NEARLY_BUFFERED,
};

static const struct scenario {
    const char *name;
    enum beginning beginning;
    unsigned preemptions;
    unsigned requests[ACTORS_MOST][REQUESTS_MOST]; /* 1 + class, page; 0: none */
} scenarios[] = {
    {"a direct and a buffered write on a fresh file", FRESH, 3, {{DW}, {BW}}},
    {"two turns each on a fresh file", FRESH, 2, {{DW, BR}, {BW, DR}}},
    {"a buffered write comes to a direct file", ONLY_DIRECT, 3, {{DW, DW}, {BW}}},
    {"a direct write comes to a buffered file", ONLY_BUFFERED, 3, {{BR, BW}, {DW}}},
    {"a truncate comes to a direct file", ONLY_DIRECT, 3, {{DR, DW}, {EX}}},
    {"a closing meets a buffered write", NEARLY_DIRECT, 3, {{DW, DW}, {BW}}},
    {"a closing meets a direct write", NEARLY_BUFFERED, 3, {{BW, BR}, {DW}}},
    {"a closing meets a truncate", NEARLY_BUFFERED, 3, {{BW, BW}, {EX}}},
    {"a closing to direct meets a truncate", NEARLY_DIRECT, 3, {{DW, DW}, {EX}}},
    {"three classes on a fresh file", FRESH, 2, {{DW}, {BW}, {EX}}},
    {"a buffered write between direct ones", ONLY_DIRECT, 2, {{DW}, {BW}, {DW}}},
    {"two buffered writes come to a direct file", ONLY_DIRECT, 2, {{DW}, {BW}, {BW}}},
    {"direct requests between buffered ones", ONLY_BUFFERED, 2, {{BR}, {DW}, {BW}}},
    {"two direct writes close, a buffered write comes", NEARLY_DIRECT, 2, {{DW}, {DW}, {BW}}},
    {"a closing meets a direct read and a truncate", NEARLY_BUFFERED, 2, {{BW}, {DR}, {EX}}},
    {"others meet where one closes", NEARLY_DIRECT, 2, {{DW}, {BW | THERE}, {DW | THERE}}},
    {"a closing meets two of the other group", NEARLY_DIRECT, 2, {{DW}, {BW}, {BR}}},
};
#define SCENARIOS ((int)(sizeof(scenarios) / sizeof(scenarios[0])))

enum state { READY, ASLEEP, DONE };

struct actor {
    pthread_t thread;
    sem_t turn;
    enum state state;
    const _Atomic uint32_t *bed; /* the word it sleeps on */
    _Atomic uint64_t *late;      /* where the store in its buffer goes; NULL: it is empty */
    uint64_t value;
    uint32_t number;
};

static struct dbio_table table, beginning;
static const struct scenario *scenario;
static struct actor actors[ACTORS_MOST];
static int actors_count;
static int running = -1; /* no actor: operations are not points */
static sem_t over;       /* a run is */
static const char *wrong;

/* The schedule: at each point with more than one way on, which was taken. */
static struct {
    uint8_t taken, ways;
} path[DEPTH_MOST];
static int depth, replay; /* points so far in this run; points that repeat the run before */
static bool at_random;
static unsigned preemptions, steps;

/* Inside now, by page and class; the largest ticket that entered. */
static int inside[2][DBIO_CLASS_COUNT];
static uint64_t entered[2][DBIO_CLASS_COUNT];

static int
choose(int ways)
{
    if (ways == 1)
        return 0;
    if (at_random) /* mostly straight on: what goes wrong needs an actor that gets somewhere */
        return t_random_below(STRAIGHT_ON) != 0 ? 0 : (int)t_random_below((uint64_t)ways);
    if (depth == DEPTH_MOST) {
        wrong = "the schedule has no end";
        return 0;
    }
    if (depth >= replay)
        path[depth].taken = 0;
    path[depth].ways = (uint8_t)ways;
    return path[depth++].taken;
}

/* The next schedule; false if that was the last. */
static bool
turn_path(void)
{
    while (depth > 0 && path[depth - 1].taken + 1 == path[depth - 1].ways)
        depth--;
    if (depth == 0)
        return false;
    path[depth - 1].taken++;
    replay = depth;
    return true;
}

static void
drain(struct actor *actor)
{
    if (actor->late != NULL)
        really_store(actor->late, actor->value);
    actor->late = NULL;
}

/* Some buffers drain, just before another actor goes on: it alone could tell the difference. */
static void
drain_some(void)
{
    int i;

    for (i = 0; i < actors_count; i++)
        if (actors[i].late != NULL && choose(2) == 1)
            drain(&actors[i]);
}

/* Who goes on? `self` first among the ways if it may; -1: nobody can. */
static int
choose_actor(int self)
{
    int ways[ACTORS_MOST], count = 0, i;

    if (self >= 0)
        ways[count++] = self;
    if (self < 0 || at_random || preemptions > 0)
        for (i = 0; i < actors_count; i++)
            if (i != self && actors[i].state == READY)
                ways[count++] = i;
    if (count == 0)
        return -1;
    i = ways[choose(count)];
    if (self >= 0 && i != self)
        preemptions--;
    if (i != self)
        drain_some();
    return i;
}

static void
hand_over(int next)
{
    int self = running;
    bool ends = actors[self].state == DONE; /* the next run may begin as soon as it is posted */

    if (next == self)
        return;
    running = next;
    sem_post(next < 0 ? &over : &actors[next].turn);
    if (!ends)
        while (sem_wait(&actors[self].turn) != 0)
            ;
}

/* A point: before an atomic operation, before a futex call, inside. */
static void
step(void)
{
    if (running < 0)
        return;
    if (++steps == STEPS_MOST)
        wrong = "a request never ends";
    /* What is found wrong ends the run without further ado; its threads end with the process. */
    hand_over(wrong != NULL ? -1 : choose_actor(running));
}

static void
fence(void)
{
    step();
    if (running >= 0)
        drain(&actors[running]);
}

static void
put_into_buffer(_Atomic uint64_t *at, uint64_t value)
{
    if (running < 0) {
        really_store(at, value);
        return;
    }
    actors[running].late = at;
    actors[running].value = value;
}

/* membarrier(2) */
static void
have_all_fence(void)
{
    int i;

    step();
    for (i = 0; i < actors_count; i++)
        drain(&actors[i]);
}

/* futex(2) */
static void
sleep_on(const struct dbio_blocker *blocker)
{
    const _Atomic uint32_t *bed = dbio__inflight_bed(&table, blocker->slot);

    step();
    if (*bed != (uint32_t)blocker->word)
        return;
    actors[running].state = ASLEEP;
    actors[running].bed = bed;
    hand_over(choose_actor(-1));
}

static void
wake(const _Atomic uint32_t *word)
{
    int i;

    step();
    for (i = 0; i < actors_count; i++)
        if (actors[i].state == ASLEEP && actors[i].bed == word)
            actors[i].state = READY;
}

/* As engine/arbitration.c, without its second looks after a time: here they would hide a
 * wake-up that is lost. */
static void
wait_turn(struct dbio_announcement *a)
{
    struct dbio_blocker blocker;

    if (a->wake)
        wake(dbio__inflight_bed(&table, a->slot));
    if (a->switching != 0) {
        have_all_fence();
        dbio__inflight_settle(&table, a);
    }
    while (dbio__inflight_blocker(&table, a, &blocker))
        if (dbio__inflight_mark_waited(&table, &blocker))
            sleep_on(&blocker);
}

static bool
in_conflict(unsigned a, unsigned b)
{
    /* Written from the design, not from the code. */
    static const unsigned conflicts[DBIO_CLASS_COUNT] = {0x18, 0x1c, 0x12, 0x13, 0x1f};

    return (conflicts[a] >> b & 1u) != 0;
}

static void
be_inside(const struct dbio_announcement *a)
{
    uint64_t page = a->range.begin / PAGE;
    unsigned c;

    for (c = 0; c < DBIO_CLASS_COUNT; c++) {
        if (in_conflict(a->class, c) && inside[page][c] > 0)
            wrong = "a conflicting pair is inside together";
        if (in_conflict(a->class, c) && a->ticket != 0 && entered[page][c] > a->ticket)
            wrong = "a later ticket entered first";
    }
    inside[page][a->class]++;
    if (entered[page][a->class] < a->ticket)
        entered[page][a->class] = a->ticket;
    step();
    inside[page][a->class]--;
}

static void
do_request(unsigned request, struct dbio_announcer *who)
{
    uint64_t begin = (request & THERE) != 0 ? PAGE : 0;
    enum dbio_class class = (enum dbio_class)((request & ~THERE) - 1);
    struct dbio_announcement a;

    if (dbio__inflight_announce(&table, ENTRY, class, (struct dbio_range){begin, begin + PAGE}, 0,
                                who, &a) == DBIO_BLOCKED)
        wait_turn(&a);
    be_inside(&a);
    if (dbio__inflight_release_kept(&table, who, &a))
        wake(dbio__inflight_bed(&table, a.slot));
}

/* An actor: its requests in every run. */
static void *
act(void *argument)
{
    struct actor *self = argument;

    for (;;) {
        uint32_t kept;
        struct dbio_announcer who = {.hint = self->number, .kept = &kept, .kept_most = 1};
        int i;

        while (sem_wait(&self->turn) != 0)
            ;
        for (i = 0; i < REQUESTS_MOST && scenario->requests[self->number][i] != 0; i++)
            do_request(scenario->requests[self->number][i], &who);
        drain(self);
        self->state = DONE;
        hand_over(choose_actor(-1));
    }
    return NULL;
}

/* What the scenario begins with. */
static void
make_beginning(void)
{
    static const struct {
        unsigned request, times;
    } before[] = {[FRESH] = {DW, 0},
                  [ONLY_DIRECT] = {DW, DBIO_INFLIGHT_QUIET},
                  [ONLY_BUFFERED] = {BW, DBIO_INFLIGHT_QUIET + 1},
                  [NEARLY_DIRECT] = {DW, DBIO_INFLIGHT_QUIET - 1},
                  [NEARLY_BUFFERED] = {BW, DBIO_INFLIGHT_QUIET}};
    struct dbio_announcer who = {.hint = 0};
    unsigned i;

    for (i = 0; i < before[scenario->beginning].times; i++)
        do_request(before[scenario->beginning].request, &who);
    beginning = table;
}

static void
run_once(void)
{
    int i;

    table.high_water = beginning.high_water;
    memcpy(&table.entries[ENTRY], &beginning.entries[ENTRY], sizeof(table.entries[ENTRY]));
    memcpy(table.slots, beginning.slots, SLOTS * sizeof(table.slots[0]));
    memset(inside, 0, sizeof(inside));
    memset(entered, 0, sizeof(entered));
    for (i = 0; i < actors_count; i++)
        actors[i].state = READY;
    preemptions = scenario->preemptions;
    steps = 0;
    depth = 0;
    running = choose_actor(-1);
    sem_post(&actors[running].turn);
    while (sem_wait(&over) != 0)
        ;
    for (i = 0; i < actors_count && wrong == NULL; i++)
        if (actors[i].state != DONE)
            wrong = "everyone who is left sleeps";
    if (wrong == NULL && dbio__inflight_outstanding(&table) != 0)
        wrong = "an announcement was left behind";
}

static void
start_actors(void)
{
    cpu_set_t one;
    int i;

    /* A hand-over is cheap if nobody has to wake another processor. No matter if it fails. */
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    (void)sched_setaffinity(0, sizeof(one), &one);
    ck_assert_int_eq(sem_init(&over, 0, 0), 0);
    for (i = 0; i < ACTORS_MOST && scenario->requests[i][0] != 0; i++) {
        actors[i].number = (uint32_t)i;
        ck_assert_int_eq(sem_init(&actors[i].turn, 0, 0), 0);
        ck_assert_int_eq(pthread_create(&actors[i].thread, NULL, act, &actors[i]), 0);
    }
    actors_count = i;
}

START_TEST(no_interleaving_breaks_the_protocol)
{
    unsigned long runs = 0;
    int i;

    scenario = &scenarios[_i];
    make_beginning();
    start_actors();
    do {
        run_once();
        runs++;
        ck_assert_msg(wrong == NULL, "%s: %s, in schedule %lu", scenario->name, wrong, runs);
    } while (turn_path());
    at_random = true;
    for (i = 0; i < RANDOM_RUNS; i++) {
        run_once();
        ck_assert_msg(wrong == NULL, "%s: %s, in random schedule %d", scenario->name, wrong, i);
    }
    printf("%s: %lu schedules\n", scenario->name, runs);
    fflush(stdout);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("interleavings");
    TCase *cases = tcase_create("interleavings");

    tcase_set_timeout(cases, 300);
    tcase_add_loop_test(cases, no_interleaving_breaks_the_protocol, 0, SCENARIOS);
    suite_add_tcase(suite, cases);
    return suite;
}
