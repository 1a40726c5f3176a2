/* clock.h - monotonic time in ns. The wall clock, which jumps, only beside times of files. */
#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include <stdint.h>

uint64_t dbio__clock_ns(void);

/* The same clock as of the last timer tick, 1 to 10 ms ago; a quarter of the cost. */
uint64_t dbio__clock_coarse_ns(void);

/* What a file that is changed now gets as its time: ns since 1970, as of the last timer tick. */
uint64_t dbio__clock_file_ns(void);

#endif
