/*
 * bench_scan.c - W2: a scan beside a hot set that is 78 % of the memory limit
 *
 * One thread reads a file of 2 GiB from its begin to its end while another reads random 4 KiB pages
 * of a hot file that has been read before. By turns, each in a process of its own in one memory
 * cgroup: both through the page cache; the scan O_DIRECT into memory as malloc gives it; the
 * scan with RWF_DONTCACHE; dbio, the scan's file in role scan and the hot one in role data, one
 * read after the other; the same with a batch of 2 MiB under way; and fio, where it is installed, as
 * a control from outside: it scans O_DIRECT, beside cached reads. The bars are asked of both ways.
 *
 * A word of each piece is checked as it is read, and in the first round each contender reads the
 * whole once more, not timed, and checks every word. What a scan costs is the processor time of the
 * process without the hot thread's, so it has whatever a contender does in threads of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "b_measure.h"
#include "b_process.h"
#include "b_rounds.h"
#include "dbio.h"

#define DONTCACHE  0x80 /* RWF_DONTCACHE, Linux 6.14 */
#define HOT_SHARE  78   /* % of the limit */
#define WARM_PIECE ((size_t)64 * 1024)
#define WORDS      (B_PAGE / sizeof(uint64_t))
#define SALT_SCAN  1u
#define SALT_HOT   2u
#define SETTLE_US  100000
#define AHEAD      (2 * B_MIB) /* of a batch */

/* Fields of fio's terse output, version 3, from 1: KiB/s read, milliseconds, % of a processor. */
enum { FIO_BANDWIDTH = 7, FIO_RUNTIME = 9, FIO_USER = 88, FIO_SYSTEM = 89 };

enum { BUFFERED, DIRECT, DONT, SINGLE, BATCH, FIO, CONTENDERS };
static const char *const names[CONTENDERS] = {"buffered",    "O_DIRECT, malloc", "DONTCACHE",
                                              "dbio, pread", "dbio, batch",      "fio (outside)"};

struct figures {
    bool done, refused, wrong, huge;
    double scan, hot;       /* MiB/s, reads/s */
    double cpu, cpu_thread; /* seconds: all but the hot thread; the scanning thread alone */
    double direct; /* dbio: share of the scan's requests that went O_DIRECT, ahead or not */
};

/* How a file is read. */
struct reader {
    struct dbio_file *file;   /* NULL: by the kernel */
    struct dbio_batch *batch; /* NULL: one at a time */
    int fd, flags;
};

struct hot_thread {
    pthread_t thread;
    struct reader reader;
    _Atomic unsigned long reads;
    _Atomic bool stop, wrong;
};

static struct b_options options = {
    .size = 2048 * B_MIB, .limit = 512 * B_MIB, .piece = 128 * 1024, .rounds = 5};
static char scan_path[4096], hot_path[4096];
static size_t hot_pages;
static struct figures *shared; /* of the contender that runs */
static struct figures all[CONTENDERS][B_ROUNDS_MOST];
static bool check_all;

static ssize_t
read_at(const struct reader *reader, void *memory, size_t length, uint64_t offset)
{
    struct iovec vector = {.iov_base = memory, .iov_len = length};
    ssize_t count;

    if (reader->file != NULL) {
        count = dbio_pread(reader->file, memory, length, (off_t)offset, 0);
        if (count < 0)
            errno = (int)-count;
        return count < 0 ? -1 : count;
    }
    if (reader->flags != 0)
        return preadv2(reader->fd, &vector, 1, (off_t)offset, reader->flags);
    return pread(reader->fd, memory, length, (off_t)offset);
}

static void *
read_hot(void *argument)
{
    struct hot_thread *hot = argument;
    uint64_t *page = b_plain_memory(B_PAGE), state = 88172645463325252u, i;

    while (!hot->stop) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i = (state >> 20) % hot_pages;
        if (read_at(&hot->reader, page, B_PAGE, i * B_PAGE) != (ssize_t)B_PAGE ||
            page[i % WORDS] != b_word(SALT_HOT, i * WORDS + i % WORDS))
            hot->wrong = true;
        hot->reads++;
    }
    free(page);
    return NULL;
}

/* Twice, so that its pages are known as used more than once. */
static void
warm(void)
{
    int fd = open(hot_path, O_RDONLY | O_CLOEXEC), turn;
    char *memory = b_plain_memory(WARM_PIECE);
    off_t offset;
    ssize_t count;

    if (fd < 0)
        b_fail(hot_path, errno);
    for (turn = 0; turn < 2; turn++)
        for (offset = 0; (count = pread(fd, memory, WARM_PIECE, offset)) != 0; offset += count)
            if (count < 0)
                b_fail(hot_path, errno);
    free(memory);
    (void)close(fd);
}

