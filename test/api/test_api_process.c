/*
 * test_api_process.c - processes beside each other on one file: what one does the others see, and
 * whatever ends a process or a thread, nobody is left waiting.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB     ((size_t)1024)
#define SIZE    (256 * KIB)
#define THREADS 3
#define ROUNDS  50

/* What a parent and its children count together. */
static _Atomic int *together;

static void
make_together(void)
{
    together = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(together, MAP_FAILED);
}

static pid_t
start_child(int (*body)(const struct t_rig *), const struct t_rig *rig)
{
    pid_t child = fork();

    /* Nothing of Check's in the child: another thread may have had its lock. */
    if (child == 0)
        _exit(body(rig));
    ck_assert_int_ge(child, 0);
    return child;
}

static void
await_child(pid_t child)
{
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

static int
open_own(const char *path, enum dbio_mode mode, struct dbio_context **context,
         struct dbio_file **file)
{
    struct dbio_file_options options = {.size = sizeof(options), .mode = mode};
    int error = dbio_context_create(NULL, context);

    return error != 0 ? error : dbio_open(*context, path, O_RDWR, 0, &options, file);
}

/* Writes the whole file, direct, for ever. */
static int
write_for_ever(const struct t_rig *rig)
{
    char *memory = t_patterned(SIZE, T_NEW, 0);
    struct dbio_context *context;
    struct dbio_file *file;

    if (open_own(rig->path, DBIO_MODE_DIRECT, &context, &file) != 0)
        return 1;
    for (;;) {
        if (dbio_pwrite(file, memory, SIZE, 0, 0) != (ssize_t)SIZE)
            return 2;
        atomic_fetch_add(together, 1);
    }
}

START_TEST(a_process_waits_for_what_another_has_outstanding)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    int tries;
    pid_t child;

    make_together();
    child = start_child(write_for_ever, &rig);
    while (atomic_load(together) < 2)
        usleep(1000);
    /* Exclusive, so it conflicts with whatever the other one's route is. */
    for (tries = 0; tries < 10000 && t_stat(rig.context, DBIO_STAT_WAITS) < 5; tries++)
        ck_assert_int_eq(dbio_allocate(rig.file, 0, SIZE, DBIO_KEEP_SIZE), 0);
    ck_assert_uint_ge(t_stat(rig.context, DBIO_STAT_WAITS), 5);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(fifty_kills_at_random_moments_leave_nobody_waiting)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_aligned(SIZE);
    int i;

    make_together();
    for (i = 0; i < ROUNDS; i++) {
        pid_t child = start_child(write_for_ever, &rig);

        usleep(5000 + (useconds_t)t_random_below(5000));
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        ck_assert_int_eq(dbio_allocate(rig.file, 0, SIZE, DBIO_KEEP_SIZE), 0);
        ck_assert_int_eq(dbio_pread(rig.file, memory, SIZE, 0, 0), (ssize_t)SIZE);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
    }
    ck_assert_uint_gt(t_stat(rig.context, DBIO_STAT_RETIRED), 0);
    ck_assert_uint_le(t_stat(rig.context, DBIO_STAT_ORPHANS),
                      t_stat(rig.context, DBIO_STAT_RETIRED));
    t_close(rig.context, rig.file);
}
END_TEST

static int
stop_oneself_and_write(const struct t_rig *rig)
{
    if (dbio_pwrite(rig->file, t_patterned(SIZE, T_NEW, 0), SIZE, 0, 0) != (ssize_t)SIZE)
        return 1;
    atomic_fetch_add(together, 1);
    while (getppid() != 1 && atomic_load(together) < 2)
        usleep(1000);
    return dbio_pwrite(rig->file, t_patterned(SIZE, T_NEW, 0), SIZE, 0, 0) != (ssize_t)SIZE;
}

static int
fork_and_leave(const struct t_rig *rig)
{
    return fork() == 0 ? stop_oneself_and_write(rig) : 0;
}

START_TEST(a_child_goes_on_when_its_parent_has_gone)
{
    struct t_rig rig = t_rig(t_filesystems()[_i].directory, DBIO_MODE_DIRECT, SIZE);
    int i;

    make_together();
    await_child(start_child(fork_and_leave, &rig));
    for (i = 0; i < 10000 && atomic_load(together) == 0; i++)
        usleep(1000);
    ck_assert_int_eq(atomic_load(together), 1);
    ck_assert_int_eq(dbio_allocate(rig.file, 0, SIZE, DBIO_KEEP_SIZE), 0);
    t_file_verify(rig.path, T_NEW, 0, SIZE);
    atomic_fetch_add(together, 1);
    t_close(rig.context, rig.file);
}
END_TEST

static _Atomic int stop;

