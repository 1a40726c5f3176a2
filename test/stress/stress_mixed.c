/*
 * stress_mixed.c - direct and buffered requests on the same pages, from several threads, judged
 * by what the contract promises: no read returns bytes older than an earlier completed read or
 * write of the same block, and no acknowledged update is lost.
 *
 * The file is a few extents, written whole, every word with the version of the write; one write of
 * an extent runs at a time. Pages of it are read beside that: long writes are what makes the old
 * page and the new block stand side by side. Before a read its reader notes the newest version of
 * the page that any completed request has shown; the read may not return an older one. (A page
 * may be torn between two versions by a read beside a write, as with pread(2): the older of them
 * must still be new enough.)
 * The same judge watches a naive mix of plain descriptors, one O_DIRECT and one not. Where it
 * finds nothing there, its silence about dbio proves nothing, and the case is skipped as void.
 *
 * DBIO_TEST_SECONDS: for all cases together.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "t_dbio.h"

#define SECONDS 16
#define PARTS   4 /* cases that share the time, on each file system */
#define EXTENTS 2u
#define PAGES   64u
#define PAGE    ((size_t)4096)
#define EXTENT  (PAGES * PAGE)
#define SECTOR  ((size_t)512)
#define WRITERS 2
#define READERS 2
#define WAYS    3
#define RUN     4u /* pages of a long read */

struct mix {
    bool naive;
    int plain[WAYS];               /* O_DIRECT, buffered, O_DIRECT */
    struct dbio_file *files[WAYS]; /* direct, buffered, auto */
    pthread_mutex_t turn[EXTENTS];
    uint64_t version[EXTENTS];                /* under its turn */
    _Atomic uint64_t newest[EXTENTS * PAGES]; /* of a page, shown by a completed request */
    _Atomic uint64_t reads, writes, stale, lost;
    _Atomic bool stop;
};

static ssize_t
read_pages(struct mix *mix, size_t way, void *memory, unsigned page, unsigned count)
{
    off_t offset = (off_t)(page * PAGE);

    return mix->naive ? pread(mix->plain[way], memory, count * PAGE, offset)
                      : dbio_pread(mix->files[way], memory, count * PAGE, offset, 0);
}

static ssize_t
write_extent(struct mix *mix, size_t way, const void *memory, unsigned extent)
{
    off_t offset = (off_t)(extent * EXTENT);

    return mix->naive ? pwrite(mix->plain[way], memory, EXTENT, offset)
                      : dbio_pwrite(mix->files[way], memory, EXTENT, offset, 0);
}

static void
raise_newest(struct mix *mix, unsigned page, uint64_t version)
{
    uint64_t seen = atomic_load(&mix->newest[page]);

    while (seen < version && !atomic_compare_exchange_weak(&mix->newest[page], &seen, version))
        ;
}

/* The older of the versions in a page that may be torn. */
static uint64_t
oldest(const uint64_t *words)
{
    uint64_t least = words[0];
    size_t i;

    for (i = 1; i < PAGE / sizeof(*words); i++)
        if (words[i] < least)
            least = words[i];
    return least;
}

/* The version of the first page. */
static uint64_t
judge_read(struct mix *mix, size_t way, uint64_t *memory, unsigned page, unsigned count)
{
    uint64_t floor[RUN], found;
    unsigned i;

    for (i = 0; i < count; i++)
        floor[i] = atomic_load(&mix->newest[page + i]);
    ck_assert_int_eq(read_pages(mix, way, memory, page, count), (ssize_t)(count * PAGE));
    for (i = 0; i < count; i++) {
        found = oldest(memory + i * PAGE / sizeof(*memory));
        if (found < floor[i])
            atomic_fetch_add(&mix->stale, 1);
        raise_newest(mix, page + i, found);
    }
    atomic_fetch_add(&mix->reads, 1);
    return oldest(memory);
}

/* One page through the cache, which brings it in; a few pages around it direct, which they are
 * as long as not all of them are cached; and at once the one through the cache again. What the
 * direct read has seen of it, this one must. */
