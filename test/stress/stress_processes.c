/*
 * stress_processes.c - many processes on one file, some of them killed and stopped at random.
 *
 * Scoreboard W8 (a): direct writers, buffered writers, direct and buffered readers, each a process
 * with a context of its own. An oracle in shared memory: every word of a page carries the page's
 * version; `issued` is the newest that a write has begun, `newest` the newest that a completed
 * read has returned or a completed write has acknowledged. A read older than what was newest
 * when it began is stale; a writer that finds less than the acknowledged version before it
 * writes has lost an update. The same oracle over plain pread and pwrite, mixed alike, must
 * find something, or the run is void.
 *
 * Random processes are killed (and replaced) and stopped (and continued). In the end everyone who
 * is left must get on: nobody waits for the dead.
 *
 * DBIO_TEST_SECONDS: for all cases together. test/bench/run.sh W8a runs it for 60.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "t_dbio.h"

#define PAGE         ((size_t)4096)
#define PAGES        16u
#define EXTENTS      4u
#define EXTENT       (PAGES * PAGE)
#define FILE_PAGES   (EXTENTS * PAGES)
#define PROCESSES    24u
#define READERS_FROM 8u /* processes below write */
#define RUN_MOST     4u /* pages of a read */
#define SECONDS      5
#define KILL_EVERY   20000 /* us */
#define GET_ON_MOST  30    /* seconds for everyone to get on after the storm */

struct shared {
    _Atomic uint64_t issued[EXTENTS], newest[FILE_PAGES];
    pthread_mutex_t turn[EXTENTS]; /* robust: one writer of an extent at a time */
    _Atomic uint64_t reads, writes, stale, lost, impossible, failed;
    _Atomic uint64_t progress[PROCESSES];
    _Atomic int first_error;
};

static struct shared *shared;

struct mix {
    bool naive;
    const char *path;
    int plain[2];               /* direct, buffered */
    struct dbio_file *files[3]; /* direct, buffered, auto */
};

static double
seconds_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
raise_newest(unsigned page, uint64_t version)
{
    uint64_t seen = atomic_load(&shared->newest[page]);

    while (seen < version && !atomic_compare_exchange_weak(&shared->newest[page], &seen, version))
        ;
}

static void
report_error(ssize_t answer)
{
    int none = 0;

    atomic_fetch_add(&shared->failed, 1);
    (void)atomic_compare_exchange_strong(&shared->first_error, &none,
                                         answer < 0 ? (int)-answer : EPROTO);
}

/* The oldest word of a page, which is its version: a torn page is as old as its oldest part. */
static uint64_t
page_version(const uint64_t *words, uint64_t *newest)
{
    uint64_t least = words[0], most = words[0];
    size_t i;

    for (i = 1; i < PAGE / sizeof(*words); i++) {
        least = words[i] < least ? words[i] : least;
        most = words[i] > most ? words[i] : most;
    }
    *newest = most;
    return least;
}

/* Reads pages and judges them; the version of the first. */
static uint64_t
judge_read(struct mix *mix, unsigned way, uint64_t *memory, unsigned page, unsigned count)
{
    uint64_t floor[RUN_MOST], first = 0, most;
    off_t offset = (off_t)(page * PAGE);
    ssize_t answer;
    unsigned i;

    for (i = 0; i < count; i++)
        floor[i] = atomic_load(&shared->newest[page + i]);
    answer = mix->naive ? pread(mix->plain[way % 2], memory, count * PAGE, offset)
                        : dbio_pread(mix->files[way], memory, count * PAGE, offset, 0);
    if (answer != (ssize_t)(count * PAGE)) {
        report_error(mix->naive && answer < 0 ? -errno : answer);
        return 0;
    }
    for (i = 0; i < count; i++) {
        uint64_t found = page_version(memory + i * PAGE / sizeof(*memory), &most);

        if (found < floor[i])
            atomic_fetch_add(&shared->stale, 1);
        if (most > atomic_load(&shared->issued[(page + i) / PAGES]))
            atomic_fetch_add(&shared->impossible, 1);
        raise_newest(page + i, found);
        first = i == 0 ? found : first;
    }
    atomic_fetch_add(&shared->reads, 1);
    return first;
}

static void
read_some(struct mix *mix, uint64_t *memory)
{
    unsigned count = 1 + (unsigned)t_random_below(RUN_MOST);
    unsigned page = (unsigned)t_random_below(FILE_PAGES - count + 1);

    /* A page through the cache, a few direct around it, and the page again: what the direct read
     * has seen of it the last must see. */
    (void)judge_read(mix, 1, memory, page, 1);
    (void)judge_read(mix, mix->naive ? 0 : (unsigned)t_random_below(3), memory, page, count);
    (void)judge_read(mix, 1, memory, page, 1);
}

