/*
 * known.c - what is known not to be in the page cache.
 *
 * Job:       a map of regions that nobody has cached, kept right against our own requests.
 * Not its:   asking the kernel; reading the clock.
 * Callers:   engine/residency.c.
 * Lock:      none; one byte per region, changed by atomic operations.
 * Invariant: a region reads 0 only if nothing of ours ran in it since a check of the whole
 *            region began. It guides cost alone, so plain atomics without fences suffice.
 */
#include "core/known.h"

/* Values of a region. Larger ones count down, one per look, to the next check. */
#define REGION_EMPTY    0u
#define REGION_CACHED   DBIO_KNOWN_CACHED
#define REGION_CHECKING 2u
#define REGION_BACKOFF  34u /* after a check in vain: 32 looks until the next */

static uint32_t
region_shift(uint64_t size)
{
    uint32_t shift = (uint32_t)__builtin_ctz(DBIO_KNOWN_REGION_MIN);

    /* Room to grow fourfold before the map ends and every request is asked for. */
    while (shift < 60 && (uint64_t)DBIO_KNOWN_REGIONS << shift < size * 4 && size < UINT64_MAX / 4)
        shift++;
    return shift;
}

void
dbio__known_init(struct dbio_known *known, uint64_t size)
{
    struct dbio_range whole = {0, size};

    known->shift = region_shift(size);
    if (size > 0)
        dbio__known_mark(known, whole);
    atomic_store_explicit(&known->trust, 0, memory_order_relaxed);
    atomic_store_explicit(&known->confirmed_ns, 0, memory_order_relaxed);
}

static void
set_region(struct dbio_known *known, uint32_t at, uint8_t value)
{
    uint8_t before = atomic_exchange_explicit(&known->regions[at], value, memory_order_relaxed);

    if (before == REGION_EMPTY && value != REGION_EMPTY)
        atomic_fetch_add_explicit(&known->marked, 1, memory_order_relaxed);
    else if (before != REGION_EMPTY && value == REGION_EMPTY)
        atomic_fetch_sub_explicit(&known->marked, 1, memory_order_relaxed);
}

/* Regions [*first, *last] of the range, cut at the map's end; false if it begins past it. */
static bool
range_regions(const struct dbio_known *known, struct dbio_range range, uint32_t *first,
              uint32_t *last)
{
    uint64_t begin = range.begin >> known->shift, end = (range.end - 1) >> known->shift;

    if (begin >= DBIO_KNOWN_REGIONS)
        return false;
    *first = (uint32_t)begin;
    *last = end < DBIO_KNOWN_REGIONS ? (uint32_t)end : DBIO_KNOWN_REGIONS - 1;
    return true;
}

void
dbio__known_mark(struct dbio_known *known, struct dbio_range range)
{
    uint32_t first, last, i;

    if (!range_regions(known, range, &first, &last))
        return;
    for (i = first; i <= last; i++)
        /* The common case of a hot file: marked already, nothing is written. */
        if (atomic_load_explicit(&known->regions[i], memory_order_relaxed) != REGION_CACHED)
            set_region(known, i, REGION_CACHED);
}

void
dbio__known_mark_all(struct dbio_known *known)
{
    uint32_t i;

    for (i = 0; i < DBIO_KNOWN_REGIONS; i++)
        set_region(known, i, REGION_CACHED);
}

enum dbio_known_answer
dbio__known_answer(struct dbio_known *known, struct dbio_range range, uint64_t now_ns)
{
    uint32_t first, last, trust, i;

    if (!range_regions(known, range, &first, &last) ||
        (range.end - 1) >> known->shift >= DBIO_KNOWN_REGIONS)
        return DBIO_KNOWN_ASK;
    for (i = first; i <= last; i++)
        if (atomic_load_explicit(&known->regions[i], memory_order_relaxed) != REGION_EMPTY)
            return DBIO_KNOWN_ASK;
    trust = atomic_load_explicit(&known->trust, memory_order_relaxed);
    if (trust > 0 && now_ns - atomic_load_explicit(&known->confirmed_ns, memory_order_relaxed) <
                         DBIO_KNOWN_TRUST_NS) {
        atomic_store_explicit(&known->trust, trust - 1, memory_order_relaxed);
        return DBIO_KNOWN_EMPTY;
    }
    /* The whole file is cheap to ask for only while all of it is empty. */
    return atomic_load_explicit(&known->marked, memory_order_relaxed) == 0 ? DBIO_KNOWN_CONFIRM
                                                                           : DBIO_KNOWN_ASK;
}

void
dbio__known_confirm(struct dbio_known *known, bool empty, uint64_t now_ns)
{
    if (!empty) {
        dbio__known_mark_all(known);
        return;
    }
    atomic_store_explicit(&known->confirmed_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&known->trust, DBIO_KNOWN_TRUST, memory_order_relaxed);
}

bool
dbio__known_check(struct dbio_known *known, struct dbio_range range, struct dbio_range *region)
{
    uint32_t first, last;
    uint8_t value;

    if (!range_regions(known, range, &first, &last) || first != last)
        return false;
    value = atomic_load_explicit(&known->regions[first], memory_order_relaxed);
    if (value > REGION_CHECKING) {
        (void)atomic_compare_exchange_strong_explicit(
            &known->regions[first], &value,
            (uint8_t)(value - 1u == REGION_CHECKING ? REGION_CACHED : value - 1u),
            memory_order_relaxed, memory_order_relaxed);
        return false;
    }
    if (value != REGION_CACHED ||
        !atomic_compare_exchange_strong_explicit(&known->regions[first], &value, REGION_CHECKING,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    region->begin = (uint64_t)first << known->shift;
    region->end = region->begin + ((uint64_t)1 << known->shift);
    return true;
}

void
dbio__known_checked(struct dbio_known *known, struct dbio_range region, bool empty)
{
    uint32_t at = (uint32_t)(region.begin >> known->shift);
    uint8_t value = REGION_CHECKING;

    /* Fails if a buffered request marked the region meanwhile: then it stays marked. */
    if (atomic_compare_exchange_strong_explicit(&known->regions[at], &value,
                                                empty ? REGION_EMPTY : REGION_BACKOFF,
                                                memory_order_relaxed, memory_order_relaxed) &&
        empty)
        atomic_fetch_sub_explicit(&known->marked, 1, memory_order_relaxed);
}
