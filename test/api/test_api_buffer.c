/*
 * test_api_buffer.c - dbio_buffer: aligned, apart, as many as the option says, gone in a child of
 * fork; what is not a buffer is told from what is.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_dbio.h"
#include "t_file.h"

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

#define KIB  ((size_t)1024)
#define MIB  (KIB * 1024)
#define POOL (8 * MIB)
#define SIZE (4 * MIB)
#define MANY (POOL / T_PAGE)

static struct dbio_context *
context_of(uint64_t bytes)
{
    struct dbio_context_options options = {.size = sizeof(options), .buffer_bytes = bytes};
    struct dbio_context *context;

    ck_assert_int_eq(dbio_context_create(&options, &context), 0);
    return context;
}

static char *
acquire(struct dbio_context *context, size_t length)
{
    void *buffer = NULL;

    ck_assert_int_eq(dbio_buffer_acquire(context, length, &buffer), 0);
    ck_assert_ptr_nonnull(buffer);
    ck_assert_uint_eq((uintptr_t)buffer % T_PAGE, 0);
    return buffer;
}

static void
release(struct dbio_context *context, void *buffer)
{
    ck_assert_int_eq(dbio_buffer_release(context, buffer), 0);
}

/* As many of `length` as there are, and each filled with its number; the call after the last
 * says -ENOBUFS. */
static size_t
acquire_all(struct dbio_context *context, size_t length, char **buffers)
{
    void *untouched = &untouched, *refused = untouched;
    size_t count;

    for (count = 0; count < POOL / length; count++) {
        buffers[count] = acquire(context, length);
        t_pattern_fill(buffers[count], length, count, 0);
    }
    ck_assert_int_eq(dbio_buffer_acquire(context, length, &refused), -ENOBUFS);
    ck_assert_ptr_eq(refused, untouched);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_BUFFER_BYTES), count * length);
    return count;
}

static void
release_all(struct dbio_context *context, size_t length, char **buffers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        t_pattern_verify(buffers[i], length, i, 0);
        release(context, buffers[i]);
    }
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_BUFFER_BYTES), 0);
}

static const size_t sizes[] = {1,        T_PAGE - 1, T_PAGE, T_PAGE + 1, 5 * T_PAGE,
                               64 * KIB, 1000000,    MIB,    2 * MIB,    2 * MIB + 1,
                               3 * MIB,  POOL - 1,   POOL};
#define SIZES ((int)(sizeof(sizes) / sizeof(sizes[0])))

START_TEST(a_buffer_is_aligned_and_as_long_as_asked)
{
    struct dbio_context *context = context_of(POOL);
    size_t length = sizes[_i];
    char *buffer = acquire(context, length);

    t_pattern_fill(buffer, length, T_SEED, 0);
    t_pattern_verify(buffer, length, T_SEED, 0);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_BUFFER_BYTES),
                      (length + T_PAGE - 1) / T_PAGE * T_PAGE);
    release(context, buffer);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

static const size_t uniform[] = {T_PAGE, 5 * T_PAGE, 64 * KIB, MIB, MIB + T_PAGE, 2 * MIB, POOL};
#define UNIFORM ((int)(sizeof(uniform) / sizeof(uniform[0])))

START_TEST(of_one_size_as_many_are_lent_as_the_option_says_and_not_one_more)
{
    struct dbio_context *context = context_of(POOL);
    static char *buffers[MANY];

    for (uint64_t round = 1; round <= 3; round++) {
        size_t count = acquire_all(context, uniform[_i], buffers);

        ck_assert_uint_eq(t_stat(context, DBIO_STAT_BUFFERS_EXHAUSTED), 2 * round - 1);
        release(context, buffers[count - 1]);
        buffers[count - 1] = acquire(context, uniform[_i]);
        t_pattern_fill(buffers[count - 1], uniform[_i], count - 1, 0);
        ck_assert_int_eq(dbio_buffer_acquire(context, 1, (void *[]){NULL}),
                         count * uniform[_i] == POOL ? -ENOBUFS : 0);
        if (count * uniform[_i] != POOL)
            break; /* one page went to nobody; the context dies with the process */
        release_all(context, uniform[_i], buffers, count);
    }
}
END_TEST

