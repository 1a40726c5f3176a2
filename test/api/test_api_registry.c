/*
 * test_api_registry.c - registries seen from outside, through the public interface: processes that
 * work, wait, are stopped and are killed, as a process that takes no part sees them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_dbio.h"
#include "t_file.h"

#define SIZE     ((size_t)1024 * 1024)
#define PATIENCE 5000 /* ms */

static struct dbio_registry_view *view;
static _Atomic int *ready; /* children that have begun */

static const char *
choose_registry(void)
{
    const char *path = t_path_kept(t_scratch(), "registry");

    (void)unlink(path);
    ck_assert_int_eq(setenv("DBIO_REGISTRY", path, 1), 0);
    ready = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(ready, MAP_FAILED);
    return path;
}

/* A child that writes the whole file, direct and durably, until it is killed. */
static pid_t
start_writer(const char *path)
{
    int before = *ready;
    pid_t child = fork();
    int i;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct dbio_context *context = t_context();
        struct dbio_file *file = t_open(context, path, DBIO_MODE_DIRECT);
        char *memory = t_patterned(SIZE, T_NEW, 0);

        while (dbio_pwrite(file, memory, SIZE, 0, DBIO_DURABLE) == (ssize_t)SIZE)
            *ready = before + 1;
        _exit(1);
    }
    for (i = 0; i < PATIENCE && *ready == before; i++)
        usleep(1000);
    ck_assert_int_eq(*ready, before + 1);
    return child;
}

static void
stop(pid_t child)
{
    int status;

    ck_assert_int_eq(kill(child, SIGSTOP), 0);
    ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
    ck_assert(WIFSTOPPED(status));
}

