/*
 * vfs_file.c - what SQLite does with an open file.
 *
 * Job:       bytes, sizes and syncs through dbio; locks, shared memory and the facts of the
 *            device through the unix VFS's file on the same inode; dbio's PRAGMAs.
 * Not its:   opening, and choosing which files come here (dbio_vfs.c).
 * Callers:   SQLite, for databases, rollback journals and write-ahead logs.
 * Lock:      none of its own: SQLite lets one thread at a time use a sqlite3_file, dbio arbitrates
 *            between handles, and SQLite's file locks order connections and processes.
 * Invariant: not a byte of the file moves through the base, so dbio's tracking sees every request
 *            of this process; and no descriptor of dbio's is closed while the base has one open.
 *
 * No mmap: pages of a mapping cannot be tracked, so the methods have no xFetch (version 2), SQLite
 * reads with xRead, and PRAGMA mmap_size answers 0.
 */
#include <sqlite3ext.h>

#include "vfs_file.h"
#include "vfs_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

SQLITE_EXTENSION_INIT3

static struct vfs_file *
file_of(sqlite3_file *head)
{
    return (struct vfs_file *)head;
}

/* Remembers and logs an error of dbio's. SQLite asks for the number in two ways: by file control,
 * and through xGetLastError, which in the unix VFS reads errno. */
static int
fail(struct vfs_file *file, int error, int result, const char *what)
{
    file->last_errno = -error;
    sqlite3_log(result, "dbio: cannot %s %s: %s", what, file->path, dbio_error_text(error));
    errno = -error;
    return result;
}

/* As the unix VFS sorts them: errors of the device say that the file system is damaged. */
static int
read_failed(struct vfs_file *file, int error)
{
    int damaged = error == -EIO || error == -ENXIO || error == -ERANGE;
    return fail(file, error, damaged ? SQLITE_IOERR_CORRUPTFS : SQLITE_IOERR_READ, "read");
}

static int
write_failed(struct vfs_file *file, int error)
{
    int full = error == -ENOSPC || error == -EDQUOT;
    return fail(file, error, full ? SQLITE_FULL : SQLITE_IOERR_WRITE, "write");
}

/* A short count is the end of the file or the front part of a failure: only asking for the rest
 * tells which. Bytes past the end must read as zeros, or SQLite would trust old memory. */
static int
file_read(sqlite3_file *head, void *buffer, int length, sqlite3_int64 offset)
{
    struct vfs_file *file = file_of(head);
    char *target = buffer;
    int done = 0;

    while (done < length) {
        ssize_t count =
            dbio_pread(file->data, target + done, (size_t)(length - done), offset + done, 0);
        if (count < 0)
            return read_failed(file, (int)count);
        if (count == 0) {
            file->last_errno = 0;
            memset(target + done, 0, (size_t)(length - done));
            return SQLITE_IOERR_SHORT_READ;
        }
        done += (int)count;
    }
    return SQLITE_OK;
}

/* A short count here means that the rest does not fit: the next call brings the reason. */
static int
file_write(sqlite3_file *head, const void *buffer, int length, sqlite3_int64 offset)
{
    struct vfs_file *file = file_of(head);
    const char *source = buffer;
    int done = 0;

    while (done < length) {
        ssize_t count =
            dbio_pwrite(file->data, source + done, (size_t)(length - done), offset + done, 0);
        if (count <= 0)
            return write_failed(file, count ? (int)count : -ENOSPC);
        done += (int)count;
    }
    return SQLITE_OK;
}

static sqlite3_int64
round_to_chunk(const struct vfs_file *file, sqlite3_int64 size)
{
    if (file->chunk <= 0)
        return size;
    return (size + file->chunk - 1) / file->chunk * file->chunk;
}

static int
file_truncate(sqlite3_file *head, sqlite3_int64 size)
{
    struct vfs_file *file = file_of(head);
    int error = dbio_truncate(file->data, round_to_chunk(file, size));
    return error ? fail(file, error, SQLITE_IOERR_TRUNCATE, "truncate") : SQLITE_OK;
}

/* Makes the name of a new journal durable: without it, a power cut could leave a half-written
 * database and no journal to roll it back. A directory that may not be read, or that cannot be
 * synced, is passed over, as in the unix VFS; a device that fails is not. */
