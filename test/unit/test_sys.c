/*
 * test_sys.c - the table of system calls: that every door passes its arguments where the
 * kernel looks for them (recorded, without a kernel), that they work (with one), that errno is
 * left alone, and that t_fault, on which the other tests stand, does what it says.
 */
#include "os/sys.h"

#include <errno.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "t_fault.h"
#include "t_file.h"
#include "t_support.h"

#define FAR ((uint64_t)5 << 30) /* needs more than 32 bits */

static long recorded[6];
static enum dbio_sys_call recorded_call;
static long answer;

static long
record(enum dbio_sys_call call, const long arguments[6])
{
    recorded_call = call;
    memcpy(recorded, arguments, sizeof(recorded));
    return answer;
}

static void
record_all(void)
{
    for (int i = 0; i < DBIO_SYS_COUNT; i++)
        dbio__sys_table[i].call = record;
}

static bool
was(enum dbio_sys_call call, long a, long b, long c, long d, long e, long f)
{
    const long wanted[6] = {a, b, c, d, e, f};

    return recorded_call == call && memcmp(recorded, wanted, sizeof(wanted)) == 0;
}

START_TEST(every_entry_is_complete_and_real)
{
    for (int i = 0; i < DBIO_SYS_COUNT; i++) {
        ck_assert_ptr_nonnull(dbio__sys_table[i].name);
        ck_assert(dbio__sys_table[i].call == dbio__sys_real);
        for (int other = 0; other < i; other++)
            ck_assert_int_ne(dbio__sys_table[i].number, dbio__sys_table[other].number);
    }
    ck_assert_int_eq(dbio__sys_table[DBIO_SYS_CACHESTAT].number, 451);
    ck_assert_int_eq(dbio__sys_table[DBIO_SYS_PREADV2].number, SYS_preadv2);
}
END_TEST

START_TEST(descriptor_calls_pass_their_arguments)
{
    struct stat status;
    struct statfs system;
    char buffer[256] = "";

    record_all();
    ck_assert_int_eq(dbio__sys_openat(3, buffer, O_RDWR, 0640), 0);
    ck_assert(was(DBIO_SYS_OPENAT, 3, (long)buffer, O_RDWR, 0640, 0, 0));
    ck_assert_int_eq(dbio__sys_close(4), 0);
    ck_assert(was(DBIO_SYS_CLOSE, 4, 0, 0, 0, 0, 0));
    ck_assert_int_eq(dbio__sys_fcntl(5, F_SETFL, O_APPEND), 0);
    ck_assert(was(DBIO_SYS_FCNTL, 5, F_SETFL, O_APPEND, 0, 0, 0));
    ck_assert_int_eq(dbio__sys_fstat(6, &status), 0);
    ck_assert(was(DBIO_SYS_FSTAT, 6, (long)&status, 0, 0, 0, 0));
    ck_assert_int_eq(dbio__sys_statx(7, 0x12345, buffer), 0);
    ck_assert(recorded_call == DBIO_SYS_STATX && recorded[0] == 7);
    ck_assert_str_eq((const char *)recorded[1], "");
    ck_assert(recorded[2] == AT_EMPTY_PATH && recorded[3] == 0x12345);
    ck_assert_int_eq(recorded[4], (long)buffer);
    ck_assert_int_eq(dbio__sys_fstatfs(8, &system), 0);
    ck_assert(was(DBIO_SYS_FSTATFS, 8, (long)&system, 0, 0, 0, 0));
    ck_assert_int_eq(dbio__sys_ioctl(9, 0x80086601, buffer), 0);
    ck_assert(was(DBIO_SYS_IOCTL, 9, 0x80086601, (long)buffer, 0, 0, 0));
}
END_TEST