static void *
reader(void *argument)
{
    struct mix *mix = argument;
    uint64_t *memory = t_aligned(RUN * PAGE);

    while (!atomic_load(&mix->stop)) {
        unsigned first = (unsigned)t_random_below(EXTENTS * PAGES / RUN) * RUN;
        unsigned page = first + (unsigned)t_random_below(RUN);

        (void)judge_read(mix, 1, memory, page, 1);
        (void)judge_read(mix, 0, memory, first, RUN);
        (void)judge_read(mix, 1, memory, page, 1);
    }
    return NULL;
}

static void *
writer(void *argument)
{
    struct mix *mix = argument;
    uint64_t *memory = t_aligned(EXTENT + PAGE);

    while (!atomic_load(&mix->stop)) {
        unsigned extent = (unsigned)t_random_below(EXTENTS), first = extent * PAGES;
        uint64_t *from = memory + (mix->naive || t_random_below(4) ? 0 : 1); /* 1: bounced */
        size_t i;

        (void)pthread_mutex_lock(&mix->turn[extent]);
        /* What stands there before is the last version, or an update was lost. */
        if (judge_read(mix, (size_t)t_random_below(WAYS), memory,
                       first + (unsigned)t_random_below(PAGES), 1) != mix->version[extent])
            atomic_fetch_add(&mix->lost, 1);
        mix->version[extent]++;
        for (i = 0; i < EXTENT / sizeof(*from); i++)
            from[i] = mix->version[extent];
        /* Without pages in the way it goes direct, and old ones come in beside it. */
        if (t_random_below(2))
            (void)posix_fadvise(mix->plain[1], (off_t)(extent * EXTENT), EXTENT,
                                POSIX_FADV_DONTNEED);
        ck_assert_int_eq(write_extent(mix, (size_t)t_random_below(WAYS), from, extent),
                         (ssize_t)EXTENT);
        for (i = 0; i < PAGES; i++)
            raise_newest(mix, first + (unsigned)i, mix->version[extent]);
        (void)pthread_mutex_unlock(&mix->turn[extent]);
        atomic_fetch_add(&mix->writes, 1);
    }
    return NULL;
}

static double
seconds_each(void)
{
    const char *wish = getenv("DBIO_TEST_SECONDS");

    return (wish != NULL ? atof(wish) : SECONDS) / PARTS / (t_filesystems_count() + 1);
}

static void
pause_for(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    (void)nanosleep(&time, NULL);
}

struct thread {
    pthread_t id;
    struct mix *mix;
    void *(*body)(void *);
    uint64_t seed;
};

static void *
start_thread(void *argument)
{
    struct thread *thread = argument;

    t_random_start(thread->seed);
    return thread->body(thread->mix);
}

/* Runs the mix for a while; between, the pages are dropped, so that direct requests find
 * nothing cached, too. */
static void
run_mix(struct mix *mix, double seconds)
{
    struct thread threads[WRITERS + READERS];
    int i;

    atomic_store(&mix->stop, false);
    for (i = 0; i < WRITERS + READERS; i++) {
        threads[i] = (struct thread){
            .mix = mix, .body = i < WRITERS ? writer : reader, .seed = t_seed() + (uint64_t)i};
        ck_assert_int_eq(pthread_create(&threads[i].id, NULL, start_thread, &threads[i]), 0);
    }
    for (i = 0; i < 20; i++) {
        pause_for(seconds / 20);
        (void)posix_fadvise(mix->plain[1], 0, 0, POSIX_FADV_DONTNEED);
    }
    atomic_store(&mix->stop, true);
    for (i = 0; i < WRITERS + READERS; i++)
        ck_assert_int_eq(pthread_join(threads[i].id, NULL), 0);
}

