/*
 * shim_fdmap.c - what the shim knows of a descriptor number.
 *
 * Job:       make leaves; change entries.
 * Not its:   what an entry means for a call.
 * Callers:   shim_main.c, shim_open.c, shim_cursor.c.
 * Lock:      none.
 * Invariant: a leaf that was made stays.
 */
#include "shim/shim_fdmap.h"

#include <stddef.h>

#include "shim/shim_real.h"

static const _Atomic unsigned char never;
struct shim_root shim_root = {.mark = &never};

typedef _Atomic(struct dbio_file *) aside_leaf[SHIM_LEAF][SHIM_ASIDE];
static _Atomic(aside_leaf *) aside[SHIM_LEAVES];

static void *
map_leaf(size_t bytes)
{
    void *memory =
        SHIM_NEXT(mmap)(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory != MAP_FAILED ? memory : NULL;
}

static _Atomic uintptr_t *
find_entry(int fd, bool make)
{
    _Atomic(shim_leaf *) *root = &shim_root.leaves[(unsigned)fd / SHIM_LEAF];
    shim_leaf *leaf = atomic_load_explicit(root, memory_order_acquire), *none = NULL;

    if (leaf == NULL && make) {
        leaf = map_leaf(sizeof(*leaf));
        if (leaf != NULL && !atomic_compare_exchange_strong(root, &none, leaf)) {
            (void)munmap(leaf, sizeof(*leaf)); /* another thread's is there */
            leaf = none;
        }
    }
    return leaf != NULL ? &(*leaf)[(unsigned)fd % SHIM_LEAF] : NULL;
}

bool
shim_fdmap_set(int fd, uintptr_t entry)
{
    _Atomic uintptr_t *place = find_entry(fd, true);
    uintptr_t unknown = 0;

    if (place == NULL)
        return false;
    return atomic_compare_exchange_strong(place, &unknown, entry) ||
           (unknown == SHIM_ANEW && atomic_compare_exchange_strong(place, &unknown, entry));
}

uintptr_t
shim_fdmap_exchange(int fd, uintptr_t entry)
{
    _Atomic uintptr_t *place;

    if ((unsigned)fd >= SHIM_LEAF * SHIM_LEAVES)
        return SHIM_UNMANAGED;
    place = find_entry(fd, entry != 0);
    if (place == NULL || (entry == 0 && atomic_load_explicit(place, memory_order_relaxed) == 0))
        return 0;
    return atomic_exchange(place, entry);
}

void
shim_fdmap_tag(int fd, uintptr_t entry, uintptr_t bit)
{
    _Atomic uintptr_t *place = find_entry(fd, false);

    if (place != NULL)
        (void)atomic_compare_exchange_strong(place, &entry, entry | bit);
}

/* NULL: none are there, and none were to be made. */
static _Atomic(struct dbio_file *) *
find_aside(int fd, bool make)
{
    _Atomic(aside_leaf *) *root = &aside[(unsigned)fd / SHIM_LEAF];
    aside_leaf *leaf, *none = NULL;

    if ((unsigned)fd >= SHIM_LEAF * SHIM_LEAVES)
        return NULL;
    leaf = atomic_load_explicit(root, memory_order_acquire);
    if (leaf == NULL && make) {
        leaf = map_leaf(sizeof(*leaf));
        if (leaf != NULL && !atomic_compare_exchange_strong(root, &none, leaf)) {
            (void)munmap(leaf, sizeof(*leaf));
            leaf = none;
        }
    }
    return leaf != NULL ? (*leaf)[(unsigned)fd % SHIM_LEAF] : NULL;
}

bool
shim_fdmap_keep_aside(int fd, struct dbio_file *file)
{
    _Atomic(struct dbio_file *) *row = find_aside(fd, true);
    int i;

    for (i = 0; row != NULL && i < SHIM_ASIDE; i++) {
        struct dbio_file *none = NULL;

        if (atomic_compare_exchange_strong(&row[i], &none, file))
            return true;
    }
    return false;
}

struct dbio_file *
shim_fdmap_take_aside(int fd)
{
    _Atomic(struct dbio_file *) *row = find_aside(fd, false);
    int i;

    for (i = 0; row != NULL && i < SHIM_ASIDE; i++) {
        struct dbio_file *file = NULL;

        if (atomic_load_explicit(&row[i], memory_order_relaxed) != NULL)
            file = atomic_exchange(&row[i], NULL);
        if (file != NULL)
            return file;
    }
    return NULL;
}

unsigned
shim_fdmap_count_aside(int fd)
{
    _Atomic(struct dbio_file *) *row = find_aside(fd, false);
    unsigned count = 0;
    int i;

    for (i = 0; row != NULL && i < SHIM_ASIDE; i++)
        count += atomic_load_explicit(&row[i], memory_order_relaxed) != NULL;
    return count;
}
