/*
 * readahead_chunk.c - one piece read ahead: its memory, its read, its truth.
 *
 * Job:       start, carry out, judge and give up chunks.
 * Not its:   which ones, and for whom: readahead.c.
 * Callers:   engine/readahead.c; the crew.
 * Lock:      the window's; not while a worker reads.
 * Invariant: a chunk that is READING belongs to its worker, `doomed` apart.
 */
#include "engine/readahead_chunk.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/fork.h"
#include "engine/membership.h"
#include "engine/readahead.h"
#include "engine/transfer.h"
#include "os/clock.h"
#include "os/sys.h"

/* A file that was changed a moment ago may be changed again without another time: ticks last up to
 * 10 ms. */
#define FRESH_NS UINT64_C(20000000)
/* A write of somebody outside dbio that was under way when we read shows in no time stamp. */
#define LIFE_NS        UINT64_C(1000000000)
#define PAUSE_LEAST_NS UINT64_C(10000000)
#define PAUSE_MOST_NS  UINT64_C(1000000000)

void
dbio__window_init(struct dbio_window *window, struct dbio_file *file)
{
    uint32_t i;

    dbio__lock_init(&window->lock, DBIO_RANK_AHEAD);
    dbio_verify(pthread_cond_init(&window->landed, NULL) == 0);
    dbio__list_init(&window->waiters);
    window->file = file;
    window->forks = dbio__fork_generation();
    window->chunk_bytes = DBIO_CHUNK_LEAST;
    for (i = 0; i < DBIO_WINDOW_CHUNKS; i++)
        window->chunks[i].window = window;
    dbio__crew_join();
}

void
dbio__window_fini(struct dbio_window *window)
{
    dbio_assert(window->count == 0);
    dbio__crew_leave();
    dbio_verify(pthread_cond_destroy(&window->landed) == 0);
    dbio__lock_fini(&window->lock);
}

struct dbio_chunk *
dbio__window_chunk(struct dbio_window *window, uint32_t i)
{
    return &window->chunks[(window->first + i) % DBIO_WINDOW_CHUNKS];
}

struct dbio_chunk *
dbio__window_find(struct dbio_window *window, uint64_t offset)
{
    uint32_t i;

    for (i = 0; i < window->count; i++) {
        struct dbio_chunk *chunk = dbio__window_chunk(window, i);

        if (offset >= chunk->begin && offset - chunk->begin < chunk->length)
            return chunk;
    }
    return NULL;
}

static void
give_up(struct dbio_chunk *chunk)
{
    size_t wasted = chunk->got > chunk->used ? chunk->got - chunk->used : 0;

    if (wasted > 0)
        dbio__context_count(chunk->window->file->context, DBIO_STAT_AHEAD_WASTED, wasted);
    dbio_verify(dbio__buffers_give(&chunk->window->file->context->ahead, chunk->buffer) == 0);
}

/* All of it was used: more next time. */
static void
grow(struct dbio_window *window, const struct dbio_chunk *chunk)
{
    if (chunk->used < chunk->length)
        return;
    window->pause_ns = 0;
    if (chunk->length == window->chunk_bytes && window->chunk_bytes < DBIO_CHUNK_MOST)
        window->chunk_bytes *= 2;
}

void
dbio__window_sweep(struct dbio_window *window, uint64_t passed)
{
    while (window->count > 0) {
        struct dbio_chunk *chunk = dbio__window_chunk(window, 0);
        bool over = chunk->begin + chunk->length <= passed;

        if (chunk->state == DBIO_CHUNK_READING || (chunk->state == DBIO_CHUNK_READY && !over))
            return;
        grow(window, chunk);
        give_up(chunk);
        window->first = (window->first + 1) % DBIO_WINDOW_CHUNKS;
        window->count--;
    }
}

static bool
take_stamp(const struct dbio_chunk *chunk, struct dbio_stamp *stamp)
{
    const struct dbio_file *file = chunk->window->file;
    struct stat status;

    stamp->begun = dbio__inflight_begun(dbio__membership.table, file->inode->entry);
    if (dbio__sys_fstat(file->descriptors->buffered, &status) != 0)
        return false;
    stamp->size = (uint64_t)status.st_size;
    stamp->changed_ns =
        (uint64_t)status.st_ctim.tv_sec * 1000000000u + (uint64_t)status.st_ctim.tv_nsec;
    return true;
}

/* Is it quiet there, so that what is read now can be kept? */
static bool
is_quiet(struct dbio_chunk *chunk)
{
    const struct dbio_file *file = chunk->window->file;
    struct dbio_range range = {chunk->begin, chunk->begin + chunk->length};

    dbio__arbitration_watch(file->inode->entry);
    /* The entry's writes are counted from here on: after W1, before W3. */
    return take_stamp(chunk, &chunk->stamp) &&
           dbio__clock_file_ns() - chunk->stamp.changed_ns >= FRESH_NS &&
           !dbio__inflight_is_written(dbio__membership.table, file->inode->entry,
                                      dbio__range_widen(range, file->inode->unit));
}

