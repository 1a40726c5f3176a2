/*
 * test_api_readahead.c - sequential readers of direct files: what they get is what the file holds,
 * whoever changes it meanwhile; what is read ahead, for whom, and how much of it.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_dbio.h"
#include "t_file.h"

#define KIB   ((size_t)1024)
#define MIB   (1024 * KIB)
#define SIZE  (6 * MIB + 1000) /* the end is in the middle of a block */
#define PIECE (16 * KIB)
#define NEVER UINT64_MAX

static struct t_rig rig;

/* Files that were changed a moment ago are not read ahead of. */
static void
begin(const char *directory)
{
    rig = t_rig(directory, DBIO_MODE_DIRECT, SIZE);
    usleep(40000);
}

static uint64_t
stat_of(enum dbio_stat stat)
{
    return t_stat(rig.context, stat);
}

/* Reads on, piece after piece, from *at up to `end`, and finds the old pattern. */
static void
read_on(struct dbio_file *file, size_t piece, uint64_t *at, uint64_t end)
{
    unsigned char *memory = t_aligned(piece);

    while (*at < end) {
        ssize_t got = dbio_pread(file, memory, piece, (off_t)*at, 0);
        size_t rest = end - *at < piece ? (size_t)(end - *at) : piece;

        ck_assert_int_ge(got, (ssize_t)rest);
        t_pattern_verify(memory, rest, T_SEED, *at);
        *at += rest;
    }
}

/* Reads on until some of it came from what had been read ahead. */
static uint64_t
run_ahead(struct dbio_file *file)
{
    uint64_t at = 0;
    int i;

    for (i = 0; i < 100 && t_reasoned(file, DBIO_REASON_READ_AHEAD) < 20; i++)
        read_on(file, PIECE, &at, at + PIECE);
    ck_assert_uint_ge(t_reasoned(file, DBIO_REASON_READ_AHEAD), 20);
    usleep(20000); /* what is behind is there too */
    return at;
}

/* The next piece has the new pattern. */
static void
find_new(struct dbio_file *file, uint64_t at)
{
    unsigned char *memory = t_aligned(PIECE);

    ck_assert_int_eq(dbio_pread(file, memory, PIECE, (off_t)at, 0), (ssize_t)PIECE);
    t_pattern_verify(memory, PIECE, T_NEW, at);
}

