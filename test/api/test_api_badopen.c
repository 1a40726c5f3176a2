/*
 * test_api_badopen.c - every mistake a caller can make with a context, an open or an adoption: the
 * documented errno, nothing created, nothing changed, no descriptor lost, no crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "t_dbio.h"
#include "t_file.h"

#define KIB     ((size_t)1024)
#define SIZE    (64 * KIB)
#define UNKNOWN 0x40000000u

static struct t_rig rig;
static int descriptors;

/* Cases begin with a file that goes direct if that is possible at all. */
static void
begin(void)
{
    const char *directory =
        t_direct_filesystems()[0].name != NULL ? t_direct_filesystems()[0].directory : t_scratch();

    rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);
    descriptors = t_descriptors();
}

/* Nothing has happened: no request is counted, no byte has changed, no descriptor is lost. */
static void
end(void)
{
    ck_assert_int_eq(t_descriptors(), descriptors);
    t_rig_unchanged(&rig, SIZE);
    t_close(rig.context, rig.file);
}

/* What dbio_open says; a success is closed. *file is as it was after a failure. */
static int
try_open(const char *path, int flags, const struct dbio_file_options *options)
{
    struct dbio_file *const untouched = (struct dbio_file *)&rig;
    struct dbio_file *file = untouched;
    int error = dbio_open(rig.context, path, flags, 0600, options, &file);

    if (error == 0)
        ck_assert_int_eq(dbio_close(file), 0);
    else
        ck_assert_ptr_eq(file, untouched);
    return error;
}

static int
try_adopt(int fd, unsigned flags)
{
    struct dbio_file *file = NULL;
    int error = dbio_adopt(rig.context, fd, flags, NULL, &file);

    ck_assert_int_ne(error, 0);
    ck_assert_ptr_null(file);
    return error;
}

/* An option struct as a caller with another version of the header has it. */
struct other_version {
    union {
        struct dbio_context_options context;
        struct dbio_file_options file;
    } known;
    unsigned char unknown[8192];
};

START_TEST(context_options_of_another_size_are_judged_as_openat2_does_it)
{
    struct other_version options = {.known.context.size = 0};
    struct dbio_context *context, *const untouched = (struct dbio_context *)&options;
    const size_t ours = sizeof(struct dbio_context_options);
    const size_t refused[] = {0, 1, 8, ours - 1, 4097, SIZE_MAX};

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        options.known.context.size = refused[i];
        context = untouched;
        ck_assert_int_eq(dbio_context_create(&options.known.context, &context), -EINVAL);
        ck_assert_ptr_eq(context, untouched);
    }
    for (size_t more = 0; more <= 64; more += 8) {
        options.known.context.size = ours + more;
        ck_assert_int_eq(dbio_context_create(&options.known.context, &context), 0);
        ck_assert_int_eq(dbio_context_destroy(context), 0);
    }
    ((unsigned char *)&options)[ours + 63] = 1;
    ck_assert_int_eq(dbio_context_create(&options.known.context, &context), -E2BIG);
    options.known.context.size = ours;
    ck_assert_int_eq(dbio_context_create(&options.known.context, &context), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(context_options_with_impossible_values_are_einval)
{
    struct dbio_context_options options = {.size = sizeof(options)};
    struct dbio_context *context;
    const uint64_t refused[] = {1, 1024 * KIB - 1, UINT64_MAX};

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        options.bounce_bytes_max = refused[i];
        ck_assert_int_eq(dbio_context_create(&options, &context), -EINVAL);
    }
    options.bounce_bytes_max = 1024 * KIB;
    options.large_request_bytes = UINT64_MAX;
    ck_assert_int_eq(dbio_context_create(&options, &context), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(file_options_of_another_size_are_judged_as_openat2_does_it)
{
    struct other_version options = {.known.file.size = 0};
    const size_t ours = sizeof(struct dbio_file_options);
    const size_t refused[] = {0, 1, 8, ours - 1, 4097, SIZE_MAX};

    begin();
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        options.known.file.size = refused[i];
        ck_assert_int_eq(try_open(rig.path, O_RDWR, &options.known.file), -EINVAL);
        ck_assert_int_eq(try_open("/nowhere/x", O_RDWR | O_CREAT, &options.known.file), -EINVAL);
    }
    ((unsigned char *)&options)[ours + 40] = 1;
    options.known.file.size = ours + 41;
    ck_assert_int_eq(try_open(rig.path, O_RDWR | O_TRUNC, &options.known.file), -E2BIG);
    ck_assert_int_eq(try_open(rig.path, O_RDONLY | O_TRUNC, NULL), -EINVAL);
    options.known.file.size = ours + 40;
    ck_assert_int_eq(try_open(rig.path, O_RDWR, &options.known.file), 0);
    descriptors = t_descriptors();
    end();
}
END_TEST

START_TEST(file_options_with_impossible_values_are_einval_and_nothing_is_created)
{
    static const struct dbio_file_options refused[] = {
        {.mode = 4},
        {.mode = UINT32_MAX},
        {.role = 4},
        {.durability = 2},
        {.pattern = 3},
        {.strictness = 2},
        {.reserved = 1},
        {.mode = DBIO_MODE_BUFFERED, .strictness = DBIO_STRICT_DIRECT},
        {.mode = DBIO_MODE_DONTCACHE, .strictness = DBIO_STRICT_DIRECT},
    };
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_BUFFERED};
    const char *path = t_path(t_scratch(), "never");

    begin();
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct dbio_file_options bad = refused[i];

        bad.size = sizeof(bad);
        ck_assert_int_eq(try_open(path, O_RDWR | O_CREAT, &bad), -EINVAL);
        ck_assert_int_eq(dbio_adopt(rig.context, 0, 0, &bad, &(struct dbio_file *){NULL}), -EINVAL);
    }
    ck_assert_int_eq(try_open(path, O_RDWR | O_CREAT | O_DIRECT, &options), -EINVAL);
    ck_assert_int_eq(access(path, F_OK), -1);
    end();
}
END_TEST

