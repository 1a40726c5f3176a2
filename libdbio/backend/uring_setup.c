/*
 * uring_setup.c - an io_uring with as much as this kernel grants.
 *
 * Job:       ask for the best set-up first, and for less each time the kernel refuses.
 * Not its:   requests: backend/ring_uring.c.
 * Callers:   backend/ring_uring.c.
 * Lock:      none.
 * Invariant: what is refused for other reasons than an unknown flag is not asked again.
 */
#include "backend/uring_setup.h"

#include <errno.h>
#include <string.h>

/* Best first. DEFER_TASKRUN (6.1): completions are dealt with when we look for them, and not by an
 * interruption of what the thread is doing; it needs SINGLE_ISSUER (6.0). COOP_TASKRUN (5.19): at
 * the thread's next system call. TASKRUN_FLAG (5.19): either says in shared memory that there are any,
 * so that looking for them in vain costs no system call. SUBMIT_ALL (5.18): an entry that is refused does not hold up those
 * behind it. */
static const struct {
    unsigned flags;
    const char *features, *with_buffers;
} setups[] = {
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
         IORING_SETUP_SUBMIT_ALL,
     "single issuer, deferred task work", "single issuer, deferred task work, registered buffers"},
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
         IORING_SETUP_SUBMIT_ALL,
     "single issuer, cooperative task work",
     "single issuer, cooperative task work, registered buffers"},
    {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
     "cooperative task work", "cooperative task work, registered buffers"},
    {IORING_SETUP_SUBMIT_ALL, "submit all", "submit all, registered buffers"},
    {0, "none", "registered buffers"},
};

/* A ring by the set-up `i`. */
static int
open_as(size_t i, unsigned entries, struct dbio_uring *ring)
{
    struct io_uring_params parameters;
    int error;

    memset(&parameters, 0, sizeof(parameters));
    parameters.flags = setups[i].flags;
    error = io_uring_queue_init_params(entries, &ring->kernel, &parameters);
    if (error != 0)
        return error;
    error = io_uring_ring_dontfork(&ring->kernel);
    if (error != 0)
        io_uring_queue_exit(&ring->kernel);
    return error;
}

int
dbio__uring_open(unsigned entries, struct dbio_uring *ring)
{
    int error = -EINVAL;
    size_t i;

    for (i = 0; i < sizeof(setups) / sizeof(setups[0]) && error == -EINVAL; i++)
        error = open_as(i, entries, ring);
    if (error != 0)
        return error;
    /* A sparse table (5.19) pins nothing yet. Whatever the reason, one does without. */
    error = io_uring_register_buffers_sparse(&ring->kernel, DBIO_URING_BUFFERS);
    ring->buffers = error == 0 ? DBIO_URING_BUFFERS : 0;
    ring->features = error == 0 ? setups[i - 1].with_buffers : setups[i - 1].features;
    return 0;
}
