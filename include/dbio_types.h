/*
 * dbio_types.h - the plain types that callers and the library share.
 *
 * Options say what a caller wishes, routes say how bytes went, reasons say why,
 * and counters say how often. Every option struct begins with its own size; a
 * field that is zero means "the default", so zero-initialise and set the size:
 *
 *     struct dbio_file_options options = { .size = sizeof(options) };
 *
 * New fields are added at the end. A struct from a newer header is accepted by an
 * older library if every field it does not know is zero, otherwise -E2BIG, as
 * openat2(2) does it.
 *
 * Part of dbio, BSD-2-Clause. See LICENSE.
 */
#ifndef DBIO_TYPES_H
#define DBIO_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* Opaque handles. */
struct dbio_context;
struct dbio_file;
struct dbio_batch;
struct dbio_registry_view;
struct dbio_statistics_view;

/* How a file's bytes shall travel. A wish: dbio goes through the page cache
 * wherever direct I/O would be impossible or unsafe, unless strictness says no. */
enum dbio_mode {
    DBIO_MODE_AUTO = 0,      /* decide per file and per request */
    DBIO_MODE_DIRECT = 1,    /* O_DIRECT, except for ranges that the page cache holds */
    DBIO_MODE_BUFFERED = 2,  /* the page cache, always */
    DBIO_MODE_DONTCACHE = 3, /* through the page cache without staying there (RWF_DONTCACHE) */
};

/* What a file is for. A hint to mode auto. */
enum dbio_role {
    DBIO_ROLE_DATA = 0, /* pages, read again */
    DBIO_ROLE_LOG = 1,  /* appended, synced often, rarely read */
    DBIO_ROLE_TEMP = 2, /* spilled, read back soon, then deleted */
    DBIO_ROLE_SCAN = 3, /* read or written once, in order */
};

/* When a write is durable. */
enum dbio_durability {
    DBIO_DURABILITY_SYNC = 0,  /* at the next dbio_fdatasync or dbio_fsync */
    DBIO_DURABILITY_WRITE = 1, /* when the write returns, as with O_DSYNC */
};

/* How the file will be walked. Passed to the kernel for dbio's own descriptors. */
enum dbio_pattern {
    DBIO_PATTERN_NORMAL = 0,
    DBIO_PATTERN_RANDOM = 1,
    DBIO_PATTERN_SEQUENTIAL = 2, /* read ahead, by the kernel or by dbio */
};

/* What to do at open when direct I/O cannot be had. */
enum dbio_strictness {
    DBIO_STRICT_NONE = 0,   /* go buffered, count it, say why in dbio_why() */
    DBIO_STRICT_DIRECT = 1, /* fail the open with -EOPNOTSUPP */
};

/* Flags of one read or write. */
#define DBIO_DURABLE   0x01u /* write: durable when the call returns */
#define DBIO_ATOMIC    0x02u /* write: all or nothing across a power cut, or refused */
#define DBIO_NOWAIT    0x04u /* -EAGAIN instead of waiting for an overlapping request or the disk */
#define DBIO_DONTCACHE 0x08u /* do not leave the range in the page cache */
#define DBIO_LINK      0x10u /* batch: the next request begins when this one has succeeded */

/* Flags of dbio_adopt(). */
#define DBIO_ADOPT_BORROW 0x01u /* the descriptor stays the caller's to close */
#define DBIO_ADOPT_SHARE \
    0x02u /* the same, and requests go through it where they can: it must
                                   stay open until after dbio_close() */

/* Flags of dbio_allocate(). */
#define DBIO_KEEP_SIZE 0x01u /* allocate beyond the end without changing the file size */

/* How a request was carried out. */
enum dbio_route {
    DBIO_ROUTE_NONE = 0,       /* no request yet */
    DBIO_ROUTE_BUFFERED,       /* page cache */
    DBIO_ROUTE_BUFFERED_FLUSH, /* page cache, then sync_file_range until written back: a "direct"
                                  write to a range that the cache holds */
    DBIO_ROUTE_DIRECT,         /* O_DIRECT, from or to the caller's memory */
    DBIO_ROUTE_DIRECT_BOUNCE,  /* O_DIRECT through an aligned buffer of dbio's, which reads ahead
                                  have filled before (DBIO_REASON_READ_AHEAD) */
    DBIO_ROUTE_DIRECT_EDGES,   /* write: unaligned head and tail through the cache and flushed,
                                  aligned middle O_DIRECT, one exclusive announcement */
    DBIO_ROUTE_DONTCACHE,      /* page cache with RWF_DONTCACHE */
    DBIO_ROUTE_ATOMIC,         /* O_DIRECT with RWF_ATOMIC */
};
#define DBIO_ROUTE_COUNT 8