START_TEST(transfers_pass_their_arguments)
{
    struct iovec vector[3];
    char buffer[16];

    answer = 12;
    record_all();
    ck_assert_int_eq(dbio__sys_pread(3, buffer, 16, FAR), 12);
    ck_assert(was(DBIO_SYS_PREAD, 3, (long)buffer, 16, FAR, 0, 0));
    ck_assert_int_eq(dbio__sys_pwrite(4, buffer, 15, FAR + 1), 12);
    ck_assert(was(DBIO_SYS_PWRITE, 4, (long)buffer, 15, FAR + 1, 0, 0));
    ck_assert_int_eq(dbio__sys_preadv2(5, vector, 3, FAR, DBIO_RWF_NOWAIT), 12);
    ck_assert(was(DBIO_SYS_PREADV2, 5, (long)vector, 3, FAR, 0, DBIO_RWF_NOWAIT));
    ck_assert_int_eq(dbio__sys_pwritev2(6, vector, 2, FAR, DBIO_RWF_DSYNC), 12);
    ck_assert(was(DBIO_SYS_PWRITEV2, 6, (long)vector, 2, FAR, 0, DBIO_RWF_DSYNC));
}
END_TEST

START_TEST(range_calls_pass_their_arguments)
{
    record_all();
    ck_assert_int_eq(dbio__sys_fsync(3), 0);
    ck_assert(was(DBIO_SYS_FSYNC, 3, 0, 0, 0, 0, 0));
    ck_assert_int_eq(dbio__sys_fdatasync(4), 0);
    ck_assert(was(DBIO_SYS_FDATASYNC, 4, 0, 0, 0, 0, 0));
    ck_assert_int_eq(dbio__sys_sync_file_range(5, FAR, FAR + 1, 7), 0);
    ck_assert(was(DBIO_SYS_SYNC_FILE_RANGE, 5, FAR, FAR + 1, 7, 0, 0));
    ck_assert_int_eq(dbio__sys_ftruncate(6, FAR), 0);
    ck_assert(was(DBIO_SYS_FTRUNCATE, 6, FAR, 0, 0, 0, 0));
    ck_assert_int_eq(dbio__sys_fallocate(7, 3, FAR, FAR + 2), 0);
    ck_assert(was(DBIO_SYS_FALLOCATE, 7, 3, FAR, FAR + 2, 0, 0));
    ck_assert_int_eq(dbio__sys_fadvise(8, FAR, FAR + 3, POSIX_FADV_RANDOM), 0);
    ck_assert(was(DBIO_SYS_FADVISE, 8, FAR, FAR + 3, POSIX_FADV_RANDOM, 0, 0));
}
END_TEST

START_TEST(memory_calls_pass_their_arguments)
{
    struct dbio_cachestat_range range;
    struct dbio_cachestat counts;
    unsigned char pages[4];
    void *address = NULL;

    answer = 0x7000;
    record_all();
    ck_assert_int_eq(dbio__sys_mmap(&address, 8192, PROT_READ, MAP_PRIVATE, 3, FAR), 0);
    ck_assert(was(DBIO_SYS_MMAP, 0, 8192, PROT_READ, MAP_PRIVATE, 3, FAR));
    ck_assert_uint_eq((uintptr_t)address, 0x7000);
    answer = 0;
    ck_assert_int_eq(dbio__sys_munmap(address, 8192), 0);
    ck_assert(was(DBIO_SYS_MUNMAP, 0x7000, 8192, 0, 0, 0, 0));
    ck_assert_int_eq(dbio__sys_mincore(address, 8192, pages), 0);
    ck_assert(was(DBIO_SYS_MINCORE, 0x7000, 8192, (long)pages, 0, 0, 0));
    ck_assert_int_eq(dbio__sys_cachestat(4, &range, &counts), 0);
    ck_assert(was(DBIO_SYS_CACHESTAT, 4, (long)&range, (long)&counts, 0, 0, 0));
    answer = -ENOMEM;
    ck_assert_int_eq(dbio__sys_mmap(&address, 8192, PROT_READ, MAP_PRIVATE, 3, 0), -ENOMEM);
    ck_assert_uint_eq((uintptr_t)address, 0x7000);
}
END_TEST

