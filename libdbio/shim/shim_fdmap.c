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

static _Atomic uintptr_t *
find_entry(int fd, bool make)
{
    _Atomic(shim_leaf *) *root = &shim_root.leaves[(unsigned)fd / SHIM_LEAF];
    shim_leaf *leaf = atomic_load_explicit(root, memory_order_acquire), *none = NULL;

    if (leaf == NULL && make) {
        void *memory = SHIM_NEXT(mmap)(NULL, sizeof(shim_leaf), PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED)
            return NULL;
        leaf = memory;
        if (!atomic_compare_exchange_strong(root, &none, leaf)) {
            (void)munmap(memory, sizeof(shim_leaf)); /* another thread's is there */
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

    return place != NULL && atomic_compare_exchange_strong(place, &unknown, entry);
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
