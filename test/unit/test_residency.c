/*
 * test_residency.c - what is asked of whom about the page cache, that every error is "unknown" and
 * never a failure, what is remembered and for how long, and how a file system that only pretends
 * to go direct is found out.
 */
#include "engine/residency.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "os/cachestat.h"
#include "os/clock.h"
#include "t_cache.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define MIB  (1024 * KIB)
#define SIZE (4 * MIB)

static struct t_rig rig;

static void
begin(const char *directory)
{
    rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);
}

static enum dbio_residency
look(uint64_t offset, uint64_t length)
{
    return dbio__residency_look(rig.file, (struct dbio_range){offset, offset + length},
                                dbio__clock_coarse_ns());
}

START_TEST(the_answer_is_absent_partial_or_full)
{
    T_DIRECT_OR_SKIP(where);
    begin(where->directory);

    ck_assert_int_eq(look(0, 64 * KIB), DBIO_RESIDENCY_ABSENT);
    t_cache_warm(rig.path, 2 * MIB, 8 * KIB);
    ck_assert_int_eq(look(2 * MIB, 64 * KIB), DBIO_RESIDENCY_PARTIAL);
    ck_assert_int_eq(look(2 * MIB, 8 * KIB), DBIO_RESIDENCY_FULL);
    ck_assert_int_eq(look(2 * MIB + 8 * KIB, 8 * KIB), DBIO_RESIDENCY_ABSENT);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_LOOKS_UNKNOWN), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(pages_up_to_the_end_of_the_file_are_all_there_can_be)
{
    T_DIRECT_OR_SKIP(where);
    begin(where->directory);

    ck_assert_int_eq(dbio_truncate(rig.file, SIZE - 100), 0);
    (void)t_cache_drop(rig.path);
    t_cache_warm(rig.path, SIZE - 4096, 4096);
    ck_assert_int_eq(look(SIZE - 4096, 64 * KIB), DBIO_RESIDENCY_FULL);
    ck_assert_int_eq(look(SIZE - 8192, 64 * KIB), DBIO_RESIDENCY_PARTIAL);
    t_close(rig.context, rig.file);
}
END_TEST

/* Without cachestat, as before Linux 6.5. */
static void
begin_without_cachestat(const char *directory, int error)
{
    begin(directory);
    dbio__cachestat_reset();
    t_fault_all(DBIO_SYS_CACHESTAT, error, NULL);
}

