/*
 * test_api_resize.c - dbio_truncate, dbio_allocate, dbio_punch: the size, the blocks and the
 * bytes afterwards, in every mode, compared with a model.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "t_dbio.h"
#include "t_file.h"
#include "t_model.h"

#define KIB  ((size_t)1024)
#define SIZE (256 * KIB)

/* A rig and the model of its file. */
static struct t_rig
modelled_rig(const char *directory, unsigned mode, struct t_model *model)
{
    struct t_rig rig = t_rig(directory, (enum dbio_mode)mode, SIZE);

    t_model_init(model);
    t_model_pwrite(model, t_patterned(SIZE, T_SEED, 0), SIZE, 0);
    return rig;
}

static void
compare_and_close(struct t_rig *rig, struct t_model *model)
{
    char *memory = t_aligned(model->size + 4096);

    /* Through the handle, whichever way it reads, and through the cache. */
    t_model_verify_read(model, memory, model->size + 4096,
                        dbio_pread(rig->file, memory, model->size + 4096, 0, 0), 0);
    t_model_verify(model, rig->path);
    t_model_fini(model);
    t_close(rig->context, rig->file);
}

START_TEST(truncate_cuts_and_what_grows_again_is_zero)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const off_t sizes[] = {200000, 4096, 10000, 9999, 0, 5, 300000, 299999, 131072, 131073};

    for (unsigned mode = 0; mode < 4; mode++) {
        struct t_model model;
        struct t_rig rig = modelled_rig(where->directory, mode, &model);

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            uint64_t at = (uint64_t)sizes[i] / 2;

            ck_assert_int_eq(dbio_truncate(rig.file, sizes[i]), 0);
            t_model_truncate(&model, (uint64_t)sizes[i]);
            ck_assert_int_eq(dbio_size(rig.file), sizes[i]);
            if (i % 2 == 0) {
                t_write_new(rig.file, 4096, at);
                t_model_pwrite(&model, t_patterned(4096, T_NEW, at), 4096, at);
            }
        }
        ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_EXCLUSIVE), 10);
        compare_and_close(&rig, &model);
    }
}
END_TEST

START_TEST(punch_makes_zeros_and_keeps_the_size)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    static const struct {
        off_t offset, length;
    } holes[] = {{0, 4096},      {10000, 1},         {8192, 100000},
                 {130001, 4095}, {SIZE - 100, 4096}, {SIZE + 4096, 4096}};

    for (unsigned mode = 0; mode < 4; mode++) {
        struct t_model model;
        struct t_rig rig = modelled_rig(where->directory, mode, &model);

        for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
            ck_assert_int_eq(dbio_punch(rig.file, holes[i].offset, holes[i].length), 0);
            t_model_punch(&model, (uint64_t)holes[i].offset, (uint64_t)holes[i].length);
        }
        ck_assert_int_eq(dbio_size(rig.file), SIZE);
        compare_and_close(&rig, &model);
    }
}
END_TEST

START_TEST(allocate_gives_blocks_and_changes_the_size_unless_told_to_keep_it)
{
    const struct t_filesystem *where = &t_filesystems()[_i];

    for (unsigned mode = 0; mode < 4; mode++) {
        struct t_model model;
        struct t_rig rig = modelled_rig(where->directory, mode, &model);
        struct stat status;

        ck_assert_int_eq(dbio_allocate(rig.file, SIZE, SIZE, DBIO_KEEP_SIZE), 0);
        ck_assert_int_eq(dbio_size(rig.file), SIZE);
        ck_assert_int_eq(stat(rig.path, &status), 0);
        ck_assert_int_ge(status.st_blocks * 512, 2 * SIZE);
        ck_assert_int_eq(dbio_allocate(rig.file, SIZE + 4096, 100, 0), 0);
        t_model_allocate(&model, SIZE + 4096, 100, false);
        ck_assert_int_eq(dbio_size(rig.file), SIZE + 4196);
        ck_assert_int_eq(dbio_allocate(rig.file, 0, 4096, 0), 0); /* there already */
        t_write_new(rig.file, 8192, SIZE);
        t_model_pwrite(&model, t_patterned(8192, T_NEW, SIZE), 8192, SIZE);
        compare_and_close(&rig, &model);
    }
}
END_TEST

