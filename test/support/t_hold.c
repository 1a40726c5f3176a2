/* t_hold.c - hold a system call of another thread where it is, and let it go. */
#include "t_hold.h"
#include "engine/membership.h"

#include <check.h>
#include <limits.h>
#include <unistd.h>

#include "engine/arbitration.h"
#include "t_fault.h"

#define STEP_US  1000
#define STEPS    10000 /* 10 s */
#define PROOF_US 30000 /* a request that may run takes a thousandth of it */

static bool wants_direct;
static _Atomic bool armed, held, released;

/* Asked for every such call: the first one stays here. Never says yes: nothing is injected. */
static bool
hold_first(enum dbio_sys_call call, const long arguments[6])
{
    bool fits =
        wants_direct ? t_fault_on_direct(call, arguments) : t_fault_on_buffered(call, arguments);

    if (!fits || !atomic_exchange(&armed, false))
        return false;
    atomic_store(&held, true);
    while (!atomic_load(&released))
        usleep(STEP_US);
    return false;
}

void
t_hold_arm(enum dbio_sys_call call, bool direct)
{
    wants_direct = direct;
    atomic_store(&held, false);
    atomic_store(&released, false);
    atomic_store(&armed, true);
    t_fault_arm(
        &(struct t_fault){.call = (int)call, .nth = ULONG_MAX, .error = 1, .when = hold_first});
}

static void
wait_until(_Atomic bool *word, const char *what)
{
    int step;

    for (step = 0; step < STEPS && !atomic_load(word); step++)
        usleep(STEP_US);
    ck_assert_msg(atomic_load(word), "%s: not within 10 s", what);
}

void
t_hold_wait(void)
{
    wait_until(&held, "a call to hold");
}

void
t_hold_release(void)
{
    atomic_store(&released, true);
}

static void *
run_job(void *argument)
{
    struct t_job *job = argument;

    job->result = job->body(job->argument);
    atomic_store(&job->done, true);
    return NULL;
}

void
t_job_start(struct t_job *job, long (*body)(void *), void *argument)
{
    job->body = body;
    job->argument = argument;
    atomic_init(&job->done, false);
    ck_assert_int_eq(pthread_create(&job->thread, NULL, run_job, job), 0);
}

long
t_job_join(struct t_job *job)
{
    wait_until(&job->done, "the end of a thread");
    ck_assert_int_eq(pthread_join(job->thread, NULL), 0);
    return job->result;
}

void
t_await_outstanding(unsigned count)
{
    int step;

    for (step = 0; step < STEPS; step++) {
        if (dbio__inflight_outstanding(dbio__membership.table) == count)
            return;
        usleep(STEP_US);
    }
    ck_abort_msg("%u requests outstanding, not %u within 10 s",
                 dbio__inflight_outstanding(dbio__membership.table), count);
}

void
t_job_assert_waits(struct t_job *job)
{
    usleep(PROOF_US);
    ck_assert_msg(!atomic_load(&job->done), "the request did not wait");
}
