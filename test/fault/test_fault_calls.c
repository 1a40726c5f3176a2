/*
 * test_fault_calls.c - every system call of every public operation fails once.
 *
 * An operation on a fresh file is repeated with its first, second, third ... system call failing,
 * until none is left to fail; with each of seven errors, and with short transfers. After each:
 * the operation succeeded or returned that very error; every sector of the file is old or new,
 * never anything else, and new where success was reported; nothing stays announced; no
 * descriptor is lost; a failed sync goes on failing; and the next operation works.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "core/inflight.h"
#include "engine/membership.h"
#include "t_cache.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

#define KIB    UINT64_C(1024)
#define SIZE   (512 * KIB)
#define SECTOR 512u
#define NTH    200u /* more system calls than any operation makes */

static const int errors[] = {EIO, ENOSPC, EINTR, EAGAIN, EINVAL, ENOMEM, ENOSYS, 0};

static struct t_rig rig;

/* What an operation is about. */
struct operation {
    const char *name;
    ssize_t (*run)(const struct operation *operation);
    enum dbio_mode mode;
    bool write, cached, unaligned_memory, sync;
    size_t length; /* of a transfer; what success returns */
    uint64_t offset;
    unsigned flags;
};

static ssize_t
run_write(const struct operation *o)
{
    char *memory = o->unaligned_memory ? t_unaligned(o->length) : t_aligned(o->length);

    t_pattern_fill(memory, o->length, T_NEW, o->offset);
    return dbio_pwrite(rig.file, memory, o->length, (off_t)o->offset, o->flags);
}

static ssize_t
run_read(const struct operation *o)
{
    char *memory = o->unaligned_memory ? t_unaligned(o->length) : t_aligned(o->length);
    ssize_t done = dbio_pread(rig.file, memory, o->length, (off_t)o->offset, o->flags);

    if (done > 0)
        t_pattern_verify(memory, (size_t)done, T_SEED, o->offset);
    return done;
}

static ssize_t
run_append(const struct operation *o)
{
    char *memory = t_aligned(o->length);

    t_pattern_fill(memory, o->length, T_NEW, SIZE);
    return dbio_append(rig.file, memory, o->length, o->flags, NULL);
}

static ssize_t
run_datasync(const struct operation *o)
{
    (void)o;
    return dbio_fdatasync(rig.file);
}

static ssize_t
run_sync_range(const struct operation *o)
{
    return dbio_sync_range(rig.file, (off_t)o->offset, 0);
}

static ssize_t
run_truncate(const struct operation *o)
{
    (void)o;
    return dbio_truncate(rig.file, (off_t)SIZE * 2);
}

static ssize_t
run_allocate(const struct operation *o)
{
    (void)o;
    return dbio_allocate(rig.file, 0, (off_t)SIZE * 2, DBIO_KEEP_SIZE);
}

static ssize_t
run_map(const struct operation *o)
{
    void *address;
    int error = dbio_map(rig.file, 0, 4096, PROT_READ, MAP_SHARED, &address);

    (void)o;
    if (error != 0)
        return error;
    t_pattern_verify(address, 4096, T_SEED, 0);
    error = dbio_unmap(rig.file, address, 4096);
    if (error == 0)
        return 0;
    t_fault_disarm(); /* still mapped, and known to be: it can be tried again */
    ck_assert_int_eq(dbio_unmap(rig.file, address, 4096), 0);
    return error;
}

static ssize_t
run_open(const struct operation *o)
{
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct dbio_file *file;
    int error = dbio_open(rig.context, rig.path, O_RDWR | O_CREAT, 0600, &options, &file);

    (void)o;
    return error != 0 ? error : dbio_close(file);
}

static ssize_t
run_borrow(const struct operation *o)
{
    int fd = open(rig.path, O_RDWR | O_CLOEXEC), error;
    struct dbio_file *file;

    (void)o;
    error = dbio_adopt(rig.context, fd, DBIO_ADOPT_BORROW, NULL, &file);
    if (error == 0)
        error = dbio_close(file);
    ck_assert_int_eq(close(fd), 0);
    return error;
}

