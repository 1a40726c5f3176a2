/*
 * ring_uring.c - requests by io_uring(7).
 *
 * Job:       turn requests into entries, completions into answers.
 * Not its:   set-up: backend/uring_setup.c; short counts and refusals: engine/batch_run.c.
 * Callers:   engine/batch.c, batch_run.c.
 * Lock:      none; one thread.
 * Invariant: every entry that went in with a token comes back once.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "backend/ring.h"
#include "backend/uring_setup.h"
#include "base/mem.h"

/* Tokens of our own; those of requests are addresses. */
#define TOKEN_NONE UINT64_C(0) /* the answer interests nobody */
#define TOKEN_WAKE UINT64_C(2) /* the descriptor to be woken by is readable */

struct uring {
    struct dbio_ring ring;
    struct dbio_uring uring;
    bool listening; /* a poll of the descriptor to be woken by is under way */
};

static struct uring *
uring_of(struct dbio_ring *ring)
{
    return DBIO_CONTAINER_OF(ring, struct uring, ring);
}

static int
open_uring(unsigned depth, struct dbio_ring **ring)
{
    struct uring *made = dbio__mem_alloc(sizeof(*made));
    int error;

    if (made == NULL)
        return -ENOMEM;
    error = dbio__uring_open(depth < 4 ? 4 : depth, &made->uring);
    if (error != 0) {
        dbio__mem_free(made, sizeof(*made));
        return error;
    }
    made->ring.kind = &dbio__ring_uring;
    made->ring.buffers = made->uring.buffers;
    *ring = &made->ring;
    return 0;
}

static void
close_uring(struct dbio_ring *ring)
{
    struct uring *made = uring_of(ring);

    io_uring_queue_exit(&made->uring.kernel);
    dbio__mem_free(made, sizeof(*made));
}

/* A transfer of one piece needs no import of a vector, and no pinning where its memory is registered.
 * Longer ones than an entry has room for do not come: dbio cuts at 1 GiB (engine/batch_run.c). */
static void
prepare_piece(struct io_uring_sqe *entry, const struct dbio_ring_request *request, bool write)
{
    void *memory = request->vector->iov_base;
    unsigned length = (unsigned)request->vector->iov_len;

    if (request->buffer == DBIO_RING_NO_BUFFER && write)
        io_uring_prep_write(entry, request->fd, memory, length, request->offset);
    else if (request->buffer == DBIO_RING_NO_BUFFER)
        io_uring_prep_read(entry, request->fd, memory, length, request->offset);
    else if (write)
        io_uring_prep_write_fixed(entry, request->fd, memory, length, request->offset,
                                  request->buffer);
    else
        io_uring_prep_read_fixed(entry, request->fd, memory, length, request->offset,
                                 request->buffer);
}

static void
prepare_transfer(struct io_uring_sqe *entry, const struct dbio_ring_request *request)
{
    bool write = request->code == DBIO_RING_WRITE;
    unsigned count = (unsigned)request->count;

    if (count == 1)
        prepare_piece(entry, request, write);
    else if (write)
        io_uring_prep_writev(entry, request->fd, request->vector, count, request->offset);
    else
        io_uring_prep_readv(entry, request->fd, request->vector, count, request->offset);
    entry->rw_flags = request->rwf;
}

