/*
 * test_api_statistics.c - counters that others can read: they outlive the process that counted,
 * a child counts for itself, a broken or foreign file is refused and harms nobody, and processes
 * are switched off and on.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (256 * KIB)

static char path[64];

static void
name_file(void)
{
    (void)snprintf(path, sizeof(path), "/dev/shm/dbio-test-statistics-%d", (int)getpid());
    (void)unlink(path);
}

static struct dbio_context *
counting_context(void)
{
    struct dbio_context_options options = {.size = sizeof(options), .statistics = path};
    struct dbio_context *context;

    ck_assert_int_eq(dbio_context_create(&options, &context), 0);
    return context;
}

static struct dbio_statistics
totals(void)
{
    struct dbio_statistics all = {.size = sizeof(all)};
    struct dbio_statistics_view *view;

    ck_assert_int_eq(dbio_statistics_open(path, &view), 0);
    ck_assert_int_eq(dbio_statistics_totals(view, &all), 0);
    dbio_statistics_close(view);
    return all;
}

/* Reads `count` pages in a context that counts in the file. */
static int
read_pages(const char *file_path, int count)
{
    struct dbio_context_options options = {.size = sizeof(options), .statistics = path};
    struct dbio_context *context;
    struct dbio_file *file;
    static char page[T_PAGE];
    int i, good = 0;

    if (dbio_context_create(&options, &context) != 0 ||
        dbio_open(context, file_path, O_RDONLY, 0, NULL, &file) != 0)
        return 1;
    for (i = 0; i < count; i++)
        good += dbio_pread(file, page, T_PAGE, 0, 0) == (ssize_t)T_PAGE;
    return good != count;
}

static void
run_child(const char *file_path, int count, int signal)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        int failed = read_pages(file_path, count);

        if (signal != 0)
            (void)kill(getpid(), signal);
        _exit(failed);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, signal);
}

START_TEST(what_was_counted_outlives_the_process)
{
    const struct t_filesystem *where = &t_filesystems()[0];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
    struct dbio_statistics one = {.size = sizeof(one)};
    struct dbio_statistics_view *view;
    int i;

    name_file();
    run_child(rig.path, 7, 0);
    run_child(rig.path, 11, SIGKILL);
    ck_assert_uint_eq(totals().counters[DBIO_STAT_READS], 18);
    ck_assert_uint_eq(totals().reasons[DBIO_REASON_ROLE_DATA], 18);
    ck_assert_uint_eq(totals().alive, 0);
    ck_assert_int_eq(dbio_statistics_open(path, &view), 0);
    ck_assert_int_eq(dbio_statistics_process(view, 1, &one), 0);
    ck_assert_uint_eq(one.counters[DBIO_STAT_READS], 11);
    ck_assert_int_eq(one.alive, 0);
    ck_assert_int_eq(dbio_statistics_process(view, 2, &one), -ENOENT);
    dbio_statistics_close(view);
    /* More of them than there are places: those that ended are added up. */
    for (i = 0; i < 400; i++)
        run_child(rig.path, 1, 0);
    ck_assert_uint_eq(totals().counters[DBIO_STAT_READS], 418);
    ck_assert_int_eq(unlink(path), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_destroyed_context_leaves_its_counts)
{
    struct dbio_context *context;

    name_file();
    context = counting_context();
    ck_assert_int_eq(dbio_untracked(context, 5), 0);
    ck_assert_uint_eq(totals().counters[DBIO_STAT_UNTRACKED], 5);
    ck_assert_uint_eq(totals().alive, 1);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_uint_eq(totals().counters[DBIO_STAT_UNTRACKED], 5);
    ck_assert_uint_eq(totals().alive, 0);
    ck_assert_int_eq(dbio_untracked(NULL, 1), -EINVAL);
    ck_assert_int_eq(dbio_untracked(context, 1), -EBADF);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(a_child_of_fork_counts_for_itself)
{
    struct dbio_context *context, *quiet = t_context();
    int status;
    pid_t child;

    name_file();
    context = counting_context();
    ck_assert_int_eq(dbio_untracked(context, 3) + dbio_untracked(quiet, 3), 0);
    child = fork();
    if (child == 0) {
        struct dbio_stats stats = {.size = sizeof(stats)};
        int fine = dbio_untracked(context, 4) == 0 && dbio_stats_read(context, &stats) == 0 &&
                   stats.counters[DBIO_STAT_UNTRACKED] == 4;

        fine =
            fine && dbio_stats_read(quiet, &stats) == 0 && stats.counters[DBIO_STAT_UNTRACKED] == 0;
        _exit(!fine);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_UNTRACKED), 3);
    ck_assert_uint_eq(totals().counters[DBIO_STAT_UNTRACKED], 7);
    ck_assert_int_eq(dbio_context_destroy(context) + dbio_context_destroy(quiet), 0);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

static void
put_file(const char *text, size_t length, mode_t mode)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_eq(write(fd, text, length), (ssize_t)length);
    ck_assert_int_eq(fchmod(fd, mode) + close(fd), 0);
}

/* A context that cannot count there counts for itself. */
static void
check_refused(int error)
{
    struct dbio_statistics_view *view;
    struct dbio_context *context = counting_context();

    ck_assert_int_eq(dbio_untracked(context, 2), 0);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_UNTRACKED), 2);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_eq(dbio_statistics_open(path, &view), error);
    ck_assert_int_eq(dbio_statistics_switch(path, 0, 0), error);
}

