/*
 * test_names.c - every route, reason and counter has its own name, the enumerator's in small
 * letters; every reason has a sentence; what is not there has "?" or NULL.
 */
#include "core/names.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "dbio_types.h"
#include "t_support.h"

struct spelling {
    unsigned value;
    const char *name; /* as in dbio_types.h */
};

#define ROUTE(name)              \
    {                            \
        DBIO_ROUTE_##name, #name \
    }
#define REASON(name)              \
    {                             \
        DBIO_REASON_##name, #name \
    }
#define STAT(name)              \
    {                           \
        DBIO_STAT_##name, #name \
    }

static const struct spelling routes[] = {
    ROUTE(NONE),          ROUTE(BUFFERED),     ROUTE(BUFFERED_FLUSH), ROUTE(DIRECT),
    ROUTE(DIRECT_BOUNCE), ROUTE(DIRECT_EDGES), ROUTE(DONTCACHE),      ROUTE(ATOMIC),
};
static const struct spelling reasons[] = {
    REASON(NONE),
    REASON(MODE_BUFFERED),
    REASON(MODE_DIRECT),
    REASON(MODE_DONTCACHE),
    REASON(ATOMIC_ASKED),
    REASON(DONTCACHE_ASKED),
    REASON(FS_NO_DIRECT),
    REASON(FS_CHECKSUM),
    REASON(FS_UNKNOWN),
    REASON(FILE_DAX),
    REASON(FILE_COMPRESSED),
    REASON(FILE_ENCRYPTED),
    REASON(FILE_VERITY),
    REASON(FILE_MAPPED),
    REASON(NO_DESCRIPTOR),
    REASON(DIRECT_REFUSED),
    REASON(SILENT_FALLBACK),
    REASON(ROLE_DATA),
    REASON(ROLE_LOG),
    REASON(ROLE_TEMP),
    REASON(ROLE_SCAN),
    REASON(LARGE_REQUEST),
    REASON(UNALIGNED),
    REASON(UNALIGNED_MEMORY),
    REASON(RANGE_ABSENT),
    REASON(RANGE_CACHED),
    REASON(KNOWN_EMPTY),
    REASON(RESIDENCY_UNKNOWN),
    REASON(DONTCACHE_REFUSED),
    REASON(USED_BY_CURSOR),
    REASON(USED_UNALIGNED),
    REASON(USED_BY_APPEND),
    REASON(USED_UNTRACKED),
    REASON(POLICY),
    REASON(SWITCHED_OFF),
    REASON(READ_AHEAD),
};
static const struct spelling stats[] = {
    STAT(READS),
    STAT(READ_BYTES),
    STAT(WRITES),
    STAT(WRITE_BYTES),
    STAT(BUFFERED),
    STAT(BUFFERED_FLUSH),
    STAT(DIRECT),
    STAT(DIRECT_BOUNCE),
    STAT(DIRECT_EDGES),
    STAT(DONTCACHE),
    STAT(ATOMIC),
    STAT(DIRECT_BYTES),
    STAT(BOUNCE_BYTES),
    STAT(LOOKS),
    STAT(LOOKS_SAVED),
    STAT(LOOKS_UNKNOWN),
    STAT(WAITS),
    STAT(WAIT_NS),
    STAT(WAIT_NS_MAX),
    STAT(TICKETS),
    STAT(TABLE_FULL),
    STAT(CONTINUED),
    STAT(RETRIED_BUFFERED),
    STAT(DEMOTIONS),
    STAT(COLLISIONS),
    STAT(SYNCS),
    STAT(ERRORS_LATCHED),
    STAT(EXCLUSIVE),
    STAT(PARKED),
    STAT(FILES),
    STAT(CROSS_PROCESS),
    STAT(WAITS_LONG),
    STAT(RETIRED),
    STAT(ORPHANS),
    STAT(SPANS),
    STAT(UNTRACKED),
    STAT(BATCH_RING),
    STAT(BATCH_CREW),
    STAT(BUFFER_BYTES),
    STAT(BUFFERS_EXHAUSTED),
    STAT(AHEAD_READS),
    STAT(AHEAD_BYTES),
    STAT(AHEAD_WASTED),
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
_Static_assert(COUNT(routes) == DBIO_ROUTE_COUNT, "a row for each route");
_Static_assert(COUNT(reasons) == DBIO_REASON_COUNT, "a row for each reason");
_Static_assert(COUNT(stats) == DBIO_STAT_COUNT, "a row for each counter");

/* `name` is the spelling in small letters. */
static void
assert_spelled(const char *name, const struct spelling *spelling)
{
    size_t i;

    ck_assert_msg(name != NULL, "%s has no name", spelling->name);
    ck_assert_uint_eq(strlen(name), strlen(spelling->name));
    for (i = 0; name[i] != '\0'; i++)
        ck_assert_int_eq(name[i], tolower((unsigned char)spelling->name[i]));
}

START_TEST(a_route_is_called_what_its_enumerator_is)
{
    ck_assert_uint_eq(routes[_i].value, (unsigned)_i);
    assert_spelled(dbio__name_route(routes[_i].value), &routes[_i]);
}
END_TEST

START_TEST(a_reason_is_called_what_its_enumerator_is_and_has_a_text_of_its_own)
{
    const char *sentence = dbio__text_reason(reasons[_i].value);
    unsigned other;

    ck_assert_uint_eq(reasons[_i].value, (unsigned)_i);
    assert_spelled(dbio__name_reason(reasons[_i].value), &reasons[_i]);
    ck_assert_msg(sentence != NULL && strchr(sentence, ' ') != NULL, "%s", reasons[_i].name);
    for (other = 0; other < (unsigned)_i; other++)
        ck_assert_str_ne(sentence, dbio__text_reason(other));
}
END_TEST

START_TEST(a_counter_is_called_what_its_enumerator_is)
{
    ck_assert_uint_eq(stats[_i].value, (unsigned)_i);
    assert_spelled(dbio__name_stat(stats[_i].value), &stats[_i]);
}
END_TEST

/* The engine counts a request under DBIO_STAT_BUFFERED + (route - DBIO_ROUTE_BUFFERED). */
START_TEST(the_counters_of_the_routes_stand_in_the_order_of_the_routes)
{
    unsigned i;

    for (i = 0; i < DBIO_ROUTE_COUNT - DBIO_ROUTE_BUFFERED; i++)
        ck_assert_str_eq(dbio__name_stat(DBIO_STAT_BUFFERED + i),
                         dbio__name_route(DBIO_ROUTE_BUFFERED + i));
}
END_TEST

START_TEST(what_is_not_there_has_no_name)
{
    ck_assert_str_eq(dbio__name_route(DBIO_ROUTE_COUNT), "?");
    ck_assert_str_eq(dbio__name_route(UINT_MAX), "?");
    ck_assert_str_eq(dbio__name_reason(DBIO_REASON_COUNT), "?");
    ck_assert_str_eq(dbio__name_reason(UINT_MAX), "?");
    ck_assert_str_eq(dbio__text_reason(DBIO_REASON_COUNT), "?");
    ck_assert_str_eq(dbio__text_reason(UINT_MAX), "?");
    ck_assert_ptr_null(dbio__name_stat(DBIO_STAT_COUNT));
    ck_assert_ptr_null(dbio__name_stat(UINT_MAX));
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("names");
    TCase *cases = tcase_create("names");

    tcase_add_loop_test(cases, a_route_is_called_what_its_enumerator_is, 0, DBIO_ROUTE_COUNT);
    tcase_add_loop_test(cases, a_reason_is_called_what_its_enumerator_is_and_has_a_text_of_its_own,
                        0, DBIO_REASON_COUNT);
    tcase_add_loop_test(cases, a_counter_is_called_what_its_enumerator_is, 0, DBIO_STAT_COUNT);
    tcase_add_test(cases, the_counters_of_the_routes_stand_in_the_order_of_the_routes);
    tcase_add_test(cases, what_is_not_there_has_no_name);
    suite_add_tcase(suite, cases);
    return suite;
}
