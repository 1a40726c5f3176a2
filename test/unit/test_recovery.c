/*
 * test_recovery.c - processes that die at each step of the protocol, and what becomes of what they
 * had announced: whoever waits gets through, the living are waited for, and it is counted.
 *
 * A child announces and kills itself, so it is dead at exactly that step. How long the survivor
 * needed is printed; test/bench/bench_recovery.c has the bar.
 */
#include "engine/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/membership.h"
#include "os/drain.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"
#include "t_hold.h"

#define SIZE  ((size_t)256 * 1024)
#define CROWD 64

static const struct dbio_range page = {0, T_PAGE};

static double
now_ms(void)
{
    struct timespec now;

    ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void
begin(struct dbio_file *file, enum dbio_class class, struct dbio_announcement *a)
{
    if (dbio__file_announce(file, class, page, false, a) != 0)
        _exit(1);
}

/* The ways to die. */
static void
die_running(struct dbio_file *file, enum dbio_class class)
{
    struct dbio_announcement a;

    begin(file, class, &a);
    (void)raise(SIGKILL);
}

static void
die_running_as_the_only_group(struct dbio_file *file, enum dbio_class class)
{
    struct dbio_announcement a;

    for (unsigned i = 0; i <= DBIO_INFLIGHT_QUIET; i++) {
        begin(file, class, &a);
        dbio__arbitration_end(&a);
    }
    begin(file, class, &a);
    (void)raise(a.ticket == 0 ? SIGKILL : SIGABRT);
}

static void
die_waiting(struct dbio_file *file, enum dbio_class class)
{
    struct dbio_table *table = dbio__membership.table;
    struct dbio_announcer who = {.owner = dbio__membership.owner};
    struct dbio_announcement a;

    /* Behind what another process has; see the case. */
    if (dbio__inflight_announce(table, file->inode->entry, class, page, 0, &who, &a) !=
        DBIO_BLOCKED)
        (void)raise(SIGABRT);
    (void)raise(SIGKILL);
}

static void
die_filling(struct dbio_file *file, enum dbio_class class)
{
    struct dbio_table *table = dbio__membership.table;

    (void)file;
    (void)class;
    atomic_store(&table->slots[100].word,
                 (uint64_t)dbio__membership.owner << 32 | 800 | DBIO_PHASE_CLAIMED);
    atomic_store(&table->high_water, 101);
    (void)raise(SIGKILL);
}

static void
die_closing(struct dbio_file *file, enum dbio_class class)
{
    struct dbio_entry *entry = &dbio__membership.table->entries[file->inode->entry];

    (void)class;
    atomic_store(&entry->mode, (atomic_load(&entry->mode) & ~(uint64_t)DBIO_MODE_KIND_MASK) +
                                   DBIO_MODE_EPOCH + DBIO_MODE_KIND_CLOSING);
    (void)raise(SIGKILL);
}

static pid_t
start_dying(void (*die)(struct dbio_file *, enum dbio_class), struct dbio_file *file,
            enum dbio_class class)
{
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        die(file, class);
        _exit(1);
    }
    return child;
}

static void
await_killed(pid_t child)
{
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "0x%x", status);
}

static void
die(void (*how)(struct dbio_file *, enum dbio_class), struct dbio_file *file, enum dbio_class class)
{
    await_killed(start_dying(how, file, class));
}

/* An exclusive request, which waits for everyone. */
static void
get_through(struct t_rig *rig, const char *what)
{
    double begin_ms = now_ms();

    ck_assert_int_eq(dbio_allocate(rig->file, 0, SIZE, DBIO_KEEP_SIZE), 0);
    printf("%s: %.1f ms\n", what, now_ms() - begin_ms);
    fflush(stdout);
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
}

