/*
 * test_api_badinput.c - every mistake a caller can make with a request: the documented errno,
 * nothing changed, no descriptor lost, no crash. Opening: test_api_badopen.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "t_dbio.h"
#include "t_file.h"

#define KIB     ((size_t)1024)
#define SIZE    (64 * KIB)
#define FAR     ((off_t)INT64_MAX)
#define UNKNOWN 0x40000000u

static struct t_rig rig;
static int descriptors;

/* Cases begin with a file that goes direct if that is possible at all. */
static void
begin(void)
{
    const char *directory =
        t_direct_filesystems()[0].name != NULL ? t_direct_filesystems()[0].directory : t_scratch();

    rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);
    descriptors = t_descriptors();
}

/* Nothing has happened: no request is counted, no byte has changed, no descriptor is lost. */
static void
end(void)
{
    ck_assert_int_eq(t_descriptors(), descriptors);
    t_rig_unchanged(&rig, SIZE);
    t_close(rig.context, rig.file);
}

START_TEST(null_where_something_is_needed_is_einval)
{
    struct dbio_why why = {.size = sizeof(why)};
    struct dbio_stats stats = {.size = sizeof(stats)};
    struct dbio_file *file;
    struct iovec vector = {&why, sizeof(why)};
    void *address;

    begin();
    ck_assert_int_eq(dbio_context_create(NULL, NULL), -EINVAL);
    ck_assert_int_eq(dbio_context_destroy(NULL), -EINVAL);
    ck_assert_int_eq(dbio_open(NULL, rig.path, O_RDWR, 0, NULL, &file), -EINVAL);
    ck_assert_int_eq(dbio_open(rig.context, NULL, O_RDWR, 0, NULL, &file), -EINVAL);
    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDWR, 0, NULL, NULL), -EINVAL);
    ck_assert_int_eq(dbio_adopt(NULL, 0, 0, NULL, &file), -EINVAL);
    ck_assert_int_eq(dbio_adopt(rig.context, 0, 0, NULL, NULL), -EINVAL);
    ck_assert_int_eq(dbio_close(NULL), -EINVAL);
    ck_assert_int_eq(dbio_pread(NULL, &why, 1, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_preadv(NULL, &vector, 1, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_pwrite(NULL, &why, 1, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_pwritev(NULL, &vector, 1, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_append(NULL, &why, 1, 0, NULL), -EINVAL);
    ck_assert_int_eq(dbio_fdatasync(NULL), -EINVAL);
    ck_assert_int_eq(dbio_fsync(NULL), -EINVAL);
    ck_assert_int_eq(dbio_sync_range(NULL, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_truncate(NULL, 0), -EINVAL);
    ck_assert_int_eq(dbio_allocate(NULL, 0, 1, 0), -EINVAL);
    ck_assert_int_eq(dbio_punch(NULL, 0, 1), -EINVAL);
    ck_assert_int_eq(dbio_advise(NULL, 0, 0, POSIX_FADV_NORMAL), -EINVAL);
    ck_assert_int_eq(dbio_map(NULL, 0, 4096, PROT_READ, MAP_SHARED, &address), -EINVAL);
    ck_assert_int_eq(dbio_map(rig.file, 0, 4096, PROT_READ, MAP_SHARED, NULL), -EINVAL);
    ck_assert_int_eq(dbio_unmap(NULL, &why, 4096), -EINVAL);
    ck_assert_int_eq(dbio_unmap(rig.file, NULL, 4096), -EINVAL);
    ck_assert_int_eq(dbio_size(NULL), -EINVAL);
    ck_assert_int_eq(dbio_stats_read(NULL, &stats), -EINVAL);
    ck_assert_int_eq(dbio_stats_read(rig.context, NULL), -EINVAL);
    ck_assert_int_eq(dbio_why(NULL, &why), -EINVAL);
    ck_assert_int_eq(dbio_why(rig.file, NULL), -EINVAL);
    end();
}
END_TEST

START_TEST(a_closed_handle_is_ebadf_for_every_call)
{
    struct dbio_why why = {.size = sizeof(why)};
    struct iovec vector = {&why, sizeof(why)};
    struct dbio_file *file;
    void *address;

    begin();
    file = t_open(rig.context, rig.path, DBIO_MODE_AUTO);
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_int_eq(dbio_close(file), -EBADF);
    ck_assert_int_eq(dbio_pread(file, &why, 1, 0, 0), -EBADF);
    ck_assert_int_eq(dbio_preadv(file, &vector, 1, 0, 0), -EBADF);
    ck_assert_int_eq(dbio_pwrite(file, &why, 1, 0, 0), -EBADF);
    ck_assert_int_eq(dbio_pwritev(file, &vector, 1, 0, 0), -EBADF);
    ck_assert_int_eq(dbio_append(file, &why, 1, 0, NULL), -EBADF);
    ck_assert_int_eq(dbio_fdatasync(file), -EBADF);
    ck_assert_int_eq(dbio_fsync(file), -EBADF);
    ck_assert_int_eq(dbio_sync_range(file, 0, 0), -EBADF);
    ck_assert_int_eq(dbio_truncate(file, 0), -EBADF);
    ck_assert_int_eq(dbio_allocate(file, 0, 1, 0), -EBADF);
    ck_assert_int_eq(dbio_punch(file, 0, 1), -EBADF);
    ck_assert_int_eq(dbio_advise(file, 0, 0, POSIX_FADV_NORMAL), -EBADF);
    ck_assert_int_eq(dbio_map(file, 0, 4096, PROT_READ, MAP_SHARED, &address), -EBADF);
    ck_assert_int_eq(dbio_unmap(file, &why, 4096), -EBADF);
    ck_assert_int_eq(dbio_size(file), -EBADF);
    ck_assert_int_eq(dbio_why(file, &why), -EBADF);
    /* A descriptor of the closed handle waits for the next open. */
    descriptors = t_descriptors();
    end();
}
END_TEST

START_TEST(a_destroyed_context_is_ebadf_and_one_with_files_is_ebusy)
{
    struct dbio_context *context = t_context();
    struct dbio_stats stats = {.size = sizeof(stats)};
    struct dbio_file *file;

    begin();
    ck_assert_int_eq(dbio_context_destroy(rig.context), -EBUSY);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    ck_assert_int_eq(dbio_context_destroy(context), -EBADF);
    ck_assert_int_eq(dbio_open(context, rig.path, O_RDWR, 0, NULL, &file), -EBADF);
    ck_assert_int_eq(dbio_adopt(context, 0, 0, NULL, &file), -EBADF);
    ck_assert_int_eq(dbio_stats_read(context, &stats), -EBADF);
    end();
}
END_TEST

START_TEST(negative_and_overflowing_ranges_are_einval)
{
    static const struct {
        off_t offset, length;
    } refused[] = {{-1, 1},    {INT64_MIN, 1}, {FAR, 1},        {1, FAR},
                   {FAR, FAR}, {-1, 0},        {FAR - 99, 100}, {INT64_MIN, FAR}};
    char *memory;
    void *address;

    begin();
    memory = t_aligned(SIZE);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        off_t offset = refused[i].offset, length = refused[i].length;
        size_t count = (size_t)length;

        ck_assert_int_eq(dbio_pread(rig.file, memory, count, offset, 0), -EINVAL);
        ck_assert_int_eq(dbio_pwrite(rig.file, memory, count, offset, 0), -EINVAL);
        ck_assert_int_eq(dbio_sync_range(rig.file, offset, length), -EINVAL);
        ck_assert_int_eq(dbio_allocate(rig.file, offset, length, 0), -EINVAL);
        ck_assert_int_eq(dbio_punch(rig.file, offset, length), -EINVAL);
        ck_assert_int_eq(dbio_advise(rig.file, offset, length, POSIX_FADV_NORMAL), -EINVAL);
        ck_assert_int_eq(dbio_map(rig.file, offset, count, PROT_READ, MAP_SHARED, &address),
                         -EINVAL);
    }
    ck_assert_int_eq(dbio_pread(rig.file, memory, SIZE_MAX, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, SIZE_MAX, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_append(rig.file, memory, SIZE_MAX, 0, NULL), -EINVAL);
    ck_assert_int_eq(dbio_sync_range(rig.file, 0, -1), -EINVAL);
    ck_assert_int_eq(dbio_allocate(rig.file, 0, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_allocate(rig.file, 0, -1, 0), -EINVAL);
    ck_assert_int_eq(dbio_punch(rig.file, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_punch(rig.file, 0, -1), -EINVAL);
    ck_assert_int_eq(dbio_truncate(rig.file, -1), -EINVAL);
    ck_assert_int_eq(dbio_truncate(rig.file, INT64_MIN), -EINVAL);
    end();
}
END_TEST

START_TEST(unknown_and_contradictory_flags_are_einval)
{
    const unsigned reads[] = {DBIO_DURABLE, DBIO_ATOMIC, UNKNOWN, 0x10u, DBIO_NOWAIT | 0x10u};
    const unsigned writes[] = {UNKNOWN, 0x10u, DBIO_DURABLE | DBIO_NOWAIT,
                               DBIO_ATOMIC | DBIO_NOWAIT, DBIO_ATOMIC | DBIO_DONTCACHE};
    const unsigned appends[] = {DBIO_NOWAIT, DBIO_ATOMIC, DBIO_DONTCACHE, UNKNOWN};
    char *memory;
    struct iovec vector[2];

    begin();
    memory = t_aligned(SIZE);
    vector[0] = vector[1] = (struct iovec){memory, 4096};
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
        ck_assert_int_eq(dbio_pread(rig.file, memory, 4096, 0, reads[i]), -EINVAL);
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
        ck_assert_int_eq(dbio_pwrite(rig.file, memory, 4096, 0, writes[i]), -EINVAL);
    for (size_t i = 0; i < sizeof(appends) / sizeof(appends[0]); i++)
        ck_assert_int_eq(dbio_append(rig.file, memory, 4096, appends[i], NULL), -EINVAL);
    ck_assert_int_eq(dbio_pwritev(rig.file, vector, 2, 0, DBIO_ATOMIC), -EINVAL);
    ck_assert_int_eq(dbio_pwritev(rig.file, vector, 0, 0, DBIO_ATOMIC), -EINVAL);
    ck_assert_int_eq(dbio_allocate(rig.file, 0, 4096, 2), -EINVAL);
    ck_assert_int_eq(dbio_allocate(rig.file, 0, 4096, UNKNOWN), -EINVAL);
    ck_assert_int_eq(dbio_advise(rig.file, 0, 0, -1), -EINVAL);
    ck_assert_int_eq(dbio_advise(rig.file, 0, 0, 6), -EINVAL);
    ck_assert_int_eq(dbio_advise(rig.file, 0, 0, INT32_MAX), -EINVAL);
    end();
}
END_TEST

START_TEST(vectors_have_0_to_1024_entries)
{
    struct iovec vector[1025];
    char byte;

    begin();
    for (int i = 0; i < 1025; i++)
        vector[i] = (struct iovec){&byte, 0};
    ck_assert_int_eq(dbio_preadv(rig.file, vector, -1, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_preadv(rig.file, vector, 1025, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_pwritev(rig.file, vector, INT32_MIN, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_pwritev(rig.file, vector, 1025, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_preadv(rig.file, vector, 1024, 0, 0), 0);
    ck_assert_int_eq(dbio_pwritev(rig.file, vector, 1024, 0, 0), 0);
    ck_assert_int_eq(dbio_preadv(rig.file, NULL, 0, 0, 0), 0);
    ck_assert_int_eq(dbio_pwritev(rig.file, NULL, 0, 0, 0), 0);
    ck_assert_int_eq(dbio_preadv(rig.file, NULL, 1, 0, 0), -EFAULT);
    ck_assert_int_eq(dbio_pwritev(rig.file, NULL, 1, 0, 0), -EFAULT);
    vector[7] = (struct iovec){NULL, 1};
    ck_assert_int_eq(dbio_preadv(rig.file, vector, 8, 0, 0), -EFAULT);
    ck_assert_int_eq(dbio_pwritev(rig.file, vector, 8, 0, 0), -EFAULT);
    vector[6] = vector[7] = (struct iovec){&byte, (size_t)INT64_MAX};
    ck_assert_int_eq(dbio_preadv(rig.file, vector, 8, 0, 0), -EINVAL);
    ck_assert_int_eq(dbio_pwritev(rig.file, vector, 8, 0, 0), -EINVAL);
    end();
}
END_TEST

START_TEST(a_length_of_zero_is_no_request)
{
    off_t where = -7;

    begin();
    ck_assert_int_eq(dbio_pread(rig.file, NULL, 0, 0, 0), 0);
    ck_assert_int_eq(dbio_pread(rig.file, NULL, 0, FAR, 0), 0);
    ck_assert_int_eq(dbio_pwrite(rig.file, NULL, 0, 0, 0), 0);
    ck_assert_int_eq(dbio_pwrite(rig.file, NULL, 0, FAR, DBIO_DURABLE), 0);
    ck_assert_int_eq(dbio_append(rig.file, NULL, 0, 0, &where), 0);
    ck_assert_int_eq(where, SIZE);
    ck_assert_int_eq(dbio_pread(rig.file, NULL, 1, 0, 0), -EFAULT);
    ck_assert_int_eq(dbio_pwrite(rig.file, NULL, 1, 0, 0), -EFAULT);
    ck_assert_int_eq(dbio_append(rig.file, NULL, 1, 0, &where), -EFAULT);
    end();
}
END_TEST

START_TEST(a_handle_refuses_the_direction_it_was_not_opened_for)
{
    struct dbio_file *reader, *writer;
    char *memory;
    void *address;

    begin();
    memory = t_aligned(4096);
    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDONLY, 0, NULL, &reader), 0);
    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_WRONLY, 0, NULL, &writer), 0);
    ck_assert_int_eq(dbio_pwrite(reader, memory, 4096, 0, 0), -EBADF);
    ck_assert_int_eq(dbio_append(reader, memory, 4096, 0, NULL), -EBADF);
    ck_assert_int_eq(dbio_truncate(reader, 0), -EBADF);
    ck_assert_int_eq(dbio_allocate(reader, 0, 4096, 0), -EBADF);
    ck_assert_int_eq(dbio_punch(reader, 0, 4096), -EBADF);
    ck_assert_int_eq(dbio_pread(writer, memory, 4096, 0, 0), -EBADF);
    ck_assert_int_eq(dbio_fdatasync(reader), 0);
    ck_assert_int_eq(dbio_size(writer), SIZE);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_EXCLUSIVE), 0);
    ck_assert_int_eq(dbio_map(reader, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, &address),
                     -EACCES);
    ck_assert_int_eq(dbio_map(writer, 0, 4096, PROT_READ, MAP_PRIVATE, &address), -EACCES);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_READS), 0);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WRITES), 0);
    ck_assert_int_eq(dbio_close(reader), 0);
    ck_assert_int_eq(dbio_close(writer), 0);
    t_file_verify(rig.path, T_SEED, 0, SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_mapping_that_cannot_be_is_refused_and_pins_nothing)
{
    void *address = &rig;

    begin();
    ck_assert_int_eq(dbio_map(rig.file, 0, 0, PROT_READ, MAP_SHARED, &address), -EINVAL);
    ck_assert_int_eq(dbio_map(rig.file, 100, 4096, PROT_READ, MAP_SHARED, &address), -EINVAL);
    ck_assert_int_eq(dbio_map(rig.file, 0, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, &address),
                     -EINVAL);
    ck_assert_int_eq(dbio_map(rig.file, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, &address),
                     -EINVAL);
    ck_assert_int_eq(dbio_map(rig.file, 0, 4096, PROT_READ, MAP_SHARED | MAP_LOCKED, &address),
                     -EINVAL);
    ck_assert_int_eq(dbio_unmap(rig.file, &rig, 4096), -EINVAL);
    ck_assert_int_eq(dbio_unmap(rig.file, NULL, 0), -EINVAL);
    ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_EXCLUSIVE), 0);
    /* Refused by the kernel, after the pin: it is taken off again. */
    ck_assert_int_eq(dbio_map(rig.file, 0, 4096, PROT_READ, 0, &address), -EINVAL);
    ck_assert_int_eq(dbio_map(rig.file, 0, SIZE_MAX / 2 - 4095, PROT_READ, MAP_SHARED, &address),
                     -ENOMEM);
    ck_assert_ptr_eq(address, &rig);
    ck_assert_uint_ne(t_why(rig.file).standing_reason, DBIO_REASON_FILE_MAPPED);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(results_of_the_wrong_size_are_einval_and_not_filled)
{
    struct dbio_stats stats;
    struct dbio_why why;
    const size_t refused[] = {0, 8, sizeof(stats) - 8, sizeof(stats) + 8, SIZE_MAX};

    begin();
    memset(&stats, 0x55, sizeof(stats));
    memset(&why, 0x55, sizeof(why));
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        stats.size = refused[i];
        why.size = refused[i];
        ck_assert_int_eq(dbio_stats_read(rig.context, &stats), -EINVAL);
        if (refused[i] != sizeof(why))
            ck_assert_int_eq(dbio_why(rig.file, &why), -EINVAL);
    }
    ck_assert_uint_eq(stats.counters[0], UINT64_C(0x5555555555555555));
    ck_assert_uint_eq(why.routes[0], UINT64_C(0x5555555555555555));
    end();
}
END_TEST