START_TEST(open_flags_that_mean_nothing_here_are_einval_and_nothing_is_created)
{
    const int refused[] = {O_APPEND, O_PATH, O_ASYNC, (int)UNKNOWN, O_ACCMODE, INT32_MIN, -1};
    const char *path = t_path(t_scratch(), "never");

    begin();
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        ck_assert_int_eq(try_open(path, O_RDWR | refused[i], NULL), -EINVAL);
    ck_assert_int_eq(access(path, F_OK), -1);
    end();
}
END_TEST

START_TEST(a_path_that_leads_nowhere_is_the_errno_of_open)
{
    char *long_name = t_aligned(5000);
    const char *loop = t_path(t_scratch(), "loop"), *link = t_path(t_scratch(), "link");

    begin();
    memset(long_name, 'x', 4999);
    ck_assert_int_eq(symlink(loop, loop), 0);
    ck_assert_int_eq(symlink(rig.path, link), 0);
    ck_assert_int_eq(try_open("", O_RDWR, NULL), -ENOENT);
    ck_assert_int_eq(try_open(t_path(t_scratch(), "missing"), O_RDWR, NULL), -ENOENT);
    ck_assert_int_eq(try_open(t_path(rig.path, "below"), O_RDWR | O_CREAT, NULL), -ENOTDIR);
    ck_assert_int_eq(try_open(long_name, O_RDWR, NULL), -ENAMETOOLONG);
    ck_assert_int_eq(try_open(loop, O_RDWR, NULL), -ELOOP);
    ck_assert_int_eq(try_open(link, O_RDWR | O_NOFOLLOW, NULL), -ELOOP);
    ck_assert_int_eq(try_open(rig.path, O_RDWR | O_CREAT | O_EXCL, NULL), -EEXIST);
    ck_assert_int_eq(try_open((const char *)8, O_RDWR, NULL), -EFAULT);
    ck_assert_int_eq(try_open(t_scratch(), O_RDONLY | O_TMPFILE, NULL), -EINVAL);
    end();
}
END_TEST

