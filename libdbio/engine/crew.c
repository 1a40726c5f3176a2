/*
 * crew.c - threads that carry out what would block a thread that must not.
 *
 * Job:       a queue, and threads that come when there is work and go when the last batch does.
 * Not its:   what the jobs are: engine/batch_run.c.
 * Callers:   engine/batch.c, batch_run.c, fork.c.
 * Lock:      `lock`, a leaf: nothing is called while it is held.
 * Invariant: a job that was given is run once, or taken back.
 */
#include "engine/crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#define STACK_BYTES (256u * 1024)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER; /* a job waits, or all shall go */
static struct dbio_link queue = {&queue, &queue};
static pthread_t workers[DBIO_CREW_MOST];
static unsigned users, count, idle, waiting;
static bool closing;

static void *
work_on(void *unused)
{
    (void)unused;
    (void)pthread_mutex_lock(&lock);
    for (;;) {
        struct dbio_crew_job *job;

        idle++;
        while (waiting == 0 && !closing)
            (void)pthread_cond_wait(&work, &lock);
        idle--;
        if (waiting == 0)
            break;
        job = DBIO_CONTAINER_OF(queue.next, struct dbio_crew_job, link);
        dbio__list_remove(&job->link);
        waiting--;
        (void)pthread_mutex_unlock(&lock);
        job->run(job);
        (void)pthread_mutex_lock(&lock);
    }
    (void)pthread_mutex_unlock(&lock);
    return NULL;
}

/* With every signal blocked: the program's handlers run in the program's threads. */
static int
start_worker(void)
{
    sigset_t every, kept;
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);

    if (error != 0)
        return error;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)sigfillset(&every);
    (void)pthread_sigmask(SIG_SETMASK, &every, &kept);
    error = pthread_create(&workers[count], &attributes, work_on, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &kept, NULL);
    (void)pthread_attr_destroy(&attributes);
    count += error == 0 ? 1 : 0;
    return error;
}

void
dbio__crew_join(void)
{
    (void)pthread_mutex_lock(&lock);
    users++;
    (void)pthread_mutex_unlock(&lock);
}

void
dbio__crew_leave(void)
{
    pthread_t leaving[DBIO_CREW_MOST];
    unsigned i, left = 0;

    (void)pthread_mutex_lock(&lock);
    if (--users == 0 && count > 0) {
        closing = true;
        (void)pthread_cond_broadcast(&work);
        for (; left < count; left++)
            leaving[left] = workers[left];
    }
    (void)pthread_mutex_unlock(&lock);
    for (i = 0; i < left; i++)
        (void)pthread_join(leaving[i], NULL);
    if (left == 0)
        return;
    (void)pthread_mutex_lock(&lock);
    count = 0;
    closing = false;
    (void)pthread_cond_broadcast(&work); /* whoever has joined meanwhile may start its own */
    (void)pthread_mutex_unlock(&lock);
}

int
dbio__crew_give(struct dbio_crew_job *job)
{
    int error = 0;

    (void)pthread_mutex_lock(&lock);
    while (closing)
        (void)pthread_cond_wait(&work, &lock);
    if (idle <= waiting && count < DBIO_CREW_MOST)
        error = start_worker();
    if (count > 0) {
        error = 0;
        dbio__list_append(&queue, &job->link);
        waiting++;
        (void)pthread_cond_signal(&work);
    }
    (void)pthread_mutex_unlock(&lock);
    return error == 0 ? 0 : -EAGAIN;
}

bool
dbio__crew_take_back(struct dbio_crew_job *job)
{
    struct dbio_link *at;
    bool found = false;

    (void)pthread_mutex_lock(&lock);
    for (at = queue.next; at != &queue && !found; at = at->next)
        found = at == &job->link;
    if (found) {
        dbio__list_remove(&job->link);
        waiting--;
    }
    (void)pthread_mutex_unlock(&lock);
    return found;
}

void
dbio__crew_before_fork(void)
{
    (void)pthread_mutex_lock(&lock);
}

void
dbio__crew_after_fork(bool child)
{
    if (child) {
        const pthread_cond_t fresh = PTHREAD_COND_INITIALIZER;

        work = fresh; /* its waiters are not here */
        dbio__list_init(&queue);
        users = count = idle = waiting = 0;
        closing = false;
    }
    (void)pthread_mutex_unlock(&lock);
}
