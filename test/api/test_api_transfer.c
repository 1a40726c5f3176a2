/*
 * test_api_transfer.c - dbio_pread, dbio_pwrite and their vector forms: every alignment in every
 * mode on every file system, what handles of different modes see of each other, flags, limits,
 * threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"
#include "t_model.h"

#define KIB   ((size_t)1024)
#define SIZE  (512 * KIB)
#define MODES 4

static const size_t edges[] = {0, 1, 511, 512, 4095, 4096, 4097, 65536, 140000};
#define EDGES (sizeof(edges) / sizeof(edges[0]))

/* One write and one read of it back, and the whole file compared with the model. */
static void
write_and_read(struct dbio_file *file, struct t_model *model, uint64_t offset, size_t length,
               size_t skew)
{
    unsigned char *memory = (unsigned char *)t_aligned(length + 8192 + skew) + skew;
    size_t around = offset < 4000 ? (size_t)offset : 4000;
    ssize_t got;

    t_pattern_fill(memory, length, t_random(), offset);
    ck_assert_int_eq(dbio_pwrite(file, memory, length, (off_t)offset, 0), (ssize_t)length);
    t_model_pwrite(model, memory, length, offset);
    memset(memory, 0x55, length + 8192);
    got = dbio_pread(file, memory, length + around + 100, (off_t)(offset - around), 0);
    t_model_verify_read(model, memory, length + around + 100, got, offset - around);
}