static void
open_mix(struct mix *mix, struct dbio_context *context, const char *path)
{
    static const enum dbio_mode modes[WAYS] = {DBIO_MODE_DIRECT, DBIO_MODE_BUFFERED,
                                               DBIO_MODE_AUTO};
    static const char zeros[EXTENTS * EXTENT];
    unsigned i;

    memset(mix, 0, sizeof(*mix));
    (void)unlink(path); /* what the kernel has to say about the last one is not about this one */
    mix->plain[1] = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
    ck_assert_int_ge(mix->plain[1], 0);
    ck_assert_int_eq(pwrite(mix->plain[1], zeros, sizeof(zeros), 0), (ssize_t)sizeof(zeros));
    ck_assert_int_eq(fsync(mix->plain[1]), 0);
    mix->plain[0] = mix->plain[2] = open(path, O_RDWR | O_DIRECT);
    ck_assert_int_ge(mix->plain[0], 0);
    for (i = 0; i < WAYS; i++)
        mix->files[i] = t_open(context, path, modes[i]);
    for (i = 0; i < EXTENTS; i++)
        ck_assert_int_eq(pthread_mutex_init(&mix->turn[i], NULL), 0);
}

static void
close_mix(struct mix *mix)
{
    unsigned i;

    for (i = 0; i < WAYS; i++)
        ck_assert_int_eq(dbio_close(mix->files[i]), 0);
    ck_assert_int_eq(close(mix->plain[0]), 0);
    ck_assert_int_eq(close(mix->plain[1]), 0);
}

static void
print_mix(const char *who, const char *where, struct mix *mix)
{
    printf("%s: %s: %" PRIu64 " reads, %" PRIu64 " writes, %" PRIu64 " stale, %" PRIu64 " lost\n",
           where, who, atomic_load(&mix->reads), atomic_load(&mix->writes),
           atomic_load(&mix->stale), atomic_load(&mix->lost));
}

START_TEST(no_read_is_older_than_one_before_it_where_the_naive_mix_shows_older_ones)
{
    T_DIRECT_OR_SKIP(filesystem);
    struct dbio_context *context = t_context();
    const char *path = t_path(filesystem->directory, "mixed");
    uint64_t naive = 0, stale, lost;
    struct mix mix;
    int round;

    for (round = 0; round < 4 && naive == 0; round++) {
        open_mix(&mix, context, path);
        mix.naive = true;
        run_mix(&mix, seconds_each());
        print_mix("naive", filesystem->name, &mix);
        naive = atomic_load(&mix.stale) + atomic_load(&mix.lost);
        /* The kernel itself may have met a collision, and says so once (fs/iomap/direct-io.c). */
        if (fsync(mix.plain[1]) != 0) {
            printf("%s: naive: the kernel reports a collision: %s\n", filesystem->name,
                   strerror(errno));
            naive++;
        }
        close_mix(&mix);
    }
    open_mix(&mix, context, path);
    run_mix(&mix, 2 * seconds_each());
    print_mix("dbio", filesystem->name, &mix);
    ck_assert_uint_gt(t_stat(context, DBIO_STAT_DIRECT), 0);
    ck_assert_uint_gt(t_stat(context, DBIO_STAT_BUFFERED), 0);
    ck_assert_int_eq(dbio_fdatasync(mix.files[1]), 0); /* no collision */
    close_mix(&mix);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
    stale = atomic_load(&mix.stale);
    lost = atomic_load(&mix.lost);
    ck_assert_msg(stale == 0 && lost == 0, "%" PRIu64 " stale, %" PRIu64 " lost", stale, lost);
    if (naive == 0)
        t_skip("void: the naive mix showed nothing here, so neither could dbio");
}
END_TEST

#define SECTOR_PAGES 4u

/* Each thread owns a sector of every page and writes it its own way; only it writes it. */
static void *
sector_owner(void *argument)
{
    static _Atomic unsigned owners;
    struct mix *mix = argument;
    unsigned me = atomic_fetch_add(&owners, 1) % (WRITERS + READERS);
    struct dbio_file *file = mix->files[me % 2]; /* direct, buffered, direct, buffered */
    uint64_t *memory = t_aligned(SECTOR), mine[SECTOR_PAGES] = {0};

    while (!atomic_load(&mix->stop)) {
        unsigned page = (unsigned)t_random_below(SECTOR_PAGES);
        off_t offset = (off_t)(page * PAGE + me * SECTOR);

        ck_assert_int_eq(dbio_pread(file, memory, SECTOR, offset, 0), (ssize_t)SECTOR);
        if (memory[0] != mine[page] || memory[SECTOR / 8 - 1] != mine[page])
            atomic_fetch_add(&mix->lost, 1);
        memory[0] = memory[SECTOR / 8 - 1] = ++mine[page];
        ck_assert_int_eq(dbio_pwrite(file, memory, SECTOR, offset, 0), (ssize_t)SECTOR);
        atomic_fetch_add(&mix->writes, 1);
    }
    return NULL;
}

