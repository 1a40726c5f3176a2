/*
 * inode.h - what all handles on one file share, in this process.
 *
 * Also keeps descriptors whose closing would drop POSIX record locks of the process
 * (fcntl(2): closing any descriptor of an inode drops them all): "parked" ones are closed,
 * or used again, when that does no harm any more.
 */
#ifndef ENGINE_INODE_H
#define ENGINE_INODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/lock.h"
#include "core/known.h"
#include "core/policy.h"
#include "core/stats.h"
#include "os/facts.h"

#define DBIO_FD_NONE (-1)

/* The descriptors of one handle. */
struct dbio_descriptors {
    struct dbio_link link; /* in inode->parked while parked */
    int access;            /* O_RDONLY, O_WRONLY or O_RDWR */
    int buffered;          /* never O_DIRECT nor O_APPEND */
    _Atomic int direct;    /* O_DIRECT; DBIO_FD_NONE until a request wants it */
    int refused;           /* why `direct` could not be opened, -errno; 0: not tried in vain */
    _Atomic uint64_t refused_ns; /* and when; not tried again at once */
    int adopted;                 /* the program's own, if it is neither of the two and is ours to
                              close; else DBIO_FD_NONE */
    int lent;                    /* the program's own, which is one of the two and stays the
                              program's; else DBIO_FD_NONE */
    bool durable;                /* what was lent has O_DSYNC: each write to it flushes */
    bool twin;                   /* it has been given back; what is left is the other one */
    int advice;                  /* POSIX_FADV_* that `buffered` has been given last */
    bool reusable;               /* all are dbio's own: another handle may take them over */
};

struct dbio_inode {
    struct dbio_link link; /* in the process's table */
    struct dbio_identity identity;
    uint32_t references;       /* handles */
    struct dbio_facts facts;   /* when the first handle was opened */
    enum dbio_reason ability;  /* of file and file system; DBIO_REASON_NONE: may go direct */
    _Atomic uint32_t demoted;  /* enum dbio_reason; DBIO_REASON_NONE while not */
    _Atomic uint32_t pins;     /* mappings of this process; those of all are in the entry */
    _Atomic int latched;       /* first failed writeback or flush, -errno; also in the entry */
    _Atomic bool unreported;   /* ... and no sync has returned it yet */
    _Atomic bool no_dontcache; /* the kernel refused RWF_DONTCACHE here */
    _Atomic uint32_t checks, fallbacks; /* looks after direct requests; pages found by them */
    _Atomic bool pinned_for_good;       /* by dbio_demote() */
    struct dbio_lock lock;              /* opening of direct descriptors; mappings */
    struct dbio_link mappings;          /* struct mapping of engine/mapping.c */
    struct dbio_link parked;            /* struct dbio_descriptors; under the table's lock */
    _Atomic uint64_t pins_asked_ns;     /* when others' pins were last checked for dead owners */
    _Atomic uint64_t known_since;       /* dbio__inflight_quiet_since() when `known` was begun */
    /* Every request reads these, and the head of `known`: they are on one line. */
    _Alignas(DBIO_CACHE_LINE) uint32_t entry; /* in the announcement table */
    uint32_t
        unit; /* bytes; ranges are tracked in whole multiples of it: the larger of page and file
                      system block, because the kernel drops whole pages and rewrites whole blocks
                      around a direct request */
    struct dbio_known known;
    _Alignas(DBIO_CACHE_LINE) struct dbio_history history;
};

/* The inode of an open descriptor, with a reference. 0, -ENOMEM, -ENOLCK (the registry was lost;
 * engine/membership.h), or what fstat says. */
DBIO_CHECKED int dbio__inode_acquire(int fd, struct dbio_inode **inode);

/* Another reference, which is never given up. */
void dbio__inode_keep(struct dbio_inode *inode);

/* Gives up a reference and a handle's descriptors: closes them, or parks them. Returns the
 * first error of close(2). */
int dbio__inode_release(struct dbio_inode *inode, struct dbio_descriptors *descriptors);

/* As release, after an open that failed: `descriptors` may be NULL or hold no descriptor. */
void dbio__inode_abandon(struct dbio_inode *inode, struct dbio_descriptors *descriptors);

/* Parked descriptors of the file behind `fd` (which may be O_PATH) with this access, and a
 * reference to its inode; NULL if there are none. */
struct dbio_descriptors *dbio__inode_reuse(int fd, int access, struct dbio_inode **inode);
/* Closes what is parked of files without handles, where no lock of the process depends on it. */
void dbio__inode_sweep(void);
bool dbio__inode_any_parked(void);
uint64_t dbio__inode_parked(void);

/* Is the file behind `fd` still this one? */
bool dbio__inode_is(const struct dbio_inode *inode, int fd);

/* No pins and no demotion: DBIO_REASON_NONE if requests may go direct now. */
enum dbio_reason dbio__inode_ability(const struct dbio_inode *inode);
/* The file is mapped by others, as far as is known: forgets mappings of processes that have died. */
void dbio__inode_recheck_pins(struct dbio_inode *inode);
/* Sends the inode to the page cache for good. True: this call did. */
bool dbio__inode_demote(struct dbio_inode *inode, enum dbio_reason reason);

/* fork(2): nobody is inside; in the child every inode takes its entry anew, before `after`. */
void dbio__inode_before_fork(void);
void dbio__inode_in_child(void);
void dbio__inode_after_fork(void);

#endif