#define WRITE .run = run_write, .write = true
#define READ  .run = run_read

static const struct operation operations[] = {
    {"direct write", WRITE, .mode = DBIO_MODE_DIRECT, .length = 16 * KIB, .offset = 8 * KIB},
    {"durable direct write", WRITE, .mode = DBIO_MODE_DIRECT, .length = 16 * KIB,
     .flags = DBIO_DURABLE},
    {"bounced write", WRITE, .mode = DBIO_MODE_DIRECT, .length = 300 * KIB,
     .unaligned_memory = true},
    {"small unaligned write", WRITE, .mode = DBIO_MODE_DIRECT, .length = 1000, .offset = 5001},
    {"write with edges", WRITE, .mode = DBIO_MODE_DIRECT, .length = 300 * KIB + 99, .offset = 777},
    {"write over cached pages", WRITE, .mode = DBIO_MODE_DIRECT, .length = 64 * KIB,
     .cached = true},
    {"buffered write", WRITE, .mode = DBIO_MODE_BUFFERED, .length = 10000, .offset = 3},
    {"write that does not stay", WRITE, .mode = DBIO_MODE_DONTCACHE, .length = 16 * KIB},
    {"large write in mode auto", WRITE, .mode = DBIO_MODE_AUTO, .length = 256 * KIB},
    {"direct read", READ, .mode = DBIO_MODE_DIRECT, .length = 16 * KIB},
    {"bounced read", READ, .mode = DBIO_MODE_DIRECT, .length = 300 * KIB, .offset = 999},
    {"read of cached pages", READ, .mode = DBIO_MODE_DIRECT, .length = 16 * KIB, .cached = true},
    {"buffered read", READ, .mode = DBIO_MODE_BUFFERED, .length = 16 * KIB},
    {"read that does not stay", READ, .mode = DBIO_MODE_DONTCACHE, .length = 16 * KIB},
    {"append", .run = run_append, .mode = DBIO_MODE_DIRECT, .length = 5000},
    {"fdatasync", .run = run_datasync, .mode = DBIO_MODE_DIRECT, .sync = true},
    {"sync_range", .run = run_sync_range, .mode = DBIO_MODE_BUFFERED, .sync = true},
    {"truncate", .run = run_truncate, .mode = DBIO_MODE_DIRECT},
    {"allocate", .run = run_allocate, .mode = DBIO_MODE_DIRECT},
    {"map and unmap", .run = run_map, .mode = DBIO_MODE_DIRECT},
    {"open and close", .run = run_open, .mode = DBIO_MODE_DIRECT},
    {"borrow and close", .run = run_borrow, .mode = DBIO_MODE_DIRECT},
};
#define OPERATIONS ((int)(sizeof(operations) / sizeof(operations[0])))

/* Old or new, sector by sector (byte by byte where the write begins or ends within one); new
 * where `done` bytes were reported. */
static void
verify_bytes(const struct operation *o, ssize_t result)
{
    uint64_t begin = o->write ? o->offset : 0, end = begin + (o->write ? o->length : 0), at;
    uint64_t sure = result > 0 && o->write ? begin + (uint64_t)result : begin, stop;

    t_file_verify(rig.path, T_SEED, 0, begin);
    if (sure > begin)
        t_file_verify(rig.path, T_NEW, begin, sure - begin);
    for (at = sure; at < end; at = stop) {
        char sector[SECTOR];
        int fd = open(rig.path, O_RDONLY);
        size_t length;

        stop = (at / SECTOR + 1) * SECTOR < end ? (at / SECTOR + 1) * SECTOR : end;
        length = (size_t)(stop - at);
        ck_assert_int_eq(pread(fd, sector, length, (off_t)at), (ssize_t)length);
        close(fd);
        if (t_pattern_first_wrong(sector, length, T_SEED, at) != T_ALL_RIGHT)
            t_pattern_verify(sector, length, T_NEW, at);
    }
    t_file_verify(rig.path, T_SEED, end, SIZE - end);
}