/* Why a route was taken. dbio_reason_text() has a sentence for each. */
enum dbio_reason {
    DBIO_REASON_NONE = 0,
    /* What the caller asked for. */
    DBIO_REASON_MODE_BUFFERED,
    DBIO_REASON_MODE_DIRECT,
    DBIO_REASON_MODE_DONTCACHE,
    DBIO_REASON_ATOMIC_ASKED,
    DBIO_REASON_DONTCACHE_ASKED,
    /* Facts of the file and its file system. */
    DBIO_REASON_FS_NO_DIRECT, /* the file system has no direct I/O, or only pretends */
    DBIO_REASON_FS_CHECKSUM,  /* data checksums make direct I/O unsafe or slow (btrfs) */
    DBIO_REASON_FS_UNKNOWN,   /* not a file system that dbio has been qualified on */
    DBIO_REASON_FILE_DAX,     /* the file bypasses the page cache by itself */
    DBIO_REASON_FILE_COMPRESSED,
    DBIO_REASON_FILE_ENCRYPTED,
    DBIO_REASON_FILE_VERITY,
    DBIO_REASON_FILE_MAPPED,     /* mapped through dbio_map: page faults cannot be tracked */
    DBIO_REASON_NO_DESCRIPTOR,   /* the O_DIRECT descriptor could not be opened */
    DBIO_REASON_DIRECT_REFUSED,  /* the kernel answered EINVAL to an aligned direct request */
    DBIO_REASON_SILENT_FALLBACK, /* pages were cached after a direct request */
    /* Mode auto: what the file is for, and the shape of the request. */
    DBIO_REASON_ROLE_DATA,
    DBIO_REASON_ROLE_LOG,
    DBIO_REASON_ROLE_TEMP,
    DBIO_REASON_ROLE_SCAN,
    DBIO_REASON_LARGE_REQUEST, /* large, aligned and not cached: kept out of the cache */
    /* Alignment. */
    DBIO_REASON_UNALIGNED,        /* offset or length is not a multiple of the direct alignment */
    DBIO_REASON_UNALIGNED_MEMORY, /* the buffer's address is not */
    /* Residency, asked after the request was announced. */
    DBIO_REASON_RANGE_ABSENT,      /* nothing of the range is in the page cache */
    DBIO_REASON_RANGE_CACHED,      /* some (write) or all (read) of the range is in the cache */
    DBIO_REASON_KNOWN_EMPTY,       /* remembered: nothing of this part of the file is cached */
    DBIO_REASON_RESIDENCY_UNKNOWN, /* the kernel would not say: treated as cached */
    DBIO_REASON_DONTCACHE_REFUSED, /* RWF_DONTCACHE is not offered here: plain buffered */
    /* How the file is used besides, as told by dbio_demote(). */
    DBIO_REASON_USED_BY_CURSOR, /* read(2) or write(2): through the file position */
    DBIO_REASON_USED_UNALIGNED, /* written in pieces that are not whole blocks */
    DBIO_REASON_USED_BY_APPEND, /* opened with O_APPEND */
    DBIO_REASON_USED_UNTRACKED, /* by means that dbio does not see */
    DBIO_REASON_POLICY,         /* a rule of the program or its administrator */
    DBIO_REASON_SWITCHED_OFF,   /* dbio_statistics_switch(): through the page cache */
    DBIO_REASON_READ_AHEAD,     /* read before it was asked for: the reads run on */
};
#define DBIO_REASON_COUNT 36

/* For readahead_bytes. */
#define DBIO_READAHEAD_OFF UINT64_MAX

/* What dbio_context_create() takes. */
struct dbio_context_options {
    size_t size;                  /* sizeof(struct dbio_context_options) */
    uint64_t bounce_bytes_max;    /* bytes of aligned copy buffers at most; default 16 MiB; at
                                     least 1 MiB */
    uint64_t large_request_bytes; /* mode auto: a request of this many bytes or more that is
                                     aligned and not cached goes direct; default 256 KiB */
    const char *registry;         /* the file by which processes of this user see each other's
                                     requests: an absolute path; "off" for this process alone;
                                     NULL for the environment's DBIO_REGISTRY, by default
                                     /dev/shm/dbio-UID. Read by the first context of a process */
    const char *statistics;       /* the file in which this context counts where others can read
                                     it (dbio_statistics.h): an absolute path; "off" for memory of
                                     its own; NULL for the environment's DBIO_STATISTICS, by
                                     default off. Read during the call only */
    uint64_t buffer_bytes;        /* bytes of buffers lent at a time (dbio_buffer.h); default
                                     64 MiB; 2 MiB to 64 GiB */
    uint64_t readahead_bytes;     /* bytes read ahead of sequential readers of direct files, for all
                                     files together; default 32 MiB; 2 MiB to 64 GiB;
                                     DBIO_READAHEAD_OFF: none */
};