static void *
read_for_ever(void *argument)
{
    const struct t_rig *rig = argument;
    char *memory = t_aligned(64 * KIB);

    while (!atomic_load(&stop))
        if (dbio_pread(rig->file, memory + 1, 16 * KIB, 512, 0) != 16 * (ssize_t)KIB ||
            dbio_append(rig->file, memory, 100, 0, NULL) != 100)
            return argument;
    return NULL;
}

static int
use_and_open(const struct t_rig *rig)
{
    char *memory = t_aligned(64 * KIB);
    struct dbio_file *file;

    alarm(20); /* a lock that a vanished thread had would be for ever */
    if (dbio_pread(rig->file, memory + 1, 32 * KIB, 100, 0) != 32 * (ssize_t)KIB)
        return 1;
    if (dbio_open(rig->context, rig->path, O_RDWR, 0, NULL, &file) != 0)
        return 2;
    return dbio_close(file) != 0 ? 3 : 0;
}

START_TEST(a_fork_while_other_threads_are_inside_leaves_the_child_whole)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    pthread_t threads[THREADS];
    void *failed;
    int i;

    for (i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_for_ever, &rig), 0);
    for (i = 0; i < ROUNDS; i++)
        await_child(start_child(use_and_open, &rig));
    atomic_store(&stop, 1);
    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(vfork_and_spawn_beside_requests_change_nothing)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *const arguments[] = {(char *)"true", NULL};
    pthread_t thread;
    void *failed;
    int i, status;

    ck_assert_int_eq(pthread_create(&thread, NULL, read_for_ever, &rig), 0);
    for (i = 0; i < ROUNDS; i++) {
        pid_t child;

        ck_assert_int_eq(posix_spawnp(&child, "true", NULL, NULL, arguments, environ), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
        child = vfork();
        if (child == 0) {
            (void)execlp("true", "true", (char *)NULL);
            _exit(127);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    atomic_store(&stop, 1);
    ck_assert_int_eq(pthread_join(thread, &failed), 0);
    ck_assert_ptr_null(failed);
    t_close(rig.context, rig.file);
}
END_TEST

static int
exec_beside_requests(const struct t_rig *rig)
{
    struct t_rig own = *rig;
    pthread_t thread;

    /* Threads are not inherited; this one's request is cut short by exec. */
    if (open_own(rig->path, DBIO_MODE_DIRECT, &own.context, &own.file) != 0 ||
        pthread_create(&thread, NULL, (void *(*)(void *))(void (*)(void))write_for_ever, &own) != 0)
        return 1;
    usleep(20000);
    (void)execlp("sleep", "sleep", "1", (char *)NULL);
    return 2;
}

START_TEST(what_a_process_had_outstanding_at_exec_holds_nobody_up)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    int i;

    make_together();
    for (i = 0; i < 5; i++) {
        pid_t child = start_child(exec_beside_requests, &rig);

        usleep(60000); /* it sleeps by now: alive, but not as the process that it was */
        ck_assert_int_eq(dbio_allocate(rig.file, 0, SIZE, DBIO_KEEP_SIZE), 0);
        await_child(child);
    }
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_cancelled_thread_finishes_its_request_and_the_others_go_on)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    int i;

    make_together();
    for (i = 0; i < 20; i++) {
        struct t_rig own = rig;
        pthread_t thread;

        ck_assert_int_eq(
            pthread_create(&thread, NULL, (void *(*)(void *))(void (*)(void))write_for_ever, &own),
            0);
        usleep(5000);
        ck_assert_int_eq(pthread_cancel(thread), 0);
        if (i % 2 == 0) /* nothing in dbio is a cancellation point */
            ck_assert_int_eq(dbio_allocate(rig.file, 0, SIZE, DBIO_KEEP_SIZE), 0);
    }
    /* They are still at work, and conflict with this. */
    ck_assert_int_eq(dbio_truncate(rig.file, SIZE), 0);
}
END_TEST

static void *
write_unshared(void *argument)
{
    const struct t_rig *rig = argument;
    char *memory = t_patterned(SIZE, T_NEW, 0);

    /* Its own descriptor table from here on: those that were open are in it. */
    if (unshare(CLONE_FILES) != 0)
        return argument;
    for (int i = 0; i < ROUNDS; i++)
        if (dbio_pwrite(rig->file, memory, SIZE, 0, 0) != (ssize_t)SIZE)
            return argument;
    return NULL;
}

START_TEST(a_thread_with_descriptors_of_its_own_goes_on_with_the_handles_it_has)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_aligned(SIZE);
    pthread_t thread;
    void *result;

    t_write_new(rig.file, SIZE, 0); /* both descriptors are open */
    ck_assert_int_eq(pthread_create(&thread, NULL, write_unshared, &rig), 0);
    for (int i = 0; i < ROUNDS; i++)
        ck_assert_int_eq(dbio_pread(rig.file, memory, SIZE, 0, 0), (ssize_t)SIZE);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_null(result);
    t_close(rig.context, rig.file);
}
END_TEST

