/*
 * membership.h - this process's place among those that share an announcement table.
 *
 * A process joins with its first context and stays a member until it ends. Its table is the
 * registry's, which all processes of the user share, or one of its own where that is switched
 * off or cannot be had; then DBIO_STAT_CROSS_PROCESS is 0.
 */
#ifndef ENGINE_MEMBERSHIP_H
#define ENGINE_MEMBERSHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "core/table.h"
#include "os/registry.h"

struct dbio_membership {
    struct dbio_table *table; /* NULL before the first context */
    uint32_t owner;           /* our index in it */
    bool shared;              /* other processes see it */
    bool fenced; /* no membarrier(2): announcements fence for themselves; then never shared */
};

/* Read by every request. Set before the first context exists; changed only in a child of fork,
 * while it has one thread. */
extern struct dbio_membership dbio__membership;

/* Joins. `registry`: a path, "off", or NULL for DBIO_REGISTRY of the environment or the default.
 * 0; -ENOMEM; -EBUSY if this process has joined another one already. A registry that cannot be had
 * is no error: it is logged, and the process tracks for itself. */
DBIO_CHECKED int dbio__membership_join(const char *registry);

/* The path that a process joins with this wish: the wish, what DBIO_REGISTRY says, or the default,
 * which is put into `standard`; "" for none. */
const char *dbio__membership_choose(const char *wish, char standard[DBIO_REGISTRY_PATH]);
/* The path of the registry that this process shares, or asked for; "" if switched off. Valid for
 * the life of the process. */
const char *dbio__membership_path(void);
/* Why it is not shared; "" if it is, or was switched off. */
const char *dbio__membership_trouble(void);

/* As core/table.h, under the table's lock. 0, -ENOLCK if the registry was taken from under us (its
 * descriptor closed and its file removed by someone else), or what fstat or fcntl says. What is
 * given back in vain stays until the process ends. */
DBIO_CHECKED int dbio__membership_take(const struct dbio_key *key, uint32_t *entry);
void dbio__membership_give(uint32_t entry);
DBIO_CHECKED int dbio__membership_pin(uint32_t entry, bool pinned);
void dbio__membership_renew(uint32_t entry);

/* Is the process behind `owner` certainly dead? Never from its number: from its lock. */
DBIO_CHECKED bool dbio__membership_is_dead(uint32_t owner);

/* When that life of `owner`, read before it was proved dead, was first found over; notes all others
 * that are dead. */
uint64_t dbio__membership_note_dead(uint32_t owner, uint64_t life);
/* Frees what dead processes had, where nobody waits for it. */
void dbio__membership_bury_dead(void);

/* fork(2): nobody is inside the lists while it happens; the child leaves its parent's place and
 * takes one of its own. Entries must be taken anew in the child, between child and settled. */
void dbio__membership_before_fork(void);
void dbio__membership_in_parent(void);
void dbio__membership_in_child(void);

#endif
