/*
 * batch.h - many requests at once, by one thread.
 *
 * A request is announced, routed and held to completion like a synchronous one. What can run at once
 * and needs no copy goes to the ring; everything else is a job for the crew (engine/crew.h), which
 * does it as any thread would: what has to wait for its turn, what is not aligned, what the ring
 * came back with half done. So the submitter never blocks, and no rule exists twice.
 *
 *   FREE -> PREPARED -> HELD -> RING -> DONE -> FREE     HELD: behind another one of its chain
 *                           \-> CREW ->/                  RING -> CREW: a part is left
 *                   \-> RIDING ------->/                  RIDING: joined to one that is its neighbour
 */
#ifndef ENGINE_BATCH_H
#define ENGINE_BATCH_H

#include <pthread.h>

#include "backend/ring.h"
#include "engine/crew.h"
#include "engine/transfer.h"

enum dbio_batch_state {
    DBIO_BATCH_FREE,
    DBIO_BATCH_PREPARED,
    DBIO_BATCH_HELD,
    DBIO_BATCH_RIDING,
    DBIO_BATCH_RING,
    DBIO_BATCH_CREW,
    DBIO_BATCH_DONE,
};

enum dbio_batch_code {
    DBIO_BATCH_READ,
    DBIO_BATCH_WRITE,
    DBIO_BATCH_FSYNC,
    DBIO_BATCH_FDATASYNC,
    DBIO_BATCH_ALLOCATE,
};

struct dbio_batch_request {
    struct dbio_link link; /* in a list of the batch */
    struct dbio_crew_job job;
    struct dbio_readahead_waiter waiter;
    struct dbio_batch *batch;
    enum dbio_batch_state state;
    enum dbio_batch_code code;
    bool linked;                     /* the next one waits for it */
    bool holds;                      /* its file, itself: not one of batch->held_count */
    struct dbio_batch_request *next; /* of its chain */
    uint64_t user_data;
    struct dbio_transfer transfer;
    struct dbio_settled settled;
    struct dbio_batch_request *riders; /* joined to it: the next of them */
    struct iovec *pieces;              /* [depth]; with riders: the memory of all */
    bool alone;                        /* not to be joined (again) */
    struct iovec single;               /* what a request of one buffer points to */
    int count;                         /* entries of the vector */
    size_t asked;                      /* bytes */
    int how;                           /* ALLOCATE: as of fallocate(2) */
    struct dbio_range range;           /* ALLOCATE; joined: its beginning */
    bool again;         /* it waited for bytes read ahead, and is to be started once more */
    bool whole;         /* a job: all of it is left, the announcement too */
    int begun;          /* a job: else, what it has come to */
    unsigned awaited;   /* answers of the ring that are to come */
    int64_t answers[2]; /* the transfer's, its flush's */
    int64_t result;
};

struct dbio_batch {
    uint64_t magic;
    struct dbio_context *context;
    struct dbio_ring *ring; /* NULL: the crew does it all */
    int refusal;            /* why, -errno */
    uint32_t adopted;       /* regions that the context lends buffers from, and the ring knows */
    int adopt_refusal;      /* why it would not take another, -errno; it is not asked again */
    char words[160];        /* all that in words */
    uint32_t thread, forks; /* whose it is */
    unsigned depth;
    struct dbio_link mine; /* in the thread's list */
    struct dbio_link unused, prepared, done;
    struct dbio_link ready; /* whose predecessor in a chain is done */
    unsigned done_count;
    struct dbio_batch_request *chain; /* the last prepared, if it is linked */
    bool broken; /* it was, and has been cancelled: so is what is prepared next */
    unsigned in_ring, in_crew;
    bool collecting;
    struct dbio_file *held; /* not to be closed while held_count requests of it are not done: an */
    unsigned held_count;    /* atomic operation for all of them, for others one each */
    struct dbio_announcer announcer;
    uint32_t *kept;                      /* [depth] */
    struct dbio_batch_request *requests; /* [depth] */
    /* Shared with the crew. */
    pthread_mutex_t lock;
    struct dbio_link returned;
    _Atomic uint32_t posted; /* how many ever were; slept on */
    int wake_fd;             /* an eventfd, once somebody had to wait for ring and crew at a time */
};

/* As dbio_batch_create() and dbio_batch_destroy(). */
DBIO_CHECKED int dbio__batch_create(struct dbio_context *context, unsigned depth,
                                    struct dbio_batch **batch);
DBIO_CHECKED int dbio__batch_destroy(struct dbio_batch *batch);
/* 0; -EBADF, or -EPERM: of another thread, or of the parent of this process. */
DBIO_CHECKED int dbio__batch_check(const struct dbio_batch *batch);

/* What carries it out, in words. */
const char *dbio__batch_describe(struct dbio_batch *batch);

/* A request to fill in, or NULL: as many as the depth says are prepared, outstanding or not yet taken
 * out. Then add it. */
DBIO_CHECKED struct dbio_batch_request *dbio__batch_take(struct dbio_batch *batch);
void dbio__batch_add(struct dbio_batch *batch, struct dbio_batch_request *request);

/* Starts what was prepared; the number. */
DBIO_CHECKED int dbio__batch_submit(struct dbio_batch *batch);
/* Until so many are done or nothing is outstanding; their number, 0 when the time is up, -EINTR. */
DBIO_CHECKED int dbio__batch_wait(struct dbio_batch *batch, unsigned least, uint64_t timeout_ns);
/* Takes a request that is done out; NULL: there is none. Give it back. */
DBIO_CHECKED struct dbio_batch_request *dbio__batch_next(struct dbio_batch *batch);
void dbio__batch_give(struct dbio_batch_request *request);
/* 0, -ENOENT or -EALREADY. */
DBIO_CHECKED int dbio__batch_cancel(struct dbio_batch *batch, uint64_t user_data);

/* engine/batch_join.c: what was prepared behind `lead` and is its neighbour goes with it; and when all
 * that has come to `result`, each gets its own. */
void dbio__batch_join(struct dbio_batch *batch, struct dbio_batch_request *lead);
void dbio__batch_part(struct dbio_batch_request *lead, int64_t result);

/* engine/batch_run.c: carries a request out, and collects what has been answered. */
void dbio__batch_start(struct dbio_batch_request *request);
void dbio__batch_collect(struct dbio_batch *batch);
void dbio__batch_start_ready(struct dbio_batch *batch);
void dbio__batch_finish(struct dbio_batch_request *request, int64_t result);

#endif
