/*
 * dbio_vfs.c - the SQLite VFS `dbio`: registration, and which files go through dbio.
 *
 * Job:       register the VFS above SQLite's "unix"; open databases, rollback journals and
 *            write-ahead logs twice, once in the base for its locks and once in dbio for the bytes.
 * Not its:   what happens with an open file (vfs_file.c).
 * Callers:   SQLite; vfs_module.c or the embedding program for the registration.
 * Lock:      SQLITE_MUTEX_STATIC_VFS1 guards the registration; `state` never changes after it.
 * Invariant: both views of a database are the same inode. With a mismatch the locks would guard
 *            one file and the bytes go to another.
 *
 * Temporary files, super-journals and everything without a name are the base's alone. They belong
 * to one connection, nobody else reads them, and most never reach the disk.
 */
#include <sqlite3ext.h>

#include "dbio_vfs.h"
#include "vfs_file.h"
#include "vfs_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

/* sqlite3_uri_parameter() takes journal names, and sqlite3_str exists. */
#define SQLITE_VERSION_MIN 3031000
/* How often a database may be exchanged for another while it is being opened. */
#define OPEN_ATTEMPTS 5
/* The base's file follows ours in memory, aligned for anything. */
#define BASE_FILE_OFFSET ((sizeof(struct vfs_file) + 15) & ~(size_t)15)

static struct {
    sqlite3_vfs *base;
    struct dbio_context *context;
    int mode; /* for names without dbio_mode */
} state;

static int
open_failed(const char *name, int error, const char *why)
{
    sqlite3_log(SQLITE_CANTOPEN, "dbio: cannot open %s: %s", name,
                why ? why : dbio_error_text(error));
    errno = -error;
    return SQLITE_CANTOPEN;
}

/* A database carries parameters if it was opened by a URI. SQLite gives its journals names that
 * lead back to them, but does not set the flag again. */
static int
choose_mode(const char *name, int flags)
{
    const char *text = NULL;

    if (flags & (SQLITE_OPEN_URI | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL))
        text = sqlite3_uri_parameter(name, "dbio_mode");
    return text ? vfs_text_mode(text) : state.mode;
}

/* The wish is for the database. A frame of the log is 24 bytes and a page, so every write to a
 * journal is unaligned: in mode direct that is a copy through the cache and a wait for the disk
 * for each, in dontcache a page read back for each. Measured with 3000 small commits in WAL mode,
 * ext4: 0.82 s and 0.50 s against 0.36 s and 0.16 s this way. So only `buffered` holds for journals
 * too; with the others the role decides. */
static uint32_t
mode_for(int flags, int mode)
{
    if ((flags & SQLITE_OPEN_MAIN_DB) || mode == DBIO_MODE_BUFFERED)
        return (uint32_t)mode;
    return DBIO_MODE_AUTO;
}

/* The base has created the file and settled whether it may be written. */
static int
open_data(struct vfs_file *file, int granted, int mode)
{
    struct dbio_file_options options = {
        .size = sizeof(options),
        .mode = mode_for(granted, mode),
        .role = granted & SQLITE_OPEN_MAIN_DB ? DBIO_ROLE_DATA : DBIO_ROLE_LOG,
    };
    int access = granted & SQLITE_OPEN_READWRITE ? O_RDWR : O_RDONLY;

    return dbio_open(file->context, file->path, access | O_NOFOLLOW | O_CLOEXEC, 0, &options,
                     &file->data);
}

/* Does the path still lead to the base's inode? Asked after dbio has opened it, so that "yes"
 * means both have the same, unless the name left and came back in between. The base answers for
 * databases; a journal has no locks that could guard the wrong file. */
static int
has_moved(sqlite3_file *base)
{
    int moved = 0;
    int result = base->pMethods->xFileControl(base, SQLITE_FCNTL_HAS_MOVED, &moved);
    return result == SQLITE_OK && moved;
}

/* SQLITE_OK with both open, SQLITE_NOTFOUND if it is nothing that dbio opens, or an error; then
 * nothing is open. The base is closed first, for the reason at file_close(). */
static int
open_both(struct vfs_file *file, int flags, int *granted, int mode)
{
    for (int attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
        int result = state.base->xOpen(state.base, file->path, file->base, flags, granted);
        int error;

        if (result != SQLITE_OK)
            return result;
        error = open_data(file, *granted, mode);
        if (error == 0 && !has_moved(file->base))
            return SQLITE_OK;
        file->base->pMethods->xClose(file->base);
        if (error == 0)
            (void)dbio_close(file->data);
        if (error == -ENOTSUP || error == -ESPIPE)
            return SQLITE_NOTFOUND;
        if (error && error != -ENOENT)
            return open_failed(file->path, error, NULL);
    }
    return open_failed(file->path, -ENOENT, "its name keeps changing hands");
}

static int
is_ours(const char *name, int flags)
{
    int types = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
    return name != NULL && (flags & types) && !(flags & SQLITE_OPEN_DELETEONCLOSE);
}

