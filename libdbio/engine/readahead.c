/*
 * readahead.c - which bytes to read ahead, and who may have them.
 *
 * Job:       notice that reads run on; keep a window of chunks ahead of them; give out what is
 *            still true.
 * Not its:   one chunk's read: readahead_chunk.c.
 * Callers:   engine/transfer_read.c, batch_run.c, file.c.
 * Lock:      the window's, rank AHEAD.
 * Invariant: chunks lie one behind the other; what is given out was checked under the lock.
 */
#include "engine/readahead.h"

#include <errno.h>

#include "base/mem.h"
#include "engine/fork.h"
#include "engine/readahead_chunk.h"
#include "engine/transfer.h"
#include "os/clock.h"

/* Larger reads do not gain from another copy. */
#define READ_MOST ((size_t)256 * 1024)
/* Reads that run on before we believe it, and fewer if the handle was opened for that. */
#define RUN_LEAST        4u
#define RUN_LEAST_WISHED 1u
/* Reads of so many bytes go on as ever where they take no longer than a copy would: PACE_LEAST ns
 * per KiB; and in a batch, which has many of them under way. */
#define LONG_READ   ((size_t)32 * 1024)
#define LONG_RUN    8u /* reads that are timed before */
#define PACE_LEAST  600u
#define STRAYS_MOST 16u /* reads elsewhere, one after the other, before the window goes */

static bool
is_wished(const struct dbio_file *file)
{
    return file->options.pattern == DBIO_PATTERN_SEQUENTIAL ||
           (file->options.mode == DBIO_MODE_AUTO && file->options.role == DBIO_ROLE_SCAN);
}

/* Does the read run on? All relaxed: a guess, wrong where threads share a handle. */
static bool
runs_on(struct dbio_file *file, const struct dbio_transfer *t)
{
    struct dbio_readahead *ahead = &file->ahead;
    uint32_t run = atomic_load_explicit(&ahead->run, memory_order_relaxed);
    bool on = atomic_load_explicit(&ahead->next, memory_order_relaxed) == t->offset;

    atomic_store_explicit(&ahead->next, t->offset + t->length, memory_order_relaxed);
    if (!on && run == 0)
        return false;
    run = on ? run + 1 : 0;
    atomic_store_explicit(&ahead->run, run, memory_order_relaxed);
    return run >= (is_wished(file) ? RUN_LEAST_WISHED : RUN_LEAST);
}

/* Shapes and handles that have no part in it. */
static bool
is_apart(const struct dbio_file *file, const struct dbio_transfer *t)
{
    return t->length > READ_MOST || t->held || t->dontcache ||
           file->options.pattern == DBIO_PATTERN_RANDOM || file->context->ahead.most == 0 ||
           file->descriptors->lent != DBIO_FD_NONE;
}

static bool
gains_nothing(struct dbio_file *file, const struct dbio_transfer *t, bool batch)
{
    uint32_t pace = atomic_load_explicit(&file->ahead.pace, memory_order_relaxed);

    return t->length >= LONG_READ &&
           (batch || pace < PACE_LEAST ||
            atomic_load_explicit(&file->ahead.run, memory_order_relaxed) < LONG_RUN);
}

void
dbio__readahead_note_pace(struct dbio_file *file, size_t bytes, uint64_t time_ns)
{
    uint64_t now = time_ns * 1024 / (bytes + 1), pace;

    pace = atomic_load_explicit(&file->ahead.pace, memory_order_relaxed);
    /* The shortest of the last ones: others were interrupted. */
    pace = pace == 0 || now < pace ? now : pace + pace / 16;
    pace = pace == 0 ? 1 : pace > UINT32_MAX ? UINT32_MAX : pace;
    atomic_store_explicit(&file->ahead.pace, (uint32_t)pace, memory_order_relaxed);
}