static int
sync_directory(struct vfs_file *file)
{
    const char *slash = strrchr(file->path, '/');
    int length = slash == file->path ? 1 : (int)(slash ? slash - file->path : 0);
    char *directory = sqlite3_mprintf("%.*s", slash ? length : 1, slash ? file->path : ".");
    int descriptor, error = 0;

    if (directory == NULL)
        return SQLITE_NOMEM;
    descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sqlite3_free(directory);
    if (descriptor < 0)
        return SQLITE_OK;
    if (fsync(descriptor) < 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
        error = -errno;
    close(descriptor);
    return error ? fail(file, error, SQLITE_IOERR_DIR_FSYNC, "sync the directory of") : SQLITE_OK;
}

/* fdatasync whether or not SQLITE_SYNC_DATAONLY is set, as the unix VFS on Linux: it includes the
 * size and the block map, and a commit does not need the time stamps. Nothing is retried: dbio
 * goes on failing until the file is opened again, because the kernel may have dropped the data. */
static int
file_sync(sqlite3_file *head, int flags)
{
    struct vfs_file *file = file_of(head);
    int error = dbio_fdatasync(file->data);
    int result;

    (void)flags;
    if (error)
        return fail(file, error, SQLITE_IOERR_FSYNC, "sync");
    if (!file->directory_due)
        return SQLITE_OK;
    result = sync_directory(file);
    if (result == SQLITE_OK)
        file->directory_due = 0;
    return result;
}

static int
file_size(sqlite3_file *head, sqlite3_int64 *size)
{
    struct vfs_file *file = file_of(head);
    sqlite3_int64 now = dbio_size(file->data);

    if (now < 0)
        return fail(file, (int)now, SQLITE_IOERR_FSTAT, "ask the size of");
    *size = now == 1 ? 0 : now; /* one byte counts as empty for the unix VFS: the same answer */
    return SQLITE_OK;
}

/* The base first. Closing any descriptor of an inode drops all POSIX locks this process has on it,
 * other connections' included. The base knows its connections and keeps its descriptor while one
 * of them holds a lock; dbio then closes its own once no handle and no lock is left. */
static int
file_close(sqlite3_file *head)
{
    struct vfs_file *file = file_of(head);
    int result = file->base->pMethods->xClose(file->base);
    int error = dbio_close(file->data);

    file->data = NULL;
    head->pMethods = NULL;
    if (error && result == SQLITE_OK)
        result = fail(file, error, SQLITE_IOERR_CLOSE, "close");
    return result;
}

static int
file_lock(sqlite3_file *head, int level)
{
    sqlite3_file *base = file_of(head)->base;
    return base->pMethods->xLock(base, level);
}

static int
file_unlock(sqlite3_file *head, int level)
{
    sqlite3_file *base = file_of(head)->base;
    return base->pMethods->xUnlock(base, level);
}

static int
file_check_reserved(sqlite3_file *head, int *reserved)
{
    sqlite3_file *base = file_of(head)->base;
    return base->pMethods->xCheckReservedLock(base, reserved);
}

static int
file_sector(sqlite3_file *head)
{
    sqlite3_file *base = file_of(head)->base;
    return base->pMethods->xSectorSize(base);
}

/* Batch-atomic writes (F2FS) are made of writes to the base's own descriptor: not offered. */
static int
file_characteristics(sqlite3_file *head)
{
    sqlite3_file *base = file_of(head)->base;
    return base->pMethods->xDeviceCharacteristics(base) & ~SQLITE_IOCAP_BATCH_ATOMIC;
}

static int
shm_map(sqlite3_file *head, int region, int size, int extend, void volatile **address)
{
    sqlite3_file *base = file_of(head)->base;
    return base->pMethods->xShmMap(base, region, size, extend, address);
}

static int
shm_lock(sqlite3_file *head, int offset, int count, int flags)
{
    sqlite3_file *base = file_of(head)->base;
    return base->pMethods->xShmLock(base, offset, count, flags);
}

static void
shm_barrier(sqlite3_file *head)
{
    sqlite3_file *base = file_of(head)->base;
    base->pMethods->xShmBarrier(base);
}

static int
shm_unmap(sqlite3_file *head, int remove)
{
    sqlite3_file *base = file_of(head)->base;
    return base->pMethods->xShmUnmap(base, remove);
}

/* As the unix VFS: a hint counts only with a chunk size, and a file system that cannot allocate
 * ahead has lost nothing. */
static int
take_size_hint(struct vfs_file *file, sqlite3_int64 hint)
{
    sqlite3_int64 size = dbio_size(file->data);
    sqlite3_int64 target = round_to_chunk(file, hint);
    int error;

    if (size < 0)
        return fail(file, (int)size, SQLITE_IOERR_FSTAT, "ask the size of");
    if (file->chunk <= 0 || target <= size)
        return SQLITE_OK;
    error = dbio_allocate(file->data, size, target - size, 0);
    return error && error != -EOPNOTSUPP ? write_failed(file, error) : SQLITE_OK;
}

/* arguments: [0] takes the answer, [1] is the name. */
static int
answer_pragma(struct vfs_file *file, char **arguments)
{
    if (sqlite3_stricmp(arguments[1], "dbio_stats") == 0)
        arguments[0] = vfs_text_stats(file->context);
    else if (sqlite3_stricmp(arguments[1], "dbio_why") == 0)
        arguments[0] = vfs_text_why(file->data);
    else
        return SQLITE_NOTFOUND;
    return arguments[0] ? SQLITE_OK : SQLITE_NOMEM;
}

static int
pass_control(struct vfs_file *file, int operation, void *argument)
{
    return file->base->pMethods->xFileControl(file->base, operation, argument);
}

/* Above the name of the VFS below, as SQLite's own shims do it: "dbio/unix". */
static int
answer_name(struct vfs_file *file, char **name)
{
    int result = pass_control(file, SQLITE_FCNTL_VFSNAME, name);
    if (result == SQLITE_OK)
        *name = sqlite3_mprintf("dbio/%z", *name);
    return result;
}

/* What concerns bytes is answered here; locks, names and flags are the base's. */
static int
file_control(sqlite3_file *head, int operation, void *argument)
{
    struct vfs_file *file = file_of(head);
    int result = SQLITE_NOTFOUND;

    switch (operation) {
    case SQLITE_FCNTL_PRAGMA:
        result = answer_pragma(file, argument);
        break;
    case SQLITE_FCNTL_VFSNAME:
        return answer_name(file, argument);
    case SQLITE_FCNTL_CHUNK_SIZE:
        file->chunk = *(int *)argument;
        return SQLITE_OK;
    case SQLITE_FCNTL_SIZE_HINT:
        return take_size_hint(file, *(sqlite3_int64 *)argument);
    case SQLITE_FCNTL_MMAP_SIZE:
        *(sqlite3_int64 *)argument = 0;
        return SQLITE_OK;
    case SQLITE_FCNTL_LAST_ERRNO:
        if (file->last_errno == 0)
            break;
        *(int *)argument = file->last_errno;
        return SQLITE_OK;
    case SQLITE_FCNTL_BEGIN_ATOMIC_WRITE:
    case SQLITE_FCNTL_COMMIT_ATOMIC_WRITE:
    case SQLITE_FCNTL_ROLLBACK_ATOMIC_WRITE:
        return SQLITE_NOTFOUND;
    default:
        break;
    }
    return result == SQLITE_NOTFOUND ? pass_control(file, operation, argument) : result;
}

#define FILE_METHODS                                                                            \
    .xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate, \
    .xSync = file_sync, .xFileSize = file_size, .xLock = file_lock, .xUnlock = file_unlock,     \
    .xCheckReservedLock = file_check_reserved, .xFileControl = file_control,                    \
    .xSectorSize = file_sector, .xDeviceCharacteristics = file_characteristics

static const sqlite3_io_methods plain_methods = {.iVersion = 1, FILE_METHODS};

static const sqlite3_io_methods shared_methods = {
    .iVersion = 2,
    FILE_METHODS,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* A base without shared memory (a journal, a database opened with nolock=1) has no WAL; SQLite
 * learns that from the methods, so it must be said by ours too. */
void
vfs_file_methods(struct vfs_file *file)
{
    const sqlite3_io_methods *base = file->base->pMethods;
    int shared = base->iVersion >= 2 && base->xShmMap != NULL;
    file->head.pMethods = shared ? &shared_methods : &plain_methods;
}
