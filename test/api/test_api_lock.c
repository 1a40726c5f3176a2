/*
 * test_api_lock.c - POSIX record locks of the program survive whatever dbio opens and closes.
 *
 * fcntl(2): closing any descriptor of a file drops every record lock that the process has on
 * it. Another process is the judge: it asks whether the file is locked.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_dbio.h"
#include "t_file.h"

#define KIB ((size_t)1024)

/* In a child, because a process never conflicts with itself. */
static bool
is_locked(const char *path)
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};
        int fd = open(path, O_RDWR | O_CLOEXEC);

        _exit(fd < 0 || fcntl(fd, F_GETLK, &lock) != 0 ? 2 : lock.l_type != F_UNLCK);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) != 2);
    return WEXITSTATUS(status) == 1;
}

static void
set_lock(int fd, int command, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10};

    ck_assert_msg(fcntl(fd, command, &lock) == 0, "fcntl: %s", strerror(errno));
}

/* A file of 1 MiB, and the program's own descriptor with a lock on it. */
static int
locked_file(const char *directory, const char **path)
{
    int fd;

    *path = t_path_kept(directory, "locked");
    fd = t_file_make(*path, T_SEED, 1024 * KIB);
    set_lock(fd, F_SETLK, F_WRLCK);
    ck_assert(is_locked(*path));
    return fd;
}

/* Every descriptor is opened that a handle may open. */
static void
use(struct dbio_file *file)
{
    t_read_old(file, 64 * KIB, 64 * KIB);
    ck_assert_int_eq(dbio_fdatasync(file), 0);
}

START_TEST(a_lock_survives_the_opening_and_closing_of_handles)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const char *path;
    int fd = locked_file(where->directory, &path);
    struct dbio_context *context = t_context();

    for (enum dbio_mode mode = DBIO_MODE_AUTO; mode <= DBIO_MODE_DONTCACHE; mode++) {
        struct dbio_file *file = t_open(context, path, mode);

        use(file);
        ck_assert(is_locked(path));
        ck_assert_int_eq(dbio_close(file), 0);
        ck_assert(is_locked(path));
        ck_assert_uint_eq(t_stat(context, DBIO_STAT_PARKED), 1);
    }
    close(fd);
    ck_assert(!is_locked(path));
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(what_was_parked_is_closed_at_the_next_close_after_the_lock_has_gone)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const char *path, *other = t_path(where->directory, "other");
    int fd = locked_file(where->directory, &path), before;
    struct dbio_context *context = t_context();

    before = t_descriptors();
    ck_assert_int_eq(dbio_close(t_open(context, path, DBIO_MODE_DIRECT)), 0);
    ck_assert_int_gt(t_descriptors(), before);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_PARKED), 1);
    set_lock(fd, F_SETLK, F_UNLCK);
    /* Whichever handle it is. */
    ck_assert_int_eq(dbio_close(t_open(context, other, DBIO_MODE_AUTO)), 0);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_PARKED), 0);
    ck_assert_int_eq(t_descriptors(), before);
    close(fd);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(what_was_parked_is_closed_with_a_context_after_the_lock_has_gone)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const char *path;
    int fd = locked_file(where->directory, &path), before = t_descriptors();
    struct dbio_context *context = t_context();

    ck_assert_int_eq(dbio_close(t_open(context, path, DBIO_MODE_DIRECT)), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_gt(t_descriptors(), before); /* the lock is there */
    ck_assert(is_locked(path));
    context = t_context();
    set_lock(fd, F_SETLK, F_UNLCK);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_eq(t_descriptors(), before);
    close(fd);
}
END_TEST

START_TEST(without_a_lock_nothing_is_parked)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    int before = t_descriptors();
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 1024 * KIB);

    use(rig.file);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_PARKED), 0);
    ck_assert_int_eq(t_descriptors(), before);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

START_TEST(a_lock_survives_the_closing_of_one_of_two_handles)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const char *path;
    struct dbio_context *context = t_context();
    struct dbio_file *one, *two;
    int fd;

    fd = locked_file(where->directory, &path);
    one = t_open(context, path, DBIO_MODE_DIRECT);
    two = t_open(context, path, DBIO_MODE_BUFFERED);
    use(one);
    use(two);
    ck_assert_int_eq(dbio_close(one), 0);
    ck_assert(is_locked(path));
    use(two);
    ck_assert_int_eq(dbio_close(two), 0);
    ck_assert(is_locked(path));
    close(fd);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(a_lock_taken_while_a_handle_is_open_survives_its_close)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 1024 * KIB);
    int fd = open(rig.path, O_RDWR | O_CLOEXEC);

    use(rig.file);
    set_lock(fd, F_SETLK, F_WRLCK);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    ck_assert(is_locked(rig.path));
    close(fd);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