static int
shrink_and_grow(const struct t_rig *rig)
{
    struct dbio_context *context;
    struct dbio_file *file;

    if (open_own(rig->path, DBIO_MODE_BUFFERED, &context, &file) != 0)
        return 1;
    for (int i = 0; i < ROUNDS; i++)
        if (dbio_truncate(file, SIZE / 2) != 0 || dbio_truncate(file, SIZE) != 0 ||
            dbio_punch(file, 0, T_PAGE) != 0)
            return 2;
    return 0;
}

START_TEST(bytes_cut_off_by_one_process_never_come_back_to_another)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_aligned(SIZE);
    bool gone = false;
    int status = -1;
    pid_t child = start_child(shrink_and_grow, &rig);

    while (waitpid(child, &status, WNOHANG) == 0) {
        ssize_t got = dbio_pread(rig.file, memory, SIZE / 2, SIZE / 2, 0);
        bool old = got == (ssize_t)SIZE / 2 &&
                   t_pattern_first_wrong(memory, SIZE / 2, T_SEED, SIZE / 2) == T_ALL_RIGHT;

        ck_assert_int_ge(got, 0);
        ck_assert(!(gone && old));
        gone = !old;
        if (gone) /* nothing, or zeros, or the beginning of either; no byte of before */
            for (ssize_t i = 0; i < got; i++)
                ck_assert_int_eq(memory[i], 0);
    }
    ck_assert_int_eq(status, 0);
    t_close(rig.context, rig.file);
}
END_TEST

static int
map_and_wait(const struct t_rig *rig)
{
    struct dbio_context *context;
    struct dbio_file *file;
    void *address;

    if (open_own(rig->path, DBIO_MODE_AUTO, &context, &file) != 0 ||
        dbio_map(file, 0, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, &address) != 0)
        return 1;
    atomic_store(together, 1);
    while (atomic_load(together) == 1)
        usleep(1000);
    /* A buffered write of the parent's is in the mapping at once. */
    return t_pattern_first_wrong(address, 64 * KIB, T_NEW, 0) == T_ALL_RIGHT ? 0 : 2;
}

START_TEST(a_mapping_in_one_process_keeps_the_requests_of_another_from_going_direct)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    pid_t child;
    int i;

    make_together();
    child = start_child(map_and_wait, &rig);
    for (i = 0; i < 10000 && atomic_load(together) == 0; i++)
        usleep(1000);
    t_write_new(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 0);
    ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_FILE_MAPPED);
    atomic_store(together, 2);
    await_child(child);
    (void)t_cache_drop(rig.path);
    usleep(200000); /* the dead one's mapping is forgotten within a tenth of a second */
    t_write_new(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_context_in_use_is_not_destroyed_and_others_go_on_when_one_is)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_context *other = t_context();
    pid_t child;

    make_together();
    child = start_child(write_for_ever, &rig);
    while (atomic_load(together) < 2)
        usleep(1000);
    ck_assert_int_eq(dbio_context_destroy(rig.context), -EBUSY);
    ck_assert_int_eq(dbio_context_destroy(other), 0);
    ck_assert_int_eq(dbio_allocate(rig.file, 0, SIZE, DBIO_KEEP_SIZE), 0);
    t_close(rig.context, rig.file);
    atomic_store(together, 0);
    while (atomic_load(together) < 2)
        usleep(1000);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_process");
    TCase *cases = tcase_create("processes");

    tcase_set_timeout(cases, 60);
    t_add_direct_test(cases, a_process_waits_for_what_another_has_outstanding);
    t_add_direct_test(cases, fifty_kills_at_random_moments_leave_nobody_waiting);
    t_add_filesystem_test(cases, a_child_goes_on_when_its_parent_has_gone);
    t_add_direct_test(cases, a_fork_while_other_threads_are_inside_leaves_the_child_whole);
    t_add_direct_test(cases, vfork_and_spawn_beside_requests_change_nothing);
    t_add_direct_test(cases, what_a_process_had_outstanding_at_exec_holds_nobody_up);
    t_add_direct_test(cases, a_cancelled_thread_finishes_its_request_and_the_others_go_on);
    t_add_direct_test(cases, a_thread_with_descriptors_of_its_own_goes_on_with_the_handles_it_has);
    t_add_direct_test(cases, bytes_cut_off_by_one_process_never_come_back_to_another);
    t_add_direct_test(cases,
                      a_mapping_in_one_process_keeps_the_requests_of_another_from_going_direct);
    t_add_direct_test(cases, a_context_in_use_is_not_destroyed_and_others_go_on_when_one_is);
    suite_add_tcase(suite, cases);
    return suite;
}
