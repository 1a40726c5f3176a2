/*
 * test_uring_setup.c - what the kernel refuses at set-up is shed, one thing after another, and the
 * ring works with what is left.
 *
 * The two calls of liburing by which the kernel is asked are defined here in front of it: they refuse what
 * the test says, and pass on what is left. Without liburing nobody calls them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/ring.h"
#include "os/sys.h"
#include "t_dbio.h"
#include "t_file.h"

#define SIZE  ((size_t)65536)
#define NEVER UINT64_MAX
#define DEFER (1u << 13) /* IORING_SETUP_DEFER_TASKRUN; older headers have no name for it */

struct io_uring;
int io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                               struct io_uring_params *parameters);
int io_uring_register_buffers_sparse(struct io_uring *ring, unsigned count);

static struct {
    unsigned flags;    /* set-ups with one of these */
    int flags_error;   /* are answered so */
    int buffers_error; /* 0: a table for buffers is granted */
    unsigned setups;   /* asked for */
} refused;

int
io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                           struct io_uring_params *parameters)
{
    int (*real)(unsigned, struct io_uring *, struct io_uring_params *);

    refused.setups++;
    if ((parameters->flags & refused.flags) != 0)
        return refused.flags_error;
    *(void **)&real = dlsym(RTLD_NEXT, "io_uring_queue_init_params");
    ck_assert(real != NULL);
    return real(entries, ring, parameters);
}

int
io_uring_register_buffers_sparse(struct io_uring *ring, unsigned count)
{
    int (*real)(struct io_uring *, unsigned);

    if (refused.buffers_error != 0)
        return refused.buffers_error;
    *(void **)&real = dlsym(RTLD_NEXT, "io_uring_register_buffers_sparse");
    ck_assert(real != NULL);
    return real(ring, count);
}

/* What an older kernel, or a newer one, knows, and what the ring says of itself then. */
static const struct {
    unsigned unknown;
    const char *says;
} kernels[] = {
    {0, "single issuer, deferred task work"},
    {DEFER, "single issuer, cooperative task work"},
    {DEFER | IORING_SETUP_SINGLE_ISSUER, "cooperative task work"},
    {DEFER | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN, "submit all"},
    {~0u, "none"},
};
#define KERNELS ((int)(sizeof(kernels) / sizeof(kernels[0])))

/* NULL: there are no rings here. */
static struct dbio_ring *
open_ring(void)
{
    struct dbio_ring *ring = NULL;
    int error = dbio__ring_uring.open(8, &ring);

    if (error == -ENOSYS || error == -EPERM)
        return NULL;
    ck_assert_int_eq(error, 0);
    return ring;
}

static int64_t
carry_out(struct dbio_ring *ring, const struct dbio_ring_request *request)
{
    struct dbio_ring_answer answer;

    ck_assert(ring->kind->queue(ring, request));
    ck_assert_int_eq(ring->kind->submit(ring), 0);
    while (ring->kind->reap(ring, &answer, 1) == 0)
        ck_assert_int_eq(ring->kind->wait(ring, NEVER, -1), 0);
    ck_assert_uint_eq(answer.token, request->token);
    return answer.result;
}

/* A write and a read of it, in the middle of `memory`. */
static void
transfer(struct dbio_ring *ring, char *memory, int buffer)
{
    const char *path = t_path(t_scratch(), "file");
    int fd = t_file_make(path, T_SEED, SIZE);
    struct iovec piece = {memory + T_PAGE, T_PAGE};
    struct dbio_ring_request request = {.code = DBIO_RING_WRITE,
                                        .fd = fd,
                                        .rwf = DBIO_RWF_DSYNC,
                                        .count = 1,
                                        .vector = &piece,
                                        .offset = 2 * T_PAGE,
                                        .buffer = buffer,
                                        .token = 4096};

    t_pattern_fill(piece.iov_base, T_PAGE, T_NEW, 2 * T_PAGE);
    ck_assert_int_eq(carry_out(ring, &request), (int64_t)T_PAGE);
    t_verify_new(path, T_PAGE, 2 * T_PAGE);
    request.code = DBIO_RING_READ;
    request.rwf = 0;
    request.offset = T_PAGE;
    ck_assert_int_eq(carry_out(ring, &request), (int64_t)T_PAGE);
    t_pattern_verify(piece.iov_base, T_PAGE, T_SEED, T_PAGE);
    ck_assert_int_eq(close(fd), 0);
}

