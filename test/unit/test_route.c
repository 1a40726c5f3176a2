/*
 * test_route.c - the decision, as a table: each row says for which facts it is, and what is
 * chosen then. A fact that a row does not name may be anything. Every combination of facts must
 * be in exactly one row, so nothing is left open and no two rows contradict each other; and what
 * route.c promises must hold for every combination.
 */
#include "core/route.h"

#include <string.h>

#include "t_support.h"

/* Standings, by bit. The last is none that the policy gives; the route must bear it. */
#define S_BUFFERED  0x01u /* mode buffered */
#define S_DONTCACHE 0x02u /* mode dontcache */
#define S_LOG       0x04u /* mode auto, role log */
#define S_UNABLE    0x08u /* the file has no direct I/O */
#define S_DATA      0x10u /* mode auto, role data: large requests may go direct */
#define S_DIRECT    0x20u /* mode direct */
#define S_SCAN      0x40u /* mode auto, role scan */
#define S_BOTH      0x80u
#define STAYS       (S_BUFFERED | S_DONTCACHE | S_LOG | S_UNABLE)
#define GOES        (S_DIRECT | S_SCAN | S_BOTH)

static const struct dbio_standing standings[] = {
    {.reason = DBIO_REASON_MODE_BUFFERED},
    {.reason = DBIO_REASON_MODE_DONTCACHE},
    {.reason = DBIO_REASON_ROLE_LOG},
    {.reason = DBIO_REASON_FS_NO_DIRECT},
    {.large_direct = true, .reason = DBIO_REASON_ROLE_DATA},
    {.direct = true, .reason = DBIO_REASON_MODE_DIRECT},
    {.direct = true, .reason = DBIO_REASON_ROLE_SCAN},
    {.direct = true, .large_direct = true, .reason = DBIO_REASON_ROLE_DATA},
};
#define STANDINGS (sizeof(standings) / sizeof(standings[0]))

/* Residencies, by bit. */
#define R_NOT_ASKED 0x01u
#define R_ABSENT    0x02u
#define R_EMPTY     0x04u
#define R_PARTIAL   0x08u
#define R_FULL      0x10u
#define R_UNKNOWN   0x20u
_Static_assert(R_UNKNOWN == 1u << DBIO_RESIDENCY_UNKNOWN, "a bit for each residency");
#define RESIDENCIES 6u

#define NO          1u
#define YES         2u
#define AS_STANDING DBIO_REASON_COUNT /* the reason is the standing's */

struct row {
    const char *name;
    /* The facts; 0: anything. */
    unsigned standing, write, atomic, dontcache, here, range, memory, large, middle, residency;
    /* The choice. */
    enum dbio_route route;
    unsigned reason;
    enum dbio_class class;
    bool look;
};

