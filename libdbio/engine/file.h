/* file.h - a handle: its descriptors, its wishes, and its share in an inode. */
#ifndef ENGINE_FILE_H
#define ENGINE_FILE_H

#include <sys/types.h>

#include "core/inflight.h"
#include "engine/context.h"
#include "engine/inode.h"
#include "engine/readahead.h"

#define DBIO_FILE_MAGIC 0x6462696f66696c65u /* "dbiofile" */

struct dbio_file {
    struct dbio_pooled pooled;
    struct dbio_context *context;
    struct dbio_inode *inode;
    struct dbio_descriptors *descriptors;
    struct dbio_file_options options; /* validated, defaults filled in */
    bool readable, writable;
    _Atomic uint64_t batched;  /* fork generation << 32 | holds by batches of that process */
    struct dbio_standing wish; /* its standing as long as nothing speaks against direct I/O */
    /* Reads of fewer bytes go through the page cache, whatever the file can do and whatever becomes
     * of it: what it was opened for wishes so. 0: no such reads. */
    uint64_t plain_below;
    struct dbio_readahead ahead;
};

/* What the caller wishes, checked, with every default filled in. 0, -EINVAL or -E2BIG. */
DBIO_CHECKED int dbio__file_settings(const struct dbio_file_options *options,
                                     struct dbio_file_options *settings);

/* Arguments have been checked; `settings` validated. As dbio_open(), but O_TRUNC is left to
 * the caller, and as dbio_adopt(). */
DBIO_CHECKED int dbio__file_open(struct dbio_context *context, const char *path, int flags,
                                 mode_t permissions, const struct dbio_file_options *settings,
                                 struct dbio_file **file);
DBIO_CHECKED int dbio__file_adopt(struct dbio_context *context, int fd, unsigned flags,
                                  const struct dbio_file_options *settings,
                                  struct dbio_file **file);
/* 0 or the first error; the handle is gone. -EBADF if it was gone before. */
DBIO_CHECKED int dbio__file_close(struct dbio_file *file);
/* Lock-free. */
static inline bool
dbio__file_alive(const struct dbio_file *file)
{
    return dbio__pool_alive(DBIO_FILE_MAGIC, &file->pooled);
}

/* Opens the O_DIRECT descriptor, which is not there yet. */
int dbio__file_open_direct(struct dbio_file *file);

/* The O_DIRECT descriptor, opened now if need be; DBIO_FD_NONE if it cannot be had. */
static inline int
dbio__file_direct(struct dbio_file *file)
{
    /* Acquire pairs with the store in dbio__file_open_direct(); the number is all there is to see. */
    int fd = atomic_load_explicit(&file->descriptors->direct, memory_order_acquire);

    return DBIO_LIKELY(fd >= 0) ? fd : dbio__file_open_direct(file);
}

/* Is the descriptor that was lent still open on this file? True if none was. */
bool dbio__file_is_true(const struct dbio_file *file);
/* Is `fd` one of dbio's own, which the program does not know? Lock-free. */
bool dbio__file_owns(int fd);

/* Between them the handle cannot be closed. Not by a batch of the parent of this process. */
void dbio__file_hold(struct dbio_file *file);
void dbio__file_let_go(struct dbio_file *file);
bool dbio__file_is_held(const struct dbio_file *file);

/* The standing of the handle now. */
struct dbio_standing dbio__file_standing(const struct dbio_file *file);

/* The size now, or -errno. */
off_t dbio__file_size(const struct dbio_file *file);

/* Announces a request on the file and waits for its turn: engine/arbitration.h. */
DBIO_CHECKED int dbio__file_announce(struct dbio_file *file, enum dbio_class class,
                                     struct dbio_range range, bool nowait,
                                     struct dbio_announcement *announcement);

/* For a batch: dbio__arbitration_announce_as(), and -EAGAIN if it would have to wait. */
DBIO_CHECKED int dbio__file_try_announce(struct dbio_file *file, struct dbio_announcer *announcer,
                                         enum dbio_class class, struct dbio_range range,
                                         struct dbio_announcement *announcement);

/* fork(2): nobody is inside; see engine/fork.c. */
void dbio__file_before_fork(void);
void dbio__file_after_fork(void);

#endif
