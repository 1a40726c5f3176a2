/*
 * arbitration.h - announce a request, wait for its turn, withdraw it.
 *
 * Among all processes that share the table (engine/membership.h), whatever the number of
 * contexts.
 */
#ifndef ENGINE_ARBITRATION_H
#define ENGINE_ARBITRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/range.h"
#include "core/inflight.h"
#include "core/stats.h"

struct dbio_file;

/* What shall be announced. */
struct dbio_turn {
    uint32_t entry;
    enum dbio_class class;
    struct dbio_range range;
    bool nowait;
    struct dbio_counters *counters;
    struct dbio_file *file; /* of the entry; NULL in tests: then the dead are not drained */
    struct dbio_announcer *announcer; /* with nowait: who announced; NULL: the thread */
};

/* Makes ready for requests. 0 or -ENOMEM. */
DBIO_CHECKED int dbio__arbitration_start(void);

/* A number that differs between threads as far as possible; for sharding. */
uint32_t dbio__arbitration_thread(void);

/* Announces. CLEAR: run at once, until dbio__arbitration_end(). Else, to be told: */
DBIO_CHECKED enum dbio_verdict dbio__arbitration_announce(uint32_t entry, enum dbio_class class,
                                                          struct dbio_range range,
                                                          struct dbio_announcement *announcement);
/* Waits until no conflicting request is in the way of what was announced with that verdict. With
 * `nowait`, -EAGAIN instead of any wait, nothing announced. Else 0. Blocks without a bound of its
 * own: for as long as the requests before it take. What a dead process left announced is withdrawn
 * for it. A thread that ends before dbio__arbitration_end() withdraws by ending. */
DBIO_CHECKED int dbio__arbitration_finish(const struct dbio_turn *turn, enum dbio_verdict verdict,
                                          struct dbio_announcement *announcement);
void dbio__arbitration_end(const struct dbio_announcement *announcement);

/* For a batch, which has many requests announced and never waits: an announcer with room for `most`
 * slots in `kept`, of the calling thread's process, who keeps the time in `now_ns` (CLOCK_MONOTONIC)
 * himself. Announce: as above; then dbio__arbitration_finish() with nowait and the announcer. Drop:
 * before the memory goes. */
void dbio__arbitration_join(struct dbio_announcer *who, uint32_t *kept, uint32_t most);
DBIO_CHECKED enum dbio_verdict
dbio__arbitration_announce_as(struct dbio_announcer *who, uint32_t entry, enum dbio_class class,
                              struct dbio_range range, struct dbio_announcement *announcement);
void dbio__arbitration_end_as(struct dbio_announcer *who,
                              const struct dbio_announcement *announcement);
void dbio__arbitration_drop(struct dbio_announcer *who);

/* W1 (core/inflight.h): from now on every write to the entry's files is counted, or announced
 * already. Microseconds the first time, then nothing. */
void dbio__arbitration_watch(uint32_t entry);

/* Has this thread batches, requests of which may have completed unseen? */
bool dbio__arbitration_has_batches(void);

/* `progress` is called now and then while this thread waits: it ends announcements of requests that
 * have completed without anyone looking. NULL: no more. */
void dbio__arbitration_progress(void (*progress)(void));

/* In a child of fork: the thread that called it has nothing announced. */
void dbio__arbitration_in_child(void);

#endif