static void
bind_socket(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_uint_lt(strlen(path), sizeof(name.sun_path));
    strcpy(name.sun_path, path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    close(fd);
}

START_TEST(what_is_not_a_regular_file_is_refused_at_once_whatever_the_access)
{
    const char *fifo = t_path_kept(t_scratch(), "fifo");
    const char *socket_path = t_path_kept(t_scratch(), "socket");
    const char *block = t_path_kept(t_scratch(), "block");
    const char *character = t_path_kept(t_scratch(), "character");
    const int access_modes[] = {O_RDONLY, O_WRONLY, O_RDWR};

    begin();
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    bind_socket(socket_path);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(try_open(t_scratch(), access_modes[i], NULL), -EISDIR);
        ck_assert_int_eq(try_open(fifo, access_modes[i], NULL), -ESPIPE);
        ck_assert_int_eq(try_open(socket_path, access_modes[i], NULL), -ESPIPE);
        ck_assert_int_eq(try_open("/dev/null", access_modes[i], NULL), -ESPIPE);
        ck_assert_int_eq(try_open("/dev/zero", access_modes[i] | O_CREAT, NULL), -ESPIPE);
    }
    ck_assert_int_eq(try_open(t_scratch(), O_RDWR | O_CREAT, NULL), -EISDIR);
    /* Nodes of devices that there are not. */
    if (mknod(block, S_IFBLK | 0600, makedev(4000, 1)) == 0 &&
        mknod(character, S_IFCHR | 0600, makedev(4000, 1)) == 0) {
        ck_assert_int_eq(try_open(block, O_RDWR, NULL), -ENOTSUP);
        ck_assert_int_eq(try_open(character, O_RDWR, NULL), -ESPIPE);
    }
    end();
}
END_TEST

START_TEST(a_descriptor_that_is_not_of_a_regular_file_is_refused_and_stays_the_callers)
{
    int pipes[2], sockets[2], fds[8];
    const int errors[8] = {-ESPIPE, -ESPIPE, -ESPIPE, -ESPIPE, -EISDIR, -EBADF, -ESPIPE, -ENOTSUP};

    begin();
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    fds[0] = pipes[0];
    fds[1] = pipes[1];
    fds[2] = sockets[0];
    fds[3] = sockets[1];
    fds[4] = open(t_scratch(), O_RDONLY);
    fds[5] = open(rig.path, O_PATH);
    fds[6] = open("/dev/null", O_RDWR);
    fds[7] = eventfd(0, 0);
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(try_adopt(fds[i], 0), errors[i]);
        ck_assert_int_eq(try_adopt(fds[i], DBIO_ADOPT_BORROW), errors[i]);
        ck_assert_int_eq(fcntl(fds[i], F_GETFD), 0);
        close(fds[i]);
    }
    ck_assert_int_eq(try_adopt(-1, 0), -EBADF);
    ck_assert_int_eq(try_adopt(INT32_MIN, 0), -EBADF);
    ck_assert_int_eq(try_adopt(fds[7], 0), -EBADF);
    ck_assert_int_eq(try_adopt(INT32_MAX, 0), -EBADF);
    fds[0] = open(rig.path, O_RDWR);
    ck_assert_int_eq(try_adopt(fds[0], DBIO_ADOPT_BORROW | 2u), -EINVAL);
    ck_assert_int_eq(try_adopt(fds[0], UNKNOWN), -EINVAL);
    ck_assert_int_eq(fcntl(fds[0], F_GETFD), 0);
    close(fds[0]);
    end();
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_badopen");
    TCase *cases = tcase_create("api_badopen");

    tcase_add_test(cases, context_options_of_another_size_are_judged_as_openat2_does_it);
    tcase_add_test(cases, context_options_with_impossible_values_are_einval);
    tcase_add_test(cases, file_options_of_another_size_are_judged_as_openat2_does_it);
    tcase_add_test(cases, file_options_with_impossible_values_are_einval_and_nothing_is_created);
    tcase_add_test(cases, open_flags_that_mean_nothing_here_are_einval_and_nothing_is_created);
    tcase_add_test(cases, a_path_that_leads_nowhere_is_the_errno_of_open);
    tcase_add_test(cases, what_is_not_a_regular_file_is_refused_at_once_whatever_the_access);
    tcase_add_test(cases,
                   a_descriptor_that_is_not_of_a_regular_file_is_refused_and_stays_the_callers);
    suite_add_tcase(suite, cases);
    return suite;
}
