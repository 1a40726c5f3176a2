/*
 * shim_crew.h - threads that carry out, through dbio, requests which the program submitted to an
 * io_uring, and put the answers into the program's ring.
 */
#ifndef SHIM_SHIM_CREW_H
#define SHIM_SHIM_CREW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "dbio.h"

#define SHIM_JOB_VECTORS 16

/* One request. The crew copies it. */
struct shim_job {
    struct dbio_file *file;
    bool write;
    unsigned flags; /* DBIO_* */
    off_t offset;
    int count;
    struct iovec vectors[SHIM_JOB_VECTORS];
    int ring_fd;
    uint64_t user_data;
};

/* Can answers be put into rings of others? Asks the kernel once (IORING_REGISTER_SEND_MSG_RING,
 * Linux 6.13). */
bool shim_crew_is_able(void);
/* Hands over a request; waits for room if there is none. False: no thread could be started. */
bool shim_crew_take(const struct shim_job *job);
/* Waits until nothing handed over is under way on the file, or (file NULL) for the ring. */
void shim_crew_wait(const struct dbio_file *file, int ring_fd);
/* In a child of fork: there are no threads, and nothing is under way. */
void shim_crew_in_child(void);

#endif