/* False: the mutex's last owner was killed with it. What it was writing is old, new or both. */
static bool
take_turn(unsigned extent)
{
    int result = pthread_mutex_lock(&shared->turn[extent]);

    if (result == EOWNERDEAD)
        (void)pthread_mutex_consistent(&shared->turn[extent]);
    return result == 0;
}

static void
write_extent(struct mix *mix, bool direct, uint64_t *memory)
{
    unsigned extent = (unsigned)t_random_below(EXTENTS), first = extent * PAGES, i;
    unsigned page = first + (unsigned)t_random_below(PAGES);
    bool whole = take_turn(extent);
    uint64_t acknowledged = atomic_load(&shared->newest[page]);
    uint64_t version = atomic_load(&shared->issued[extent]) + 1;
    off_t offset = (off_t)(extent * EXTENT);
    ssize_t answer;

    if (judge_read(mix, (unsigned)t_random_below(2), memory, page, 1) < acknowledged && whole)
        atomic_fetch_add(&shared->lost, 1);
    for (i = 0; i < EXTENT / sizeof(*memory); i++)
        memory[i] = version;
    atomic_store(&shared->issued[extent], version);
    /* Without pages in the way it goes direct, and old ones come in beside it. */
    if (t_random_below(2))
        (void)posix_fadvise(mix->plain[1], offset, EXTENT, POSIX_FADV_DONTNEED);
    answer = mix->naive ? pwrite(mix->plain[direct ? 0 : 1], memory, EXTENT, offset)
                        : dbio_pwrite(mix->files[direct ? 0 : 1], memory, EXTENT, offset, 0);
    if (answer == (ssize_t)EXTENT)
        for (i = 0; i < PAGES; i++)
            raise_newest(first + i, version);
    else
        report_error(mix->naive && answer < 0 ? -errno : answer);
    (void)pthread_mutex_unlock(&shared->turn[extent]);
    atomic_fetch_add(&shared->writes, 1);
}

static void
open_mix(struct mix *mix)
{
    static const enum dbio_mode modes[3] = {DBIO_MODE_DIRECT, DBIO_MODE_BUFFERED, DBIO_MODE_AUTO};
    struct dbio_context *context = NULL;
    unsigned i;

    mix->plain[0] = open(mix->path, O_RDWR | O_DIRECT | O_CLOEXEC);
    mix->plain[1] = open(mix->path, O_RDWR | O_CLOEXEC);
    if (mix->naive)
        return;
    if (dbio_context_create(NULL, &context) != 0)
        _exit(2);
    for (i = 0; i < 3; i++) {
        struct dbio_file_options options = {.size = sizeof(options), .mode = modes[i]};

        if (dbio_open(context, mix->path, O_RDWR, 0, &options, &mix->files[i]) != 0)
            _exit(3);
    }
    if (t_stat(context, DBIO_STAT_CROSS_PROCESS) != 1)
        _exit(4);
}

/* A process: works until it is killed. */
static void
be_process(struct mix *mix, unsigned number, uint64_t seed)
{
    uint64_t *memory;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    t_random_start(seed);
    memory = t_aligned(EXTENT);
    if (mix->naive || mix->files[0] == NULL)
        open_mix(mix);
    for (;;) {
        if (number >= READERS_FROM)
            read_some(mix, memory);
        else
            write_extent(mix, number % 2 == 0, memory);
        atomic_fetch_add(&shared->progress[number], 1);
    }
}

static pid_t
start_process(struct mix *mix, unsigned number)
{
    uint64_t seed = t_random();
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0)
        be_process(mix, number, seed);
    return child;
}

static void
make_shared(void)
{
    pthread_mutexattr_t robust;
    unsigned i;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    ck_assert_int_eq(pthread_mutexattr_init(&robust), 0);
    ck_assert_int_eq(pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED), 0);
    ck_assert_int_eq(pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST), 0);
    for (i = 0; i < EXTENTS; i++)
        ck_assert_int_eq(pthread_mutex_init(&shared->turn[i], &robust), 0);
}

static void
make_file(const char *path)
{
    static const char zeros[FILE_PAGES * PAGE];
    int fd;

    (void)unlink(path);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, zeros, sizeof(zeros), 0), (ssize_t)sizeof(zeros));
    ck_assert_int_eq(fsync(fd), 0);
    close(fd);
}

struct storm {
    unsigned kills, stops;
};

/* Kills and stops at random until the time is over; a stopped one goes on after at most 0.3 s. */
static struct storm
run_storm(struct mix *mix, pid_t *processes, double seconds, bool kill_some)
{
    struct storm storm = {0, 0};
    double end = seconds_now() + seconds;

    while (seconds_now() < end) {
        unsigned victim = (unsigned)t_random_below(PROCESSES);

        usleep(KILL_EVERY);
        if (!kill_some)
            continue;
        if (t_random_below(8) == 0) {
            storm.stops++;
            (void)kill(processes[victim], SIGSTOP);
            usleep(10000 + (useconds_t)t_random_below(290000));
            (void)kill(processes[victim], SIGCONT);
            continue;
        }
        storm.kills++;
        (void)kill(processes[victim], SIGKILL);
        ck_assert_int_eq(waitpid(processes[victim], NULL, 0), processes[victim]);
        processes[victim] = start_process(mix, victim);
    }
    return storm;
}