START_TEST(whoever_dies_running_is_not_waited_for)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    uint64_t retired = atomic_load(&dbio__membership.table->retired);
    uint64_t orphans = atomic_load(&dbio__membership.table->orphans);

    for (int class = 0; class < DBIO_CLASS_COUNT; class ++) {
        die(die_running, rig.file, (enum dbio_class) class);
        ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 1);
        get_through(&rig, dbio_class_name((unsigned)class));
        ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETIRED), (uint64_t) class + 1);
    }
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_ORPHANS), 3); /* two writes, one exclusive */
    ck_assert_uint_eq(atomic_load(&dbio__membership.table->retired), retired + DBIO_CLASS_COUNT);
    ck_assert_uint_eq(atomic_load(&dbio__membership.table->orphans), orphans + 3);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(nor_is_one_that_ran_without_a_ticket)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    die(die_running_as_the_only_group, rig.file, DBIO_CLASS_DIRECT_WRITE);
    get_through(&rig, "without a ticket");
    die(die_running_as_the_only_group, rig.file, DBIO_CLASS_BUFFERED_READ);
    get_through(&rig, "without a ticket");
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(nor_is_one_that_was_waiting_itself)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_announcement a;

    begin(rig.file, DBIO_CLASS_EXCLUSIVE, &a);
    die(die_waiting, rig.file, DBIO_CLASS_DIRECT_WRITE);
    dbio__arbitration_end(&a);
    get_through(&rig, "waiting");
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_slot_that_was_being_filled_is_nobodys_trouble)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    die(die_filling, rig.file, DBIO_CLASS_DIRECT_WRITE);
    get_through(&rig, "filling");
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETIRED), 0);
    dbio__membership_bury_dead();
    ck_assert_uint_eq(dbio__slot_phase(atomic_load(&dbio__membership.table->slots[100].word)),
                      DBIO_PHASE_FREE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_closing_that_was_left_half_done_is_undone_or_done_by_others)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    uint32_t entry = rig.file->inode->entry;
    struct dbio_announcement a;

    die(die_closing, rig.file, DBIO_CLASS_DIRECT_WRITE);
    ck_assert_str_eq(dbio__inflight_mode_name(dbio__membership.table, entry), "closing");
    begin(rig.file, DBIO_CLASS_BUFFERED_WRITE, &a);
    dbio__arbitration_end(&a);
    ck_assert_str_eq(dbio__inflight_mode_name(dbio__membership.table, entry), "tickets");
    die(die_closing, rig.file, DBIO_CLASS_DIRECT_WRITE);
    for (unsigned i = 0; i <= DBIO_INFLIGHT_QUIET; i++) {
        begin(rig.file, DBIO_CLASS_DIRECT_READ, &a);
        dbio__arbitration_end(&a);
    }
    ck_assert_str_eq(dbio__inflight_mode_name(dbio__membership.table, entry), "direct");
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(sixty_four_dead_at_once_are_recovered_in_one_go)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    pid_t crowd[CROWD];

    for (int i = 0; i < CROWD; i++)
        crowd[i] = start_dying(die_running, rig.file, DBIO_CLASS_DIRECT_READ);
    for (int i = 0; i < CROWD; i++)
        await_killed(crowd[i]);
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), CROWD);
    get_through(&rig, "sixty-four");
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETIRED), CROWD);
    t_close(rig.context, rig.file);
}
END_TEST

static long
allocate(void *argument)
{
    struct t_rig *rig = argument;

    return dbio_allocate(rig->file, 0, SIZE, DBIO_KEEP_SIZE);
}

static void
run_and_stop(struct dbio_file *file, enum dbio_class class)
{
    struct dbio_announcement a;

    begin(file, class, &a);
    (void)raise(SIGSTOP);
    dbio__arbitration_end(&a);
    (void)raise(SIGKILL);
}

START_TEST(a_stopped_process_is_waited_for_until_it_goes_on)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct t_job waiter;
    int status;
    pid_t child = start_dying(run_and_stop, rig.file, DBIO_CLASS_BUFFERED_WRITE);

    ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
    ck_assert(WIFSTOPPED(status));
    t_job_start(&waiter, allocate, &rig);
    t_await_outstanding(2);
    usleep(1200000); /* long enough to be told about */
    t_job_assert_waits(&waiter);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WAITS_LONG), 1);
    ck_assert_int_eq(kill(child, SIGCONT), 0);
    ck_assert_int_eq(t_job_join(&waiter), 0);
    await_killed(child);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETIRED), 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* No barrier, no verdict: it is given 50 ms of grace. */