static const struct row rows[] = {
    {"an atomic write is never anything else", .write = YES, .atomic = YES,
     .route = DBIO_ROUTE_ATOMIC, .reason = DBIO_REASON_ATOMIC_ASKED,
     .class = DBIO_CLASS_DIRECT_WRITE},
    {"an atomic read (refused at the door) would be direct", .write = NO, .atomic = YES,
     .route = DBIO_ROUTE_ATOMIC, .reason = DBIO_REASON_ATOMIC_ASKED,
     .class = DBIO_CLASS_DIRECT_READ},

    /* Files whose requests stay in the cache. */
    {"a read of a buffered file stays there", .standing = STAYS, .write = NO, .atomic = NO,
     .dontcache = NO, .route = DBIO_ROUTE_BUFFERED, .reason = AS_STANDING,
     .class = DBIO_CLASS_BUFFERED_READ},
    {"a write to a buffered file stays there", .standing = STAYS, .write = YES, .atomic = NO,
     .dontcache = NO, .route = DBIO_ROUTE_BUFFERED, .reason = AS_STANDING,
     .class = DBIO_CLASS_BUFFERED_WRITE},
    {"dontcache for the mode: a read", .standing = S_DONTCACHE, .write = NO, .atomic = NO,
     .dontcache = YES, .here = YES, .route = DBIO_ROUTE_DONTCACHE,
     .reason = DBIO_REASON_MODE_DONTCACHE, .class = DBIO_CLASS_BUFFERED_READ},
    {"dontcache for the mode: a write", .standing = S_DONTCACHE, .write = YES, .atomic = NO,
     .dontcache = YES, .here = YES, .route = DBIO_ROUTE_DONTCACHE,
     .reason = DBIO_REASON_MODE_DONTCACHE, .class = DBIO_CLASS_BUFFERED_WRITE},
    {"dontcache for the flag: a read", .standing = S_BUFFERED | S_LOG | S_UNABLE | S_DATA,
     .write = NO, .atomic = NO, .dontcache = YES, .here = YES, .route = DBIO_ROUTE_DONTCACHE,
     .reason = DBIO_REASON_DONTCACHE_ASKED, .class = DBIO_CLASS_BUFFERED_READ},
    {"dontcache for the flag: a write", .standing = S_BUFFERED | S_LOG | S_UNABLE | S_DATA,
     .write = YES, .atomic = NO, .dontcache = YES, .here = YES, .route = DBIO_ROUTE_DONTCACHE,
     .reason = DBIO_REASON_DONTCACHE_ASKED, .class = DBIO_CLASS_BUFFERED_WRITE},
    {"dontcache is not offered here: a read", .standing = STAYS | S_DATA, .write = NO, .atomic = NO,
     .dontcache = YES, .here = NO, .route = DBIO_ROUTE_BUFFERED,
     .reason = DBIO_REASON_DONTCACHE_REFUSED, .class = DBIO_CLASS_BUFFERED_READ},
    {"dontcache is not offered here: a write", .standing = STAYS | S_DATA, .write = YES,
     .atomic = NO, .dontcache = YES, .here = NO, .route = DBIO_ROUTE_BUFFERED,
     .reason = DBIO_REASON_DONTCACHE_REFUSED, .class = DBIO_CLASS_BUFFERED_WRITE},

    /* Mode auto, data: small or unaligned requests stay in the cache. */
    {"a small read of data", .standing = S_DATA, .write = NO, .atomic = NO, .dontcache = NO,
     .large = NO, .route = DBIO_ROUTE_BUFFERED, .reason = AS_STANDING,
     .class = DBIO_CLASS_BUFFERED_READ},
    {"a small write of data", .standing = S_DATA, .write = YES, .atomic = NO, .dontcache = NO,
     .large = NO, .route = DBIO_ROUTE_BUFFERED, .reason = AS_STANDING,
     .class = DBIO_CLASS_BUFFERED_WRITE},
    {"a large unaligned read of data", .standing = S_DATA, .write = NO, .atomic = NO,
     .dontcache = NO, .large = YES, .range = NO, .route = DBIO_ROUTE_BUFFERED,
     .reason = AS_STANDING, .class = DBIO_CLASS_BUFFERED_READ},
    {"a large unaligned write of data", .standing = S_DATA, .write = YES, .atomic = NO,
     .dontcache = NO, .large = YES, .range = NO, .route = DBIO_ROUTE_BUFFERED,
     .reason = AS_STANDING, .class = DBIO_CLASS_BUFFERED_WRITE},

    /* Mode auto, data: large aligned requests keep out of the cache if they are not in it. */
    {"a large read of data looks first", .standing = S_DATA, .write = NO, .atomic = NO,
     .dontcache = NO, .large = YES, .range = YES, .memory = YES, .residency = R_NOT_ASKED,
     .route = DBIO_ROUTE_DIRECT, .reason = DBIO_REASON_LARGE_REQUEST,
     .class = DBIO_CLASS_DIRECT_READ, .look = true},
    {"a large read of data into unfit memory looks first", .standing = S_DATA, .write = NO,
     .atomic = NO, .dontcache = NO, .large = YES, .range = YES, .memory = NO,
     .residency = R_NOT_ASKED, .route = DBIO_ROUTE_DIRECT_BOUNCE,
     .reason = DBIO_REASON_UNALIGNED_MEMORY, .class = DBIO_CLASS_DIRECT_READ, .look = true},
    {"a large read of data that is not all cached", .standing = S_DATA, .write = NO, .atomic = NO,
     .dontcache = NO, .large = YES, .range = YES, .memory = YES,
     .residency = R_ABSENT | R_EMPTY | R_PARTIAL, .route = DBIO_ROUTE_DIRECT,
     .reason = DBIO_REASON_LARGE_REQUEST, .class = DBIO_CLASS_DIRECT_READ},
    {"a large read of data, not all cached, into unfit memory", .standing = S_DATA, .write = NO,
     .atomic = NO, .dontcache = NO, .large = YES, .range = YES, .memory = NO,
     .residency = R_ABSENT | R_EMPTY | R_PARTIAL, .route = DBIO_ROUTE_DIRECT_BOUNCE,
     .reason = DBIO_REASON_UNALIGNED_MEMORY, .class = DBIO_CLASS_DIRECT_READ},
    {"a large read of data that is cached", .standing = S_DATA, .write = NO, .atomic = NO,
     .dontcache = NO, .large = YES, .range = YES, .residency = R_FULL, .route = DBIO_ROUTE_BUFFERED,
     .reason = DBIO_REASON_RANGE_CACHED, .class = DBIO_CLASS_BUFFERED_READ},
    {"a large read of data of which nobody knows", .standing = S_DATA, .write = NO, .atomic = NO,
     .dontcache = NO, .large = YES, .range = YES, .residency = R_UNKNOWN,
     .route = DBIO_ROUTE_BUFFERED, .reason = DBIO_REASON_RESIDENCY_UNKNOWN,
     .class = DBIO_CLASS_BUFFERED_READ},
    {"a large write of data looks first", .standing = S_DATA, .write = YES, .atomic = NO,
     .dontcache = NO, .large = YES, .range = YES, .memory = YES, .residency = R_NOT_ASKED,
     .route = DBIO_ROUTE_DIRECT, .reason = DBIO_REASON_LARGE_REQUEST,
     .class = DBIO_CLASS_DIRECT_WRITE, .look = true},
    {"a large write of data from unfit memory looks first", .standing = S_DATA, .write = YES,
     .atomic = NO, .dontcache = NO, .large = YES, .range = YES, .memory = NO,
     .residency = R_NOT_ASKED, .route = DBIO_ROUTE_DIRECT_BOUNCE,
     .reason = DBIO_REASON_UNALIGNED_MEMORY, .class = DBIO_CLASS_DIRECT_WRITE, .look = true},
    {"a large write of data of which nothing is cached", .standing = S_DATA, .write = YES,
     .atomic = NO, .dontcache = NO, .large = YES, .range = YES, .memory = YES,
     .residency = R_ABSENT | R_EMPTY, .route = DBIO_ROUTE_DIRECT,
     .reason = DBIO_REASON_LARGE_REQUEST, .class = DBIO_CLASS_DIRECT_WRITE},
    {"a large write of data, nothing cached, from unfit memory", .standing = S_DATA, .write = YES,
     .atomic = NO, .dontcache = NO, .large = YES, .range = YES, .memory = NO,
     .residency = R_ABSENT | R_EMPTY, .route = DBIO_ROUTE_DIRECT_BOUNCE,
     .reason = DBIO_REASON_UNALIGNED_MEMORY, .class = DBIO_CLASS_DIRECT_WRITE},
    {"a large write of data that may be cached stays, unflushed", .standing = S_DATA, .write = YES,
     .atomic = NO, .dontcache = NO, .large = YES, .range = YES,
     .residency = R_PARTIAL | R_FULL | R_UNKNOWN, .route = DBIO_ROUTE_BUFFERED,
     .reason = AS_STANDING, .class = DBIO_CLASS_BUFFERED_WRITE},

    /* Direct standing: reads. */
    {"a direct read looks first", .standing = GOES, .write = NO, .atomic = NO, .range = YES,
     .memory = YES, .residency = R_NOT_ASKED, .route = DBIO_ROUTE_DIRECT,
     .reason = DBIO_REASON_RANGE_ABSENT, .class = DBIO_CLASS_DIRECT_READ, .look = true},
    {"an unaligned direct read looks first", .standing = GOES, .write = NO, .atomic = NO,
     .range = NO, .residency = R_NOT_ASKED, .route = DBIO_ROUTE_DIRECT_BOUNCE,
     .reason = DBIO_REASON_UNALIGNED, .class = DBIO_CLASS_DIRECT_READ, .look = true},
    {"a direct read into unfit memory looks first", .standing = GOES, .write = NO, .atomic = NO,
     .range = YES, .memory = NO, .residency = R_NOT_ASKED, .route = DBIO_ROUTE_DIRECT_BOUNCE,
     .reason = DBIO_REASON_UNALIGNED_MEMORY, .class = DBIO_CLASS_DIRECT_READ, .look = true},
    {"a direct read of what is not all cached", .standing = GOES, .write = NO, .atomic = NO,
     .range = YES, .memory = YES, .residency = R_ABSENT | R_PARTIAL, .route = DBIO_ROUTE_DIRECT,
     .reason = DBIO_REASON_RANGE_ABSENT, .class = DBIO_CLASS_DIRECT_READ},
    {"a direct read of what is known not to be cached", .standing = GOES, .write = NO, .atomic = NO,
     .range = YES, .memory = YES, .residency = R_EMPTY, .route = DBIO_ROUTE_DIRECT,
     .reason = DBIO_REASON_KNOWN_EMPTY, .class = DBIO_CLASS_DIRECT_READ},
    {"an unaligned direct read of what is not all cached bounces", .standing = GOES, .write = NO,
     .atomic = NO, .range = NO, .residency = R_ABSENT | R_EMPTY | R_PARTIAL,
     .route = DBIO_ROUTE_DIRECT_BOUNCE, .reason = DBIO_REASON_UNALIGNED,
     .class = DBIO_CLASS_DIRECT_READ},
    {"a direct read into unfit memory bounces", .standing = GOES, .write = NO, .atomic = NO,
     .range = YES, .memory = NO, .residency = R_ABSENT | R_EMPTY | R_PARTIAL,
     .route = DBIO_ROUTE_DIRECT_BOUNCE, .reason = DBIO_REASON_UNALIGNED_MEMORY,
     .class = DBIO_CLASS_DIRECT_READ},
    {"a read in direct standing of what is cached copies it", .standing = GOES, .write = NO,
     .atomic = NO, .residency = R_FULL, .route = DBIO_ROUTE_BUFFERED,
     .reason = DBIO_REASON_RANGE_CACHED, .class = DBIO_CLASS_BUFFERED_READ},
    {"a read in direct standing of which nobody knows", .standing = GOES, .write = NO, .atomic = NO,
     .residency = R_UNKNOWN, .route = DBIO_ROUTE_BUFFERED, .reason = DBIO_REASON_RESIDENCY_UNKNOWN,
     .class = DBIO_CLASS_BUFFERED_READ},

    /* Direct standing: aligned writes. */
    {"a direct write looks first", .standing = GOES, .write = YES, .atomic = NO, .range = YES,
     .memory = YES, .residency = R_NOT_ASKED, .route = DBIO_ROUTE_DIRECT,
     .reason = DBIO_REASON_RANGE_ABSENT, .class = DBIO_CLASS_DIRECT_WRITE, .look = true},
    {"a direct write from unfit memory looks first", .standing = GOES, .write = YES, .atomic = NO,
     .range = YES, .memory = NO, .residency = R_NOT_ASKED, .route = DBIO_ROUTE_DIRECT_BOUNCE,
     .reason = DBIO_REASON_UNALIGNED_MEMORY, .class = DBIO_CLASS_DIRECT_WRITE, .look = true},
    {"a direct write where nothing is cached", .standing = GOES, .write = YES, .atomic = NO,
     .range = YES, .memory = YES, .residency = R_ABSENT, .route = DBIO_ROUTE_DIRECT,
     .reason = DBIO_REASON_RANGE_ABSENT, .class = DBIO_CLASS_DIRECT_WRITE},
    {"a direct write where nothing is known to be cached", .standing = GOES, .write = YES,
     .atomic = NO, .range = YES, .memory = YES, .residency = R_EMPTY, .route = DBIO_ROUTE_DIRECT,
     .reason = DBIO_REASON_KNOWN_EMPTY, .class = DBIO_CLASS_DIRECT_WRITE},
    {"a direct write from unfit memory bounces", .standing = GOES, .write = YES, .atomic = NO,
     .range = YES, .memory = NO, .residency = R_ABSENT | R_EMPTY, .route = DBIO_ROUTE_DIRECT_BOUNCE,
     .reason = DBIO_REASON_UNALIGNED_MEMORY, .class = DBIO_CLASS_DIRECT_WRITE},
    {"rule 3: a direct write where something is cached is copied and flushed", .standing = GOES,
     .write = YES, .atomic = NO, .range = YES, .residency = R_PARTIAL | R_FULL,
     .route = DBIO_ROUTE_BUFFERED_FLUSH, .reason = DBIO_REASON_RANGE_CACHED,
     .class = DBIO_CLASS_BUFFERED_WRITE},
    {"rule 3 where nobody knows", .standing = GOES, .write = YES, .atomic = NO, .range = YES,
     .residency = R_UNKNOWN, .route = DBIO_ROUTE_BUFFERED_FLUSH,
     .reason = DBIO_REASON_RESIDENCY_UNKNOWN, .class = DBIO_CLASS_BUFFERED_WRITE},

    /* Direct standing: unaligned writes. */
    {"a short unaligned write is copied and flushed, whatever is cached", .standing = GOES,
     .write = YES, .atomic = NO, .range = NO, .middle = NO, .route = DBIO_ROUTE_BUFFERED_FLUSH,
     .reason = DBIO_REASON_UNALIGNED, .class = DBIO_CLASS_BUFFERED_WRITE},
    {"a long unaligned write looks first, alone", .standing = GOES, .write = YES, .atomic = NO,
     .range = NO, .middle = YES, .residency = R_NOT_ASKED, .route = DBIO_ROUTE_DIRECT_EDGES,
     .reason = DBIO_REASON_UNALIGNED, .class = DBIO_CLASS_EXCLUSIVE, .look = true},
    {"a long unaligned write where nothing is cached goes direct in its middle", .standing = GOES,
     .write = YES, .atomic = NO, .range = NO, .middle = YES, .residency = R_ABSENT | R_EMPTY,
     .route = DBIO_ROUTE_DIRECT_EDGES, .reason = DBIO_REASON_UNALIGNED,
     .class = DBIO_CLASS_EXCLUSIVE},
    {"a long unaligned write where something is cached is flushed, still alone", .standing = GOES,
     .write = YES, .atomic = NO, .range = NO, .middle = YES, .residency = R_PARTIAL | R_FULL,
     .route = DBIO_ROUTE_BUFFERED_FLUSH, .reason = DBIO_REASON_RANGE_CACHED,
     .class = DBIO_CLASS_EXCLUSIVE},
    {"a long unaligned write of which nobody knows is flushed, still alone", .standing = GOES,
     .write = YES, .atomic = NO, .range = NO, .middle = YES, .residency = R_UNKNOWN,
     .route = DBIO_ROUTE_BUFFERED_FLUSH, .reason = DBIO_REASON_RESIDENCY_UNKNOWN,
     .class = DBIO_CLASS_EXCLUSIVE},
};
#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