static void
start_hot(struct hot_thread *hot)
{
    int error = pthread_create(&hot->thread, NULL, read_hot, hot);

    if (error != 0)
        b_fail("pthread_create", error);
    (void)usleep(SETTLE_US);
}

static void
stop_hot(struct hot_thread *hot)
{
    hot->stop = true;
    (void)pthread_join(hot->thread, NULL);
    shared->wrong = shared->wrong || hot->wrong;
}

/* One word, somewhere, or each of them. To look at more would cost more than to read them does. */
static bool
is_right(const uint64_t *memory, size_t length, uint64_t offset, bool each)
{
    uint64_t first = offset / sizeof(*memory), i;
    size_t words = length / sizeof(*memory);

    for (i = each ? 0 : first / words * 1021 % words; i < words; i++) {
        if (memory[i] != b_word(SALT_SCAN, first + i))
            return false;
        if (!each)
            break;
    }
    return true;
}

static void
prepare(const struct reader *reader, uint64_t *memory, uint64_t offset)
{
    int error =
        dbio_batch_read(reader->batch, reader->file, memory + offset % AHEAD / sizeof(*memory),
                        options.piece, (off_t)offset, 0, offset);

    if (error != 0)
        b_fail(scan_path, -error);
}

/* What has been read is checked, and its memory read into again. */
static void
scan_batch(const struct reader *reader, uint64_t *memory, bool each)
{
    struct dbio_completion done[64];
    uint64_t offset, left = options.size / options.piece;
    int got, i, error = 0;

    for (offset = 0; offset < AHEAD; offset += options.piece)
        prepare(reader, memory, offset);
    while (left > 0 && error >= 0) {
        error = dbio_batch_submit(reader->batch);
        got = dbio_batch_wait(reader->batch, 1, UINT64_MAX, done, 64);
        for (i = 0; i < got; i++) {
            uint64_t at = done[i].user_data;

            if (done[i].result != (int64_t)options.piece ||
                !is_right(memory + at % AHEAD / sizeof(*memory), options.piece, at, each))
                shared->wrong = true;
            if (at + AHEAD < options.size)
                prepare(reader, memory, at + AHEAD);
        }
        left -= got > 0 ? (uint64_t)got : 0;
    }
    if (error < 0)
        b_fail(scan_path, -error);
}

static void
scan(const struct reader *reader, uint64_t *memory, bool each)
{
    uint64_t offset;

    if (reader->batch != NULL) {
        scan_batch(reader, memory, each);
        return;
    }
    for (offset = 0; offset < options.size; offset += options.piece) {
        ssize_t count = read_at(reader, memory, options.piece, offset);

        if (count < 0 && reader->flags != 0 && (errno == EOPNOTSUPP || errno == EINVAL)) {
            shared->refused = true;
            return;
        }
        if (count < 0)
            b_fail(scan_path, errno);
        if (count != (ssize_t)options.piece || !is_right(memory, options.piece, offset, each)) {
            shared->wrong = true;
            return;
        }
    }
}

/* The scan, timed, beside the hot thread. */
static void
measure(const struct reader *reader, struct hot_thread *hot, uint64_t *memory)
{
    double begin, seconds, cpu, own, hot_cpu;
    unsigned long reads;
    clockid_t clock;

    start_hot(hot);
    if (pthread_getcpuclockid(hot->thread, &clock) != 0)
        b_fail("pthread_getcpuclockid", ENOENT);
    reads = hot->reads;
    hot_cpu = b_seconds(clock);
    own = b_seconds(CLOCK_THREAD_CPUTIME_ID);
    cpu = b_seconds(CLOCK_PROCESS_CPUTIME_ID);
    begin = b_seconds(CLOCK_MONOTONIC);
    scan(reader, memory, false);
    seconds = b_seconds(CLOCK_MONOTONIC) - begin;
    cpu = b_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    own = b_seconds(CLOCK_THREAD_CPUTIME_ID) - own;
    hot_cpu = b_seconds(clock) - hot_cpu;
    reads = hot->reads - reads;
    stop_hot(hot);
    shared->scan = (double)(options.size / B_MIB) / seconds;
    shared->hot = (double)reads / seconds;
    shared->cpu = cpu - hot_cpu > own ? cpu - hot_cpu : own;
    shared->cpu_thread = own;
    if (check_all && !shared->wrong && !shared->refused)
        scan(reader, memory, true);
    shared->done = true;
}

