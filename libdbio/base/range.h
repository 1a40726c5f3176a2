/* range.h - half-open byte ranges [begin, end). Pure. */
#ifndef BASE_RANGE_H
#define BASE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

#define DBIO_RANGE_END UINT64_MAX /* "to infinity" */

struct dbio_range {
    uint64_t begin; /* first byte */
    uint64_t end;   /* first byte after */
};

static inline bool
dbio__range_overlaps(struct dbio_range a, struct dbio_range b)
{
    return a.begin < b.end && b.begin < a.end;
}

static inline uint64_t
dbio__round_down(uint64_t value, uint64_t unit)
{
    dbio_assert(unit != 0 && (unit & (unit - 1)) == 0);
    return value & ~(unit - 1);
}

/* Rounds up; what would overflow becomes the last multiple of `unit`. */
static inline uint64_t
dbio__round_up(uint64_t value, uint64_t unit)
{
    uint64_t mask = unit - 1;

    dbio_assert(unit != 0 && (unit & mask) == 0);
    return value > UINT64_MAX - mask ? ~mask : (value + mask) & ~mask;
}

static inline bool
dbio__is_aligned(uint64_t value, uint64_t unit)
{
    dbio_assert(unit != 0 && (unit & (unit - 1)) == 0);
    return (value & (unit - 1)) == 0;
}

/* The range widened to whole units. An `end` of infinity stays. */
static inline struct dbio_range
dbio__range_widen(struct dbio_range range, uint64_t unit)
{
    struct dbio_range wide = {dbio__round_down(range.begin, unit),
                              range.end == DBIO_RANGE_END ? DBIO_RANGE_END
                                                          : dbio__round_up(range.end, unit)};
    return wide;
}

#endif
