/*
 * shim_crew.c - threads that carry out what was submitted to an io_uring.
 *
 * Job:       a fixed number of places for requests, threads that come when there is work, answers
 *            sent to the program's ring as messages (IORING_OP_MSG_RING).
 * Not its:   which requests: shim_async.c.
 * Callers:   shim_async.c; shim_main.c before a file is given up, and in children.
 * Lock:      `lock`, over the places; never held during I/O.
 * Invariant: a request that was taken is answered once, with what dbio said of it.
 */
#include "shim/shim_crew.h"

#include <linux/io_uring.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/shim_main.h"

#define PLACES      256
#define THREADS_MAX 8
#define STACK_BYTES (256u * 1024)

/* Newer than the headers of Linux 6.1. */
#define REGISTER_SEND_MSG_RING 31u

enum { FREE, WAITING, RUNNING };

static struct {
    int state;
    struct shim_job job;
} places[PLACES];
static size_t next_in, next_out, waiting; /* places[next_out] has waited longest */
static int threads, idle;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER; /* a request waits */
static pthread_cond_t done = PTHREAD_COND_INITIALIZER; /* a place became free */
static _Atomic int able;                               /* 0: not asked; 1: yes; -1: no */
static _Atomic int under_way;

static int
send_message(int ring_fd, uint64_t user_data, int answer)
{
    struct io_uring_sqe message;

    memset(&message, 0, sizeof(message));
    message.opcode = IORING_OP_MSG_RING;
    message.fd = ring_fd;
    message.len = (uint32_t)answer;
    message.off = user_data;
    return (int)syscall(SYS_io_uring_register, -1, REGISTER_SEND_MSG_RING, &message, 1);
}

bool
shim_crew_is_able(void)
{
    int known = atomic_load(&able), fd;
    struct io_uring_params parameters;

    if (known != 0)
        return known > 0;
    memset(&parameters, 0, sizeof(parameters));
    fd = (int)syscall(SYS_io_uring_setup, 2, &parameters);
    known = fd >= 0 && send_message(fd, 0, 0) == 0 ? 1 : -1;
    if (fd >= 0)
        (void)SHIM_NEXT(close)(fd);
    atomic_store(&able, known);
    return known > 0;
}

/* The ring may be full for a moment: the program takes its answers out when it likes. */
static void
answer_job(const struct shim_job *job, ssize_t answer)
{
    const struct timespec little = {0, 1000000};

    while (send_message(job->ring_fd, job->user_data, (int)answer) != 0) {
        int error = shim_keep_errno();

        if (error != EOVERFLOW && error != EAGAIN && error != ENOMEM && error != EINTR)
            return; /* the ring is gone */
        (void)nanosleep(&little, NULL);
    }
}

static ssize_t
carry_out(const struct shim_job *job)
{
    return job->write ? dbio_pwritev(job->file, job->vectors, job->count, job->offset, job->flags)
                      : dbio_preadv(job->file, job->vectors, job->count, job->offset, job->flags);
}

/* The place of the request that has waited longest; blocks until there is one. */
static size_t
take_next(void)
{
    size_t place;

    idle++;
    while (waiting == 0)
        (void)pthread_cond_wait(&work, &lock);
    idle--;
    while (places[next_out].state != WAITING)
        next_out = (next_out + 1) % PLACES;
    place = next_out;
    places[place].state = RUNNING;
    waiting--;
    return place;
}

static void *
work_for_ever(void *unused)
{
    (void)unused;
    shim_enter(); /* nothing that this thread calls is the program's */
    (void)pthread_mutex_lock(&lock);
    for (;;) {
        size_t place = take_next();
        struct shim_job *job = &places[place].job;

        (void)pthread_mutex_unlock(&lock);
        answer_job(job, carry_out(job));
        (void)pthread_mutex_lock(&lock);
        places[place].state = FREE;
        atomic_fetch_sub(&under_way, 1);
        (void)pthread_cond_broadcast(&done);
    }
    return NULL;
}

/* With every signal blocked: the program's handlers run in the program's threads. */
static bool
start_thread(void)
{
    sigset_t every, kept;
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)sigfillset(&every);
    (void)pthread_sigmask(SIG_SETMASK, &every, &kept);
    error = pthread_create(&thread, &attributes, work_for_ever, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &kept, NULL);
    (void)pthread_attr_destroy(&attributes);
    threads += error == 0 ? 1 : 0;
    return error == 0;
}

bool
shim_crew_take(const struct shim_job *job)
{
    bool taken;

    (void)pthread_mutex_lock(&lock);
    if (threads < THREADS_MAX && (size_t)idle <= waiting)
        (void)start_thread();
    taken = threads > 0;
    while (taken && places[next_in].state != FREE) {
        size_t i;

        for (i = 0; i < PLACES && places[next_in].state != FREE; i++)
            next_in = (next_in + 1) % PLACES;
        if (places[next_in].state != FREE)
            (void)pthread_cond_wait(&done, &lock);
    }
    if (taken) {
        places[next_in].job = *job;
        places[next_in].state = WAITING;
        next_in = (next_in + 1) % PLACES;
        waiting++;
        atomic_fetch_add(&under_way, 1);
        (void)pthread_cond_signal(&work);
    }
    (void)pthread_mutex_unlock(&lock);
    return taken;
}

static bool
is_under_way(const struct dbio_file *file, int ring_fd)
{
    size_t i;

    for (i = 0; i < PLACES; i++)
        if (places[i].state != FREE &&
            (file != NULL ? places[i].job.file == file : places[i].job.ring_fd == ring_fd))
            return true;
    return false;
}

void
shim_crew_wait(const struct dbio_file *file, int ring_fd)
{
    if (atomic_load(&under_way) == 0)
        return;
    (void)pthread_mutex_lock(&lock);
    while (is_under_way(file, ring_fd))
        (void)pthread_cond_wait(&done, &lock);
    (void)pthread_mutex_unlock(&lock);
}

void
shim_crew_in_child(void)
{
    const pthread_mutex_t new_lock = PTHREAD_MUTEX_INITIALIZER;
    const pthread_cond_t new_condition = PTHREAD_COND_INITIALIZER;

    lock = new_lock;
    work = done = new_condition;
    memset(places, 0, sizeof(places));
    next_in = next_out = waiting = 0;
    threads = idle = 0;
    atomic_store(&under_way, 0);
}
