/*
 * test_fault_open.c - open, adopt, close and contexts, with every one of their system calls
 * failing in turn (t_sweep.h has what is asked of them). An open that fails leaves no
 * descriptor, no memory, and the program's own descriptor to the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "t_fault.h"
#include "t_sweep.h"

#define KIB ((size_t)1024)

static int borrowed = -1; /* the program's descriptor, to be closed after the try */

static long
open_path(struct t_try *try, int flags)
{
    struct dbio_file_options options = try->sweep->options;

    options.size = sizeof(options);
    return dbio_open(try->context, try->path, flags, 0600, &options, &try->file);
}

static long
open_plain(struct t_try *try)
{
    return open_path(try, O_RDWR | (int)try->sweep->flags);
}

static void
remove_file(struct t_try *try)
{
    ck_assert_int_eq(unlink(try->path), 0);
}

static long
open_new(struct t_try *try)
{
    long error = open_path(try, O_RDWR | O_CREAT | O_EXCL);

    if (access(try->path, F_OK) != 0) { /* the judge wants a file; an empty one has nothing old */
        ck_assert_int_ne(error, 0);
        close(open(try->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    }
    return error;
}

static long
open_adopted(struct t_try *try)
{
    struct dbio_file_options options = try->sweep->options;
    int fd = open(try->path, O_RDWR | O_CLOEXEC | (int)try->sweep->flags);
    long error;

    ck_assert_int_ge(fd, 0);
    options.size = sizeof(options);
    error = dbio_adopt(try->context, fd, 0, &options, &try->file);
    if (error != 0)
        ck_assert_int_eq(close(fd), 0); /* it is still there, and ours */
    return error;
}

static long
open_borrowed(struct t_try *try)
{
    struct dbio_file_options options = try->sweep->options;

    borrowed = open(try->path, O_RDWR | O_CLOEXEC | (int)try->sweep->flags);
    ck_assert_int_ge(borrowed, 0);
    options.size = sizeof(options);
    return dbio_adopt(try->context, borrowed, DBIO_ADOPT_BORROW, &options, &try->file);
}

static void
close_borrowed(struct t_try *try)
{
    (void)try;
    ck_assert_int_eq(close(borrowed), 0);
}

/* Opens the O_DIRECT descriptor, where there is one. */
static void
use_directly(struct t_try *try)
{
    ck_assert_int_eq(dbio_pread(try->file, try->memory, 8 * KIB, 0, 0), 8 * KIB);
}

static long
close_handle(struct t_try *try)
{
    int error = dbio_close(try->file);

    try->file = NULL;
    return error;
}

/* The open of the path itself, not of a second descriptor or of a probe. */
static bool
is_main_open(const struct t_hit *hit)
{
    return hit->call == DBIO_SYS_OPENAT && (hit->arguments[2] & O_NONBLOCK) != 0;
}

static bool
is_main_fact(const struct t_hit *hit)
{
    return hit->call == DBIO_SYS_FSTAT || hit->call == DBIO_SYS_FSTATFS;
}

/* Taken: without it there is no open. Given up in the end: no matter. */
static bool
is_registry_lock(const struct t_hit *hit)
{
    return hit->call == DBIO_SYS_FCNTL &&
           (hit->arguments[1] == F_OFD_SETLK || hit->arguments[1] == F_OFD_SETLKW);
}

static enum t_answer
expect_open(const struct t_hit *hit)
{
    if (is_registry_lock(hit))
        return hit->error == EINTR ? T_SUCCEEDS : T_EITHER;
    if (is_main_open(hit) || is_main_fact(hit))
        return T_FAILS;
    if (hit->call == DBIO_SYS_FTRUNCATE)
        return hit->error == EINTR ? T_SUCCEEDS : T_FAILS;
    return t_sweep_is_advice(hit) ? T_SUCCEEDS : T_FAILS;
}

/* Without the second descriptor there is no direct I/O, and no open. */
static enum t_answer
expect_strict(const struct t_hit *hit)
{
    bool second = hit->call == DBIO_SYS_OPENAT && (hit->arguments[2] & O_DIRECT) != 0;

    return second || hit->call == DBIO_SYS_STATX || hit->call == DBIO_SYS_IOCTL ? T_EITHER
                                                                                : expect_open(hit);
}

static enum t_answer
expect_adopt(const struct t_hit *hit)
{
    if (is_registry_lock(hit))
        return expect_open(hit);
    if (hit->call == DBIO_SYS_FCNTL)
        return hit->arguments[1] == F_GETFL ? T_FAILS : T_SUCCEEDS;
    if (hit->call == DBIO_SYS_OPENAT)
        return (hit->arguments[2] & O_PATH) != 0 ? T_SUCCEEDS : T_FAILS;
    return is_main_fact(hit) ? T_FAILS : T_SUCCEEDS;
}

/* Facts are asked for twice here: for descriptors that could be used again, and for the inode. */
static enum t_answer
expect_borrow(const struct t_hit *hit)
{
    return is_main_fact(hit) ? T_EITHER : expect_adopt(hit);
}

static enum t_answer
expect_close(const struct t_hit *hit)
{
    return hit->call == DBIO_SYS_CLOSE ? T_FAILS : T_SUCCEEDS;
}

static void
model_empty(const struct t_sweep *sweep, struct t_model *model)
{
    (void)sweep;
    t_model_truncate(model, 0);
}

#define MODE(m) .options.mode = DBIO_MODE_##m
#define OPEN(how) \
    .size = 64 * KIB, .length = 8 * KIB, .opens = true, .act = open_##how, .wants_memory = true
#define PLAIN  OPEN(plain), .expect = expect_open
#define ADOPT  OPEN(adopted), .expect = expect_adopt
#define BORROW OPEN(borrowed), .expect = expect_borrow, .finish = close_borrowed
#define CLOSE                                                                          \
    .size = 64 * KIB, .length = 8 * KIB, .prepare = use_directly, .act = close_handle, \
    .expect = expect_close

static const struct t_sweep sweeps[] = {
    {.name = "open, direct", MODE(DIRECT), PLAIN},
    {.name = "open, buffered", MODE(BUFFERED), PLAIN},
    {.name = "open, auto", MODE(AUTO), PLAIN},
    {.name = "open with O_DIRECT", MODE(AUTO), PLAIN, .flags = O_DIRECT},
    {.name = "open to empty", MODE(DIRECT), PLAIN, .flags = O_TRUNC, .model = model_empty},
    {.name = "open anew",
     MODE(DIRECT),
     OPEN(new),
     .expect = expect_open,
     .prepare = remove_file,
     .model = model_empty},
    {.name = "open, sequential", MODE(BUFFERED), .options.pattern = DBIO_PATTERN_SEQUENTIAL, PLAIN},
    {.name = "adopt", MODE(DIRECT), ADOPT},
    {.name = "adopt, O_DIRECT", MODE(DIRECT), ADOPT, .flags = O_DIRECT},
    {.name = "adopt, O_APPEND", MODE(BUFFERED), ADOPT, .flags = O_APPEND},
    {.name = "borrow", MODE(DIRECT), BORROW},
    {.name = "borrow, O_DIRECT", MODE(DIRECT), BORROW, .flags = O_DIRECT},
    {.name = "close, direct", MODE(DIRECT), CLOSE},
    {.name = "close, buffered", MODE(BUFFERED), CLOSE},
};
#define SWEEPS ((int)(sizeof(sweeps) / sizeof(sweeps[0])))

START_TEST(an_open_that_fails_says_why_and_leaves_nothing)
{
    t_sweep_nth(sweeps, SWEEPS, _i);
}
END_TEST

/* Only where there is direct I/O can a strict open be had at all. */
START_TEST(a_strict_open_fails_without_its_second_descriptor)
{
    T_DIRECT_OR_SKIP(filesystem);
    static const struct t_sweep strict = {.name = "open, strict",
                                          MODE(DIRECT),
                                          .options.strictness = DBIO_STRICT_DIRECT,
                                          OPEN(plain),
                                          .expect = expect_strict};

    t_sweep_run(&strict, filesystem->directory);
}
END_TEST

/* Two handles on one file that do not know of each other would not wait for each other. */
START_TEST(whatever_an_open_could_not_learn_it_finds_the_same_inode)
{
    static const int errors[] = {EIO, ENOSYS, ENOMEM, EINVAL};
    struct t_rig rig;
    bool hit = true;
    size_t i;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        for (unsigned long nth = 1; nth == 1 || hit; nth++) {
            struct dbio_file *file;
            int error;

            /* Anew each time, or descriptors that are still there would be used again. */
            rig = t_rig(t_filesystems()[_i].directory, DBIO_MODE_BUFFERED, 64 * KIB);
            t_fault_one(T_FAULT_ANY, nth, errors[i]);
            error = dbio_open(rig.context, rig.path, O_RDWR, 0, NULL, &file);
            t_fault_disarm();
            hit = t_fault_hits() > 0;
            if (error == 0) {
                t_read_old(file, 4 * KIB, 0);
                ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 1);
                ck_assert_int_eq(dbio_close(file), 0);
            }
            t_close(rig.context, rig.file);
        }
}
END_TEST

/* A child of the test's process has made nothing yet: here is memory wanted that is kept. */
START_TEST(without_memory_there_is_no_first_context_and_no_first_file_and_then_there_are)
{
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct dbio_context *context = NULL;
    struct dbio_file *file = NULL;
    const char *path = t_path(t_scratch(), "first");
    int descriptors = t_descriptors(), refused = 0, error = -1;
    long count;

    for (count = 0; error != 0 && count < 20; count++) {
        dbio__mem_fail_after(count);
        error = dbio_context_create(NULL, &context);
        dbio__mem_fail_after(-1);
        ck_assert(error == 0 || (error == -ENOMEM && context == NULL));
        refused += error != 0;
    }
    for (error = -1, count = 0; error != 0 && count < 20; count++) {
        dbio__mem_fail_after(count);
        error = dbio_open(context, path, O_RDWR | O_CREAT, 0600, &options, &file);
        dbio__mem_fail_after(-1);
        ck_assert(error == 0 || (error == -ENOMEM && file == NULL));
        ck_assert(error == 0 || t_descriptors() == descriptors);
        refused += error != 0;
    }
    ck_assert_int_eq(error, 0);
    ck_assert_int_ge(refused, 4); /* contexts; descriptors, the inode, files */
    t_close(context, file);
    ck_assert_int_eq(t_descriptors(), descriptors);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("fault_open");
    TCase *cases = tcase_create("open");

    t_add_sweep_test(cases, an_open_that_fails_says_why_and_leaves_nothing, SWEEPS);
    t_add_filesystem_test(cases, whatever_an_open_could_not_learn_it_finds_the_same_inode);
    tcase_add_test(cases,
                   without_memory_there_is_no_first_context_and_no_first_file_and_then_there_are);
    t_add_direct_test(cases, a_strict_open_fails_without_its_second_descriptor);
    suite_add_tcase(suite, cases);
    return suite;
}
