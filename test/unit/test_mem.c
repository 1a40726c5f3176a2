/*
 * test_mem.c - the door to memory: alignment, zeros, nothing overlaps, failing on demand. The
 * same cases run with both kinds of memory; what only one of them promises is skipped for
 * the other.
 */
#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_file.h"
#include "t_support.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(SANITIZED)
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif

#define MIB ((size_t)1 << 20)

static const size_t sizes[] = {0,     1,     15,    16,    17,   63,          64,
                               65,    100,   1000,  4095,  4096, 4097,        32768,
                               65535, 65536, 65537, 70000, MIB,  3 * MIB + 1, 16 * MIB};
#define SIZES ((int)(sizeof(sizes) / sizeof(sizes[0])))

static bool
all_zero(const void *memory, size_t size)
{
    const unsigned char *bytes = memory;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static bool
is_slab(void)
{
    return strcmp(dbio__mem_name(), "slab") == 0;
}

START_TEST(memory_is_aligned_as_promised_for_its_size)
{
    size_t size = sizes[_i];
    void *memory = dbio__mem_alloc(size);

    ck_assert_ptr_nonnull(memory);
    ck_assert_uint_eq((uintptr_t)memory % (size >= 64 ? 64 : 16), 0);
    dbio__mem_free(memory, size);
}
END_TEST

START_TEST(memory_is_aligned_as_asked_whatever_the_size)
{
    for (size_t alignment = 1; alignment <= 2 * MIB; alignment *= 2) {
        void *memory = dbio__mem_aligned(alignment, sizes[_i]);

        ck_assert_ptr_nonnull(memory);
        ck_assert_uint_eq((uintptr_t)memory % alignment, 0);
        ck_assert(all_zero(memory, sizes[_i]));
        memset(memory, 0xff, sizes[_i]);
        dbio__mem_free(memory, sizes[_i]);
    }
    ck_assert_int_eq(dbio__mem_outstanding(), 0);
}
END_TEST

START_TEST(memory_that_was_used_before_is_zero_again)
{
    size_t size = sizes[_i];

    for (int round = 0; round < 20; round++) {
        void *memory = dbio__mem_alloc(size);

        ck_assert_ptr_nonnull(memory);
        ck_assert(all_zero(memory, size));
        memset(memory, 0xa5, size);
        dbio__mem_free(memory, size);
    }
}
END_TEST

struct piece {
    void *memory;
    size_t size;
    uint64_t seed;
};

static void
fill_piece(struct piece *piece)
{
    size_t alignment = (size_t)1 << t_random_below(17);

    piece->size = (size_t)t_random_below((uint64_t)1 << (4 + t_random_below(14)));
    piece->seed = t_random();
    piece->memory = dbio__mem_aligned(alignment, piece->size);
    if (piece->memory == NULL || (uintptr_t)piece->memory % alignment != 0 ||
        !all_zero(piece->memory, piece->size))
        abort();
    t_pattern_fill(piece->memory, piece->size, piece->seed, 0);
}

/* Takes and gives pieces at random; each keeps its own bytes. */
static void *
churn(void *seed)
{
    struct piece pieces[64];

    t_random_start((uint64_t)(uintptr_t)seed);
    memset(pieces, 0, sizeof(pieces));
    for (int i = 0; i < 4000; i++) {
        struct piece *piece = &pieces[t_random_below(64)];

        if (piece->memory == NULL) {
            fill_piece(piece);
            continue;
        }
        if (t_pattern_first_wrong(piece->memory, piece->size, piece->seed, 0) != T_ALL_RIGHT)
            abort();
        dbio__mem_free(piece->memory, piece->size);
        piece->memory = NULL;
    }
    for (int i = 0; i < 64; i++)
        dbio__mem_free(pieces[i].memory, pieces[i].size);
    return NULL;
}

START_TEST(pieces_never_overlap_in_four_threads)
{
    pthread_t threads[4];

    for (uintptr_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, (void *)(t_seed() + i)), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(dbio__mem_outstanding(), 0);
}
END_TEST

START_TEST(freed_memory_is_used_again)
{
    void *first = dbio__mem_alloc(1000), *again;

    dbio__mem_free(first, 1000);
    again = dbio__mem_alloc(900);
    ck_assert_ptr_eq(first, again);
    dbio__mem_free(again, 900);
}
END_TEST

START_TEST(null_can_be_given_back)
{
    dbio__mem_free(NULL, 0);
    dbio__mem_free(NULL, 100);
    ck_assert_int_eq(dbio__mem_outstanding(), 0);
}
END_TEST

START_TEST(what_is_outstanding_is_counted)
{
    void *one = dbio__mem_alloc(100), *two = dbio__mem_aligned(4096, MIB);

    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_nonnull(two);
    ck_assert_int_eq(dbio__mem_outstanding(), 2);
    dbio__mem_free(one, 100);
    ck_assert_int_eq(dbio__mem_outstanding(), 1);
    dbio__mem_free(two, MIB);
    ck_assert_int_eq(dbio__mem_outstanding(), 0);
}
END_TEST

START_TEST(after_the_allowed_number_every_allocation_fails)
{
    void *one, *two;

    dbio__mem_fail_after(2);
    one = dbio__mem_alloc(10);
    two = dbio__mem_aligned(4096, 200000);
    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_nonnull(two);
    ck_assert_ptr_null(dbio__mem_alloc(10));
    ck_assert_ptr_null(dbio__mem_aligned(64, 10));
    ck_assert_int_eq(dbio__mem_outstanding(), 2);
    dbio__mem_free(one, 10);
    ck_assert_ptr_null(dbio__mem_alloc(10));
    dbio__mem_fail_after(-1);
    one = dbio__mem_alloc(10);
    ck_assert_ptr_nonnull(one);
    dbio__mem_free(one, 10);
    dbio__mem_free(two, 200000);
}
END_TEST

START_TEST(more_than_there_is_gives_null)
{
    static const size_t too_much[] = {SIZE_MAX, SIZE_MAX - 4095, (size_t)PTRDIFF_MAX + 1,
                                      (size_t)PTRDIFF_MAX, (size_t)1 << 50};

    ck_assert_ptr_null(dbio__mem_alloc(too_much[_i]));
    ck_assert_ptr_null(dbio__mem_aligned(2 * MIB, too_much[_i]));
    ck_assert_int_eq(dbio__mem_outstanding(), 0);
}
END_TEST

START_TEST(small_allocations_fail_cleanly_when_the_kernel_gives_no_more)
{
    struct rlimit limit;
    void *memory;
    int count = 0;

    if (sanitized)
        t_skip("sanitizers need address space of their own");
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = 256 * MIB;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    while ((memory = dbio__mem_alloc(16384)) != NULL) {
        ck_assert(all_zero(memory, 16384));
        count++;
    }
    ck_assert_int_gt(count, 100);
    ck_assert_int_lt(count, 256 * 64);
    ck_assert_ptr_null(dbio__mem_alloc(16384));
    ck_assert_int_eq(dbio__mem_outstanding(), count);
}
END_TEST

static char not_ours[4096];

static void
free_what_is_not_ours(void)
{
    dbio__mem_free(not_ours + 64, 64);
}

static void
free_with_a_larger_size(void)
{
    void *memory = dbio__mem_alloc(100), *counted = dbio__mem_alloc(100);

    if (counted != NULL)
        dbio__mem_free(memory, 1000);
}

static void
free_the_middle(void)
{
    char *memory = dbio__mem_alloc(1000);

    dbio__mem_free(memory + 16, 100);
}

START_TEST(a_wrong_free_aborts)
{
    static void (*const wrongs[])(void) = {free_what_is_not_ours, free_with_a_larger_size,
                                           free_the_middle};
    char text[4096];
    int status;

    if (!is_slab())
        t_skip("only the slab memory checks what it is given");
    status = t_capture(wrongs[_i], text, sizeof(text));
    ck_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}
END_TEST

START_TEST(memory_has_a_name)
{
    ck_assert(is_slab() || strcmp(dbio__mem_name(), "jemalloc") == 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("mem");
    TCase *cases = tcase_create("mem");

    tcase_add_loop_test(cases, memory_is_aligned_as_promised_for_its_size, 0, SIZES);
    tcase_add_loop_test(cases, memory_is_aligned_as_asked_whatever_the_size, 0, SIZES);
    tcase_add_loop_test(cases, memory_that_was_used_before_is_zero_again, 0, SIZES);
    tcase_add_test(cases, pieces_never_overlap_in_four_threads);
    tcase_add_test(cases, freed_memory_is_used_again);
    tcase_add_test(cases, null_can_be_given_back);
    tcase_add_test(cases, what_is_outstanding_is_counted);
    tcase_add_test(cases, after_the_allowed_number_every_allocation_fails);
    tcase_add_loop_test(cases, more_than_there_is_gives_null, 0, 5);
    tcase_add_test(cases, small_allocations_fail_cleanly_when_the_kernel_gives_no_more);
    tcase_add_loop_test(cases, a_wrong_free_aborts, 0, 3);
    tcase_add_test(cases, memory_has_a_name);
    suite_add_tcase(suite, cases);
    return suite;
}
