/*
 * test_api_share.c - descriptors that the program shares, requests that it carries out itself, and
 * what it tells of a file: DBIO_ADOPT_SHARE, dbio_span, dbio_demote, dbio_owns_descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (256 * KIB)

static struct dbio_file *
share(const struct t_rig *rig, int fd, enum dbio_mode mode)
{
    struct dbio_file_options options = {.size = sizeof(options), .mode = mode};
    struct dbio_file *file;

    ck_assert_int_eq(dbio_adopt(rig->context, fd, DBIO_ADOPT_SHARE, &options, &file), 0);
    return file;
}

static uint64_t
direct_requests(struct dbio_file *file)
{
    return t_routed(file, DBIO_ROUTE_DIRECT) + t_routed(file, DBIO_ROUTE_DIRECT_BOUNCE);
}

START_TEST(one_descriptor_is_opened_besides_the_shared_one)
{
    T_DIRECT_OR_SKIP(where);
    static const int kinds[] = {0, O_DIRECT, O_DSYNC};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
        int fd = open(rig.path, O_RDWR | O_CLOEXEC | kinds[i]), before, flags;
        struct dbio_file *file;

        ck_assert_int_ge(fd, 0);
        before = t_descriptors();
        flags = fcntl(fd, F_GETFL);
        ck_assert_int_eq(lseek(fd, 777, SEEK_SET), 777);
        file = share(&rig, fd, DBIO_MODE_DIRECT);
        t_read_old(file, 64 * KIB, 64 * KIB);
        t_read_old(file, 1000, 70001);
        t_write_new(file, 32 * KIB, 0);
        ck_assert_uint_gt(direct_requests(file), 0);
        ck_assert_int_eq(t_descriptors(), before + 1);
        ck_assert_int_eq(fcntl(fd, F_GETFL), flags);
        ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 777);
        ck_assert_int_eq(dbio_close(file), 0);
        ck_assert_int_eq(fcntl(fd, F_GETFL), flags); /* still open */
        ck_assert_int_eq(t_descriptors(), before);
        t_verify_new(rig.path, 32 * KIB, 0);
        close(fd);
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(a_shared_descriptor_in_buffered_standing_is_all_there_is)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
    int fd = open(rig.path, O_RDWR | O_CLOEXEC), before = t_descriptors();
    struct dbio_file *file = share(&rig, fd, DBIO_MODE_BUFFERED);

    t_read_old(file, 64 * KIB, 64 * KIB);
    t_write_new(file, 1000, 0);
    ck_assert_int_eq(t_descriptors(), before);
    ck_assert_int_eq(dbio_close(file), 0);
    t_verify_new(rig.path, 1000, 0);
    close(fd);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(appending_descriptors_serve_reads_only)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
    int fd = open(rig.path, O_RDWR | O_APPEND | O_CLOEXEC);
    struct dbio_file *file = share(&rig, fd, DBIO_MODE_BUFFERED), *none;

    t_read_old(file, 64 * KIB, 64 * KIB);
    ck_assert_int_eq(dbio_pwrite(file, "x", 1, 0, 0), -EBADF);
    ck_assert_int_eq(dbio_close(file), 0);
    close(fd);
    fd = open(rig.path, O_RDWR | O_APPEND | O_DIRECT | O_CLOEXEC);
    if (fd >= 0) {
        ck_assert_int_eq(dbio_adopt(rig.context, fd, DBIO_ADOPT_SHARE, NULL, &none), -EINVAL);
        close(fd);
    }
    ck_assert_int_eq(dbio_adopt(rig.context, 0, 3, NULL, &none), -EINVAL); /* share and borrow */
    t_close(rig.context, rig.file);
}
END_TEST

/* The program closed the descriptor behind our back, and its number is another file's now. */
START_TEST(a_descriptor_that_became_another_file_is_not_written_to)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
    const char *other = t_path_kept(where->directory, "other");
    int fd = open(rig.path, O_RDWR | O_CLOEXEC), next;
    struct dbio_file *file = share(&rig, fd, DBIO_MODE_DIRECT);
    void *page = t_aligned(T_PAGE);

    t_read_old(file, 4 * KIB, 0);
    next = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(dup2(next, fd), fd);
    ck_assert_int_eq(dbio_pwrite(file, page, T_PAGE, 0, 0), -ESTALE);
    ck_assert_int_eq(dbio_pread(file, page, T_PAGE, 0, 0), -ESTALE);
    ck_assert_int_eq(lseek(next, 0, SEEK_END), 0);
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD) < 0, 0);
    close(fd);
    close(next);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(dbio_knows_its_own_descriptors)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    int fd = open(rig.path, O_RDWR | O_CLOEXEC), i, own = 0;
    struct dbio_file *file = share(&rig, fd, DBIO_MODE_DIRECT);

    t_read_old(file, 4 * KIB, 0);
    ck_assert_int_eq(dbio_owns_descriptor(fd), 0);
    for (i = 0; i < 3; i++)
        ck_assert_int_eq(dbio_owns_descriptor(i), 0);
    for (; i < 1000; i++)
        own += dbio_owns_descriptor(i);
    ck_assert_int_ge(own, 3); /* the registry, the rig's, the twin of `fd` */
    ck_assert_int_eq(dbio_owns_descriptor(-1), 0);
    ck_assert_int_eq(dbio_owns_descriptor(1 << 30), 0);
    ck_assert_int_eq(dbio_close(file), 0);
    close(fd);
    t_close(rig.context, rig.file);
    for (i = 3, own = -own; i < 1000; i++)
        own += dbio_owns_descriptor(i);
    ck_assert_int_lt(own, 0);
}
END_TEST