START_TEST(where_nothing_can_be_drained_a_time_of_grace_does)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_BUFFERED};
    char *memory = t_aligned(T_PAGE);
    struct dbio_file *reader;

    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDONLY, 0, &options, &reader), 0);
    die(die_running, rig.file, DBIO_CLASS_DIRECT_WRITE);
    ck_assert_int_eq(dbio_pread(reader, memory, T_PAGE, 0, 0), (ssize_t)T_PAGE);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETIRED), 1);
    /* Nor where the file system lets everyone through. */
    dbio__table_judge(dbio__membership.table,
                      rig.file->inode->identity.device ^ rig.file->inode->facts.fs_magic << 20 ^ 1u,
                      DBIO_DRAIN_DOES_NOT);
    die(die_running, rig.file, DBIO_CLASS_DIRECT_WRITE);
    get_through(&rig, "grace");
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETIRED), 2);
    ck_assert_int_eq(dbio_close(reader), 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* Each call that recovery makes fails; the waiter gets through all the same. */
START_TEST(recovery_that_meets_errors_ends)
{
    static const enum dbio_sys_call calls[] = {
        DBIO_SYS_FALLOCATE, DBIO_SYS_IOCTL, DBIO_SYS_IO_SETUP, DBIO_SYS_FADVISE, DBIO_SYS_OPENAT};
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char byte = 0;

    for (unsigned i = 0; i < 5; i++) {
        die(die_running, rig.file, DBIO_CLASS_EXCLUSIVE);
        t_fault_one((int)calls[i], 1, EIO);
        ck_assert_int_eq(dbio_pwrite(rig.file, &byte, 1, 0, 0), 1);
        t_fault_disarm();
        ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
    }
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETIRED), 5);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(places_of_the_dead_come_free_in_a_full_table)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_table *table = dbio__membership.table;
    uint64_t owner;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) { /* fills every slot, then dies; on a file that nobody waits for */
        struct dbio_announcer who = {.owner = dbio__membership.owner};
        struct dbio_announcement a;

        for (unsigned i = 0; i < DBIO_TABLE_SLOTS; i++)
            if (dbio__inflight_announce(table, rig.file->inode->entry, DBIO_CLASS_DIRECT_READ,
                                        (struct dbio_range){1 << 30, 2u << 30}, 0, &who,
                                        &a) == DBIO_FULL)
                (void)raise(SIGABRT);
        (void)raise(SIGKILL);
    }
    await_killed(child);
    owner = dbio__slot_owner(atomic_load(&table->slots[0].word));
    ck_assert_uint_ne(owner, dbio__membership.owner);
    t_write_new(rig.file, T_PAGE, 0);
    ck_assert_uint_gt(t_stat(rig.context, DBIO_STAT_TABLE_FULL), 0);
    ck_assert_uint_eq(dbio__inflight_outstanding(table), 0);
    ck_assert_uint_eq(atomic_load(&table->owners[owner].live), 0);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("recovery");
    TCase *cases = tcase_create("recovery");

    t_add_direct_test(cases, whoever_dies_running_is_not_waited_for);
    t_add_direct_test(cases, nor_is_one_that_ran_without_a_ticket);
    t_add_direct_test(cases, nor_is_one_that_was_waiting_itself);
    t_add_direct_test(cases, a_slot_that_was_being_filled_is_nobodys_trouble);
    t_add_direct_test(cases, a_closing_that_was_left_half_done_is_undone_or_done_by_others);
    t_add_direct_test(cases, sixty_four_dead_at_once_are_recovered_in_one_go);
    t_add_direct_test(cases, a_stopped_process_is_waited_for_until_it_goes_on);
    t_add_direct_test(cases, where_nothing_can_be_drained_a_time_of_grace_does);
    t_add_direct_test(cases, recovery_that_meets_errors_ends);
    t_add_direct_test(cases, places_of_the_dead_come_free_in_a_full_table);
    suite_add_tcase(suite, cases);
    return suite;
}
