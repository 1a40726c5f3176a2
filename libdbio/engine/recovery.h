/*
 * recovery.h - what dead processes have left announced.
 *
 * A waiter whose blocker does not move asks whether its owner lives. If it is dead, its direct I/O
 * may still be running in the kernel: the waiter passes the drain barrier of the file and then
 * withdraws the announcement in the dead one's place (steps D1 to D4 of core/inflight.h).
 */
#ifndef ENGINE_RECOVERY_H
#define ENGINE_RECOVERY_H

#include "engine/arbitration.h"

/* True: the blocker's owner is dead and its announcement is withdrawn; ask again. False: it lives,
 * or nobody can tell; wait on. May take as long as the dead one's I/O, and 50 ms where the
 * barrier is not known to wait for it. */
DBIO_CHECKED bool dbio__recovery_try(const struct dbio_turn *turn,
                                     const struct dbio_blocker *blocker);

#endif
