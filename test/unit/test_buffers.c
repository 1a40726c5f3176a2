/*
 * test_buffers.c - what a context lends: nothing mapped before the first is asked for, regions by
 * index for rings, counts that come back to nothing.
 */
#include "engine/buffers.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "engine/context.h"
#include "t_dbio.h"

#define MIB ((size_t)1 << 20)

static struct dbio_context *
context_of(uint64_t bytes)
{
    struct dbio_context_options options = {.size = sizeof(options), .buffer_bytes = bytes};
    struct dbio_context *context;

    ck_assert_int_eq(dbio_context_create(&options, &context), 0);
    return context;
}

START_TEST(who_asks_for_none_has_no_region)
{
    struct dbio_context *context = context_of(0);
    char byte;

    ck_assert_uint_eq(dbio__buffers_regions(&context->buffers, NULL, 0), 0);
    ck_assert_int_eq(dbio__buffers_region_of(&context->buffers, &byte, 1), -1);
    ck_assert_int_eq(dbio__buffers_give(&context->buffers, &byte), -EINVAL);
    ck_assert_uint_eq(context->buffers.most, 64 * MIB);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(a_region_keeps_its_index_while_others_come)
{
    struct dbio_context *context = context_of(64 * MIB);
    struct iovec first, list[DBIO_REGIONS_MOST];
    void *buffers[64];
    uint32_t count = 0;
    int indices[64];

    for (unsigned i = 0; i < 64; i++) {
        ck_assert_int_eq(dbio__buffers_acquire(context, MIB, &buffers[i]), 0);
        indices[i] = dbio__buffers_region_of(&context->buffers, buffers[i], MIB);
        ck_assert_int_ge(indices[i], 0);
        if (i == 0)
            ck_assert_uint_eq(dbio__buffers_regions(&context->buffers, &first, 1), 1);
    }
    count = dbio__buffers_regions(&context->buffers, list, DBIO_REGIONS_MOST);
    ck_assert_uint_gt(count, 1);
    ck_assert_uint_le(count, 24);
    ck_assert_ptr_eq(list[0].iov_base, first.iov_base);
    for (unsigned i = 0; i < 64; i++) {
        const char *base = list[indices[i]].iov_base;

        ck_assert_uint_lt((uint32_t)indices[i], count);
        ck_assert((char *)buffers[i] >= base &&
                  (char *)buffers[i] + MIB <= base + list[indices[i]].iov_len);
        ck_assert_int_eq(dbio__buffers_region_of(&context->buffers, buffers[i], MIB), indices[i]);
        ck_assert_int_eq(dbio__buffers_give(&context->buffers, buffers[i]), 0);
    }
    /* Released memory stays, and so do the regions. */
    ck_assert_uint_eq(dbio__buffers_regions(&context->buffers, NULL, 0), count);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(a_length_that_is_rounded_past_the_pool_is_wrong)
{
    struct dbio_context *context = context_of(2 * MIB + 1);
    void *buffer;

    ck_assert_int_eq(dbio__buffers_acquire(context, 2 * MIB + 1, &buffer), -EINVAL);
    ck_assert_int_eq(dbio__buffers_acquire(context, 2 * MIB, &buffer), 0);
    ck_assert_int_eq(dbio__buffers_give(&context->buffers, buffer), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(each_allocation_may_fail_and_nothing_is_lost)
{
    struct dbio_context *context = context_of(0);
    long before = dbio__mem_outstanding(), count;
    void *buffer;

    for (count = 0; count < 10; count++) {
        int error;

        dbio__mem_fail_after(count);
        error = dbio__buffers_acquire(context, MIB, &buffer);
        dbio__mem_fail_after(-1);
        if (error == 0)
            break;
        ck_assert_int_eq(error, -ENOMEM);
        ck_assert_uint_eq(atomic_load(&context->buffers.held), 0);
    }
    ck_assert_int_gt(count, 1);
    ck_assert_int_lt(count, 10);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_BUFFERS_EXHAUSTED), 0);
    ck_assert_int_eq(dbio__buffers_give(&context->buffers, buffer), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_le(dbio__mem_outstanding(), before);
}
END_TEST

START_TEST(in_a_child_nothing_is_lent)
{
    struct dbio_buffers *buffers;
    struct dbio_context *context = context_of(0);
    void *buffer;

    buffers = &context->buffers;
    ck_assert_int_eq(dbio__buffers_acquire(context, MIB, &buffer), 0);
    dbio__buffers_in_child(buffers); /* the region stays mapped: this is no child */
    ck_assert_uint_eq(atomic_load(&buffers->held), 0);
    ck_assert_uint_eq(dbio__buffers_regions(buffers, NULL, 0), 0);
    ck_assert_int_eq(dbio__buffers_give(&context->buffers, buffer), -EINVAL);
    memset(buffer, 1, MIB);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("buffers");
    TCase *cases = tcase_create("buffers");

    tcase_add_test(cases, who_asks_for_none_has_no_region);
    tcase_add_test(cases, a_region_keeps_its_index_while_others_come);
    tcase_add_test(cases, a_length_that_is_rounded_past_the_pool_is_wrong);
    tcase_add_test(cases, each_allocation_may_fail_and_nothing_is_lost);
    tcase_add_test(cases, in_a_child_nothing_is_lent);
    suite_add_tcase(suite, cases);
    return suite;
}
