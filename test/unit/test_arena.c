/*
 * test_arena.c - buffers cut from regions: apart, each within one region, used again, refused by
 * the right name. The same cases run with both kinds of arena.
 */
#include "base/arena.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "t_file.h"
#include "t_support.h"

#define MIB  ((size_t)1 << 20)
#define PAGE DBIO_REGION_PAGE

static struct dbio_arena *arena;

static void
begin(size_t lent)
{
    arena = dbio__arena_create(lent);
    ck_assert_ptr_nonnull(arena);
}

static void
end(void)
{
    dbio__arena_destroy(arena, false);
    ck_assert_int_eq(dbio__mem_outstanding(), 0);
}

static void *
take(size_t length)
{
    void *memory;

    ck_assert_int_eq(dbio__arena_take(arena, length, &memory), 0);
    ck_assert_uint_eq((uintptr_t)memory % DBIO_ARENA_ALIGN, 0);
    ck_assert_int_ge(dbio__regions_index(dbio__arena_regions(arena), memory, length), 0);
    return memory;
}

START_TEST(what_is_given_is_taken_again_without_another_region)
{
    const struct dbio_regions *regions;
    size_t mapped;

    begin(64 * MIB);
    regions = dbio__arena_regions(arena);
    for (size_t length = PAGE; length <= 16 * MIB; length += length / 2 / PAGE * PAGE + PAGE) {
        void *memory = take(length);

        mapped = regions->mapped;
        ck_assert_uint_eq(dbio__arena_give(arena, memory), length);
        for (int i = 0; i < 100; i++)
            ck_assert_uint_eq(dbio__arena_give(arena, take(length)), length);
        ck_assert_uint_eq(regions->mapped, mapped);
    }
    end();
}
END_TEST

START_TEST(only_what_was_taken_is_given)
{
    char *memory, other[16];

    begin(64 * MIB);
    memory = take(4 * PAGE);
    ck_assert_uint_eq(dbio__arena_give(arena, other), 0);
    ck_assert_uint_eq(dbio__arena_give(arena, memory + PAGE), 0);
    ck_assert_uint_eq(dbio__arena_give(arena, memory + 1), 0);
    ck_assert_uint_eq(dbio__arena_give(arena, memory), 4 * PAGE);
    ck_assert_uint_eq(dbio__arena_give(arena, memory), 0);
    end();
}
END_TEST

START_TEST(the_longest_buffer_can_be_had)
{
    begin(DBIO_ARENA_MOST);
    ck_assert_uint_eq(dbio__arena_give(arena, take(DBIO_ARENA_MOST)), DBIO_ARENA_MOST);
    end();
}
END_TEST

/* The bound on memory holds even if the caller lends more than it said. */
START_TEST(no_more_than_twice_is_mapped)
{
    const struct dbio_regions *regions;
    size_t length = (_i == 0 ? 1 : 129) * PAGE, taken = 0;
    void *memory;
    int error;

    begin(16 * MIB);
    regions = dbio__arena_regions(arena);
    while ((error = dbio__arena_take(arena, length, &memory)) == 0)
        taken += length;
    ck_assert_int_eq(error, -ENOBUFS);
    ck_assert_uint_ge(taken, 16 * MIB);
    ck_assert_uint_le(regions->mapped, 36 * MIB);
    end();
}
END_TEST

START_TEST(at_the_bound_a_buffer_still_finds_a_small_region)
{
    const struct dbio_regions *regions;
    void *memory;

    begin(16 * MIB);
    regions = dbio__arena_regions(arena);
    while (dbio__arena_take(arena, 3 * MIB, &memory) == 0)
        continue;
    while (dbio__arena_take(arena, PAGE, &memory) == 0)
        continue;
    ck_assert_uint_lt(regions->most - regions->mapped, DBIO_REGION_LEAST);
    end();
}
END_TEST

START_TEST(no_memory_is_told_from_no_buffers)
{
    long count;
    void *memory;
    int error = -ENOMEM;

    begin(16 * MIB);
    for (count = 0; error != 0; count++) {
        dbio__mem_fail_after(count);
        error = dbio__arena_take(arena, PAGE, &memory);
        dbio__mem_fail_after(-1);
        ck_assert(error == 0 || error == -ENOMEM);
        ck_assert_int_lt(count, 10);
    }
    ck_assert_int_gt(count, 2);
    ck_assert_uint_eq(dbio__arena_give(arena, memory), PAGE);
    end();
}
END_TEST

START_TEST(without_memory_there_is_no_arena)
{
    dbio__mem_fail_after(0);
    ck_assert_ptr_null(dbio__arena_create(16 * MIB));
    dbio__mem_fail_after(-1);
    ck_assert_int_eq(dbio__mem_outstanding(), 0);
}
END_TEST

START_TEST(pieces_of_any_size_never_overlap)
{
    struct {
        void *memory;
        size_t length;
    } pieces[64] = {{NULL, 0}};

    begin(64 * MIB);
    for (uint64_t i = 0; i < 4000; i++) {
        unsigned at = (unsigned)t_random_below(64);

        if (pieces[at].memory != NULL) {
            t_pattern_verify(pieces[at].memory, pieces[at].length, at, 0);
            ck_assert_uint_eq(dbio__arena_give(arena, pieces[at].memory), pieces[at].length);
            pieces[at].memory = NULL;
            continue;
        }
        pieces[at].length = (1 + (size_t)t_random_below((uint64_t)1 << t_random_below(8))) * PAGE;
        pieces[at].memory = take(pieces[at].length);
        t_pattern_fill(pieces[at].memory, pieces[at].length, at, 0);
    }
    end();
}
END_TEST

START_TEST(a_child_destroys_what_it_does_not_have)
{
    pid_t child;
    int status;

    begin(16 * MIB);
    memset(take(MIB), 1, MIB);
    take(PAGE);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        void *memory;

        dbio__arena_destroy(arena, true);
        arena = dbio__arena_create(16 * MIB);
        if (arena == NULL || dbio__arena_take(arena, MIB, &memory) != 0)
            _exit(1);
        memset(memory, 2, MIB);
        dbio__arena_destroy(arena, false);
        _exit(dbio__mem_outstanding() != 0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    end();
}
END_TEST

START_TEST(an_arena_has_a_name)
{
    const char *name = dbio__arena_name();

    ck_assert(strcmp(name, "slab") == 0 || strcmp(name, "jemalloc") == 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("arena");
    TCase *cases = tcase_create("arena");

    tcase_add_test(cases, what_is_given_is_taken_again_without_another_region);
    tcase_add_test(cases, only_what_was_taken_is_given);
    tcase_add_test(cases, the_longest_buffer_can_be_had);
    tcase_add_loop_test(cases, no_more_than_twice_is_mapped, 0, 2);
    tcase_add_test(cases, at_the_bound_a_buffer_still_finds_a_small_region);
    tcase_add_test(cases, no_memory_is_told_from_no_buffers);
    tcase_add_test(cases, without_memory_there_is_no_arena);
    tcase_add_test(cases, pieces_of_any_size_never_overlap);
    tcase_add_test(cases, a_child_destroys_what_it_does_not_have);
    tcase_add_test(cases, an_arena_has_a_name);
    suite_add_tcase(suite, cases);
    return suite;
}
