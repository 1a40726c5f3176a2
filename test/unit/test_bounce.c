/*
 * test_bounce.c - the pool of aligned buffers: bounded, kept, waited for; no memory is not the
 * end of the world.
 */
#include "engine/bounce.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "t_fault.h"
#include "t_hold.h"
#include "t_support.h"

#define MOST   4u
#define ROUNDS 2000

static struct dbio_bounce_pool pool;

static void
begin(void)
{
    dbio__bounce_init(&pool, MOST * DBIO_BOUNCE_BYTES);
}

START_TEST(buffers_are_aligned_and_apart_and_as_many_as_the_bound_says)
{
    char *buffers[MOST];

    begin();
    for (unsigned i = 0; i < MOST; i++) {
        buffers[i] = dbio__bounce_take(&pool);
        ck_assert_ptr_nonnull(buffers[i]);
        ck_assert_uint_eq((uintptr_t)buffers[i] % DBIO_BOUNCE_ALIGN, 0);
        memset(buffers[i], (int)i + 1, DBIO_BOUNCE_BYTES);
    }
    ck_assert_uint_eq(pool.made, MOST);
    for (unsigned i = 0; i < MOST; i++) {
        ck_assert_int_eq(buffers[i][0], (int)i + 1);
        ck_assert_int_eq(buffers[i][DBIO_BOUNCE_BYTES - 1], (int)i + 1);
        dbio__bounce_return(&pool, buffers[i]);
    }
    dbio__bounce_fini(&pool);
}
END_TEST

START_TEST(a_returned_buffer_is_lent_again_before_another_is_made)
{
    void *first;

    begin();
    first = dbio__bounce_take(&pool);
    dbio__bounce_return(&pool, first);
    for (int i = 0; i < 100; i++) {
        ck_assert_ptr_eq(dbio__bounce_take(&pool), first);
        dbio__bounce_return(&pool, first);
    }
    ck_assert_uint_eq(pool.made, 1);
    dbio__bounce_fini(&pool);
}
END_TEST

START_TEST(the_end_gives_all_memory_back)
{
    long before = dbio__mem_outstanding();
    void *buffers[MOST];

    begin();
    for (unsigned i = 0; i < MOST; i++)
        buffers[i] = dbio__bounce_take(&pool);
    for (unsigned i = 0; i < MOST; i++)
        dbio__bounce_return(&pool, buffers[i]);
    ck_assert_int_gt(dbio__mem_outstanding(), before);
    dbio__bounce_fini(&pool);
    ck_assert_int_eq(dbio__mem_outstanding(), before);
}
END_TEST

static long
take_and_return(void *argument)
{
    void *buffer = dbio__bounce_take(&pool);

    (void)argument;
    if (buffer == NULL)
        return 1;
    dbio__bounce_return(&pool, buffer);
    return 0;
}

START_TEST(when_all_are_lent_one_waits_until_one_is_returned)
{
    void *buffers[MOST];
    struct t_job waiter;

    begin();
    for (unsigned i = 0; i < MOST; i++)
        buffers[i] = dbio__bounce_take(&pool);
    t_job_start(&waiter, take_and_return, NULL);
    t_job_assert_waits(&waiter);
    dbio__bounce_return(&pool, buffers[2]);
    ck_assert_int_eq(t_job_join(&waiter), 0);
    ck_assert_uint_eq(pool.made, MOST);
    buffers[2] = buffers[3];
    for (unsigned i = 0; i < 3; i++)
        dbio__bounce_return(&pool, buffers[i]);
    dbio__bounce_fini(&pool);
}
END_TEST

START_TEST(without_memory_for_a_first_buffer_there_is_none)
{
    begin();
    dbio__mem_fail_after(0);
    ck_assert_ptr_null(dbio__bounce_take(&pool));
    ck_assert_ptr_null(dbio__bounce_take(&pool));
    ck_assert_uint_eq(pool.made, 0);
    dbio__mem_fail_after(-1);
    ck_assert_int_eq(take_and_return(NULL), 0);
    dbio__bounce_fini(&pool);
}
END_TEST

START_TEST(without_memory_for_another_one_waits_for_the_first)
{
    struct t_job waiter;
    void *only;

    begin();
    only = dbio__bounce_take(&pool);
    dbio__mem_fail_after(0);
    t_job_start(&waiter, take_and_return, NULL);
    t_job_assert_waits(&waiter);
    dbio__bounce_return(&pool, only);
    ck_assert_int_eq(t_job_join(&waiter), 0);
    dbio__mem_fail_after(-1);
    ck_assert_uint_eq(pool.made, 1);
    dbio__bounce_fini(&pool);
}
END_TEST

static long
ask_in_vain(void *argument)
{
    (void)argument;
    for (int i = 0; i < 100 * ROUNDS; i++)
        if (dbio__bounce_take(&pool) != NULL)
            return 1;
    return 0;
}