/* Lengths of the aligned middle; the first two are too short to pay. */
static const uint64_t middles[] = {0, DBIO_EDGES_MIDDLE_MIN - 1, DBIO_EDGES_MIDDLE_MIN, UINT64_MAX};
#define MIDDLES 4u

#define COMBINATIONS (STANDINGS * RESIDENCIES * MIDDLES * 128u)

struct combination {
    unsigned standing, residency, middle;
    struct dbio_request_facts facts;
};

static struct combination
make_combination(unsigned number)
{
    struct combination c = {.facts = {.write = (number & 1) != 0,
                                      .atomic = (number & 2) != 0,
                                      .dontcache = (number & 4) != 0,
                                      .dontcache_here = (number & 8) != 0,
                                      .range_aligned = (number & 16) != 0,
                                      .memory_aligned = (number & 32) != 0,
                                      .large = (number & 64) != 0}};

    number /= 128;
    c.middle = number % MIDDLES;
    number /= MIDDLES;
    c.residency = number % RESIDENCIES;
    c.standing = number / RESIDENCIES;
    c.facts.standing = standings[c.standing];
    c.facts.residency = (enum dbio_residency)c.residency;
    c.facts.middle = middles[c.middle];
    return c;
}

static bool
admits(unsigned wanted, bool fact)
{
    return wanted == 0 || (wanted == YES) == fact;
}

