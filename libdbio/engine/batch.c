/*
 * batch.c - the life of a batch and of its requests.
 *
 * Job:       memory and rings; prepare, submit, wait, hand out, cancel; which thread's it is.
 * Not its:   carrying requests out: engine/batch_run.c.
 * Callers:   api/api_batch.c.
 * Lock:      none but the one of what the crew returns: a batch is one thread's.
 * Invariant: every request is in one list, or in the ring, or with the crew.
 */
#include "engine/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/fork.h"
#include "os/clock.h"
#include "os/open.h"
#include "os/sys.h"

#define BATCH_MAGIC UINT64_C(0x6462696f62617463) /* "dbiobatc" */
#define NEVER       UINT64_MAX

/* Batches of this thread, in this process. */
static _Thread_local struct dbio_link mine;
static _Thread_local uint32_t mine_since; /* fork generation */

/* The thread waits for somebody: who may be waiting for what its batches have done already. */
static void
collect_mine(void)
{
    struct dbio_link *at;

    for (at = mine.next; at != &mine; at = at->next)
        dbio__batch_collect(DBIO_CONTAINER_OF(at, struct dbio_batch, mine));
}

static void
enlist(struct dbio_batch *batch)
{
    if (mine.next == NULL || mine_since != dbio__fork_generation())
        dbio__list_init(&mine);
    mine_since = dbio__fork_generation();
    dbio__list_append(&mine, &batch->mine);
    dbio__arbitration_progress(collect_mine);
}

static void
delist(struct dbio_batch *batch)
{
    dbio__list_remove(&batch->mine);
    if (dbio__list_empty(&mine))
        dbio__arbitration_progress(NULL);
}

/* DBIO_BACKEND: "uring" (the default), "threads", "null". */
static int
open_ring(struct dbio_batch *batch)
{
    const char *wish = secure_getenv("DBIO_BACKEND");
    const struct dbio_ring_kind *kind = &dbio__ring_uring;

    if (wish != NULL && strcmp(wish, "threads") == 0)
        return -ENOSYS;
    if (wish != NULL && strcmp(wish, "null") == 0)
        kind = &dbio__ring_null;
    return kind->open(2 * batch->depth, &batch->ring);
}

static size_t
requests_size(const struct dbio_batch *batch)
{
    return batch->depth * sizeof(batch->requests[0]);
}

static int
fill_in(struct dbio_batch *batch)
{
    unsigned i;

    batch->requests = dbio__mem_alloc(requests_size(batch));
    batch->kept = dbio__mem_alloc(batch->depth * sizeof(batch->kept[0]));
    if (batch->requests == NULL || batch->kept == NULL)
        return -ENOMEM;
    for (i = 0; i < batch->depth; i++) {
        batch->requests[i].batch = batch;
        dbio__list_append(&batch->unused, &batch->requests[i].link);
    }
    batch->refusal = open_ring(batch);
    if (batch->refusal == -EMFILE || batch->refusal == -ENFILE)
        return batch->refusal; /* ENOMEM may be RLIMIT_MEMLOCK, of which threads need nothing */
    if (batch->refusal != 0)
        dbio_log(DBIO_LOG_WARN, "io_uring: %s: threads carry out batches (DBIO_STAT_BATCH_CREW)",
                 dbio__err_text(batch->refusal));
    return -pthread_mutex_init(&batch->lock, NULL);
}

static void
free_batch(struct dbio_batch *batch)
{
    dbio__mem_free(batch->requests, requests_size(batch));
    dbio__mem_free(batch->kept, batch->depth * sizeof(batch->kept[0]));
    if (batch->ring != NULL)
        batch->ring->kind->close(batch->ring);
    dbio__mem_free(batch, sizeof(*batch));
}

int
dbio__batch_create(struct dbio_context *context, unsigned depth, struct dbio_batch **batch)
{
    struct dbio_batch *made = dbio__mem_alloc(sizeof(*made));
    int error;

    if (made == NULL)
        return -ENOMEM;
    made->context = context;
    made->depth = depth;
    made->wake_fd = DBIO_FD_NONE;
    dbio__list_init(&made->unused);
    dbio__list_init(&made->prepared);
    dbio__list_init(&made->ready);
    dbio__list_init(&made->done);
    dbio__list_init(&made->returned);
    error = fill_in(made);
    if (error != 0) {
        free_batch(made);
        return error;
    }
    made->thread = dbio__arbitration_thread();
    made->forks = dbio__fork_generation();
    made->magic = BATCH_MAGIC;
    dbio__arbitration_join(&made->announcer, made->kept, depth);
    dbio__crew_join();
    enlist(made);
    atomic_fetch_add(&context->batches, 1);
    *batch = made;
    return 0;
}

