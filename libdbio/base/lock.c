/*
 * lock.c - a mutex with a rank.
 *
 * Job:       take, give back and wait; in debug builds, check the lock order.
 * Not its:   choosing the order: that is the enum of lock.h.
 * Callers:   every room that has state shared by threads.
 * Lock:      itself; the list of held locks belongs to the thread.
 * Invariant: the ranks of the locks that a thread holds rise strictly, so no two threads
 *            can wait for each other.
 */
#include "base/lock.h"

#include <stddef.h>

#include "base/check.h"

#ifdef NDEBUG

static inline void
note_acquired(const struct dbio_lock *lock)
{
    (void)lock;
}

static inline void
note_released(const struct dbio_lock *lock)
{
    (void)lock;
}

static inline void
check_innermost(const struct dbio_lock *lock)
{
    (void)lock;
}

#else

/* One per rank at most. */
static _Thread_local const struct dbio_lock *held[DBIO_RANK_MEMORY];
static _Thread_local size_t held_count;

/* Before the mutex is taken: a wrong order shall abort, not hang. */
static void
note_acquired(const struct dbio_lock *lock)
{
    dbio_verify(held_count == 0 || lock->rank > held[held_count - 1]->rank);
    held[held_count++] = lock;
}

/* Locks may be given back in any order. */
static void
note_released(const struct dbio_lock *lock)
{
    size_t at = held_count;

    while (at > 0 && held[at - 1] != lock)
        at--;
    dbio_verify(at > 0);
    for (held_count--; at <= held_count; at++)
        held[at - 1] = held[at];
}

static void
check_innermost(const struct dbio_lock *lock)
{
    dbio_verify(held_count > 0 && held[held_count - 1] == lock);
}

#endif

void
dbio__lock_init(struct dbio_lock *lock, enum dbio_lock_rank rank)
{
    int result = pthread_mutex_init(&lock->mutex, NULL);

    dbio_verify(result == 0);
    lock->rank = rank;
}

void
dbio__lock_fini(struct dbio_lock *lock)
{
    int result = pthread_mutex_destroy(&lock->mutex);

    dbio_verify(result == 0);
}

void
dbio__lock_acquire(struct dbio_lock *lock)
{
    int result;

    note_acquired(lock);
    result = pthread_mutex_lock(&lock->mutex);
    dbio_verify(result == 0);
}

void
dbio__lock_release(struct dbio_lock *lock)
{
    int result;

    note_released(lock);
    result = pthread_mutex_unlock(&lock->mutex);
    dbio_verify(result == 0);
}

void
dbio__lock_wait(struct dbio_lock *lock, pthread_cond_t *condition)
{
    int state, result;

    check_innermost(lock);
    /* A cancelled thread would leave the request it is working on half done. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    result = pthread_cond_wait(condition, &lock->mutex);
    (void)pthread_setcancelstate(state, &state);
    dbio_verify(result == 0);
}

void
dbio__lock_before_fork(struct dbio_lock *lock)
{
    int result = pthread_mutex_lock(&lock->mutex);

    dbio_verify(result == 0);
}

void
dbio__lock_after_fork(struct dbio_lock *lock)
{
    int result = pthread_mutex_unlock(&lock->mutex);

    dbio_verify(result == 0);
}