static bool
row_matches(const struct row *row, const struct combination *c)
{
    const struct dbio_request_facts *f = &c->facts;

    return (row->standing == 0 || (row->standing >> c->standing & 1) != 0) &&
           (row->residency == 0 || (row->residency >> c->residency & 1) != 0) &&
           admits(row->write, f->write) && admits(row->atomic, f->atomic) &&
           admits(row->dontcache, f->dontcache) && admits(row->here, f->dontcache_here) &&
           admits(row->range, f->range_aligned) && admits(row->memory, f->memory_aligned) &&
           admits(row->large, f->large) && admits(row->middle, c->middle >= 2);
}

START_TEST(the_choice_is_as_the_row_says_for_every_combination_in_it)
{
    const struct row *row = &rows[_i];
    unsigned number, met = 0;

    for (number = 0; number < COMBINATIONS; number++) {
        struct combination c = make_combination(number);
        struct dbio_choice choice;
        unsigned reason = row->reason == AS_STANDING ? c.facts.standing.reason : row->reason;

        if (!row_matches(row, &c))
            continue;
        met++;
        choice = dbio__route(&c.facts);
        ck_assert_msg(choice.route == row->route && choice.reason == reason &&
                          choice.class == row->class && choice.look == row->look,
                      "%s (combination %u): route %d, reason %d, class %d, look %d", row->name,
                      number, choice.route, choice.reason, choice.class, choice.look);
    }
    ck_assert_msg(met > 0, "%s: no combination", row->name);
}
END_TEST