static struct dbio_window *
make_window(struct dbio_file *file)
{
    struct dbio_window *made = dbio__mem_alloc(sizeof(*made)), *expected = NULL;

    if (made == NULL)
        return NULL;
    dbio__window_init(made, file);
    /* Release pairs with the acquire in find_window(). */
    if (atomic_compare_exchange_strong(&file->ahead.window, &expected, made))
        return made;
    dbio__window_fini(made);
    dbio__mem_free(made, sizeof(*made));
    return expected;
}

/* NULL: none, or the parent's. */
static struct dbio_window *
find_window(struct dbio_file *file)
{
    struct dbio_window *window = atomic_load_explicit(&file->ahead.window, memory_order_acquire);

    return window != NULL && window->forks == dbio__fork_generation() ? window : NULL;
}

/* Copies what the chunk has of the request. False: the chunk ends there, and the file with it. */
static bool
give_out(struct dbio_transfer *t, struct dbio_chunk *chunk)
{
    uint64_t skip = t->offset - chunk->begin;
    size_t bytes = skip < chunk->got ? (size_t)(chunk->got - skip) : 0;
    struct dbio_cursor target = t->cursor;

    if (bytes > t->length)
        bytes = t->length;
    if (bytes == 0 || !dbio__bounce_scatter(&target, (char *)chunk->buffer + skip, bytes))
        return false;
    dbio__transfer_moved(t, bytes);
    dbio__context_count(t->file->context, DBIO_STAT_BOUNCE_BYTES, bytes);
    chunk->used += bytes;
    return true;
}

static bool
is_over(const struct dbio_transfer *t, const struct dbio_chunk *chunk)
{
    return t->length == 0 || (t->done > 0 && t->offset >= chunk->stamp.size);
}

/* Until everything is served, or the window has no more of it. Under the lock. */
static enum dbio_ahead
serve_from(struct dbio_window *window, struct dbio_transfer *t,
           struct dbio_readahead_waiter *waiter)
{
    for (;;) {
        struct dbio_chunk *chunk = dbio__window_find(window, t->offset);

        if (chunk == NULL || chunk->doomed)
            return DBIO_AHEAD_NO;
        if (chunk->state == DBIO_CHUNK_READING) {
            if (t->nowait)
                return DBIO_AHEAD_NO;
            if (waiter != NULL) {
                dbio__list_append(&window->waiters, &waiter->link);
                return DBIO_AHEAD_PARKED;
            }
            if (dbio__arbitration_has_batches())
                return DBIO_AHEAD_NO;
            dbio__lock_wait(&window->lock, &window->landed);
            continue;
        }
        if (!dbio__chunk_is_true(chunk)) {
            dbio__window_back_off(window);
            return DBIO_AHEAD_NO;
        }
        if (!give_out(t, chunk))
            return is_over(t, chunk) ? DBIO_AHEAD_SERVED : DBIO_AHEAD_NO;
        if (is_over(t, chunk))
            return DBIO_AHEAD_SERVED;
    }
}

/* Does what is read ahead begin at or before `from`, and go on to it at least? */
static bool
reaches(struct dbio_window *window, uint64_t from)
{
    const struct dbio_chunk *first = dbio__window_chunk(window, 0);
    const struct dbio_chunk *last = dbio__window_chunk(window, window->count - 1);

    return window->count > 0 && !last->doomed && from >= first->begin &&
           from <= last->begin + last->length;
}

/* Where to read on: behind the window, or at `from` if it is empty. False: not now. */
static bool
find_place(struct dbio_window *window, uint64_t from, uint64_t *begin)
{
    const struct dbio_chunk *last = dbio__window_chunk(window, window->count - 1);

    if (window->count == DBIO_WINDOW_CHUNKS ||
        (window->pause_ns > 0 && dbio__clock_coarse_ns() < window->paused_until_ns))
        return false;
    if (window->count > 0 && !reaches(window, from))
        return false;
    *begin = window->count > 0 ? last->begin + last->length
                               : dbio__round_down(from, window->file->inode->unit);
    return true;
}