START_TEST(where_small_ones_were_large_ones_fit_and_the_other_way_round)
{
    struct dbio_context *context = context_of(POOL);
    static char *buffers[MANY];
    static const size_t lengths[] = {T_PAGE, MIB, 16 * KIB, 512 * KIB, T_PAGE, MIB};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        release_all(context, lengths[i], buffers, acquire_all(context, lengths[i], buffers));
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(wrong_arguments_are_refused_and_nothing_is_lent)
{
    struct dbio_context *context = context_of(POOL), *large = context_of(1024 * MIB);
    void *untouched = &untouched, *buffer = untouched;

    ck_assert_int_eq(dbio_buffer_acquire(NULL, 1, &buffer), -EINVAL);
    ck_assert_int_eq(dbio_buffer_acquire(context, 1, NULL), -EINVAL);
    ck_assert_int_eq(dbio_buffer_acquire(context, 0, &buffer), -EINVAL);
    ck_assert_int_eq(dbio_buffer_acquire(context, POOL + 1, &buffer), -EINVAL);
    ck_assert_int_eq(dbio_buffer_acquire(context, SIZE_MAX, &buffer), -EINVAL);
    ck_assert_int_eq(dbio_buffer_acquire(large, 512 * MIB + 1, &buffer), -EINVAL);
    ck_assert_int_eq(dbio_buffer_release(NULL, untouched), -EINVAL);
    ck_assert_int_eq(dbio_buffer_release(context, NULL), -EINVAL);
    ck_assert_ptr_eq(buffer, untouched);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_BUFFER_BYTES), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_eq(dbio_buffer_acquire(context, 1, &buffer), -EBADF);
    ck_assert_int_eq(dbio_buffer_release(context, untouched), -EBADF);
    ck_assert_int_eq(dbio_context_destroy(large), 0);
}
END_TEST

START_TEST(what_is_not_a_buffer_of_the_context_is_not_taken)
{
    struct dbio_context *context = context_of(0), *other = context_of(0);
    char *buffer = acquire(context, 64 * KIB), *twice = acquire(context, 64 * KIB);
    char *others = acquire(other, 64 * KIB), *own = t_aligned(64 * KIB);

    release(context, twice);
    ck_assert_int_eq(dbio_buffer_release(context, twice), -EINVAL);
    ck_assert_int_eq(dbio_buffer_release(context, others), -EINVAL);
    ck_assert_int_eq(dbio_buffer_release(context, own), -EINVAL);
    ck_assert_int_eq(dbio_buffer_release(context, buffer + 1), -EINVAL);
    ck_assert_int_eq(dbio_buffer_release(context, buffer + T_PAGE), -EINVAL);
    ck_assert_int_eq(dbio_buffer_release(context, buffer - T_PAGE), -EINVAL);
    ck_assert_int_eq(dbio_buffer_release(context, (void *)UINTPTR_MAX), -EINVAL);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_BUFFER_BYTES), 64 * KIB);
    release(context, buffer);
    release(other, others);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_eq(dbio_context_destroy(other), 0);
}
END_TEST

START_TEST(a_context_with_buffers_lent_is_not_destroyed)
{
    struct dbio_context *context = context_of(0);
    char *buffer = acquire(context, MIB);

    t_pattern_fill(buffer, MIB, T_SEED, 0);
    ck_assert_int_eq(dbio_context_destroy(context), -EBUSY);
    t_pattern_verify(buffer, MIB, T_SEED, 0);
    release(context, buffer);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

/* Mappings that children do not get, and of these how many are advised to be huge pages. */
static int
count_regions(int *huge)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    char line[512];
    int count = 0;

    ck_assert_ptr_nonnull(smaps);
    *huge = 0;
    while (fgets(line, sizeof(line), smaps) != NULL) {
        if (strncmp(line, "VmFlags:", 8) != 0 || strstr(line, " dc") == NULL)
            continue;
        count++;
        *huge += strstr(line, " hg") != NULL;
    }
    (void)fclose(smaps);
    return count;
}

START_TEST(buffers_are_in_huge_pages_that_children_do_not_get_and_nothing_stays)
{
    struct dbio_context *context = context_of(POOL);
    int before, huge_before, count, huge;
    char *buffer;

    before = count_regions(&huge_before);
    buffer = acquire(context, POOL);
    count = count_regions(&huge);
    ck_assert_int_gt(count, before);
    if (access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0)
        ck_assert_int_eq(huge - huge_before, count - before);
    release(context, buffer);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_eq(count_regions(&huge), before);
}
END_TEST

/* More contexts than jemalloc has numbers for arenas. */
START_TEST(thousands_of_contexts_may_lend_one_after_the_other)
{
    for (int i = 0; i < 5000; i++) {
        struct dbio_context *context = context_of(2 * MIB);

        release(context, acquire(context, T_PAGE));
        ck_assert_int_eq(dbio_context_destroy(context), 0);
    }
}
END_TEST

