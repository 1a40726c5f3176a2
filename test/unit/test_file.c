/*
 * test_file.c - descriptors of a handle: opened when, with which flags, which one serves what;
 * what happens when the second one cannot be had; advice on them.
 */
#include "engine/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

#define KIB ((size_t)1024)

static int
direct_of(struct dbio_file *file)
{
    return atomic_load(&file->descriptors->direct);
}

START_TEST(the_direct_descriptor_is_opened_by_the_first_request_that_needs_it)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);
    int buffered = rig.file->descriptors->buffered, before = t_descriptors();

    ck_assert_int_eq(direct_of(rig.file), DBIO_FD_NONE);
    ck_assert_int_eq(fcntl(buffered, F_GETFL) & (O_DIRECT | O_APPEND), 0);
    ck_assert_int_eq(fcntl(buffered, F_GETFD), FD_CLOEXEC);
    t_read_old(rig.file, 4 * KIB, 0);
    ck_assert_int_eq(t_descriptors(), before + 1);
    ck_assert_int_ne(fcntl(direct_of(rig.file), F_GETFL) & O_DIRECT, 0);
    ck_assert_int_eq(fcntl(direct_of(rig.file), F_GETFD), FD_CLOEXEC);
    t_read_old(rig.file, 4 * KIB, 0);
    ck_assert_int_eq(t_descriptors(), before + 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_buffered_file_never_opens_a_second_descriptor)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, 64 * KIB);
    int before = t_descriptors();

    t_read_old(rig.file, 64 * KIB, 0);
    t_write_new(rig.file, 64 * KIB, 0);
    ck_assert_int_eq(t_descriptors(), before);
    ck_assert_int_eq(direct_of(rig.file), DBIO_FD_NONE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(without_a_free_descriptor_requests_go_buffered_and_direct_again_when_there_is_one)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);
    const int errors[] = {EMFILE, ENFILE, EACCES, ENOMEM};

    for (uint64_t i = 0; i < 4; i++) {
        t_fault_all(DBIO_SYS_OPENAT, errors[i], NULL);
        t_read_old(rig.file, 4 * KIB, 0);
        t_fault_disarm();
        ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_NO_DESCRIPTOR), i + 1);
        ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), i + 1);
    }
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 0);
    (void)t_cache_drop(rig.path);
    usleep(200000); /* it is tried again ten times a second, not at each request */
    t_read_old(rig.file, 4 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(einval_on_the_direct_descriptor_is_the_last_word)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);

    t_fault_all(DBIO_SYS_OPENAT, EINVAL, NULL);
    t_read_old(rig.file, 4 * KIB, 0);
    t_read_old(rig.file, 4 * KIB, 0);
    ck_assert_uint_eq(t_fault_hits(), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 1);
    ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_NO_DESCRIPTOR);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_atomic_write_without_a_direct_descriptor_is_refused)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);

    rig.file->inode->facts.atomic_min = rig.file->inode->facts.atomic_max = 4096;
    t_fault_all(DBIO_SYS_OPENAT, EMFILE, NULL);
    ck_assert_int_eq(dbio_pwrite(rig.file, t_aligned(4096), 4096, 0, DBIO_ATOMIC), -EOPNOTSUPP);
    t_file_verify(rig.path, T_SEED, 0, 64 * KIB);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(the_access_of_the_direct_descriptor_is_that_of_the_handle)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);
    struct dbio_file *reader, *writer;

    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDONLY, 0, &options, &reader), 0);
    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_WRONLY, 0, &options, &writer), 0);
    t_read_old(reader, 4 * KIB, 0);
    t_write_new(writer, 4 * KIB, 0);
    ck_assert_int_eq(fcntl(direct_of(reader), F_GETFL) & O_ACCMODE, O_RDONLY);
    ck_assert_int_eq(fcntl(direct_of(writer), F_GETFL) & O_ACCMODE, O_WRONLY);
    ck_assert_uint_eq(t_routed(reader, DBIO_ROUTE_DIRECT), 2);
    ck_assert_int_eq(dbio_close(reader), 0);
    ck_assert_int_eq(dbio_close(writer), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_file_opened_or_adopted_with_o_sync_or_o_dsync_is_written_durably)
{
    const int flags[] = {O_DSYNC, O_SYNC};
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, 64 * KIB);
    struct dbio_file *files[4];

    for (int i = 0; i < 2; i++) {
        int fd = open(rig.path, O_RDWR | O_CLOEXEC | flags[i]);

        ck_assert_int_eq(
            dbio_open(rig.context, rig.path, O_RDWR | flags[i], 0, NULL, &files[2 * i]), 0);
        ck_assert_int_eq(dbio_adopt(rig.context, fd, 0, NULL, &files[2 * i + 1]), 0);
    }
    for (int i = 0; i < 4; i++) {
        t_fault_count();
        t_write_new(files[i], 4 * KIB, 0);
        ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITE), 0);
        ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PWRITEV2), 1); /* with RWF_DSYNC */
        t_fault_disarm();
        ck_assert_int_eq(dbio_close(files[i]), 0);
    }
    t_close(rig.context, rig.file);
}
END_TEST

static long advice = -1;

static long
record_advice(enum dbio_sys_call call, const long arguments[6])
{
    advice = arguments[3];
    return dbio__sys_real(call, arguments);
}