START_TEST(sectors_of_one_page_written_direct_and_buffered_keep_every_update)
{
    T_DIRECT_OR_SKIP(filesystem);
    struct dbio_context *context = t_context();
    struct thread threads[WRITERS + READERS];
    struct mix mix;
    int i;

    open_mix(&mix, context, t_path(filesystem->directory, "sectors"));
    for (i = 0; i < WRITERS + READERS; i++) {
        threads[i] =
            (struct thread){.mix = &mix, .body = sector_owner, .seed = t_seed() + (uint64_t)i};
        ck_assert_int_eq(pthread_create(&threads[i].id, NULL, start_thread, &threads[i]), 0);
    }
    for (i = 0; i < 20; i++) {
        pause_for(seconds_each() / 20);
        (void)posix_fadvise(mix.plain[1], 0, 0, POSIX_FADV_DONTNEED);
    }
    atomic_store(&mix.stop, true);
    for (i = 0; i < WRITERS + READERS; i++)
        ck_assert_int_eq(pthread_join(threads[i].id, NULL), 0);
    print_mix("sectors", filesystem->name, &mix);
    close_mix(&mix);
    ck_assert_uint_gt(atomic_load(&mix.writes), 0);
    ck_assert_uint_eq(atomic_load(&mix.lost), 0);
}
END_TEST

#define CROWD    32
#define REQUESTS 200

static void *
direct_writer(void *argument)
{
    struct mix *mix = argument;
    void *memory = t_aligned(PAGE);

    while (!atomic_load(&mix->stop))
        ck_assert_int_eq(dbio_pwrite(mix->files[0], memory, PAGE, 0, 0), (ssize_t)PAGE);
    return NULL;
}

START_TEST(thirty_two_direct_writers_do_not_starve_a_buffered_one)
{
    T_DIRECT_OR_SKIP(filesystem);
    struct dbio_context *context = t_context(), *alone = t_context();
    struct thread threads[CROWD];
    struct dbio_file *file;
    struct mix mix;
    char byte = 1;
    int i;

    open_mix(&mix, context, t_path(filesystem->directory, "crowd"));
    file = t_open(alone, t_path(filesystem->directory, "crowd"), DBIO_MODE_BUFFERED);
    for (i = 0; i < CROWD; i++) {
        threads[i] = (struct thread){.mix = &mix, .body = direct_writer, .seed = (uint64_t)i};
        ck_assert_int_eq(pthread_create(&threads[i].id, NULL, start_thread, &threads[i]), 0);
    }
    for (i = 0; i < REQUESTS; i++) {
        ck_assert_int_eq(dbio_pwrite(file, &byte, 1, i, 0), 1);
        /* Make room for direct requests again, or all of them would go through the cache. */
        (void)posix_fadvise(mix.plain[1], 0, 0, POSIX_FADV_DONTNEED);
    }
    printf("%s: %d buffered writes beside %d direct writers: longest wait %.1f ms\n",
           filesystem->name, REQUESTS, CROWD, (double)t_stat(alone, DBIO_STAT_WAIT_NS_MAX) / 1e6);
    atomic_store(&mix.stop, true);
    for (i = 0; i < CROWD; i++)
        ck_assert_int_eq(pthread_join(threads[i].id, NULL), 0);
    t_close(alone, file);
    close_mix(&mix);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("stress_mixed");
    TCase *cases = tcase_create("mixed");

    tcase_set_timeout(cases, 240);
    t_add_direct_test(cases,
                      no_read_is_older_than_one_before_it_where_the_naive_mix_shows_older_ones);
    t_add_direct_test(cases, sectors_of_one_page_written_direct_and_buffered_keep_every_update);
    t_add_direct_test(cases, thirty_two_direct_writers_do_not_starve_a_buffered_one);
    suite_add_tcase(suite, cases);
    return suite;
}
