/* process.h - what /proc tells of a process. */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* When it started, in clock ticks since boot; 0: there is no such process, or a zombie; UINT64_MAX:
 * the kernel does not tell. A number and its start name a process for ever. */
uint64_t dbio__process_start(pid_t pid);

#endif
