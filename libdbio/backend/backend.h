/*
 * backend.h - the contract of the hands: ways to carry out one routed transfer.
 *
 * By the time a transfer gets here it is announced, routed and aligned as its descriptor
 * needs it. A backend moves bytes; it decides nothing and repeats nothing.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/compiler.h"

struct dbio_io {
    int fd;
    bool write;
    int rwf;                    /* DBIO_RWF_* */
    int count;                  /* entries of `vector`, at least 1 */
    const struct iovec *vector; /* valid until the transfer is complete */
    uint64_t offset;            /* bytes */
};

struct dbio_backend {
    const char *name;
    /* Mandatory. Carries the transfer out and returns what the kernel did: a count, which may
     * be short, or a negative errno. May block. Any thread; no lock is held. */
    ssize_t (*transfer)(const struct dbio_io *io);
};

/* At once, in the caller's thread. The reference. */
extern const struct dbio_backend dbio__backend_sync;

#endif
