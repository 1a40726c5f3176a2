/*
 * file.c - a handle, from open to close.
 *
 * Job:       open or adopt descriptors, find the inode, open the O_DIRECT twin lazily.
 * Not its:   when descriptors may be closed (engine/inode.c); transfers.
 * Callers:   api/api_file.c; engine/ for descriptors and standing.
 * Lock:      the inode's, while a direct descriptor is opened.
 * Invariant: `buffered` is open for the handle's whole life and is neither O_DIRECT nor
 *            O_APPEND.
 */
#include "engine/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/settings.h"
#include "engine/arbitration.h"
#include "engine/fork.h"
#include "os/clock.h"
#include "os/open.h"
#include "os/sys.h"

#define RETRY_DIRECT_NS UINT64_C(100000000)

static struct dbio_pool files = DBIO_POOL_STATIC(struct dbio_file, DBIO_FILE_MAGIC);

static int
check_type(uint32_t type)
{
    switch (type) {
    case S_IFREG:
        return 0;
    case S_IFDIR:
        return -EISDIR;
    case S_IFIFO:
    case S_IFSOCK:
    case S_IFCHR:
        return -ESPIPE;
    default:
        return -ENOTSUP;
    }
}

/* The type of what is open, before anything else is asked of it. */
static int
check_descriptor(int fd)
{
    struct stat status;
    int error = dbio__sys_fstat(fd, &status);

    return error != 0 ? error : check_type(status.st_mode & S_IFMT);
}

static void
give_advice(struct dbio_descriptors *descriptors, const struct dbio_file_options *settings,
            bool direct)
{
    int advice = POSIX_FADV_NORMAL, result;

    /* Readahead around a file that goes direct would cache pages nobody asked for. */
    if (direct || settings->pattern == DBIO_PATTERN_RANDOM)
        advice = POSIX_FADV_RANDOM;
    else if (settings->pattern == DBIO_PATTERN_SEQUENTIAL)
        advice = POSIX_FADV_SEQUENTIAL;
    if (advice == descriptors->advice) /* NORMAL at first; else what an earlier handle wished */
        return;
    result = dbio__sys_fadvise(descriptors->buffered, 0, 0, advice);
    if (result == 0)
        descriptors->advice = advice;
}

/* -EOPNOTSUPP where there is no direct I/O, -EMFILE and the like where only a descriptor is
 * missing. */
static int
insist_on_direct(struct dbio_file *file)
{
    int refused;

    if (file->inode->ability != DBIO_REASON_NONE)
        return -EOPNOTSUPP;
    atomic_store_explicit(&file->descriptors->refused_ns, 0, memory_order_relaxed);
    if (dbio__file_direct(file) != DBIO_FD_NONE)
        return 0;
    refused = file->descriptors->refused;
    return refused == 0 || refused == -EINVAL ? -EOPNOTSUPP : refused;
}

/* What need not be asked at each request. */
static void
note_wish(struct dbio_file *file)
{
    struct dbio_standing wish = dbio__policy_standing(
        (enum dbio_mode)file->options.mode, (enum dbio_role)file->options.role, DBIO_REASON_NONE);

    file->wish = wish;
    file->plain_below = UINT64_MAX;
    if (wish.large_direct)
        file->plain_below = file->context->settings.large_request_bytes;
    if (wish.direct || file->options.mode == DBIO_MODE_DONTCACHE ||
        file->context->backend != &dbio__backend_sync)
        file->plain_below = 0;
}

/* Hangs descriptors and inode on a new handle. On failure the caller still owns both. */
static int
make_file(struct dbio_context *context, struct dbio_descriptors *descriptors,
          struct dbio_inode *inode, const struct dbio_file_options *settings,
          struct dbio_file **result)
{
    struct dbio_file *file = dbio__pool_take(&files);
    int error;

    if (file == NULL)
        return -ENOMEM;
    file->context = context;
    file->inode = inode;
    file->descriptors = descriptors;
    file->options = *settings;
    file->readable = descriptors->access != O_WRONLY;
    file->writable = descriptors->access != O_RDONLY;
    note_wish(file);
    atomic_fetch_add(&context->files, 1);
    error = settings->strictness == DBIO_STRICT_DIRECT ? insist_on_direct(file) : 0;
    if (error != 0) {
        atomic_fetch_sub(&context->files, 1);
        dbio_verify(dbio__pool_kill(&files, &file->pooled));
        dbio__pool_give(&files, &file->pooled);
        return error;
    }
    if (descriptors->reusable && descriptors->buffered != descriptors->lent)
        give_advice(descriptors, settings, dbio__file_standing(file).direct);
    *result = file;
    return 0;
}

