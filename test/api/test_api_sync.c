/*
 * test_api_sync.c - dbio_fdatasync, dbio_fsync, dbio_sync_range: they answer 0, are counted, and
 * what they leave behind is clean. What happens when they fail: test/unit/test_durability.c.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB              ((size_t)1024)
#define SIZE             (256 * KIB)
#define CACHESTAT_NUMBER 451

/* Dirty pages, and pages on their way out, of [offset, offset + length). */
static uint64_t
dirty_pages(const char *path, uint64_t offset, uint64_t length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t range[2] = {offset, length}, counts[5];

    ck_assert_int_eq(syscall(CACHESTAT_NUMBER, fd, range, counts, 0), 0);
    close(fd);
    return counts[1] + counts[2];
}

START_TEST(syncs_of_every_handle_answer_0_and_are_counted)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_file *reader;

    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDONLY, 0, NULL, &reader), 0);
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    ck_assert_int_eq(dbio_fsync(rig.file), 0);
    ck_assert_int_eq(dbio_fdatasync(reader), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_SYNCS), 3);
    ck_assert_int_eq(dbio_sync_range(rig.file, 0, 0), 0);
    ck_assert_int_eq(dbio_sync_range(rig.file, 100, 1000), 0);
    ck_assert_int_eq(dbio_sync_range(rig.file, INT64_MAX, 0), 0);
    ck_assert_int_eq(dbio_sync_range(rig.file, (off_t)SIZE * 10, 4096), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_SYNCS), 3); /* it promises nothing */
    ck_assert_int_eq(dbio_close(reader), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(after_a_sync_nothing_is_dirty_whoever_wrote_it)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
    struct dbio_file *direct;

    if (!t_cache_has_cachestat())
        t_skip("this kernel has no cachestat");
    direct = t_open(rig.context, rig.path, DBIO_MODE_DIRECT);
    for (int i = 0; i < 2; i++) {
        t_write_new(rig.file, SIZE, 0);
        ck_assert_uint_ne(dirty_pages(rig.path, 0, SIZE), 0);
        ck_assert_int_eq(i == 0 ? dbio_fdatasync(direct) : dbio_fsync(direct), 0);
        ck_assert_uint_eq(dirty_pages(rig.path, 0, SIZE), 0);
    }
    ck_assert_int_eq(dbio_close(direct), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(sync_range_writes_its_range_back)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);

    if (!t_cache_has_cachestat())
        t_skip("this kernel has no cachestat");
    t_write_new(rig.file, SIZE, 0);
    ck_assert_int_eq(dbio_sync_range(rig.file, 64 * KIB + 1, 64 * KIB - 2), 0);
    ck_assert_uint_eq(dirty_pages(rig.path, 64 * KIB, 64 * KIB), 0);
    ck_assert_int_eq(dbio_sync_range(rig.file, 0, 0), 0);
    ck_assert_uint_eq(dirty_pages(rig.path, 0, SIZE), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_durable_write_leaves_nothing_dirty)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_BUFFERED, SIZE);
    char *bytes = t_patterned(100 * KIB, T_NEW, 1000);

    if (!t_cache_has_cachestat())
        t_skip("this kernel has no cachestat");
    ck_assert_int_eq(dbio_pwrite(rig.file, bytes, 100 * KIB, 1000, DBIO_DURABLE), 100 * KIB);
    ck_assert_uint_eq(dirty_pages(rig.path, 0, SIZE), 0);
    t_verify_new(rig.path, 100 * KIB, 1000);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_sync");
    TCase *cases = tcase_create("api_sync");

    t_add_filesystem_test(cases, syncs_of_every_handle_answer_0_and_are_counted);
    t_add_direct_test(cases, after_a_sync_nothing_is_dirty_whoever_wrote_it);
    t_add_direct_test(cases, sync_range_writes_its_range_back);
    t_add_direct_test(cases, a_durable_write_leaves_nothing_dirty);
    suite_add_tcase(suite, cases);
    return suite;
}
