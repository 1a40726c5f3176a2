/*
 * test_settings.c - options: defaults, limits, structs of other versions. Each bad value alone,
 * so that it is that value which is refused.
 */
#include "core/settings.h"

#include <errno.h>
#include <string.h>

#include "t_support.h"

#define MIB (UINT64_C(1) << 20)

START_TEST(without_options_a_context_has_the_documented_defaults)
{
    struct dbio_context_options settings;

    memset(&settings, 0xff, sizeof(settings));
    ck_assert_int_eq(dbio__settings_context(NULL, &settings), 0);
    ck_assert_uint_eq(settings.size, sizeof(settings));
    ck_assert_uint_eq(settings.bounce_bytes_max, 16 * MIB);
    ck_assert_uint_eq(settings.large_request_bytes, 256 * 1024);
    ck_assert_uint_eq(settings.buffer_bytes, 64 * MIB);
}
END_TEST

START_TEST(zeroes_mean_the_same_as_no_options)
{
    struct dbio_context_options options = {.size = sizeof(options)}, settings;
    struct dbio_file_options file = {.size = sizeof(file)}, by_default;

    ck_assert_int_eq(dbio__settings_context(&options, &settings), 0);
    ck_assert_uint_eq(settings.bounce_bytes_max, 16 * MIB);
    ck_assert_uint_eq(settings.large_request_bytes, 256 * 1024);
    memset(&by_default, 0xff, sizeof(by_default));
    ck_assert_int_eq(dbio__settings_file(NULL, &by_default), 0);
    ck_assert_mem_eq(&by_default, &file, sizeof(file));
    ck_assert_int_eq(dbio__settings_file(&file, &by_default), 0);
    ck_assert_mem_eq(&by_default, &file, sizeof(file));
}
END_TEST

static const struct {
    const char *name;
    uint64_t bounce, large, buffers;
    int result;
} context_values[] = {
    {"the smallest bounce pool", MIB, 0, 0, 0},
    {"a bounce pool too small by a byte", MIB - 1, 0, 0, -EINVAL},
    {"a bounce pool of one byte", 1, 0, 0, -EINVAL},
    {"the largest bounce pool", 1024 * 1024 * MIB, 0, 0, 0},
    {"a bounce pool too large by a byte", 1024 * 1024 * MIB + 1, 0, 0, -EINVAL},
    {"a bounce pool without end", UINT64_MAX, 0, 0, -EINVAL},
    {"every request is large", 0, 1, 0, 0},
    {"no request is large", 0, UINT64_MAX, 0, 0},
    {"the smallest pool of buffers", 0, 0, 2 * MIB, 0},
    {"a pool of buffers too small by a byte", 0, 0, 2 * MIB - 1, -EINVAL},
    {"the largest pool of buffers", 0, 0, 64 * 1024 * MIB, 0},
    {"a pool of buffers too large by a byte", 0, 0, 64 * 1024 * MIB + 1, -EINVAL},
    {"a pool of buffers without end", 0, 0, UINT64_MAX, -EINVAL},
};

START_TEST(context_options_are_kept_within_their_limits)
{
    struct dbio_context_options options = {.size = sizeof(options),
                                           .bounce_bytes_max = context_values[_i].bounce,
                                           .large_request_bytes = context_values[_i].large,
                                           .buffer_bytes = context_values[_i].buffers};
    struct dbio_context_options settings;

    ck_assert_msg(dbio__settings_context(&options, &settings) == context_values[_i].result, "%s",
                  context_values[_i].name);
    if (context_values[_i].result != 0)
        return;
    if (options.bounce_bytes_max != 0)
        ck_assert_uint_eq(settings.bounce_bytes_max, options.bounce_bytes_max);
    if (options.large_request_bytes != 0)
        ck_assert_uint_eq(settings.large_request_bytes, options.large_request_bytes);
    if (options.buffer_bytes != 0)
        ck_assert_uint_eq(settings.buffer_bytes, options.buffer_bytes);
}
END_TEST

static const struct {
    const char *name;
    struct dbio_file_options options;
    int result;
} file_values[] = {
    {"the last mode", {.mode = DBIO_MODE_DONTCACHE}, 0},
    {"a mode past the last", {.mode = DBIO_MODE_DONTCACHE + 1}, -EINVAL},
    {"the last role", {.role = DBIO_ROLE_SCAN}, 0},
    {"a role past the last", {.role = DBIO_ROLE_SCAN + 1}, -EINVAL},
    {"the last durability", {.durability = DBIO_DURABILITY_WRITE}, 0},
    {"a durability past the last", {.durability = DBIO_DURABILITY_WRITE + 1}, -EINVAL},
    {"the last pattern", {.pattern = DBIO_PATTERN_SEQUENTIAL}, 0},
    {"a pattern past the last", {.pattern = DBIO_PATTERN_SEQUENTIAL + 1}, -EINVAL},
    {"a strictness past the last", {.strictness = DBIO_STRICT_DIRECT + 1}, -EINVAL},
    {"the reserved field", {.reserved = 1}, -EINVAL},
    {"a mode without end", {.mode = UINT32_MAX}, -EINVAL},
    {"a role without end", {.role = UINT32_MAX}, -EINVAL},
    {"strict, mode auto", {.strictness = DBIO_STRICT_DIRECT}, 0},
    {"strict, mode direct", {.mode = DBIO_MODE_DIRECT, .strictness = DBIO_STRICT_DIRECT}, 0},
    {"strict, but buffered",
     {.mode = DBIO_MODE_BUFFERED, .strictness = DBIO_STRICT_DIRECT},
     -EINVAL},
    {"strict, but dontcache",
     {.mode = DBIO_MODE_DONTCACHE, .strictness = DBIO_STRICT_DIRECT},
     -EINVAL},
};