START_TEST(parked_descriptors_serve_only_handles_of_their_own_access)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    static const int access[] = {O_RDONLY, O_WRONLY, O_RDWR};
    const char *path;
    int fd = locked_file(where->directory, &path);
    struct dbio_context *context = t_context();
    char *memory = t_aligned(4096);

    for (int i = 0; i < 9; i++) { /* each finds those of all the others */
        struct dbio_file *file;
        int mode = access[i % 3];

        ck_assert_int_eq(dbio_open(context, path, mode, 0, NULL, &file), 0);
        ck_assert_int_eq(dbio_pread(file, memory, 4096, 0, 0), mode == O_WRONLY ? -EBADF : 4096);
        ck_assert_int_eq(dbio_pwrite(file, memory, 4096, 0, 0), mode == O_RDONLY ? -EBADF : 4096);
        ck_assert_int_eq(dbio_close(file), 0);
    }
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_PARKED), 3);
    ck_assert(is_locked(path));
    close(fd);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(a_lock_on_a_borrowed_descriptor_survives)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const char *path;
    int fd = locked_file(where->directory, &path);
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct dbio_context *context = t_context();

    for (int round = 0; round < 3; round++) {
        struct dbio_file *file;

        ck_assert_int_eq(dbio_adopt(context, fd, DBIO_ADOPT_BORROW, &options, &file), 0);
        use(file);
        ck_assert_int_eq(dbio_close(file), 0);
        ck_assert(is_locked(path));
        ck_assert_uint_eq(t_stat(context, DBIO_STAT_PARKED), 1);
    }
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_DIRECT, 0);
    close(fd);
    ck_assert(!is_locked(path));
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(an_adopted_descriptor_is_closed_with_its_handle_and_its_locks_go_as_with_close)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const char *path;
    int before = t_descriptors(), fd = locked_file(where->directory, &path);
    struct dbio_context *context = t_context();
    struct dbio_file *file;

    ck_assert_int_eq(dbio_adopt(context, fd, 0, NULL, &file), 0);
    use(file);
    ck_assert(is_locked(path));
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_int_eq(t_descriptors(), before);
    ck_assert(!is_locked(path));
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(a_lock_survives_opens_and_adoptions_that_fail)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const char *path;
    int fd = locked_file(where->directory, &path), append, direct;
    struct dbio_file_options strict = {
        .size = sizeof(strict), .mode = DBIO_MODE_DIRECT, .strictness = DBIO_STRICT_DIRECT};
    struct dbio_context *context = t_context();
    struct dbio_file *file;
    int error;

    ck_assert_int_eq(dbio_open(context, path, O_RDWR | O_CREAT | O_EXCL, 0600, NULL, &file),
                     -EEXIST);
    error = dbio_open(context, path, O_RDWR, 0, &strict, &file);
    ck_assert(error == 0 || error == -EOPNOTSUPP);
    if (error == 0)
        ck_assert_int_eq(dbio_close(file), 0);
    ck_assert(is_locked(path));
    append = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    direct = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    error = dbio_adopt(context, append, 0, &strict, &file);
    if (error == 0) /* the program closes it */
        ck_assert_int_eq(dbio_close(file), 0);
    else
        ck_assert(is_locked(path));
    if (error != 0 && direct >= 0 && dbio_adopt(context, direct, 0, &strict, &file) != 0)
        ck_assert(is_locked(path));
    close(fd);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(a_lock_survives_a_truncating_open)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const char *path;
    int fd = locked_file(where->directory, &path);
    struct dbio_context *context = t_context();
    struct dbio_file *file;

    ck_assert_int_eq(dbio_open(context, path, O_RDWR | O_TRUNC, 0, NULL, &file), 0);
    ck_assert_int_eq(dbio_size(file), 0);
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert(is_locked(path));
    close(fd);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