START_TEST(every_combination_is_in_exactly_one_row)
{
    unsigned number;

    for (number = 0; number < COMBINATIONS; number++) {
        struct combination c = make_combination(number);
        int i, found = 0;

        for (i = 0; i < ROWS; i++)
            found += row_matches(&rows[i], &c);
        ck_assert_msg(found == 1, "combination %u is in %d rows", number, found);
    }
}
END_TEST

static bool is_direct(enum dbio_class class)
{
    return class == DBIO_CLASS_DIRECT_READ || class == DBIO_CLASS_DIRECT_WRITE;
}

static bool is_buffered(enum dbio_class class)
{
    return class == DBIO_CLASS_BUFFERED_READ || class == DBIO_CLASS_BUFFERED_WRITE;
}

static bool
touches_cache(enum dbio_route route)
{
    return route == DBIO_ROUTE_BUFFERED || route == DBIO_ROUTE_BUFFERED_FLUSH ||
           route == DBIO_ROUTE_DONTCACHE || route == DBIO_ROUTE_DIRECT_EDGES;
}

static bool
touches_disk(enum dbio_route route)
{
    return route == DBIO_ROUTE_DIRECT || route == DBIO_ROUTE_DIRECT_BOUNCE ||
           route == DBIO_ROUTE_DIRECT_EDGES || route == DBIO_ROUTE_ATOMIC;
}

