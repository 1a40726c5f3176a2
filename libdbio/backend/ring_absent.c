/*
 * ring_absent.c - in place of ring_uring.c where dbio is built without liburing.
 *
 * Job:       say that there is none.
 * Not its:   what is done then: threads (engine/crew.c).
 * Callers:   engine/batch.c.
 * Lock:      none.
 * Invariant: nothing but open is ever called.
 */
#include <errno.h>

#include "backend/ring.h"

static int
open_absent(unsigned depth, struct dbio_ring **ring)
{
    (void)depth;
    (void)ring;
    return -ENOSYS;
}

const struct dbio_ring_kind dbio__ring_uring = {.name = "uring", .open = open_absent};
