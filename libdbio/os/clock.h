/* clock.h - monotonic time in ns. Never the wall clock: it jumps. */
#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include <stdint.h>

uint64_t dbio__clock_ns(void);

/* The same clock as of the last timer tick, 1 to 10 ms ago; a quarter of the cost. */
uint64_t dbio__clock_coarse_ns(void);

#endif
