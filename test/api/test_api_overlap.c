/*
 * test_api_overlap.c - requests of one batch in the same pages, and requests whose memory is not
 * there: each completes; what is read was written by one of them, and what they leave is the same
 * whichever way it is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"
#include "t_support.h"

#define KIB    ((size_t)1024)
#define SIZE   (64 * KIB) /* small: nearly all overlap */
#define BLOCK  (4 * KIB)
#define BLOCKS (SIZE / BLOCK)
#define DEPTH  32u
#define TURNS  20
#define NEVER  UINT64_MAX
#define FILES  3 /* handles of one file, each in a mode of its own */

static struct t_rig rig;
static struct dbio_file *files[FILES];
static struct dbio_batch *batch;
static uint64_t versions;

static void
begin(const char *directory, bool threads)
{
    static const enum dbio_mode modes[FILES] = {DBIO_MODE_DIRECT, DBIO_MODE_BUFFERED,
                                                DBIO_MODE_AUTO};
    int i;

    rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);
    if (threads)
        ck_assert_int_eq(setenv("DBIO_BACKEND", "threads", 1), 0);
    ck_assert_int_eq(dbio_batch_create(rig.context, NULL, &batch), 0);
    ck_assert_int_eq(unsetenv("DBIO_BACKEND"), 0);
    files[0] = rig.file;
    for (i = 1; i < FILES; i++) {
        struct dbio_file_options options = {.size = sizeof(options), .mode = modes[i]};

        ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDWR, 0, &options, &files[i]), 0);
    }
}

static void
end(void)
{
    int i;

    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    for (i = 1; i < FILES; i++)
        ck_assert_int_eq(dbio_close(files[i]), 0);
    t_close(rig.context, rig.file);
}

/* Every word of a block says which write it is of. */
static void
stamp(uint64_t *memory, size_t length, uint64_t version)
{
    size_t i;

    for (i = 0; i < length / sizeof(*memory); i++)
        memory[i] = version;
}

/* Each word is of a write that was made: nobody ordered them. */
static void
verify(const uint64_t *memory, size_t length)
{
    size_t i;

    for (i = 0; i < length / sizeof(*memory); i++)
        ck_assert_msg(memory[i] >= 1 && memory[i] <= versions, "word %zu is %llu, of %llu writes",
                      i, (unsigned long long)memory[i], (unsigned long long)versions);
}

/* When all is over everyone reads the same. */
static void
verify_left(void)
{
    static uint64_t *one, *other;
    int i;

    if (one == NULL) {
        one = t_aligned(SIZE);
        other = t_aligned(SIZE);
    }
    ck_assert_int_eq(dbio_pread(files[0], one, SIZE, 0, 0), (ssize_t)SIZE);
    verify(one, SIZE);
    for (i = 1; i < FILES; i++) {
        ck_assert_int_eq(dbio_pread(files[i], other, SIZE, 0, 0), (ssize_t)SIZE);
        ck_assert_mem_eq(one, other, SIZE);
    }
}

struct request {
    uint64_t *memory;
    size_t length;
    bool write;
};

static void
prepare(struct request *request, uint64_t number)
{
    uint64_t at = t_random_below(BLOCKS);
    struct dbio_file *file = files[t_random_below(FILES)];
    int error;

    request->length = (1 + t_random_below(BLOCKS - at)) * BLOCK;
    request->write = t_random_below(2) == 0;
    if (request->write)
        stamp(request->memory, request->length, ++versions);
    error = request->write ? dbio_batch_write(batch, file, request->memory, request->length,
                                              (off_t)(at * BLOCK), 0, number)
                           : dbio_batch_read(batch, file, request->memory, request->length,
                                             (off_t)(at * BLOCK), 0, number);
    ck_assert_int_eq(error, 0);
}

