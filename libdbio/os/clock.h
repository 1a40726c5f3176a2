/* clock.h - monotonic time in ns. Never the wall clock: it jumps. */
#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include <stdint.h>

uint64_t dbio__clock_ns(void);

#endif
