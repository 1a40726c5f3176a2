/*
 * clock.c - monotonic time.
 *
 * Job:       nanoseconds since some moment before the program began.
 * Not its:   calendars, sleeping.
 * Callers:   engine/, for waits and statistics; os/drain.c.
 * Lock:      none.
 * Invariant: never goes back, the clock of files apart.
 */
#include "os/clock.h"

#include <time.h>

#include "base/check.h"

static uint64_t
ask(clockid_t clock)
{
    struct timespec now;
    /* libc's: it asks the vDSO, 20 ns; a system call would cost ten times that. */
    int result = clock_gettime(clock, &now);

    dbio_assert(result == 0);
    (void)result;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
dbio__clock_ns(void)
{
    return ask(CLOCK_MONOTONIC);
}

uint64_t
dbio__clock_coarse_ns(void)
{
    return ask(CLOCK_MONOTONIC_COARSE);
}

uint64_t
dbio__clock_file_ns(void)
{
    return ask(CLOCK_REALTIME_COARSE);
}