START_TEST(futex_calls_pass_their_arguments)
{
    _Atomic uint32_t word = 0;

    record_all();
    ck_assert_int_eq(dbio__sys_futex_wait(&word, UINT32_MAX, 0, 1), 0);
    ck_assert(was(DBIO_SYS_FUTEX, (long)&word, FUTEX_WAIT, UINT32_MAX, 0, 0, 0));
    ck_assert_int_eq(dbio__sys_futex_wait(&word, 5, 1, 0), 0);
    ck_assert_int_eq(recorded[1], FUTEX_WAIT | FUTEX_PRIVATE_FLAG);
    ck_assert_int_ne(recorded[3], 0);
    ck_assert_int_eq(dbio__sys_futex_wake(&word, 1), 0);
    ck_assert(was(DBIO_SYS_FUTEX, (long)&word, FUTEX_WAKE, INT32_MAX, 0, 0, 0));
    ck_assert_int_eq(dbio__sys_futex_wake(&word, 0), 0);
    ck_assert_int_eq(recorded[1], FUTEX_WAKE | FUTEX_PRIVATE_FLAG);
}
END_TEST

START_TEST(a_bad_descriptor_is_the_kernels_ebadf_and_errno_stays)
{
    struct dbio_cachestat_range range = {0, 0};
    struct dbio_cachestat counts;
    struct iovec vector = {&counts, sizeof(counts)};
    struct stat status;
    struct statfs system;
    unsigned char bytes[256];
    void *address;

    errno = 12345;
    ck_assert_int_eq(dbio__sys_openat(-1, "x", O_RDONLY, 0), -EBADF);
    ck_assert_int_eq(dbio__sys_close(-1), -EBADF);
    ck_assert_int_eq(dbio__sys_fcntl(-1, F_GETFL, 0), -EBADF);
    ck_assert_int_eq(dbio__sys_fstat(-1, &status), -EBADF);
    ck_assert_int_eq(dbio__sys_statx(-1, 0, bytes), -EBADF);
    ck_assert_int_eq(dbio__sys_fstatfs(-1, &system), -EBADF);
    ck_assert_int_eq(dbio__sys_ioctl(-1, 0, bytes), -EBADF);
    ck_assert_int_eq(dbio__sys_pread(-1, bytes, 1, 0), -EBADF);
    ck_assert_int_eq(dbio__sys_pwrite(-1, bytes, 1, 0), -EBADF);
    ck_assert_int_eq(dbio__sys_preadv2(-1, &vector, 1, 0, 0), -EBADF);
    ck_assert_int_eq(dbio__sys_pwritev2(-1, &vector, 1, 0, 0), -EBADF);
    ck_assert_int_eq(dbio__sys_fsync(-1), -EBADF);
    ck_assert_int_eq(dbio__sys_fdatasync(-1), -EBADF);
    ck_assert_int_eq(dbio__sys_sync_file_range(-1, 0, 0, 0), -EBADF);
    ck_assert_int_eq(dbio__sys_ftruncate(-1, 0), -EBADF);
    ck_assert_int_eq(dbio__sys_fallocate(-1, 0, 0, 1), -EBADF);
    ck_assert_int_eq(dbio__sys_fadvise(-1, 0, 0, 0), -EBADF);
    ck_assert_int_eq(dbio__sys_mmap(&address, 4096, PROT_READ, MAP_SHARED, -1, 0), -EBADF);
    ck_assert(dbio__sys_cachestat(-1, &range, &counts) < 0);
    ck_assert_int_eq(errno, 12345);
}
END_TEST

