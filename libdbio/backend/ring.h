/*
 * ring.h - the contract of hands that work while the caller goes on.
 *
 * A ring takes requests, carries them out in any order, and hands back what the kernel answered. By
 * the time a request gets here it is announced, routed and aligned; what becomes of a short count
 * or a refusal is for engine/batch_run.c. One thread uses a ring: the one that opened it.
 */
#ifndef BACKEND_RING_H
#define BACKEND_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/compiler.h"

enum dbio_ring_code {
    DBIO_RING_READ,
    DBIO_RING_WRITE,
    DBIO_RING_FSYNC,
    DBIO_RING_FDATASYNC,
};

#define DBIO_RING_NO_BUFFER (-1)

struct dbio_ring_request {
    enum dbio_ring_code code;
    int fd;
    int rwf;                    /* DBIO_RWF_* */
    int count;                  /* entries of `vector`, at least 1 */
    const struct iovec *vector; /* valid until the answer */
    uint64_t offset;            /* bytes */
    int buffer; /* `vector`, of one piece, lies within the buffer that was adopted as this; or
                   DBIO_RING_NO_BUFFER */
    uint64_t flush_bytes; /* not 0: a write, and behind it, if it was whole, sync_file_range of so
                                   many bytes from flush_offset that waits for the writeback */
    uint64_t flush_offset;
    uint64_t token; /* even; comes back */
};

/* Of a request with flush_bytes there are two, in either order. */
struct dbio_ring_answer {
    uint64_t
        token; /* the request's; | 1: the flush's answer (-ECANCELED: the write was not whole) */
    int64_t result; /* a count, 0, or -errno */
};

struct dbio_ring; /* begins with its kind */

struct dbio_ring_kind {
    const char *name;
    /* For so many requests at a time. 0; -ENOSYS or -EPERM: not here; -ENOMEM, -EMFILE. */
    int (*open)(unsigned depth, struct dbio_ring **ring);
    /* Nothing is outstanding. */
    void (*close)(struct dbio_ring *ring);
    /* Takes a request in. False: full; submit, and try again. */
    bool (*queue)(struct dbio_ring *ring, const struct dbio_ring_request *request);
    /* Hands what was taken in to the kernel. 0, or -EAGAIN and the like: it stays taken in. */
    int (*submit)(struct dbio_ring *ring);
    /* Answers that are there, without waiting; their number. */
    unsigned (*reap)(struct dbio_ring *ring, struct dbio_ring_answer *answers, unsigned most);
    /* Waits until an answer is there, `wake_fd` (>= 0) is readable, the time is up (0: at once;
     * UINT64_MAX: never) or a signal comes: -EINTR. */
    int (*wait)(struct dbio_ring *ring, uint64_t timeout_ns, int wake_fd);
    /* Takes note of memory that many requests are going to use, under a number below
     * ring->buffers that has none yet; it stays until the ring is closed. 0, or why not: -ENOMEM
     * (RLIMIT_MEMLOCK), -EOPNOTSUPP (memory of a file) and the like. */
    int (*adopt)(struct dbio_ring *ring, unsigned number, const struct iovec *memory);
    /* Asks for the request to be given up. It is answered all the same. */
    void (*cancel)(struct dbio_ring *ring, uint64_t token);
    /* The features that the kernel granted, in words. */
    const char *(*describe)(const struct dbio_ring *ring);
};

struct dbio_ring {
    const struct dbio_ring_kind *kind;
    unsigned buffers; /* so many can be adopted; 0: none, and there is no `adopt` */
};

/* io_uring(7). Where dbio was built without liburing: open answers -ENOSYS. */
extern const struct dbio_ring_kind dbio__ring_uring;
/* Every request is whole at once, and nothing was read or written: measures what dbio costs. */
extern const struct dbio_ring_kind dbio__ring_null;

#endif
