/*
 * t_hold.h - hold a system call of another thread where it is, and let it go: that makes a
 * request outstanding for as long as a case needs it.
 *
 *     t_hold_arm(DBIO_SYS_PWRITE, true);
 *     t_job_start(&job, write_something, &arguments);
 *     t_hold_wait();             now the write is in flight
 *     ...
 *     t_hold_release();
 *     ck_assert_int_eq(t_job_join(&job), 4096);
 *
 * Stands on t_fault; t_fault_disarm() is for after the release. One call is held at a time.
 */
#ifndef T_HOLD_H
#define T_HOLD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "os/sys.h"

/* The next such call on an O_DIRECT descriptor, or on another, stops before it is done. */
void t_hold_arm(enum dbio_sys_call call, bool direct);
/* Returns when it has. */
void t_hold_wait(void);
void t_hold_release(void);

/* A function in a thread of its own. */
struct t_job {
    pthread_t thread;
    long (*body)(void *argument);
    void *argument;
    long result;
    _Atomic bool done;
};
void t_job_start(struct t_job *job, long (*body)(void *), void *argument);
long t_job_join(struct t_job *job);

/* Returns when so many requests are announced in the process; fails the case after 10 s. */
void t_await_outstanding(unsigned count);
/* Gives the job time enough to end if nothing holds it, and fails the case if it does. */
void t_job_assert_waits(struct t_job *job);

#endif