/* A child that takes a lock of its own and keeps it until told to go. */
static pid_t
lock_in_child(const char *path, int command, short type, int *leash)
{
    int ready[2], stop[2];
    pid_t child;
    char byte;

    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(pipe(stop), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 200};
        int fd = open(path, O_RDWR | O_CLOEXEC);

        close(stop[1]);
        if (fcntl(fd, command, &lock) != 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        (void)!read(stop[0], &byte, 1);
        _exit(0);
    }
    close(ready[1]);
    close(stop[0]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *leash = stop[1];
    return child;
}

/* Our read lock stands behind another one in the kernel's list, which names only the first. */
static void
hide_behind(const char *directory, int command)
{
    struct t_rig rig = t_rig(directory, DBIO_MODE_DIRECT, 1024 * KIB);
    int leash, status, fd = open(rig.path, O_RDWR | O_CLOEXEC);
    pid_t child = lock_in_child(rig.path, command, F_RDLCK, &leash);

    set_lock(fd, F_SETLK, F_RDLCK);
    use(rig.file);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    close(leash);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(is_locked(rig.path));
    close(fd);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}

START_TEST(a_read_lock_survives_that_another_process_shares)
{
    hide_behind(t_filesystems()[_i].directory, F_SETLK);
}
END_TEST

START_TEST(a_read_lock_survives_behind_a_lock_of_an_open_file_description)
{
    hide_behind(t_filesystems()[_i].directory, F_OFD_SETLK);
}
END_TEST

START_TEST(a_lock_survives_an_open_that_finds_the_standard_streams_closed)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const char *path;
    int status;
    pid_t child;

    path = t_path_kept(where->directory, "locked");
    close(t_file_make(path, T_SEED, 1024 * KIB));
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) { /* asserts nothing: it has nowhere to say it */
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10};
        struct dbio_context *context;
        struct dbio_file *file;
        int fd = open(path, O_RDWR | O_CLOEXEC);
        bool right = fcntl(fd, F_SETLK, &lock) == 0 && dbio_context_create(NULL, &context) == 0;

        close(0);
        close(1);
        close(2);
        right = right && dbio_open(context, path, O_RDWR, 0, NULL, &file) == 0;
        right = right && is_locked(path) && fcntl(0, F_GETFD) == -1 && fcntl(1, F_GETFD) == -1 &&
                fcntl(2, F_GETFD) == -1;
        _exit(right ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* Opens and closes so often that a descriptor lost each time would be noticed. */
static void
open_often(struct dbio_context *context, const char *path)
{
    static const int access[] = {O_RDWR, O_RDONLY, O_WRONLY};
    struct dbio_file_options options = {.size = sizeof(options)};
    int most = 0;

    for (int round = 0; round < 10000; round++) {
        struct dbio_file *file;

        options.mode = (uint32_t)(round / 3) % 4;
        ck_assert_int_eq(dbio_open(context, path, access[round % 3], 0, &options, &file), 0);
        ck_assert_int_eq(dbio_close(file), 0);
        if (round == 100)
            most = t_descriptors();
        if (round > 100 && round % 1000 == 0)
            ck_assert_int_le(t_descriptors(), most);
    }
    ck_assert_int_le(t_descriptors(), most);
}

START_TEST(ten_thousand_opens_beside_an_open_handle_do_not_use_up_descriptors)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, 64 * KIB);
    int before = t_descriptors();

    open_often(rig.context, rig.path);
    ck_assert_int_le(t_descriptors(), before + 3 * 2);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(ten_thousand_opens_beside_a_lock_do_not_use_up_descriptors)
{
    const char *path;
    int fd = locked_file(t_scratch(), &path), before = t_descriptors();
    struct dbio_context *context = t_context();

    open_often(context, path);
    ck_assert_int_le(t_descriptors(), before + 3 * 2);
    ck_assert(is_locked(path));
    close(fd);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_lock");
    TCase *cases = tcase_create("api_lock");

    t_add_filesystem_test(cases, a_lock_survives_the_opening_and_closing_of_handles);
    t_add_filesystem_test(cases,
                          what_was_parked_is_closed_at_the_next_close_after_the_lock_has_gone);
    t_add_filesystem_test(cases, what_was_parked_is_closed_with_a_context_after_the_lock_has_gone);
    t_add_filesystem_test(cases, without_a_lock_nothing_is_parked);
    t_add_filesystem_test(cases, a_lock_survives_the_closing_of_one_of_two_handles);
    t_add_filesystem_test(cases, a_lock_taken_while_a_handle_is_open_survives_its_close);
    t_add_filesystem_test(cases, parked_descriptors_serve_only_handles_of_their_own_access);
    t_add_filesystem_test(cases, a_lock_on_a_borrowed_descriptor_survives);
    t_add_filesystem_test(
        cases, an_adopted_descriptor_is_closed_with_its_handle_and_its_locks_go_as_with_close);
    t_add_filesystem_test(cases, a_lock_survives_opens_and_adoptions_that_fail);
    t_add_filesystem_test(cases, a_lock_survives_a_truncating_open);
    t_add_filesystem_test(cases, a_read_lock_survives_that_another_process_shares);
    t_add_filesystem_test(cases, a_read_lock_survives_behind_a_lock_of_an_open_file_description);
    t_add_filesystem_test(cases, a_lock_survives_an_open_that_finds_the_standard_streams_closed);
    tcase_add_test(cases, ten_thousand_opens_beside_an_open_handle_do_not_use_up_descriptors);
    tcase_add_test(cases, ten_thousand_opens_beside_a_lock_do_not_use_up_descriptors);
    suite_add_tcase(suite, cases);
    return suite;
}
