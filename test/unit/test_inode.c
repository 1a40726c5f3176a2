/*
 * test_inode.c - one struct per file and process, whatever the handles; freed with the last; the
 * descriptors that may not be closed yet, on every path on which the kernel answers oddly.
 * What locks survive: test_api_lock.c.
 */
#include "engine/inode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/arbitration.h"
#include "engine/file.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"
#include "t_hold.h"

#define KIB ((size_t)1024)

static struct dbio_file *
reopen(struct t_rig *rig)
{
    return t_open(rig->context, rig->path, DBIO_MODE_DIRECT);
}

START_TEST(handles_on_one_file_share_an_inode_by_whichever_name_they_came)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);
    const char *hard = t_path(where->directory, "hard"), *soft = t_path(where->directory, "soft");
    struct dbio_file *files[3];
    int fd = open(rig.path, O_RDONLY | O_CLOEXEC);

    ck_assert_int_eq(link(rig.path, hard), 0);
    ck_assert_int_eq(symlink(rig.path, soft), 0);
    files[0] = t_open(rig.context, hard, DBIO_MODE_BUFFERED);
    files[1] = t_open(rig.context, soft, DBIO_MODE_AUTO);
    ck_assert_int_eq(dbio_adopt(rig.context, fd, 0, NULL, &files[2]), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_eq(files[i]->inode, rig.file->inode);
    ck_assert_uint_eq(rig.file->inode->references, 4);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(dbio_close(files[i]), 0);
    ck_assert_uint_eq(rig.file->inode->references, 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_new_file_under_an_old_name_is_another_inode)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);
    struct dbio_file *other;

    ck_assert_int_eq(unlink(rig.path), 0);
    other = t_open(rig.context, rig.path, DBIO_MODE_DIRECT);
    ck_assert_ptr_ne(other->inode, rig.file->inode);
    ck_assert_int_eq(dbio_size(other), 0);
    t_read_old(rig.file, 64 * KIB, 0);
    ck_assert_int_eq(dbio_close(other), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(the_last_close_frees_the_inode)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);
    long before;

    for (int i = 0; i < 64; i++) /* until the pool of handles has grown */
        ck_assert_int_eq(dbio_close(reopen(&rig)), 0);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    before = dbio__mem_outstanding();
    for (int i = 0; i < 200; i++) {
        rig.file = reopen(&rig);
        t_read_old(rig.file, 4 * KIB, 0);
        ck_assert_int_eq(dbio_close(rig.file), 0);
    }
    ck_assert_int_eq(dbio__mem_outstanding(), before);
    ck_assert_uint_eq(dbio__inode_parked(), 0);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

START_TEST(many_files_at_once_are_told_apart)
{
    enum { MANY = 700 }; /* more than the buckets of the table */
    static struct dbio_file *files[MANY];
    struct dbio_context *context = t_context();
    char name[32];

    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "many%d", i);
        files[i] = t_open(context, t_path(t_scratch(), name), DBIO_MODE_BUFFERED);
        ck_assert_int_eq(dbio_pwrite(files[i], &i, sizeof(i), 0, 0), sizeof(i));
    }
    for (int i = 0; i < MANY; i++) {
        int found;

        ck_assert_int_eq(dbio_pread(files[i], &found, sizeof(found), 0, 0), sizeof(found));
        ck_assert_int_eq(found, i);
        ck_assert_int_eq(dbio_close(files[i]), 0);
    }
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(when_the_kernel_will_not_say_who_holds_locks_descriptors_are_kept)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, 64 * KIB);
    int before = t_descriptors();

    t_fault_all(DBIO_SYS_FCNTL, EINVAL, NULL);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    ck_assert_uint_eq(dbio__inode_parked(), 1);
    ck_assert_int_eq(t_descriptors(), before);
    t_fault_disarm();
    ck_assert_int_eq(dbio_close(t_open(rig.context, t_path(t_scratch(), "x"), DBIO_MODE_AUTO)), 0);
    ck_assert_uint_eq(dbio__inode_parked(), 0);
    ck_assert_int_lt(t_descriptors(), before);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

START_TEST(an_error_of_close_is_told_and_the_descriptor_is_gone)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, 64 * KIB);
    int before = t_descriptors();

    t_fault_one(DBIO_SYS_CLOSE, 1, EIO);
    ck_assert_int_eq(dbio_close(rig.file), -EIO);
    t_fault_disarm();
    ck_assert_int_eq(dbio_close(rig.file), -EBADF);
    ck_assert_int_eq(t_descriptors(), before - 1);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

