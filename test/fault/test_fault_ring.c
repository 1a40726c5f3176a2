/*
 * test_fault_ring.c - a batch whose ring fails: at opening, at each submission, and with each answer that
 * a kernel may give. The request that had the trouble is told, or the crew makes it good; the
 * others go on; bytes are old or new, never mixed; nothing stays announced.
 *
 * The ring is the null ring's contract with a file behind it: it carries each request out when it
 * is submitted, and answers what the test says instead, or besides.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/batch.h"
#include "engine/membership.h"
#include "t_cache.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

#define SIZE  (16 * T_PAGE)
#define ROOM  64
#define NEVER UINT64_MAX

/* What the next requests meet, one each; 0: nothing. */
static struct trouble {
    int64_t answer; /* in place of the transfer's; positive: so many bytes, really */
    int64_t flush;  /* in place of the flush's */
} troubles[ROOM];
static unsigned met, queue_refusals, submit_refusals;

static struct faulty {
    struct dbio_ring ring;
    struct dbio_ring_request queued[ROOM];
    struct dbio_ring_answer answers[2 * ROOM];
    unsigned queued_count, answered;
    unsigned adoptions, adopted; /* asked for, granted */
    unsigned grants;             /* so many are granted */
} faulty;

static bool
queue_faulty(struct dbio_ring *ring, const struct dbio_ring_request *request)
{
    (void)ring;
    if (queue_refusals > 0) {
        queue_refusals--;
        return false;
    }
    ck_assert_uint_lt(faulty.queued_count, ROOM);
    faulty.queued[faulty.queued_count++] = *request;
    return true;
}

static int
adopt_faulty(struct dbio_ring *ring, unsigned number, const struct iovec *memory)
{
    (void)ring;
    ck_assert_uint_eq(number, faulty.adopted); /* each once, in turn */
    ck_assert_uint_ge(memory->iov_len, DBIO_REGION_LEAST);
    faulty.adoptions++;
    if (faulty.adopted == faulty.grants)
        return -ENOMEM;
    faulty.adopted++;
    return 0;
}

static int64_t
carry_out(const struct dbio_ring_request *request, size_t bytes)
{
    void *memory = request->vector->iov_base;
    ssize_t done = request->code == DBIO_RING_WRITE
                       ? pwrite(request->fd, memory, bytes, (off_t)request->offset)
                       : pread(request->fd, memory, bytes, (off_t)request->offset);

    return done < 0 ? -errno : done;
}

static void
answer(uint64_t token, int64_t result)
{
    faulty.answers[faulty.answered++] = (struct dbio_ring_answer){token, result};
}

static int
submit_faulty(struct dbio_ring *ring)
{
    unsigned i;

    (void)ring;
    if (submit_refusals > 0) {
        submit_refusals--;
        return -EAGAIN;
    }
    for (i = 0; i < faulty.queued_count; i++) {
        const struct dbio_ring_request *request = &faulty.queued[i];
        struct trouble trouble = troubles[met++];
        size_t wanted = request->count > 0 ? request->vector->iov_len : 0, bytes = wanted;
        int64_t result = trouble.answer;

        if (result > 0)
            bytes = (size_t)result;
        if (request->count > 0 && result >= 0)
            result = carry_out(request, bytes);
        answer(request->token, result);
        if (request->flush_bytes != 0)
            answer(request->token | 1, result < (int64_t)wanted ? -ECANCELED : trouble.flush);
    }
    faulty.queued_count = 0;
    return 0;
}

static unsigned
reap_faulty(struct dbio_ring *ring, struct dbio_ring_answer *answers, unsigned most)
{
    unsigned count = faulty.answered < most ? faulty.answered : most;

    (void)ring;
    memcpy(answers, faulty.answers, count * sizeof(answers[0]));
    faulty.answered -= count;
    memmove(faulty.answers, faulty.answers + count, faulty.answered * sizeof(answers[0]));
    return count;
}

static int
wait_faulty(struct dbio_ring *ring, uint64_t timeout_ns, int wake_fd)
{
    (void)timeout_ns;
    (void)wake_fd;
    usleep(1000);
    return submit_faulty(ring);
}

static void
close_faulty(struct dbio_ring *ring)
{
    (void)ring;
    ck_assert_uint_eq(faulty.queued_count + faulty.answered, 0);
}

static const char *
describe_faulty(const struct dbio_ring *ring)
{
    (void)ring;
    return "faulty";
}

