/* fork.h - what happens to dbio when its process forks. */
#ifndef ENGINE_FORK_H
#define ENGINE_FORK_H

#include "base/compiler.h"

/* From now on a child of fork(2) may use what its parent had open. 0 or -ENOMEM. */
DBIO_CHECKED int dbio__fork_start(void);

#endif