/* make_file with descriptors that are all dbio's own: on failure they are given up. */
static int
finish_own(struct dbio_context *context, struct dbio_descriptors *descriptors,
           struct dbio_inode *inode, const struct dbio_file_options *settings,
           struct dbio_file **file)
{
    int error = make_file(context, descriptors, inode, settings, file);

    if (error != 0)
        (void)dbio__inode_release(inode, descriptors);
    return error;
}

static struct dbio_descriptors *
make_descriptors(int access)
{
    struct dbio_descriptors *descriptors = dbio__mem_alloc(sizeof(*descriptors));

    if (descriptors != NULL) {
        descriptors->access = access;
        descriptors->buffered = descriptors->adopted = descriptors->lent = DBIO_FD_NONE;
        atomic_init(&descriptors->direct, DBIO_FD_NONE);
    }
    return descriptors;
}

/* Descriptors of an earlier handle that could not be closed, if the path leads to their file:
 * opening and closing another one would drop the very locks they were kept for. A descriptor
 * made with O_PATH drops none. */
static struct dbio_descriptors *
reuse_parked(const char *path, int flags, struct dbio_inode **inode)
{
    struct dbio_descriptors *descriptors;
    int probe;

    /* O_CREAT alone is no hindrance: if the path leads to the file, there is none to create. */
    if ((flags & O_EXCL) != 0 || (flags & O_TMPFILE) == O_TMPFILE || !dbio__inode_any_parked())
        return NULL;
    probe = dbio__sys_openat(AT_FDCWD, path, O_PATH | O_CLOEXEC | (flags & O_NOFOLLOW), 0);
    if (probe < 0)
        return NULL;
    descriptors = dbio__inode_reuse(probe, flags & O_ACCMODE, inode);
    (void)dbio__close(probe);
    return descriptors;
}

/* Nothing listens on a socket, reads from a FIFO or drives a device: open says ENXIO or ENODEV
 * before we can ask what it is. */
static int
explain_no_device(const char *path, int flags, int error)
{
    int probe, type = 0;

    if (error != -ENXIO && error != -ENODEV)
        return error;
    probe = dbio__sys_openat(AT_FDCWD, path, O_PATH | O_CLOEXEC | (flags & O_NOFOLLOW), 0);
    if (probe >= 0) {
        type = check_descriptor(probe);
        (void)dbio__close(probe);
    }
    return type != 0 ? type : error;
}

/* Opens the path and finds the inode. */
static int
open_fresh(const char *path, int flags, mode_t permissions, struct dbio_descriptors **made,
           struct dbio_inode **inode)
{
    struct dbio_descriptors *descriptors = make_descriptors(flags & O_ACCMODE);
    int fd, error;

    if (descriptors == NULL)
        return -ENOMEM;
    /* O_NONBLOCK: a FIFO is refused, not waited for. It means nothing to a regular file. */
    fd = dbio__open(path, flags | O_NONBLOCK, permissions);
    error = fd < 0 ? explain_no_device(path, flags, fd) : check_descriptor(fd);
    if (error == 0)
        error = dbio__inode_acquire(fd, inode);
    if (error != 0) {
        if (fd >= 0)
            (void)dbio__close(fd);
        dbio__mem_free(descriptors, sizeof(*descriptors));
        return error;
    }
    descriptors->buffered = fd;
    descriptors->reusable = true;
    *made = descriptors;
    return 0;
}

int
dbio__file_settings(const struct dbio_file_options *options, struct dbio_file_options *settings)
{
    return dbio__settings_file(options, settings);
}

int
dbio__file_open(struct dbio_context *context, const char *path, int flags, mode_t permissions,
                const struct dbio_file_options *wishes, struct dbio_file **file)
{
    struct dbio_file_options settings = *wishes;
    struct dbio_descriptors *descriptors;
    struct dbio_inode *inode;
    int error = 0;

    if ((flags & O_DIRECT) != 0 && settings.mode == DBIO_MODE_AUTO)
        settings.mode = DBIO_MODE_DIRECT;
    if ((flags & O_DSYNC) != 0) /* O_SYNC contains it */
        settings.durability = DBIO_DURABILITY_WRITE;
    /* O_TRUNC is the caller's to do, as an exclusive operation. */
    flags &= ~(O_DIRECT | O_SYNC | O_TRUNC);

    descriptors = reuse_parked(path, flags, &inode);
    if (descriptors == NULL)
        error = open_fresh(path, flags, permissions, &descriptors, &inode);
    if (error != 0)
        return error;
    return finish_own(context, descriptors, inode, &settings, file);
}

