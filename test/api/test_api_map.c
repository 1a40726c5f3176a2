/*
 * test_api_map.c - dbio_map and dbio_unmap as a caller sees them: kinds of mappings, their
 * place in the file, what they show of reads and writes, also those of other threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "t_dbio.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (256 * KIB)

START_TEST(a_mapping_shows_its_part_of_the_file)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    const int flags[] = {MAP_SHARED, MAP_PRIVATE, MAP_SHARED | MAP_POPULATE,
                         MAP_PRIVATE | MAP_POPULATE | MAP_NORESERVE};
    void *address;

    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(dbio_map(rig.file, 64 * KIB, 100000, PROT_READ, flags[i], &address), 0);
        t_pattern_verify(address, 100000, T_SEED, 64 * KIB);
        ck_assert_int_eq(dbio_unmap(rig.file, address, 100000), 0);
    }
    ck_assert_int_eq(dbio_map(rig.file, 0, SIZE, PROT_NONE, MAP_SHARED, &address), 0);
    ck_assert_int_eq(dbio_unmap(rig.file, address, SIZE), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_EXCLUSIVE), 5);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_private_mapping_keeps_its_stores_to_itself)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    void *address;

    ck_assert_int_eq(dbio_map(rig.file, 0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, &address), 0);
    memset(address, 0x55, SIZE);
    t_read_old(rig.file, SIZE, 0);
    ck_assert_int_eq(dbio_unmap(rig.file, address, SIZE), 0);
    t_read_old(rig.file, SIZE, 0);
    t_file_verify(rig.path, T_SEED, 0, SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(stores_are_durable_after_a_sync_and_are_read_directly_after_the_unmap)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_aligned(SIZE);
    void *address;

    ck_assert_int_eq(dbio_map(rig.file, 0, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, &address), 0);
    t_pattern_fill(address, SIZE, T_NEW, 0);
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    ck_assert_int_eq(dbio_unmap(rig.file, address, SIZE), 0);
    ck_assert_int_eq(dbio_advise(rig.file, 0, 0, POSIX_FADV_DONTNEED), 0);
    ck_assert_int_eq(dbio_pread(rig.file, memory, SIZE, 0, 0), SIZE);
    t_pattern_verify(memory, SIZE, T_NEW, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(many_mappings_of_one_file_are_told_apart)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    void *address[64];

    for (size_t i = 0; i < 64; i++)
        ck_assert_int_eq(
            dbio_map(rig.file, (off_t)(i * 4 * KIB), 4 * KIB, PROT_READ, MAP_SHARED, &address[i]),
            0);
    for (size_t i = 0; i < 64; i++)
        t_pattern_verify(address[i], 4 * KIB, T_SEED, i * 4 * KIB);
    for (size_t i = 0; i < 64; i++)
        ck_assert_int_eq(dbio_unmap(rig.file, address[i * 37 % 64], 4 * KIB), 0);
    ck_assert_uint_ne(t_why(rig.file).standing_reason, DBIO_REASON_FILE_MAPPED);
    t_close(rig.context, rig.file);
}
END_TEST

static _Atomic bool stop;

/* Maps, looks at the first page, unmaps. The page is written whole, so it is of one kind. */
static void *
map_often(void *argument)
{
    struct dbio_file *file = argument;

    while (!atomic_load(&stop)) {
        void *address;

        if (dbio_map(file, 0, SIZE, PROT_READ, MAP_SHARED, &address) != 0)
            return file;
        if (t_pattern_first_wrong((char *)address + 8 * KIB, 4 * KIB, T_SEED, 8 * KIB) !=
            T_ALL_RIGHT)
            return file;
        if (dbio_unmap(file, address, SIZE) != 0)
            return file;
    }
    return NULL;
}

START_TEST(requests_that_race_with_map_and_unmap_neither_fail_nor_read_old_bytes)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *memory = t_aligned(4 * KIB);
    pthread_t mapper;
    void *failed;

    ck_assert_int_eq(pthread_create(&mapper, NULL, map_often, rig.file), 0);
    for (uint64_t i = 0; i < 300; i++) {
        void *bytes = t_patterned(4 * KIB, i, 0);

        ck_assert_int_eq(dbio_pwrite(rig.file, bytes, 4 * KIB, 0, 0), 4 * KIB);
        ck_assert_int_eq(dbio_pread(rig.file, memory, 4 * KIB, 0, 0), 4 * KIB);
        t_pattern_verify(memory, 4 * KIB, i, 0);
    }
    atomic_store(&stop, true);
    ck_assert_int_eq(pthread_join(mapper, &failed), 0);
    ck_assert_ptr_null(failed);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_map");
    TCase *cases = tcase_create("api_map");

    t_add_filesystem_test(cases, a_mapping_shows_its_part_of_the_file);
    t_add_filesystem_test(cases, a_private_mapping_keeps_its_stores_to_itself);
    t_add_filesystem_test(cases,
                          stores_are_durable_after_a_sync_and_are_read_directly_after_the_unmap);
    tcase_add_test(cases, many_mappings_of_one_file_are_told_apart);
    t_add_filesystem_test(cases,
                          requests_that_race_with_map_and_unmap_neither_fail_nor_read_old_bytes);
    suite_add_tcase(suite, cases);
    return suite;
}
