/*
 * sys.c - the table of system calls.
 *
 * Job:       turn typed calls into system calls by number, and errno into a result.
 * Not its:   retrying, continuing short transfers, choosing.
 * Callers:   os/, backend/ and engine/; tests replace entries.
 * Lock:      none. The table is constant outside tests.
 * Invariant: errno has the same value after a call as before it.
 *
 * By syscall(2) and not by libc's functions: those are cancellation points, and a preloaded
 * library (our own shim among them) may stand in their place.
 */
#include "os/sys.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451 /* 6.5; the same on every architecture but alpha */
#endif

/* Offsets travel in one register, and struct stat is the kernel's own. */
_Static_assert(sizeof(long) == 8 && sizeof(void *) == 8 && sizeof(off_t) == 8, "needs LP64");

#define ENTRY(name, number)          \
    {                                \
        name, number, dbio__sys_real \
    }

struct dbio_sys_entry dbio__sys_table[DBIO_SYS_COUNT] = {
    [DBIO_SYS_OPENAT] = ENTRY("openat", SYS_openat),
    [DBIO_SYS_CLOSE] = ENTRY("close", SYS_close),
    [DBIO_SYS_FCNTL] = ENTRY("fcntl", SYS_fcntl),
    [DBIO_SYS_FSTAT] = ENTRY("fstat", SYS_fstat),
    [DBIO_SYS_STATX] = ENTRY("statx", SYS_statx),
    [DBIO_SYS_FSTATFS] = ENTRY("fstatfs", SYS_fstatfs),
    [DBIO_SYS_IOCTL] = ENTRY("ioctl", SYS_ioctl),
    [DBIO_SYS_PREAD] = ENTRY("pread64", SYS_pread64),
    [DBIO_SYS_PWRITE] = ENTRY("pwrite64", SYS_pwrite64),
    [DBIO_SYS_PREADV2] = ENTRY("preadv2", SYS_preadv2),
    [DBIO_SYS_PWRITEV2] = ENTRY("pwritev2", SYS_pwritev2),
    [DBIO_SYS_FSYNC] = ENTRY("fsync", SYS_fsync),
    [DBIO_SYS_FDATASYNC] = ENTRY("fdatasync", SYS_fdatasync),
    [DBIO_SYS_SYNC_FILE_RANGE] = ENTRY("sync_file_range", SYS_sync_file_range),
    [DBIO_SYS_FTRUNCATE] = ENTRY("ftruncate", SYS_ftruncate),
    [DBIO_SYS_FALLOCATE] = ENTRY("fallocate", SYS_fallocate),
    [DBIO_SYS_FADVISE] = ENTRY("fadvise64", SYS_fadvise64),
    [DBIO_SYS_MMAP] = ENTRY("mmap", SYS_mmap),
    [DBIO_SYS_MUNMAP] = ENTRY("munmap", SYS_munmap),
    [DBIO_SYS_MINCORE] = ENTRY("mincore", SYS_mincore),
    [DBIO_SYS_CACHESTAT] = ENTRY("cachestat", SYS_cachestat),
    [DBIO_SYS_FUTEX] = ENTRY("futex", SYS_futex),
    [DBIO_SYS_MEMBARRIER] = ENTRY("membarrier", SYS_membarrier),
    [DBIO_SYS_VM_READ] = ENTRY("process_vm_readv", SYS_process_vm_readv),
    [DBIO_SYS_VM_WRITE] = ENTRY("process_vm_writev", SYS_process_vm_writev),
    [DBIO_SYS_IO_SETUP] = ENTRY("io_setup", SYS_io_setup),
    [DBIO_SYS_IO_SUBMIT] = ENTRY("io_submit", SYS_io_submit),
    [DBIO_SYS_IO_GETEVENTS] = ENTRY("io_getevents", SYS_io_getevents),
    [DBIO_SYS_IO_DESTROY] = ENTRY("io_destroy", SYS_io_destroy),
};