static void
run_kernel(void *argument)
{
    int who = *(int *)argument;
    struct reader reader = {.flags = who == DONT ? DONTCACHE : 0};
    struct hot_thread hot = {.stop = false};

    warm();
    hot.reader.fd = open(hot_path, O_RDONLY | O_CLOEXEC);
    reader.fd = open(scan_path, O_RDONLY | O_CLOEXEC | (who == DIRECT ? O_DIRECT : 0));
    if (hot.reader.fd < 0 || reader.fd < 0)
        b_fail(scan_path, errno);
    measure(&reader, &hot, b_plain_memory(options.piece));
}

static void
run_dbio(void *argument)
{
    struct dbio_file_options as_scan = {.size = sizeof(as_scan), .role = DBIO_ROLE_SCAN};
    struct dbio_file_options as_data = {.size = sizeof(as_data), .role = DBIO_ROLE_DATA};
    struct reader reader = {.flags = 0};
    struct hot_thread hot = {.stop = false};
    struct dbio_why why = {.size = sizeof(why)};
    struct dbio_context *context;
    uint64_t requests = 0;
    void *memory;
    int error, i;

    warm();
    error = dbio_context_create(NULL, &context);
    if (error == 0)
        error = dbio_open(context, scan_path, O_RDONLY, 0, &as_scan, &reader.file);
    if (error == 0)
        error = dbio_open(context, hot_path, O_RDONLY, 0, &as_data, &hot.reader.file);
    if (error == 0)
        error = dbio_buffer_acquire(context, AHEAD, &memory);
    if (error == 0 && *(int *)argument == BATCH)
        error = dbio_batch_create(context, NULL, &reader.batch);
    if (error != 0)
        b_fail("dbio", -error);
    measure(&reader, &hot, memory);
    if (reader.batch != NULL && dbio_batch_destroy(reader.batch) != 0)
        shared->wrong = true;
    if (dbio_why(reader.file, &why) == 0)
        for (i = 0; i < DBIO_ROUTE_COUNT; i++)
            requests += why.routes[i];
    shared->direct =
        requests == 0
            ? 0
            : (double)(why.routes[DBIO_ROUTE_DIRECT] + why.routes[DBIO_ROUTE_DIRECT_BOUNCE]) /
                  (double)requests;
    if (dbio_buffer_release(context, memory) != 0 || dbio_close(reader.file) != 0 ||
        dbio_close(hot.reader.file) != 0 || dbio_context_destroy(context) != 0)
        shared->wrong = true;
}

/* Field `number` of a line of fio's, from 1. */
static double
field(const char *line, int number)
{
    while (--number > 0 && line != NULL) {
        line = strchr(line, ';');
        line += line != NULL;
    }
    return line == NULL ? 0 : atof(line);
}

/* Runs it once; its bandwidth in MiB/s, 0 if it would not. */
static double
scan_by_fio(const char *memory)
{
    char file[4200], size[64], piece[64], kind[64], line[8192] = "";
    char *arguments[] = {"fio",
                         "--name=scan",
                         "--rw=read",
                         "--direct=1",
                         "--thread",
                         "--readonly",
                         "--ioengine=psync",
                         file,
                         size,
                         piece,
                         kind,
                         "--output-format=terse",
                         "--terse-version=3",
                         "--invalidate=0",
                         NULL};
    int output, status = 1;
    FILE *stream;
    pid_t pid;

    (void)snprintf(file, sizeof(file), "--filename=%s", scan_path);
    (void)snprintf(size, sizeof(size), "--size=%zu", options.size);
    (void)snprintf(piece, sizeof(piece), "--bs=%zu", options.piece);
    (void)snprintf(kind, sizeof(kind), "--iomem=%s", memory);
    pid = b_start_program(arguments, &output);
    stream = fdopen(output, "re");
    while (stream != NULL && fgets(line, sizeof(line), stream) != NULL)
        if (strncmp(line, "3;", 2) == 0) {
            shared->scan = field(line, FIO_BANDWIDTH) / 1024;
            shared->cpu = (field(line, FIO_USER) + field(line, FIO_SYSTEM)) / 100 *
                          field(line, FIO_RUNTIME) / 1000;
        }
    if (stream != NULL)
        (void)fclose(stream);
    (void)waitpid(pid, &status, 0);
    return status == 0 ? shared->scan : 0;
}

