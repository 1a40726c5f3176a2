/*
 * tpcc_environment.h - where a run takes place: what the result has to say about the machine, and
 * a memory limit for the run.
 */
#ifndef TPCC_ENVIRONMENT_H
#define TPCC_ENVIRONMENT_H

#include "tpcc_json.h"

/* Kernel, processors, memory, and the file system of `directory`. */
struct tpcc_json *tpcc_environment(const char *directory);

/* A private memory cgroup (v1 or v2) that this process is inside of. */
struct tpcc_memory_limit;

/* NULL after complaining: not root, or no memory controller. */
struct tpcc_memory_limit *tpcc_memory_limit_enter(int megabytes);
/* Back to where the process was; the group is removed. NULL is fine. */
void tpcc_memory_limit_leave(struct tpcc_memory_limit *limit);

#endif