START_TEST(bytes_written_far_out_are_read_there_by_every_call)
{
    const char *path = t_path(t_filesystems()[_i].directory, "far");
    char out[] = "abcdefgh", in[9] = "";
    struct iovec vector[2] = {{in, 3}, {in + 3, 5}};
    struct stat status;
    int fd = dbio__sys_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(dbio__sys_pwrite(fd, out, 8, FAR), 8);
    ck_assert_int_eq(dbio__sys_pread(fd, in, 8, FAR), 8);
    ck_assert_str_eq(in, out);
    memset(in, 0, sizeof(in));
    ck_assert_int_eq(dbio__sys_preadv2(fd, vector, 2, FAR, 0), 8);
    ck_assert_str_eq(in, out);
    memcpy(in, "12345678", 8);
    ck_assert_int_eq(dbio__sys_pwritev2(fd, vector, 2, FAR + 4096, 0), 8);
    ck_assert_int_eq(dbio__sys_fstat(fd, &status), 0);
    ck_assert_uint_eq((uint64_t)status.st_size, FAR + 4096 + 8);
    ck_assert_int_eq(dbio__sys_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FAR, 8),
                     0);
    ck_assert_int_eq(dbio__sys_preadv2(fd, vector, 2, FAR, 0), 8);
    ck_assert_int_eq(memcmp(in, "\0\0\0\0\0\0\0\0", 8), 0);
    ck_assert_int_eq(dbio__sys_ftruncate(fd, 100), 0);
    ck_assert_int_eq(dbio__sys_fdatasync(fd), 0);
    ck_assert_int_eq(dbio__sys_fsync(fd), 0);
    ck_assert_int_eq(dbio__sys_close(fd), 0);
    ck_assert_uint_eq(t_file_size(path), 100);
}
END_TEST

START_TEST(a_negative_offset_is_refused_by_the_kernel)
{
    int fd = t_file_make(t_path(t_scratch(), "negative"), t_seed(), 4096);
    char byte;
    struct iovec vector = {&byte, 1};

    ck_assert_int_eq(dbio__sys_pread(fd, &byte, 1, (uint64_t)-1), -EINVAL);
    ck_assert_int_eq(dbio__sys_pwrite(fd, &byte, 1, (uint64_t)-1), -EINVAL);
    /* -1 means "the file's own offset" to the v2 calls, -2 means nothing. */
    ck_assert_int_eq(dbio__sys_preadv2(fd, &vector, 1, (uint64_t)-2, 0), -EINVAL);
    ck_assert_int_eq(dbio__sys_pwritev2(fd, &vector, 1, (uint64_t)-2, 0), -EINVAL);
    close(fd);
}
END_TEST

START_TEST(a_wait_ends_at_once_when_the_word_has_changed)
{
    _Atomic uint32_t word = 1;

    ck_assert_int_eq(dbio__sys_futex_wait(&word, 2, 0, 0), -EAGAIN);
}
END_TEST

START_TEST(a_wait_ends_after_its_time)
{
    _Atomic uint32_t word = 1;
    struct timespec before, after;
    int64_t ns;

    clock_gettime(CLOCK_MONOTONIC, &before);
    ck_assert_int_eq(dbio__sys_futex_wait(&word, 1, 20000000, _i), -ETIMEDOUT);
    clock_gettime(CLOCK_MONOTONIC, &after);
    ns = (after.tv_sec - before.tv_sec) * INT64_C(1000000000) + after.tv_nsec - before.tv_nsec;
    ck_assert_int_ge(ns, 20000000);
}
END_TEST

static _Atomic uint32_t bell;
static _Atomic int woken;

static void *
wait_for_bell(void *shared)
{
    while (atomic_load(&bell) == 0)
        (void)!dbio__sys_futex_wait(&bell, 0, 0, shared != NULL);
    atomic_fetch_add(&woken, 1);
    return NULL;
}

