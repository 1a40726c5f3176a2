/*
 * shim_real.h - the functions that would have been called without the shim: those of the next
 * library in the search order that has them, libc or another preload.
 *
 * Of names that come in two spellings (pread, pread64) each has its own next.
 */
#ifndef SHIM_SHIM_REAL_H
#define SHIM_SHIM_REAL_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>

struct aiocb;
struct aiocb64;
struct iocb;
struct io_uring;
struct sigevent;

#define SHIM_TWICE(X, name, type, arguments) \
    X(name, type, arguments)                 \
    X(name##64, type, arguments)

#define SHIM_REAL_LIST(X)                                                       \
    SHIM_TWICE(X, open, int, (const char *, int, ...))                          \
    SHIM_TWICE(X, openat, int, (int, const char *, int, ...))                   \
    SHIM_TWICE(X, creat, int, (const char *, mode_t))                           \
    SHIM_TWICE(X, fcntl, int, (int, int, ...))                                  \
    SHIM_TWICE(X, fopen, FILE *, (const char *, const char *))                  \
    SHIM_TWICE(X, freopen, FILE *, (const char *, const char *, FILE *))        \
    X(__open_2, int, (const char *, int))                                       \
    X(__open64_2, int, (const char *, int))                                     \
    X(__openat_2, int, (int, const char *, int))                                \
    X(__openat64_2, int, (int, const char *, int))                              \
    X(close, int, (int))                                                        \
    X(close_range, int, (unsigned, unsigned, int))                              \
    X(closefrom, void, (int))                                                   \
    X(dup, int, (int))                                                          \
    X(dup2, int, (int, int))                                                    \
    X(dup3, int, (int, int, int))                                               \
    X(fdopen, FILE *, (int, const char *))                                      \
    X(fclose, int, (FILE *))                                                    \
    SHIM_TWICE(X, pread, ssize_t, (int, void *, size_t, off_t))                 \
    SHIM_TWICE(X, pwrite, ssize_t, (int, const void *, size_t, off_t))          \
    SHIM_TWICE(X, preadv, ssize_t, (int, const struct iovec *, int, off_t))     \
    SHIM_TWICE(X, pwritev, ssize_t, (int, const struct iovec *, int, off_t))    \
    X(preadv2, ssize_t, (int, const struct iovec *, int, off_t, int))           \
    X(preadv64v2, ssize_t, (int, const struct iovec *, int, off_t, int))        \
    X(pwritev2, ssize_t, (int, const struct iovec *, int, off_t, int))          \
    X(pwritev64v2, ssize_t, (int, const struct iovec *, int, off_t, int))       \
    X(__pread_chk, ssize_t, (int, void *, size_t, off_t, size_t))               \
    X(__pread64_chk, ssize_t, (int, void *, size_t, off_t, size_t))             \
    X(read, ssize_t, (int, void *, size_t))                                     \
    X(__read_chk, ssize_t, (int, void *, size_t, size_t))                       \
    X(readv, ssize_t, (int, const struct iovec *, int))                         \
    X(write, ssize_t, (int, const void *, size_t))                              \
    X(writev, ssize_t, (int, const struct iovec *, int))                        \
    SHIM_TWICE(X, sendfile, ssize_t, (int, int, off_t *, size_t))               \
    X(copy_file_range, ssize_t, (int, off_t *, int, off_t *, size_t, unsigned)) \
    X(splice, ssize_t, (int, off_t *, int, off_t *, size_t, unsigned))          \
    X(fsync, int, (int))                                                        \
    X(fdatasync, int, (int))                                                    \
    SHIM_TWICE(X, ftruncate, int, (int, off_t))                                 \
    SHIM_TWICE(X, fallocate, int, (int, int, off_t, off_t))                     \
    SHIM_TWICE(X, posix_fallocate, int, (int, off_t, off_t))                    \
    SHIM_TWICE(X, posix_fadvise, int, (int, off_t, off_t, int))                 \
    X(readahead, ssize_t, (int, off_t, size_t))                                 \
    SHIM_TWICE(X, mmap, void *, (void *, size_t, int, int, int, off_t))         \
    X(io_submit, int, (void *, long, struct iocb **))                           \
    X(io_uring_submit, int, (struct io_uring *))                                \
    X(io_uring_submit_and_wait, int, (struct io_uring *, unsigned))             \
    X(io_uring_queue_exit, void, (struct io_uring *))                           \
    X(aio_read, int, (struct aiocb *))                                          \
    X(aio_read64, int, (struct aiocb64 *))                                      \
    X(aio_write, int, (struct aiocb *))                                         \
    X(aio_write64, int, (struct aiocb64 *))                                     \
    X(lio_listio, int, (int, struct aiocb *const *, int, struct sigevent *))    \
    X(lio_listio64, int, (int, struct aiocb64 *const *, int, struct sigevent *))

#define SHIM_POINTER(name, type, arguments) type(*name) arguments;
struct shim_real {
    SHIM_REAL_LIST(SHIM_POINTER)
};
#undef SHIM_POINTER

extern struct shim_real shim_real;
extern bool shim_resolved;

/* Finds them all; what a library further on lacks stays NULL or is answered with ENOSYS. */
void shim_resolve(void);

/* SHIM_NEXT(pread)(...): calls the next pread, found at the first call of any. */
#define SHIM_NEXT(name) \
    (__builtin_expect(shim_resolved, 1) ? (void)0 : shim_resolve(), shim_real.name)

#endif
