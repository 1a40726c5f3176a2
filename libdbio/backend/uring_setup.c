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
 * the thread's next system call. SUBMIT_ALL (5.18): an entry that is refused does not hold up those
 * behind it. */
static const struct {
    unsigned flags;
    const char *features;
} setups[] = {
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL,
     "single issuer, deferred task work"},
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
     "single issuer, cooperative task work"},
    {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL, "cooperative task work"},
    {IORING_SETUP_SUBMIT_ALL, "submit all"},
    {0, "none"},
};

int
dbio__uring_open(unsigned entries, struct io_uring *ring, const char **features)
{
    int error = -ENOSYS;
    size_t i;

    for (i = 0; i < sizeof(setups) / sizeof(setups[0]); i++) {
        struct io_uring_params parameters;

        memset(&parameters, 0, sizeof(parameters));
        parameters.flags = setups[i].flags;
        error = io_uring_queue_init_params(entries, ring, &parameters);
        if (error == -EINVAL)
            continue;
        if (error != 0)
            return error;
        *features = setups[i].features;
        error = io_uring_ring_dontfork(ring);
        if (error != 0)
            io_uring_queue_exit(ring);
        return error;
    }
    return error;
}