static bool
queue_uring(struct dbio_ring *ring, const struct dbio_ring_request *request)
{
    struct uring *made = uring_of(ring);
    unsigned wanted = request->flush_bytes != 0 ? 2 : 1;
    struct io_uring_sqe *entry;

    if (io_uring_sq_space_left(&made->uring.kernel) < wanted) /* a chain goes in whole */
        return false;
    entry = io_uring_get_sqe(&made->uring.kernel);
    switch (request->code) {
    case DBIO_RING_READ:
    case DBIO_RING_WRITE:
        prepare_transfer(entry, request);
        break;
    case DBIO_RING_FSYNC:
        io_uring_prep_fsync(entry, request->fd, 0);
        break;
    case DBIO_RING_FDATASYNC:
        io_uring_prep_fsync(entry, request->fd, IORING_FSYNC_DATASYNC);
        break;
    }
    io_uring_sqe_set_data64(entry, request->token);
    if (request->flush_bytes == 0)
        return true;
    /* A short write breaks the chain. */
    entry->flags |= IOSQE_IO_LINK;
    entry = io_uring_get_sqe(&made->uring.kernel);
    io_uring_prep_sync_file_range(
        entry, request->fd, (unsigned)request->flush_bytes, request->flush_offset,
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    io_uring_sqe_set_data64(entry, request->token | 1);
    return true;
}

static int
submit_uring(struct dbio_ring *ring)
{
    struct uring *made = uring_of(ring);
    int taken;

    /* What completes while it is submitted is dealt with in the same system call. */
    while (io_uring_sq_ready(&made->uring.kernel) > 0) {
        taken = io_uring_submit_and_get_events(&made->uring.kernel);
        if (taken < 0 && taken != -EINTR)
            return taken;
    }
    return 0;
}

/* Deferred work, and what did not fit in, come only when the kernel is entered. The kernel sets the
 * flags after it has put these where it keeps them; seen too late they are seen at the next look, or
 * by a wait, which enters it. */
static bool
has_hidden(const struct dbio_uring *uring)
{
    unsigned flags = IO_URING_READ_ONCE(*uring->kernel.sq.kflags);

    return (uring->kernel.flags & IORING_SETUP_TASKRUN_FLAG) == 0 ||
           (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static unsigned
reap_uring(struct dbio_ring *ring, struct dbio_ring_answer *answers, unsigned most)
{
    struct uring *made = uring_of(ring);
    struct io_uring_cqe *completion;
    unsigned head, seen = 0, count = 0;

    if (io_uring_cq_ready(&made->uring.kernel) == 0 && has_hidden(&made->uring))
        (void)io_uring_get_events(&made->uring.kernel);
    io_uring_for_each_cqe(&made->uring.kernel, head, completion)
    {
        if (count == most)
            break;
        seen++;
        if (completion->user_data == TOKEN_WAKE)
            made->listening = false;
        else if (completion->user_data != TOKEN_NONE)
            answers[count++] = (struct dbio_ring_answer){.token = completion->user_data,
                                                         .result = completion->res};
    }
    io_uring_cq_advance(&made->uring.kernel, seen);
    return count;
}

static void
listen_to(struct uring *made, int wake_fd)
{
    struct io_uring_sqe *entry;

    if (made->listening)
        return;
    entry = io_uring_get_sqe(&made->uring.kernel);
    if (entry == NULL)
        return; /* the caller submits and comes again */
    io_uring_prep_poll_add(entry, wake_fd, POLLIN);
    io_uring_sqe_set_data64(entry, TOKEN_WAKE);
    made->listening = true;
}

static int
wait_uring(struct dbio_ring *ring, uint64_t timeout_ns, int wake_fd)
{
    struct uring *made = uring_of(ring);
    struct __kernel_timespec limit = {.tv_sec = (long long)(timeout_ns / 1000000000u),
                                      .tv_nsec = (long long)(timeout_ns % 1000000000u)};
    struct io_uring_cqe *completion;
    int error;

    if (wake_fd >= 0)
        listen_to(made, wake_fd);
    if (timeout_ns == 0)
        return submit_uring(ring);
    error = io_uring_submit_and_wait_timeout(&made->uring.kernel, &completion, 1,
                                             timeout_ns == UINT64_MAX ? NULL : &limit, NULL);
    return error == -EINTR ? error
                           : 0; /* what else it may be shows when the answers are looked at */
}

static int
adopt_uring(struct dbio_ring *ring, unsigned number, const struct iovec *memory)
{
    int done = io_uring_register_buffers_update_tag(&uring_of(ring)->uring.kernel, number, memory,
                                                    NULL, 1);

    return done < 0 ? done : 0;
}

static void
cancel_uring(struct dbio_ring *ring, uint64_t token)
{
    struct uring *made = uring_of(ring);
    struct io_uring_sqe *entry = io_uring_get_sqe(&made->uring.kernel);

    if (entry == NULL)
        return;
    io_uring_prep_cancel64(entry, token, 0);
    io_uring_sqe_set_data64(entry, TOKEN_NONE);
}

static const char *
describe_uring(const struct dbio_ring *ring)
{
    return ((const struct uring *)(const void *)ring)->uring.features;
}

const struct dbio_ring_kind dbio__ring_uring = {
    .name = "uring",
    .open = open_uring,
    .close = close_uring,
    .queue = queue_uring,
    .submit = submit_uring,
    .reap = reap_uring,
    .wait = wait_uring,
    .adopt = adopt_uring,
    .cancel = cancel_uring,
    .describe = describe_uring,
};