static void
verify_next_works(const struct operation *o, ssize_t result)
{
    int error = result < 0 && o->sync ? (int)result : 0;
    char *memory = t_aligned(4096);

    /* What a sync has reported once it reports again, until the file is opened anew. */
    if (error == -EIO || error == -ENOSPC)
        ck_assert_int_eq(dbio_fdatasync(rig.file), error);
    ck_assert_int_eq(dbio_pread(rig.file, memory, 4096, (off_t)SIZE - 4096, 0), 4096);
    t_pattern_verify(memory, 4096, T_SEED, SIZE - 4096);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 4096, (off_t)SIZE - 4096, 0), 4096);
}

/* Runs it with the nth call failing; false if there was no nth call. */
static bool
fail_one(const struct operation *o, const char *directory, unsigned long nth, int error)
{
    int descriptors;
    ssize_t result;
    bool hit;

    rig = t_rig(directory, o->mode, SIZE);
    if (o->cached)
        t_cache_warm(rig.path, 0, SIZE);
    descriptors = t_descriptors();
    if (error != 0)
        t_fault_one(T_FAULT_ANY, nth, error);
    else
        t_fault_short(T_FAULT_ANY, nth, 512);
    result = o->run(o);
    t_fault_disarm();
    hit = t_fault_hits() > 0;
    ck_assert_msg(result == (ssize_t)o->length || (hit && result == -error) ||
                      (hit && result > 0 && result < (ssize_t)o->length),
                  "%s, call %lu fails with %d: %zd", o->name, nth, error, result);
    ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
    /* The O_DIRECT descriptor may have been opened; nothing else. */
    ck_assert_int_le(t_descriptors(), descriptors + 1);
    verify_bytes(o, result);
    verify_next_works(o, result);
    (void)dbio_close(rig.file);
    ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
    ck_assert_int_lt(t_descriptors(), descriptors);
    return hit;
}

START_TEST(each_call_of_each_operation_fails_once)
{
    const struct operation *o = &operations[_i];
    const struct t_filesystem *where;

    for (where = t_direct_filesystems(); where->name != NULL; where++) {
        size_t i;

        for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
            unsigned long nth = 1;

            while (nth < NTH && fail_one(o, where->directory, nth, errors[i]))
                nth++;
            ck_assert_uint_lt(nth, NTH);
            if (i == 0)
                printf("%s: %s: %lu system calls\n", where->name, o->name, nth - 1);
        }
    }
}
END_TEST

START_TEST(each_allocation_of_each_operation_fails_once)
{
    const struct operation *o = &operations[_i];
    long nth;

    for (nth = 0; nth < (long)NTH; nth++) {
        ssize_t result;

        rig = t_rig(t_scratch(), o->mode, SIZE);
        dbio__mem_fail_after(nth);
        result = o->run(o);
        dbio__mem_fail_after(-1);
        ck_assert_msg(result == (ssize_t)o->length || result == -ENOMEM, "%s: %zd", o->name,
                      result);
        ck_assert_uint_eq(dbio__inflight_outstanding(dbio__membership.table), 0);
        verify_bytes(o, result);
        verify_next_works(o, result);
        (void)dbio_close(rig.file);
        ck_assert_int_eq(dbio_context_destroy(rig.context), 0);
        if (nth > 4 && result == (ssize_t)o->length)
            break;
    }
    ck_assert_int_lt(nth, (long)NTH);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("fault_calls");
    TCase *cases = tcase_create("calls");

    tcase_set_timeout(cases, 100);
    tcase_add_loop_test(cases, each_call_of_each_operation_fails_once, 0, OPERATIONS);
    tcase_add_loop_test(cases, each_allocation_of_each_operation_fails_once, 0, OPERATIONS);
    suite_add_tcase(suite, cases);
    return suite;
}