START_TEST(every_alignment_of_offset_length_and_memory_in_every_mode)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const size_t skews[] = {0, 1, 512};

    for (unsigned mode = 0; mode < MODES; mode++) {
        struct t_rig rig = t_rig(where->directory, (enum dbio_mode)mode, 0);
        struct t_model model;

        t_model_init(&model);
        for (size_t i = 0; i < EDGES * EDGES * 3; i++) {
            size_t length = edges[i / 3 % EDGES], offset = edges[i / 3 / EDGES];

            if (length > 0)
                write_and_read(rig.file, &model, offset, length, skews[i % 3]);
            if (i % 29 == 0)
                (void)t_cache_drop(rig.path);
        }
        t_model_verify(&model, rig.path);
        t_model_fini(&model);
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(what_one_handle_wrote_every_other_reads_at_once_whatever_their_modes)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct dbio_context *elsewhere = t_context();
    struct dbio_file *files[MODES];
    char *memory = t_aligned(SIZE);

    for (unsigned i = 0; i < MODES; i++)
        files[i] = t_open(i % 2 == 0 ? rig.context : elsewhere, rig.path, (enum dbio_mode)i);
    for (uint64_t round = 0; round < 100; round++) {
        size_t length = 1 + t_random_below(round % 2 == 0 ? 3000 : 20000);
        uint64_t offset = t_random_below(SIZE - length);
        void *bytes = t_patterned(length, round, offset);

        ck_assert_int_eq(dbio_pwrite(files[t_random_below(MODES)], bytes, length, (off_t)offset, 0),
                         (ssize_t)length);
        for (int i = 0; i < MODES; i++) {
            ck_assert_int_eq(dbio_pread(files[i], memory, length, (off_t)offset, 0),
                             (ssize_t)length);
            t_pattern_verify(memory, length, round, offset);
        }
    }
    for (int i = 0; i < MODES; i++)
        ck_assert_int_eq(dbio_close(files[i]), 0);
    ck_assert_int_eq(dbio_context_destroy(elsewhere), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(vectors_are_the_same_as_their_buffers_one_after_the_other)
{
    const struct t_filesystem *where = &t_filesystems()[_i];

    for (unsigned mode = 0; mode < MODES; mode++) {
        struct t_rig rig = t_rig(where->directory, (enum dbio_mode)mode, SIZE);

        for (int round = 0; round < 40; round++) {
            struct iovec vector[200];
            int count = 1 + (int)t_random_below(200);
            uint64_t offset = t_random_below(100 * KIB), at = offset;

            for (int i = 0; i < count; i++) {
                size_t length = round % 3 == 0 ? 4096 : t_random_below(2000);

                vector[i] = (struct iovec){t_patterned(length, T_SEED, at), length};
                at += length;
            }
            if (round % 4 == 0)
                ck_assert_int_eq(dbio_pwritev(rig.file, vector, count, (off_t)offset, 0),
                                 (ssize_t)(at - offset));
            for (int i = 0; i < count; i++)
                memset(vector[i].iov_base, 0, vector[i].iov_len);
            if (at > t_file_size(rig.path))
                at = t_file_size(rig.path);
            ck_assert_int_eq(dbio_preadv(rig.file, vector, count, (off_t)offset, 0),
                             (ssize_t)(at - offset));
            at = offset;
            for (int i = 0; i < count && at + vector[i].iov_len <= SIZE; i++) {
                t_pattern_verify(vector[i].iov_base, vector[i].iov_len, T_SEED, at);
                at += vector[i].iov_len;
            }
        }
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(durable_and_dontcache_write_the_same_bytes)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const unsigned flags[] = {DBIO_DURABLE, DBIO_DONTCACHE, DBIO_DURABLE | DBIO_DONTCACHE};

    for (unsigned i = 0; i < MODES * 3; i++) {
        struct t_rig rig = t_rig(where->directory, (enum dbio_mode)(i % MODES), SIZE);
        const size_t lengths[] = {8 * KIB, 300 * KIB, 1000};
        const uint64_t offsets[] = {8 * KIB, 100, 4097};

        for (int j = 0; j < 3; j++) {
            void *bytes = t_patterned(lengths[j], T_SEED, offsets[j]);

            ck_assert_int_eq(
                dbio_pwrite(rig.file, bytes, lengths[j], (off_t)offsets[j], flags[i / MODES]),
                (ssize_t)lengths[j]);
        }
        ck_assert_int_eq(dbio_pread(rig.file, t_aligned(SIZE), SIZE, 0, DBIO_DONTCACHE), SIZE);
        t_file_verify(rig.path, T_SEED, 0, SIZE);
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(a_handle_with_durability_write_is_as_if_every_write_were_durable)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct dbio_file_options options = {.size = sizeof(options),
                                        .durability = DBIO_DURABILITY_WRITE};
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_AUTO, SIZE);
    struct dbio_file *file;

    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDWR, 0, &options, &file), 0);
    t_write_new(file, 10000, 100);
    /* It is a kind of flag: not together with "do not wait". */
    t_read_old(file, 4 * KIB, 64 * KIB);
    t_verify_new(rig.path, 10000, 100);
    ck_assert_int_eq(dbio_close(file), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(at_the_file_size_limit_a_write_is_short_and_the_next_one_is_efbig)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    const struct rlimit limit = {100 * KIB, 100 * KIB};

    signal(SIGXFSZ, SIG_IGN);
    for (unsigned mode = 0; mode < 3; mode++) {
        struct t_rig rig = t_rig(where->directory, (enum dbio_mode)mode, 64 * KIB);
        char *memory = t_aligned(64 * KIB);

        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        ck_assert_int_eq(dbio_pwrite(rig.file, memory, 64 * KIB, 64 * KIB, 0), 36 * KIB);
        ck_assert_int_eq(dbio_pwrite(rig.file, memory, 64 * KIB, 100 * KIB, 0), -EFBIG);
        ck_assert_int_eq(dbio_append(rig.file, memory, 1, 0, NULL), -EFBIG);
        ck_assert_int_eq(dbio_size(rig.file), 100 * KIB);
        ck_assert_int_eq(dbio_truncate(rig.file, 200 * KIB), -EFBIG);
        ck_assert_int_eq(dbio_allocate(rig.file, 0, 200 * KIB, 0), -EFBIG);
        t_file_verify(rig.path, T_SEED, 0, 64 * KIB);
        t_close(rig.context, rig.file);
    }
}
END_TEST

START_TEST(errno_is_neither_changed_nor_needed)
{
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_DIRECT, SIZE);

    errno = 4711;
    t_read_old(rig.file, 4 * KIB, 0);
    ck_assert_int_eq(dbio_pread(rig.file, NULL, 1, 0, 0), -EFAULT);
    ck_assert_int_eq(dbio_truncate(rig.file, -1), -EINVAL);
    ck_assert_int_eq(dbio_fdatasync(rig.file), 0);
    ck_assert_int_eq(errno, 4711);
    t_close(rig.context, rig.file);
}
END_TEST

/* Each thread has every fourth block for itself, and all modes for all blocks. */
struct worker {
    struct dbio_file *files[MODES];
    uint64_t number;
};

static void *
work(void *argument)
{
    struct worker *worker = argument;
    char *bytes = t_aligned(3000), *found = t_aligned(3000);

    t_random_start(t_seed() + worker->number);
    for (uint64_t i = 0; i < 300; i++) {
        uint64_t offset = (i * 4 + worker->number) % 128 * 3000;
        struct dbio_file *writer = worker->files[t_random_below(MODES)];
        struct dbio_file *reader = worker->files[t_random_below(MODES)];

        t_pattern_fill(bytes, 3000, i, offset);
        if (dbio_pwrite(writer, bytes, 3000, (off_t)offset, 0) != 3000 ||
            dbio_pread(reader, found, 3000, (off_t)offset, 0) != 3000 ||
            memcmp(bytes, found, 3000) != 0)
            return worker;
    }
    return NULL;
}

START_TEST(threads_that_share_pages_but_not_bytes_never_lose_a_byte)
{
    const struct t_filesystem *where = &t_filesystems()[_i];
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, SIZE);
    struct worker workers[4];
    pthread_t threads[4];
    void *failed;

    for (unsigned i = 0; i < MODES; i++)
        workers[0].files[i] = t_open(rig.context, rig.path, (enum dbio_mode)i);
    for (uint64_t i = 0; i < 4; i++) {
        workers[i] = workers[0];
        workers[i].number = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    for (int i = 0; i < MODES; i++)
        ck_assert_int_eq(dbio_close(workers[0].files[i]), 0);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("api_transfer");
    TCase *cases = tcase_create("api_transfer");

    t_add_filesystem_test(cases, every_alignment_of_offset_length_and_memory_in_every_mode);
    t_add_filesystem_test(cases,
                          what_one_handle_wrote_every_other_reads_at_once_whatever_their_modes);
    t_add_filesystem_test(cases, vectors_are_the_same_as_their_buffers_one_after_the_other);
    t_add_filesystem_test(cases, durable_and_dontcache_write_the_same_bytes);
    t_add_filesystem_test(cases, a_handle_with_durability_write_is_as_if_every_write_were_durable);
    t_add_filesystem_test(cases, at_the_file_size_limit_a_write_is_short_and_the_next_one_is_efbig);
    tcase_add_test(cases, errno_is_neither_changed_nor_needed);
    t_add_filesystem_test(cases, threads_that_share_pages_but_not_bytes_never_lose_a_byte);
    suite_add_tcase(suite, cases);
    return suite;
}
