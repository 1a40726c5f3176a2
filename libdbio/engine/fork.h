/* fork.h - what happens to dbio when its process forks. */
#ifndef ENGINE_FORK_H
#define ENGINE_FORK_H

#include <stdint.h>

#include "base/compiler.h"

/* From now on a child of fork(2) may use what its parent had open. 0 or -ENOMEM. */
DBIO_CHECKED int dbio__fork_start(void);

/* Differs between a process and the one that forked it. */
uint32_t dbio__fork_generation(void);

#endif