/* Decides which descriptor serves what: the program's own where its flags allow it. */
static int
share_descriptor(struct dbio_descriptors *descriptors, int fd, long flags, unsigned how)
{
    bool direct = (flags & O_DIRECT) != 0, append = (flags & O_APPEND) != 0;
    bool borrow = (how & DBIO_ADOPT_BORROW) != 0, share = (how & DBIO_ADOPT_SHARE) != 0;

    descriptors->reusable = borrow || share; /* what is not the program's is dbio's own */
    if (share) {
        descriptors->lent = fd;
        descriptors->durable = (flags & O_DSYNC) != 0;
    }
    if (!borrow && !direct && (share || !append)) {
        descriptors->buffered = fd;
        return 0;
    }
    descriptors->buffered = dbio__open_again(fd, descriptors->access | (int)(flags & O_NOATIME));
    if (descriptors->buffered < 0)
        return descriptors->buffered;
    if (!borrow && direct && !append)
        atomic_init(&descriptors->direct, fd);
    else if (!borrow)
        descriptors->adopted = fd;
    return 0;
}

/* The descriptor stays the caller's: takes it out before the rest is given up. */
static void
take_out(struct dbio_descriptors *descriptors, int fd)
{
    if (descriptors->buffered == fd || descriptors->buffered < 0)
        descriptors->buffered = DBIO_FD_NONE;
    if (atomic_load(&descriptors->direct) == fd)
        atomic_store(&descriptors->direct, DBIO_FD_NONE);
    descriptors->adopted = descriptors->lent = DBIO_FD_NONE;
    descriptors->reusable = true; /* what is left is dbio's own */
}

/* What the flags of an adopted descriptor say. */
static int
heed_flags(long flags, unsigned how, struct dbio_file_options *settings)
{
    if (flags < 0)
        return (int)flags;
    if ((flags & O_PATH) != 0)
        return -EBADF;
    if ((how & DBIO_ADOPT_SHARE) != 0 && (flags & O_APPEND) != 0 && (flags & O_DIRECT) != 0)
        return -EINVAL;
    if ((flags & O_DIRECT) != 0 && settings->mode == DBIO_MODE_AUTO)
        settings->mode = DBIO_MODE_DIRECT;
    if ((flags & O_DSYNC) != 0)
        settings->durability = DBIO_DURABILITY_WRITE;
    return 0;
}

int
dbio__file_adopt(struct dbio_context *context, int fd, unsigned how,
                 const struct dbio_file_options *wishes, struct dbio_file **file)
{
    struct dbio_file_options settings = *wishes;
    struct dbio_descriptors *descriptors = NULL;
    struct dbio_inode *inode;
    long flags = dbio__sys_fcntl(fd, F_GETFL, 0);
    int error = heed_flags(flags, how, &settings);

    if (error == 0)
        error = check_descriptor(fd);
    if (error != 0)
        return error;
    if ((how & DBIO_ADOPT_BORROW) != 0)
        descriptors = dbio__inode_reuse(fd, (int)(flags & O_ACCMODE), &inode);
    if (descriptors != NULL)
        return finish_own(context, descriptors, inode, &settings, file);
    error = dbio__inode_acquire(fd, &inode);
    if (error != 0)
        return error;
    descriptors = make_descriptors((int)(flags & O_ACCMODE));
    if (descriptors == NULL) {
        error = -ENOMEM;
        goto release_inode;
    }
    error = share_descriptor(descriptors, fd, flags, how);
    if (error == 0)
        error = make_file(context, descriptors, inode, &settings, file);
    if (error == 0) {
        /* With O_APPEND the kernel ignores the offset of a write. (pwrite(2), BUGS) */
        if (descriptors->buffered == fd && (flags & O_APPEND) != 0)
            (*file)->writable = false;
        return 0;
    }
    take_out(descriptors, fd);
release_inode:
    dbio__inode_abandon(inode, descriptors);
    return error;
}

bool
dbio__file_is_true(const struct dbio_file *file)
{
    int lent = file->descriptors->lent;

    return lent == DBIO_FD_NONE || dbio__inode_is(file->inode, lent);
}

bool
dbio__file_owns(int fd)
{
    return dbio__open_owns(fd);
}

int
dbio__file_close(struct dbio_file *file)
{
    int latched, error;

    if (!dbio__pool_kill(&files, &file->pooled))
        return -EBADF;
    dbio__readahead_stop(file);
    latched =
        atomic_exchange(&file->inode->unreported, false) ? atomic_load(&file->inode->latched) : 0;
    error = dbio__inode_release(file->inode, file->descriptors);
    atomic_fetch_sub(&file->context->files, 1);
    dbio__pool_give(&files, &file->pooled);
    return (int)dbio__err_first(latched, error);
}

void
dbio__file_hold(struct dbio_file *file)
{
    uint64_t ours = (uint64_t)dbio__fork_generation() << 32;
    uint64_t held = atomic_load_explicit(&file->batched, memory_order_relaxed), next;

    do
        next = (held >> 32 == ours >> 32 ? held : ours) + 1;
    while (!atomic_compare_exchange_weak(&file->batched, &held, next));
}