static long
advice_at_open(const char *path, enum dbio_mode mode, enum dbio_pattern pattern)
{
    struct dbio_file_options options = {.size = sizeof(options)};
    struct dbio_context *context = t_context();
    struct dbio_file *file;

    options.mode = (uint32_t)mode;
    options.pattern = (uint32_t)pattern;
    advice = -1;
    ck_assert_int_eq(dbio_open(context, path, O_RDWR, 0, &options, &file), 0);
    t_close(context, file);
    return advice;
}

START_TEST(readahead_is_switched_off_in_direct_standing_and_as_asked_elsewhere)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);
    const char *path = rig.path;

    t_close(rig.context, rig.file);
    dbio__sys_table[DBIO_SYS_FADVISE].call = record_advice;
    ck_assert_int_eq(advice_at_open(path, DBIO_MODE_DIRECT, DBIO_PATTERN_NORMAL),
                     POSIX_FADV_RANDOM);
    ck_assert_int_eq(advice_at_open(path, DBIO_MODE_DIRECT, DBIO_PATTERN_SEQUENTIAL),
                     POSIX_FADV_RANDOM);
    ck_assert_int_eq(advice_at_open(path, DBIO_MODE_BUFFERED, DBIO_PATTERN_NORMAL), -1);
    ck_assert_int_eq(advice_at_open(path, DBIO_MODE_BUFFERED, DBIO_PATTERN_RANDOM),
                     POSIX_FADV_RANDOM);
    ck_assert_int_eq(advice_at_open(path, DBIO_MODE_AUTO, DBIO_PATTERN_SEQUENTIAL),
                     POSIX_FADV_SEQUENTIAL);
}
END_TEST

START_TEST(descriptors_that_are_used_again_get_the_advice_of_the_new_handle)
{
    T_DIRECT_OR_SKIP(where);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);
    int fd = open(rig.path, O_RDWR | O_CLOEXEC); /* keeps the descriptors from being closed */

    ck_assert_int_eq(fcntl(fd, F_SETLK, &lock), 0);
    t_close(rig.context, rig.file);
    dbio__sys_table[DBIO_SYS_FADVISE].call = record_advice;
    ck_assert_int_eq(advice_at_open(rig.path, DBIO_MODE_BUFFERED, DBIO_PATTERN_NORMAL),
                     POSIX_FADV_NORMAL);
    ck_assert_int_eq(advice_at_open(rig.path, DBIO_MODE_BUFFERED, DBIO_PATTERN_NORMAL), -1);
    ck_assert_int_eq(advice_at_open(rig.path, DBIO_MODE_DIRECT, DBIO_PATTERN_NORMAL),
                     POSIX_FADV_RANDOM);
    close(fd);
}
END_TEST

START_TEST(the_advice_of_a_borrowed_descriptor_is_left_alone)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);
    int fd = open(rig.path, O_RDWR | O_CLOEXEC);
    struct dbio_file *file;

    dbio__sys_table[DBIO_SYS_FADVISE].call = record_advice;
    ck_assert_int_eq(dbio_adopt(rig.context, fd, 0, &options, &file), 0);
    ck_assert_int_eq(file->descriptors->buffered, fd);
    ck_assert_int_eq(advice, -1);
    t_read_old(file, 4 * KIB, 0);
    ck_assert_int_eq(dbio_close(file), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(requests_use_the_private_descriptors_beside_a_borrowed_one)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, 64 * KIB);
    int fd = open(rig.path, O_RDWR | O_APPEND | O_CLOEXEC);
    struct dbio_file *file;

    ck_assert_int_eq(dbio_adopt(rig.context, fd, DBIO_ADOPT_BORROW, NULL, &file), 0);
    ck_assert_int_ne(file->descriptors->buffered, fd);
    ck_assert_int_eq(fcntl(file->descriptors->buffered, F_GETFL) & O_APPEND, 0);
    t_write_new(file, 100, 50); /* with O_APPEND it would go to the end */
    t_verify_new(rig.path, 100, 50);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("file");
    TCase *cases = tcase_create("file");

    t_add_direct_test(cases, the_direct_descriptor_is_opened_by_the_first_request_that_needs_it);
    tcase_add_test(cases, a_buffered_file_never_opens_a_second_descriptor);
    t_add_direct_test(
        cases, without_a_free_descriptor_requests_go_buffered_and_direct_again_when_there_is_one);
    t_add_direct_test(cases, einval_on_the_direct_descriptor_is_the_last_word);
    t_add_direct_test(cases, an_atomic_write_without_a_direct_descriptor_is_refused);
    t_add_direct_test(cases, the_access_of_the_direct_descriptor_is_that_of_the_handle);
    tcase_add_test(cases, a_file_opened_or_adopted_with_o_sync_or_o_dsync_is_written_durably);
    t_add_direct_test(cases, readahead_is_switched_off_in_direct_standing_and_as_asked_elsewhere);
    t_add_direct_test(cases, descriptors_that_are_used_again_get_the_advice_of_the_new_handle);
    t_add_direct_test(cases, the_advice_of_a_borrowed_descriptor_is_left_alone);
    tcase_add_test(cases, requests_use_the_private_descriptors_beside_a_borrowed_one);
    suite_add_tcase(suite, cases);
    return suite;
}
