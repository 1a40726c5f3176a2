/*
 * mem_count.c - allocations that fail on demand, and the number outstanding.
 *
 * Job:       the test calls of mem.h, for whichever memory is built.
 * Not its:   memory.
 * Callers:   mem_jemalloc.c, mem_slab.c; tests.
 * Lock:      none: two atomic words.
 * Invariant: the number outstanding is never negative.
 */
#include "base/mem_count.h"

#include <stdatomic.h>

#include "base/check.h"
#include "base/mem.h"

static _Atomic long allowed = -1; /* allocations until all fail; -1: none fails */
static _Atomic long outstanding;

void
dbio__mem_fail_after(long count)
{
    atomic_store(&allowed, count < 0 ? -1 : count);
}

long
dbio__mem_outstanding(void)
{
    return atomic_load(&outstanding);
}

bool
dbio__mem_count_allows(void)
{
    long left = atomic_load_explicit(&allowed, memory_order_relaxed);

    while (left > 0 && !atomic_compare_exchange_weak(&allowed, &left, left - 1))
        continue;
    return left != 0;
}

void
dbio__mem_count_taken(void)
{
    atomic_fetch_add_explicit(&outstanding, 1, memory_order_relaxed);
}

void
dbio__mem_count_given(void)
{
    long before = atomic_fetch_sub_explicit(&outstanding, 1, memory_order_relaxed);

    dbio_verify(before > 0);
}