static const struct dbio_ring_kind kind = {.name = "faulty",
                                           .close = close_faulty,
                                           .queue = queue_faulty,
                                           .submit = submit_faulty,
                                           .reap = reap_faulty,
                                           .wait = wait_faulty,
                                           .adopt = adopt_faulty,
                                           .describe = describe_faulty};

/* A batch with that ring in place of its own. */
static struct dbio_batch *
faulty_batch(struct dbio_context *context)
{
    struct dbio_batch *batch;

    ck_assert_int_eq(dbio_batch_create(context, NULL, &batch), 0);
    if (batch->ring != NULL)
        batch->ring->kind->close(batch->ring);
    faulty.ring.kind = &kind;
    batch->ring = &faulty.ring;
    return batch;
}

static struct dbio_completion
only(struct dbio_batch *batch)
{
    struct dbio_completion one;

    ck_assert_int_eq(dbio_batch_submit(batch), 1);
    ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, &one, 1), 1);
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
    return one;
}

/* What an answer must come to: -1: the crew made it good, and all was moved. */
static const struct {
    int64_t answer;
    int comes_to;
} answers[] = {
    {-EAGAIN, -1}, {-EINTR, -1}, {-EINVAL, -1},      {-EOPNOTSUPP, -1},        {T_PAGE, -1},
    {512, -1},     {-EIO, -EIO}, {-ENOSPC, -ENOSPC}, {-ECANCELED, -ECANCELED}, {-ENOMEM, -ENOMEM},
};
#define ANSWERS ((int)(sizeof(answers) / sizeof(answers[0])))

START_TEST(each_answer_to_a_write_is_told_or_made_good)
{
    enum dbio_mode mode = _i % 2 == 0 ? DBIO_MODE_DIRECT : DBIO_MODE_BUFFERED;
    struct t_rig rig = t_rig(t_scratch(), mode, SIZE);
    struct dbio_batch *batch = faulty_batch(rig.context);
    void *memory = t_patterned(2 * T_PAGE, T_NEW, T_PAGE);
    struct dbio_completion one;
    int i = _i / 2;

    troubles[0].answer = answers[i].answer;
    ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory, 2 * T_PAGE, (off_t)T_PAGE, 0, 1), 0);
    one = only(batch);
    ck_assert_int_eq(one.result,
                     answers[i].comes_to == -1 ? (int64_t)(2 * T_PAGE) : answers[i].comes_to);
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
    if (answers[i].comes_to == -1)
        t_verify_new(rig.path, 2 * T_PAGE, T_PAGE);
    else
        t_verify_new(rig.path, 0, 0);
}
END_TEST