/* What dbio_open() and dbio_adopt() take. */
struct dbio_file_options {
    size_t size;         /* sizeof(struct dbio_file_options) */
    uint32_t mode;       /* enum dbio_mode */
    uint32_t role;       /* enum dbio_role */
    uint32_t durability; /* enum dbio_durability */
    uint32_t pattern;    /* enum dbio_pattern */
    uint32_t strictness; /* enum dbio_strictness */
    uint32_t reserved;   /* zero */
};

/* What dbio_batch_create() takes. */
struct dbio_batch_options {
    size_t size;       /* sizeof(struct dbio_batch_options) */
    uint32_t depth;    /* requests at a time, 1 to 4096; 0: 128 */
    uint32_t reserved; /* zero */
};

/* What became of a request of a batch. */
struct dbio_completion {
    uint64_t user_data; /* as prepared */
    int64_t result;     /* as of the synchronous call: a count, 0, or -errno */
    uint32_t route;     /* enum dbio_route; DBIO_ROUTE_NONE where it moved no bytes */
    uint32_t reason;    /* enum dbio_reason */
};

/* Counters of a context, since it was created. Requests count calls, bytes count
 * what was transferred. dbio_stats_name() has the name of each. */
enum dbio_stat {
    DBIO_STAT_READS, /* calls that read */
    DBIO_STAT_READ_BYTES,
    DBIO_STAT_WRITES, /* calls that wrote */
    DBIO_STAT_WRITE_BYTES,
    DBIO_STAT_BUFFERED, /* requests by route; the seven add up to READS + WRITES that
                           reached the kernel */
    DBIO_STAT_BUFFERED_FLUSH,
    DBIO_STAT_DIRECT,
    DBIO_STAT_DIRECT_BOUNCE,
    DBIO_STAT_DIRECT_EDGES,
    DBIO_STAT_DONTCACHE,
    DBIO_STAT_ATOMIC,
    DBIO_STAT_DIRECT_BYTES,      /* bytes that went O_DIRECT, bounced ones included */
    DBIO_STAT_BOUNCE_BYTES,      /* bytes copied through aligned buffers */
    DBIO_STAT_LOOKS,             /* residency asked of the kernel */
    DBIO_STAT_LOOKS_SAVED,       /* residency answered from the known-empty map */
    DBIO_STAT_LOOKS_UNKNOWN,     /* residency that the kernel would not tell */
    DBIO_STAT_WAITS,             /* requests that waited for an outstanding one */
    DBIO_STAT_WAIT_NS,           /* total time of those waits, ns */
    DBIO_STAT_WAIT_NS_MAX,       /* the longest, ns */
    DBIO_STAT_TICKETS,           /* requests that took a ticket (both classes live) */
    DBIO_STAT_TABLE_FULL,        /* requests that waited for a free announcement slot */
    DBIO_STAT_CONTINUED,         /* short transfers that were continued */
    DBIO_STAT_RETRIED_BUFFERED,  /* direct requests that the kernel refused, done buffered */
    DBIO_STAT_DEMOTIONS,         /* files sent to the page cache for good */
    DBIO_STAT_COLLISIONS,        /* pages that someone outside dbio cached during direct I/O */
    DBIO_STAT_SYNCS,             /* fsync and fdatasync that reached the kernel */
    DBIO_STAT_ERRORS_LATCHED,    /* failed writebacks and flushes remembered */
    DBIO_STAT_EXCLUSIVE,         /* truncate, punch, allocate, map, append, edges */
    DBIO_STAT_PARKED,            /* gauge: descriptors kept open to keep POSIX locks alive */
    DBIO_STAT_FILES,             /* gauge: files open */
    DBIO_STAT_CROSS_PROCESS,     /* gauge: 1 if other processes' requests are tracked, else 0 */
    DBIO_STAT_WAITS_LONG,        /* waits of more than a second: a slow device, a stopped process */
    DBIO_STAT_RETIRED,           /* requests of processes that died, withdrawn for them */
    DBIO_STAT_ORPHANS,           /* of these, writes: the bytes are old, new or a mixture */
    DBIO_STAT_SPANS,             /* requests that the caller carried out itself, announced by
                                   dbio_span_begin() */
    DBIO_STAT_UNTRACKED,         /* requests past dbio, as far as it was told: dbio_untracked() */
    DBIO_STAT_BATCH_RING,        /* requests of batches that went through a ring */
    DBIO_STAT_BATCH_CREW,        /* of batches, carried out by threads: they had to wait, were not
                                   aligned, a part was left, or there is no io_uring here */
    DBIO_STAT_BUFFER_BYTES,      /* gauge: bytes of buffers lent (dbio_buffer.h) */
    DBIO_STAT_BUFFERS_EXHAUSTED, /* buffers refused with -ENOBUFS */
    DBIO_STAT_AHEAD_READS,       /* reads ahead, not counted in READS */
    DBIO_STAT_AHEAD_BYTES,       /* what they have read */
    DBIO_STAT_AHEAD_WASTED,      /* bytes of that which nobody got: written to meanwhile, or left */
};
#define DBIO_STAT_COUNT 43

