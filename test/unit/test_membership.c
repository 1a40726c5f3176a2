/*
 * test_membership.c - joining a registry, doing without one, and staying in it whatever the
 * program does to descriptors and files.
 */
#include "engine/membership.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/inflight.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

static char noise[4096];

static struct dbio_context *
context_with(const char *wish, int expected)
{
    struct dbio_context_options options = {.size = sizeof(options), .registry = wish};
    struct dbio_context *context = NULL;

    ck_assert_int_eq(dbio_context_create(&options, &context), expected);
    return context;
}

START_TEST(the_option_goes_before_the_environment_and_decides_for_the_process)
{
    const char *path = t_path_kept(t_scratch(), "chosen");
    struct dbio_context *context;

    context = context_with(path, 0);
    ck_assert_str_eq(dbio__membership_path(), path);
    ck_assert_str_eq(dbio__membership_trouble(), "");
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_CROSS_PROCESS), 1);
    (void)context_with(NULL, 0);
    (void)context_with(path, 0);
    (void)context_with("/another/one", -EBUSY);
    (void)context_with("off", -EBUSY);
    ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_wish_that_is_no_path_is_refused)
{
    (void)context_with("relative/path", -EINVAL);
    (void)context_with("", -EINVAL);
    (void)context_with("OFF", -EINVAL);
}
END_TEST

/* Others could not have this process fence, nor it them. */
START_TEST(without_membarrier_a_process_tracks_for_itself_and_says_why)
{
    struct dbio_context *context;

    t_fault_all(DBIO_SYS_MEMBARRIER, _i, NULL);
    context = context_with(t_path_kept(t_scratch(), "alone"), 0);
    t_fault_disarm();
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_CROSS_PROCESS), 0);
    ck_assert(dbio__membership.fenced);
    ck_assert_ptr_nonnull(strstr(dbio__membership_trouble(), "membarrier"));
}
END_TEST

START_TEST(switched_off_a_process_tracks_for_itself_and_says_nothing)
{
    struct dbio_context *context = context_with("off", 0);

    ck_assert_uint_eq(t_stat(context, DBIO_STAT_CROSS_PROCESS), 0);
    ck_assert_str_eq(dbio__membership_path(), "");
    ck_assert_str_eq(dbio__membership_trouble(), "");
    (void)context_with("off", 0);
    (void)context_with("/some/path", -EBUSY);
}
END_TEST

/* What a registry that cannot be had means: one line of noise, and everything works. */
static void
do_without(void)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_AUTO, 64 * 1024);

    (void)t_context();
    t_read_old(rig.file, 4096, 0);
    t_write_new(rig.file, 4096, 0);
    if (t_stat(rig.context, DBIO_STAT_CROSS_PROCESS) != 0)
        _exit(1);
    t_close(rig.context, rig.file);
    _exit(0);
}

static void
assert_does_without(const char *registry, const char *reason)
{
    char *line;

    ck_assert_int_eq(setenv("DBIO_REGISTRY", registry, 1), 0);
    ck_assert_int_eq(setenv("DBIO_LOG", "warn", 1), 0);
    ck_assert_int_eq(t_capture(do_without, noise, sizeof(noise)), 0);
    line = strstr(noise, "cross-process coherence off");
    ck_assert_msg(line != NULL && strstr(line + 1, "cross-process") == NULL, "%s", noise);
    ck_assert_msg(strstr(noise, registry) != NULL && strstr(noise, reason) != NULL &&
                      strstr(noise, "DBIO_REGISTRY=off") != NULL,
                  "%s", noise);
}

START_TEST(a_registry_that_cannot_be_had_is_told_once_with_the_remedy_and_done_without)
{
    const char *path = t_path_kept(t_scratch(), "bad");

    assert_does_without("relative", "not an absolute path");
    assert_does_without("/nowhere/at/all", "");
    assert_does_without(t_scratch(), "");
    close(t_file_make(path, T_SEED, 5000));
    ck_assert_int_eq(chmod(path, 0600), 0);
    assert_does_without(path, "of a wrong size");
    t_file_verify(path, T_SEED, 0, 5000);
    ck_assert_uint_eq(t_file_size(path), 5000);
    close(t_file_make(path, T_SEED, sizeof(struct dbio_table)));
    assert_does_without(path, "not a dbio registry");
    t_file_verify(path, T_SEED, 0, sizeof(struct dbio_table));
    ck_assert_int_eq(chmod(path, 0666), 0);
    assert_does_without(path, "open to other users");
}
END_TEST

