/*
 * clock.c - monotonic time.
 *
 * Job:       nanoseconds since some moment before the program began.
 * Not its:   calendars, sleeping.
 * Callers:   engine/, for waits and statistics; os/drain.c.
 * Lock:      none.
 * Invariant: never goes back.
 */
#include "os/clock.h"

#include <time.h>

#include "base/check.h"

uint64_t
dbio__clock_ns(void)
{
    struct timespec now;
    /* libc's: it asks the vDSO, 20 ns; a system call would cost ten times that. */
    int result = clock_gettime(CLOCK_MONOTONIC, &now);

    dbio_assert(result == 0);
    (void)result;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
dbio__clock_coarse_ns(void)
{
    struct timespec now;
    int result = clock_gettime(CLOCK_MONOTONIC_COARSE, &now);

    dbio_assert(result == 0);
    (void)result;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
