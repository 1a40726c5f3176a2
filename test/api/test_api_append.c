/*
 * test_api_append.c - dbio_append: whole, at the end, at a place that it tells, by several
 * handles and threads.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "t_dbio.h"
#include "t_file.h"
#include "t_model.h"

#define KIB     ((size_t)1024)
#define RECORDS 60
#define THREADS 3

START_TEST(appends_of_every_length_stand_one_after_the_other)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const size_t lengths[] = {1, 100, 4096, 8192, 3, 140000, 4096, 300 * KIB, 511};

    for (unsigned mode = 0; mode < 4; mode++) {
        struct t_rig rig = t_rig(where->directory, (enum dbio_mode)mode, 777);
        uint64_t end = 777;

        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            unsigned flags = i % 3 == 0 ? DBIO_DURABLE : 0;
            void *bytes = t_patterned(lengths[i], T_SEED, end);
            off_t at = -1;

            ck_assert_int_eq(dbio_append(rig.file, bytes, lengths[i], flags, &at),
                             (ssize_t)lengths[i]);
            ck_assert_int_eq(at, (off_t)end);
            end += lengths[i];
            ck_assert_int_eq(dbio_size(rig.file), (off_t)end);
        }
        ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_EXCLUSIVE), 9);
        ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WRITES), 9);
        t_file_verify(rig.path, T_SEED, 0, end);
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(where_the_bytes_stand_need_not_be_asked_for)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_AUTO, 100);

    ck_assert_int_eq(dbio_append(rig.file, t_patterned(50, T_SEED, 100), 50, 0, NULL), 50);
    t_file_verify(rig.path, T_SEED, 0, 150);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_failed_append_leaves_the_place_untouched)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_AUTO, 100);
    off_t at = -7;

    ck_assert_int_eq(dbio_append(rig.file, NULL, 50, 0, &at), -EFAULT);
    ck_assert_int_eq(dbio_append(rig.file, (void *)8, 5000, 0, &at), -EFAULT);
    ck_assert_int_eq(at, -7);
    ck_assert_int_eq(dbio_size(rig.file), 100);
    t_close(rig.context, rig.file);
}
END_TEST

struct appender {
    struct dbio_file *file;
    int number;
    off_t places[RECORDS];
    size_t lengths[RECORDS];
};

static void *
append_records(void *argument)
{
    struct appender *appender = argument;
    char *record = t_aligned(20000);

    t_random_start(t_seed() + (uint64_t)appender->number);
    for (int i = 0; i < RECORDS; i++) {
        size_t length = 1 + t_random_below(i % 2 == 0 ? 200 : 20000);

        memset(record, appender->number, length);
        appender->lengths[i] = length;
        if (dbio_append(appender->file, record, length, 0, &appender->places[i]) != (ssize_t)length)
            return appender;
    }
    return NULL;
}

static bool
is_all(const char *bytes, size_t length, char value)
{
    size_t i = 0;

    while (i < length && bytes[i] == value)
        i++;
    return i == length;
}

/* Every record stands where its append said, and together they are the file. */
static void
verify_records(const char *path, const struct appender *appenders)
{
    size_t total = 0, size = t_file_size(path);
    struct dbio_context *context = t_context();
    struct dbio_file *file = t_open(context, path, DBIO_MODE_BUFFERED);
    char *bytes = t_aligned(size);

    ck_assert_int_eq(dbio_pread(file, bytes, size, 0, 0), (ssize_t)size);
    for (int i = 0; i < THREADS; i++) {
        for (int j = 0; j < RECORDS; j++) {
            const char *record = bytes + appenders[i].places[j];

            ck_assert(is_all(record, appenders[i].lengths[j], (char)appenders[i].number));
            total += appenders[i].lengths[j];
        }
    }
    ck_assert_uint_eq(total, size);
    t_close(context, file);
}

START_TEST(appends_of_threads_through_handles_of_different_modes_never_overlap)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 0);
    static struct appender appenders[THREADS];
    pthread_t threads[THREADS];
    void *failed;

    for (int i = 0; i < THREADS; i++) {
        appenders[i].file = t_open(rig.context, rig.path, (enum dbio_mode)i);
        appenders[i].number = i + 1;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, append_records, &appenders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
        ck_assert_int_eq(dbio_close(appenders[i].file), 0);
    }
    verify_records(rig.path, appenders);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_append");
    TCase *cases = tcase_create("api_append");

    t_add_filesystem_test(cases, appends_of_every_length_stand_one_after_the_other);
    tcase_add_test(cases, where_the_bytes_stand_need_not_be_asked_for);
    tcase_add_test(cases, a_failed_append_leaves_the_place_untouched);
    t_add_filesystem_test(cases,
                          appends_of_threads_through_handles_of_different_modes_never_overlap);
    suite_add_tcase(suite, cases);
    return suite;
}
