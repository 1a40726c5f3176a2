/*
 * batch_run.c - carrying out the requests of a batch.
 *
 * Job:       settle; hand to the ring or to the crew; make results of answers; go on with a chain.
 * Not its:   lists, waiting, memory: engine/batch.c; routes and half-done transfers: transfer.c.
 * Callers:   engine/batch.c.
 * Lock:      the batch's own, over what the crew returns.
 * Invariant: an announcement ends when its request is collected, not before; a request that goes to
 *            the crew takes its announcement along, if it has one.
 */
#include <errno.h>
#include <limits.h>
#include <sys/eventfd.h>

#include "base/err.h"
#include "base/region.h"
#include "engine/batch.h"
#include "engine/durability.h"
#include "engine/exclusive.h"
#include "os/clock.h"
#include "os/sys.h"

#define ANSWERS 32u
/* An entry of a ring has 32 bits for a length. */
#define RING_BYTES_MOST (1024u * 1024 * 1024)

static bool
is_transfer(const struct dbio_batch_request *request)
{
    return request->code == DBIO_BATCH_READ || request->code == DBIO_BATCH_WRITE;
}

static void
count(const struct dbio_batch_request *request, enum dbio_stat stat, uint64_t value)
{
    const struct dbio_batch *batch = request->batch;

    dbio__stats_add(&batch->context->board.place->counters, batch->thread, stat, value);
}

static ssize_t
rest_of(struct dbio_batch_request *request, int begun)
{
    return request->code == DBIO_BATCH_WRITE
               ? dbio__transfer_write_rest(&request->transfer, &request->settled, begun)
               : dbio__transfer_read_rest(&request->transfer, &request->settled, begun);
}

static int
settle(struct dbio_batch_request *request)
{
    return request->code == DBIO_BATCH_WRITE
               ? dbio__transfer_write_settle(&request->transfer, &request->settled)
               : dbio__transfer_read_settle(&request->transfer, &request->settled);
}

static ssize_t
all_of(struct dbio_batch_request *request)
{
    struct dbio_transfer *t = &request->transfer;
    int error;

    switch (request->code) {
    case DBIO_BATCH_READ:
    case DBIO_BATCH_WRITE:
        error = settle(request);
        return error != 0 ? error : rest_of(request, DBIO_TRANSFER_BEGIN);
    case DBIO_BATCH_FSYNC:
    case DBIO_BATCH_FDATASYNC:
        return dbio__durability_sync(t->file, request->code == DBIO_BATCH_FDATASYNC);
    case DBIO_BATCH_ALLOCATE:
        return dbio__exclusive_allocate(t->file, request->how, request->range);
    }
    dbio_verify(request->code == DBIO_BATCH_ALLOCATE);
    return -EIO;
}

/* Back to the batch's thread, by another one. */
static void
post(struct dbio_batch_request *request)
{
    struct dbio_batch *batch = request->batch;
    _Atomic uint32_t *posted = &batch->posted;

    (void)pthread_mutex_lock(&batch->lock);
    dbio__list_append(&batch->returned, &request->link);
    if (batch->wake_fd >= 0)
        (void)eventfd_write(batch->wake_fd, 1);
    atomic_fetch_add(posted, 1);
    /* Within the lock: the batch may be gone as soon as its thread has seen the request. */
    (void)dbio__sys_futex_wake(posted, 0);
    (void)pthread_mutex_unlock(&batch->lock);
}

/* By a worker. */
static void
run_job(struct dbio_crew_job *job)
{
    struct dbio_batch_request *request = DBIO_CONTAINER_OF(job, struct dbio_batch_request, job);

    request->result = request->whole ? all_of(request) : rest_of(request, request->begun);
    post(request);
}

/* By a worker: what the request was waiting for has been read. */
static void
ask_again(struct dbio_readahead_waiter *waiter)
{
    struct dbio_batch_request *request =
        DBIO_CONTAINER_OF(waiter, struct dbio_batch_request, waiter);

    request->again = true;
    post(request);
}

/* `whole`: nothing of it is done. Else it came to `begun`, and its announcement goes along. */
static void
give_to_crew(struct dbio_batch_request *request, bool whole, int begun)
{
    request->transfer.announcer = NULL; /* from now on as any thread's */
    request->whole = whole;
    request->begun = begun;
    request->job.run = run_job;
    request->state = DBIO_BATCH_CREW;
    request->batch->in_crew++;
    count(request, DBIO_STAT_BATCH_CREW, 1);
    if (dbio__crew_give(&request->job) == 0)
        return;
    /* Not a single thread can be had: then the submitter does it itself. */
    request->batch->in_crew--;
    dbio__batch_finish(request, whole ? all_of(request) : rest_of(request, begun));
}