const char *
dbio__batch_describe(struct dbio_batch *batch)
{
    const char *refused = batch->adopt_refusal != 0 ? dbio__err_text(batch->adopt_refusal) : "";

    if (batch->ring == NULL)
        (void)snprintf(batch->words, sizeof(batch->words), "threads: %s",
                       dbio__err_text(batch->refusal));
    else
        (void)snprintf(batch->words, sizeof(batch->words), "%s: %s%s%s",
                       batch->ring->kind == &dbio__ring_uring ? "io_uring" : "null",
                       batch->ring->kind->describe(batch->ring),
                       *refused != '\0' ? ", not all: " : "", refused);
    return batch->words;
}

int
dbio__batch_check(const struct dbio_batch *batch)
{
    if (batch->magic != BATCH_MAGIC)
        return -EBADF;
    return batch->thread == dbio__arbitration_thread() && batch->forks == dbio__fork_generation()
               ? 0
               : -EPERM;
}

int
dbio__batch_destroy(struct dbio_batch *batch)
{
    struct dbio_batch_request *request;

    while (!dbio__list_empty(&batch->prepared)) {
        request = DBIO_CONTAINER_OF(batch->prepared.next, struct dbio_batch_request, link);
        dbio__list_remove(&request->link);
        dbio__batch_finish(request, -ECANCELED);
    }
    while (batch->in_ring + batch->in_crew > 0) {
        int waited = dbio__batch_wait(batch, UINT32_MAX, NEVER);

        (void)waited; /* a signal does not end it */
    }
    delist(batch);
    dbio__arbitration_drop(&batch->announcer);
    dbio__crew_leave();
    if (batch->wake_fd != DBIO_FD_NONE)
        (void)dbio__close(batch->wake_fd);
    (void)pthread_mutex_destroy(&batch->lock);
    batch->magic = 0;
    atomic_fetch_sub(&batch->context->batches, 1);
    free_batch(batch);
    return 0;
}

struct dbio_batch_request *
dbio__batch_take(struct dbio_batch *batch)
{
    struct dbio_batch_request *request;

    if (dbio__list_empty(&batch->unused))
        return NULL;
    request = DBIO_CONTAINER_OF(batch->unused.next, struct dbio_batch_request, link);
    dbio__list_remove(&request->link);
    request->next = NULL;
    request->linked = false;
    request->alone = false;
    return request;
}

/* Until it is done its file is not closed. */
static void
hold_file(struct dbio_batch *batch, struct dbio_batch_request *request)
{
    struct dbio_file *file = request->transfer.file;

    request->holds = batch->held_count > 0 && batch->held != file;
    if (!request->holds && batch->held_count++ > 0)
        return;
    if (!request->holds)
        batch->held = file;
    dbio__file_hold(file);
}

void
dbio__batch_add(struct dbio_batch *batch, struct dbio_batch_request *request)
{
    hold_file(batch, request);
    if (batch->broken) {
        batch->broken = request->linked;
        dbio__batch_finish(request, -ECANCELED);
        return;
    }
    if (batch->chain != NULL) {
        batch->chain->next = request;
        request->state = DBIO_BATCH_HELD;
    } else {
        request->state = DBIO_BATCH_PREPARED;
        dbio__list_append(&batch->prepared, &request->link);
    }
    batch->chain = request->linked ? request : NULL;
}

int
dbio__batch_submit(struct dbio_batch *batch)
{
    int count = 0;

    batch->chain = NULL; /* a chain ends where its batch is submitted */
    batch->broken = false;
    batch->announcer.now_ns = 0;
    while (!dbio__list_empty(&batch->prepared)) {
        struct dbio_batch_request *request =
            DBIO_CONTAINER_OF(batch->prepared.next, struct dbio_batch_request, link);
        const struct dbio_batch_request *each;

        dbio__list_remove(&request->link);
        dbio__batch_join(batch, request);
        for (each = request; each != NULL; each = each->riders != NULL ? each->riders : each->next)
            count++;
        dbio__batch_start(request);
        dbio__batch_start_ready(batch);
    }
    /* What the kernel does not take now it takes at the next look. */
    if (batch->ring != NULL && batch->in_ring > 0)
        (void)batch->ring->kind->submit(batch->ring);
    return count;
}

/* An eventfd by which the crew wakes a thread that waits for the ring. */
static int
wake_fd(struct dbio_batch *batch)
{
    if (batch->in_crew == 0)
        return DBIO_FD_NONE;
    if (batch->wake_fd == DBIO_FD_NONE) {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        (void)pthread_mutex_lock(&batch->lock);
        batch->wake_fd = fd; /* negative: the ring is looked at now and then */
        if (fd >= 0 && !dbio__list_empty(&batch->returned))
            (void)eventfd_write(fd, 1);
        (void)pthread_mutex_unlock(&batch->lock);
    }
    return batch->wake_fd;
}