START_TEST(errors_are_those_of_the_kernel_and_change_nothing)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    int error = dbio_allocate(rig.file, 0, (off_t)1 << 50, 0);

    ck_assert(error == -ENOSPC || error == -EFBIG);
    ck_assert_int_eq(dbio_size(rig.file), SIZE);
    t_file_verify(rig.path, T_SEED, 0, SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(random_resizing_between_reads_and_writes_gives_what_the_model_gives)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_model model;
    struct t_rig rig = modelled_rig(where->directory, DBIO_MODE_DIRECT, &model);
    char *memory = t_aligned(SIZE);

    for (int i = 0; i < 300; i++) {
        uint64_t offset = t_random_below(SIZE), length = 1 + t_random_below(20000);

        switch (t_random_below(5)) {
        case 0:
            ck_assert_int_eq(dbio_truncate(rig.file, (off_t)offset), 0);
            t_model_truncate(&model, offset);
            break;
        case 1:
            ck_assert_int_eq(dbio_punch(rig.file, (off_t)offset, (off_t)length), 0);
            t_model_punch(&model, offset, length);
            break;
        case 2:
            ck_assert_int_eq(dbio_allocate(rig.file, (off_t)offset, (off_t)length, 0), 0);
            t_model_allocate(&model, offset, length, false);
            break;
        case 3:
            t_write_new(rig.file, length, offset);
            t_model_pwrite(&model, t_patterned(length, T_NEW, offset), length, offset);
            break;
        default:
            t_model_verify_read(&model, memory, length,
                                dbio_pread(rig.file, memory, length, (off_t)offset, 0), offset);
        }
    }
    compare_and_close(&rig, &model);
}
END_TEST

/* ext4 and XFS have both; what a file system cannot do it says. */
START_TEST(collapse_and_insert_move_what_is_behind)
{
    const struct t_filesystem *where = &t_filesystems()[_i];

    for (unsigned mode = 0; mode < 4; mode++) {
        struct t_rig rig = t_rig(where->directory, (enum dbio_mode)mode, SIZE);
        char *memory = t_aligned(SIZE);
        int error = dbio_collapse(rig.file, 64 * KIB, 32 * KIB);

        if (error == -EOPNOTSUPP) {
            ck_assert_int_eq(dbio_insert(rig.file, 64 * KIB, 32 * KIB), -EOPNOTSUPP);
            t_file_verify(rig.path, T_SEED, 0, SIZE);
            t_close(rig.context, rig.file);
            t_skip("this file system has neither collapse nor insert");
        }
        ck_assert_int_eq(error, 0);
        ck_assert_int_eq(dbio_size(rig.file), SIZE - 32 * KIB);
        ck_assert_int_eq(dbio_pread(rig.file, memory, SIZE, 0, 0), SIZE - 32 * KIB);
        t_pattern_verify(memory, 64 * KIB, T_SEED, 0);
        t_pattern_verify(memory + 64 * KIB, SIZE - 96 * KIB, T_SEED, 96 * KIB);
        ck_assert_int_eq(dbio_insert(rig.file, 64 * KIB, 32 * KIB), 0);
        ck_assert_int_eq(dbio_size(rig.file), SIZE);
        ck_assert_int_eq(dbio_pread(rig.file, memory, SIZE, 0, 0), SIZE);
        t_pattern_verify(memory, 64 * KIB, T_SEED, 0);
        for (size_t at = 64 * KIB; at < 96 * KIB; at++)
            ck_assert_int_eq(memory[at], 0);
        t_pattern_verify(memory + 96 * KIB, SIZE - 96 * KIB, T_SEED, 96 * KIB);
        ck_assert_int_eq(dbio_collapse(rig.file, 1, 32 * KIB), -EINVAL);
        ck_assert_int_eq(dbio_insert(rig.file, 0, 0), -EINVAL);
        ck_assert_int_eq(dbio_collapse(rig.file, -1, 4 * KIB), -EINVAL);
        t_close(rig.context, rig.file);
    }
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_resize");
    TCase *cases = tcase_create("api_resize");

    t_add_filesystem_test(cases, truncate_cuts_and_what_grows_again_is_zero);
    t_add_filesystem_test(cases, punch_makes_zeros_and_keeps_the_size);
    t_add_filesystem_test(cases, collapse_and_insert_move_what_is_behind);
    t_add_filesystem_test(cases, allocate_gives_blocks_and_changes_the_size_unless_told_to_keep_it);
    t_add_filesystem_test(cases, errors_are_those_of_the_kernel_and_change_nothing);
    t_add_filesystem_test(cases,
                          random_resizing_between_reads_and_writes_gives_what_the_model_gives);
    suite_add_tcase(suite, cases);
    return suite;
}
