/*
 * context.c - the owner of everything that files share.
 *
 * Job:       make, destroy, count.
 * Not its:   inodes: they belong to the process (engine/inode.c).
 * Callers:   api/api_context.c, api/api_stats.c; engine/ for counting.
 * Lock:      `list_lock`, for the list of contexts; the pools have theirs.
 * Invariant: a context with open files or with buffers lent is never destroyed.
 */
#include "engine/context.h"

#include <errno.h>

#include "base/check.h"
#include "base/log.h"
#include "core/settings.h"
#include "engine/arbitration.h"
#include "engine/fork.h"
#include "engine/inode.h"
#include "engine/membership.h"

#define CONTEXT_MAGIC 0x6462696f63747874u /* "dbioctxt" */

/* All contexts, for fork. Rank CONTEXT. */
static struct dbio_lock list_lock = DBIO_LOCK_STATIC(DBIO_RANK_CONTEXT);
static struct dbio_link list = {&list, &list};

static struct dbio_pool contexts = DBIO_POOL_STATIC(struct dbio_context, CONTEXT_MAGIC);

int
dbio__context_create(const struct dbio_context_options *options, struct dbio_context **context)
{
    struct dbio_context_options settings;
    struct dbio_context *made;
    int error = dbio__settings_context(options, &settings);

    if (error != 0)
        return error;

    dbio__log_start();
    error = dbio__fork_start();
    if (error == 0)
        error = dbio__arbitration_start();
    if (error == 0)
        error = dbio__membership_join(settings.registry);
    if (error != 0)
        return error;
    made = dbio__pool_take(&contexts);
    if (made == NULL)
        return -ENOMEM;
    error = dbio__notice_start(&made->board, settings.statistics);
    if (error != 0) {
        dbio_verify(dbio__pool_kill(&contexts, &made->pooled));
        dbio__pool_give(&contexts, &made->pooled);
        return error;
    }
    made->settings = settings;
    made->backend = &dbio__backend_sync;
    dbio__bounce_init(&made->bounce, settings.bounce_bytes_max);
    dbio__buffers_init(&made->buffers, settings.buffer_bytes);
    dbio__buffers_init(&made->ahead, settings.readahead_bytes == DBIO_READAHEAD_OFF
                                         ? 0
                                         : settings.readahead_bytes);
    dbio__lock_acquire(&list_lock);
    dbio__list_append(&list, &made->link);
    dbio__lock_release(&list_lock);
    *context = made;
    return 0;
}

int
dbio__context_destroy(struct dbio_context *context)
{
    if (atomic_load(&context->files) != 0 || atomic_load(&context->batches) != 0 ||
        atomic_load(&context->buffers.held) != 0)
        return -EBUSY;
    if (!dbio__pool_kill(&contexts, &context->pooled))
        return -EBADF;
    dbio__lock_acquire(&list_lock);
    dbio__list_remove(&context->link);
    dbio__lock_release(&list_lock);
    dbio__bounce_fini(&context->bounce);
    dbio__buffers_fini(&context->buffers);
    dbio__buffers_fini(&context->ahead);
    dbio__inode_sweep();
    dbio__notice_end(&context->board);
    dbio__pool_give(&contexts, &context->pooled);
    return 0;
}

bool
dbio__context_alive(const struct dbio_context *context)
{
    return dbio__pool_alive(CONTEXT_MAGIC, &context->pooled);
}

uint64_t
dbio__context_stat(const struct dbio_context *context, enum dbio_stat stat)
{
    switch (stat) {
    case DBIO_STAT_PARKED:
        return dbio__inode_parked();
    case DBIO_STAT_FILES:
        return atomic_load_explicit(&context->files, memory_order_relaxed);
    case DBIO_STAT_BUFFER_BYTES:
        return atomic_load_explicit(&context->buffers.held, memory_order_relaxed);
    case DBIO_STAT_CROSS_PROCESS:
        return dbio__membership.shared;
    default:
        return dbio__stats_sum(&context->board.place->counters, stat);
    }
}

void
dbio__context_count(struct dbio_context *context, enum dbio_stat stat, uint64_t value)
{
    dbio__stats_add(&context->board.place->counters, dbio__arbitration_thread(), stat, value);
}

void
dbio__context_before_fork(void)
{
    struct dbio_link *link;

    dbio__lock_before_fork(&contexts.lock);
    dbio__lock_before_fork(&list_lock);
    for (link = list.next; link != &list; link = link->next) {
        struct dbio_context *context = DBIO_CONTAINER_OF(link, struct dbio_context, link);

        dbio__lock_before_fork(&context->bounce.lock);
        dbio__lock_before_fork(&context->buffers.lock);
        dbio__lock_before_fork(&context->ahead.lock);
    }
}

void
dbio__context_after_fork(bool child)
{
    struct dbio_link *link;

    for (link = list.next; link != &list; link = link->next) {
        struct dbio_context *context = DBIO_CONTAINER_OF(link, struct dbio_context, link);

        if (child) {
            atomic_store(&context->batches, 0); /* they are the parent's */
            dbio__bounce_in_child(&context->bounce);
            dbio__buffers_in_child(&context->buffers);
            dbio__buffers_in_child(&context->ahead);
            dbio__notice_in_child(&context->board);
        }
        dbio__lock_after_fork(&context->ahead.lock);
        dbio__lock_after_fork(&context->buffers.lock);
        dbio__lock_after_fork(&context->bounce.lock);
    }
    dbio__lock_after_fork(&list_lock);
    dbio__lock_after_fork(&contexts.lock);
}
