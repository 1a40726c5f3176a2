/*
 * transfer.h - one caller's buffers to or from one file range.
 *
 * transfer.c has what reading and writing share: settle (facts, route, announcement, look)
 * and the loops that move bytes. transfer_read.c and transfer_write.c are the two flows.
 */
#ifndef ENGINE_TRANSFER_H
#define ENGINE_TRANSFER_H

#include "base/vector.h"
#include "core/route.h"
#include "engine/arbitration.h"
#include "engine/file.h"

/* Tries on EAGAIN that nobody asked for (XFS answers so under memory pressure). */
#define DBIO_TRANSFER_TRIES 8

struct dbio_transfer {
    struct dbio_file *file;
    struct dbio_cursor cursor; /* next byte of the caller's memory */
    uint64_t offset;           /* next byte of the file */
    size_t length;             /* bytes left */
    size_t done;
    bool write;
    bool durable; /* each write call carries RWF_DSYNC */
    bool atomic, nowait, dontcache;
    bool held;    /* the caller holds an exclusive announcement over the range */
    bool ahead;   /* of dbio's own: for later */
    bool timed;   /* ... and wants to know how long it takes */
    bool tracked; /* dbio__readahead_serve() has seen it */
    bool absent;  /* settled, and nothing of the range was cached */
    /* NULL: the calling thread announces and waits. Else a batch does, and never waits. */
    struct dbio_announcer *announcer;
};

/* A transfer that has been settled. */
struct dbio_settled {
    struct dbio_range pages; /* all that it was asked for */
    struct dbio_choice choice;
    struct dbio_announcement announcement;
};

/* What a loop over bytes came to; negative: -errno. */
enum {
    DBIO_TRANSFER_OVER = 0, /* everything, or the end of the file */
    DBIO_TRANSFER_REST = 1, /* what is left cannot go direct */
    DBIO_TRANSFER_BEGIN = 2 /* nothing yet: not a result */
};

/* A count, or -errno if not a byte was moved. */
DBIO_CHECKED ssize_t dbio__transfer_read(struct dbio_transfer *transfer);
DBIO_CHECKED ssize_t dbio__transfer_write(struct dbio_transfer *transfer);

/* The two halves of these, for those who carry some of it out themselves. Settle: 0, or what the
 * request comes to; with an announcer of its own -EAGAIN, nothing announced, if it would have to
 * wait. Rest: carries out what is left, ends the announcement, counts; what the request comes to.
 * `begun`: DBIO_TRANSFER_BEGIN, or what carrying it out has come to already. */
DBIO_CHECKED int dbio__transfer_write_settle(struct dbio_transfer *transfer,
                                             struct dbio_settled *settled);
DBIO_CHECKED int dbio__transfer_read_settle(struct dbio_transfer *transfer,
                                            struct dbio_settled *settled);
DBIO_CHECKED ssize_t dbio__transfer_read_rest(struct dbio_transfer *transfer,
                                              struct dbio_settled *settled, int begun);
DBIO_CHECKED ssize_t dbio__transfer_write_rest(struct dbio_transfer *transfer,
                                               struct dbio_settled *settled, int begun);

/* The common read: of a file in buffered standing, not large, without flags. There is nothing to
 * decide and nothing to look at. False: it is not that; nothing was done. */
DBIO_CHECKED bool dbio__transfer_read_plain(struct dbio_file *file, void *buffer, size_t length,
                                            uint64_t offset, ssize_t *result);

/* Shared by the two flows. */

/* Chooses the route and waits for the request's turn. 0, or -EAGAIN (nowait), -EOPNOTSUPP
 * (atomic). */
DBIO_CHECKED int dbio__transfer_settle(struct dbio_transfer *transfer,
                                       struct dbio_settled *settled);
/* Announces what is left as buffered, after DBIO_TRANSFER_REST. 0 or -EAGAIN. */
DBIO_CHECKED int dbio__transfer_resettle(struct dbio_transfer *transfer,
                                         struct dbio_announcement *announcement);
void dbio__transfer_leave(struct dbio_transfer *transfer,
                          const struct dbio_announcement *announcement);

/* Up to `bytes` through the page cache. OVER or -errno. */
DBIO_CHECKED int dbio__transfer_buffered(struct dbio_transfer *transfer, size_t bytes, int rwf);
/* The same with RWF_DONTCACHE, without it where that is refused. */
DBIO_CHECKED int dbio__transfer_dontcache(struct dbio_transfer *transfer, int rwf);
/* Up to `bytes` O_DIRECT from aligned memory. OVER, REST or -errno. */
DBIO_CHECKED int dbio__transfer_direct(struct dbio_transfer *transfer, size_t bytes, int rwf);
/* The kernel's answer to one direct call: REST where it refuses such requests for good. */
int dbio__transfer_judge(struct dbio_transfer *transfer, ssize_t answer);

/* A direct read that goes past the end of the file: XFS answers EIO where blocks behind it are promised
 * and not given (6.18; "Direct I/O collision with buffered writes"). True: read only up to *end, the
 * block in which the file ends. */
bool dbio__transfer_clip(const struct dbio_transfer *transfer, ssize_t answer, uint64_t *end);

/* A direct call came back short inside a block. OVER: a read has met the end of the file. REST:
 * what is left must go through the cache. */
int dbio__transfer_short(const struct dbio_transfer *transfer);

/* One call of the backend with one buffer; repeated on EINTR. */
ssize_t dbio__transfer_call(struct dbio_transfer *transfer, int fd, const struct iovec *vector,
                            int count, uint64_t offset, int rwf);
void dbio__transfer_moved(struct dbio_transfer *transfer, size_t bytes);

/* The page-rounded range of what is left. */
struct dbio_range dbio__transfer_pages(const struct dbio_transfer *transfer);

#endif
