/*
 * tpcc_copy.c - equal copies of a database to start from.
 *
 * Job: copy one file, make it durable, and drop both from the page cache, so that no contender
 * starts with what another left in memory. Called by compare. No lock: nobody has the files open.
 * Must always hold: a copy that could not be completed is an error, never a short file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tpcc_copy.h"
#include "tpcc_util.h"

#define PIECE (1u << 20)

static int
copy_bytes(int from, int to)
{
    char *piece = tpcc_alloc(PIECE, 1);
    ssize_t got;
    int error = 0;
    while ((got = read(from, piece, PIECE)) > 0) {
        for (ssize_t done = 0; done < got && !error;) {
            ssize_t wrote = write(to, piece + done, (size_t)(got - done));
            if (wrote < 0)
                error = errno;
            else
                done += wrote;
        }
        if (error)
            break;
    }
    if (got < 0)
        error = errno;
    free(piece);
    return error;
}

int
tpcc_copy_file(const char *from, const char *to)
{
    int error = 0;
    int target = -1;
    int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0) {
        error = errno;
        goto done;
    }
    target = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (target < 0) {
        error = errno;
        goto done;
    }
    if (ioctl(target, FICLONE, source))
        error = copy_bytes(source, target);
    if (!error && fdatasync(target))
        error = errno;
    posix_fadvise(source, 0, 0, POSIX_FADV_DONTNEED);
    posix_fadvise(target, 0, 0, POSIX_FADV_DONTNEED);
done:
    if (source >= 0)
        close(source);
    if (target >= 0 && close(target) && !error)
        error = errno;
    if (error)
        tpcc_complain("cannot copy %s to %s: %s", from, to, strerror(error));
    return error ? -1 : 0;
}
