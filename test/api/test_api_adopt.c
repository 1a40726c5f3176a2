/*
 * test_api_adopt.c - dbio_adopt: a descriptor of the program with whatever flags it has; its
 * flags, its offset and, borrowed, the descriptor itself are left alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (256 * KIB)
#define HERE 12345 /* the program's offset */

static const int kinds[] = {0,       O_APPEND,  O_DIRECT,          O_DIRECT | O_APPEND,
                            O_DSYNC, O_NOATIME, O_SYNC | O_APPEND, O_NONBLOCK};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Opens the file; -1 where the file system does not take the flags. */
static int
open_kind(const char *path, int flags)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | flags);

    ck_assert(fd >= 0 || errno == EINVAL);
    if (fd >= 0)
        ck_assert_int_eq(lseek(fd, HERE, SEEK_SET), HERE);
    return fd;
}

/* Reads, writes, appends and syncs, aligned and not. */
static void
use(struct dbio_file *file)
{
    off_t at;

    t_read_old(file, 100 * KIB, 64 * KIB);
    t_read_old(file, 1000, 70001);
    t_write_new(file, 32 * KIB, 0);
    t_write_new(file, 100, 32 * KIB);
    ck_assert_int_eq(dbio_append(file, t_patterned(4 * KIB, T_SEED, SIZE), 4 * KIB, 0, &at),
                     4 * KIB);
    ck_assert_int_eq(at, SIZE);
    ck_assert_int_eq(dbio_fdatasync(file), 0);
    ck_assert_int_eq(dbio_truncate(file, SIZE), 0);
}

START_TEST(a_borrowed_descriptor_is_left_as_it_is_and_stays_open)
{
    const struct t_filesystem *where = &t_filesystems()[_i];

    for (size_t i = 0; i < KINDS; i++) {
        struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
        int fd = open_kind(rig.path, kinds[i]), flags, before = t_descriptors();
        struct dbio_file *file;

        if (fd >= 0) {
            flags = fcntl(fd, F_GETFL);
            ck_assert_int_eq(dbio_adopt(rig.context, fd, DBIO_ADOPT_BORROW, NULL, &file), 0);
            use(file);
            ck_assert_int_eq(fcntl(fd, F_GETFL), flags);
            ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), HERE);
            ck_assert_int_eq(dbio_close(file), 0);
            ck_assert_int_eq(fcntl(fd, F_GETFL), flags);
            ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), HERE);
            t_verify_new(rig.path, 32 * KIB + 100, 0);
            close(fd);
        }
        t_close(rig.context, rig.file);
        if (fd >= 0)
            ck_assert_int_eq(t_descriptors(), before - 2);
    }
}
END_TEST

