/*
 * crew.h - threads that carry out what would block a thread that must not.
 *
 * A request of a batch that has to wait for its turn, that needs a copy, or that no ring can take is
 * a job: a worker calls dbio as any thread does. There is one crew in a process, while batches are.
 */
#ifndef ENGINE_CREW_H
#define ENGINE_CREW_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/list.h"

#define DBIO_CREW_MOST 8 /* threads */

struct dbio_crew_job {
    struct dbio_link link;
    void (*run)(struct dbio_crew_job *job); /* by a worker; may free the job */
};

/* Someone needs the crew, or no longer does. The last to leave waits until no thread is left; no
 * job of its is outstanding. */
void dbio__crew_join(void);
void dbio__crew_leave(void);

/* 0; -EAGAIN: there is no thread and none can be had. */
DBIO_CHECKED int dbio__crew_give(struct dbio_crew_job *job);
/* True: no worker had taken it, and none will. Of a job that was given. */
DBIO_CHECKED bool dbio__crew_take_back(struct dbio_crew_job *job);

/* fork(2): a child has no crew, and its parent's batches are not its own. */
void dbio__crew_before_fork(void);
void dbio__crew_after_fork(bool child);

#endif