static void
end(pid_t child)
{
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

static struct dbio_registry_info
seen_info(void)
{
    struct dbio_registry_info info = {.size = sizeof(info)};

    ck_assert_int_eq(dbio_registry_refresh(view), 0);
    ck_assert_int_eq(dbio_registry_info(view, &info), 0);
    return info;
}

static struct dbio_registry_process
seen_process(unsigned index)
{
    struct dbio_registry_process process = {.size = sizeof(process)};

    ck_assert_int_eq(dbio_registry_process(view, index, &process), 0);
    return process;
}

/* Stops the child at a moment when it has a request outstanding, and finds that. */
static struct dbio_registry_request
stop_inside(pid_t child)
{
    struct dbio_registry_request request = {.size = sizeof(request)};
    int i;

    for (i = 0; i < PATIENCE; i++) {
        stop(child);
        if (seen_info().requests == 1)
            break;
        ck_assert_int_eq(kill(child, SIGCONT), 0);
        usleep(1000 + (useconds_t)t_random_below(1000));
    }
    ck_assert_int_eq(dbio_registry_request(view, 0, &request), 0);
    return request;
}

START_TEST(what_a_stopped_process_has_outstanding_is_seen_and_who_waits_for_it)
{
    T_DIRECT_OR_SKIP(where);
    const char *registry = choose_registry(), *path = t_path_kept(where->directory, "file");
    struct dbio_registry_request request;
    struct stat status;
    pid_t child, waiter;
    int i;

    ck_assert_int_eq(close(t_file_make(path, T_SEED, SIZE)), 0);
    ck_assert_int_eq(stat(path, &status), 0);
    child = start_writer(path);
    ck_assert_int_eq(dbio_registry_open(registry, &view), 0);
    request = stop_inside(child);
    ck_assert_uint_eq(request.inode, status.st_ino);
    ck_assert_uint_eq(request.device, (uint64_t)major(status.st_dev) << 32 | minor(status.st_dev));
    ck_assert_uint_eq(request.begin, 0);
    ck_assert_uint_eq(request.end, SIZE);
    ck_assert_uint_eq(request.waiters, 0);
    ck_assert_uint_eq(request.waiting, 0);
    ck_assert_uint_lt(request.age_ns, UINT64_C(60000000000));
    ck_assert_int_eq(seen_process(request.process).pid, child);
    ck_assert_uint_eq(seen_process(request.process).alive, 1);
    ck_assert_uint_eq(seen_process(request.process).requests[request.io_class], 1);

    waiter = fork();
    ck_assert_int_ge(waiter, 0);
    if (waiter == 0) {
        struct dbio_context *context = t_context();
        struct dbio_file *file = t_open(context, path, DBIO_MODE_BUFFERED);

        _exit(dbio_allocate(file, 0, SIZE, DBIO_KEEP_SIZE) != 0);
    }
    for (i = 0; i < PATIENCE && request.waiters == 0; i++) {
        usleep(1000);
        if (seen_info().requests == 2)
            ck_assert_int_eq(dbio_registry_request(view, 0, &request), 0);
    }
    ck_assert_uint_eq(request.waiters, 1);
    ck_assert_int_eq(dbio_registry_request(view, 1, &request), 0);
    ck_assert_uint_eq(request.waiting, 1);
    ck_assert_uint_eq(request.io_class, DBIO_CLASS_EXCLUSIVE);
    ck_assert_int_eq(seen_process(request.process).pid, waiter);
    ck_assert_int_eq(kill(child, SIGCONT), 0);
    ck_assert_int_eq(waitpid(waiter, &i, 0), waiter);
    ck_assert_int_eq(i, 0);
    end(child);
    dbio_registry_close(view);
}
END_TEST

/* A process that joins, and ends without a word. */
static void
join_and_leave(void)
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(dbio_context_create(NULL, &(struct dbio_context *){NULL}) != 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

START_TEST(a_killed_process_is_dead_until_it_is_forgotten)
{
    T_DIRECT_OR_SKIP(where);
    const char *registry = choose_registry(), *path = t_path_kept(where->directory, "file");
    struct dbio_registry_info info;
    pid_t first, second;
    int i;

    ck_assert_int_eq(close(t_file_make(path, T_SEED, SIZE)), 0);
    first = start_writer(path);
    second = start_writer(path);
    ck_assert_int_eq(dbio_registry_open(registry, &view), 0);
    info = seen_info();
    ck_assert_uint_eq(info.processes, 2);
    ck_assert_uint_eq(info.dead, 0);
    ck_assert_uint_eq(info.files, 1);
    end(first);
    info = seen_info();
    ck_assert_uint_eq(info.processes, 2);
    ck_assert_uint_eq(info.dead, 1);
    ck_assert_uint_eq(seen_process(0).alive, 0);
    ck_assert_int_eq(seen_process(0).pid, first);
    ck_assert_uint_eq(seen_process(1).alive, 1);
    end(second);
    ck_assert_uint_eq(seen_info().dead, 2);
    /* Whoever joins forgets the dead; those with requests announced a second after the first one
     * found them so. */
    for (i = 0; i < 50 && info.processes != 1; i++) {
        join_and_leave();
        usleep(100000);
        info = seen_info();
    }
    ck_assert_uint_eq(info.processes, 1);
    ck_assert_int_ne(seen_process(0).pid, first);
    ck_assert_int_ne(seen_process(0).pid, second);
    ck_assert_uint_eq(info.requests, 0);
    dbio_registry_close(view);
}
END_TEST

START_TEST(looking_takes_no_place_and_leaves_nothing)
{
    const char *registry = choose_registry();
    struct dbio_context *context = t_context();
    int descriptors = t_descriptors(), i;

    for (i = 0; i < 100; i++) {
        ck_assert_int_eq(dbio_registry_open(registry, &view), 0);
        ck_assert_uint_eq(seen_info().processes, 1);
        ck_assert_int_eq(seen_process(0).pid, getpid());
        /* The proof of life of the process itself, seen through another description. */
        ck_assert_uint_eq(seen_process(0).alive, 1);
        ck_assert_uint_eq(seen_info().turned_away, 0);
        dbio_registry_close(view);
    }
    ck_assert_int_eq(t_descriptors(), descriptors);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_CROSS_PROCESS), 1);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(the_path_is_that_of_the_environment_or_the_default)
{
    char path[64], small[4];

    ck_assert_int_eq(setenv("DBIO_REGISTRY", "/some/where", 1), 0);
    ck_assert_int_eq(dbio_registry_path(path, sizeof(path)), 0);
    ck_assert_str_eq(path, "/some/where");
    ck_assert_int_eq(dbio_registry_path(path, sizeof("/some/where")), 0);
    ck_assert_int_eq(dbio_registry_path(path, sizeof("/some/where") - 1), -ENAMETOOLONG);
    ck_assert_int_eq(dbio_registry_path(small, 0), -ENAMETOOLONG);
    ck_assert_int_eq(dbio_registry_path(NULL, 64), -EINVAL);
    ck_assert_int_eq(setenv("DBIO_REGISTRY", "off", 1), 0);
    ck_assert_int_eq(dbio_registry_path(path, sizeof(path)), -ENOENT);
    ck_assert_int_eq(setenv("DBIO_REGISTRY", "", 1), 0);
    ck_assert_int_eq(dbio_registry_path(path, sizeof(path)), 0);
    ck_assert_int_eq(strncmp(path, "/dev/shm/dbio-", 14), 0);
    ck_assert_int_eq(unsetenv("DBIO_REGISTRY"), 0);
    ck_assert_int_eq(dbio_registry_path(path, sizeof(path)), 0);
    ck_assert_int_eq(strncmp(path, "/dev/shm/dbio-", 14), 0);
}
END_TEST

START_TEST(arguments_that_make_no_sense_are_refused)
{
    const char *registry = choose_registry();
    struct dbio_registry_info info = {.size = sizeof(info) - 1};
    struct dbio_registry_process process = {.size = 0};
    struct dbio_registry_request request = {.size = sizeof(request) + 1};
    struct dbio_registry_view *none = NULL;
    struct dbio_context *context;

    ck_assert_int_eq(dbio_registry_open(registry, &none), -ENOENT);
    ck_assert_int_eq(dbio_registry_open(NULL, &none), -EINVAL);
    ck_assert_int_eq(dbio_registry_open(registry, NULL), -EINVAL);
    ck_assert_int_eq(dbio_registry_open("", &none), -ENOENT);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(access(registry, F_OK), -1); /* looking makes none */
    ck_assert_int_eq(dbio_registry_refresh(NULL), -EINVAL);
    dbio_registry_close(NULL);
    context = t_context();
    ck_assert_int_eq(dbio_registry_open(registry, &view), 0);
    ck_assert_int_eq(dbio_registry_info(view, &info), -EINVAL);
    ck_assert_int_eq(dbio_registry_info(view, NULL), -EINVAL);
    ck_assert_int_eq(dbio_registry_process(view, 0, &process), -EINVAL);
    ck_assert_int_eq(dbio_registry_request(view, 0, &request), -EINVAL);
    process.size = sizeof(process);
    request.size = sizeof(request);
    ck_assert_int_eq(dbio_registry_process(view, 0, &process), 0);
    ck_assert_int_eq(dbio_registry_process(view, 1, &process), -ENOENT);
    ck_assert_int_eq(dbio_registry_process(view, UINT32_MAX, &process), -ENOENT);
    ck_assert_int_eq(dbio_registry_request(view, 0, &request), -ENOENT);
    ck_assert_int_eq(dbio_registry_process(NULL, 0, &process), -EINVAL);
    ck_assert_str_eq(dbio_class_name(DBIO_CLASS_EXCLUSIVE), "exclusive");
    ck_assert_str_eq(dbio_class_name(DBIO_CLASS_COUNT), "?");
    ck_assert_int_eq(unlink(registry), 0);
    ck_assert_int_eq(dbio_registry_refresh(view), -ENOENT);
    dbio_registry_close(view);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_registry");
    TCase *cases = tcase_create("registry");

    t_add_direct_test(cases, what_a_stopped_process_has_outstanding_is_seen_and_who_waits_for_it);
    t_add_direct_test(cases, a_killed_process_is_dead_until_it_is_forgotten);
    tcase_add_test(cases, looking_takes_no_place_and_leaves_nothing);
    tcase_add_test(cases, the_path_is_that_of_the_environment_or_the_default);
    tcase_add_test(cases, arguments_that_make_no_sense_are_refused);
    suite_add_tcase(suite, cases);
    return suite;
}