START_TEST(without_cachestat_mincore_is_asked)
{
    T_DIRECT_OR_SKIP(where);
    begin_without_cachestat(where->directory, ENOSYS);

    t_write_new(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    ck_assert_uint_ge(t_fault_calls(DBIO_SYS_MINCORE), 1);
    t_cache_warm(rig.path, 8 * KIB, 1);
    t_write_new(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED_FLUSH), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_RANGE_CACHED), 1);
    /* Not here, once and for all. */
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_CACHESTAT), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_LOOKS_UNKNOWN), 0);
    t_verify_new(rig.path, 64 * KIB, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_error_of_cachestat_is_for_that_question_alone)
{
    T_DIRECT_OR_SKIP(where);
    begin_without_cachestat(where->directory, EIO);

    t_read_old(rig.file, 64 * KIB, 0);
    t_read_old(rig.file, 64 * KIB, 64 * KIB);
    ck_assert_uint_ge(t_fault_calls(DBIO_SYS_CACHESTAT), 2);
    ck_assert_uint_ge(t_fault_calls(DBIO_SYS_MINCORE), 2);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 2);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(when_nobody_answers_the_range_counts_as_cached)
{
    T_DIRECT_OR_SKIP(where);
    begin_without_cachestat(where->directory, ENOSYS);

    t_fault_all(DBIO_SYS_MINCORE, EPERM, NULL);
    t_read_old(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 1);
    t_write_new(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED_FLUSH), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_RESIDENCY_UNKNOWN), 2);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_LOOKS_UNKNOWN), 2);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 0);
    t_verify_new(rig.path, 64 * KIB, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(mincore_is_not_asked_where_it_cannot_look)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct dbio_file *writer;

    begin_without_cachestat(where->directory, ENOSYS);
    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_WRONLY, 0, &options, &writer), 0);
    t_write_new(writer, 64 * KIB, 0);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_MMAP), 0); /* needs the right to read */
    ck_assert_uint_eq(t_reasoned(writer, DBIO_REASON_RESIDENCY_UNKNOWN), 1);
    ck_assert_int_eq(look(0, (uint64_t)65 * MIB), DBIO_RESIDENCY_UNKNOWN);
    ck_assert_int_eq(dbio_close(writer), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_empty_cache_is_remembered_and_asked_for_only_now_and_then)
{
    T_DIRECT_OR_SKIP(where);
    begin(where->directory);

    for (uint64_t i = 0; i < 500; i++) {
        enum dbio_residency answer = look(i * 8 * KIB, 4 * KIB);

        ck_assert(answer == DBIO_RESIDENCY_ABSENT || answer == DBIO_RESIDENCY_KNOWN_EMPTY);
    }
    ck_assert_uint_gt(t_stat(rig.context, DBIO_STAT_LOOKS_SAVED), 100);
    ck_assert_uint_ge(t_stat(rig.context, DBIO_STAT_LOOKS), 500 / (DBIO_KNOWN_TRUST + 1));
    for (uint64_t i = 0; i < 20; i++)
        t_read_old(rig.file, 4 * KIB, i * 8 * KIB);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 20);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(pages_that_others_bring_in_are_seen_when_trust_has_run_out)
{
    T_DIRECT_OR_SKIP(where);
    begin(where->directory);

    for (uint64_t i = 0; i < 50; i++)
        (void)look(i % 4 * MIB, 4 * KIB);
    ck_assert_uint_ne(t_stat(rig.context, DBIO_STAT_LOOKS_SAVED), 0);
    t_cache_warm(rig.path, 0, 4 * KIB);
    usleep(2 * DBIO_KNOWN_TRUST_NS / 1000 + 20000); /* and two ticks of the coarsest clock */
    t_write_new(rig.file, 4 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED_FLUSH), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(what_our_own_buffered_requests_cache_is_never_taken_for_empty)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file *buffered;

    begin(where->directory);
    buffered = t_open(rig.context, rig.path, DBIO_MODE_BUFFERED);
    for (int i = 0; i < 200; i++) {
        uint64_t at = t_random_below(SIZE / 8192) * 8192;

        for (int j = 0; j < 10; j++)
            t_read_old(rig.file, 4 * KIB, at);
        t_read_old(buffered, 4 * KIB, at);
        ck_assert_int_eq(look(at, 4 * KIB), DBIO_RESIDENCY_FULL);
        ck_assert_int_eq(dbio_advise(buffered, 0, 0, POSIX_FADV_DONTNEED), 0);
    }
    ck_assert_int_eq(dbio_close(buffered), 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* A file system that takes O_DIRECT and goes through the page cache. */
static long
pretend(enum dbio_sys_call call, const long arguments[6])
{
    long plain[6];

    memcpy(plain, arguments, sizeof(plain));
    if (t_fault_on_direct(call, arguments))
        plain[0] = rig.file->descriptors->buffered;
    return dbio__sys_real(call, plain);
}

START_TEST(a_file_system_that_only_pretends_to_write_directly_is_found_out)
{
    T_DIRECT_OR_SKIP(where);
    begin(where->directory);

    dbio__sys_table[DBIO_SYS_PWRITE].call = pretend;
    for (uint64_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(t_why(rig.file).standing_direct, 1);
        t_write_new(rig.file, 64 * KIB, i * 64 * KIB);
    }
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_COLLISIONS), 3);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 1);
    ck_assert_uint_eq(t_why(rig.file).standing_direct, 0);
    ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_SILENT_FALLBACK);
    t_write_new(rig.file, 64 * KIB, 192 * KIB);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_SILENT_FALLBACK), 1);
    t_verify_new(rig.path, 256 * KIB, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_file_system_that_only_pretends_to_read_directly_is_found_out)
{
    T_DIRECT_OR_SKIP(where);
    begin(where->directory);

    dbio__sys_table[DBIO_SYS_PREAD].call = pretend;
    for (uint64_t i = 0; i < 3; i++)
        t_read_old(rig.file, 64 * KIB, i * MIB);
    ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_SILENT_FALLBACK);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 1);
    t_close(rig.context, rig.file);
}
END_TEST

/* Somebody outside dbio reads the first page, right after the write that dropped it. */
static bool meddle;

static long
meddle_after(enum dbio_sys_call call, const long arguments[6])
{
    long result = dbio__sys_real(call, arguments);

    if (meddle)
        t_cache_warm(rig.path, (uint64_t)arguments[3], 1);
    return result;
}

START_TEST(a_meddler_is_counted_but_the_file_stays_direct)
{
    T_DIRECT_OR_SKIP(where);
    begin(where->directory);

    dbio__sys_table[DBIO_SYS_PWRITE].call = meddle_after;
    for (uint64_t i = 0; i < 4; i++) { /* looked at each time */
        meddle = i != 1;               /* three times, but not in a row */
        t_write_new(rig.file, 64 * KIB, i * 64 * KIB);
    }
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_COLLISIONS), 3);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 0);
    ck_assert_uint_eq(t_why(rig.file).standing_direct, 1);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("residency");
    TCase *cases = tcase_create("residency");

    t_add_direct_test(cases, the_answer_is_absent_partial_or_full);
    t_add_direct_test(cases, pages_up_to_the_end_of_the_file_are_all_there_can_be);
    t_add_direct_test(cases, without_cachestat_mincore_is_asked);
    t_add_direct_test(cases, an_error_of_cachestat_is_for_that_question_alone);
    t_add_direct_test(cases, when_nobody_answers_the_range_counts_as_cached);
    t_add_direct_test(cases, mincore_is_not_asked_where_it_cannot_look);
    t_add_direct_test(cases, an_empty_cache_is_remembered_and_asked_for_only_now_and_then);
    t_add_direct_test(cases, pages_that_others_bring_in_are_seen_when_trust_has_run_out);
    t_add_direct_test(cases, what_our_own_buffered_requests_cache_is_never_taken_for_empty);
    t_add_direct_test(cases, a_file_system_that_only_pretends_to_write_directly_is_found_out);
    t_add_direct_test(cases, a_file_system_that_only_pretends_to_read_directly_is_found_out);
    t_add_direct_test(cases, a_meddler_is_counted_but_the_file_stays_direct);
    suite_add_tcase(suite, cases);
    return suite;
}
