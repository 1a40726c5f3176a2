/*
 * shim_main.c - start, and which file is behind a descriptor.
 *
 * Job:       decide whether to do anything in this program; make the context when the first file
 *            wants it; classify descriptors; survive fork.
 * Not its:   any wrapper.
 * Callers:   the wrappers; the dynamic loader.
 * Lock:      none that blocks for long: whoever comes while another thread makes the context waits
 *            for it. A signal handler never does, because its thread is inside already.
 * Invariant: a file is in the table only while its descriptor is open, as far as calls of this
 *            process's libc tell.
 */
#include "shim/shim_main.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "shim/shim_conf.h"
#include "shim/shim_crew.h"

enum { CONTEXT_NONE, CONTEXT_MAKING, CONTEXT_READY, CONTEXT_FAILED };

_Thread_local int shim_inside __attribute__((tls_model("initial-exec")));

static struct shim_conf conf;
static struct dbio_context *context;
static _Atomic int context_state;
static pid_t own_pid;

static _Atomic unsigned char *mark; /* what shim_root.mark points to, once it is live */

static void
show_mark(void)
{
    if (mark != NULL)
        atomic_store(mark, 1);
}

/* Registered before dbio's own handlers, so it runs before them. */
static void
in_child(void)
{
    int making = CONTEXT_MAKING;

    own_pid = getpid();
    shim_crew_in_child();
    (void)atomic_compare_exchange_strong(&context_state, &making, CONTEXT_NONE);
    if (atomic_load(&context_state) != CONTEXT_READY)
        show_mark();
}

/* Registered after them: the child may use dbio now. */
static void
in_child_late(void)
{
    show_mark();
}

static void
pause_a_little(void)
{
    struct timespec little = {0, 50000};

    (void)nanosleep(&little, NULL);
}

/* What the program is not told otherwise: counted where `dbio stat` looks. */
static int
make_context(void)
{
    struct dbio_context_options options = {.size = sizeof(options),
                                           .large_request_bytes = conf.large_bytes};
    char path[256];

    if (dbio_statistics_path(path, sizeof(path)) == 0 && path[0] == '/')
        options.statistics = path;
    return dbio_context_create(&options, &context) == 0 &&
                   pthread_atfork(NULL, NULL, in_child_late) == 0
               ? 0
               : -1;
}

/* Makes the context if there is none yet. The thread is inside. */
static bool
has_context(void)
{
    int none = CONTEXT_NONE;

    if (atomic_compare_exchange_strong(&context_state, &none, CONTEXT_MAKING)) {
        none = make_context() == 0 ? CONTEXT_READY : CONTEXT_FAILED;
        atomic_store(&context_state, none);
    }
    while (none == CONTEXT_MAKING) {
        pause_a_little();
        none = atomic_load(&context_state);
    }
    return none == CONTEXT_READY;
}

static void
close_file(struct dbio_file *file)
{
    shim_crew_wait(file, -1);
    shim_enter();
    (void)dbio_close(file);
    shim_leave();
}

