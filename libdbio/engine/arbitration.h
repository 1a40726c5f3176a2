/*
 * arbitration.h - announce a request, wait for its turn, withdraw it.
 *
 * One table serves the whole process, whatever the number of contexts.
 */
#ifndef ENGINE_ARBITRATION_H
#define ENGINE_ARBITRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/range.h"
#include "core/inflight.h"
#include "core/stats.h"

/* The process's table, made on first use; NULL without memory. */
struct dbio_table *dbio__arbitration_table(void);

/* A number that differs between threads as far as possible; for sharding. */
uint32_t dbio__arbitration_thread(void);

/* Announces and waits until no conflicting request is in the way. With `nowait`, -EAGAIN
 * instead of any wait, nothing announced. Else 0. Blocks without a bound of its own: for as
 * long as the requests before it take. */
DBIO_CHECKED int dbio__arbitration_begin(uint32_t entry, enum dbio_class class,
                                         struct dbio_range range, bool nowait,
                                         struct dbio_counters *counters,
                                         struct dbio_announcement *announcement);
void dbio__arbitration_end(const struct dbio_announcement *announcement);

#endif