long
dbio__sys_real(enum dbio_sys_call call, const long arguments[6])
{
    int saved = errno;
    long result = syscall(dbio__sys_table[call].number, arguments[0], arguments[1], arguments[2],
                          arguments[3], arguments[4], arguments[5]);

    if (result == -1)
        result = -errno;
    errno = saved;
    return result;
}

/* A system call without a call: what returns from the kernel finds the processor's memory of return
 * addresses overwritten, and each function between here and the caller costs a wrong guess (6 ns
 * measured, AMD, 6.18). Worth it for reads and writes alone. */
#if defined(__x86_64__)
static inline long
call_inline(long number, long a, long b, long c, long d)
{
    register long fourth __asm__("r10") = d;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}
#define CALL_INLINE(which, a, b, c, d)                              \
    if (DBIO_LIKELY(dbio__sys_table[which].call == dbio__sys_real)) \
    return call_inline(dbio__sys_table[which].number, (a), (b), (c), (d))
#else
#define CALL_INLINE(which, a, b, c, d) (void)0
#endif

/* Missing arguments are 0. */
#define CALL(which, ...) dbio__sys_table[which].call((which), (const long[6]){__VA_ARGS__})

int
dbio__sys_openat(int directory, const char *path, int flags, mode_t permissions)
{
    return (int)CALL(DBIO_SYS_OPENAT, directory, (long)path, flags, (long)permissions);
}

int
dbio__sys_close(int fd)
{
    return (int)CALL(DBIO_SYS_CLOSE, fd);
}

long
dbio__sys_fcntl(int fd, int command, long argument)
{
    return CALL(DBIO_SYS_FCNTL, fd, command, argument);
}

int
dbio__sys_fstat(int fd, struct stat *result)
{
    return (int)CALL(DBIO_SYS_FSTAT, fd, (long)result);
}

int
dbio__sys_statx(int fd, unsigned mask, void *result_256_bytes)
{
    return (int)CALL(DBIO_SYS_STATX, fd, (long)"", AT_EMPTY_PATH, (long)mask,
                     (long)result_256_bytes);
}

int
dbio__sys_fstatfs(int fd, struct statfs *result)
{
    return (int)CALL(DBIO_SYS_FSTATFS, fd, (long)result);
}

int
dbio__sys_ioctl(int fd, unsigned long request, void *argument)
{
    return (int)CALL(DBIO_SYS_IOCTL, fd, (long)request, (long)argument);
}

ssize_t
dbio__sys_pread(int fd, void *buffer, size_t length, uint64_t offset)
{
    CALL_INLINE(DBIO_SYS_PREAD, fd, (long)buffer, (long)length, (long)offset);
    return CALL(DBIO_SYS_PREAD, fd, (long)buffer, (long)length, (long)offset);
}

ssize_t
dbio__sys_pwrite(int fd, const void *buffer, size_t length, uint64_t offset)
{
    CALL_INLINE(DBIO_SYS_PWRITE, fd, (long)buffer, (long)length, (long)offset);
    return CALL(DBIO_SYS_PWRITE, fd, (long)buffer, (long)length, (long)offset);
}

/* The kernel takes the offset as two longs, low and high, also where one long holds it: it
 * then shifts the high one out (pos_from_hilo, fs/read_write.c). */
ssize_t
dbio__sys_preadv2(int fd, const struct iovec *vector, int count, uint64_t offset, int rwf)
{
    return CALL(DBIO_SYS_PREADV2, fd, (long)vector, count, (long)offset, 0, rwf);
}

ssize_t
dbio__sys_pwritev2(int fd, const struct iovec *vector, int count, uint64_t offset, int rwf)
{
    return CALL(DBIO_SYS_PWRITEV2, fd, (long)vector, count, (long)offset, 0, rwf);
}

int
dbio__sys_fsync(int fd)
{
    return (int)CALL(DBIO_SYS_FSYNC, fd);
}

int
dbio__sys_fdatasync(int fd)
{
    return (int)CALL(DBIO_SYS_FDATASYNC, fd);
}