static bool
queue_request(struct dbio_batch_request *request, const struct dbio_ring_request *wanted)
{
    struct dbio_batch *batch = request->batch;
    const struct dbio_ring_kind *kind = batch->ring->kind;

    if (!kind->queue(batch->ring, wanted) &&
        (kind->submit(batch->ring) != 0 || !kind->queue(batch->ring, wanted)))
        return false;
    request->state = DBIO_BATCH_RING;
    request->awaited = wanted->flush_bytes != 0 ? 2 : 1;
    request->answers[1] = 0;
    batch->in_ring++;
    count(request, DBIO_STAT_BATCH_RING, 1);
    return true;
}

/* The regions that buffers are lent from, as far as the ring does not know them. They stay until the
 * context goes, and so long as it has batches it does not. */
static void
adopt_regions(struct dbio_batch *batch)
{
    struct iovec regions[DBIO_REGIONS_MOST];
    uint32_t there = dbio__buffers_regions(&batch->context->buffers, regions, DBIO_REGIONS_MOST);

    while (batch->adopted < there && batch->adopted < batch->ring->buffers) {
        int error = batch->ring->kind->adopt(batch->ring, batch->adopted, &regions[batch->adopted]);

        if (error != 0) {
            batch->adopt_refusal = error;
            return;
        }
        batch->adopted++;
    }
}

/* What the ring knows the memory of a request as. */
static int
buffer_of(struct dbio_batch *batch, const struct iovec *memory)
{
    int region;

    if (batch->ring->buffers == 0)
        return DBIO_RING_NO_BUFFER;
    region = dbio__buffers_region_of(&batch->context->buffers, memory->iov_base, memory->iov_len);
    if (region >= (int)batch->adopted && batch->adopt_refusal == 0)
        adopt_regions(batch);
    return region >= 0 && region < (int)batch->adopted ? region : DBIO_RING_NO_BUFFER;
}

static uint64_t
token_of(const struct dbio_batch_request *request)
{
    return (uint64_t)(uintptr_t)request;
}

/* The request as the ring takes it; false: its route has more steps than that. */
static bool
describe(const struct dbio_batch_request *request, struct dbio_ring_request *wanted)
{
    const struct dbio_transfer *t = &request->transfer;
    const struct dbio_descriptors *descriptors = t->file->descriptors;
    struct dbio_range pages = request->settled.pages;

    *wanted = (struct dbio_ring_request){
        .code = t->write ? DBIO_RING_WRITE : DBIO_RING_READ,
        .fd = descriptors->buffered,
        .count = request->count,
        .vector = t->cursor.vector,
        .offset = t->offset,
        .buffer = DBIO_RING_NO_BUFFER,
        .token = token_of(request),
    };
    switch (request->settled.choice.route) {
    case DBIO_ROUTE_DIRECT:
        wanted->fd = dbio__file_direct(t->file);
        if (request->count == 1)
            wanted->buffer = buffer_of(request->batch, t->cursor.vector);
        break;
    case DBIO_ROUTE_BUFFERED:
        break;
    case DBIO_ROUTE_BUFFERED_FLUSH:
        wanted->flush_offset = pages.begin;
        wanted->flush_bytes = t->durable ? 0 : pages.end - pages.begin;
        break;
    default: /* a copy, edges, a flag with a second try */
        return false;
    }
    if (t->durable && !(descriptors->durable && wanted->fd == descriptors->lent))
        wanted->rwf = DBIO_RWF_DSYNC;
    return wanted->fd >= 0 && t->length <= RING_BYTES_MOST && pages.end <= INT64_MAX;
}

/* From what was read ahead. False: it is to be carried out. */
static bool
serve_ahead(struct dbio_batch_request *request)
{
    struct dbio_batch *batch = request->batch;

    request->again = false;
    request->whole = false; /* while parked it cannot be taken back */
    request->waiter.ready = ask_again;
    request->state = DBIO_BATCH_CREW;
    batch->in_crew++;
    switch (dbio__readahead_serve(&request->transfer, &request->waiter)) {
    case DBIO_AHEAD_PARKED:
        return true;
    case DBIO_AHEAD_SERVED:
        batch->in_crew--;
        request->settled.choice = (struct dbio_choice){.route = DBIO_ROUTE_DIRECT_BOUNCE,
                                                       .reason = DBIO_REASON_READ_AHEAD};
        dbio__batch_finish(request, (int64_t)request->transfer.done);
        return true;
    case DBIO_AHEAD_NO:
        break;
    }
    batch->in_crew--;
    return false;
}

