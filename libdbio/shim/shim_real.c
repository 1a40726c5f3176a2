/*
 * shim_real.c - the next functions, found once.
 *
 * Job:       dlsym every name; stand in with raw system calls while that goes on.
 * Not its:   what is done with them.
 * Callers:   every family of wrappers.
 * Lock:      none: finding them twice finds the same.
 * Invariant: a pointer that was found never changes.
 *
 * dlsym may allocate, and the program's allocator may call mmap, open, read and close, which are
 * ours: those have a stand-in from the start.
 */
#include "shim/shim_real.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
raw_openat(int directory, const char *path, int flags, ...)
{
    va_list rest;
    mode_t mode;

    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
    return (int)syscall(SYS_openat, directory, path, flags, mode);
}

static int
raw_open(const char *path, int flags, ...)
{
    va_list rest;
    mode_t mode;

    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static int
raw_close(int fd)
{
    return (int)syscall(SYS_close, fd);
}

static ssize_t
raw_read(int fd, void *buffer, size_t length)
{
    return syscall(SYS_read, fd, buffer, length);
}

static ssize_t
raw_write(int fd, const void *buffer, size_t length)
{
    return syscall(SYS_write, fd, buffer, length);
}

static void *
raw_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    /* (void *)-1 is MAP_FAILED, as the kernel's -1 from syscall(2). */
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

struct shim_real shim_real = {
    .open = raw_open,
    .open64 = raw_open,
    .openat = raw_openat,
    .openat64 = raw_openat,
    .close = raw_close,
    .read = raw_read,
    .write = raw_write,
    .mmap = raw_mmap,
    .mmap64 = raw_mmap,
};
bool shim_resolved;

/* dlsym gives an object pointer; POSIX promises that it can be a function's. */
static void
find(void *pointer, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found != NULL)
        memcpy(pointer, &found, sizeof(found));
}

#define FIND(name, type, arguments) find(&shim_real.name, #name);

void
shim_resolve(void)
{
    /* Volatile: <dlfcn.h> declares dlsym a leaf, and a compiler that believes it never stores. */
    static _Thread_local volatile bool resolving __attribute__((tls_model("initial-exec")));

    if (resolving) /* called by what dlsym calls: the stand-ins do */
        return;
    resolving = true;
    SHIM_REAL_LIST(FIND)
    resolving = false;
    __atomic_store_n(&shim_resolved, true, __ATOMIC_RELEASE);
}
