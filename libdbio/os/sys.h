/*
 * sys.h - the table of system calls: the only raw system calls of the library.
 *
 * Each entry can be replaced, so that a test can fail call 1, 2, 3, ... of any kind.
 * Results are the kernel's: a count or 0, or a negative errno. errno itself is read and
 * restored in sys.c and looked at nowhere else. None of these is a cancellation point.
 */
#ifndef OS_SYS_H
#define OS_SYS_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/compiler.h"

enum dbio_sys_call {
    DBIO_SYS_OPENAT,
    DBIO_SYS_CLOSE,
    DBIO_SYS_FCNTL,
    DBIO_SYS_FSTAT,
    DBIO_SYS_STATX,
    DBIO_SYS_FSTATFS,
    DBIO_SYS_IOCTL,
    DBIO_SYS_PREAD,
    DBIO_SYS_PWRITE,
    DBIO_SYS_PREADV2,
    DBIO_SYS_PWRITEV2,
    DBIO_SYS_FSYNC,
    DBIO_SYS_FDATASYNC,
    DBIO_SYS_SYNC_FILE_RANGE,
    DBIO_SYS_FTRUNCATE,
    DBIO_SYS_FALLOCATE,
    DBIO_SYS_FADVISE,
    DBIO_SYS_MMAP,
    DBIO_SYS_MUNMAP,
    DBIO_SYS_MINCORE,
    DBIO_SYS_CACHESTAT,
    DBIO_SYS_FUTEX,
    DBIO_SYS_MEMBARRIER,
    DBIO_SYS_VM_READ,
    DBIO_SYS_VM_WRITE,
    DBIO_SYS_IO_SETUP,
    DBIO_SYS_IO_SUBMIT,
    DBIO_SYS_IO_GETEVENTS,
    DBIO_SYS_IO_DESTROY,
    DBIO_SYS_COUNT
};

typedef long dbio_sys_fn(enum dbio_sys_call call, const long arguments[6]);

struct dbio_sys_entry {
    const char *name;  /* as strace prints it */
    long number;       /* of the system call */
    dbio_sys_fn *call; /* dbio__sys_real unless a test replaced it */
};

extern struct dbio_sys_entry dbio__sys_table[DBIO_SYS_COUNT];

/* Does the call. What replacements call through to. */
long dbio__sys_real(enum dbio_sys_call call, const long arguments[6]);

/* Flags of preadv2 and pwritev2 that headers before 6.x lack (uapi/linux/fs.h). */
#define DBIO_RWF_DSYNC     0x00000002
#define DBIO_RWF_NOWAIT    0x00000008
#define DBIO_RWF_ATOMIC    0x00000040
#define DBIO_RWF_DONTCACHE 0x00000080

struct stat;
struct statfs;
struct iocb; /* uapi/linux/aio_abi.h */
struct io_event;
struct dbio_statx; /* os/facts.c */

struct dbio_cachestat_range {
    uint64_t offset, length;
};
struct dbio_cachestat {                                           /* uapi/linux/mman.h, 6.5 */
    uint64_t cached, dirty, writeback, evicted, recently_evicted; /* pages */
};

/* One typed door per entry. */
DBIO_CHECKED int dbio__sys_openat(int directory, const char *path, int flags, mode_t permissions);
int dbio__sys_close(int fd);
DBIO_CHECKED long dbio__sys_fcntl(int fd, int command, long argument);
DBIO_CHECKED int dbio__sys_fstat(int fd, struct stat *result);
DBIO_CHECKED int dbio__sys_statx(int fd, unsigned mask, void *result_256_bytes);
DBIO_CHECKED int dbio__sys_fstatfs(int fd, struct statfs *result);
DBIO_CHECKED int dbio__sys_ioctl(int fd, unsigned long request, void *argument);
DBIO_CHECKED ssize_t dbio__sys_pread(int fd, void *buffer, size_t length, uint64_t offset);
DBIO_CHECKED ssize_t dbio__sys_pwrite(int fd, const void *buffer, size_t length, uint64_t offset);
DBIO_CHECKED ssize_t dbio__sys_preadv2(int fd, const struct iovec *vector, int count,
                                       uint64_t offset, int rwf);
DBIO_CHECKED ssize_t dbio__sys_pwritev2(int fd, const struct iovec *vector, int count,
                                        uint64_t offset, int rwf);
DBIO_CHECKED int dbio__sys_fsync(int fd);
DBIO_CHECKED int dbio__sys_fdatasync(int fd);
DBIO_CHECKED int dbio__sys_sync_file_range(int fd, uint64_t offset, uint64_t length,
                                           unsigned flags);
DBIO_CHECKED int dbio__sys_ftruncate(int fd, uint64_t size);
DBIO_CHECKED int dbio__sys_fallocate(int fd, int how, uint64_t offset, uint64_t length);
DBIO_CHECKED int dbio__sys_fadvise(int fd, uint64_t offset, uint64_t length, int advice);
/* The mapping through *address. */
DBIO_CHECKED int dbio__sys_mmap(void **address, size_t length, int protection, int flags, int fd,
                                uint64_t offset);
DBIO_CHECKED int dbio__sys_munmap(void *address, size_t length);
DBIO_CHECKED int dbio__sys_mincore(void *address, size_t length, unsigned char *pages);
DBIO_CHECKED int dbio__sys_cachestat(int fd, const struct dbio_cachestat_range *range,
                                     struct dbio_cachestat *result);
/* Waits while *word == expected, at most timeout_ns (0: for ever). 0, -EAGAIN (the word had
 * another value), -EINTR or -ETIMEDOUT. `shared`: the word may be in memory that other
 * processes map. */
DBIO_CHECKED int dbio__sys_futex_wait(_Atomic uint32_t *word, uint32_t expected,
                                      uint64_t timeout_ns, int shared);
/* membarrier(2), MEMBARRIER_CMD_GLOBAL_EXPEDITED (4.16): a memory barrier in every running thread of
 * every process that has registered; 0.5 us on an idle machine of two cores. -EPERM or -ENOSYS
 * behind a filter. A child of fork registers anew. */
DBIO_CHECKED int dbio__sys_membarrier_register(void);
DBIO_CHECKED int dbio__sys_membarrier(void);
/* Copies between `own` and other memory of this process, which may turn out not to be there: the bytes
 * copied, -EFAULT, or -EPERM or -ENOSYS behind a filter (process_vm_readv(2)). */
DBIO_CHECKED ssize_t dbio__sys_vm_read(const struct iovec *own, const struct iovec *other,
                                       int count);
DBIO_CHECKED ssize_t dbio__sys_vm_write(const struct iovec *own, const struct iovec *other,
                                        int count);
/* The kernel's own asynchronous I/O (io_submit(2)); os/drain.c measures with it. */
DBIO_CHECKED int dbio__sys_io_setup(unsigned depth, unsigned long *queue);
DBIO_CHECKED int dbio__sys_io_submit(unsigned long queue, long count, struct iocb **requests);
/* What has completed by now, without waiting. */
DBIO_CHECKED int dbio__sys_io_getevents(unsigned long queue, long count, struct io_event *events);
/* Waits for what is outstanding. */
int dbio__sys_io_destroy(unsigned long queue);
/* Wakes all waiters; their number. */
int dbio__sys_futex_wake(_Atomic uint32_t *word, int shared);

#endif