START_TEST(a_route_is_never_announced_as_what_it_is_not)
{
    unsigned number;

    for (number = 0; number < COMBINATIONS; number++) {
        struct combination c = make_combination(number);
        struct dbio_choice choice = dbio__route(&c.facts);

        ck_assert(touches_cache(choice.route) || touches_disk(choice.route));
        ck_assert(!touches_cache(choice.route) || !is_direct(choice.class));
        ck_assert(!touches_disk(choice.route) || !is_buffered(choice.class));
        /* Reads are announced as reads, writes as writes, and no read is alone. */
        ck_assert(choice.class == DBIO_CLASS_EXCLUSIVE
                      ? c.facts.write
                      : c.facts.write == (choice.class == DBIO_CLASS_DIRECT_WRITE ||
                                          choice.class == DBIO_CLASS_BUFFERED_WRITE));
        ck_assert(c.facts.write || (choice.route != DBIO_ROUTE_BUFFERED_FLUSH &&
                                    choice.route != DBIO_ROUTE_DIRECT_EDGES));
        ck_assert(choice.reason > DBIO_REASON_NONE && choice.reason < DBIO_REASON_COUNT);
    }
}
END_TEST

START_TEST(direct_routes_get_what_direct_io_needs)
{
    unsigned number;

    for (number = 0; number < COMBINATIONS; number++) {
        struct combination c = make_combination(number);
        enum dbio_route route = dbio__route(&c.facts).route;

        if (route == DBIO_ROUTE_DIRECT)
            ck_assert(c.facts.range_aligned && c.facts.memory_aligned);
        if (route == DBIO_ROUTE_DIRECT_BOUNCE && c.facts.write)
            ck_assert(c.facts.range_aligned);
        if (touches_disk(route) && route != DBIO_ROUTE_ATOMIC)
            ck_assert(c.facts.standing.direct || (c.facts.standing.large_direct && c.facts.large));
    }
}
END_TEST