static void
overlap_once(void)
{
    static struct request requests[DEPTH];
    struct dbio_completion done[DEPTH];
    unsigned i, k;

    for (i = 0; i < DEPTH; i++) {
        if (requests[i].memory == NULL)
            requests[i].memory = t_aligned(SIZE);
        prepare(&requests[i], i);
    }
    ck_assert_int_eq(dbio_batch_submit(batch), (int)DEPTH);
    for (k = 0; k < DEPTH;) {
        int got = dbio_batch_wait(batch, 1, NEVER, done, DEPTH);

        ck_assert_int_gt(got, 0);
        for (i = 0; i < (unsigned)got; i++, k++) {
            const struct request *request = &requests[done[i].user_data];

            ck_assert_int_eq(done[i].result, (int64_t)request->length);
            if (!request->write)
                verify(request->memory, request->length);
        }
    }
}

START_TEST(requests_in_the_same_pages_all_end_and_leave_one_truth)
{
    uint64_t *whole = t_aligned(SIZE);
    int threads, turn;

    for (threads = 0; threads < 2; threads++) {
        begin(t_filesystems()[_i].directory, threads);
        versions = 1;
        stamp(whole, SIZE, versions);
        ck_assert_int_eq(dbio_pwrite(rig.file, whole, SIZE, 0, 0), (ssize_t)SIZE);
        for (turn = 0; turn < TURNS; turn++) {
            overlap_once();
            if (turn % 4 == 0)
                verify_left();
            if (turn % 8 == 0) /* in between requests find cached pages, or none */
                (void)t_cache_drop(rig.path);
        }
        verify_left();
        end();
    }
}
END_TEST

/* A page, and behind it one that nobody may touch. */
static char *
make_edge(void)
{
    char *memory =
        mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(memory, MAP_FAILED);
    ck_assert_int_eq(mprotect(memory + BLOCK, BLOCK, PROT_NONE), 0);
    memset(memory, 7, BLOCK);
    return memory;
}

/* One request from or to memory that ends too early, and one that is as it should be. */
static void
try_edge(struct dbio_file *file, bool write, char *edge, char *memory)
{
    struct dbio_completion one;
    int error = write ? dbio_batch_write(batch, file, edge, 2 * BLOCK, 0, 0, 1)
                      : dbio_batch_read(batch, file, edge, 2 * BLOCK, 0, 0, 1);

    ck_assert_int_eq(error, 0);
    ck_assert_int_eq(dbio_batch_submit(batch), 1);
    ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, &one, 1), 1);
    ck_assert_msg(one.result == -EFAULT || one.result == (int64_t)BLOCK, "%lld",
                  (long long)one.result);
    ck_assert_int_eq(dbio_batch_read(batch, file, memory, 2 * BLOCK, 0, 0, 2), 0);
    ck_assert_int_eq(dbio_batch_submit(batch), 1);
    ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, &one, 1), 1);
    ck_assert_int_eq(one.result, (int64_t)(2 * BLOCK));
}

START_TEST(memory_that_is_too_small_is_told_and_the_batch_goes_on)
{
    char *edge = make_edge(), *memory = t_aligned(2 * BLOCK);
    int threads, i;

    for (threads = 0; threads < 2; threads++) {
        begin(t_filesystems()[_i].directory, threads);
        for (i = 0; i < FILES; i++) {
            try_edge(files[i], false, edge, memory);
            try_edge(files[i], true, edge, memory);
        }
        t_file_verify(rig.path, T_SEED, BLOCK, SIZE - BLOCK);
        end();
    }
    ck_assert_int_eq(munmap(edge, 2 * BLOCK), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_overlap");
    TCase *cases = tcase_create("overlap");

    tcase_set_timeout(cases, 60);
    t_add_filesystem_test(cases, requests_in_the_same_pages_all_end_and_leave_one_truth);
    t_add_filesystem_test(cases, memory_that_is_too_small_is_told_and_the_batch_goes_on);
    suite_add_tcase(suite, cases);
    return suite;
}