START_TEST(an_adopted_descriptor_keeps_flags_and_offset_and_is_closed_by_close)
{
    const struct t_filesystem *where = &t_filesystems()[_i];

    for (size_t i = 0; i < KINDS; i++) {
        struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
        int fd = open_kind(rig.path, kinds[i]), copy, flags;
        struct dbio_file *file;

        if (fd >= 0) {
            copy = dup(fd); /* the same flags and offset */
            flags = fcntl(fd, F_GETFL);
            ck_assert_int_eq(dbio_adopt(rig.context, fd, 0, NULL, &file), 0);
            use(file);
            ck_assert_int_eq(fcntl(copy, F_GETFL), flags);
            ck_assert_int_eq(lseek(copy, 0, SEEK_CUR), HERE);
            ck_assert_int_eq(dbio_close(file), 0);
            ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
            t_verify_new(rig.path, 32 * KIB + 100, 0);
            close(copy);
        }
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(a_descriptor_with_o_direct_means_mode_direct_where_the_mode_is_auto)
{
    T_DIRECT_OR_SKIP(where);
    const unsigned flags[] = {0, DBIO_ADOPT_BORROW};

    for (int i = 0; i < 2; i++) {
        struct t_rig rig = t_rig(where->directory, DBIO_MODE_AUTO, SIZE);
        int fd = open_kind(rig.path, O_DIRECT);
        struct dbio_file *file;

        ck_assert_int_eq(dbio_adopt(rig.context, fd, flags[i], NULL, &file), 0);
        ck_assert_uint_eq(t_why(file).mode, DBIO_MODE_DIRECT);
        t_read_old(file, 4 * KIB, 0);
        ck_assert_uint_eq(t_routed(file, DBIO_ROUTE_DIRECT), 1);
        ck_assert_int_eq(dbio_close(file), 0);
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(the_access_of_the_descriptor_is_that_of_the_handle)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const unsigned flags[] = {0, DBIO_ADOPT_BORROW};
    char *memory = t_aligned(4 * KIB);

    for (int i = 0; i < 2; i++) {
        struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
        int read_only = open(rig.path, O_RDONLY), write_only = open(rig.path, O_WRONLY);
        struct dbio_file *reader, *writer;

        ck_assert_int_eq(dbio_adopt(rig.context, read_only, flags[i], NULL, &reader), 0);
        ck_assert_int_eq(dbio_adopt(rig.context, write_only, flags[i], NULL, &writer), 0);
        t_read_old(reader, 4 * KIB, 0);
        ck_assert_int_eq(dbio_pwrite(reader, memory, 4 * KIB, 0, 0), -EBADF);
        ck_assert_int_eq(dbio_pread(writer, memory, 4 * KIB, 0, 0), -EBADF);
        t_write_new(writer, 4 * KIB, 0);
        t_verify_new(rig.path, 4 * KIB, 0);
        ck_assert_int_eq(dbio_close(reader), 0);
        ck_assert_int_eq(dbio_close(writer), 0);
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(a_descriptor_of_an_unlinked_file_goes_direct_too)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    const unsigned flags[] = {0, DBIO_ADOPT_BORROW};

    for (int i = 0; i < 2; i++) {
        struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
        int fd = open(rig.path, O_RDWR | O_CLOEXEC);
        struct dbio_file *file;

        ck_assert_int_eq(dbio_close(rig.file), 0);
        ck_assert_int_eq(unlink(rig.path), 0);
        ck_assert_int_eq(dbio_adopt(rig.context, fd, flags[i], &options, &file), 0);
        t_read_old(file, 64 * KIB, 0);
        t_write_new(file, 64 * KIB, 0);
        ck_assert_uint_eq(t_routed(file, DBIO_ROUTE_DIRECT), 2);
        t_close(rig.context, file);
        if (flags[i] != 0)
            close(fd);
    }
}
END_TEST

START_TEST(the_program_may_close_a_borrowed_descriptor_before_the_handle)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    int fd = open(rig.path, O_RDWR | O_CLOEXEC);
    struct dbio_file *file;

    ck_assert_int_eq(dbio_adopt(rig.context, fd, DBIO_ADOPT_BORROW, NULL, &file), 0);
    close(fd);
    use(file);
    ck_assert_int_eq(dbio_close(file), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_failed_adoption_leaves_the_descriptor_to_the_caller)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct dbio_file_options strict = {
        .size = sizeof(strict), .mode = DBIO_MODE_DIRECT, .strictness = DBIO_STRICT_DIRECT};
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);

    if (t_why(rig.file).standing_direct != 0) {
        t_close(rig.context, rig.file);
        return; /* nothing fails here */
    }
    for (size_t i = 0; i < 2 * KINDS; i++) {
        int fd = open_kind(rig.path, kinds[i / 2]), before = t_descriptors();
        struct dbio_file *file;

        if (fd < 0)
            continue;
        ck_assert_int_eq(dbio_adopt(rig.context, fd, i % 2, &strict, &file), -EOPNOTSUPP);
        ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), HERE);
        close(fd);
        /* One of dbio's own may wait for the next handle, as long as one is open. */
        ck_assert_int_le(t_descriptors(), before);
    }
    t_close(rig.context, rig.file);
    ck_assert_uint_eq(t_file_size(rig.path), SIZE);
}
END_TEST

START_TEST(memory_files_are_files_too)
{
    int fd = memfd_create("dbio", MFD_CLOEXEC);
    struct dbio_context *context = t_context();
    char *memory = t_aligned(SIZE);
    struct dbio_file *file;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(dbio_adopt(context, fd, 0, NULL, &file), 0);
    t_write_new(file, SIZE, 0);
    ck_assert_int_eq(dbio_pread(file, memory, SIZE, 0, 0), SIZE);
    t_pattern_verify(memory, SIZE, T_NEW, 0);
    ck_assert_uint_eq(t_why(file).standing_reason, DBIO_REASON_FS_NO_DIRECT);
    t_close(context, file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_adopt");
    TCase *cases = tcase_create("api_adopt");

    t_add_filesystem_test(cases, a_borrowed_descriptor_is_left_as_it_is_and_stays_open);
    t_add_filesystem_test(cases,
                          an_adopted_descriptor_keeps_flags_and_offset_and_is_closed_by_close);
    t_add_direct_test(cases, a_descriptor_with_o_direct_means_mode_direct_where_the_mode_is_auto);
    t_add_filesystem_test(cases, the_access_of_the_descriptor_is_that_of_the_handle);
    t_add_direct_test(cases, a_descriptor_of_an_unlinked_file_goes_direct_too);
    t_add_filesystem_test(cases, the_program_may_close_a_borrowed_descriptor_before_the_handle);
    t_add_filesystem_test(cases, a_failed_adoption_leaves_the_descriptor_to_the_caller);
    tcase_add_test(cases, memory_files_are_files_too);
    suite_add_tcase(suite, cases);
    return suite;
}
