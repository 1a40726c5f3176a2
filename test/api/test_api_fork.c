/*
 * test_api_fork.c - a child of fork goes on with the context and the files of its parent; what
 * either closes or locks is its own affair; exec leaves nothing open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (512 * KIB)
#define HALF (SIZE / 2)

/* Runs `body` in a child; it says 0 if all is right. A child asserts nothing. */
static void
in_child(int (*body)(struct t_rig *), struct t_rig *rig)
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(body(rig));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

static int
write_second_half(struct t_rig *rig)
{
    char *memory = t_patterned(HALF, T_NEW, HALF);

    for (size_t at = 0; at < HALF; at += 4 * KIB)
        if (dbio_pwrite(rig->file, memory + at, 4 * KIB, (off_t)(HALF + at), 0) != 4 * KIB)
            return 1;
    if (dbio_fdatasync(rig->file) != 0)
        return 2;
    return t_stat(rig->context, DBIO_STAT_WAITS) == 0 ? 0 : 3;
}

START_TEST(the_child_uses_the_parents_file_and_the_parent_sees_what_it_wrote)
{
    const struct t_filesystem *where = &t_filesystems()[_i];

    for (unsigned mode = 0; mode < 4; mode++) {
        struct t_rig rig = t_rig(where->directory, (enum dbio_mode)mode, SIZE);
        char *memory = t_aligned(HALF);

        t_read_old(rig.file, SIZE, 0);
        in_child(write_second_half, &rig);
        ck_assert_int_eq(dbio_pread(rig.file, memory, HALF, HALF, 0), HALF);
        t_pattern_verify(memory, HALF, T_NEW, HALF);
        /* What the child counted is the child's. */
        ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WRITES), 0);
        t_close(rig.context, rig.file);
    }
}
END_TEST

static int
close_everything(struct t_rig *rig)
{
    return dbio_close(rig->file) != 0 || dbio_context_destroy(rig->context) != 0;
}

START_TEST(what_the_child_closes_stays_open_in_the_parent)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_read_old(rig.file, 64 * KIB, 0);
    in_child(close_everything, &rig);
    t_read_old(rig.file, 64 * KIB, 64 * KIB);
    t_write_new(rig.file, 64 * KIB, 0);
    t_verify_new(rig.path, 64 * KIB, 0);
    t_close(rig.context, rig.file);
}
END_TEST

static int
open_again(struct t_rig *rig)
{
    struct dbio_context *context;
    struct dbio_file *file;
    char *memory = t_aligned(4 * KIB);

    if (dbio_context_create(NULL, &context) != 0 ||
        dbio_open(context, rig->path, O_RDWR, 0, NULL, &file) != 0)
        return 1;
    if (dbio_pread(file, memory, 4 * KIB, 0, 0) != 4 * KIB || dbio_close(file) != 0)
        return 2;
    return dbio_context_destroy(context) != 0 ? 3 : close_everything(rig);
}

START_TEST(the_child_may_make_a_context_of_its_own)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_AUTO, SIZE);

    in_child(open_again, &rig);
    t_read_old(rig.file, SIZE, 0);
    t_close(rig.context, rig.file);
}
END_TEST

static int
fork_again(struct t_rig *rig)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(write_second_half(rig));
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 9;
    return status == 0 ? close_everything(rig) : 10;
}

START_TEST(the_child_of_the_child_too)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);

    in_child(fork_again, &rig);
    t_verify_new(rig.path, HALF, HALF);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(parent_and_child_write_at_the_same_time_without_losing_a_byte)
{
    const struct t_filesystem *where = &t_filesystems()[_i];

    for (unsigned mode = 0; mode < 3; mode++) {
        struct t_rig rig = t_rig(where->directory, (enum dbio_mode)mode, SIZE);
        pid_t child = fork();
        int status;

        ck_assert_int_ge(child, 0);
        if (child == 0)
            _exit(write_second_half(&rig));
        for (size_t at = 0; at < HALF; at += 4 * KIB)
            t_write_new(rig.file, 4 * KIB, at);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
        t_file_verify(rig.path, T_NEW, 0, SIZE);
        t_close(rig.context, rig.file);
    }
}
END_TEST

static int
close_beside_lock(struct t_rig *rig)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(rig->path, O_RDWR | O_CLOEXEC);

    /* The parent's lock is not inherited, and is still there after our close. */
    if (dbio_close(rig->file) != 0)
        return 1;
    return fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type != F_WRLCK || lock.l_pid != getppid();
}

START_TEST(a_lock_of_the_parent_survives_what_the_child_closes)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(rig.path, O_RDWR | O_CLOEXEC);

    ck_assert_int_eq(fcntl(fd, F_SETLK, &lock), 0);
    in_child(close_beside_lock, &rig);
    t_close(rig.context, rig.file);
    close(fd);
}
END_TEST

static int
unmap_in_child(struct t_rig *rig)
{
    void *address = MAP_FAILED;

    /* The mapping is inherited, and so is its pin. */
    if (t_why(rig->file).standing_reason != DBIO_REASON_FILE_MAPPED)
        return 1;
    if (dbio_map(rig->file, 0, 4 * KIB, PROT_READ, MAP_SHARED, &address) != 0 ||
        t_pattern_first_wrong(address, 4 * KIB, T_SEED, 0) != T_ALL_RIGHT)
        return 2;
    return dbio_unmap(rig->file, address, 4 * KIB) != 0;
}

START_TEST(a_mapping_pins_the_file_in_the_child_too)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    void *address;

    ck_assert_int_eq(dbio_map(rig.file, 0, SIZE, PROT_READ, MAP_SHARED, &address), 0);
    in_child(unmap_in_child, &rig);
    ck_assert_int_eq(dbio_unmap(rig.file, address, SIZE), 0);
    ck_assert_uint_eq(t_why(rig.file).standing_direct, 1);
    t_close(rig.context, rig.file);
}
END_TEST

static int
exec_and_look(struct t_rig *rig)
{
    char command[1200];

    (void)snprintf(command, sizeof(command), "ls -l /proc/$$/fd | grep -q '%s' && exit 1; exit 0",
                   rig->path);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    return 3;
}

START_TEST(after_exec_nothing_of_dbio_is_open)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    t_read_old(rig.file, 64 * KIB, 0);
    in_child(exec_and_look, &rig);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_fork");
    TCase *cases = tcase_create("api_fork");

    t_add_filesystem_test(cases, the_child_uses_the_parents_file_and_the_parent_sees_what_it_wrote);
    t_add_filesystem_test(cases, what_the_child_closes_stays_open_in_the_parent);
    tcase_add_test(cases, the_child_may_make_a_context_of_its_own);
    tcase_add_test(cases, the_child_of_the_child_too);
    t_add_filesystem_test(cases, parent_and_child_write_at_the_same_time_without_losing_a_byte);
    tcase_add_test(cases, a_lock_of_the_parent_survives_what_the_child_closes);
    t_add_direct_test(cases, a_mapping_pins_the_file_in_the_child_too);
    t_add_direct_test(cases, after_exec_nothing_of_dbio_is_open);
    suite_add_tcase(suite, cases);
    return suite;
}
