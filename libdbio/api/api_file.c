/*
 * api_file.c - the front door of dbio_file.h, but for reads and writes (api_transfer.c).
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/arguments.h"
#include "dbio_file.h"
#include "engine/advice.h"
#include "engine/durability.h"
#include "engine/exclusive.h"
#include "engine/mapping.h"
#include "engine/span.h"
#include "engine/writeback.h"

#define MAP_FLAGS (MAP_SHARED | MAP_PRIVATE | MAP_POPULATE | MAP_NORESERVE)

/* What F_GETFL shows on every descriptor of a 64-bit program; glibc's O_LARGEFILE is 0 there. */
#define KERNEL_LARGEFILE 0100000

/* Flags of open(2) that mean something here; the rest would change what a read or a write is. */
#define OPEN_FLAGS                                                                            \
    (O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW | O_NOATIME | O_TMPFILE | O_DIRECT | \
     O_SYNC | O_DSYNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | KERNEL_LARGEFILE)

int
dbio_open(struct dbio_context *context, const char *path, int flags, mode_t permissions,
          const struct dbio_file_options *options, struct dbio_file **file)
{
    struct dbio_file_options settings;
    struct dbio_file *opened;
    int error = dbio__check_context(context);

    if (error == 0 && (path == NULL || file == NULL || (flags & ~OPEN_FLAGS) != 0 ||
                       (flags & O_ACCMODE) == O_ACCMODE ||
                       ((flags & O_TRUNC) != 0 && (flags & O_ACCMODE) == O_RDONLY)))
        error = -EINVAL;
    if (error == 0)
        error = dbio__file_settings(options, &settings);
    if (error == 0 && (flags & O_DIRECT) != 0 &&
        (settings.mode == DBIO_MODE_BUFFERED || settings.mode == DBIO_MODE_DONTCACHE))
        error = -EINVAL;
    if (error == 0)
        error = dbio__file_open(context, path, flags, permissions, &settings, &opened);
    if (error == 0 && (flags & O_TRUNC) != 0 && opened->writable) {
        error = dbio__exclusive_truncate(opened, 0);
        if (error != 0) {
            int closed = dbio__file_close(opened);

            (void)closed; /* the first error is reported */
        }
    }
    if (error == 0)
        *file = opened;
    return error;
}

int
dbio_adopt(struct dbio_context *context, int fd, unsigned flags,
           const struct dbio_file_options *options, struct dbio_file **file)
{
    struct dbio_file_options settings;
    int error = dbio__check_context(context);

    if (error == 0 && (file == NULL || flags > DBIO_ADOPT_SHARE))
        error = -EINVAL;
    if (error == 0 && fd < 0)
        error = -EBADF;
    if (error == 0)
        error = dbio__file_settings(options, &settings);
    if (error != 0)
        return error;
    return dbio__file_adopt(context, fd, flags, &settings, file);
}

int
dbio_owns_descriptor(int fd)
{
    return dbio__file_owns(fd);
}

int
dbio_close(struct dbio_file *file)
{
    int error = dbio__check_file(file);

    if (error == 0 && dbio__file_is_held(file))
        error = -EBUSY;
    return error != 0 ? error : dbio__file_close(file);
}

int
dbio_fdatasync(struct dbio_file *file)
{
    int error = dbio__check_file(file);

    return error != 0 ? error : dbio__durability_sync(file, true);
}

int
dbio_fsync(struct dbio_file *file)
{
    int error = dbio__check_file(file);

    return error != 0 ? error : dbio__durability_sync(file, false);
}

int
dbio_sync_range(struct dbio_file *file, off_t offset, off_t length)
{
    struct dbio_range range;
    int error = dbio__check_file(file);

    if (error == 0)
        error = dbio__check_span(offset, length, &range);
    if (error != 0)
        return error;
    return dbio__durability_report(file, dbio__writeback_range(file, range));
}

static int
check_writable(const struct dbio_file *file)
{
    int error = dbio__check_file(file);

    return error == 0 && !file->writable ? -EBADF : error;
}

int
dbio_truncate(struct dbio_file *file, off_t size)
{
    int error = check_writable(file);

    if (error == 0 && size < 0)
        error = -EINVAL;
    return error != 0 ? error : dbio__exclusive_truncate(file, (uint64_t)size);
}

