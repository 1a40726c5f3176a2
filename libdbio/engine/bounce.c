/*
 * bounce.c - a bounded pool of aligned buffers.
 *
 * Job:       lend buffers; make them as needed, up to the bound; keep them until the end.
 * Not its:   copying: engine/transfer_read.c and transfer_write.c.
 * Callers:   engine/transfer_*.c, context.c.
 * Lock:      the pool's own, rank BOUNCE; not held while memory is asked for.
 * Invariant: made <= most; a buffer is either lent or in the free list.
 */
#include "engine/bounce.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "os/sys.h"

void
dbio__bounce_init(struct dbio_bounce_pool *pool, uint64_t bytes_max)
{
    dbio__lock_init(&pool->lock, DBIO_RANK_BOUNCE);
    dbio_verify(pthread_cond_init(&pool->returned, NULL) == 0);
    pool->free = NULL;
    pool->made = 0;
    pool->most = (uint32_t)(bytes_max / DBIO_BOUNCE_BYTES);
}

void
dbio__bounce_fini(struct dbio_bounce_pool *pool)
{
    while (pool->free != NULL) {
        void *buffer = pool->free;

        pool->free = *(void **)buffer;
        pool->made--;
        dbio__mem_free(buffer, DBIO_BOUNCE_BYTES);
    }
    dbio_verify(pool->made == 0);
    (void)pthread_cond_destroy(&pool->returned);
    dbio__lock_fini(&pool->lock);
}

/* Gives every page of a new buffer its memory. btrfs reads through the page cache, without a
 * word, when the memory of a direct read has not been touched yet (measured, 6.18). */
static void
touch_pages(void *buffer)
{
    volatile char *bytes = buffer;
    size_t at;

    for (at = 0; at < DBIO_BOUNCE_BYTES; at += DBIO_BOUNCE_ALIGN)
        bytes[at] = 0;
}

/* One more buffer, within the bound; NULL if the bound or the memory does not allow it. */
static void *
make_buffer(struct dbio_bounce_pool *pool)
{
    void *buffer;

    if (pool->made == pool->most)
        return NULL;
    pool->made++;
    dbio__lock_release(&pool->lock);
    buffer = dbio__mem_aligned(DBIO_BOUNCE_ALIGN, DBIO_BOUNCE_BYTES);
    if (buffer != NULL)
        touch_pages(buffer);
    dbio__lock_acquire(&pool->lock);
    if (buffer == NULL) {
        pool->made--;
        /* Who waits for this one to be returned must learn that there is none. */
        (void)pthread_cond_broadcast(&pool->returned);
    }
    return buffer;
}

void *
dbio__bounce_take(struct dbio_bounce_pool *pool)
{
    void *buffer;

    dbio__lock_acquire(&pool->lock);
    for (;;) {
        buffer = pool->free;
        if (buffer != NULL) {
            pool->free = *(void **)buffer;
            break;
        }
        buffer = make_buffer(pool);
        /* Nothing lent, nothing free, nothing to be had: waiting would be for ever. */
        if (buffer != NULL || (pool->made == 0 && pool->free == NULL))
            break;
        if (pool->free == NULL)
            dbio__lock_wait(&pool->lock, &pool->returned);
    }
    dbio__lock_release(&pool->lock);
    return buffer;
}

void
dbio__bounce_return(struct dbio_bounce_pool *pool, void *buffer)
{
    dbio__lock_acquire(&pool->lock);
    *(void **)buffer = pool->free;
    pool->free = buffer;
    (void)pthread_cond_signal(&pool->returned);
    dbio__lock_release(&pool->lock);
}

void
dbio__bounce_in_child(struct dbio_bounce_pool *pool)
{
    void *buffer;

    pool->made = 0;
    for (buffer = pool->free; buffer != NULL; buffer = *(void **)buffer)
        pool->made++;
    /* Nobody waits here; in the parent somebody may. */
    dbio_verify(pthread_cond_init(&pool->returned, NULL) == 0);
}

/* By the kernel, which finds out what is there without a SIGSEGV. `out`: from the buffer. */
static bool
copy(struct dbio_cursor *cursor, char *buffer, size_t bytes, bool out)
{
    struct dbio_cursor at = *cursor;
    size_t done = 0;

    while (done < bytes) {
        struct iovec window[DBIO_VECTOR_WINDOW], own = {buffer + done, 0};
        int count = dbio__vector_window(&at, bytes - done, window, &own.iov_len);
        ssize_t copied =
            out ? dbio__sys_vm_write(&own, window, count) : dbio__sys_vm_read(&own, window, count);

        if (copied == -EFAULT || (copied >= 0 && (size_t)copied < own.iov_len))
            return false;
        if (copied < 0) { /* a filter refuses it */
            if (out)
                dbio__vector_scatter(&at, buffer + done, bytes - done);
            else
                dbio__vector_gather(&at, buffer + done, bytes - done);
            break;
        }
        dbio__vector_advance(&at, own.iov_len);
        done += own.iov_len;
    }
    *cursor = at;
    return true;
}

bool
dbio__bounce_gather(struct dbio_cursor *source, void *buffer, size_t bytes)
{
    return copy(source, buffer, bytes, false);
}

bool
dbio__bounce_scatter(struct dbio_cursor *target, void *buffer, size_t bytes)
{
    return copy(target, buffer, bytes, true);
}
