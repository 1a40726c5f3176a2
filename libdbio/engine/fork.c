/*
 * fork.c - what happens to dbio when its process forks.
 *
 * Job:       fork while no thread is inside dbio's lists; in the child, take a place of its own
 *            among the processes and forget what its parent's threads had in hand.
 * Not its:   each room's part of it.
 * Callers:   engine/context.c; the C library, by pthread_atfork.
 * Lock:      every lock of the library, in the order of their ranks, while the process forks.
 * Invariant: a child announces nothing under its parent's name.
 *
 * vfork and posix_spawn run no handlers: such a child may only exec, and every descriptor of
 * dbio's closes then. A child made by clone(2) itself runs none either; it must not use dbio.
 */
#include "engine/fork.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/mem.h"
#include "engine/arbitration.h"
#include "engine/context.h"
#include "engine/crew.h"
#include "engine/file.h"
#include "engine/inode.h"
#include "engine/membership.h"

static uint32_t generation;

uint32_t
dbio__fork_generation(void)
{
    return generation;
}

static void
before_fork(void)
{
    dbio__crew_before_fork();
    dbio__file_before_fork();
    dbio__context_before_fork();
    dbio__inode_before_fork();
    dbio__membership_before_fork();
    dbio__mem_before_fork();
}

static void
in_parent(void)
{
    dbio__mem_after_fork();
    dbio__membership_in_parent();
    dbio__inode_after_fork();
    dbio__context_after_fork(false);
    dbio__file_after_fork();
    dbio__crew_after_fork(false);
}

static void
in_child(void)
{
    generation++;
    dbio__mem_after_fork();
    dbio__membership_in_child();
    dbio__arbitration_in_child();
    dbio__inode_in_child();
    dbio__inode_after_fork();
    dbio__context_after_fork(true);
    dbio__file_after_fork();
    dbio__crew_after_fork(true);
}

int
dbio__fork_start(void)
{
    static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
    static bool started;
    int error = 0;

    /* Not pthread_once: what has failed may work the next time. */
    (void)pthread_mutex_lock(&starting);
    if (!started) {
        error = -pthread_atfork(before_fork, in_parent, in_child);
        started = error == 0;
    }
    (void)pthread_mutex_unlock(&starting);
    return error;
}