START_TEST(another_file_is_refused_and_left_as_it_is)
{
    static char garbage[8192];
    struct dbio_context *context;
    char byte;
    int fd;

    name_file();
    memset(garbage, 'g', sizeof(garbage));
    put_file(garbage, sizeof(garbage), 0600);
    check_refused(-EBADMSG);
    fd = open(path, O_RDONLY);
    ck_assert_int_eq(pread(fd, &byte, 1, 8191), 1);
    ck_assert_int_eq(byte, 'g');
    close(fd);
    put_file("x", 1, 0666);
    check_refused(-EPERM);
    (void)unlink(path);
    ck_assert_int_eq(symlink("/dev/zero", path), 0);
    check_refused(-ELOOP);
    (void)unlink(path);
    /* Of another version. */
    context = counting_context();
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    fd = open(path, O_RDWR);
    ck_assert_int_eq(pwrite(fd, "\377", 1, 8), 1);
    close(fd);
    check_refused(-EBADMSG);
    (void)unlink(path);
}
END_TEST

START_TEST(a_wish_that_is_no_path)
{
    struct dbio_context_options options = {.size = sizeof(options), .statistics = "relative"};
    struct dbio_context *context;
    char text[200];

    ck_assert_int_eq(dbio_context_create(&options, &context), -EINVAL);
    options.statistics = "off";
    ck_assert_int_eq(dbio_context_create(&options, &context), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    memset(text, '/', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    options.statistics = "/nowhere/at/all";
    ck_assert_int_eq(dbio_context_create(&options, &context), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_eq(setenv("DBIO_STATISTICS", "off", 1), 0);
    ck_assert_int_eq(dbio_statistics_path(text, sizeof(text)), -ENOENT);
    ck_assert_int_eq(setenv("DBIO_STATISTICS", "/some/where", 1), 0);
    ck_assert_int_eq(dbio_statistics_path(text, sizeof(text)), 0);
    ck_assert_str_eq(text, "/some/where");
    ck_assert_int_eq(dbio_statistics_path(text, 5), -ENAMETOOLONG);
    ck_assert_int_eq(dbio_statistics_path(NULL, 5), -EINVAL);
    ck_assert_int_eq(unsetenv("DBIO_STATISTICS"), 0);
    ck_assert_int_eq(dbio_statistics_path(text, sizeof(text)), 0);
    ck_assert_ptr_nonnull(strstr(text, ".statistics"));
}
END_TEST

START_TEST(what_a_view_is_not_asked)
{
    struct dbio_statistics statistics = {.size = 8};
    struct dbio_statistics_view *view;
    struct dbio_context *context;

    name_file();
    ck_assert_int_eq(dbio_statistics_open(path, &view), -ENOENT);
    ck_assert_int_eq(dbio_statistics_open(NULL, &view), -EINVAL);
    ck_assert_int_eq(dbio_statistics_open(path, NULL), -EINVAL);
    context = counting_context();
    ck_assert_int_eq(dbio_statistics_open(path, &view), 0);
    ck_assert_int_eq(dbio_statistics_totals(view, &statistics), -EINVAL);
    ck_assert_int_eq(dbio_statistics_process(view, 0, &statistics), -EINVAL);
    ck_assert_int_eq(dbio_statistics_totals(view, NULL), -EINVAL);
    ck_assert_int_eq(dbio_statistics_totals(NULL, &statistics), -EINVAL);
    ck_assert_int_eq(dbio_statistics_process(view, 0, NULL), -EINVAL);
    dbio_statistics_close(view);
    dbio_statistics_close(NULL);
    ck_assert_int_eq(dbio_statistics_switch(NULL, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_statistics_switch(path, -1, 0), -EINVAL);
    ck_assert_int_eq(dbio_statistics_switch(path, 0x7fffffff, 0), -ESRCH);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(a_process_that_has_ended_is_not_switched)
{
    struct dbio_context *context;
    pid_t child;

    name_file();
    context = counting_context();
    child = fork();
    if (child == 0) {
        struct dbio_context *own = counting_context(); /* and ends without giving its place back */

        (void)own;
        (void)raise(SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_uint_eq(totals().alive, 1);
    ck_assert_int_eq(dbio_statistics_switch(path, child, 0), -ESRCH);
    ck_assert_int_eq(dbio_statistics_switch(path, 0, 0), 0);
    ck_assert_uint_eq(totals().off, 1);
    ck_assert_int_eq(dbio_statistics_switch(path, 0, 1), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(a_process_is_switched_off_and_on)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
    struct dbio_context *context, *later;
    struct dbio_file *file;

    name_file();
    context = counting_context();
    file = t_open(context, rig.path, DBIO_MODE_DIRECT);
    t_read_old(file, 4 * KIB, 0);
    ck_assert_uint_eq(t_why(file).standing_direct, 1);
    ck_assert_int_eq(dbio_statistics_switch(path, getpid(), 0), 0);
    ck_assert_uint_eq(t_why(file).standing_reason, DBIO_REASON_SWITCHED_OFF);
    t_read_old(file, 4 * KIB, 64 * KIB);
    ck_assert_uint_eq(t_reasoned(file, DBIO_REASON_SWITCHED_OFF), 1);
    ck_assert_uint_eq(totals().off, 1);
    ck_assert_int_eq(dbio_statistics_switch(path, getpid(), 1), 0);
    ck_assert_uint_eq(t_why(file).standing_direct, 1);
    ck_assert_int_eq(dbio_statistics_switch(path, 0, 0), 0);
    later = counting_context(); /* joins what is switched off */
    ck_assert_uint_eq(totals().off, 2);
    ck_assert_int_eq(dbio_statistics_switch(path, 0, 1), 0);
    ck_assert_uint_eq(totals().off, 0);
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_int_eq(dbio_context_destroy(context) + dbio_context_destroy(later), 0);
    ck_assert_int_eq(unlink(path), 0);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_statistics");
    TCase *cases = tcase_create("statistics");

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, what_was_counted_outlives_the_process);
    tcase_add_test(cases, a_destroyed_context_leaves_its_counts);
    tcase_add_test(cases, a_child_of_fork_counts_for_itself);
    tcase_add_test(cases, another_file_is_refused_and_left_as_it_is);
    tcase_add_test(cases, a_wish_that_is_no_path);
    tcase_add_test(cases, what_a_view_is_not_asked);
    tcase_add_test(cases, a_process_that_has_ended_is_not_switched);
    t_add_direct_test(cases, a_process_is_switched_off_and_on);
    suite_add_tcase(suite, cases);
    return suite;
}
