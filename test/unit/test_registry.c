/*
 * test_registry.c - the file that processes share: what is refused and why, its size, its byte
 * locks between processes, and what happens to it behind our back.
 */
#include "os/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_dbio.h"
#include "t_fault.h"

#define BYTES ((size_t)64 * 1024)

static struct dbio_registry registry;
static const char *why;

static const char *
fresh_path(void)
{
    const char *path = t_path(t_scratch(), "registry");

    (void)unlink(path);
    return path;
}

static const char *
made_path(void)
{
    const char *path = fresh_path();

    ck_assert_int_eq(dbio__registry_open(path, true, &registry, &why), 0);
    ck_assert_int_eq(dbio__registry_map(&registry, BYTES, &why), 0);
    return path;
}

/* Runs `body` in a child; what it returns. */
static int
in_child(int (*body)(void))
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(body());
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(it_is_made_for_its_user_alone_whatever_the_umask)
{
    const char *path = fresh_path();
    struct stat status;

    ck_assert_int_eq(dbio__registry_open(path, false, &registry, &why), -ENOENT);
    (void)umask(0);
    ck_assert_int_eq(dbio__registry_open(path, true, &registry, &why), 0);
    ck_assert_int_eq(dbio__registry_map(&registry, BYTES, &why), 0);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_int_eq(status.st_size, BYTES);
    ck_assert_int_ge(status.st_blocks * 512, BYTES); /* allocated */
    ck_assert_int_ne(fcntl(registry.fd, F_GETFD) & FD_CLOEXEC, 0);
    dbio__registry_close(&registry);
    ck_assert_int_eq(dbio__registry_open(path, false, &registry, &why), 0);
    dbio__registry_close(&registry);
}
END_TEST

static void
assert_refused(const char *path, int error, const char *reason)
{
    int answer = dbio__registry_open(path, true, &registry, &why);

    ck_assert_msg(answer == error, "%s: %d", path, answer);
    if (reason == NULL)
        ck_assert_ptr_null(why);
    else
        ck_assert_str_eq(why, reason);
}

START_TEST(what_is_not_a_file_of_this_user_alone_is_refused)
{
    const char *path = made_path(), *link = t_path_kept(t_scratch(), "registry-link");
    const char *fifo = t_path_kept(t_scratch(), "registry-fifo");
    int before = t_descriptors();

    ck_assert_int_eq(symlink(path, link), 0);
    assert_refused(link, -ELOOP, NULL);
    assert_refused(t_scratch(), -EISDIR, NULL);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    assert_refused(fifo, -EPERM, "not a regular file");
    ck_assert_int_eq(chmod(path, 0640), 0);
    assert_refused(path, -EPERM, "open to other users (chmod 600)");
    ck_assert_int_eq(chmod(path, 0602), 0);
    assert_refused(path, -EPERM, "open to other users (chmod 600)");
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(unlink(link), 0);
    ck_assert_int_eq(rename(fifo, link), 0);
    ck_assert_int_eq(unlink(link), 0);
    ck_assert_int_eq(linkat(AT_FDCWD, path, AT_FDCWD, link, 0), 0);
    assert_refused(path, -EPERM, "a file with several names");
    ck_assert_int_eq(unlink(link), 0);
    assert_refused("/nowhere/registry", -ENOENT, NULL);
    ck_assert_int_eq(t_descriptors(), before);
}
END_TEST

START_TEST(another_users_file_is_refused)
{
    const char *path = made_path();

    if (geteuid() != 0)
        t_skip("needs root to give a file away");
    ck_assert_int_eq(chown(path, 12345, 12345), 0);
    assert_refused(path, -EPERM, "another user's");
}
END_TEST

START_TEST(another_size_is_refused_and_left_as_it_is)
{
    const char *path = made_path();
    const off_t sizes[] = {1, BYTES - 1, BYTES + 1, 10 * BYTES};
    struct stat status;

    dbio__registry_close(&registry);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(truncate(path, sizes[i]), 0);
        ck_assert_int_eq(dbio__registry_open(path, true, &registry, &why), 0);
        ck_assert_int_eq(dbio__registry_map(&registry, BYTES, &why), -EBADMSG);
        ck_assert_str_eq(why, "of a wrong size");
        dbio__registry_close(&registry);
        ck_assert_int_eq(stat(path, &status), 0);
        ck_assert_int_eq(status.st_size, sizes[i]);
    }
}
END_TEST

START_TEST(a_full_file_system_is_said_before_anything_is_written)
{
    const char *directory = t_path_kept(t_scratch(), "small");
    char path[4096];

    ck_assert_int_eq(mkdir(directory, 0700), 0);
    if (mount("dbio-test", directory, "tmpfs", 0, "size=16k") != 0)
        t_skip("needs root to mount a small tmpfs");
    (void)snprintf(path, sizeof(path), "%s/registry", directory);
    ck_assert_int_eq(dbio__registry_open(path, true, &registry, &why), 0);
    ck_assert_int_eq(dbio__registry_map(&registry, BYTES, &why), -ENOSPC);
    dbio__registry_close(&registry);
    ck_assert_int_eq(umount(directory), 0);
}
END_TEST

static int
claim_and_die(void)
{
    struct dbio_registry own = registry;

    if (dbio__registry_open_again(&registry, &own.fd) != 0 ||
        dbio__registry_claim(&own, 4) != -EAGAIN || dbio__registry_claim(&own, 5) != 0 ||
        dbio__registry_is_claimed(&own, 4) != 1 || dbio__registry_is_claimed(&own, 5) != 0 ||
        dbio__registry_lock(&own, false) != -EAGAIN)
        return 1;
    (void)close(registry.fd);
    return 0;
}

