/*
 * test_fault_ahead.c - reading ahead when things fail: what is read for later fails without a word,
 * and the reader, who asks for himself, is told his own errors and no others.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "engine/crew.h"
#include "engine/file.h"
#include "os/sys.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

#define SIZE  ((size_t)4 << 20)
#define PIECE ((size_t)16 << 10)
#define AHEAD ((long)128 << 10) /* what is read ahead is as long as this or longer */

static struct t_rig rig;
static unsigned char *memory;

static void
begin(const char *directory)
{
    rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);
    memory = t_aligned(PIECE);
    usleep(40000); /* files that were changed a moment ago are not read ahead of */
}

/* A read for later, told by its length. */
static bool
is_ahead(enum dbio_sys_call call, const long arguments[6])
{
    return call == DBIO_SYS_PREAD && arguments[2] >= AHEAD;
}

static void
read_all(void)
{
    uint64_t at;

    for (at = 0; at < SIZE; at += PIECE) {
        ck_assert_int_eq(dbio_pread(rig.file, memory, PIECE, (off_t)at, 0), (ssize_t)PIECE);
        t_pattern_verify(memory, PIECE, T_SEED, at);
    }
}

static const int errors[] = {EIO, ENOMEM, EAGAIN, EOPNOTSUPP};

START_TEST(a_failed_read_for_later_is_nobodys_error)
{
    T_DIRECT_OR_SKIP(where);
    size_t i;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        unsigned long hits;

        begin(where->directory);
        t_fault_all(DBIO_SYS_PREAD, errors[i], is_ahead);
        read_all();
        hits = t_fault_hits();
        t_fault_disarm();
        ck_assert_uint_gt(hits, 0);
        read_all();
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(a_read_for_later_that_comes_back_short_is_not_taken_for_the_end)
{
    T_DIRECT_OR_SKIP(where);
    size_t i;
    static const size_t shorts[] = {512, 4096, 20480, 65536};

    for (i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++) {
        begin(where->directory);
        t_fault_short_all(DBIO_SYS_PREAD, shorts[i]);
        read_all();
        t_fault_disarm();
        read_all();
        t_close(rig.context, rig.file);
    }
}
END_TEST

/* Without an answer nobody can tell whether the bytes are still true. */
START_TEST(where_fstat_fails_nothing_that_was_read_for_later_is_given_out)
{
    T_DIRECT_OR_SKIP(where);
    uint64_t served;

    begin(where->directory);
    read_all();
    served = t_reasoned(rig.file, DBIO_REASON_READ_AHEAD);
    ck_assert_uint_gt(served, 0);
    t_fault_all(DBIO_SYS_FSTAT, EIO, NULL);
    read_all();
    t_fault_disarm();
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_READ_AHEAD), served);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(without_memory_nothing_is_read_for_later)
{
    T_DIRECT_OR_SKIP(where);

    begin(where->directory);
    t_fault_all(DBIO_SYS_MMAP, ENOMEM, NULL);
    read_all();
    t_fault_disarm();
    t_close(rig.context, rig.file);
}
END_TEST

/* Workers that are all busy for a while: those who wait for what was to be read for later wait, or
 * read for themselves; a handle is closed all the same. */
static _Atomic bool let_go;

static void
hold(struct dbio_crew_job *job)
{
    (void)job;
    while (!atomic_load(&let_go))
        usleep(1000);
}

static void *
let_go_soon(void *unused)
{
    usleep(100000);
    atomic_store(&let_go, true);
    return unused;
}

START_TEST(a_crew_that_is_busy_only_takes_time)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_crew_job jobs[DBIO_CREW_MOST];
    pthread_t thread;
    int i;

    begin(where->directory);
    atomic_store(&let_go, false);
    dbio__crew_join();
    for (i = 0; i < DBIO_CREW_MOST; i++) {
        jobs[i].run = hold;
        ck_assert_int_eq(dbio__crew_give(&jobs[i]), 0);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, let_go_soon, NULL), 0);
    read_all();
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    t_close(rig.context, rig.file);
    dbio__crew_leave();
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("fault_ahead");
    TCase *cases = tcase_create("fault_ahead");

    t_add_direct_test(cases, a_failed_read_for_later_is_nobodys_error);
    t_add_direct_test(cases, a_read_for_later_that_comes_back_short_is_not_taken_for_the_end);
    t_add_direct_test(cases, where_fstat_fails_nothing_that_was_read_for_later_is_given_out);
    t_add_direct_test(cases, without_memory_nothing_is_read_for_later);
    t_add_direct_test(cases, a_crew_that_is_busy_only_takes_time);
    suite_add_tcase(suite, cases);
    return suite;
}
