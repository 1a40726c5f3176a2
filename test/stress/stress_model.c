/*
 * stress_model.c - random operations on real files, compared with the obvious array of bytes.
 *
 * On every file system at hand, with two handles of different modes on one file: reads and
 * writes of every size and alignment, vectors, appends, resizing, holes, syncs, advice,
 * mappings with stores, reopening in another mode. Every read is compared byte for byte, and
 * now and then the whole file, through the kernel. One thread: with several there is no one
 * right answer; stress_mixed.c has those.
 *
 * DBIO_TEST_SEED repeats a run; DBIO_TEST_SECONDS: for all file systems together.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_model.h"

#define SECONDS         16
#define FILE_MOST       (UINT64_C(3) << 20)
#define LENGTH_MOST     ((size_t)1 << 20)
#define HANDLES         2
#define HISTORY         12u
#define OPERATIONS_MOST 20000u

struct run {
    struct t_model model;
    struct dbio_context *context;
    struct dbio_file *files[HANDLES];
    const char *path;
    unsigned char *memory; /* LENGTH_MOST and room for any misalignment */
    uint64_t operations;
    char history[HISTORY][80];
};

/* The run that a failing case tells about. */
static struct run *current;

static void
tell(void)
{
    uint64_t i;

    if (current == NULL)
        return;
    fprintf(stderr, "stress_model: seed %" PRIu64 ", operation %" PRIu64 ", %s; the last:\n",
            t_seed(), current->operations, current->path);
    for (i = current->operations >= HISTORY ? current->operations - HISTORY : 0;
         i <= current->operations; i++)
        fprintf(stderr, "  %s\n", current->history[i % HISTORY]);
}

static void
note(struct run *run, const char *what, uint64_t offset, uint64_t length)
{
    (void)snprintf(run->history[run->operations % HISTORY], sizeof(run->history[0]),
                   "%" PRIu64 ": %s offset %" PRIu64 " length %" PRIu64, run->operations, what,
                   offset, length);
}

static struct dbio_file *
any_file(struct run *run)
{
    return run->files[t_random_below(HANDLES)];
}

static struct dbio_file *
open_any(struct run *run)
{
    return t_open(run->context, run->path, (enum dbio_mode)t_random_below(DBIO_MODE_DONTCACHE + 1));
}

/* Pages, sectors, odd bytes, and large ones with odd edges, each often enough. */
static uint64_t
any_number(uint64_t most)
{
    static const uint64_t units[] = {4096, 512, 1, 65536};
    uint64_t unit = units[t_random_below(4)];
    uint64_t number = t_random_below(t_random_below(2) ? most : most / 16 + 1);

    return number / unit * unit;
}

static void
shape(uint64_t *offset, size_t *length)
{
    *offset = any_number(FILE_MOST - LENGTH_MOST);
    *length = (size_t)any_number(LENGTH_MOST - 1) + 1;
    if (t_random_below(2))
        *length = (*length + 4095) / 4096 * 4096;
}

static unsigned char *
any_memory(struct run *run)
{
    return run->memory + (t_random_below(2) ? 0 : t_random_below(4096));
}

static void
fill(unsigned char *memory, size_t length)
{
    uint64_t state = t_random() | 1;
    size_t i;

    for (i = 0; i < length; i++) {
        state = state * UINT64_C(6364136223846793005) + 1;
        memory[i] = (unsigned char)(state >> 56);
    }
}

/* The buffer in up to five pieces, cut anywhere. */
static int
cut(unsigned char *memory, size_t length, struct iovec pieces[5])
{
    int count = 0;

    while (count < 4 && length > 1) {
        size_t piece = (size_t)t_random_below(length);

        if (t_random_below(2))
            piece = piece / 4096 * 4096;
        pieces[count++] = (struct iovec){memory, piece};
        memory += piece;
        length -= piece;
    }
    pieces[count++] = (struct iovec){memory, length};
    return count;
}