START_TEST(a_registry_of_another_version_is_left_alone)
{
    const char *path = t_path_kept(t_scratch(), "version");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct dbio_table_header header = {.magic = DBIO_TABLE_MAGIC,
                                       .version = DBIO_TABLE_VERSION + 1,
                                       .bytes = sizeof(struct dbio_table),
                                       .ready = 1};
    char found[sizeof(header)];

    ck_assert_int_eq(ftruncate(fd, sizeof(struct dbio_table)), 0);
    ck_assert_int_eq(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
    assert_does_without(path, "of another version of dbio");
    ck_assert_int_eq(pread(fd, found, sizeof(found), 0), sizeof(found));
    ck_assert_mem_eq(found, &header, sizeof(header));
}
END_TEST

START_TEST(a_registry_whose_maker_died_before_it_was_ready_is_made_ready)
{
    const char *path = t_path_kept(t_scratch(), "unready");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_eq(ftruncate(fd, sizeof(struct dbio_table)), 0);
    ck_assert_uint_eq(t_stat(context_with(path, 0), DBIO_STAT_CROSS_PROCESS), 1);
}
END_TEST

START_TEST(without_a_writable_place_in_memory_it_does_without)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/dev/shm", "tmpfs", MS_RDONLY, NULL) != 0)
        t_skip("needs root and a mount namespace of its own");
    assert_does_without("/dev/shm/dbio-readonly", "");
}
END_TEST

START_TEST(every_call_of_joining_may_fail_and_the_context_is_made_all_the_same)
{
    const char *path = t_path_kept(t_scratch(), "faulty");
    int before = t_descriptors();

    for (unsigned long nth = 1; nth <= 12; nth++) {
        pid_t child = fork();
        int status;

        if (child == 0) {
            struct dbio_context *context;

            t_fault_one(T_FAULT_ANY, nth, EIO);
            context = context_with(path, 0);
            t_fault_disarm();
            _exit(t_stat(context, DBIO_STAT_CROSS_PROCESS) <= 1 && t_descriptors() <= before + 1
                      ? 0
                      : 1);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(status == 0, "call %lu: 0x%x", nth, status);
    }
}
END_TEST

START_TEST(a_full_registry_turns_processes_away_and_counts_them)
{
    struct dbio_registry registry;
    const char *path = t_path_kept(t_scratch(), "full"), *why;
    struct dbio_table *table;
    struct dbio_context *context;

    ck_assert_int_eq(dbio__registry_open(path, true, &registry, &why), 0);
    ck_assert_int_eq(dbio__registry_map(&registry, sizeof(*table), &why), 0);
    table = registry.memory;
    dbio__table_init(table);
    for (uint32_t i = 0; i < DBIO_TABLE_OWNERS; i++) {
        ck_assert_int_eq(dbio__registry_claim(&registry, i), 0);
        dbio__table_join(table, i, getpid(), 1, "crowd");
    }
    context = context_with(path, 0);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_CROSS_PROCESS), 0);
    ck_assert_uint_eq(atomic_load(&table->turned_away), 1);
    ck_assert_str_eq(dbio__membership_trouble(), "full: too many processes");
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

/* Shared with a child: its place, and how far it is. */
static struct {
    _Atomic uint32_t owner, step;
} * child_state;

static int
close_all_and_go_on(struct dbio_context *context)
{
    atomic_store(&child_state->owner, dbio__membership.owner);
    for (int fd = 3; fd < 1024; fd++)
        (void)close(fd);
    atomic_store(&child_state->step, 1);
    while (atomic_load(&child_state->step) == 1)
        usleep(1000);
    /* The next thing that needs the descriptor opens another. */
    if (dbio_close(t_open(context, t_path(t_scratch(), "file"), DBIO_MODE_AUTO)) != 0)
        return 1;
    atomic_store(&child_state->step, 3);
    while (atomic_load(&child_state->step) == 3)
        usleep(1000);
    return dbio__membership.shared && dbio__membership.owner == atomic_load(&child_state->owner)
               ? 0
               : 2;
}

static void
await_step(uint32_t step)
{
    while (atomic_load(&child_state->step) != step)
        usleep(1000);
}

