/*
 * err.c - errors in words.
 *
 * Job:       the name of an errno, and what it means when dbio returns it.
 * Not its:   errno itself; that is os/sys.c's.
 * Callers:   api/api_error.c and log lines.
 * Lock:      none: constant tables.
 * Invariant: every text says what to do; none is NULL.
 */
#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

static const struct {
    int error;
    const char *text;
} texts[] = {
    {0, "No error."},
    {EINVAL,
     "An argument is wrong: a NULL handle, a negative offset or size, an offset plus length "
     "past 2^63 - 1, an unknown flag or option value, or a struct of the wrong size. "
     "Nothing was done; correct the call."},
    {E2BIG,
     "An option is set that this version of the library does not know. Clear it, or run with "
     "the library that the program was built against."},
    {EBADF, "The handle was closed or the descriptor is not open, or it is not open for this "
            "direction. Open it again, or open it for reading and writing."},
    {EFAULT, "A buffer lies outside the memory of the program, or is NULL with a length. Correct "
             "the pointer."},
    {EIO, "The device failed, now or (syncs) earlier. After a failed sync the kernel may have "
          "dropped the data: do not retry; close every handle, open again and recover from your "
          "log."},
    {EAGAIN, "The call would have to wait for the disk or for an overlapping request. Call again "
             "later, or without DBIO_NOWAIT."},
    {EBUSY, "It is still in use: a context has open files, or buffers that are lent. Close or "
            "release them "
            "first."},
    {ENOBUFS, "The context has lent as many buffers as it may. Release some, raise the option "
              "buffer_bytes, or use memory of your own."},
    {ENOMEM, "No memory is left. Free some and call again."},
    {EMFILE, "The process has too many descriptors open. Close some, or raise RLIMIT_NOFILE."},
    {ENFILE, "The system has too many descriptors open. Close some, or raise fs.file-max."},
    {ENOSPC, "The file system is full. Free space and write again; after a failed sync, open again "
             "and recover from your log."},
    {EDQUOT, "The quota is used up. Free space or raise it; after a failed sync, open again and "
             "recover from your log."},
    {EFBIG, "The file would become larger than the file system or RLIMIT_FSIZE allows. Write less, "
            "or raise the limit."},
    {EOPNOTSUPP, "The file or its file system cannot do this: no direct I/O (DBIO_STRICT_DIRECT), "
                 "no atomic writes (DBIO_ATOMIC), no hole punching, or it is not a regular file. "
                 "Ask for less, or use another file system."},
    {EISDIR, "It is a directory. Name a regular file."},
    {ESPIPE, "It is a FIFO, a socket or a character device. Name a regular file."},
    {ENOENT,
     "There is no such file, or a directory of its path is missing. Check the path, or open "
     "with O_CREAT."},
    {EEXIST, "The file exists already. Open without O_EXCL, or use another name."},
    {ENOTDIR, "A part of the path is not a directory. Check the path."},
    {ENAMETOOLONG, "The path or one of its names is too long. Use a shorter one."},
    {ELOOP, "The path has too many symbolic links, or O_NOFOLLOW met one. Check the path."},
    {EACCES,
     "The permissions of the file or of a directory do not allow this. Change them, or open "
     "for reading only."},
    {EPERM, "The system does not allow this: the file is immutable, append-only or sealed, or a "
            "security policy forbids the call. Change that, or do without."},
    {EROFS, "The file system is mounted read-only. Mount it read-write, or open for reading only."},
    {ETXTBSY, "The file is a program that is running, or a swap file. Stop it first."},
    {EOVERFLOW, "The offset or the size is too large for the file system. Use a smaller one."},
    {ENXIO, "The device behind the file is missing. Check the hardware and the mount."},
    {ENODEV,
     "The file or its device does not offer this (mapping, for example). Use another way or "
     "another file system."},
    {EINTR, "A signal arrived before anything was done. Call again."},
    {ENOSYS, "The kernel does not offer this. Run a newer one, or do without."},
    {ESTALE, "The file vanished from its server. Close it and open it again."},
    {ETIMEDOUT, "The device or server did not answer in time. Check it, then treat this as EIO."},
};

/* The positive errno, 0 for what cannot be one. */
static int
strip_sign(int error)
{
    if (error >= 0)
        return error;
    return error == INT_MIN ? 0 : -error;
}

const char *
dbio__err_name(int error)
{
    int number = strip_sign(error);
    const char *name = number == 0 ? NULL : strerrorname_np(number);

    return name != NULL ? name : "?";
}

const char *
dbio__err_text(int error)
{
    int number = strip_sign(error);

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].error == number)
            return texts[i].text;
    }
    return "The kernel refused. The manual page of the system call explains this error: open(2), "
           "pread(2), pwrite(2), fsync(2), ftruncate(2), fallocate(2) or mmap(2).";
}
