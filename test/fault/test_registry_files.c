/*
 * test_registry_files.c - registries that are broken in every way: joining and using them never
 * crashes, never hangs for ever, never loses a byte of a file.
 *
 * A valid registry is mutated (bits, bytes, words, runs, its length), header included, and a process
 * joins it, opens a file and reads and writes it. The program is under the address sanitizer in
 * one of the suite's runs. Mutations that look like the announcement of a living process are
 * waited for, and that is right; so requests that could wait are made with DBIO_NOWAIT, and
 * waiting ones under an alarm that is no failure.
 *
 * DBIO_TEST_SECONDS: how long; DBIO_TEST_SEED repeats a run.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/table.h"
#include "t_dbio.h"
#include "t_file.h"

#define SECONDS    5
#define SIZE       ((size_t)64 * 1024)
#define CHANGES    200
#define USED_BYTES offsetof(struct dbio_table, uses)

static unsigned char *valid; /* the bytes of a registry that was used */
static const char *data_path, *registry_path;

static int
use_registry(void)
{
    static const enum dbio_mode modes[] = {DBIO_MODE_DIRECT, DBIO_MODE_BUFFERED, DBIO_MODE_AUTO};
    char *memory = t_aligned(SIZE);
    struct dbio_context *context;
    struct dbio_file *file;

    if (dbio_context_create(NULL, &context) != 0)
        return 1;
    for (unsigned i = 0; i < 3; i++) {
        struct dbio_file_options options = {.size = sizeof(options), .mode = modes[i]};
        ssize_t count;

        if (dbio_open(context, data_path, O_RDWR, 0, &options, &file) != 0)
            return 2;
        count = dbio_pread(file, memory, SIZE, 0, DBIO_NOWAIT);
        if (count == (ssize_t)SIZE && t_pattern_first_wrong(memory, SIZE, T_SEED, 0) != T_ALL_RIGHT)
            return 3;
        t_pattern_fill(memory, SIZE, T_SEED, 0);
        count = dbio_pwrite(file, memory, SIZE, 0, DBIO_NOWAIT);
        if (count < 0 && count != -EAGAIN)
            return 4;
        if (dbio_close(file) != 0)
            return 5;
    }
    (void)alarm(1); /* from here on it may wait for what is announced in the garbage */
    if (dbio_open(context, data_path, O_RDWR, 0, NULL, &file) != 0)
        return 6;
    if (dbio_pread(file, memory, SIZE, 0, 0) != (ssize_t)SIZE ||
        t_pattern_first_wrong(memory, SIZE, T_SEED, 0) != T_ALL_RIGHT)
        return 7;
    return dbio_close(file) != 0 ? 8 : 0;
}

/* The exit status of a process that uses the registry; SIGALRM counts as well. */
static void
assert_usable(const char *what, unsigned number)
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(use_registry());
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM),
                  "%s %u: status 0x%x", what, number, status);
}

static void
write_registry(const unsigned char *bytes, size_t length)
{
    int fd = open(registry_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t part = length < USED_BYTES ? length : USED_BYTES;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, bytes, part, 0), (ssize_t)part);
    ck_assert_int_eq(ftruncate(fd, (off_t)length), 0);
    close(fd);
}

static void
prepare(void)
{
    int fd;

    data_path = t_path_kept(t_scratch(), "data");
    registry_path = t_path_kept("/dev/shm", "dbio-test-broken");
    (void)unlink(registry_path);
    ck_assert_int_eq(setenv("DBIO_REGISTRY", registry_path, 1), 0);
    close(t_file_make(data_path, T_SEED, SIZE));
    assert_usable("whole", 0);
    valid = malloc(sizeof(struct dbio_table));
    ck_assert_ptr_nonnull(valid);
    fd = open(registry_path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(read(fd, valid, sizeof(struct dbio_table)), sizeof(struct dbio_table));
    close(fd);
}

START_TEST(a_registry_cut_off_anywhere_is_done_without)
{
    const size_t borders[] = {0,
                              1,
                              8,
                              sizeof(struct dbio_table_header) - 1,
                              sizeof(struct dbio_table_header),
                              offsetof(struct dbio_table, owners),
                              offsetof(struct dbio_table, slots),
                              sizeof(struct dbio_table) - 1,
                              sizeof(struct dbio_table) + 1,
                              2 * sizeof(struct dbio_table)};

    prepare();
    for (unsigned i = 0; i < sizeof(borders) / sizeof(borders[0]); i++) {
        write_registry(valid, borders[i]);
        assert_usable("cut off", i);
    }
    for (unsigned i = 0; i < 32 && (size_t)1 << i < sizeof(struct dbio_table); i++) {
        write_registry(valid, (size_t)1 << i);
        assert_usable("power of two", i);
    }
    (void)unlink(registry_path);
}
END_TEST

static void
change(unsigned char *bytes)
{
    size_t at = (size_t)t_random_below(USED_BYTES);
    size_t length = 1 + (size_t)t_random_below(t_random_below(8) == 0 ? 65536 : 16);
    unsigned how = (unsigned)t_random_below(4), i;

    if (t_random_below(4) == 0) /* what is looked at first */
        at = (size_t)t_random_below(4096);
    for (i = 0; i < length && at + i < USED_BYTES; i++)
        switch (how) {
        case 0:
            bytes[at + i] ^= (unsigned char)(1u << t_random_below(8));
            break;
        case 1:
            bytes[at + i] = 0xff;
            break;
        case 2:
            bytes[at + i] = 0;
            break;
        default:
            bytes[at + i] = (unsigned char)t_random_below(256);
        }
}

/* The header is made right again, so that what is behind it is believed. */
static void
keep_header(unsigned char *bytes)
{
    memcpy(bytes, valid, sizeof(struct dbio_table_header));
}

static double
seconds_now(void)
{
    struct timespec now;

    ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

START_TEST(a_registry_full_of_garbage_harms_nobody)
{
    const char *wish = getenv("DBIO_TEST_SECONDS");
    double end = seconds_now() + (wish != NULL ? atof(wish) : SECONDS);
    unsigned char *bytes = malloc(sizeof(struct dbio_table));
    unsigned runs;

    prepare();
    ck_assert_ptr_nonnull(bytes);
    for (runs = 0; seconds_now() < end; runs++) {
        unsigned changes = 1 + (unsigned)t_random_below(CHANGES);

        memcpy(bytes, valid, sizeof(struct dbio_table));
        while (changes-- > 0)
            change(bytes);
        if (t_random_below(8) != 0)
            keep_header(bytes);
        write_registry(bytes, sizeof(struct dbio_table));
        assert_usable("mutation", runs);
    }
    printf("%u mutations\n", runs);
    fflush(stdout);
    free(bytes);
    (void)unlink(registry_path);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("registry_files");
    TCase *cases = tcase_create("registry_files");

    tcase_set_timeout(cases, 110);
    tcase_add_test(cases, a_registry_cut_off_anywhere_is_done_without);
    tcase_add_test(cases, a_registry_full_of_garbage_harms_nobody);
    suite_add_tcase(suite, cases);
    return suite;
}