/* Sleeps until something is answered. `posted`: what was posted when we looked last. */
static int
sleep_until(struct dbio_batch *batch, uint32_t posted, uint64_t deadline)
{
    uint64_t now = dbio__clock_ns(), left = deadline == NEVER ? NEVER : deadline - now;
    int error = 0, fd;

    if (now >= deadline)
        return -ETIMEDOUT;
    if (batch->in_ring == 0) {
        error = dbio__sys_futex_wait(&batch->posted, posted, left == NEVER ? 0 : left, 0);
        return error == -EINTR ? error : 0;
    }
    fd = wake_fd(batch);
    if (batch->in_crew > 0 && fd < 0 && left > 1000000)
        left = 1000000; /* without an eventfd */
    return batch->ring->kind->wait(batch->ring, left, fd);
}

int
dbio__batch_wait(struct dbio_batch *batch, unsigned least, uint64_t timeout_ns)
{
    uint64_t now = timeout_ns == 0 || timeout_ns == NEVER ? 0 : dbio__clock_ns();
    uint64_t deadline = timeout_ns > NEVER - now ? NEVER : now + timeout_ns;

    for (;;) {
        uint32_t posted = atomic_load(&batch->posted);
        int error;

        dbio__batch_collect(batch);
        if (timeout_ns == 0 || batch->in_ring + batch->in_crew == 0 || batch->done_count >= least)
            return (int)batch->done_count;
        error = sleep_until(batch, posted, deadline);
        if (error == -ETIMEDOUT)
            return (int)batch->done_count;
        if (error == -EINTR && dbio__list_empty(&batch->done))
            return -EINTR;
        if (error == -EINTR)
            return (int)batch->done_count;
    }
}

struct dbio_batch_request *
dbio__batch_next(struct dbio_batch *batch)
{
    struct dbio_batch_request *request;

    if (dbio__list_empty(&batch->done))
        return NULL;
    request = DBIO_CONTAINER_OF(batch->done.next, struct dbio_batch_request, link);
    dbio__list_remove(&request->link);
    batch->done_count--;
    return request;
}

void
dbio__batch_give(struct dbio_batch_request *request)
{
    request->state = DBIO_BATCH_FREE;
    /* In front: its memory is in the processor's cache. */
    dbio__list_append(request->batch->unused.next, &request->link);
}

/* The one in front of `request` in its chain. */
static struct dbio_batch_request *
find_front(struct dbio_batch *batch, const struct dbio_batch_request *request)
{
    unsigned i;

    for (i = 0; i < batch->depth; i++)
        if (batch->requests[i].state != DBIO_BATCH_FREE && batch->requests[i].next == request)
            return &batch->requests[i];
    return NULL;
}

/* The request is about to be cancelled, with those behind it. If its chain is still being prepared, that
 * is what becomes of the next to join it, too. */
static void
break_chain(struct dbio_batch *batch, const struct dbio_batch_request *request)
{
    while (request != NULL && request != batch->chain)
        request = request->next;
    if (request == NULL)
        return;
    batch->chain = NULL;
    batch->broken = true;
}

static int
cancel_request(struct dbio_batch *batch, struct dbio_batch_request *request)
{
    struct dbio_batch_request *front;

    switch (request->state) {
    case DBIO_BATCH_PREPARED:
        break_chain(batch, request);
        dbio__list_remove(&request->link);
        dbio__batch_finish(request, -ECANCELED);
        return 0;
    case DBIO_BATCH_HELD: /* with those behind it */
        front = find_front(batch, request);
        if (front != NULL)
            front->next = NULL;
        break_chain(batch, request);
        dbio__batch_finish(request, -ECANCELED);
        return 0;
    case DBIO_BATCH_RIDING:
        return -EALREADY;
    case DBIO_BATCH_CREW:
        /* What is half done is finished: its announcement must end. */
        if (!request->whole || request->riders != NULL || !dbio__crew_take_back(&request->job))
            return -EALREADY;
        batch->in_crew--;
        dbio__batch_finish(request, -ECANCELED);
        return 0;
    case DBIO_BATCH_RING:
        if (request->riders != NULL) /* the others were not cancelled */
            return -EALREADY;
        batch->ring->kind->cancel(batch->ring, (uint64_t)(uintptr_t)request);
        (void)batch->ring->kind->submit(batch->ring);
        return 0;
    case DBIO_BATCH_FREE:
    case DBIO_BATCH_DONE:
        break;
    }
    return -EALREADY;
}

int
dbio__batch_cancel(struct dbio_batch *batch, uint64_t user_data)
{
    int answer = -ENOENT;
    unsigned i;

    for (i = 0; i < batch->depth; i++) {
        struct dbio_batch_request *request = &batch->requests[i];

        if (request->state == DBIO_BATCH_FREE || request->user_data != user_data)
            continue;
        answer = cancel_request(batch, request);
        if (answer == 0)
            return 0;
    }
    return answer;
}