START_TEST(file_options_are_as_the_table_says)
{
    struct dbio_file_options options = file_values[_i].options, settings;

    options.size = sizeof(options);
    ck_assert_msg(dbio__settings_file(&options, &settings) == file_values[_i].result, "%s",
                  file_values[_i].name);
    if (file_values[_i].result == 0)
        ck_assert_mem_eq(&settings, &options, sizeof(options));
}
END_TEST

/* A struct of a version to come: ours, and room behind it. */
union later {
    struct dbio_context_options context;
    struct dbio_file_options file;
    unsigned char bytes[8192];
};

static int
ask_context(union later *later, size_t size)
{
    struct dbio_context_options settings;

    later->context.size = size;
    return dbio__settings_context(&later->context, &settings);
}

static int
ask_file(union later *later, size_t size)
{
    struct dbio_file_options settings;

    later->file.size = size;
    return dbio__settings_file(&later->file, &settings);
}

START_TEST(a_struct_smaller_than_the_first_version_is_refused)
{
    static union later later;
    size_t size;

    for (size = 0; size < DBIO_CONTEXT_OPTIONS_MIN; size++)
        ck_assert_int_eq(ask_context(&later, size), -EINVAL);
    for (size = 0; size < DBIO_FILE_OPTIONS_MIN; size++)
        ck_assert_int_eq(ask_file(&later, size), -EINVAL);
}
END_TEST

START_TEST(a_later_struct_is_accepted_if_what_we_do_not_know_is_zero)
{
    static union later later;
    size_t size;

    ck_assert_int_eq(ask_context(&later, DBIO_CONTEXT_OPTIONS_MIN), 0);
    for (size = sizeof(later.context); size <= 4096; size++)
        ck_assert_int_eq(ask_context(&later, size), 0);
    for (size = DBIO_FILE_OPTIONS_MIN; size <= 4096; size++)
        ck_assert_int_eq(ask_file(&later, size), 0);
    ck_assert_int_eq(ask_context(&later, 4097), -EINVAL);
    ck_assert_int_eq(ask_file(&later, 4097), -EINVAL);
    ck_assert_int_eq(ask_context(&later, SIZE_MAX), -EINVAL);
    ck_assert_int_eq(ask_file(&later, SIZE_MAX), -EINVAL);
}
END_TEST

START_TEST(a_later_struct_with_a_field_that_we_do_not_know_is_too_big)
{
    static union later later;

    later.bytes[sizeof(later.context)] = 1; /* the first byte behind the longer of ours */
    ck_assert_int_eq(ask_context(&later, sizeof(later.context) + 1), -E2BIG);
    ck_assert_int_eq(ask_file(&later, sizeof(later.context) + 1), -E2BIG);
    /* Past the end of what the caller gave it is nobody's business. */
    ck_assert_int_eq(ask_file(&later, sizeof(later.file)), 0);
    later.bytes[sizeof(later.file)] = 0;
    later.bytes[4095] = 0x80;
    ck_assert_int_eq(ask_context(&later, 4096), -E2BIG);
    ck_assert_int_eq(ask_file(&later, 4096), -E2BIG);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("settings");
    TCase *cases = tcase_create("settings");

    tcase_add_test(cases, without_options_a_context_has_the_documented_defaults);
    tcase_add_test(cases, zeroes_mean_the_same_as_no_options);
    tcase_add_loop_test(cases, context_options_are_kept_within_their_limits, 0,
                        sizeof(context_values) / sizeof(context_values[0]));
    tcase_add_loop_test(cases, file_options_are_as_the_table_says, 0,
                        sizeof(file_values) / sizeof(file_values[0]));
    tcase_add_test(cases, a_struct_smaller_than_the_first_version_is_refused);
    tcase_add_test(cases, a_later_struct_is_accepted_if_what_we_do_not_know_is_zero);
    tcase_add_test(cases, a_later_struct_with_a_field_that_we_do_not_know_is_too_big);
    suite_add_tcase(suite, cases);
    return suite;
}