START_TEST(memory_that_the_kernel_rejects_is_efault)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    char *memory = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    enum dbio_mode modes[] = {DBIO_MODE_DIRECT, DBIO_MODE_BUFFERED};

    for (int i = 0; i < 2; i++) {
        rig = t_rig(where->directory, modes[i], SIZE);
        ck_assert_int_eq(dbio_pread(rig.file, memory, 8192, 0, 0), -EFAULT);
        ck_assert_int_eq(dbio_pwrite(rig.file, memory, 8192, 0, 0), -EFAULT);
        t_read_old(rig.file, SIZE, 0);
        t_file_verify(rig.path, T_SEED, 0, SIZE);
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(offsets_past_every_file_read_nothing_and_cannot_be_written)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const off_t offsets[] = {SIZE, SIZE + 1, (off_t)1 << 40, FAR - 8192, FAR - 4096};
    char *memory = t_aligned(4096);
    ssize_t result;

    rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
        ck_assert_int_eq(dbio_pread(rig.file, memory, 4096, offsets[i], 0), 0);
    /* Files of 2^63 - 1 bytes are within the limits of some file systems. */
    t_pattern_fill(memory, 4096, T_NEW, (uint64_t)FAR - 4096);
    result = dbio_pwrite(rig.file, memory, 4096, FAR - 4096, 0);
    ck_assert(result == -EFBIG || result == 4096);
    ck_assert_int_eq(dbio_size(rig.file), result == 4096 ? FAR : (off_t)SIZE);
    if (result == 4096) {
        memset(memory, 0, 4096);
        ck_assert_int_eq(dbio_pread(rig.file, memory, 4096, FAR - 4096, 0), 4096);
        t_pattern_verify(memory, 4096, T_NEW, (uint64_t)FAR - 4096);
    }
    t_file_verify(rig.path, T_SEED, 0, SIZE);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(atomic_writes_are_refused_where_the_file_has_none)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    char *memory = t_aligned(SIZE);
    struct dbio_why why;

    rig = t_rig(where->directory, DBIO_MODE_AUTO, SIZE);
    why = t_why(rig.file);
    if (why.atomic_bytes_max == 0) {
        ck_assert_int_eq(dbio_pwrite(rig.file, memory, 4096, 0, DBIO_ATOMIC), -EOPNOTSUPP);
        t_file_verify(rig.path, T_SEED, 0, SIZE);
    } else {
        ck_assert_int_eq(dbio_pwrite(rig.file, memory, 100, 0, DBIO_ATOMIC), -EINVAL);
        ck_assert_int_eq(dbio_pwrite(rig.file, memory, 8192, 4096, DBIO_ATOMIC), -EINVAL);
        ck_assert_int_eq(dbio_pwrite(rig.file, memory + 1, 4096, 0, DBIO_ATOMIC), -EINVAL);
        ck_assert_uint_eq(t_stat(rig.context, DBIO_STAT_WRITES), 0);
        t_file_verify(rig.path, T_SEED, 0, SIZE);
        t_pattern_fill(memory, 4096, T_NEW, 4096);
        ck_assert_int_eq(dbio_pwrite(rig.file, memory, 4096, 4096, DBIO_ATOMIC), 4096);
        ck_assert_uint_eq(t_routed(rig.file, DBIO_ROUTE_ATOMIC), 1);
        t_verify_new(rig.path, 4096, 4096);
    }
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_badinput");
    TCase *cases = tcase_create("api_badinput");

    tcase_add_test(cases, null_where_something_is_needed_is_einval);
    tcase_add_test(cases, a_closed_handle_is_ebadf_for_every_call);
    tcase_add_test(cases, a_destroyed_context_is_ebadf_and_one_with_files_is_ebusy);
    tcase_add_test(cases, negative_and_overflowing_ranges_are_einval);
    tcase_add_test(cases, unknown_and_contradictory_flags_are_einval);
    tcase_add_test(cases, vectors_have_0_to_1024_entries);
    tcase_add_test(cases, a_length_of_zero_is_no_request);
    tcase_add_test(cases, a_handle_refuses_the_direction_it_was_not_opened_for);
    tcase_add_test(cases, a_mapping_that_cannot_be_is_refused_and_pins_nothing);
    tcase_add_test(cases, results_of_the_wrong_size_are_einval_and_not_filled);
    t_add_filesystem_test(cases, memory_that_the_kernel_rejects_is_efault);
    t_add_filesystem_test(cases, offsets_past_every_file_read_nothing_and_cannot_be_written);
    t_add_filesystem_test(cases, atomic_writes_are_refused_where_the_file_has_none);
    suite_add_tcase(suite, cases);
    return suite;
}
