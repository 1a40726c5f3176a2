/*
 * test_notice.c - where a context counts, when things go wrong: a lock that someone keeps, memory or
 * system calls that are refused. Counting goes on in memory of its own.
 */
#include "engine/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/registry.h"
#include "t_dbio.h"
#include "t_fault.h"

static char path[64];

static void
name_board(void)
{
    (void)snprintf(path, sizeof(path), "/dev/shm/dbio-test-notice-%d", (int)getpid());
    (void)unlink(path);
}

static void
start(struct dbio_notice *notice, bool shared)
{
    ck_assert_int_eq(dbio__notice_start(notice, path), 0);
    ck_assert_ptr_nonnull(notice->place);
    ck_assert_int_eq(notice->memory != NULL, shared);
    dbio__stats_add(&notice->place->counters, 1, DBIO_STAT_READS, 1);
    ck_assert_uint_eq(dbio__stats_sum(&notice->place->counters, DBIO_STAT_READS), 1);
}

START_TEST(a_lock_that_is_kept_is_not_waited_for)
{
    struct dbio_registry other;
    struct dbio_notice notice;
    const char *why;

    name_board();
    ck_assert_int_eq(dbio__registry_open(path, true, &other, &why), 0);
    ck_assert_int_eq(dbio__registry_lock(&other, false), 0);
    start(&notice, false);
    dbio__notice_end(&notice);
    dbio__registry_unlock(&other);
    start(&notice, true);
    ck_assert_int_eq(dbio__registry_lock(&other, false), 0);
    dbio__notice_end(&notice); /* its place is left for a successor to fold */
    dbio__registry_unlock(&other);
    start(&notice, true);
    dbio__notice_end(&notice);
    dbio__registry_close(&other);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(each_refused_call_leaves_memory_of_our_own)
{
    static const int calls[] = {DBIO_SYS_OPENAT, DBIO_SYS_FSTAT, DBIO_SYS_FALLOCATE, DBIO_SYS_MMAP};
    struct dbio_notice notice;

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        name_board();
        t_fault_all(calls[i], ENOSPC, NULL);
        start(&notice, false);
        t_fault_disarm();
        dbio__notice_end(&notice);
        (void)unlink(path);
    }
}
END_TEST

START_TEST(no_memory_is_said)
{
    struct dbio_notice notice;

    dbio__mem_fail_after(0);
    ck_assert_int_eq(dbio__notice_start(&notice, "off"), -ENOMEM);
    dbio__mem_fail_after(-1);
}
END_TEST

START_TEST(a_child_whose_board_is_gone_counts_for_itself)
{
    struct dbio_notice notice;
    int status;
    pid_t child;

    name_board();
    start(&notice, true);
    child = fork();
    if (child == 0) {
        t_fault_all(DBIO_SYS_OPENAT, EMFILE, NULL);
        dbio__notice_in_child(&notice);
        t_fault_disarm();
        _exit(notice.memory != NULL ||
              dbio__stats_sum(&notice.place->counters, DBIO_STAT_READS) != 0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(dbio__stats_sum(&notice.place->counters, DBIO_STAT_READS), 1);
    dbio__notice_end(&notice);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("notice");
    TCase *cases = tcase_create("notice");

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_lock_that_is_kept_is_not_waited_for);
    tcase_add_test(cases, each_refused_call_leaves_memory_of_our_own);
    tcase_add_test(cases, no_memory_is_said);
    tcase_add_test(cases, a_child_whose_board_is_gone_counts_for_itself);
    suite_add_tcase(suite, cases);
    return suite;
}