START_TEST(what_is_refused_is_shed_and_the_rest_is_kept)
{
    int buffers_error = _i < KERNELS ? 0 : -EINVAL, before = t_descriptors();
    int kernel = _i % KERNELS;
    struct iovec memory = {t_aligned(SIZE), SIZE};
    struct dbio_ring *ring;
    const char *words;

    refused.flags = kernels[kernel].unknown;
    refused.flags_error = -EINVAL;
    refused.buffers_error = buffers_error;
    ring = open_ring();
    if (ring == NULL)
        t_skip("no io_uring here");
    words = ring->kind->describe(ring);
    if (kernel == 0 && strncmp(words, kernels[0].says, strlen(kernels[0].says)) != 0)
        t_skip("this kernel does not know the best set-up");
    ck_assert_uint_eq(refused.setups, (unsigned)kernel + 1);
    ck_assert(strncmp(words, kernels[kernel].says, strlen(kernels[kernel].says)) == 0 ||
              strcmp(words, "registered buffers") == 0);
    ck_assert_int_eq(strstr(words, "registered buffers") != NULL, ring->buffers != 0);
    ck_assert(buffers_error == 0 || ring->buffers == 0);
    transfer(ring, memory.iov_base, DBIO_RING_NO_BUFFER);
    if (ring->buffers != 0) {
        ck_assert_int_eq(ring->kind->adopt(ring, ring->buffers - 1, &memory), 0);
        transfer(ring, memory.iov_base, (int)ring->buffers - 1);
        ck_assert_int_lt(ring->kind->adopt(ring, ring->buffers, &memory), 0);
    }
    ring->kind->close(ring);
    ck_assert_int_eq(t_descriptors(), before);
}
END_TEST

START_TEST(whyever_there_is_no_table_for_buffers_the_ring_is_there)
{
    static const int errors[] = {-EINVAL, -ENOMEM, -EPERM, -EACCES, -EOPNOTSUPP};
    struct dbio_ring *ring;

    refused.buffers_error = errors[_i];
    ring = open_ring();
    if (ring == NULL)
        t_skip("no io_uring here");
    ck_assert_uint_eq(ring->buffers, 0);
    transfer(ring, t_aligned(SIZE), DBIO_RING_NO_BUFFER);
    ring->kind->close(ring);
}
END_TEST

START_TEST(what_is_refused_for_good_is_asked_once)
{
    static const int errors[] = {-EPERM, -ENOSYS, -ENOMEM, -EMFILE};
    struct dbio_ring *ring = NULL;

    if (open_ring() == NULL)
        t_skip("no io_uring here");
    refused.flags = ~0u;
    refused.flags_error = errors[_i];
    refused.setups = 0;
    ck_assert_int_eq(dbio__ring_uring.open(8, &ring), errors[_i]);
    ck_assert_uint_eq(refused.setups, 1);
    ck_assert_ptr_null(ring);
}
END_TEST

START_TEST(memory_beyond_the_limit_is_not_adopted_and_goes_as_any)
{
    /* A user's rings all count, also those just closed. */
    static const struct rlimit limit = {64 * SIZE, 64 * SIZE};
    struct iovec memory = {t_aligned(128 * SIZE), 128 * SIZE}, little = memory;
    struct dbio_ring *ring;

    (void)unlink(t_path(t_scratch(), "file")); /* another user's */
    ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    ck_assert(geteuid() != 0 || (chmod(t_scratch(), 0777) == 0 && setuid(65534) == 0));
    ring = open_ring();
    if (ring == NULL || ring->buffers == 0)
        t_skip("no io_uring with registered buffers here");
    ck_assert_int_eq(ring->kind->adopt(ring, 0, &memory), -ENOMEM);
    transfer(ring, memory.iov_base, DBIO_RING_NO_BUFFER);
    little.iov_len = 4 * T_PAGE;
    ck_assert_int_eq(ring->kind->adopt(ring, 0, &little), 0);
    transfer(ring, memory.iov_base, 0);
    ring->kind->close(ring);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("uring_setup");
    TCase *cases = tcase_create("uring_setup");

    tcase_add_loop_test(cases, what_is_refused_is_shed_and_the_rest_is_kept, 0, 2 * KERNELS);
    tcase_add_loop_test(cases, whyever_there_is_no_table_for_buffers_the_ring_is_there, 0, 5);
    tcase_add_loop_test(cases, what_is_refused_for_good_is_asked_once, 0, 4);
    tcase_add_test(cases, memory_beyond_the_limit_is_not_adopted_and_goes_as_any);
    suite_add_tcase(suite, cases);
    return suite;
}
