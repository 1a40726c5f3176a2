/*
 * lock.h - a mutex with a rank.
 *
 * Debug builds abort when a thread takes a lock whose rank is not greater than the last
 * one it holds, or gives back one that it does not hold. The ranks are the lock order.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>

enum dbio_lock_rank {
    DBIO_RANK_CONTEXTS = 1, /* list of contexts and handle pools */
    DBIO_RANK_CONTEXT,      /* one context */
    DBIO_RANK_AHEAD,        /* a handle's window of bytes read ahead */
    DBIO_RANK_INODES,       /* the process's inode table */
    DBIO_RANK_INODE,        /* one inode: descriptors, mappings, latch */
    DBIO_RANK_TABLE,        /* lists of the announcement table */
    DBIO_RANK_BOUNCE,       /* bounce pool */
    DBIO_RANK_BUFFERS,      /* buffers lent to callers */
    DBIO_RANK_MEMORY,       /* allocator */
};

struct dbio_lock {
    pthread_mutex_t mutex;
    enum dbio_lock_rank rank;
};

void dbio__lock_init(struct dbio_lock *lock, enum dbio_lock_rank rank);
void dbio__lock_fini(struct dbio_lock *lock);
void dbio__lock_acquire(struct dbio_lock *lock);
void dbio__lock_release(struct dbio_lock *lock);
/* Waits on `condition`, giving the lock back meanwhile. */
void dbio__lock_wait(struct dbio_lock *lock, pthread_cond_t *condition);

/* fork(2) happens while nobody is inside: taken before it and given back after it, in the parent
 * and in the child, by one thread that holds many locks; ranks are not checked. */
void dbio__lock_before_fork(struct dbio_lock *lock);
void dbio__lock_after_fork(struct dbio_lock *lock);

/* A lock that needs no init call. */
#define DBIO_LOCK_STATIC(rank_)            \
    {                                      \
        PTHREAD_MUTEX_INITIALIZER, (rank_) \
    }

#endif