int
dbio__sys_sync_file_range(int fd, uint64_t offset, uint64_t length, unsigned flags)
{
    return (int)CALL(DBIO_SYS_SYNC_FILE_RANGE, fd, (long)offset, (long)length, (long)flags);
}

int
dbio__sys_ftruncate(int fd, uint64_t size)
{
    return (int)CALL(DBIO_SYS_FTRUNCATE, fd, (long)size);
}

int
dbio__sys_fallocate(int fd, int how, uint64_t offset, uint64_t length)
{
    return (int)CALL(DBIO_SYS_FALLOCATE, fd, how, (long)offset, (long)length);
}

int
dbio__sys_fadvise(int fd, uint64_t offset, uint64_t length, int advice)
{
    return (int)CALL(DBIO_SYS_FADVISE, fd, (long)offset, (long)length, advice);
}

int
dbio__sys_mmap(void **address, size_t length, int protection, int flags, int fd, uint64_t offset)
{
    long result = CALL(DBIO_SYS_MMAP, 0, (long)length, protection, flags, fd, (long)offset);

    /* The last page of the address space is never mapped: such values are errors. */
    if (result < 0)
        return (int)result;
    *address = (void *)result;
    return 0;
}

int
dbio__sys_munmap(void *address, size_t length)
{
    return (int)CALL(DBIO_SYS_MUNMAP, (long)address, (long)length);
}

int
dbio__sys_mincore(void *address, size_t length, unsigned char *pages)
{
    return (int)CALL(DBIO_SYS_MINCORE, (long)address, (long)length, (long)pages);
}

int
dbio__sys_cachestat(int fd, const struct dbio_cachestat_range *range, struct dbio_cachestat *result)
{
    return (int)CALL(DBIO_SYS_CACHESTAT, fd, (long)range, (long)result, 0);
}

int
dbio__sys_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns, int shared)
{
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000u),
                               (long)(timeout_ns % 1000000000u)};
    int operation = FUTEX_WAIT | (shared ? 0 : FUTEX_PRIVATE_FLAG);

    return (int)CALL(DBIO_SYS_FUTEX, (long)word, operation, (long)expected,
                     timeout_ns == 0 ? 0 : (long)&timeout);
}

int
dbio__sys_futex_wake(_Atomic uint32_t *word, int shared)
{
    int operation = FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE_FLAG);

    return (int)CALL(DBIO_SYS_FUTEX, (long)word, operation, INT_MAX);
}

ssize_t
dbio__sys_vm_read(const struct iovec *own, const struct iovec *other, int count)
{
    return CALL(DBIO_SYS_VM_READ, getpid(), (long)own, 1, (long)other, count);
}

ssize_t
dbio__sys_vm_write(const struct iovec *own, const struct iovec *other, int count)
{
    return CALL(DBIO_SYS_VM_WRITE, getpid(), (long)own, 1, (long)other, count);
}

int
dbio__sys_membarrier_register(void)
{
    return (int)CALL(DBIO_SYS_MEMBARRIER, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
}

int
dbio__sys_membarrier(void)
{
    return (int)CALL(DBIO_SYS_MEMBARRIER, MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

int
dbio__sys_io_setup(unsigned depth, unsigned long *queue)
{
    return (int)CALL(DBIO_SYS_IO_SETUP, (long)depth, (long)queue);
}

int
dbio__sys_io_submit(unsigned long queue, long count, struct iocb **requests)
{
    return (int)CALL(DBIO_SYS_IO_SUBMIT, (long)queue, count, (long)requests);
}

int
dbio__sys_io_getevents(unsigned long queue, long count, struct io_event *events)
{
    struct timespec now = {0, 0};

    return (int)CALL(DBIO_SYS_IO_GETEVENTS, (long)queue, 0, count, (long)events, (long)&now);
}

int
dbio__sys_io_destroy(unsigned long queue)
{
    return (int)CALL(DBIO_SYS_IO_DESTROY, (long)queue);
}