static void
start_transfer(struct dbio_batch_request *request)
{
    struct dbio_batch *batch = request->batch;
    struct dbio_transfer *t = &request->transfer;
    struct dbio_ring_request wanted;
    int error;

    if (t->length == 0) {
        dbio__batch_finish(request, 0);
        return;
    }
    if (request->code == DBIO_BATCH_READ && serve_ahead(request))
        return;
    if (t->nowait) { /* by its own word it takes no time */
        dbio__batch_finish(request, all_of(request));
        return;
    }
    if (batch->ring == NULL || t->atomic || t->done > 0) {
        give_to_crew(request, true, 0);
        return;
    }
    t->announcer = &batch->announcer;
    if (t->announcer->now_ns == 0)
        t->announcer->now_ns = dbio__clock_coarse_ns();
    error = settle(request);
    if (error == -EAGAIN) /* somebody is in the way: a worker waits its turn */
        give_to_crew(request, true, 0);
    else if (error != 0)
        dbio__batch_finish(request, error);
    else if (!describe(request, &wanted) || !queue_request(request, &wanted))
        give_to_crew(request, false, DBIO_TRANSFER_BEGIN);
}

static void
start_sync(struct dbio_batch_request *request)
{
    struct dbio_ring_request wanted = {
        .code = request->code == DBIO_BATCH_FSYNC ? DBIO_RING_FSYNC : DBIO_RING_FDATASYNC,
        .fd = request->transfer.file->descriptors->buffered,
        .buffer = DBIO_RING_NO_BUFFER,
        .token = token_of(request),
    };

    if (request->batch->ring == NULL || !queue_request(request, &wanted))
        give_to_crew(request, true, 0);
}

void
dbio__batch_start(struct dbio_batch_request *request)
{
    switch (request->code) {
    case DBIO_BATCH_READ:
    case DBIO_BATCH_WRITE:
        start_transfer(request);
        return;
    case DBIO_BATCH_FSYNC:
    case DBIO_BATCH_FDATASYNC:
        start_sync(request);
        return;
    case DBIO_BATCH_ALLOCATE:
        give_to_crew(request, true, 0);
        return;
    }
}

static void
let_file_go(struct dbio_batch_request *request)
{
    if (!request->holds && --request->batch->held_count > 0)
        return;
    dbio__file_let_go(request->transfer.file);
}

void
dbio__batch_finish(struct dbio_batch_request *request, int64_t result)
{
    struct dbio_batch *batch = request->batch;

    if (request->riders != NULL) {
        dbio__batch_part(request, result);
        return;
    }
    while (request != NULL) {
        struct dbio_batch_request *next = request->next;
        bool failed = result < 0 || (is_transfer(request) && (uint64_t)result < request->asked);

        request->result = result;
        request->next = NULL;
        request->state = DBIO_BATCH_DONE;
        let_file_go(request);
        dbio__list_append(&batch->done, &request->link);
        batch->done_count++;
        if (next != NULL && !failed) {
            dbio__list_append(&batch->ready, &next->link);
            return;
        }
        result = -ECANCELED;
        request = next;
    }
}

void
dbio__batch_start_ready(struct dbio_batch *batch)
{
    while (!dbio__list_empty(&batch->ready)) {
        struct dbio_batch_request *request =
            DBIO_CONTAINER_OF(batch->ready.next, struct dbio_batch_request, link);

        dbio__list_remove(&request->link);
        dbio__batch_start(request);
    }
}

/* After a call that came to `answer`: all, or up to the end of the file; more of the same; or the rest
 * through the cache, where a direct call has ended between two blocks. */
static int
what_is_left(const struct dbio_batch_request *request, int64_t answer)
{
    const struct dbio_transfer *t = &request->transfer;

    if (t->length == 0 || answer == 0)
        return DBIO_TRANSFER_OVER;
    if (request->settled.choice.route == DBIO_ROUTE_DIRECT &&
        !dbio__is_aligned((uint64_t)answer, t->file->inode->facts.offset_align))
        return dbio__transfer_short(t);
    return DBIO_TRANSFER_BEGIN;
}

/* The transfer's answer, and that of the flush behind it. What is left to do takes another call, and
 * may take long: the crew's. */