START_TEST(a_wake_reaches_all_waiters)
{
    pthread_t threads[3];
    int count = 0;

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for_bell, _i ? &bell : NULL), 0);
    usleep(20000);
    atomic_store(&bell, 1);
    count = dbio__sys_futex_wake(&bell, _i);
    ck_assert(count >= 0 && count <= 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(atomic_load(&woken), 3);
    ck_assert_int_eq(dbio__sys_futex_wake(&bell, _i), 0);
}
END_TEST

static void *
sync_while_cancelled(void *fd)
{
    pthread_cancel(pthread_self());
    if (dbio__sys_fsync(*(int *)fd) == 0 && dbio__sys_pwrite(*(int *)fd, "x", 1, 0) == 1)
        atomic_store(&woken, 1);
    pthread_testcancel();
    return NULL;
}

START_TEST(no_call_is_a_cancellation_point)
{
    int fd = t_file_make(t_path(t_scratch(), "cancelled"), t_seed(), 4096);
    pthread_t thread;
    void *result;

    ck_assert_int_eq(pthread_create(&thread, NULL, sync_while_cancelled, &fd), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert_int_eq(atomic_load(&woken), 1);
    close(fd);
}
END_TEST

START_TEST(a_fault_hits_the_nth_call_once)
{
    int fd = t_file_make(t_path(t_scratch(), "fault"), t_seed(), 4096);
    char byte;

    t_fault_arm(&(struct t_fault){.call = DBIO_SYS_PREAD, .nth = 2, .error = EIO});
    ck_assert_int_eq(dbio__sys_pread(fd, &byte, 1, 0), 1);
    ck_assert_int_eq(dbio__sys_fsync(fd), 0);
    ck_assert_int_eq(dbio__sys_pread(fd, &byte, 1, 0), -EIO);
    ck_assert_int_eq(dbio__sys_pread(fd, &byte, 1, 0), 1);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_PREAD), 3);
    ck_assert_uint_eq(t_fault_calls(T_FAULT_ANY), 4);
    ck_assert_uint_eq(t_fault_hits(), 1);
    t_fault_disarm();
    ck_assert(dbio__sys_table[DBIO_SYS_PREAD].call == dbio__sys_real);
    close(fd);
}
END_TEST

START_TEST(a_fault_for_ever_hits_from_the_nth_call_on)
{
    int fd = t_file_make(t_path(t_scratch(), "fault"), t_seed(), 4096);

    t_fault_arm(
        &(struct t_fault){.call = T_FAULT_ANY, .nth = 2, .for_ever = true, .error = ENOSPC});
    ck_assert_int_eq(dbio__sys_fsync(fd), 0);
    ck_assert_int_eq(dbio__sys_fsync(fd), -ENOSPC);
    ck_assert_int_eq(dbio__sys_ftruncate(fd, 0), -ENOSPC);
    t_fault_disarm();
    ck_assert_uint_eq(t_file_size(t_path(t_scratch(), "fault")), 4096);
    close(fd);
}
END_TEST

START_TEST(a_short_transfer_really_transfers_less)
{
    const char *path = t_path(t_scratch(), "short");
    int fd = t_file_make(path, t_seed(), 0);
    char out[] = "abcdefgh", in[9] = "";
    struct iovec from[3] = {{out, 2}, {out + 2, 3}, {out + 5, 3}}, to[2] = {{in, 4}, {in + 4, 4}};

    for (int call = DBIO_SYS_PREAD; call <= DBIO_SYS_PWRITEV2; call++)
        t_fault_arm(&(struct t_fault){.call = call, .nth = 1, .bytes = 4});
    ck_assert_int_eq(dbio__sys_pwritev2(fd, from, 3, 0, 0), 4);
    ck_assert_uint_eq(t_file_size(path), 4);
    ck_assert_int_eq(dbio__sys_pwrite(fd, out + 4, 4, 4), 4);
    ck_assert_int_eq(dbio__sys_pread(fd, in, 8, 0), 4);
    ck_assert_str_eq(in, "abcd");
    memset(in, 0, sizeof(in));
    ck_assert_int_eq(dbio__sys_preadv2(fd, to, 2, 0, 0), 4);
    ck_assert_str_eq(in, "abcd");
    ck_assert_int_eq(dbio__sys_preadv2(fd, to, 2, 0, 0), 8);
    ck_assert_str_eq(in, out);
    ck_assert_uint_eq(t_fault_hits(), 4);
    t_fault_disarm();
    close(fd);
}
END_TEST