static void
do_write(struct run *run)
{
    unsigned flags = t_random_below(16) ? 0 : DBIO_DURABLE;
    unsigned char *memory = any_memory(run);
    struct iovec pieces[5];
    uint64_t offset;
    size_t length;
    ssize_t done;

    shape(&offset, &length);
    note(run, "write", offset, length);
    fill(memory, length);
    if (t_random_below(3))
        done = dbio_pwrite(any_file(run), memory, length, (off_t)offset, flags);
    else
        done =
            dbio_pwritev(any_file(run), pieces, cut(memory, length, pieces), (off_t)offset, flags);
    ck_assert_int_eq(done, (ssize_t)length);
    t_model_pwrite(&run->model, memory, length, offset);
}

static void
do_read(struct run *run)
{
    unsigned char *memory = any_memory(run);
    struct iovec pieces[5];
    uint64_t offset;
    size_t length;
    ssize_t done;

    shape(&offset, &length);
    note(run, "read", offset, length);
    if (t_random_below(3))
        done = dbio_pread(any_file(run), memory, length, (off_t)offset, 0);
    else
        done = dbio_preadv(any_file(run), pieces, cut(memory, length, pieces), (off_t)offset, 0);
    t_model_verify_read(&run->model, memory, length, done, offset);
}

static void
do_append(struct run *run)
{
    size_t length = (size_t)any_number(LENGTH_MOST / 4 - 1) + 1;
    unsigned char *memory = any_memory(run);
    off_t where = -1;

    if (run->model.size + length > FILE_MOST)
        return;
    note(run, "append", run->model.size, length);
    fill(memory, length);
    ck_assert_int_eq(dbio_append(any_file(run), memory, length, 0, &where), (ssize_t)length);
    ck_assert_uint_eq((uint64_t)where, run->model.size);
    t_model_pwrite(&run->model, memory, length, (uint64_t)where);
}

static void
do_resize(struct run *run)
{
    uint64_t offset = any_number(FILE_MOST - LENGTH_MOST);
    uint64_t length = any_number(LENGTH_MOST - 1) + 1;
    bool keep = t_random_below(2) != 0;

    switch (t_random_below(3)) {
    case 0:
        note(run, "truncate", offset, 0);
        ck_assert_int_eq(dbio_truncate(any_file(run), (off_t)offset), 0);
        t_model_truncate(&run->model, offset);
        break;
    case 1:
        note(run, "punch", offset, length);
        ck_assert_int_eq(dbio_punch(any_file(run), (off_t)offset, (off_t)length), 0);
        t_model_punch(&run->model, offset, length);
        break;
    default:
        note(run, "allocate", offset, length);
        ck_assert_int_eq(
            dbio_allocate(any_file(run), (off_t)offset, (off_t)length, keep ? DBIO_KEEP_SIZE : 0),
            0);
        t_model_allocate(&run->model, offset, length, keep);
    }
}

/* Stores through a shared mapping while the other handle goes on. */
static void
do_map(struct run *run)
{
    struct dbio_file *file = any_file(run);
    unsigned char *address;
    uint64_t at;

    if (run->model.size < 4096)
        return;
    at = t_random_below(run->model.size / 4096) * 4096;
    note(run, "map", at, 4096);
    ck_assert_int_eq(
        dbio_map(file, (off_t)at, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (void **)&address), 0);
    fill(run->memory, 100);
    memcpy(address + 7, run->memory, 100);
    t_model_pwrite(&run->model, run->memory, 100, at + 7);
    do_read(run);
    do_write(run);
    if (at + 4096 <= run->model.size)
        t_model_verify_read(&run->model, address, 4096, 4096, at);
    ck_assert_int_eq(dbio_unmap(file, address, 4096), 0);
}