static void
judge_transfer(struct dbio_batch_request *request)
{
    struct dbio_transfer *t = &request->transfer;
    bool direct = request->settled.choice.route == DBIO_ROUTE_DIRECT;
    int64_t answer = request->answers[0], flushed = request->answers[1];
    uint64_t end;
    int begun;

    if (answer == -EAGAIN || answer == -EINTR || answer == -EINVAL || answer == -EOPNOTSUPP ||
        (answer == -ENOSPC && t->durable) || (answer == -EDQUOT && t->durable)) {
        give_to_crew(request, false, DBIO_TRANSFER_BEGIN);
        return;
    }
    end = t->offset + t->length;
    if (direct && dbio__transfer_clip(t, answer, &end)) {
        give_to_crew(request, false, DBIO_TRANSFER_BEGIN);
        return;
    }
    if (answer < 0) {
        dbio__batch_finish(request, rest_of(request, (int)answer));
        return;
    }
    if (flushed == -ECANCELED || flushed == -EINTR || flushed == -EAGAIN || flushed == -EINVAL) {
        give_to_crew(request, false, DBIO_TRANSFER_BEGIN); /* not a word about the bytes */
        return;
    }
    if (flushed < 0) { /* the bytes are lost; the kernel tells once */
        dbio__durability_latch_flush(t->file, (int)flushed);
        dbio__batch_finish(request, rest_of(request, (int)flushed));
        return;
    }
    if (direct)
        count(request, DBIO_STAT_DIRECT_BYTES, (uint64_t)answer);
    dbio__transfer_moved(t, (size_t)answer);
    begun = what_is_left(request, answer);
    if (begun != DBIO_TRANSFER_OVER) {
        count(request, DBIO_STAT_CONTINUED, 1);
        give_to_crew(request, false, begun);
        return;
    }
    dbio__batch_finish(request, rest_of(request, DBIO_TRANSFER_OVER));
}

static void
judge_sync(struct dbio_batch_request *request)
{
    int error = (int)request->answers[0];

    if (error == -EINTR || error == -EAGAIN) {
        give_to_crew(request, true, 0);
        return;
    }
    if (error != -ECANCELED) {
        count(request, DBIO_STAT_SYNCS, 1);
        dbio__durability_latch_flush(request->transfer.file, error);
        error = dbio__durability_report(request->transfer.file, error);
    }
    dbio__batch_finish(request, error);
}

static void
take_answer(struct dbio_batch *batch, const struct dbio_ring_answer *answer)
{
    uintptr_t at = (uintptr_t)(answer->token & ~UINT64_C(1));
    struct dbio_batch_request *request = (struct dbio_batch_request *)at;

    dbio_assert(request->state == DBIO_BATCH_RING && request->batch == batch);
    request->answers[answer->token & 1] = answer->result;
    if (--request->awaited > 0)
        return;
    batch->in_ring--;
    if (is_transfer(request))
        judge_transfer(request);
    else
        judge_sync(request);
}

static void
collect_returned(struct dbio_batch *batch)
{
    for (;;) {
        struct dbio_batch_request *request = NULL;
        eventfd_t ignored;

        (void)pthread_mutex_lock(&batch->lock);
        if (!dbio__list_empty(&batch->returned)) {
            request = DBIO_CONTAINER_OF(batch->returned.next, struct dbio_batch_request, link);
            dbio__list_remove(&request->link);
        } else if (batch->wake_fd >= 0) {
            (void)eventfd_read(batch->wake_fd, &ignored);
        }
        (void)pthread_mutex_unlock(&batch->lock);
        if (request == NULL)
            return;
        batch->in_crew--;
        if (request->again)
            dbio__batch_start(request);
        else
            dbio__batch_finish(request, request->result);
    }
}

void
dbio__batch_collect(struct dbio_batch *batch)
{
    struct dbio_ring_answer answers[ANSWERS];
    unsigned found = ANSWERS, i;

    if (batch->collecting) /* what is being judged waits for somebody */
        return;
    batch->collecting = true;
    batch->announcer.now_ns = 0;
    while (batch->in_ring > 0 && found == ANSWERS) {
        found = batch->ring->kind->reap(batch->ring, answers, ANSWERS);
        for (i = 0; i < found; i++)
            take_answer(batch, &answers[i]);
    }
    if (batch->in_crew > 0)
        collect_returned(batch);
    dbio__batch_start_ready(batch);
    /* Those that were waiting for what has just ended. */
    if (batch->in_ring > 0)
        (void)batch->ring->kind->submit(batch->ring);
    batch->collecting = false;
}