static int
vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *head, int flags, int *out_flags)
{
    struct vfs_file *file = (struct vfs_file *)head;
    int granted = flags, mode, result;

    memset(head, 0, (size_t)vfs->szOsFile);
    if (!is_ours(name, flags))
        return state.base->xOpen(state.base, name, head, flags, out_flags);
    mode = choose_mode(name, flags);
    if (mode < 0)
        return open_failed(name, -EINVAL, "dbio_mode is none of auto, direct, buffered, dontcache");
    file->context = state.context;
    file->path = name;
    file->base = (sqlite3_file *)((char *)file + BASE_FILE_OFFSET);
    file->directory_due = (flags & SQLITE_OPEN_CREATE) && !(flags & SQLITE_OPEN_MAIN_DB);
    result = open_both(file, flags, &granted, mode);
    if (result == SQLITE_NOTFOUND) {
        memset(head, 0, (size_t)vfs->szOsFile);
        result = state.base->xOpen(state.base, name, head, flags, &granted);
    } else if (result == SQLITE_OK) {
        vfs_file_methods(file);
    }
    if (out_flags)
        *out_flags = granted;
    return result;
}

/* Everything that is not an open file is the base's, called with the base's own pointer. */

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    return state.base->xDelete(state.base, name, sync);
}

static int
vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *answer)
{
    (void)vfs;
    return state.base->xAccess(state.base, name, flags, answer);
}

static int
vfs_full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *path)
{
    (void)vfs;
    return state.base->xFullPathname(state.base, name, size, path);
}

static void *
vfs_dl_open(sqlite3_vfs *vfs, const char *name)
{
    (void)vfs;
    return state.base->xDlOpen(state.base, name);
}

static void
vfs_dl_error(sqlite3_vfs *vfs, int size, char *message)
{
    (void)vfs;
    state.base->xDlError(state.base, size, message);
}

static void (*vfs_dl_symbol(sqlite3_vfs *vfs, void *library, const char *symbol))(void)
{
    (void)vfs;
    return state.base->xDlSym(state.base, library, symbol);
}

static void
vfs_dl_close(sqlite3_vfs *vfs, void *library)
{
    (void)vfs;
    state.base->xDlClose(state.base, library);
}

static int
vfs_randomness(sqlite3_vfs *vfs, int size, char *bytes)
{
    (void)vfs;
    return state.base->xRandomness(state.base, size, bytes);
}

static int
vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return state.base->xSleep(state.base, microseconds);
}

static int
vfs_current_time(sqlite3_vfs *vfs, double *days)
{
    (void)vfs;
    return state.base->xCurrentTime(state.base, days);
}

static int
vfs_current_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *milliseconds)
{
    (void)vfs;
    return state.base->xCurrentTimeInt64(state.base, milliseconds);
}

static int
vfs_last_error(sqlite3_vfs *vfs, int size, char *message)
{
    (void)vfs;
    return state.base->xGetLastError(state.base, size, message);
}

static int
vfs_set_call(sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr call)
{
    (void)vfs;
    return state.base->xSetSystemCall(state.base, name, call);
}

static sqlite3_syscall_ptr
vfs_get_call(sqlite3_vfs *vfs, const char *name)
{
    (void)vfs;
    return state.base->xGetSystemCall(state.base, name);
}

static const char *
vfs_next_call(sqlite3_vfs *vfs, const char *name)
{
    (void)vfs;
    return state.base->xNextSystemCall(state.base, name);
}

static sqlite3_vfs dbio_vfs = {
    .iVersion = 3,
    .zName = "dbio",
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_pathname,
    .xDlOpen = vfs_dl_open,
    .xDlError = vfs_dl_error,
    .xDlSym = vfs_dl_symbol,
    .xDlClose = vfs_dl_close,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_current_time,
    .xGetLastError = vfs_last_error,
    .xCurrentTimeInt64 = vfs_current_time_ms,
    .xSetSystemCall = vfs_set_call,
    .xGetSystemCall = vfs_get_call,
    .xNextSystemCall = vfs_next_call,
};

static int
refuse(int result, const char *why)
{
    sqlite3_log(result, "dbio: %s", why);
    return result;
}

/* Fills in `state` and what of the VFS depends on the base. Held: the registration's mutex. */
static int
prepare(void)
{
    const char *wish = getenv("DBIO_SQLITE_MODE");
    int error;

    if (sqlite3_libversion_number() < SQLITE_VERSION_MIN)
        return refuse(SQLITE_ERROR, "this SQLite is older than 3.31");
    if (sqlite3_vfs_find(dbio_vfs.zName))
        return refuse(SQLITE_MISUSE, "there is a VFS of this name already");
    state.mode = wish && *wish ? vfs_text_mode(wish) : DBIO_MODE_AUTO;
    if (state.mode < 0)
        return refuse(SQLITE_ERROR, "DBIO_SQLITE_MODE is none of auto, direct, buffered, "
                                    "dontcache");
    state.base = sqlite3_vfs_find("unix");
    if (state.base == NULL || state.base->iVersion < 3)
        return refuse(SQLITE_ERROR, "this SQLite has no VFS \"unix\" of version 3");
    error = dbio_context_create(NULL, &state.context);
    if (error)
        return refuse(error == -ENOMEM ? SQLITE_NOMEM : SQLITE_ERROR, dbio_error_text(error));
    dbio_vfs.szOsFile = (int)BASE_FILE_OFFSET + state.base->szOsFile;
    dbio_vfs.mxPathname = state.base->mxPathname;
    return SQLITE_OK;
}

int
dbio_vfs_register(int make_default)
{
    sqlite3_mutex *mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_VFS1);
    int result = SQLITE_OK;

    sqlite3_mutex_enter(mutex);
    if (state.context == NULL)
        result = prepare();
    if (result == SQLITE_OK)
        result = sqlite3_vfs_register(&dbio_vfs, make_default);
    sqlite3_mutex_leave(mutex);
    return result;
}