/* Its huge pages come from the system's reserve, if there is one. Its start and its end are in the
 * hot thread's rate, not in its own figures. */
static void
run_fio(void *argument)
{
    struct hot_thread hot = {.stop = false};
    double begin, seconds;
    unsigned long reads;

    (void)argument;
    warm();
    hot.reader.fd = open(hot_path, O_RDONLY | O_CLOEXEC);
    if (hot.reader.fd < 0)
        b_fail(hot_path, errno);
    start_hot(&hot);
    reads = hot.reads;
    begin = b_seconds(CLOCK_MONOTONIC);
    shared->huge = scan_by_fio("mmaphuge") > 0;
    if (!shared->huge) {
        reads = hot.reads;
        begin = b_seconds(CLOCK_MONOTONIC);
        shared->refused = scan_by_fio("mmap") <= 0;
    }
    seconds = b_seconds(CLOCK_MONOTONIC) - begin;
    shared->hot = (double)(hot.reads - reads) / seconds;
    stop_hot(&hot);
    shared->cpu_thread = shared->cpu;
    shared->done = true;
}

static void
run(int who, int round)
{
    static void (*const bodies[CONTENDERS])(void *) = {run_kernel, run_kernel, run_kernel,
                                                       run_dbio,   run_dbio,   run_fio};
    struct figures *figures = &all[who][round];

    memset(shared, 0, sizeof(*shared));
    check_all = round == 0;
    b_file_drop(scan_path);
    b_file_drop(hot_path);
    if (!b_run(bodies[who], &who) || !shared->done)
        shared->wrong = true;
    *figures = *shared;
    if (figures->wrong || figures->refused)
        figures->scan = figures->hot = figures->cpu = figures->cpu_thread = 0;
    if (options.show)
        fprintf(stderr, "%-16s %6.0f MiB/s %8.0f hot reads/s  cpu %.3f s (%.3f)\n", names[who],
                figures->scan, figures->hot, figures->cpu, figures->cpu_thread);
}

static double
median_of(int who, size_t member, int rounds)
{
    double values[B_ROUNDS_MOST];
    int i;

    for (i = 0; i < rounds; i++)
        memcpy(&values[i], (char *)&all[who][i] + member, sizeof(double));
    return b_median(values, rounds);
}
#define MEDIAN(who, member, rounds) median_of(who, offsetof(struct figures, member), rounds)

/* How often it was refused, or wrong. */
static int
count_bad(int who, int rounds, bool refused)
{
    int count = 0, i;

    for (i = 0; i < rounds; i++)
        count += refused ? all[who][i].refused : all[who][i].wrong;
    return count;
}

static void
print_contender(int who, int rounds)
{
    int wrong = count_bad(who, rounds, false), no = count_bad(who, rounds, true);

    if (options.json) {
        printf("%s{\"name\": \"%s\", \"scan_mib_s\": %.0f, \"hot_reads_s\": %.0f, \"cpu_s\": %.3f, "
               "\"cpu_thread_s\": %.3f, \"refused\": %d, \"wrong\": %d}",
               who == 0 ? "" : ", ", names[who], MEDIAN(who, scan, rounds),
               MEDIAN(who, hot, rounds), MEDIAN(who, cpu, rounds), MEDIAN(who, cpu_thread, rounds),
               no, wrong);
        return;
    }
    printf("%-17s %6.0f MiB/s %8.0f hot reads/s, scan's processor time %.3f s (%.3f s its thread)",
           names[who], MEDIAN(who, scan, rounds), MEDIAN(who, hot, rounds),
           MEDIAN(who, cpu, rounds), MEDIAN(who, cpu_thread, rounds));
    if (no > 0)
        printf(who == FIO ? "; not here" : "; refused");
    else if (who == FIO)
        printf("; iomem=%s", all[FIO][0].huge ? "mmaphuge" : "mmap, no huge pages are reserved");
    if (who == SINGLE || who == BATCH)
        printf("; %.0f %% direct", 100 * MEDIAN(who, direct, rounds));
    if (wrong > 0)
        printf("; failed or wrong bytes in %d rounds", wrong);
    putchar('\n');
}

