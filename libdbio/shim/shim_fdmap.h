/*
 * shim_fdmap.h - what the shim knows of a descriptor number. Lock-free, two levels.
 *
 * An entry is 0 (nothing is known), SHIM_UNMANAGED, SHIM_LEFT or SHIM_ANEW, or a dbio_file with
 * three bits of what has been done about it. Numbers from 2^20 on are never managed.
 */
#ifndef SHIM_SHIM_FDMAP_H
#define SHIM_SHIM_FDMAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dbio.h"

#define SHIM_UNMANAGED ((uintptr_t)1)
#define SHIM_LEFT      ((uintptr_t)2) /* the same, because it is used by means we do not see */
#define SHIM_ANEW      ((uintptr_t)3) /* as 0, but a file is set aside */
#define SHIM_APPEND    ((uintptr_t)1) /* with a file: O_APPEND, writes are not ours to place */
#define SHIM_DEMOTED   ((uintptr_t)2) /* with a file: dbio_demote() has been called */
#define SHIM_DIRECT    ((uintptr_t)4) /* with a file: the program opened it with O_DIRECT */
#define SHIM_TAGS      ((uintptr_t)7)

#define SHIM_ASIDE  8
#define SHIM_LEAF   1024
#define SHIM_LEAVES 1024

typedef _Atomic uintptr_t shim_leaf[SHIM_LEAF];

/* What every call of the program reads first; on one line, as far as low numbers go. */
struct shim_root {
    /* A page that a child finds zeroed, whichever way it was forked: there *mark is 0 until the
     * handler of fork(2) says otherwise. */
    _Alignas(64) const _Atomic unsigned char *mark;
    _Atomic(shim_leaf *) leaves[SHIM_LEAVES];
};
extern struct shim_root shim_root;

static inline uintptr_t
shim_fdmap_get(int fd)
{
    shim_leaf *leaf;

    if ((unsigned)fd >= SHIM_LEAF * SHIM_LEAVES)
        return SHIM_UNMANAGED;
    /* Acquire pairs with the release of the leaf's maker; likewise for an entry and what it
     * points to. */
    leaf = atomic_load_explicit(&shim_root.leaves[(unsigned)fd / SHIM_LEAF], memory_order_acquire);
    return leaf == NULL
               ? 0
               : atomic_load_explicit(&(*leaf)[(unsigned)fd % SHIM_LEAF], memory_order_acquire);
}

static inline struct dbio_file *
shim_fdmap_file(uintptr_t entry)
{
    return (struct dbio_file *)(entry & ~SHIM_TAGS);
}

/* 0 or SHIM_ANEW becomes `entry`; false if it is neither any more, or there is no memory. */
bool shim_fdmap_set(int fd, uintptr_t entry);
/* Whatever it is becomes `entry`; returns what it was. */
uintptr_t shim_fdmap_exchange(int fd, uintptr_t entry);
/* Files that the descriptor no longer stands for, while calls on them may be under way: kept until it is
 * closed, at most SHIM_ASIDE. Keep: false if there is no room. Take: one of them, or NULL. */
bool shim_fdmap_keep_aside(int fd, struct dbio_file *file);
struct dbio_file *shim_fdmap_take_aside(int fd);
/* How many are kept. */
unsigned shim_fdmap_count_aside(int fd);
/* Sets a bit of an entry that still is `entry`. */
void shim_fdmap_tag(int fd, uintptr_t entry, uintptr_t bit);

#endif