static void
do_other(struct run *run)
{
    static const int advice[] = {POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED, POSIX_FADV_NORMAL};
    size_t handle = (size_t)t_random_below(HANDLES);
    uint64_t offset = any_number(FILE_MOST), length = any_number(LENGTH_MOST);

    switch (t_random_below(6)) {
    case 0:
        note(run, "sync", 0, 0);
        ck_assert_int_eq(dbio_fdatasync(any_file(run)), 0);
        ck_assert_int_eq(dbio_sync_range(any_file(run), (off_t)offset, (off_t)length), 0);
        break;
    case 1:
        note(run, "advise", offset, length);
        ck_assert_int_eq(
            dbio_advise(any_file(run), (off_t)offset, (off_t)length, advice[t_random_below(3)]), 0);
        break;
    case 2: /* what finds nothing cached goes direct */
    case 3:
        note(run, "drop the cache", 0, 0);
        (void)t_cache_drop(run->path);
        break;
    case 4:
        note(run, "size", 0, 0);
        ck_assert_uint_eq((uint64_t)dbio_size(any_file(run)), run->model.size);
        break;
    default:
        note(run, "reopen", handle, 0);
        ck_assert_int_eq(dbio_close(run->files[handle]), 0);
        run->files[handle] = open_any(run);
    }
}

static void
do_one(struct run *run)
{
    uint64_t which = t_random_below(100);

    if (which < 40)
        do_write(run);
    else if (which < 75)
        do_read(run);
    else if (which < 80)
        do_append(run);
    else if (which < 86)
        do_resize(run);
    else if (which < 89)
        do_map(run);
    else
        do_other(run);
    run->operations++;
}

static double
seconds_now(void)
{
    struct timespec now;

    ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double
seconds_each(void)
{
    const char *wish = getenv("DBIO_TEST_SECONDS");

    return (wish != NULL ? atof(wish) : SECONDS) / t_filesystems_count();
}

static uint64_t
requests_direct(const struct run *run)
{
    return t_stat(run->context, DBIO_STAT_DIRECT) + t_stat(run->context, DBIO_STAT_DIRECT_BOUNCE) +
           t_stat(run->context, DBIO_STAT_DIRECT_EDGES);
}

/* A run in which nothing went direct has shown nothing about direct I/O: a slow machine goes on
 * until something did. */
static bool
has_shown_direct(const struct run *run, const char *filesystem)
{
    if (strcmp(filesystem, "ext4") != 0 && strcmp(filesystem, "xfs") != 0)
        return true;
    return requests_direct(run) > 0 || run->operations >= OPERATIONS_MOST;
}

START_TEST(a_file_under_random_operations_is_what_an_array_would_be)
{
    const struct t_filesystem *filesystem = &t_filesystems()[_i];
    struct run run = {.path = t_path(filesystem->directory, "model")};
    double end = seconds_now() + seconds_each();
    uint64_t direct, buffered;
    int i;

    t_random_start(t_seed() + (uint64_t)_i);
    current = &run;
    ck_assert_int_eq(atexit(tell), 0);
    t_model_init(&run.model);
    run.memory = t_aligned(LENGTH_MOST + 4096);
    run.context = t_context();
    for (i = 0; i < HANDLES; i++)
        run.files[i] = open_any(&run);
    while (seconds_now() < end || !has_shown_direct(&run, filesystem->name)) {
        do_one(&run);
        if (run.operations % 256 == 0)
            t_model_verify(&run.model, run.path);
    }
    t_model_verify(&run.model, run.path);
    direct = requests_direct(&run);
    buffered = t_stat(run.context, DBIO_STAT_BUFFERED);
    printf("%s: %" PRIu64 " operations, %" PRIu64 " requests direct, %" PRIu64 " buffered, %" PRIu64
           " buffered and flushed\n",
           filesystem->name, run.operations, direct, buffered,
           t_stat(run.context, DBIO_STAT_BUFFERED_FLUSH));
    current = NULL;
    for (i = 0; i < HANDLES; i++)
        ck_assert_int_eq(dbio_close(run.files[i]), 0);
    ck_assert_int_eq(dbio_context_destroy(run.context), 0);
    t_model_fini(&run.model);
    if (strcmp(filesystem->name, "ext4") == 0 || strcmp(filesystem->name, "xfs") == 0)
        ck_assert_uint_gt(direct, 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("stress_model");
    TCase *cases = tcase_create("model");

    tcase_set_timeout(cases, 240);
    (void)t_direct_filesystems(); /* marks btrfs' directory: files in it go direct */
    tcase_add_loop_test(cases, a_file_under_random_operations_is_what_an_array_would_be, 0,
                        t_filesystems_count());
    suite_add_tcase(suite, cases);
    return suite;
}