/* Everyone does something more, or who does not is named. */
static void
await_progress(void)
{
    double end = seconds_now() + GET_ON_MOST;
    uint64_t before[PROCESSES];
    unsigned i;

    for (i = 0; i < PROCESSES; i++)
        before[i] = atomic_load(&shared->progress[i]);
    for (i = 0; i < PROCESSES; i++)
        while (atomic_load(&shared->progress[i]) == before[i]) {
            ck_assert_msg(seconds_now() < end, "process %u waits for ever", i);
            usleep(1000);
        }
}

static void
run_mix(struct mix *mix, const char *name, double seconds, bool kill_some)
{
    pid_t processes[PROCESSES];
    struct storm storm;
    double begin = seconds_now(), took;
    unsigned i;

    for (i = 0; i < PROCESSES; i++)
        processes[i] = start_process(mix, i);
    storm = run_storm(mix, processes, seconds, kill_some);
    await_progress();
    took = seconds_now() - begin;
    for (i = 0; i < PROCESSES; i++) {
        int status = 0;

        (void)kill(processes[i], SIGKILL);
        ck_assert_int_eq(waitpid(processes[i], &status, 0), processes[i]);
        ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "process %u: 0x%x", i,
                      status);
    }
    printf("%s: %s: %u processes, %u kills, %u stops, %" PRIu64 " reads, %" PRIu64 " writes, %.0f "
           "requests/s, %" PRIu64 " stale, %" PRIu64 " lost\n",
           name, mix->naive ? "naive" : "dbio", PROCESSES, storm.kills, storm.stops,
           atomic_load(&shared->reads), atomic_load(&shared->writes),
           (double)(atomic_load(&shared->reads) + atomic_load(&shared->writes)) / took,
           atomic_load(&shared->stale), atomic_load(&shared->lost));
    fflush(stdout);
}

static double
seconds_each(void)
{
    const char *wish = getenv("DBIO_TEST_SECONDS");

    return (wish != NULL ? atof(wish) : SECONDS) / t_filesystems_count();
}

/* How much the naive mix shows; kernel collisions, told once by fsync, count too. */
static uint64_t
run_naive(const char *name, const char *path)
{
    struct mix mix = {.naive = true, .path = path};
    uint64_t found;
    int fd;

    make_shared();
    make_file(path);
    fd = open(path, O_RDWR | O_CLOEXEC);
    run_mix(&mix, name, seconds_each() / 2, false);
    found = atomic_load(&shared->stale) + atomic_load(&shared->lost);
    if (fsync(fd) != 0)
        found++;
    close(fd);
    (void)munmap(shared, sizeof(*shared));
    return found;
}

static void
run_both(const struct t_filesystem *filesystem, bool opened_by_parent)
{
    const char *path = t_path(filesystem->directory, "processes");
    uint64_t naive = run_naive(filesystem->name, path);
    struct mix mix = {.path = path};

    make_shared();
    make_file(path);
    if (opened_by_parent)
        open_mix(&mix);
    run_mix(&mix, filesystem->name, seconds_each(), true);
    ck_assert_msg(atomic_load(&shared->failed) == 0, "%" PRIu64 " requests failed, first: %s",
                  atomic_load(&shared->failed), strerror(atomic_load(&shared->first_error)));
    ck_assert_msg(atomic_load(&shared->stale) == 0 && atomic_load(&shared->lost) == 0 &&
                      atomic_load(&shared->impossible) == 0,
                  "%" PRIu64 " stale, %" PRIu64 " lost, %" PRIu64 " impossible",
                  atomic_load(&shared->stale), atomic_load(&shared->lost),
                  atomic_load(&shared->impossible));
    if (naive == 0)
        t_skip("void: the naive mix showed nothing here, so neither could dbio");
}

START_TEST(processes_killed_and_stopped_leave_no_stale_read_no_lost_update_and_no_waiter)
{
    T_DIRECT_OR_SKIP(filesystem);
    run_both(filesystem, false);
}
END_TEST

START_TEST(children_on_a_file_that_their_parent_opened_are_processes_like_any_other)
{
    T_DIRECT_OR_SKIP(filesystem);
    run_both(filesystem, true);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("stress_processes");
    TCase *cases = tcase_create("processes");

    tcase_set_timeout(cases, 240);
    t_add_direct_test(
        cases, processes_killed_and_stopped_leave_no_stale_read_no_lost_update_and_no_waiter);
    t_add_direct_test(cases,
                      children_on_a_file_that_their_parent_opened_are_processes_like_any_other);
    suite_add_tcase(suite, cases);
    return suite;
}