/* Regular, and on a file system that could have direct I/O at all. */
static bool
is_candidate(int fd)
{
    struct stat status;
    struct statfs system;
    int flags = SHIM_NEXT(fcntl)(fd, F_GETFL);

    if (flags < 0 || (flags & O_PATH) != 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    return fstatfs(fd, &system) == 0 && system.f_type != PROC_SUPER_MAGIC &&
           system.f_type != SYSFS_MAGIC && system.f_type != TMPFS_MAGIC &&
           system.f_type != CGROUP_SUPER_MAGIC && system.f_type != CGROUP2_SUPER_MAGIC;
}

/* Where direct I/O is impossible for everybody there is nothing to keep apart. */
static bool
is_worth_it(struct dbio_file *file)
{
    struct dbio_why why = {.size = sizeof(why)};

    return dbio_why(file, &why) == 0 && why.memory_align != 0;
}

static struct dbio_file *
adopt(int fd)
{
    struct shim_rule rule = shim_conf_rule(&conf, fd);
    struct dbio_file_options options = {
        .size = sizeof(options), .mode = rule.mode, .role = rule.role};
    struct dbio_file *file;

    if (!rule.managed || !has_context())
        return NULL;
    /* What cannot be had (no descriptor for a twin, no memory) is done as without the shim. */
    if (dbio_adopt(context, fd, DBIO_ADOPT_SHARE, &options, &file) != 0)
        return NULL;
    if (is_worth_it(file))
        return file;
    (void)dbio_close(file);
    return NULL;
}

static uintptr_t
look_at_flags(int fd, struct dbio_file *file)
{
    int flags = SHIM_NEXT(fcntl)(fd, F_GETFL);

    if ((flags & O_APPEND) != 0) {
        (void)dbio_demote(file, DBIO_REASON_USED_BY_APPEND);
        return SHIM_APPEND | SHIM_DEMOTED;
    }
    return (flags & O_DIRECT) != 0 ? SHIM_DIRECT : 0;
}

/* Nothing is known of the descriptor: finds out. */
uintptr_t
shim_classify(int fd)
{
    int kept = shim_keep_errno();
    uintptr_t entry = SHIM_UNMANAGED;
    struct dbio_file *file;

    shim_enter();
    if (fd >= 0 && is_candidate(fd) && (file = adopt(fd)) != NULL) {
        entry = (uintptr_t)file | look_at_flags(fd, file);
    }
    if (!shim_fdmap_set(fd, entry)) { /* another thread was faster, or it is not a number at all */
        if (entry != SHIM_UNMANAGED)
            (void)dbio_close(shim_fdmap_file(entry));
        entry = shim_fdmap_get(fd);
    }
    shim_leave();
    shim_put_errno(kept);
    return entry != 0 && entry != SHIM_ANEW ? entry : SHIM_UNMANAGED;
}

void
shim_forget(int fd)
{
    int kept = shim_keep_errno();
    struct dbio_file *file;
    uintptr_t entry;

    if (!shim_is_same_process())
        return;
    entry = shim_fdmap_exchange(fd, 0);
    if (entry > SHIM_ANEW)
        close_file(shim_fdmap_file(entry));
    while ((file = shim_fdmap_take_aside(fd)) != NULL)
        close_file(file);
    shim_put_errno(kept);
}

/* The descriptor stays open, so other threads may be using it at this moment, and with it the file:
 * that is closed with the descriptor, or, if there is no memory to note that, never. */
static void
renounce(int fd, uintptr_t as)
{
    uintptr_t entry = shim_fdmap_exchange(fd, as);

    if (entry <= SHIM_ANEW)
        return;
    if (as != SHIM_ANEW) {
        shim_enter();
        (void)dbio_demote(shim_fdmap_file(entry), DBIO_REASON_USED_UNTRACKED);
        shim_leave();
        shim_crew_wait(shim_fdmap_file(entry), -1);
    }
    (void)shim_fdmap_keep_aside(fd, shim_fdmap_file(entry));
}

void
shim_let_go(int fd)
{
    int kept = shim_keep_errno();

    /* Whoever does that again and again is left alone. */
    if (shim_is_same_process())
        renounce(fd, shim_fdmap_count_aside(fd) < SHIM_ASIDE - 1 ? SHIM_ANEW : SHIM_LEFT);
    shim_put_errno(kept);
}

void
shim_disown(int fd, uintptr_t as)
{
    if (fd >= 0 && shim_is_same_process())
        renounce(fd, as);
}

uintptr_t
shim_again(int fd)
{
    shim_let_go(fd);
    return shim_entry(fd);
}

bool
shim_is_same_process(void)
{
    return own_pid == 0 || getpid() == own_pid;
}

void
shim_demote(int fd, uintptr_t entry, unsigned reason)
{
    if ((entry & SHIM_DEMOTED) != 0)
        return;
    shim_enter();
    (void)dbio_demote(shim_fdmap_file(entry), reason);
    shim_leave();
    shim_fdmap_tag(fd, entry, SHIM_DEMOTED);
}

bool
shim_begin(uintptr_t entry, bool write, struct dbio_span *span)
{
    bool direct = (entry & SHIM_DIRECT) != 0;
    unsigned class = write ? (direct ? DBIO_CLASS_DIRECT_WRITE : DBIO_CLASS_BUFFERED_WRITE)
                           : (direct ? DBIO_CLASS_DIRECT_READ : DBIO_CLASS_BUFFERED_READ);
    int error;

    shim_enter();
    error = dbio_span_begin(shim_fdmap_file(entry), class, 0, 0, 0, span);
    if (error != 0)
        shim_leave();
    return error == 0;
}

void
shim_end(uintptr_t entry, struct dbio_span *span)
{
    int kept = shim_keep_errno();

    (void)dbio_span_end(shim_fdmap_file(entry), span);
    shim_leave();
    shim_put_errno(kept);
}

void
shim_count_untracked(uint64_t requests)
{
    if (atomic_load(&context_state) != CONTEXT_READY)
        return;
    shim_enter();
    (void)dbio_untracked(context, requests);
    shim_leave();
}

/* The mark's page: zero in every child until in_child(). */
static void
go_live(void)
{
    void *page =
        SHIM_NEXT(mmap)(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return;
    if (madvise(page, 4096, MADV_WIPEONFORK) != 0 || pthread_atfork(NULL, NULL, in_child) != 0)
        return;
    mark = page;
    show_mark();
    shim_root.mark = mark;
}

/* Before the constructors of all others (-z initfirst), libc's included: there is no environ yet,
 * but the loader hands on what main will get. */
static void __attribute__((constructor)) start(int count, char **arguments, char **environment)
{
    int kept = shim_keep_errno();

    (void)count;
    shim_resolve();
    own_pid = getpid();
    shim_conf_read(&conf, arguments, environment);
    if (conf.strip)
        shim_conf_strip(environment);
    if (!conf.inert)
        go_live();
    shim_put_errno(kept);
}
