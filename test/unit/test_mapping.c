/*
 * test_mapping.c - mappings pin their inode to the page cache: direct I/O is waited for before
 * the first one, requests go buffered while there is any, and direct again after the last.
 */
#include "engine/mapping.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/membership.h"
#include "engine/residency.h"
#include "os/clock.h"
#include "t_cache.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"
#include "t_hold.h"

#define KIB  ((size_t)1024)
#define SIZE (256 * KIB)

static struct t_rig rig;

static char *
map_all(struct dbio_file *file, int protection, int flags)
{
    void *address = NULL;

    ck_assert_int_eq(dbio_map(file, 0, SIZE, protection, flags, &address), 0);
    ck_assert_ptr_nonnull(address);
    return address;
}

static void
begin(const char *directory)
{
    rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);
}

START_TEST(while_a_file_is_mapped_its_requests_go_through_the_page_cache)
{
    T_DIRECT_OR_SKIP(where);
    const int kinds[] = {MAP_SHARED, MAP_PRIVATE};

    begin(where->directory);
    for (uint64_t i = 0; i < 2; i++) {
        char *map = map_all(rig.file, PROT_READ, kinds[i] | MAP_NORESERVE);

        ck_assert_uint_eq(t_why(rig.file).standing_direct, 0);
        ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_FILE_MAPPED);
        t_read_old(rig.file, 64 * KIB, 64 * KIB);
        t_write_new(rig.file, 4 * KIB, 0);
        ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_FILE_MAPPED), 2 * i + 2);
        ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 2 * i + 2);
        t_pattern_verify(map, 4 * KIB, T_NEW, 0);
        ck_assert_int_eq(dbio_unmap(rig.file, map, SIZE), 0);
    }
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(stores_through_a_mapping_are_read_and_writes_are_seen_in_it)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    char *map, *memory = t_aligned(4 * KIB);

    begin(where->directory);
    map = map_all(rig.file, PROT_READ | PROT_WRITE, MAP_SHARED);
    t_pattern_fill(map + 8 * KIB, 4 * KIB, T_NEW, 8 * KIB);
    ck_assert_int_eq(dbio_pread(rig.file, memory, 4 * KIB, 8 * KIB, 0), 4 * KIB);
    t_pattern_verify(memory, 4 * KIB, T_NEW, 8 * KIB);
    t_write_new(rig.file, 4 * KIB, 4 * KIB);
    t_pattern_verify(map + 4 * KIB, 4 * KIB, T_NEW, 4 * KIB);
    ck_assert_int_eq(dbio_unmap(rig.file, map, SIZE), 0);
    /* Dirty by a store: a direct read writes it back first. */
    t_pattern_fill(memory, 4 * KIB, 0, 0);
    ck_assert_int_eq(dbio_pread(rig.file, memory, 4 * KIB, 8 * KIB, 0), 4 * KIB);
    t_pattern_verify(memory, 4 * KIB, T_NEW, 8 * KIB);
    t_verify_new(rig.path, 8 * KIB, 4 * KIB);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(after_the_last_unmap_requests_go_direct_again)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file *other;
    char *one, *two;

    begin(where->directory);
    other = t_open(rig.context, rig.path, DBIO_MODE_BUFFERED);
    one = map_all(rig.file, PROT_READ, MAP_SHARED);
    two = map_all(other, PROT_READ, MAP_PRIVATE);
    ck_assert_int_eq(dbio_unmap(rig.file, one, SIZE), 0);
    ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_FILE_MAPPED);
    /* Through any handle on the file. */
    ck_assert_int_eq(dbio_unmap(rig.file, two, SIZE), 0);
    ck_assert_uint_eq(t_why(rig.file).standing_direct, 1);
    (void)t_cache_drop(rig.path);
    t_read_old(rig.file, 64 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    ck_assert_int_eq(dbio_close(other), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(what_faults_have_cached_is_not_taken_for_empty_afterwards)
{
    T_DIRECT_OR_SKIP(where);
    char *map;

    begin(where->directory);
    for (int i = 0; i < 100; i++) /* nothing cached, and known */
        (void)dbio__residency_look(rig.file, (struct dbio_range){0, 4 * KIB},
                                   dbio__clock_coarse_ns());
    ck_assert_uint_ne(t_stat(rig.context, DBIO_STAT_LOOKS_SAVED), 0);
    map = map_all(rig.file, PROT_READ, MAP_SHARED);
    t_pattern_verify(map, 64 * KIB, T_SEED, 0);
    ck_assert_int_eq(dbio_unmap(rig.file, map, SIZE), 0);
    t_write_new(rig.file, 4 * KIB, 0);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED_FLUSH), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_mapping_that_outlives_its_handle_keeps_the_file_in_the_cache_when_it_is_opened_again)
{
    T_DIRECT_OR_SKIP(where);
    char *map;

    begin(where->directory);
    map = map_all(rig.file, PROT_READ, MAP_SHARED);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    rig.file = t_open(rig.context, rig.path, DBIO_MODE_DIRECT);
    ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_FILE_MAPPED);
    ck_assert_int_eq(dbio_unmap(rig.file, map, SIZE), 0);
    ck_assert_uint_eq(t_why(rig.file).standing_direct, 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(only_a_whole_mapping_of_this_file_can_be_unmapped)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file *other;
    char *map;

    begin(where->directory);
    other = t_open(rig.context, t_path(where->directory, "other"), DBIO_MODE_DIRECT);
    map = map_all(rig.file, PROT_READ, MAP_SHARED);
    ck_assert_int_eq(dbio_unmap(rig.file, map, SIZE - 4096), -EINVAL);
    ck_assert_int_eq(dbio_unmap(rig.file, map + 4096, SIZE - 4096), -EINVAL);
    ck_assert_int_eq(dbio_unmap(other, map, SIZE), -EINVAL);
    t_pattern_verify(map, SIZE, T_SEED, 0); /* still there */
    ck_assert_int_eq(dbio_unmap(rig.file, map, SIZE), 0);
    ck_assert_int_eq(dbio_unmap(rig.file, map, SIZE), -EINVAL);
    ck_assert_int_eq(dbio_close(other), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_mapping_that_fails_leaves_no_pin_and_no_memory)
{
    T_DIRECT_OR_SKIP(where);
    void *address = &rig;
    long before;

    begin(where->directory);
    before = dbio__mem_outstanding();
    t_fault_all(DBIO_SYS_MMAP, ENOMEM, NULL);
    ck_assert_int_eq(dbio_map(rig.file, 0, SIZE, PROT_READ, MAP_SHARED, &address), -ENOMEM);
    t_fault_disarm();
    dbio__mem_fail_after(0);
    ck_assert_int_eq(dbio_map(rig.file, 0, SIZE, PROT_READ, MAP_SHARED, &address), -ENOMEM);
    dbio__mem_fail_after(-1);
    ck_assert_ptr_eq(address, &rig);
    ck_assert_int_eq(dbio__mem_outstanding(), before);
    ck_assert_uint_eq(t_why(rig.file).standing_direct, 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(an_unmap_that_fails_leaves_the_pin)
{
    T_DIRECT_OR_SKIP(where);
    char *map;

    begin(where->directory);
    map = map_all(rig.file, PROT_READ, MAP_SHARED);
    t_fault_all(DBIO_SYS_MUNMAP, ENOMEM, NULL);
    ck_assert_int_eq(dbio_unmap(rig.file, map, SIZE), -ENOMEM);
    t_fault_disarm();
    ck_assert_uint_eq(t_why(rig.file).standing_reason, DBIO_REASON_FILE_MAPPED);
    ck_assert_int_eq(dbio_unmap(rig.file, map, SIZE), 0);
    t_close(rig.context, rig.file);
}
END_TEST

static long
write_block(void *argument)
{
    return dbio_pwrite(rig.file, argument, 4096, 0, 0);
}

static long
map_and_unmap(void *argument)
{
    void *address;
    int error = dbio_map(rig.file, 0, SIZE, PROT_READ, MAP_SHARED, &address);

    (void)argument;
    return error != 0 ? error : dbio_unmap(rig.file, address, SIZE);
}

START_TEST(map_waits_for_direct_io_that_is_in_flight)
{
    T_DIRECT_OR_SKIP(where);
    struct t_job writer, mapper;

    begin(where->directory);
    t_hold_arm(DBIO_SYS_PWRITE, true);
    t_job_start(&writer, write_block, t_patterned(4096, T_NEW, 0));
    t_hold_wait();
    t_job_start(&mapper, map_and_unmap, NULL);
    t_await_outstanding(2);
    t_job_assert_waits(&mapper);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_MMAP), 0);
    t_hold_release();
    ck_assert_int_eq(t_job_join(&writer), 4096);
    ck_assert_int_eq(t_job_join(&mapper), 0);
    t_verify_new(rig.path, 4096, 0);
    t_close(rig.context, rig.file);
}
END_TEST

static long
truncate_away(void *argument)
{
    (void)argument;
    return dbio_truncate(rig.file, 0);
}

static long
map_and_keep(void *argument)
{
    return dbio_map(rig.file, 0, SIZE, PROT_READ, MAP_SHARED, argument);
}

/* A request that wanted to go direct, and found a mapping made while it waited for its turn.
 * Before both of them stands a truncation; first come, first served. */
static long
race_with_map(const char *directory, long (*body)(void *), void **address)
{
    struct t_job resize, mapper, request;
    long result;

    begin(directory);
    t_hold_arm(DBIO_SYS_FTRUNCATE, false);
    t_job_start(&resize, truncate_away, NULL);
    t_hold_wait();
    t_job_start(&mapper, map_and_keep, address);
    t_await_outstanding(2);
    usleep(10000);
    ck_assert_uint_eq(t_why(rig.file).standing_direct, 1);
    t_job_start(&request, body, t_patterned(4096, T_NEW, 0));
    t_await_outstanding(3);
    usleep(10000);
    t_hold_release();
    ck_assert_int_eq(t_job_join(&resize), 0);
    ck_assert_int_eq(t_job_join(&mapper), 0);
    result = t_job_join(&request);
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
    return result;
}

START_TEST(a_direct_write_that_raced_with_map_goes_buffered)
{
    T_DIRECT_OR_SKIP(where);
    void *address;

    ck_assert_int_eq(race_with_map(where->directory, write_block, &address), 4096);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_BUFFERED), 1);
    ck_assert_uint_eq(t_reasoned(rig.file, DBIO_REASON_FILE_MAPPED), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT_BYTES), 0);
    ck_assert_int_eq(dbio_unmap(rig.file, address, SIZE), 0);
    t_verify_new(rig.path, 4096, 0);
    t_close(rig.context, rig.file);
}
END_TEST

