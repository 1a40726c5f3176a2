/*
 * shim_main.h - the shim as a whole: is it live, and which file is behind a descriptor?
 *
 * Every wrapper begins with shim_file(). NULL means: not ours, call the next function and touch
 * nothing. Else the call is carried out through dbio between shim_enter() and shim_leave().
 */
#ifndef SHIM_SHIM_MAIN_H
#define SHIM_SHIM_MAIN_H

#include "shim/shim_errno.h"
#include "shim/shim_fdmap.h"
#include "shim/shim_real.h"

#define SHIM_EXPORT __attribute__((visibility("default")))

/* How deep this thread is inside the shim: what dbio itself calls, and what a signal handler calls
 * that interrupts it, goes past. */
extern _Thread_local int shim_inside __attribute__((tls_model("initial-exec")));

/* For the slow path of shim_file(). */
uintptr_t shim_classify(int fd);

static inline bool
shim_is_live(void)
{
    return __builtin_expect(atomic_load_explicit(shim_root.mark, memory_order_relaxed) != 0, 1) &&
           shim_inside == 0;
}

/* What is behind the descriptor; 0 or SHIM_UNMANAGED: nothing of ours. */
static inline uintptr_t
shim_entry(int fd)
{
    uintptr_t entry = shim_fdmap_get(fd);

    if (entry - SHIM_UNMANAGED <= SHIM_LEFT - SHIM_UNMANAGED || !shim_is_live())
        return SHIM_UNMANAGED;
    return __builtin_expect(entry > SHIM_ANEW, 1) ? entry : shim_classify(fd);
}

/* Only what is known already: for calls that alone do not make a file ours. */
static inline uintptr_t
shim_known(int fd)
{
    uintptr_t entry = shim_fdmap_get(fd);

    return entry <= SHIM_ANEW || !shim_is_live() ? SHIM_UNMANAGED : entry;
}

static inline void
shim_enter(void)
{
    shim_inside++;
}

static inline void
shim_leave(void)
{
    shim_inside--;
}

/* The descriptor is about to be closed or to become another: gives its file up. */
void shim_forget(int fd);
/* The descriptor stays open, but is to be looked at anew. */
void shim_let_go(int fd);
/* A number that has just been given out: whatever is known of it is out of date. */
static inline void
shim_renew(int fd)
{
    uintptr_t entry = fd >= 0 ? shim_fdmap_get(fd) : 0;

    if (__builtin_expect(entry != 0, 0))
        shim_forget(fd);
}
/* Nothing of ours from here on; `as`: SHIM_UNMANAGED (stdio has it) or SHIM_LEFT. */
void shim_disown(int fd, uintptr_t as);
/* May this call of close, dup2 and the like change our table? Not in a child of vfork(2), which
 * has the parent's memory and descriptors of its own. */
bool shim_is_same_process(void);
/* dbio_demote(), once. */
void shim_demote(int fd, uintptr_t entry, unsigned reason);
/* A request that is carried out as it is, announced over the whole file: read or written through
 * the file position, or placed by the kernel. False: not announced; go on all the same. */
bool shim_begin(uintptr_t entry, bool write, struct dbio_span *span);
void shim_end(uintptr_t entry, struct dbio_span *span);
/* Requests that went past dbio. */
void shim_count_untracked(uint64_t requests);
/* A handle turned out to be another file's (-ESTALE): looks again. */
uintptr_t shim_again(int fd);

#endif