struct dbio_stats {
    size_t size; /* set by the caller: sizeof(struct dbio_stats) */
    uint64_t counters[DBIO_STAT_COUNT];
};

/* What a request in flight does; which of them conflict is in libdbio/core/inflight.h. */
enum dbio_class {
    DBIO_CLASS_DIRECT_READ,
    DBIO_CLASS_DIRECT_WRITE,
    DBIO_CLASS_BUFFERED_READ,
    DBIO_CLASS_BUFFERED_WRITE,
    DBIO_CLASS_EXCLUSIVE, /* truncate, punch, map, ...: alone in its range */
};
#define DBIO_CLASS_COUNT 5

/* A request that the caller carries out itself, from dbio_span_begin() to dbio_span_end(). */
struct dbio_span {
    uint64_t words[12]; /* dbio's own */
};

/* What a process counts, or all of them together. */
struct dbio_statistics {
    size_t size;                         /* set by the caller: sizeof(struct dbio_statistics) */
    int32_t pid;                         /* 0: all of them, those that have ended included */
    uint32_t alive;                      /* 1: the process lives; of all: how many do */
    uint32_t off;                        /* 1: switched off; of all: how many are */
    uint32_t reserved;                   /* zero */
    char program[32];                    /* name, cut to 31 bytes; any bytes */
    uint64_t counters[DBIO_STAT_COUNT];  /* gauges are 0 */
    uint64_t reasons[DBIO_REASON_COUNT]; /* requests by reason */
};

/* A registry as a whole. */
struct dbio_registry_info {
    size_t size;        /* set by the caller: sizeof(struct dbio_registry_info) */
    uint32_t processes; /* in the snapshot, dead ones included */
    uint32_t dead;      /* of these: dead, and not yet forgotten */
    uint32_t processes_max;
    uint32_t requests; /* announced */
    uint32_t requests_max;
    uint32_t files; /* open in some process, as far as each has a place of its own */
    uint32_t files_max;
    uint64_t retired;     /* requests of dead processes withdrawn for them, ever */
    uint64_t orphans;     /* of these, writes: the bytes are old, new or a mixture */
    uint64_t turned_away; /* processes that found no place and track for themselves, ever */
};

struct dbio_registry_process {
    size_t size;     /* set by the caller: sizeof(struct dbio_registry_process) */
    int32_t pid;     /* in the process's own pid namespace */
    uint32_t alive;  /* 0: dead, and not yet forgotten */
    uint64_t age_ns; /* since it joined */
    uint32_t requests[DBIO_CLASS_COUNT]; /* announced, by class */
    char program[32];                    /* name, cut to 31 bytes; any bytes */
};

struct dbio_registry_request {
    size_t size;         /* set by the caller: sizeof(struct dbio_registry_request) */
    uint64_t device;     /* major << 32 | minor */
    uint64_t inode;      /* 0, and so is the device: one of several files that share a place */
    uint64_t begin, end; /* bytes, whole pages; end UINT64_MAX: to the end */
    uint64_t age_ns;     /* since it was announced, to a timer tick */
    uint64_t ticket;     /* 0: none, or not yet */
    uint32_t io_class;   /* enum dbio_class */
    uint32_t waiting;    /* 1: for one or more of the others */
    uint32_t waiters;    /* others that wait for it */
    uint32_t process;    /* index of its process; UINT32_MAX: not in the snapshot */
};

/* What was decided for a file. */
struct dbio_why {
    size_t size;                         /* set by the caller: sizeof(struct dbio_why) */
    uint32_t mode;                       /* enum dbio_mode as asked */
    uint32_t standing_direct;            /* 1 if requests go direct unless something speaks
                                            against it, 0 if they go buffered */
    uint32_t standing_reason;            /* enum dbio_reason of the standing */
    uint32_t last_route;                 /* enum dbio_route of a recent request */
    uint32_t last_reason;                /* enum dbio_reason of that request */
    uint32_t memory_align;               /* bytes; 0 if the file has no direct I/O */
    uint32_t offset_align;               /* bytes; 0 if the file has no direct I/O */
    uint32_t atomic_bytes_max;           /* largest DBIO_ATOMIC write, 0 if none */
    uint64_t routes[DBIO_ROUTE_COUNT];   /* requests on this file's inode by route */
    uint64_t reasons[DBIO_REASON_COUNT]; /* requests on this file's inode by reason */
};

#endif