START_TEST(without_memory_or_facts_nothing_is_opened_and_nothing_is_lost)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, 64 * KIB);
    const char *path = t_path(t_scratch(), "other");
    struct dbio_file *file;
    int descriptors, error, round;

    ck_assert_int_eq(dbio_close(t_open(rig.context, path, DBIO_MODE_AUTO)), 0);
    descriptors = t_descriptors();
    for (round = 0, error = -1; error != 0 && round < 10; round++) {
        long before = dbio__mem_outstanding();

        dbio__mem_fail_after(round);
        error = dbio_open(rig.context, path, O_RDWR, 0, NULL, &file);
        dbio__mem_fail_after(-1);
        ck_assert(error == 0 || error == -ENOMEM);
        if (error == 0)
            ck_assert_int_eq(dbio_close(file), 0);
        else
            ck_assert_int_eq(dbio__mem_outstanding(), before);
        ck_assert_int_eq(t_descriptors(), descriptors);
    }
    ck_assert_int_gt(round, 2);
    t_fault_one(DBIO_SYS_FSTATFS, 1, EIO);
    ck_assert_int_eq(dbio_open(rig.context, path, O_RDWR, 0, NULL, &file), -EIO);
    t_fault_disarm();
    ck_assert_int_eq(t_descriptors(), descriptors);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_FILES), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(ranges_are_tracked_in_pages_or_in_blocks_whichever_is_larger)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);
    uint32_t unit = rig.file->inode->unit;

    ck_assert_uint_ge(unit, (uint32_t)getpagesize());
    ck_assert_uint_eq(unit & (unit - 1), 0);
    ck_assert_uint_ge(unit, rig.file->inode->facts.offset_align);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_demotion_holds_until_the_last_close_and_the_first_reason_stays)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, 64 * KIB);
    struct dbio_file *other = t_open(rig.context, rig.path, DBIO_MODE_DIRECT);

    ck_assert(dbio__inode_demote(rig.file->inode, DBIO_REASON_DIRECT_REFUSED));
    ck_assert(!dbio__inode_demote(rig.file->inode, DBIO_REASON_SILENT_FALLBACK));
    ck_assert_uint_eq(t_why(other).standing_reason, DBIO_REASON_DIRECT_REFUSED);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    ck_assert_uint_eq(t_why(other).standing_direct, 0);
    ck_assert_int_eq(dbio_close(other), 0);
    rig.file = reopen(&rig);
    ck_assert_uint_eq(t_why(rig.file).standing_direct, 1);
    t_close(rig.context, rig.file);
}
END_TEST

static long
open_and_close(void *argument)
{
    struct t_rig *rig = argument;
    char byte;

    for (int i = 0; i < 300; i++) {
        struct dbio_file *file;

        if (dbio_open(rig->context, rig->path, O_RDWR, 0, NULL, &file) != 0)
            return 1;
        if (dbio_pread(file, &byte, 1, i, 0) != 1 || dbio_close(file) != 0)
            return 2;
    }
    return 0;
}

START_TEST(threads_may_open_and_close_the_same_file_at_the_same_time)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, 64 * KIB);
    struct t_job jobs[4];
    int before = t_descriptors();

    ck_assert_int_eq(dbio_close(rig.file), 0);
    for (int i = 0; i < 4; i++)
        t_job_start(&jobs[i], open_and_close, &rig);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(t_job_join(&jobs[i]), 0);
    ck_assert_uint_eq(dbio__inode_parked(), 0);
    ck_assert_int_lt(t_descriptors(), before);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("inode");
    TCase *cases = tcase_create("inode");

    t_add_filesystem_test(cases, handles_on_one_file_share_an_inode_by_whichever_name_they_came);
    t_add_filesystem_test(cases, a_new_file_under_an_old_name_is_another_inode);
    t_add_filesystem_test(cases, the_last_close_frees_the_inode);
    tcase_add_test(cases, many_files_at_once_are_told_apart);
    tcase_add_test(cases, when_the_kernel_will_not_say_who_holds_locks_descriptors_are_kept);
    tcase_add_test(cases, an_error_of_close_is_told_and_the_descriptor_is_gone);
    tcase_add_test(cases, without_memory_or_facts_nothing_is_opened_and_nothing_is_lost);
    t_add_filesystem_test(cases, ranges_are_tracked_in_pages_or_in_blocks_whichever_is_larger);
    t_add_direct_test(cases, a_demotion_holds_until_the_last_close_and_the_first_reason_stays);
    tcase_add_test(cases, threads_may_open_and_close_the_same_file_at_the_same_time);
    suite_add_tcase(suite, cases);
    return suite;
}