/* Asked twice at most: the second answer does not look, and where it needs another class it is
 * one that the engine withdraws to, from direct to buffered; the exclusive one stays. */
START_TEST(the_second_answer_is_final_and_changes_the_class_only_to_buffered)
{
    unsigned number, residency;

    for (number = 0; number < COMBINATIONS; number++) {
        struct combination c = make_combination(number);
        struct dbio_choice first = dbio__route(&c.facts);

        ck_assert(!first.look || c.residency == DBIO_RESIDENCY_NOT_ASKED);
        if (!first.look)
            continue;
        for (residency = 1; residency < RESIDENCIES; residency++) {
            struct dbio_choice second;

            c.facts.residency = (enum dbio_residency)residency;
            second = dbio__route(&c.facts);
            ck_assert(!second.look);
            ck_assert(second.class == first.class ||
                      (is_direct(first.class) && is_buffered(second.class)));
        }
    }
}
END_TEST

/* Rule 3 of the design, said once more without the table. */
START_TEST(a_direct_write_never_passes_by_pages_that_may_be_cached)
{
    unsigned number;

    for (number = 0; number < COMBINATIONS; number++) {
        struct combination c = make_combination(number);
        enum dbio_route route = dbio__route(&c.facts).route;

        if (c.facts.write && !c.facts.atomic &&
            (1u << c.residency & (R_PARTIAL | R_FULL | R_UNKNOWN)))
            ck_assert(!touches_disk(route));
        if (c.facts.write && c.facts.standing.direct && !touches_disk(route))
            ck_assert_int_eq(route, DBIO_ROUTE_BUFFERED_FLUSH);
    }
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("route");
    TCase *cases = tcase_create("route");

    tcase_add_loop_test(cases, the_choice_is_as_the_row_says_for_every_combination_in_it, 0, ROWS);
    tcase_add_test(cases, every_combination_is_in_exactly_one_row);
    tcase_add_test(cases, a_route_is_never_announced_as_what_it_is_not);
    tcase_add_test(cases, direct_routes_get_what_direct_io_needs);
    tcase_add_test(cases, the_second_answer_is_final_and_changes_the_class_only_to_buffered);
    tcase_add_test(cases, a_direct_write_never_passes_by_pages_that_may_be_cached);
    suite_add_tcase(suite, cases);
    return suite;
}
