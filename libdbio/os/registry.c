/*
 * registry.c - the file that the processes of a user share.
 *
 * Job:       open it with suspicion, size and map it, lock its bytes.
 * Not its:   what is in it: core/table.c; who is in it: engine/membership.c.
 * Callers:   engine/membership.c, recovery.c, outlook.c; notice.c and census.c for their file.
 * Lock:      its own byte locks; threads of one process exclude each other above.
 * Invariant: a file that this user did not make for dbio is never written to.
 */
#include "os/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "os/open.h"
#include "os/sys.h"

#define BYTE_TABLE 0
#define BYTE_OWNER 1 /* + owner */

void
dbio__registry_default_path(char *path)
{
    (void)snprintf(path, DBIO_REGISTRY_PATH, "/dev/shm/dbio-%u", (unsigned)geteuid());
}

static const char *
find_fault(const struct stat *status)
{
    if (!S_ISREG(status->st_mode))
        return "not a regular file";
    if (status->st_uid != geteuid())
        return "another user's";
    if ((status->st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return "open to other users (chmod 600)";
    if (status->st_nlink > 1)
        return "a file with several names";
    return NULL;
}

/* Opens what is there, or makes it. Two may make it at once: one of them does. */
static int
open_or_make(const char *path, bool make)
{
    int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK, tries, fd = -ENOENT;

    for (tries = 0; tries < 3; tries++) {
        fd = dbio__open(path, flags, 0);
        if (fd != -ENOENT || !make)
            return fd;
        fd = dbio__open(path, flags | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
        if (fd != -EEXIST)
            return fd;
    }
    return fd;
}

int
dbio__registry_open(const char *path, bool make, struct dbio_registry *registry, const char **why)
{
    struct stat status;
    int fd = open_or_make(path, make), error;

    *why = NULL;
    if (fd < 0)
        return fd;
    error = dbio__sys_fstat(fd, &status);
    if (error == 0) {
        *why = find_fault(&status);
        error = *why != NULL ? -EPERM : 0;
    }
    if (error != 0) {
        (void)dbio__close(fd);
        return error;
    }
    *registry = (struct dbio_registry){.fd = dbio__open_aside(fd),
                                       .device = (uint64_t)status.st_dev,
                                       .inode = (uint64_t)status.st_ino};
    return 0;
}

void
dbio__registry_close(struct dbio_registry *registry)
{
    /* A mapping that could not be undone costs address space, no more. */
    int error = registry->memory != NULL ? dbio__sys_munmap(registry->memory, registry->bytes) : 0;

    (void)error;
    (void)dbio__close(registry->fd);
    *registry = (struct dbio_registry){.fd = -1};
}

int
dbio__registry_size(const struct dbio_registry *registry, size_t bytes)
{
    struct stat status;
    int error = dbio__sys_fstat(registry->fd, &status);

    if (error != 0)
        return error;
    return (uint64_t)status.st_size == bytes ? 0 : -EBADMSG;
}

int
dbio__registry_map(struct dbio_registry *registry, size_t bytes, const char **why)
{
    struct stat status;
    int error = dbio__sys_fstat(registry->fd, &status);

    *why = NULL;
    if (error == 0 && status.st_size == 0) {
        /* Allocated, not only sized: a full /dev/shm shall fail here and not by SIGBUS. */
        do
            error = dbio__sys_fallocate(registry->fd, 0, 0, bytes);
        while (error == -EINTR);
        status.st_size = (off_t)bytes;
    }
    if (error != 0)
        return error;
    if ((uint64_t)status.st_size != bytes) {
        *why = "of a wrong size";
        return -EBADMSG;
    }
    registry->bytes = bytes;
    return dbio__sys_mmap(&registry->memory, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                          registry->fd, 0);
}

static int
lock_byte(int fd, int command, short type, off_t byte, struct flock *lock)
{
    int error;

    *lock = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    do
        error = (int)dbio__sys_fcntl(fd, command, (long)(intptr_t)lock);
    while (error == -EINTR);
    return error;
}

int
dbio__registry_lock(const struct dbio_registry *registry, bool wait)
{
    struct flock lock;
    int error =
        lock_byte(registry->fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, F_WRLCK, BYTE_TABLE, &lock);

    return error == -EACCES ? -EAGAIN : error;
}

void
dbio__registry_unlock(const struct dbio_registry *registry)
{
    struct flock lock;

    (void)lock_byte(registry->fd, F_OFD_SETLK, F_UNLCK, BYTE_TABLE, &lock);
}

int
dbio__registry_claim(const struct dbio_registry *registry, uint32_t owner)
{
    struct flock lock;
    int error = lock_byte(registry->fd, F_OFD_SETLK, F_WRLCK, BYTE_OWNER + (off_t)owner, &lock);

    return error == -EACCES ? -EAGAIN : error;
}

void
dbio__registry_disclaim(const struct dbio_registry *registry, uint32_t owner)
{
    struct flock lock;

    (void)lock_byte(registry->fd, F_OFD_SETLK, F_UNLCK, BYTE_OWNER + (off_t)owner, &lock);
}

int
dbio__registry_is_claimed(const struct dbio_registry *registry, uint32_t owner)
{
    struct flock lock;
    int error = lock_byte(registry->fd, F_OFD_GETLK, F_WRLCK, BYTE_OWNER + (off_t)owner, &lock);

    return error != 0 ? error : lock.l_type != F_UNLCK;
}

int
dbio__registry_open_again(const struct dbio_registry *registry, int *fd)
{
    int opened = dbio__open_again(registry->fd, O_RDWR);

    if (opened < 0)
        return opened;
    *fd = dbio__open_aside(opened);
    return 0;
}

int
dbio__registry_state(const struct dbio_registry *registry, enum dbio_registry_state *state)
{
    struct stat status;
    int error = dbio__sys_fstat(registry->fd, &status);

    if (error != 0 && error != -EBADF)
        return error;
    if (error != 0 || (uint64_t)status.st_dev != registry->device ||
        (uint64_t)status.st_ino != registry->inode)
        *state = DBIO_REGISTRY_LOST;
    else
        *state = status.st_nlink > 0 ? DBIO_REGISTRY_INTACT : DBIO_REGISTRY_REMOVED;
    return 0;
}

/* Does a line of /proc/PID/maps name the registry? "begin-end perms offset major:minor inode path"
 * (proc(5)). */
static bool
line_names(const struct dbio_registry *registry, const char *line)
{
    unsigned major, minor;
    unsigned long inode;

    return sscanf(line, "%*s %*s %*s %x:%x %lu", &major, &minor, &inode) == 3 &&
           makedev(major, minor) == registry->device && inode == registry->inode;
}

bool
dbio__registry_is_mapped_by(const struct dbio_registry *registry, pid_t pid)
{
    char path[40], text[4096];
    size_t held = 0;
    uint64_t at = 0;
    bool found = false;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    fd = dbio__open(path, O_RDONLY, 0);
    if (fd < 0)
        return false;
    while (!found) {
        ssize_t count = dbio__sys_pread(fd, text + held, sizeof(text) - 1 - held, at);
        char *line = text, *end;

        if (count == -EINTR)
            continue;
        if (count <= 0)
            break;
        at += (uint64_t)count;
        held += (size_t)count;
        text[held] = '\0';
        for (; (end = strchr(line, '\n')) != NULL && !found; line = end + 1) {
            *end = '\0';
            found = line_names(registry, line);
        }
        held -= (size_t)(line - text);
        if (held == sizeof(text) - 1) /* a path without an end: nothing of ours */
            held = 0;
        memmove(text, line, held);
    }
    (void)dbio__close(fd);
    return found;
}