static ssize_t
read_chunk(struct dbio_chunk *chunk)
{
    struct iovec vector = {chunk->buffer, chunk->length};
    struct dbio_transfer t = {.file = chunk->window->file,
                              .cursor = {.vector = &vector},
                              .offset = chunk->begin,
                              .length = chunk->length,
                              .ahead = true};
    struct dbio_context *context = chunk->window->file->context;
    ssize_t got;

    if (!is_quiet(chunk))
        return -EAGAIN;
    got = dbio__transfer_read(&t);
    dbio__context_count(context, DBIO_STAT_AHEAD_READS, 1);
    if (got > 0)
        dbio__context_count(context, DBIO_STAT_AHEAD_BYTES, (uint64_t)got);
    return got;
}

/* By a worker. Once the lock is given back the window may be gone; its waiters' requests keep the
 * handle open until they are told, so they are taken out before. */
static void
run_chunk(struct dbio_crew_job *job)
{
    struct dbio_chunk *chunk = DBIO_CONTAINER_OF(job, struct dbio_chunk, job);
    struct dbio_window *window = chunk->window;
    struct dbio_link told;
    ssize_t got;
    bool doomed;

    dbio__lock_acquire(&window->lock);
    doomed = chunk->doomed;
    dbio__lock_release(&window->lock);
    got = doomed ? 0 : read_chunk(chunk);
    dbio__list_init(&told);
    dbio__lock_acquire(&window->lock);
    chunk->got = got > 0 ? (size_t)got : 0;
    chunk->state = got < 0 || chunk->doomed ? DBIO_CHUNK_DROPPED : DBIO_CHUNK_READY;
    if (got < 0 && !chunk->doomed) /* or a write was under way there */
        dbio__window_back_off(window);
    while (!dbio__list_empty(&window->waiters)) {
        struct dbio_link *link = window->waiters.next;

        dbio__list_remove(link);
        dbio__list_append(&told, link);
    }
    (void)pthread_cond_broadcast(&window->landed);
    dbio__lock_release(&window->lock);
    while (!dbio__list_empty(&told)) {
        struct dbio_link *link = told.next;
        struct dbio_readahead_waiter *waiter =
            DBIO_CONTAINER_OF(link, struct dbio_readahead_waiter, link);

        dbio__list_remove(link);
        waiter->ready(waiter);
    }
}

bool
dbio__chunk_start(struct dbio_chunk *chunk, uint64_t begin, size_t bytes)
{
    struct dbio_buffers *pool = &chunk->window->file->context->ahead;

    if (dbio__buffers_take(pool, bytes, &chunk->buffer) != 0)
        return false;
    chunk->job.run = run_chunk;
    chunk->begin = begin;
    chunk->length = bytes;
    chunk->got = chunk->used = 0;
    chunk->doomed = false;
    chunk->since_ns = dbio__clock_coarse_ns();
    chunk->state = DBIO_CHUNK_READING;
    if (dbio__crew_give(&chunk->job) == 0)
        return true;
    dbio_verify(dbio__buffers_give(pool, chunk->buffer) == 0);
    return false;
}

void
dbio__window_drop(struct dbio_window *window)
{
    uint32_t i;

    for (i = 0; i < window->count; i++) {
        struct dbio_chunk *chunk = dbio__window_chunk(window, i);

        chunk->doomed = true; /* its worker sees to the rest, and to those who wait */
        if (chunk->state == DBIO_CHUNK_READY)
            chunk->state = DBIO_CHUNK_DROPPED;
    }
}

void
dbio__window_back_off(struct dbio_window *window)
{
    dbio__window_drop(window);
    window->pause_ns = window->pause_ns == 0 ? PAUSE_LEAST_NS : 2 * window->pause_ns;
    if (window->pause_ns > PAUSE_MOST_NS)
        window->pause_ns = PAUSE_MOST_NS;
    window->paused_until_ns = dbio__clock_coarse_ns() + window->pause_ns;
    window->chunk_bytes = DBIO_CHUNK_LEAST;
}

bool
dbio__chunk_is_true(const struct dbio_chunk *chunk)
{
    struct dbio_stamp now;

    /* W5. */
    return take_stamp(chunk, &now) && now.begun == chunk->stamp.begun &&
           now.size == chunk->stamp.size && now.changed_ns == chunk->stamp.changed_ns &&
           dbio__clock_coarse_ns() - chunk->since_ns < LIFE_NS;
}