static long
write_atomically(void *argument)
{
    rig.file->inode->facts.atomic_min = 4096; /* whatever this kernel offers */
    rig.file->inode->facts.atomic_max = 4096;
    return dbio_pwrite(rig.file, argument, 4096, 0, DBIO_ATOMIC);
}

START_TEST(an_atomic_write_that_raced_with_map_is_refused)
{
    T_DIRECT_OR_SKIP(where);
    void *address;

    ck_assert_int_eq(race_with_map(where->directory, write_atomically, &address), -EOPNOTSUPP);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_ATOMIC), 0);
    ck_assert_int_eq(dbio_size(rig.file), 0);
    ck_assert_int_eq(dbio_unmap(rig.file, address, SIZE), 0);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("mapping");
    TCase *cases = tcase_create("mapping");

    t_add_direct_test(cases, while_a_file_is_mapped_its_requests_go_through_the_page_cache);
    t_add_filesystem_test(cases, stores_through_a_mapping_are_read_and_writes_are_seen_in_it);
    t_add_direct_test(cases, after_the_last_unmap_requests_go_direct_again);
    t_add_direct_test(cases, what_faults_have_cached_is_not_taken_for_empty_afterwards);
    t_add_direct_test(
        cases,
        a_mapping_that_outlives_its_handle_keeps_the_file_in_the_cache_when_it_is_opened_again);
    t_add_direct_test(cases, only_a_whole_mapping_of_this_file_can_be_unmapped);
    t_add_direct_test(cases, a_mapping_that_fails_leaves_no_pin_and_no_memory);
    t_add_direct_test(cases, an_unmap_that_fails_leaves_the_pin);
    t_add_direct_test(cases, map_waits_for_direct_io_that_is_in_flight);
    t_add_direct_test(cases, a_direct_write_that_raced_with_map_goes_buffered);
    t_add_direct_test(cases, an_atomic_write_that_raced_with_map_is_refused);
    suite_add_tcase(suite, cases);
    return suite;
}