START_TEST(a_place_is_claimed_by_one_process_and_free_when_it_is_dead)
{
    (void)made_path();
    ck_assert_int_eq(dbio__registry_claim(&registry, 4), 0);
    ck_assert_int_eq(dbio__registry_claim(&registry, 4), 0); /* ours already */
    ck_assert_int_eq(dbio__registry_lock(&registry, true), 0);
    ck_assert_int_eq(in_child(claim_and_die), 0);
    ck_assert_int_eq(dbio__registry_is_claimed(&registry, 5), 0);
    ck_assert_int_eq(dbio__registry_claim(&registry, 5), 0);
    dbio__registry_disclaim(&registry, 5);
    dbio__registry_unlock(&registry);
    ck_assert_int_eq(dbio__registry_lock(&registry, false), 0);
}
END_TEST

static int
hold_inherited(void)
{
    (void)pause();
    return 0;
}

START_TEST(the_lock_of_a_description_lives_as_long_as_any_process_that_has_it)
{
    struct dbio_registry other;
    const char *path = made_path();
    pid_t child;

    ck_assert_int_eq(dbio__registry_claim(&registry, 9), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(hold_inherited());
    dbio__registry_close(&registry);
    ck_assert_int_eq(dbio__registry_open(path, false, &other, &why), 0);
    ck_assert_int_eq(dbio__registry_is_claimed(&other, 9), 1);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(dbio__registry_is_claimed(&other, 9), 0);
}
END_TEST

static enum dbio_registry_state
state(void)
{
    enum dbio_registry_state found;

    ck_assert_int_eq(dbio__registry_state(&registry, &found), 0);
    return found;
}

START_TEST(what_happens_to_it_behind_our_back_is_noticed)
{
    const char *path = made_path();
    int fd = registry.fd;

    ck_assert_int_eq(state(), DBIO_REGISTRY_INTACT);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(state(), DBIO_REGISTRY_REMOVED);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(state(), DBIO_REGISTRY_LOST);
    ck_assert_int_eq(dup2(open("/dev/null", O_RDONLY), fd), fd); /* someone else's by now */
    ck_assert_int_eq(state(), DBIO_REGISTRY_LOST);
    t_fault_one(DBIO_SYS_FSTAT, 1, EIO);
    {
        enum dbio_registry_state found;

        ck_assert_int_eq(dbio__registry_state(&registry, &found), -EIO);
    }
}
END_TEST

START_TEST(a_process_that_has_it_mapped_is_known_by_that)
{
    pid_t child;

    (void)made_path();
    ck_assert(dbio__registry_is_mapped_by(&registry, getpid()));
    ck_assert(!dbio__registry_is_mapped_by(&registry, 1));
    ck_assert(!dbio__registry_is_mapped_by(&registry, -5));
    child = fork();
    if (child == 0) {
        (void)close(registry.fd);
        _exit(hold_inherited());
    }
    ck_assert(dbio__registry_is_mapped_by(&registry, child));
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert(!dbio__registry_is_mapped_by(&registry, child));
    ck_assert_int_eq(munmap(registry.memory, registry.bytes), 0);
    registry.memory = NULL;
    ck_assert(!dbio__registry_is_mapped_by(&registry, getpid()));
}
END_TEST

/* Each call that opening makes fails once: the error is told, and no descriptor stays. */
START_TEST(every_call_of_opening_and_mapping_may_fail)
{
    static const enum dbio_sys_call calls[] = {DBIO_SYS_OPENAT, DBIO_SYS_FSTAT, DBIO_SYS_FALLOCATE,
                                               DBIO_SYS_MMAP};
    const char *path = fresh_path();
    int before = t_descriptors();

    for (unsigned i = 0; i < 4; i++)
        for (unsigned long nth = 1; nth <= 2; nth++) {
            int error;

            (void)unlink(path);
            t_fault_one((int)calls[i], nth, EIO);
            error = dbio__registry_open(path, true, &registry, &why);
            if (error == 0) {
                error = dbio__registry_map(&registry, BYTES, &why);
                dbio__registry_close(&registry);
            }
            t_fault_disarm();
            ck_assert(error == 0 || error == -EIO);
            ck_assert(nth > 1 || error == -EIO);
            ck_assert_int_eq(t_descriptors(), before);
        }
}
END_TEST

START_TEST(the_default_is_in_memory_and_named_after_the_user)
{
    char path[DBIO_REGISTRY_PATH], expected[DBIO_REGISTRY_PATH];

    (void)snprintf(expected, sizeof(expected), "/dev/shm/dbio-%u", (unsigned)geteuid());
    dbio__registry_default_path(path);
    ck_assert_str_eq(path, expected);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("registry");
    TCase *cases = tcase_create("registry");

    tcase_add_test(cases, it_is_made_for_its_user_alone_whatever_the_umask);
    tcase_add_test(cases, what_is_not_a_file_of_this_user_alone_is_refused);
    tcase_add_test(cases, another_users_file_is_refused);
    tcase_add_test(cases, another_size_is_refused_and_left_as_it_is);
    tcase_add_test(cases, a_full_file_system_is_said_before_anything_is_written);
    tcase_add_test(cases, a_place_is_claimed_by_one_process_and_free_when_it_is_dead);
    tcase_add_test(cases, the_lock_of_a_description_lives_as_long_as_any_process_that_has_it);
    tcase_add_test(cases, what_happens_to_it_behind_our_back_is_noticed);
    tcase_add_test(cases, a_process_that_has_it_mapped_is_known_by_that);
    tcase_add_test(cases, every_call_of_opening_and_mapping_may_fail);
    tcase_add_test(cases, the_default_is_in_memory_and_named_after_the_user);
    suite_add_tcase(suite, cases);
    return suite;
}