static void *
borrow_often(void *context)
{
    struct {
        char *buffer;
        size_t length;
    } lent[8] = {{NULL, 0}};

    static _Atomic uint64_t threads;

    t_random_start(t_seed() + threads++);
    for (uint64_t i = 0; i < 4000; i++) {
        unsigned at = (unsigned)t_random_below(8);
        void *buffer;

        if (lent[at].buffer != NULL) {
            if (t_pattern_first_wrong(lent[at].buffer, lent[at].length, (uintptr_t)&lent[at], 0) !=
                    T_ALL_RIGHT ||
                dbio_buffer_release(context, lent[at].buffer) != 0)
                return context;
            lent[at].buffer = NULL;
            continue;
        }
        lent[at].length = (size_t)t_random_below((uint64_t)1 << (8 + t_random_below(10))) + 1;
        switch (dbio_buffer_acquire(context, lent[at].length, &buffer)) {
        case 0:
            lent[at].buffer = buffer;
            t_pattern_fill(buffer, lent[at].length, (uintptr_t)&lent[at], 0);
            break;
        case -ENOBUFS:
            break;
        default:
            return context;
        }
    }
    for (int i = 0; i < 8; i++)
        if (lent[i].buffer != NULL && dbio_buffer_release(context, lent[i].buffer) != 0)
            return context;
    return NULL;
}

START_TEST(many_threads_borrow_and_none_gets_anothers_bytes)
{
    struct dbio_context *context = context_of(2 * MIB);
    pthread_t threads[8];
    void *failed;

    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, borrow_often, context), 0);
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_BUFFER_BYTES), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

