/*
 * ring_null.c - completes at once without touching the disk.
 *
 * Job:       answer each request as if it had moved all its bytes.
 * Not its:   moving them.
 * Callers:   engine/batch.c, where the environment asks for it (DBIO_BACKEND=null).
 * Lock:      none; one thread.
 * Invariant: answers come in the order of requests.
 */
#include <errno.h>
#include <string.h>

#include "backend/ring.h"
#include "base/check.h"
#include "base/mem.h"

struct null_ring {
    struct dbio_ring ring;
    unsigned room, first, count;
    struct dbio_ring_answer answers[];
};

static struct null_ring *
null_of(struct dbio_ring *ring)
{
    return DBIO_CONTAINER_OF(ring, struct null_ring, ring);
}

static size_t
size_of(unsigned room)
{
    return sizeof(struct null_ring) + room * sizeof(struct dbio_ring_answer);
}

static int
open_null(unsigned depth, struct dbio_ring **ring)
{
    unsigned room = 2 * depth; /* a write and its flush */
    struct null_ring *made = dbio__mem_alloc(size_of(room));

    if (made == NULL)
        return -ENOMEM;
    made->ring.kind = &dbio__ring_null;
    made->room = room;
    *ring = &made->ring;
    return 0;
}

static void
close_null(struct dbio_ring *ring)
{
    struct null_ring *made = null_of(ring);

    dbio__mem_free(made, size_of(made->room));
}

static void
answer(struct null_ring *ring, uint64_t token, int64_t result)
{
    ring->answers[(ring->first + ring->count) % ring->room] =
        (struct dbio_ring_answer){.token = token, .result = result};
    ring->count++;
}

static bool
queue_null(struct dbio_ring *ring, const struct dbio_ring_request *request)
{
    struct null_ring *made = null_of(ring);
    int64_t bytes = 0;
    int i;

    if (made->count + 2 > made->room)
        return false;
    for (i = 0; i < request->count; i++)
        bytes += (int64_t)request->vector[i].iov_len;
    answer(made, request->token, bytes);
    if (request->flush_bytes != 0)
        answer(made, request->token | 1, 0);
    return true;
}

static int
submit_null(struct dbio_ring *ring)
{
    (void)ring;
    return 0;
}

static unsigned
reap_null(struct dbio_ring *ring, struct dbio_ring_answer *answers, unsigned most)
{
    struct null_ring *made = null_of(ring);
    unsigned count = 0;

    for (; count < most && made->count > 0; count++) {
        answers[count] = made->answers[made->first];
        made->first = (made->first + 1) % made->room;
        made->count--;
    }
    return count;
}

static int
wait_null(struct dbio_ring *ring, uint64_t timeout_ns, int wake_fd)
{
    (void)ring;
    (void)timeout_ns;
    (void)wake_fd;
    return 0; /* whatever was queued has been answered */
}

static void
cancel_null(struct dbio_ring *ring, uint64_t token)
{
    (void)ring;
    (void)token;
}

static const char *
describe_null(const struct dbio_ring *ring)
{
    (void)ring;
    return "";
}

const struct dbio_ring_kind dbio__ring_null = {
    .name = "null",
    .open = open_null,
    .close = close_null,
    .queue = queue_null,
    .submit = submit_null,
    .reap = reap_null,
    .wait = wait_null,
    .cancel = cancel_null,
    .describe = describe_null,
};