void
dbio__file_let_go(struct dbio_file *file)
{
    /* Release pairs with the acquire below: nothing of the batch's uses the file any more. */
    atomic_fetch_sub_explicit(&file->batched, 1, memory_order_release);
}

bool
dbio__file_is_held(const struct dbio_file *file)
{
    uint64_t held = atomic_load_explicit(&file->batched, memory_order_acquire);

    return (uint32_t)held != 0 && held >> 32 == dbio__fork_generation();
}

int
dbio__file_open_direct(struct dbio_file *file)
{
    struct dbio_descriptors *descriptors = file->descriptors;
    uint64_t refused, now;
    int fd;

    /* What was refused a moment ago still is: a request must not cost an open in vain. */
    now = dbio__clock_coarse_ns();
    refused = atomic_load_explicit(&descriptors->refused_ns, memory_order_relaxed);
    if (refused != 0 && now - refused < RETRY_DIRECT_NS)
        return DBIO_FD_NONE;
    /* Held across open, so that two threads do not open one each. */
    dbio__lock_acquire(&file->inode->lock);
    fd = atomic_load(&descriptors->direct);
    if (fd < 0) {
        fd = dbio__open_again(descriptors->buffered, descriptors->access | O_DIRECT);
        if (fd >= 0) {
            atomic_store_explicit(&descriptors->direct, fd, memory_order_release);
        } else {
            descriptors->refused = fd;
            atomic_store_explicit(&descriptors->refused_ns, now, memory_order_relaxed);
            dbio_log(DBIO_LOG_WARN, "no O_DIRECT descriptor for inode %llu: %s; going buffered",
                     (unsigned long long)file->inode->identity.inode, dbio__err_name(fd));
            /* EINVAL is the file system's last word; anything else may pass. */
            if (fd == -EINVAL && dbio__inode_demote(file->inode, DBIO_REASON_NO_DESCRIPTOR))
                dbio__context_count(file->context, DBIO_STAT_DEMOTIONS, 1);
            fd = DBIO_FD_NONE;
        }
    }
    dbio__lock_release(&file->inode->lock);
    return fd;
}

struct dbio_standing
dbio__file_standing(const struct dbio_file *file)
{
    enum dbio_reason ability = dbio__inode_ability(file->inode);

    if (DBIO_UNLIKELY(ability == DBIO_REASON_FILE_MAPPED)) {
        dbio__inode_recheck_pins(file->inode);
        ability = dbio__inode_ability(file->inode);
    }
    /* Relaxed: whoever switches it expects requests in flight to go on. */
    if (DBIO_UNLIKELY(
            atomic_load_explicit(&file->context->board.place->off, memory_order_relaxed) != 0) &&
        ability == DBIO_REASON_NONE)
        ability = DBIO_REASON_SWITCHED_OFF;
    if (DBIO_LIKELY(ability == DBIO_REASON_NONE))
        return file->wish;
    return dbio__policy_standing((enum dbio_mode)file->options.mode,
                                 (enum dbio_role)file->options.role, ability);
}

off_t
dbio__file_size(const struct dbio_file *file)
{
    struct stat status;
    int error = dbio__sys_fstat(file->descriptors->buffered, &status);

    return error != 0 ? error : status.st_size;
}

static int DBIO_APART
await_turn(struct dbio_file *file, struct dbio_announcer *announcer, enum dbio_class class,
           struct dbio_range range, bool nowait, enum dbio_verdict verdict,
           struct dbio_announcement *a)
{
    struct dbio_turn turn = {.entry = file->inode->entry,
                             .class = class,
                             .range = range,
                             .nowait = nowait,
                             .counters = &file->context->board.place->counters,
                             .file = file,
                             .announcer = announcer};

    return dbio__arbitration_finish(&turn, verdict, a);
}

int
dbio__file_announce(struct dbio_file *file, enum dbio_class class, struct dbio_range range,
                    bool nowait, struct dbio_announcement *a)
{
    enum dbio_verdict verdict = dbio__arbitration_announce(file->inode->entry, class, range, a);

    if (DBIO_LIKELY(verdict == DBIO_CLEAR))
        return 0;
    return await_turn(file, NULL, class, range, nowait, verdict, a);
}

int
dbio__file_try_announce(struct dbio_file *file, struct dbio_announcer *announcer,
                        enum dbio_class class, struct dbio_range range, struct dbio_announcement *a)
{
    enum dbio_verdict verdict =
        dbio__arbitration_announce_as(announcer, file->inode->entry, class, range, a);

    if (DBIO_LIKELY(verdict == DBIO_CLEAR))
        return 0;
    return await_turn(file, announcer, class, range, true, verdict, a);
}

void
dbio__file_before_fork(void)
{
    dbio__lock_before_fork(&files.lock);
}

void
dbio__file_after_fork(void)
{
    dbio__lock_after_fork(&files.lock);
}