/* Waits for a child; its exit status. */
static int
status_of(pid_t child)
{
    int status;

    ck_assert_int_ge(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static int
use_in_child(struct dbio_context *context, char *parents)
{
    unsigned char residency;
    void *own, *again;

    if (mincore(parents, T_PAGE, &residency) != -1 || errno != ENOMEM)
        return 1;
    if (dbio_buffer_release(context, parents) != -EINVAL ||
        t_stat(context, DBIO_STAT_BUFFER_BYTES) != 0)
        return 2;
    if (dbio_buffer_acquire(context, POOL, &own) != 0)
        return 3;
    memset(own, 0x5a, POOL);
    if (dbio_buffer_release(context, own) != 0 || dbio_buffer_release(context, own) != -EINVAL)
        return 4;
    if (dbio_buffer_acquire(context, T_PAGE, &again) != 0)
        return 5;
    if (dbio_context_destroy(context) != -EBUSY || dbio_buffer_release(context, again) != 0)
        return 6;
    return dbio_context_destroy(context) == 0 ? 0 : 7;
}

START_TEST(a_child_starts_with_an_empty_pool_and_the_parent_keeps_its_buffers)
{
    struct dbio_context *context = context_of(POOL);
    char *buffer = acquire(context, MIB), *small = acquire(context, 1);

    t_pattern_fill(buffer, MIB, T_SEED, 0);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();

        if (child == 0) {
            child = fork(); /* and a child of the child */
            if (child == 0)
                _exit(use_in_child(context, buffer));
            _exit(status_of(child) != 0 ? 9 : use_in_child(context, small));
        }
        ck_assert_int_eq(status_of(child), 0);
        t_pattern_verify(buffer, MIB, T_SEED, 0);
        ck_assert_uint_eq(t_stat(context, DBIO_STAT_BUFFER_BYTES), MIB + T_PAGE);
    }
    release(context, buffer);
    release(context, small);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(a_child_that_touches_a_buffer_of_its_parent_ends)
{
    struct dbio_context *context = context_of(POOL);
    volatile char *buffer = acquire(context, MIB);
    pid_t child;
    int status;

    if (sanitized)
        t_skip("sanitizers turn the signal into an exit");
    child = fork();
    if (child == 0) {
        buffer[0] = 1;
        _exit(0);
    }
    status = status_of(child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
}
END_TEST

START_TEST(a_fork_while_threads_borrow_harms_nobody)
{
    struct dbio_context *context = context_of(POOL);
    pthread_t threads[3];
    void *failed;

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, borrow_often, context), 0);
    for (int i = 0; i < 40; i++) {
        pid_t child = fork();

        if (child == 0)
            _exit(borrow_often(context) != NULL || dbio_context_destroy(context) != 0);
        ck_assert_int_eq(status_of(child), 0);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

START_TEST(direct_requests_go_from_and_to_buffers_without_a_copy)
{
    T_DIRECT_OR_SKIP(where);
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    char *source = acquire(rig.context, MIB), *target = acquire(rig.context, SIZE);

    t_pattern_fill(source, MIB, T_NEW, MIB);
    ck_assert_int_eq(dbio_pwrite(rig.file, source, MIB, MIB, 0), MIB);
    ck_assert_int_eq(dbio_pread(rig.file, target, SIZE, 0, 0), SIZE);
    t_pattern_verify(target, MIB, T_SEED, 0);
    t_pattern_verify(target + MIB, MIB, T_NEW, MIB);
    t_pattern_verify(target + 2 * MIB, SIZE - 2 * MIB, T_SEED, 2 * MIB);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_DIRECT), 2);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_BOUNCE_BYTES), 0);
    release(rig.context, source);
    release(rig.context, target);
    t_verify_new(rig.path, MIB, MIB);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_batch_reads_into_buffers_and_into_other_memory_alike)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_AUTO, SIZE);
    struct dbio_completion completions[8];
    struct dbio_batch *batch;
    char *memory[8];

    ck_assert_int_eq(dbio_batch_create(rig.context, NULL, &batch), 0);
    for (uint64_t i = 0; i < 8; i++) {
        memory[i] = i % 2 == 0 ? acquire(rig.context, 64 * KIB) : t_aligned(64 * KIB);
        ck_assert_int_eq(
            dbio_batch_read(batch, rig.file, memory[i], 64 * KIB, (off_t)(i * 64 * KIB), 0, i), 0);
    }
    ck_assert_int_eq(dbio_batch_submit(batch), 8);
    for (int left = 8; left > 0;) {
        int count = dbio_batch_wait(batch, 1, UINT64_MAX, completions, 8);

        ck_assert_int_gt(count, 0);
        for (int i = 0; i < count; i++)
            ck_assert_int_eq(completions[i].result, 64 * KIB);
        left -= count;
    }
    for (uint64_t i = 0; i < 8; i++) {
        t_pattern_verify(memory[i], 64 * KIB, T_SEED, i * 64 * KIB);
        if (i % 2 == 0)
            release(rig.context, memory[i]);
    }
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(without_address_space_there_is_no_memory_and_later_there_is)
{
    struct dbio_context *context = context_of(1024 * MIB);
    void *untouched = &untouched, *buffer = untouched;
    struct rlimit limit, tight;

    if (sanitized)
        t_skip("sanitizers need address space of their own");
    release(context, acquire(context, T_PAGE));
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    tight = limit;
    tight.rlim_cur = 64 * MIB;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &tight), 0);
    ck_assert_int_eq(dbio_buffer_acquire(context, 128 * MIB, &buffer), -ENOMEM);
    ck_assert_ptr_eq(buffer, untouched);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_BUFFER_BYTES), 0);
    ck_assert_uint_eq(t_stat(context, DBIO_STAT_BUFFERS_EXHAUSTED), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    release(context, acquire(context, 16 * MIB));
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_buffer");
    TCase *cases = tcase_create("api_buffer");

    tcase_add_loop_test(cases, a_buffer_is_aligned_and_as_long_as_asked, 0, SIZES);
    tcase_add_loop_test(cases, of_one_size_as_many_are_lent_as_the_option_says_and_not_one_more, 0,
                        UNIFORM);
    tcase_add_test(cases, where_small_ones_were_large_ones_fit_and_the_other_way_round);
    tcase_add_test(cases, wrong_arguments_are_refused_and_nothing_is_lent);
    tcase_add_test(cases, what_is_not_a_buffer_of_the_context_is_not_taken);
    tcase_add_test(cases, a_context_with_buffers_lent_is_not_destroyed);
    tcase_add_test(cases, buffers_are_in_huge_pages_that_children_do_not_get_and_nothing_stays);
    tcase_add_test(cases, thousands_of_contexts_may_lend_one_after_the_other);
    tcase_add_test(cases, many_threads_borrow_and_none_gets_anothers_bytes);
    tcase_add_test(cases, a_child_starts_with_an_empty_pool_and_the_parent_keeps_its_buffers);
    tcase_add_test(cases, a_child_that_touches_a_buffer_of_its_parent_ends);
    tcase_add_test(cases, a_fork_while_threads_borrow_harms_nobody);
    t_add_direct_test(cases, direct_requests_go_from_and_to_buffers_without_a_copy);
    tcase_add_test(cases, a_batch_reads_into_buffers_and_into_other_memory_alike);
    tcase_add_test(cases, without_address_space_there_is_no_memory_and_later_there_is);
    suite_add_tcase(suite, cases);
    return suite;
}