START_TEST(each_answer_to_a_read_is_told_or_made_good)
{
    enum dbio_mode mode = _i % 2 == 0 ? DBIO_MODE_DIRECT : DBIO_MODE_BUFFERED;
    struct t_rig rig = t_rig(t_scratch(), mode, SIZE);
    struct dbio_batch *batch = faulty_batch(rig.context);
    unsigned char *memory = t_aligned(2 * T_PAGE), *expected = t_patterned(2 * T_PAGE, T_SEED, 0);
    struct dbio_completion one;
    int i = _i / 2;

    troubles[0].answer = answers[i].answer;
    ck_assert_int_eq(dbio_batch_read(batch, rig.file, memory, 2 * T_PAGE, 0, 0, 1), 0);
    one = only(batch);
    if (answers[i].comes_to == -1) {
        ck_assert_int_eq(one.result, (int64_t)(2 * T_PAGE));
        ck_assert_int_eq(memcmp(memory, expected, 2 * T_PAGE), 0);
    } else {
        ck_assert_int_eq(one.result, answers[i].comes_to);
    }
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* The kernel tells of a failed writeback once: it is latched, and not tried again. */
/* Eight neighbours, joined: the whole has the trouble, and then, alone, some of them. */
static void
write_joined(struct dbio_batch *batch, struct dbio_file *file, struct dbio_completion done[8])
{
    char *memory = t_patterned(8 * T_PAGE, T_NEW, 0);
    unsigned i;

    for (i = 0; i < 8; i++)
        ck_assert_int_eq(
            dbio_batch_write(batch, file, memory + i * T_PAGE, T_PAGE, (off_t)(i * T_PAGE), 0, i),
            0);
    ck_assert_int_eq(dbio_batch_submit(batch), 8);
    ck_assert_int_eq(dbio_batch_wait(batch, 8, NEVER, done, 8), 8);
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
}

START_TEST(of_joined_writes_the_one_that_had_the_error_is_told)
{
    static const int64_t wholes[] = {-EIO, -ENOSPC, -ENOMEM, -ECANCELED};
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = faulty_batch(rig.context);
    struct dbio_completion done[8];
    unsigned i;

    if (dbio__inode_ability(rig.file->inode) != DBIO_REASON_NONE)
        t_skip("no direct I/O here, and so nothing is joined");
    troubles[0].answer = wholes[_i];
    troubles[1 + 3].answer = -EIO; /* of the fourth, alone */
    write_joined(batch, rig.file, done);
    ck_assert_uint_eq(met, 9);
    for (i = 0; i < 8; i++)
        ck_assert_int_eq(done[i].result, done[i].user_data == 3 ? -EIO : (int64_t)T_PAGE);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
    t_file_verify(rig.path, T_NEW, 0, 3 * T_PAGE);
    t_file_verify(rig.path, T_SEED, 3 * T_PAGE, T_PAGE);
    t_file_verify(rig.path, T_NEW, 4 * T_PAGE, 4 * T_PAGE);
}
END_TEST

/* Of what came back short the rest is made good by a worker. */
START_TEST(joined_writes_that_come_back_short_are_all_written)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = faulty_batch(rig.context);
    struct dbio_completion done[8];
    unsigned i;

    troubles[0].answer = (int64_t)((unsigned)_i * T_PAGE + T_PAGE / 2);
    write_joined(batch, rig.file, done);
    for (i = 0; i < 8; i++)
        ck_assert_int_eq(done[i].result, (int64_t)T_PAGE);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
    t_verify_new(rig.path, 8 * T_PAGE, 0);
}
END_TEST

START_TEST(a_failed_flush_is_latched_and_one_that_was_not_made_is_made)
{
    static const int64_t flushes[] = {-EIO, -ENOSPC, -EINVAL, -EAGAIN};
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = faulty_batch(rig.context);
    void *memory = t_patterned(T_PAGE, T_NEW, 0);
    bool lost = _i < 2;
    struct dbio_completion one;

    if (t_stat(rig.context, DBIO_STAT_FILES) != 1 || !t_cache_has_cachestat())
        t_skip("what is cached cannot be asked here");
    t_cache_warm(rig.path, 0, SIZE);
    troubles[0].flush = flushes[_i];
    ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory, T_PAGE, 0, 0, 1), 0);
    one = only(batch);
    if (one.route != DBIO_ROUTE_BUFFERED_FLUSH)
        t_skip("no direct I/O here, so nothing to flush");
    ck_assert_int_eq(one.result, lost ? flushes[_i] : (int64_t)T_PAGE);
    ck_assert_int_eq(dbio_fdatasync(rig.file), lost ? (int)flushes[_i] : 0);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

START_TEST(a_failed_sync_is_latched_and_an_interrupted_one_is_repeated)
{
    static const int64_t syncs[] = {-EIO, -EINTR, -EAGAIN, 0};
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, SIZE);
    struct dbio_batch *batch = faulty_batch(rig.context);
    int expected = _i == 0 ? -EIO : 0;

    troubles[0].answer = syncs[_i];
    ck_assert_int_eq(dbio_batch_fdatasync(batch, rig.file, 0, 1), 0);
    ck_assert_int_eq(only(batch).result, expected);
    ck_assert_int_eq(dbio_fsync(rig.file), expected);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    ck_assert_int_eq(dbio_close(rig.file), 0);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

/* Full, or refused for a moment: nothing is lost, and nothing is done twice. */
START_TEST(a_ring_that_takes_nothing_for_a_while_loses_nothing)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = faulty_batch(rig.context);
    char *memory = t_patterned(SIZE, T_NEW, 0);
    struct dbio_completion all[16];
    int i, got;

    queue_refusals = (unsigned)_i % 4;
    submit_refusals = (unsigned)_i / 4;
    for (i = 0; i < 16; i++)
        ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory + (size_t)i * T_PAGE, T_PAGE,
                                          (off_t)T_PAGE * i, 0, (uint64_t)i),
                         0);
    ck_assert_int_eq(dbio_batch_submit(batch), 16);
    for (i = 0; i < 16; i += got) {
        int k;

        got = dbio_batch_wait(batch, 1, NEVER, all, 16);
        ck_assert_int_gt(got, 0);
        for (k = 0; k < got; k++)
            ck_assert_int_eq(all[k].result, (int64_t)T_PAGE);
    }
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
    t_verify_new(rig.path, SIZE, 0);
}
END_TEST