START_TEST(pieces_of_every_size_are_right_up_to_the_end_of_the_file)
{
    static const size_t pieces[] = {512, 1000, 4096, 8192, 65536, 100000, 256 * 1024, 300000};
    T_DIRECT_OR_SKIP(where);
    size_t i;

    begin(where->directory);
    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct dbio_file *file = t_open(rig.context, rig.path, DBIO_MODE_DIRECT);
        unsigned char *memory = t_unaligned(pieces[i]);
        uint64_t before = stat_of(DBIO_STAT_AHEAD_READS), at = 0;
        size_t piece = pieces[i];

        read_on(file, piece, &at, SIZE / piece * piece);
        ck_assert_int_eq(dbio_pread(file, memory, piece, (off_t)at, 0), (ssize_t)(SIZE - at));
        t_pattern_verify(memory, SIZE - at, T_SEED, at);
        ck_assert_int_eq(dbio_pread(file, memory, piece, (off_t)SIZE, 0), 0);
        /* Larger ones depend on the pace of the device. */
        ck_assert(piece >= 32 * KIB || stat_of(DBIO_STAT_AHEAD_READS) > before);
        ck_assert_int_eq(dbio_close(file), 0);
    }
    ck_assert_uint_eq(t_cache_pages(rig.path, 0, SIZE), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(requests_add_up_and_what_was_read_ahead_was_used)
{
    T_DIRECT_OR_SKIP(where);
    uint64_t at = 0;

    begin(where->directory);
    read_on(rig.file, PIECE, &at, 6 * MIB);
    ck_assert_uint_eq(stat_of(DBIO_STAT_READS), 6 * MIB / PIECE);
    ck_assert_uint_eq(stat_of(DBIO_STAT_READ_BYTES), 6 * MIB);
    ck_assert_uint_eq(stat_of(DBIO_STAT_DIRECT) + stat_of(DBIO_STAT_DIRECT_BOUNCE),
                      6 * MIB / PIECE);
    ck_assert_uint_ge(t_reasoned(rig.file, DBIO_REASON_READ_AHEAD), 6 * MIB / PIECE - 10);
    /* Fewer and larger: from 128 KiB on to 1 MiB. */
    ck_assert_uint_le(stat_of(DBIO_STAT_AHEAD_READS), 20);
    ck_assert_uint_ge(stat_of(DBIO_STAT_AHEAD_BYTES), 6 * MIB - 10 * PIECE);
    t_close(rig.context, rig.file);
}
END_TEST

/* What changes the file, and what the reader must see. */
static void
write_by(enum dbio_mode mode, uint64_t at)
{
    struct dbio_file *writer = t_open(rig.context, rig.path, mode);

    t_write_new(writer, PIECE, at);
    ck_assert_int_eq(dbio_close(writer), 0);
}

static void
write_by_process(enum dbio_mode mode, uint64_t at)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct dbio_context *context = t_context();
        struct dbio_file *writer = t_open(context, rig.path, mode);

        t_write_new(writer, PIECE, at);
        t_close(context, writer);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

/* Someone who knows nothing of dbio. */
static void
write_by_stranger(int flags, uint64_t at)
{
    void *memory = t_patterned(PIECE, T_NEW, at);
    int fd = open(rig.path, O_WRONLY | flags | O_CLOEXEC);

    ck_assert_int_eq(pwrite(fd, memory, PIECE, (off_t)at), (ssize_t)PIECE);
    ck_assert_int_eq(close(fd), 0);
}

static void
write_by_batch(uint64_t at)
{
    void *memory = t_patterned(PIECE, T_NEW, at);
    struct dbio_completion one;
    struct dbio_batch *batch;

    ck_assert_int_eq(dbio_batch_create(rig.context, NULL, &batch), 0);
    ck_assert_int_eq(dbio_batch_write(batch, rig.file, memory, PIECE, (off_t)at, 0, 1), 0);
    ck_assert_int_eq(dbio_batch_submit(batch), 1);
    ck_assert_int_eq(dbio_batch_wait(batch, 1, NEVER, &one, 1), 1);
    ck_assert_int_eq(one.result, (int64_t)PIECE);
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
}

START_TEST(a_write_ahead_of_the_reader_is_read_whoever_wrote_it)
{
    T_DIRECT_OR_SKIP(where);
    int round;

    begin(where->directory);
    for (round = 0; round < 8; round++) {
        struct dbio_file *reader;
        uint64_t at, wasted;

        t_close(rig.context, rig.file);
        begin(where->directory);
        reader = rig.file;
        at = run_ahead(reader);
        wasted = stat_of(DBIO_STAT_AHEAD_WASTED);
        switch (round) {
        case 0:
            write_by(DBIO_MODE_DIRECT, at);
            break;
        case 1:
            write_by(DBIO_MODE_BUFFERED, at);
            break;
        case 2:
            write_by_process(DBIO_MODE_DIRECT, at);
            break;
        case 3:
            write_by_process(DBIO_MODE_BUFFERED, at);
            break;
        case 4:
            write_by_stranger(0, at);
            break;
        case 5:
            write_by_stranger(O_DIRECT, at);
            break;
        case 6:
            write_by_batch(at);
            break;
        case 7:
            t_write_new(reader, PIECE, at);
            break;
        }
        find_new(reader, at);
        ck_assert_uint_gt(stat_of(DBIO_STAT_AHEAD_WASTED), wasted);
        at += PIECE;
        read_on(reader, PIECE, &at, SIZE - PIECE);
    }
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(what_was_cut_off_punched_or_appended_is_seen)
{
    T_DIRECT_OR_SKIP(where);
    unsigned char *memory = t_aligned(PIECE);
    off_t end = 0;
    uint64_t at;
    size_t i;

    begin(where->directory);
    at = run_ahead(rig.file);
    ck_assert_int_eq(dbio_punch(rig.file, (off_t)at, (off_t)PIECE), 0);
    ck_assert_int_eq(dbio_pread(rig.file, memory, PIECE, (off_t)at, 0), (ssize_t)PIECE);
    for (i = 0; i < PIECE; i++)
        ck_assert_int_eq(memory[i], 0);
    t_close(rig.context, rig.file);

    begin(where->directory);
    at = run_ahead(rig.file);
    ck_assert_int_eq(dbio_truncate(rig.file, (off_t)at + 100), 0);
    ck_assert_int_eq(dbio_pread(rig.file, memory, PIECE, (off_t)at, 0), 100);
    ck_assert_int_eq(dbio_pread(rig.file, memory, PIECE, (off_t)at + 100, 0), 0);
    t_close(rig.context, rig.file);

    begin(where->directory);
    at = 0;
    read_on(rig.file, PIECE, &at, SIZE);
    ck_assert_int_eq(dbio_append(rig.file, "more", 4, 0, &end), 4);
    ck_assert_int_eq(end, (off_t)SIZE);
    ck_assert_int_eq(dbio_pread(rig.file, memory, PIECE, (off_t)SIZE - 96, 0), 100);
    t_pattern_verify(memory, 96, T_SEED, SIZE - 96);
    ck_assert_int_eq(memcmp(memory + 96, "more", 4), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(nothing_is_read_ahead_of_those_who_do_not_run_on_or_do_not_wish_it)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file_options options = {.size = sizeof(options)};
    struct dbio_context_options off = {.size = sizeof(off), .readahead_bytes = DBIO_READAHEAD_OFF};
    struct dbio_context *quiet;
    struct dbio_file *file;
    uint64_t at = 0;
    int i;

    begin(where->directory);
    for (i = 0; i < 300; i++)
        t_read_old(rig.file, PIECE, t_random_below(SIZE / PIECE) * PIECE);
    read_on(rig.file, 512 * KIB, &at, 6 * MIB); /* large ones need no help */
    for (i = 0; i < 20; i++) {                  /* three in a row are no run */
        at = (uint64_t)i * 64 * KIB;
        read_on(rig.file, PIECE, &at, at + 3 * PIECE);
    }
    ck_assert_uint_eq(stat_of(DBIO_STAT_AHEAD_READS), 0);

    options.mode = DBIO_MODE_DIRECT;
    options.pattern = DBIO_PATTERN_RANDOM;
    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDONLY, 0, &options, &file), 0);
    at = 0;
    read_on(file, PIECE, &at, 6 * MIB);
    ck_assert_int_eq(dbio_close(file), 0);
    file = t_open(rig.context, rig.path, DBIO_MODE_BUFFERED);
    at = 0;
    read_on(file, PIECE, &at, 6 * MIB);
    ck_assert_int_eq(dbio_advise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_uint_eq(stat_of(DBIO_STAT_AHEAD_READS), 0);
    t_close(rig.context, rig.file);

    ck_assert_int_eq(dbio_context_create(&off, &quiet), 0);
    file = t_open(quiet, rig.path, DBIO_MODE_DIRECT);
    at = 0;
    read_on(file, PIECE, &at, 6 * MIB);
    ck_assert_uint_eq(t_stat(quiet, DBIO_STAT_AHEAD_READS), 0);
    t_close(quiet, file);
}
END_TEST

START_TEST(a_handle_that_wishes_it_is_read_ahead_of_from_the_second_read_on)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_file_options options = {
        .size = sizeof(options), .mode = DBIO_MODE_DIRECT, .pattern = DBIO_PATTERN_SEQUENTIAL};
    struct dbio_file *file;
    uint64_t at = 0;

    begin(where->directory);
    ck_assert_int_eq(dbio_open(rig.context, rig.path, O_RDONLY, 0, &options, &file), 0);
    read_on(file, PIECE, &at, 3 * PIECE);
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_uint_ge(stat_of(DBIO_STAT_AHEAD_READS), 1);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(memory_is_bounded_and_those_who_get_none_read_on_as_ever)
{
    T_DIRECT_OR_SKIP(where);
    struct dbio_context_options options = {.size = sizeof(options), .readahead_bytes = 2 * MIB};
    struct dbio_file *files[12];
    uint64_t at[12] = {0};
    struct dbio_context *context;
    int i, round;

    begin(where->directory);
    ck_assert_int_eq(dbio_context_create(&options, &context), 0);
    for (i = 0; i < 12; i++)
        files[i] = t_open(context, rig.path, DBIO_MODE_DIRECT);
    for (round = 0; round < 60; round++)
        for (i = 0; i < 12; i++)
            read_on(files[i], PIECE, &at[i], at[i] + PIECE);
    ck_assert_uint_gt(t_stat(context, DBIO_STAT_AHEAD_READS), 0);
    for (i = 0; i < 12; i++)
        ck_assert_int_eq(dbio_close(files[i]), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0); /* everything was given back */
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_batch_is_served_and_what_is_on_its_way_is_waited_for_without_blocking)
{
    T_DIRECT_OR_SKIP(where);
    enum { DEPTH = 32 };
    struct dbio_completion done[DEPTH];
    unsigned char *memory = t_aligned(DEPTH * PIECE);
    struct dbio_batch *batch;
    uint64_t at, served = 0;
    int i, got, left;

    begin(where->directory);
    ck_assert_int_eq(dbio_batch_create(rig.context, NULL, &batch), 0);
    for (at = 0; at + DEPTH * PIECE <= SIZE; at += DEPTH * PIECE) {
        for (i = 0; i < DEPTH; i++)
            ck_assert_int_eq(dbio_batch_read(batch, rig.file, memory + (size_t)i * PIECE, PIECE,
                                             (off_t)(at + (uint64_t)i * PIECE), 0, (uint64_t)i),
                             0);
        ck_assert_int_eq(dbio_batch_submit(batch), DEPTH);
        for (left = DEPTH; left > 0; left -= got) {
            got = dbio_batch_wait(batch, (unsigned)left, NEVER, done, DEPTH);
            ck_assert_int_gt(got, 0);
            for (i = 0; i < got; i++) {
                ck_assert_int_eq(done[i].result, (int64_t)PIECE);
                served += done[i].reason == DBIO_REASON_READ_AHEAD;
            }
        }
        t_pattern_verify(memory, DEPTH * PIECE, T_SEED, at);
    }
    ck_assert_uint_gt(served, DEPTH);
    ck_assert_uint_eq(served, t_reasoned(rig.file, DBIO_REASON_READ_AHEAD));
    ck_assert_int_eq(dbio_batch_destroy(batch), 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_child_reads_on_by_itself_and_its_parent_is_not_disturbed)
{
    T_DIRECT_OR_SKIP(where);
    uint64_t at;
    pid_t child;
    int status;

    begin(where->directory);
    at = run_ahead(rig.file);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct dbio_file *own = t_open(rig.context, rig.path, DBIO_MODE_DIRECT);
        uint64_t other = 0;

        read_on(rig.file, PIECE, &at, SIZE);
        read_on(own, PIECE, &other, SIZE);
        ck_assert_uint_ge(t_reasoned(own, DBIO_REASON_READ_AHEAD), 20);
        ck_assert_int_eq(dbio_close(own), 0);
        t_close(rig.context, rig.file);
        _exit(0);
    }
    read_on(rig.file, PIECE, &at, SIZE);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_handle_is_closed_with_reads_on_their_way)
{
    T_DIRECT_OR_SKIP(where);
    int round;

    begin(where->directory);
    for (round = 0; round < 100; round++) {
        struct dbio_file *file = t_open(rig.context, rig.path, DBIO_MODE_DIRECT);
        uint64_t at = 0;

        read_on(file, PIECE, &at, (6 + t_random_below(20)) * PIECE);
        ck_assert_int_eq(dbio_close(file), 0);
    }
    ck_assert_uint_gt(stat_of(DBIO_STAT_AHEAD_READS), 100);
    t_close(rig.context, rig.file);
}
END_TEST

START_TEST(a_reader_that_goes_elsewhere_is_followed)
{
    T_DIRECT_OR_SKIP(where);
    int round, run;

    begin(where->directory);
    for (round = 0; round < 10; round++) {
        uint64_t before = t_reasoned(rig.file, DBIO_REASON_READ_AHEAD);

        /* On a busy machine a run may be over before a thread that reads ahead has had its turn. */
        for (run = 0; run < 100 && t_reasoned(rig.file, DBIO_REASON_READ_AHEAD) == before; run++) {
            uint64_t at = t_random_below(3 * MIB / PIECE) * PIECE;

            read_on(rig.file, PIECE, &at, at + MIB);
        }
        ck_assert_uint_gt(t_reasoned(rig.file, DBIO_REASON_READ_AHEAD), before);
    }
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("readahead");
    TCase *cases = tcase_create("readahead");

    t_add_direct_test(cases, pieces_of_every_size_are_right_up_to_the_end_of_the_file);
    t_add_direct_test(cases, requests_add_up_and_what_was_read_ahead_was_used);
    t_add_direct_test(cases, a_write_ahead_of_the_reader_is_read_whoever_wrote_it);
    t_add_direct_test(cases, what_was_cut_off_punched_or_appended_is_seen);
    t_add_direct_test(cases, nothing_is_read_ahead_of_those_who_do_not_run_on_or_do_not_wish_it);
    t_add_direct_test(cases, a_handle_that_wishes_it_is_read_ahead_of_from_the_second_read_on);
    t_add_direct_test(cases, memory_is_bounded_and_those_who_get_none_read_on_as_ever);
    t_add_direct_test(cases,
                      a_batch_is_served_and_what_is_on_its_way_is_waited_for_without_blocking);
    t_add_direct_test(cases, a_child_reads_on_by_itself_and_its_parent_is_not_disturbed);
    t_add_direct_test(cases, a_handle_is_closed_with_reads_on_their_way);
    t_add_direct_test(cases, a_reader_that_goes_elsewhere_is_followed);
    suite_add_tcase(suite, cases);
    return suite;
}