int
dbio_allocate(struct dbio_file *file, off_t offset, off_t length, unsigned flags)
{
    struct dbio_range range;
    int error = check_writable(file);

    if (error == 0)
        error = dbio__check_span(offset, length, &range);
    if (error == 0 && (length == 0 || (flags & ~DBIO_KEEP_SIZE) != 0))
        error = -EINVAL;
    if (error != 0)
        return error;
    return dbio__exclusive_allocate(file, (flags & DBIO_KEEP_SIZE) != 0 ? FALLOC_FL_KEEP_SIZE : 0,
                                    range);
}

/* The operations of fallocate(2) on a range that must not be empty. */
static int
change_range(struct dbio_file *file, int how, off_t offset, off_t length)
{
    struct dbio_range range;
    int error = check_writable(file);

    if (error == 0)
        error = dbio__check_span(offset, length, &range);
    if (error == 0 && length == 0)
        error = -EINVAL;
    return error != 0 ? error : dbio__exclusive_allocate(file, how, range);
}

int
dbio_punch(struct dbio_file *file, off_t offset, off_t length)
{
    return change_range(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int
dbio_collapse(struct dbio_file *file, off_t offset, off_t length)
{
    return change_range(file, FALLOC_FL_COLLAPSE_RANGE, offset, length);
}

int
dbio_insert(struct dbio_file *file, off_t offset, off_t length)
{
    return change_range(file, FALLOC_FL_INSERT_RANGE, offset, length);
}

int
dbio_advise(struct dbio_file *file, off_t offset, off_t length, int advice)
{
    struct dbio_range range;
    int error = dbio__check_file(file);

    if (error == 0)
        error = dbio__check_span(offset, length, &range);
    if (error == 0 && (advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE))
        error = -EINVAL;
    return error != 0 ? error : dbio__advice_give(file, range, advice);
}

int
dbio_map(struct dbio_file *file, off_t offset, size_t length, int protection, int flags,
         void **address)
{
    int error = dbio__check_file(file);

    if (error == 0)
        error = dbio__check_range(offset, length);
    if (error == 0 && (address == NULL || length == 0 || (flags & ~MAP_FLAGS) != 0 ||
                       offset % sysconf(_SC_PAGESIZE) != 0))
        error = -EINVAL;
    if (error != 0)
        return error;
    return dbio__mapping_add(file, (uint64_t)offset, length, protection, flags, address);
}

int
dbio_unmap(struct dbio_file *file, void *address, size_t length)
{
    int error = dbio__check_file(file);

    return error != 0 ? error : dbio__mapping_remove(file, address, length);
}

off_t
dbio_size(struct dbio_file *file)
{
    int error = dbio__check_file(file);

    return error != 0 ? error : dbio__file_size(file);
}

int
dbio_span_begin(struct dbio_file *file, unsigned io_class, off_t offset, off_t length,
                unsigned flags, struct dbio_span *span)
{
    struct dbio_range range;
    int error = dbio__check_file(file);

    if (error == 0)
        error = dbio__check_span(offset, length, &range);
    if (error == 0 && (span == NULL || io_class >= DBIO_CLASS_COUNT || (flags & ~DBIO_NOWAIT) != 0))
        error = -EINVAL;
    if (error != 0)
        return error;
    return dbio__span_begin(file, (enum dbio_class)io_class, range, (flags & DBIO_NOWAIT) != 0,
                            span);
}

int
dbio_span_end(struct dbio_file *file, struct dbio_span *span)
{
    int error = dbio__check_file(file);

    if (error == 0 && span == NULL)
        error = -EINVAL;
    return error != 0 ? error : dbio__span_end(file, span);
}

int
dbio_demote(struct dbio_file *file, unsigned reason)
{
    int error = dbio__check_file(file);

    if (error == 0 && reason != DBIO_REASON_FILE_MAPPED &&
        (reason < DBIO_REASON_USED_BY_CURSOR || reason > DBIO_REASON_POLICY))
        error = -EINVAL;
    return error != 0 ? error : dbio__span_demote(file, (enum dbio_reason)reason);
}