static void
read_on(struct dbio_window *window, uint64_t from)
{
    uint64_t begin;
    off_t size;

    if (!find_place(window, from, &begin))
        return;
    size = dbio__file_size(window->file);
    while (window->count < DBIO_WINDOW_CHUNKS && (off_t)begin < size) {
        struct dbio_chunk *chunk = dbio__window_chunk(window, window->count);

        if (!dbio__chunk_start(chunk, begin, window->chunk_bytes)) {
            /* No memory for more than this: of a window's last pieces there is enough. */
            if (window->count == 0)
                dbio__window_back_off(window);
            return;
        }
        window->count++;
        begin += chunk->length;
    }
}

static void
count_served(const struct dbio_transfer *t)
{
    uint32_t thread = dbio__arbitration_thread();

    dbio__stats_request(&t->file->context->board.place->counters, thread, DBIO_STAT_READS, t->done,
                        DBIO_ROUTE_DIRECT_BOUNCE, DBIO_REASON_READ_AHEAD);
    dbio__stats_note(&t->file->inode->history, thread, DBIO_ROUTE_DIRECT_BOUNCE,
                     DBIO_REASON_READ_AHEAD);
}

static enum dbio_ahead
serve(struct dbio_window *window, struct dbio_transfer *t, bool on,
      struct dbio_readahead_waiter *waiter)
{
    uint64_t end = t->offset + t->length;
    enum dbio_ahead answer;

    dbio__lock_acquire(&window->lock);
    dbio__window_sweep(window, 0);
    answer = serve_from(window, t, waiter);
    if (answer == DBIO_AHEAD_SERVED) {
        window->strays = 0;
        dbio__window_sweep(window, t->offset);
        read_on(window, t->offset);
    } else if (answer == DBIO_AHEAD_NO && on) {
        if (!reaches(window, end)) /* they run on elsewhere */
            dbio__window_drop(window);
        dbio__window_sweep(window, 0);
        read_on(window, end);
    } else if (answer == DBIO_AHEAD_NO && ++window->strays >= STRAYS_MOST) {
        dbio__window_drop(window);
        dbio__window_sweep(window, 0);
        window->strays = 0;
    }
    dbio__lock_release(&window->lock);
    if (answer == DBIO_AHEAD_SERVED)
        count_served(t);
    return answer;
}

enum dbio_ahead
dbio__readahead_serve(struct dbio_transfer *t, struct dbio_readahead_waiter *waiter)
{
    struct dbio_file *file = t->file;
    struct dbio_window *window;
    bool on;

    if (is_apart(file, t))
        return DBIO_AHEAD_NO;
    on = !t->tracked && runs_on(file, t);
    t->tracked = true;
    window = find_window(file);
    if (window == NULL && !on)
        return DBIO_AHEAD_NO;
    if (!dbio__file_standing(file).direct)
        return DBIO_AHEAD_NO;
    t->timed = on && t->length >= LONG_READ;
    if (gains_nothing(file, t, waiter != NULL))
        on = false;
    if (window == NULL && !on)
        return DBIO_AHEAD_NO;
    /* Of a parent's handle: none. */
    if (window == NULL && atomic_load(&file->ahead.window) == NULL)
        window = make_window(file);
    return window != NULL ? serve(window, t, on, waiter) : DBIO_AHEAD_NO;
}

void
dbio__readahead_stop(struct dbio_file *file)
{
    struct dbio_window *window = atomic_exchange(&file->ahead.window, NULL);

    if (window == NULL)
        return;
    if (window->forks == dbio__fork_generation()) {
        dbio__lock_acquire(&window->lock);
        dbio__window_drop(window);
        for (dbio__window_sweep(window, 0); window->count > 0; dbio__window_sweep(window, 0))
            dbio__lock_wait(&window->lock, &window->landed);
        dbio__lock_release(&window->lock);
        dbio__window_fini(window);
    }
    dbio__mem_free(window, sizeof(*window));
}
