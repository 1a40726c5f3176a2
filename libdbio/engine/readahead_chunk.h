/*
 * readahead_chunk.h - pieces of a file that have been read, or are being read, for later.
 *
 * Everything here is for who holds the window's lock.
 */
#ifndef ENGINE_READAHEAD_CHUNK_H
#define ENGINE_READAHEAD_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "engine/crew.h"

#define DBIO_WINDOW_CHUNKS 4u
#define DBIO_CHUNK_LEAST   ((size_t)128 * 1024)
#define DBIO_CHUNK_MOST    ((size_t)1024 * 1024)

struct dbio_file;

enum dbio_chunk_state {
    DBIO_CHUNK_READING, /* a worker has it, or will */
    DBIO_CHUNK_READY,
    DBIO_CHUNK_DROPPED,
};

/* What tells a file that has been written to. */
struct dbio_stamp {
    uint64_t begun;            /* core/inflight.h, W2 */
    uint64_t size, changed_ns; /* bytes; its change time */
};

struct dbio_chunk {
    struct dbio_crew_job job;
    struct dbio_window *window;
    enum dbio_chunk_state state;
    bool doomed; /* to be dropped when it has come */
    uint64_t begin;
    size_t length; /* asked for */
    size_t got;    /* READY: less than length at the end of the file */
    size_t used;   /* given out */
    struct dbio_stamp stamp;
    uint64_t since_ns;
    void *buffer;
};

struct dbio_window {
    struct dbio_lock lock;
    pthread_cond_t landed;    /* a chunk is no longer READING */
    struct dbio_link waiters; /* struct dbio_readahead_waiter */
    struct dbio_file *file;
    uint32_t forks; /* whose it is */
    uint32_t first, count, strays;
    size_t chunk_bytes; /* of the next */
    uint64_t pause_ns, paused_until_ns;
    struct dbio_chunk chunks[DBIO_WINDOW_CHUNKS];
};

void dbio__window_init(struct dbio_window *window, struct dbio_file *file);
/* It has no chunks. Without the lock. */
void dbio__window_fini(struct dbio_window *window);

/* The i-th, `count` being the next to start. */
struct dbio_chunk *dbio__window_chunk(struct dbio_window *window, uint32_t i);
/* The one that has the byte, or NULL. */
struct dbio_chunk *dbio__window_find(struct dbio_window *window, uint64_t offset);
/* Gives up the first ones as far as they are dropped, or end at or before `passed`. */
void dbio__window_sweep(struct dbio_window *window, uint64_t passed);

/* All of them go; what is on its way, when it has come. Back off: what was read ahead was in vain,
 * and nothing more is for a while. */
void dbio__window_drop(struct dbio_window *window);
void dbio__window_back_off(struct dbio_window *window);

/* Has `bytes` from `begin` on read by the crew. False: no memory, or no thread. */
DBIO_CHECKED bool dbio__chunk_start(struct dbio_chunk *chunk, uint64_t begin, size_t bytes);
/* READY: does the file still have those bytes there? */
DBIO_CHECKED bool dbio__chunk_is_true(const struct dbio_chunk *chunk);

#endif
