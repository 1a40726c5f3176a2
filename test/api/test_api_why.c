/*
 * test_api_why.c - dbio_why: the standing of a file and its reason in every mode and role, the
 * last request's route and reason, counts of the inode; names and sentences.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB  ((size_t)1024)
#define SIZE (1024 * KIB)

START_TEST(the_standing_follows_mode_and_role_where_there_is_direct_io)
{
    T_DIRECT_OR_SKIP(where);
    static const struct {
        enum dbio_mode mode;
        enum dbio_role role;
        bool direct;
        enum dbio_reason reason;
    } rows[] = {
        {DBIO_MODE_AUTO, DBIO_ROLE_DATA, false, DBIO_REASON_ROLE_DATA},
        {DBIO_MODE_AUTO, DBIO_ROLE_LOG, false, DBIO_REASON_ROLE_LOG},
        {DBIO_MODE_AUTO, DBIO_ROLE_TEMP, false, DBIO_REASON_ROLE_TEMP},
        {DBIO_MODE_AUTO, DBIO_ROLE_SCAN, true, DBIO_REASON_ROLE_SCAN},
        {DBIO_MODE_DIRECT, DBIO_ROLE_LOG, true, DBIO_REASON_MODE_DIRECT},
        {DBIO_MODE_BUFFERED, DBIO_ROLE_SCAN, false, DBIO_REASON_MODE_BUFFERED},
        {DBIO_MODE_DONTCACHE, DBIO_ROLE_SCAN, false, DBIO_REASON_MODE_DONTCACHE},
    };
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_AUTO, SIZE);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dbio_file_options options = {.size = sizeof(options)};
        struct dbio_file *file;
        struct dbio_why why;

        options.mode = (uint32_t)rows[i].mode;
        options.role = (uint32_t)rows[i].role;
        ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDWR, 0, &options, &file), 0);
        why = t_why(file);
        ck_assert_uint_eq(why.mode, rows[i].mode);
        ck_assert_uint_eq(why.standing_direct, rows[i].direct);
        ck_assert_uint_eq(why.standing_reason, rows[i].reason);
        /* Ability is the file's, whatever the wish. */
        ck_assert_uint_ge(why.offset_align, 512);
        ck_assert_uint_ge(why.memory_align, 1);
        ck_assert_int_eq(dbio_close(file), 0);
    }
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(the_last_request_and_the_counts_of_all_are_told)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_file *other = t_open(rig.context, rig.path, DBIO_MODE_BUFFERED);
    struct dbio_why why = t_why(rig.file);

    ck_assert_uint_eq(why.last_route, DBIO_ROUTE_NONE);
    ck_assert_uint_eq(why.last_reason, DBIO_REASON_NONE);
    t_write_new(rig.file, 100, 1);
    why = t_why(other); /* counts are of the inode */
    ck_assert_uint_eq(why.last_route, DBIO_ROUTE_BUFFERED_FLUSH);
    ck_assert_uint_eq(why.last_reason, DBIO_REASON_UNALIGNED);
    ck_assert_uint_eq(why.routes[DBIO_ROUTE_BUFFERED_FLUSH], 1);
    ck_assert_uint_eq(why.reasons[DBIO_REASON_UNALIGNED], 1);
    t_read_old(other, 4 * KIB, 64 * KIB);
    why = t_why(rig.file);
    ck_assert_uint_eq(why.last_route, DBIO_ROUTE_BUFFERED);
    ck_assert_uint_eq(why.last_reason, DBIO_REASON_MODE_BUFFERED);
    ck_assert_uint_eq(why.routes[DBIO_ROUTE_BUFFERED_FLUSH], 1);
    ck_assert_int_eq(dbio_close(other), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_file_without_direct_io_has_no_alignments_and_a_reason)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_why why = t_why(rig.file);

    if (why.standing_direct == 0) {
        ck_assert_uint_eq(why.memory_align, 0);
        ck_assert_uint_eq(why.offset_align, 0);
        ck_assert_uint_eq(why.atomic_bytes_max, 0);
        ck_assert_uint_ne(why.standing_reason, DBIO_REASON_NONE);
    } else {
        ck_assert_uint_eq(why.offset_align & (why.offset_align - 1), 0);
        ck_assert_uint_eq(why.memory_align & (why.memory_align - 1), 0);
    }
    if (strcmp(where->name, "tmpfs") == 0)
        ck_assert_uint_eq(why.standing_reason, DBIO_REASON_FS_NO_DIRECT);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(the_alignments_are_enough_for_a_direct_request_without_a_copy)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_why why = t_why(rig.file);
    char *memory = (char *)t_aligned(SIZE) + why.memory_align;

    ck_assert_int_eq(dbio_pread(rig.file, memory, why.offset_align, why.offset_align, 0),
                     why.offset_align);
    t_pattern_verify(memory, why.offset_align, T_SEED, why.offset_align);
    ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_DIRECT), 1);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_BOUNCE_BYTES), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_RETRIED_BUFFERED), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(routes_and_reasons_have_names_and_reasons_a_sentence)
{
    for (unsigned i = 0; i < DBIO_ROUTE_COUNT; i++)
        for (unsigned j = 0; j < i; j++)
            ck_assert_str_ne(dbio_route_name(i), dbio_route_name(j));
    for (unsigned i = 0; i < DBIO_REASON_COUNT; i++) {
        ck_assert_uint_gt(strlen(dbio_reason_text(i)), 10);
        for (unsigned j = 0; j < i; j++)
            ck_assert_str_ne(dbio_reason_name(i), dbio_reason_name(j));
    }
    ck_assert_str_eq(dbio_route_name(DBIO_ROUTE_DIRECT_BOUNCE), "direct_bounce");
    ck_assert_str_eq(dbio_reason_name(DBIO_REASON_RANGE_CACHED), "range_cached");
    ck_assert_str_eq(dbio_route_name(DBIO_ROUTE_COUNT), "?");
    ck_assert_str_eq(dbio_reason_name(DBIO_REASON_COUNT), "?");
    ck_assert_str_eq(dbio_reason_name(UINT32_MAX), "?");
    ck_assert_ptr_nonnull(dbio_reason_text(UINT32_MAX));
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_why");
    TCase *cases = tcase_create("api_why");

    t_add_direct_test(cases, the_standing_follows_mode_and_role_where_there_is_direct_io);
    t_add_direct_test(cases, the_last_request_and_the_counts_of_all_are_told);
    t_add_filesystem_test(cases, a_file_without_direct_io_has_no_alignments_and_a_reason);
    t_add_direct_test(cases, the_alignments_are_enough_for_a_direct_request_without_a_copy);
    tcase_add_test(cases, routes_and_reasons_have_names_and_reasons_a_sentence);
    suite_add_tcase(suite, cases);
    return suite;
}