START_TEST(nobody_waits_for_those_who_got_no_memory_either)
{
    struct t_job jobs[MOST];

    begin();
    dbio__mem_fail_after(0);
    for (unsigned i = 0; i < MOST; i++)
        t_job_start(&jobs[i], ask_in_vain, NULL);
    for (unsigned i = 0; i < MOST; i++)
        ck_assert_int_eq(t_job_join(&jobs[i]), 0);
    dbio__mem_fail_after(-1);
    dbio__bounce_fini(&pool);
}
END_TEST

static long
use_often(void *argument)
{
    char mark = (char)(intptr_t)argument;

    for (int i = 0; i < ROUNDS; i++) {
        volatile char *buffer = dbio__bounce_take(&pool);

        if (buffer == NULL)
            return 1;
        buffer[100] = mark;
        buffer[DBIO_BOUNCE_BYTES - 1] = mark;
        if (i % 64 == 0)
            usleep(1);
        if (buffer[100] != mark || buffer[DBIO_BOUNCE_BYTES - 1] != mark)
            return 2;
        dbio__bounce_return(&pool, (void *)(uintptr_t)buffer);
    }
    return 0;
}

START_TEST(no_two_threads_hold_the_same_buffer)
{
    struct t_job jobs[MOST + 3];

    begin();
    for (unsigned i = 0; i < MOST + 3; i++)
        t_job_start(&jobs[i], use_often, (void *)(intptr_t)(i + 1));
    for (unsigned i = 0; i < MOST + 3; i++)
        ck_assert_int_eq(t_job_join(&jobs[i]), 0);
    ck_assert_uint_le(pool.made, MOST);
    dbio__bounce_fini(&pool);
}
END_TEST

/* Two pages of which the second is not there. */
static char *
half_there(void)
{
    char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(memory, MAP_FAILED);
    ck_assert_int_eq(munmap(memory + 4096, 4096), 0);
    return memory;
}

START_TEST(memory_that_is_not_all_there_is_found_out)
{
    static char buffer[8192];
    char *half = half_there(), whole[3000];
    struct iovec vector[] = {{whole, sizeof(whole)}, {half + 1, 5000}};
    struct dbio_cursor at = {.vector = vector};

    ck_assert(!dbio__bounce_gather(&at, buffer, 8000));
    ck_assert(!dbio__bounce_scatter(&at, buffer, 8000));
    ck_assert_uint_eq(at.index + at.within, 0);
    memset(half, 'h', 4096);
    memset(whole, 'w', sizeof(whole));
    ck_assert(dbio__bounce_gather(&at, buffer, 3000 + 4095));
    ck_assert_int_eq(buffer[2999], 'w');
    ck_assert_int_eq(buffer[3000 + 4094], 'h');
    ck_assert_uint_eq(at.index, 1);
    ck_assert_uint_eq(at.within, 4095);
}
END_TEST

/* More pieces than a window has, and a filter that refuses the call. */
START_TEST(copies_are_whole_with_and_without_the_kernels_help)
{
    static char memory[300][40], buffer[300 * 40];
    struct iovec vector[300];
    struct dbio_cursor at = {.vector = vector};
    unsigned i;

    for (i = 0; i < 300; i++)
        vector[i] = (struct iovec){memory[i], 40};
    if (_i != 0) {
        t_fault_all(DBIO_SYS_VM_READ, _i, NULL);
        t_fault_all(DBIO_SYS_VM_WRITE, _i, NULL);
    }
    for (i = 0; i < sizeof(buffer); i++)
        buffer[i] = (char)(i * 7);
    ck_assert(dbio__bounce_scatter(&at, buffer, sizeof(buffer)));
    ck_assert_int_eq(memcmp(memory, buffer, sizeof(buffer)), 0);
    memset(buffer, 0, sizeof(buffer));
    at = (struct dbio_cursor){.vector = vector};
    ck_assert(dbio__bounce_gather(&at, buffer, sizeof(buffer)));
    ck_assert_int_eq(memcmp(memory, buffer, sizeof(buffer)), 0);
    t_fault_disarm();
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("bounce");
    TCase *cases = tcase_create("bounce");

    tcase_add_test(cases, buffers_are_aligned_and_apart_and_as_many_as_the_bound_says);
    tcase_add_test(cases, a_returned_buffer_is_lent_again_before_another_is_made);
    tcase_add_test(cases, the_end_gives_all_memory_back);
    tcase_add_test(cases, when_all_are_lent_one_waits_until_one_is_returned);
    tcase_add_test(cases, without_memory_for_a_first_buffer_there_is_none);
    tcase_add_test(cases, without_memory_for_another_one_waits_for_the_first);
    tcase_add_test(cases, nobody_waits_for_those_who_got_no_memory_either);
    tcase_add_test(cases, no_two_threads_hold_the_same_buffer);
    tcase_add_test(cases, memory_that_is_not_all_there_is_found_out);
    tcase_add_test(cases, copies_are_whole_with_and_without_the_kernels_help);
    tcase_add_loop_test(cases, copies_are_whole_with_and_without_the_kernels_help, EPERM,
                        EPERM + 1);
    suite_add_tcase(suite, cases);
    return suite;
}
