/*
 * t_fault.h - make system calls of the library fail, and count them.
 *
 * Replaces all entries of dbio__sys_table. Any number of threads may be calling; arming and
 * disarming is for one thread while no other calls.
 *
 *     t_fault_arm(&(struct t_fault){.call = DBIO_SYS_PWRITE, .nth = 2, .error = EIO});
 *
 * A call with an injected error is not carried out, except close, which always releases the
 * descriptor, as in the kernel.
 */
#ifndef T_FAULT_H
#define T_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "os/sys.h"

/* In place of a kind of call: every kind but futex, whose errors are not the world's. */
#define T_FAULT_ANY (-1)

struct t_fault {
    int call;          /* enum dbio_sys_call, or T_FAULT_ANY */
    unsigned long nth; /* which of the matching calls: 1 is the next */
    bool for_ever;     /* that one and all later ones */
    int error;         /* errno to answer; 0: a short transfer */
    size_t bytes;      /* error 0: transfer at most so many, really */
    /* If not NULL: only calls for which it says yes match and count. It may block, to hold a
     * call where it is. */
    bool (*when)(enum dbio_sys_call call, const long arguments[6]);
};

/* Adds a fault (at most 8) and starts counting if nothing was armed. */
void t_fault_arm(const struct t_fault *fault);
/* The usual ones in a line: call `nth` fails; all fail (`when` may be NULL); call `nth`
 * transfers at most so many bytes; all do. */
void t_fault_one(int call, unsigned long nth, int error);
void t_fault_all(int call, int error, bool (*when)(enum dbio_sys_call, const long[6]));
void t_fault_short(int call, unsigned long nth, size_t bytes);
void t_fault_short_all(int call, size_t bytes);
/* Only counts. */
void t_fault_count(void);
/* No faults, no counting; the counts stay readable. */
void t_fault_disarm(void);

/* Calls of a kind (or of T_FAULT_ANY) since the first t_fault_arm or t_fault_count. */
unsigned long t_fault_calls(int call);
/* Faults that were injected since then. */
unsigned long t_fault_hits(void);

/* For `when`: the descriptor (first argument) is open with O_DIRECT, or is not. */
bool t_fault_on_direct(enum dbio_sys_call call, const long arguments[6]);
bool t_fault_on_buffered(enum dbio_sys_call call, const long arguments[6]);

#endif