START_TEST(a_failed_close_still_closes)
{
    int fd = t_file_make(t_path(t_scratch(), "closed"), t_seed(), 0);

    t_fault_arm(&(struct t_fault){.call = DBIO_SYS_CLOSE, .nth = 1, .error = EIO});
    ck_assert_int_eq(dbio__sys_close(fd), -EIO);
    t_fault_disarm();
    ck_assert_int_eq(fcntl(fd, F_GETFL), -1);
}
END_TEST

START_TEST(a_fault_can_be_for_direct_or_for_buffered_descriptors)
{
    const char *path = t_path(t_scratch(), "direct");
    int buffered = t_file_make(path, t_seed(), 4096), direct = open(path, O_RDONLY | O_DIRECT);
    char byte;

    if (direct < 0)
        t_skip("no direct I/O on this file system");
    t_fault_arm(&(struct t_fault){
        .call = DBIO_SYS_PREAD, .nth = 1, .error = EIO, .when = t_fault_on_direct});
    t_fault_arm(&(struct t_fault){
        .call = DBIO_SYS_FSYNC, .nth = 1, .error = EIO, .when = t_fault_on_buffered});
    ck_assert_int_eq(dbio__sys_pread(buffered, &byte, 1, 0), 1);
    ck_assert_int_eq(dbio__sys_pread(direct, &byte, 1, 0), -EIO);
    ck_assert_int_eq(dbio__sys_fsync(direct), 0);
    ck_assert_int_eq(dbio__sys_fsync(buffered), -EIO);
    t_fault_disarm();
    close(direct);
    close(buffered);
}
END_TEST

static void
add_fault_cases(Suite *suite)
{
    TCase *cases = tcase_create("fault");

    tcase_add_test(cases, a_fault_hits_the_nth_call_once);
    tcase_add_test(cases, a_fault_for_ever_hits_from_the_nth_call_on);
    tcase_add_test(cases, a_short_transfer_really_transfers_less);
    tcase_add_test(cases, a_failed_close_still_closes);
    tcase_add_test(cases, a_fault_can_be_for_direct_or_for_buffered_descriptors);
    suite_add_tcase(suite, cases);
}

Suite *
t_suite(void)
{
    Suite *suite = suite_create("sys");
    TCase *cases = tcase_create("sys");

    tcase_add_test(cases, every_entry_is_complete_and_real);
    tcase_add_test(cases, descriptor_calls_pass_their_arguments);
    tcase_add_test(cases, transfers_pass_their_arguments);
    tcase_add_test(cases, range_calls_pass_their_arguments);
    tcase_add_test(cases, memory_calls_pass_their_arguments);
    tcase_add_test(cases, futex_calls_pass_their_arguments);
    tcase_add_test(cases, a_bad_descriptor_is_the_kernels_ebadf_and_errno_stays);
    tcase_add_loop_test(cases, bytes_written_far_out_are_read_there_by_every_call, 0,
                        t_filesystems_count());
    tcase_add_test(cases, a_negative_offset_is_refused_by_the_kernel);
    tcase_add_test(cases, a_wait_ends_at_once_when_the_word_has_changed);
    tcase_add_loop_test(cases, a_wait_ends_after_its_time, 0, 2);
    tcase_add_loop_test(cases, a_wake_reaches_all_waiters, 0, 2);
    tcase_add_test(cases, no_call_is_a_cancellation_point);
    suite_add_tcase(suite, cases);
    add_fault_cases(suite);
    return suite;
}