/* The descriptor is closed; what speaks for the process meanwhile is its mapping. */
START_TEST(a_program_that_closes_all_descriptors_is_not_taken_for_dead)
{
    struct dbio_context *context = context_with(t_path_kept(t_scratch(), "closed"), 0);
    uint32_t owner;
    int status;
    pid_t child;

    child_state = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(child_state, MAP_FAILED);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(close_all_and_go_on(context));
    await_step(1);
    owner = atomic_load(&child_state->owner);
    ck_assert_uint_ne(owner, dbio__membership.owner);
    ck_assert(!dbio__membership_is_dead(owner));
    dbio__membership_bury_dead();
    ck_assert_uint_eq(atomic_load(&dbio__membership.table->owners[owner].live), 1);
    atomic_store(&child_state->step, 2);
    await_step(3);
    ck_assert(!dbio__membership_is_dead(owner));
    atomic_store(&child_state->step, 4);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(dbio__membership_is_dead(owner));
}
END_TEST

static void
open_after_removal(void)
{
    struct dbio_context *context = context_with(NULL, 0);

    if (unlink(getenv("DBIO_REGISTRY")) != 0)
        _exit(1);
    for (int i = 0; i < 3; i++)
        if (dbio_close(t_open(context, t_path(t_scratch(), "file"), DBIO_MODE_AUTO)) != 0)
            _exit(2);
    _exit(t_stat(context, DBIO_STAT_CROSS_PROCESS) == 1 ? 0 : 3);
}

START_TEST(a_removed_registry_is_told_once_and_those_who_have_it_go_on)
{
    char *line;

    ck_assert_int_eq(setenv("DBIO_REGISTRY", t_path_kept(t_scratch(), "removed"), 1), 0);
    ck_assert_int_eq(setenv("DBIO_LOG", "warn", 1), 0);
    ck_assert_int_eq(t_capture(open_after_removal, noise, sizeof(noise)), 0);
    line = strstr(noise, "was removed");
    ck_assert_msg(line != NULL && strstr(line + 1, "was removed") == NULL, "%s", noise);
}
END_TEST

static void
open_after_loss(void)
{
    struct dbio_context *context = context_with(NULL, 0);
    struct dbio_file *file;

    if (unlink(getenv("DBIO_REGISTRY")) != 0)
        _exit(1);
    for (int fd = 3; fd < 1024; fd++)
        (void)close(fd);
    _exit(dbio_open(context, t_path(t_scratch(), "file"), O_RDWR | O_CREAT, 0600, NULL, &file) ==
                  -ENOLCK
              ? 0
              : 2);
}

START_TEST(a_registry_closed_and_removed_refuses_files_rather_than_lose_track_of_them)
{
    ck_assert_int_eq(setenv("DBIO_REGISTRY", t_path_kept(t_scratch(), "lost"), 1), 0);
    ck_assert_int_eq(t_capture(open_after_loss, noise, sizeof(noise)), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("membership");
    TCase *cases = tcase_create("membership");

    tcase_add_test(cases, the_option_goes_before_the_environment_and_decides_for_the_process);
    tcase_add_test(cases, a_wish_that_is_no_path_is_refused);
    tcase_add_loop_test(cases, without_membarrier_a_process_tracks_for_itself_and_says_why, EPERM,
                        EPERM + 1);
    tcase_add_test(cases, switched_off_a_process_tracks_for_itself_and_says_nothing);
    tcase_add_test(cases,
                   a_registry_that_cannot_be_had_is_told_once_with_the_remedy_and_done_without);
    tcase_add_test(cases, a_registry_of_another_version_is_left_alone);
    tcase_add_test(cases, a_registry_whose_maker_died_before_it_was_ready_is_made_ready);
    tcase_add_test(cases, without_a_writable_place_in_memory_it_does_without);
    tcase_add_test(cases, every_call_of_joining_may_fail_and_the_context_is_made_all_the_same);
    tcase_add_test(cases, a_full_registry_turns_processes_away_and_counts_them);
    tcase_add_test(cases, a_program_that_closes_all_descriptors_is_not_taken_for_dead);
    tcase_add_test(cases, a_removed_registry_is_told_once_and_those_who_have_it_go_on);
    tcase_add_test(cases,
                   a_registry_closed_and_removed_refuses_files_rather_than_lose_track_of_them);
    suite_add_tcase(suite, cases);
    return suite;
}