/* One way against the bars. */
static void
judge(int who, int rounds)
{
    struct b_ratio ratios[] = {
        {"hot_over_buffered", "hot reads, dbio / buffered", 4, {0}},
        {"hot_over_dontcache", "hot reads, dbio / DONTCACHE", 0.95, {0}},
        {"scan_over_buffered", "scan, dbio / buffered", 1.5, {0}},
        {"scan_over_direct", "scan, dbio / O_DIRECT", 2, {0}},
        {"cpu_under_buffered", "scan's processor time, buffered / dbio", 10, {0}}};
    int count = (int)(sizeof(ratios) / sizeof(ratios[0])), i;
    bool met = true;

    for (i = 0; i < rounds; i++) {
        const struct figures *dbio = &all[who][i], *buffered = &all[BUFFERED][i];

        ratios[0].values[i] = b_over(dbio->hot, buffered->hot);
        ratios[1].values[i] = b_over(dbio->hot, all[DONT][i].hot);
        ratios[2].values[i] = b_over(dbio->scan, buffered->scan);
        ratios[3].values[i] = b_over(dbio->scan, all[DIRECT][i].scan);
        ratios[4].values[i] = b_saved(dbio->cpu, buffered->cpu);
    }
    printf(options.json ? "{\"name\": \"%s\", \"results\": [" : "%s:\n", names[who]);
    for (i = 0; i < count; i++) {
        fputs(options.json ? (i > 0 ? ", " : "") : "  ", stdout);
        b_print(&ratios[i], rounds, options.json);
        met = b_met(&ratios[i], rounds) && met;
    }
    printf(options.json ? "], \"met\": %s}" : "  all at once: %s\n",
           options.json ? (met ? "true" : "false") : (met ? "met" : "not met"));
}

static void
report(int rounds, int version)
{
    int i;

    printf(options.json ? "{\"bench\": \"bench_scan\", \"rounds\": %d, \"scan_mib\": %zu, "
                          "\"limit_mib\": %zu, \"cgroup\": %d, \"contenders\": ["
                        : "%d rounds, a scan of %zu MiB under a limit of %zu MiB (cgroup v%d)\n",
           rounds, options.size / B_MIB, options.limit / B_MIB, version);
    for (i = 0; i < CONTENDERS; i++)
        print_contender(i, rounds);
    fputs(options.json ? "], \"ways\": [" : "", stdout);
    judge(SINGLE, rounds);
    fputs(options.json ? ", " : "", stdout);
    judge(BATCH, rounds);
    fputs(options.json ? "]}\n" : "", stdout);
}

static const char usage[] =
    "usage: bench_scan [options]\n"
    "\n"
    "  --dir DIR   where the files are made, on a file system with direct I/O; default\n"
    "              $DBIO_BENCH_DIR, else /var/tmp\n"
    "  --memory    DIR is on a device of memory's speed: no control of the device's own speed\n"
    "  --rounds N  5\n"
    "  --size M    the scan, MiB: 2048\n"
    "  --limit M   the memory limit, MiB: 512; the hot file is 78 % of it\n"
    "  --piece K   a read of the scan, KiB, a power of two from 4 to 1024: 128\n"
    "  --quick     --size 256 --limit 64 --rounds 1: does it run? Its ratios mean little\n"
    "  --verbose   each contender's figures in each round, on standard error\n"
    "  --json      machine-readable\n"
    "  --help      this text\n"
    "\n"
    "Exit status: 0 measured (met or not), 1 could not, 2 wrong usage, 77 skipped: no memory\n"
    "limit can be had here (it takes root and a memory controller of cgroup v1 or v2).\n";

int
main(int count, char **arguments)
{
    int status = b_options_parse(count, arguments, usage, &options), version, rounds;
    size_t hot_bytes = options.limit / 100 * HOT_SHARE / B_MIB * B_MIB;

    if (status >= 0)
        return status;
    b_catch_signals();
    if (!b_limit_set(&options, &version))
        return B_SKIPPED;
    options.size -= options.size % B_MIB;
    hot_pages = hot_bytes / B_PAGE;
    shared = b_shared_memory(sizeof(*shared));
    (void)snprintf(scan_path, sizeof(scan_path), "%s/bench_scan.%d", options.directory,
                   (int)getpid());
    (void)snprintf(hot_path, sizeof(hot_path), "%s/bench_scan.%d.hot", options.directory,
                   (int)getpid());
    b_remove_at_end(scan_path);
    b_remove_at_end(hot_path);
    b_file_make(scan_path, options.size, SALT_SCAN);
    b_file_make(hot_path, hot_bytes, SALT_HOT);
    rounds = b_rounds_run(&options, CONTENDERS, run, scan_path, false);
    report(rounds, version);
    b_clean_up();
    return 0;
}