/* More regions than the ring has places for, or than it will take: those that it knows go registered,
 * the others like any memory. */
START_TEST(memory_that_the_ring_does_not_take_goes_as_any)
{
    static const struct {
        unsigned places, grants, adoptions;
        bool told;
    } cases[] = {{0, 9, 0, false}, {1, 9, 1, false}, {2, 9, 2, false},
                 {9, 0, 1, true},  {9, 1, 2, true},  {9, 9, 3, false}};
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = faulty_batch(rig.context);
    void *lent[3], *own = t_patterned(T_PAGE, T_NEW, 3 * T_PAGE);
    struct dbio_completion one;

    faulty.ring.buffers = cases[_i].places;
    faulty.grants = cases[_i].grants;
    for (int i = 0; i < 3; i++) /* a region each */
        ck_assert_int_eq(dbio_buffer_acquire(rig.context, 16 << 20, &lent[i]), 0);
    for (int i = 11; i >= 0; i--) {
        void *memory = i % 4 == 3 ? own : lent[i % 4];
        int known = i % 4 < 3 && i % 4 < (int)faulty.adopted ? i % 4 : DBIO_RING_NO_BUFFER;

        t_pattern_fill(memory, T_PAGE, T_NEW, (uint64_t)(i % 4) * T_PAGE);
        ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory, T_PAGE,
                                          (off_t)((size_t)(i % 4) * T_PAGE), 0, 1),
                         0);
        one = only(batch);
        ck_assert_int_eq(one.result, (int64_t)T_PAGE);
        if (one.route != DBIO_ROUTE_DIRECT)
            t_skip("no direct I/O here, so nothing to register for");
        if (i < 8)
            ck_assert_int_eq(faulty.queued[0].buffer, known);
    }
    ck_assert_uint_eq(faulty.adoptions, cases[_i].adoptions);
    ck_assert_int_eq(strstr(dbio_batch_describe(batch), "not all") != NULL, cases[_i].told);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(dbio_buffer_release(rig.context, lent[i]), 0);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
    t_verify_new(rig.path, 4 * T_PAGE, 0);
}
END_TEST

/* Each system call that a batch makes beside its ring fails, the first, the second, ... */
START_TEST(whatever_call_fails_the_batch_goes_on)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);
    struct dbio_batch *batch = faulty_batch(rig.context);
    void *memory = t_patterned(T_PAGE, T_NEW, 0);
    unsigned long nth, hits = 1;

    for (nth = 1; hits > 0 && nth < 50; nth++) {
        memset(troubles, 0, sizeof(troubles));
        met = 0;
        t_fault_one(T_FAULT_ANY, nth, EIO);
        ck_assert_int_eq(
            dbio_batch_write(batch, rig.file, (char *)memory + (nth % 2), 512, 0, 0, 1), 0);
        (void)only(batch);
        hits = t_fault_hits();
        t_fault_disarm();
    }
    ck_assert_uint_eq(hits, 0);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    (void)dbio_close(rig.file); /* what was latched on the way */
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("fault_ring");
    TCase *cases = tcase_create("fault_ring");

    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, each_answer_to_a_write_is_told_or_made_good, 0, 2 * ANSWERS);
    tcase_add_loop_test(cases, each_answer_to_a_read_is_told_or_made_good, 0, 2 * ANSWERS);
    tcase_add_loop_test(cases, a_failed_flush_is_latched_and_one_that_was_not_made_is_made, 0, 4);
    tcase_add_loop_test(cases, a_failed_sync_is_latched_and_an_interrupted_one_is_repeated, 0, 4);
    tcase_add_loop_test(cases, a_ring_that_takes_nothing_for_a_while_loses_nothing, 0, 12);
    tcase_add_loop_test(cases, memory_that_the_ring_does_not_take_goes_as_any, 0, 6);
    tcase_add_test(cases, whatever_call_fails_the_batch_goes_on);
    tcase_add_loop_test(cases, of_joined_writes_the_one_that_had_the_error_is_told, 0, 4);
    tcase_add_loop_test(cases, joined_writes_that_come_back_short_are_all_written, 0, 8);
    suite_add_tcase(suite, cases);
    return suite;
}
