/* context.h - what all files of a context share: settings, counters, buffers, the backend. */
#ifndef ENGINE_CONTEXT_H
#define ENGINE_CONTEXT_H

#include <stdatomic.h>

#include "backend/backend.h"
#include "base/pool.h"
#include "core/stats.h"
#include "dbio_types.h"
#include "engine/bounce.h"
#include "engine/buffers.h"
#include "engine/notice.h"

struct dbio_context {
    struct dbio_pooled pooled;
    struct dbio_link link; /* in the list of all */
    struct dbio_context_options settings;
    const struct dbio_backend *backend;
    _Atomic uint64_t files;   /* open */
    _Atomic uint64_t batches; /* that were not destroyed */
    struct dbio_bounce_pool bounce;
    struct dbio_buffers buffers; /* lent to callers */
    struct dbio_buffers ahead;   /* for bytes read ahead */
    struct dbio_notice board;    /* where it counts */
};

/* `options` as the caller gave them, NULL for none. 0, -EINVAL, -E2BIG, -EBUSY or -ENOMEM. */
DBIO_CHECKED int dbio__context_create(const struct dbio_context_options *options,
                                      struct dbio_context **context);
/* 0, -EBUSY (files are open, buffers are lent) or -EBADF (destroyed meanwhile). */
DBIO_CHECKED int dbio__context_destroy(struct dbio_context *context);
/* Lock-free. */
bool dbio__context_alive(const struct dbio_context *context);

/* The value of one counter or gauge. */
uint64_t dbio__context_stat(const struct dbio_context *context, enum dbio_stat stat);

/* Adds to a counter in the calling thread's shard. */
void dbio__context_count(struct dbio_context *context, enum dbio_stat stat, uint64_t value);

/* fork(2): nobody is inside; see engine/fork.c. */
void dbio__context_before_fork(void);
void dbio__context_after_fork(bool child);

#endif