struct writer {
    struct dbio_file *file;
    ssize_t answer;
    _Atomic int done;
};

static void *
write_direct(void *argument)
{
    struct writer *writer = argument;

    writer->answer = dbio_pwrite(writer->file, t_aligned(T_PAGE), T_PAGE, 0, 0);
    writer->done = 1;
    return NULL;
}

START_TEST(others_wait_for_a_span)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct writer writer = {.file = rig.file};
    struct dbio_span span;
    pthread_t thread;

    ck_assert_int_eq(dbio_span_begin(rig.file, DBIO_CLASS_BUFFERED_READ, 0, 0, 0, &span), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, write_direct, &writer), 0);
    while (t_stat(rig.context, DBIO_STAT_TICKETS) < 1)
        sched_yield();
    usleep(20000);
    ck_assert_int_eq(writer.done, 0);
    ck_assert_int_eq(dbio_span_end(rig.file, &span), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(writer.answer, (ssize_t)T_PAGE);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_SPANS), 1);
    ck_assert_int_eq(dbio_span_end(rig.file, &span), -EINVAL); /* it is over */
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(what_a_span_cannot_be)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
    struct dbio_span span = {{0}}, second = {{0}};
    struct dbio_file *file = rig.file;

    ck_assert_int_eq(dbio_span_begin(NULL, 0, 0, 0, 0, &span), -EINVAL);
    ck_assert_int_eq(dbio_span_begin(file, DBIO_CLASS_COUNT, 0, 0, 0, &span), -EINVAL);
    ck_assert_int_eq(dbio_span_begin(file, 0, -1, 0, 0, &span), -EINVAL);
    ck_assert_int_eq(dbio_span_begin(file, 0, 0, -1, 0, &span), -EINVAL);
    ck_assert_int_eq(dbio_span_begin(file, 0, 0, 0, 1, &span), -EINVAL);
    ck_assert_int_eq(dbio_span_begin(file, 0, 0, 0, 0, NULL), -EINVAL);
    ck_assert_int_eq(dbio_span_end(file, &span), -EINVAL);
    ck_assert_int_eq(dbio_span_end(file, NULL), -EINVAL);
    ck_assert_int_eq(dbio_span_begin(file, DBIO_CLASS_EXCLUSIVE, 0, 0, 0, &span), 0);
    ck_assert_int_eq(dbio_span_begin(file, DBIO_CLASS_DIRECT_READ, 0, 4096, DBIO_NOWAIT, &second),
                     -EAGAIN);
    ck_assert_int_eq(dbio_span_end(file, &span), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_SPANS), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_demoted_file_goes_through_the_page_cache)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    uint64_t direct;

    t_read_old(rig.file, 4 * KIB, 0);
    direct = direct_requests(rig.file);
    ck_assert_uint_gt(direct, 0);
    ck_assert_int_eq(dbio_demote(NULL, DBIO_REASON_POLICY), -EINVAL);
    ck_assert_int_eq(dbio_demote(rig.file, DBIO_REASON_NONE), -EINVAL);
    ck_assert_int_eq(dbio_demote(rig.file, DBIO_REASON_SWITCHED_OFF), -EINVAL);
    ck_assert_int_eq(dbio_demote(rig.file, DBIO_REASON_USED_BY_CURSOR), 0);
    ck_assert_int_eq(dbio_demote(rig.file, DBIO_REASON_POLICY), 0); /* the first reason stays */
    t_read_old(rig.file, 4 * KIB, 8 * KIB);
    ck_assert_uint_eq(direct_requests(rig.file), direct);
    ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_USED_BY_CURSOR);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DEMOTIONS), 1);
    t_close(rig.context, rig.file);
}
END_TEST

/* Another process maps the file by itself and says so: everybody keeps out of direct I/O until it
 * has ended, also when it has closed the file. */
START_TEST(a_mapping_that_was_told_pins_every_process)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    int ready[2], go[2], status;
    char byte;
    pid_t child;

    ck_assert_int_eq(pipe(ready) + pipe(go), 0);
    child = fork();
    if (child == 0) {
        int fine = dbio_demote(rig.file, DBIO_REASON_FILE_MAPPED) == 0 &&
                   dbio_demote(rig.file, DBIO_REASON_FILE_MAPPED) == 0 && dbio_close(rig.file) == 0;

        fine = write(ready[1], "x", 1) == 1 && read(go[0], &byte, 1) == 1 && fine;
        _exit(!fine);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_FILE_MAPPED);
    t_read_old(rig.file, 4 * KIB, 0);
    ck_assert_uint_eq(direct_requests(rig.file), 0);
    ck_assert_int_eq(write(go[1], "x", 1), 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    while (t_why(rig.file).standing_direct == 0)
        usleep(10000);
    t_read_old(rig.file, 4 * KIB, 128 * KIB);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_share");
    TCase *cases = tcase_create("share");

    tcase_set_timeout(cases, 60);
    t_add_direct_test(cases, one_descriptor_is_opened_besides_the_shared_one);
    t_add_filesystem_test(cases, a_shared_descriptor_in_buffered_standing_is_all_there_is);
    t_add_filesystem_test(cases, appending_descriptors_serve_reads_only);
    t_add_direct_test(cases, a_descriptor_that_became_another_file_is_not_written_to);
    t_add_direct_test(cases, dbio_knows_its_own_descriptors);
    t_add_direct_test(cases, others_wait_for_a_span);
    t_add_filesystem_test(cases, what_a_span_cannot_be);
    t_add_direct_test(cases, a_demoted_file_goes_through_the_page_cache);
    t_add_direct_test(cases, a_mapping_that_was_told_pins_every_process);
    suite_add_tcase(suite, cases);
    return suite;
}
