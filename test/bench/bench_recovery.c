/*
 * bench_recovery.c - how long a killed process is waited for.
 *
 * A process writes direct in a loop and is killed at a random moment; at once this one wants the
 * same range for itself (dbio_allocate). Where the dead one had a request announced, its owner has to be
 * found dead, its I/O drained and the announcement retired first. Only such kills count.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dbio.h"

#define RANGE      65536u
#define KILLS      50
#define KILLS_MOST 1000
#define TRIES_MOST 20 /* kills for one that counts */
#define BAR_MS     100.0

static char registry[64], path[4096];
static char *memory;
static struct dbio_context *context;
static struct dbio_file *file;

static void
fail(const char *what, int error)
{
    fprintf(stderr, "bench_recovery: %s: %s\n", what, strerror(error));
    exit(EXIT_FAILURE);
}

static double
now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static uint64_t
retired(void)
{
    struct dbio_stats stats = {.size = sizeof(stats)};

    if (dbio_stats_read(context, &stats) != 0)
        fail("dbio_stats_read", EINVAL);
    return stats.counters[DBIO_STAT_RETIRED];
}

static int
open_file(enum dbio_mode mode)
{
    struct dbio_file_options options = {.size = sizeof(options), .mode = mode};
    int error = dbio_context_create(NULL, &context);

    return error != 0 ? error : dbio_open(context, path, O_RDWR | O_CREAT, 0600, &options, &file);
}

/* A process of its own from the start: `exec` would be no different. */
static pid_t
start_writer(void)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (open_file(DBIO_MODE_DIRECT) != 0)
        _exit(1);
    for (;;)
        if (dbio_pwrite(file, memory, RANGE, 0, 0) != RANGE)
            _exit(1);
}

/* One kill; ms until our request is done. *counted: it was in the midst of a request. */
static double
kill_one(bool *counted)
{
    pid_t writer = start_writer();
    uint64_t before = retired();
    double begin;

    if (writer < 0)
        fail("fork", errno);
    (void)usleep(20000 + (useconds_t)(rand() % 5000));
    (void)kill(writer, SIGKILL);
    begin = now_ms();
    if (dbio_allocate(file, 0, RANGE, DBIO_KEEP_SIZE) != 0)
        fail("dbio_allocate", EIO);
    begin = now_ms() - begin;
    (void)waitpid(writer, NULL, 0);
    *counted = retired() != before;
    return begin;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static unsigned
measure(unsigned kills, double *ms)
{
    unsigned count = 0, tries;

    for (tries = 0; count < kills && tries < kills * TRIES_MOST; tries++) {
        bool counted;

        ms[count] = kill_one(&counted);
        count += counted;
    }
    if (count == 0)
        fail("no kill met a request in flight", ETIMEDOUT);
    qsort(ms, count, sizeof(*ms), compare);
    return count;
}

static void
print_result(const double *ms, unsigned count, bool json)
{
    bool met = ms[count - 1] <= BAR_MS;

    if (json)
        printf("{\"bench\": \"bench_recovery\", \"kills\": %u, \"unit\": \"ms\", \"median\": %.2f, "
               "\"largest\": %.2f, \"bar\": %.0f, \"met\": %s}\n",
               count, ms[count / 2], ms[count - 1], BAR_MS, met ? "true" : "false");
    else
        printf("recovery from a killed owner, %u kills in mid-request: median %.1f ms, largest "
               "%.1f ms; at most %.0f: %s\n",
               count, ms[count / 2], ms[count - 1], BAR_MS, met ? "met" : "not met");
}

static const char usage[] =
    "usage: bench_recovery [--kills N] [--dir DIR] [--json]\n"
    "\n"
    "Kills a process in the midst of a direct write, and measures how long another one that "
    "writes\n"
    "the same pages through the cache is held up.\n"
    "\n"
    "  --kills N    kills in mid-request, 1 to 1000; default 50\n"
    "  --dir DIR    where the file is made, 64 KiB; default $TMPDIR, else /var/tmp\n"
    "  --json       machine-readable\n"
    "  --help       this text\n"
    "\n"
    "Exit status: 0 measured (met or not), 1 could not, 2 wrong usage.\n";

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"kills", required_argument, NULL, 'k'},
                                            {"dir", required_argument, NULL, 'd'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static double ms[KILLS_MOST];
    const char *directory = getenv("TMPDIR");
    long kills = KILLS;
    bool json = false;
    char *end = NULL;
    int option, error;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'k':
            kills = strtol(optarg, &end, 10);
            if (end == optarg || *end != '\0' || kills < 1 || kills > KILLS_MOST)
                return fprintf(stderr, "bench_recovery: --kills: 1 to %d\n", KILLS_MOST), 2;
            break;
        case 'd':
            directory = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'h':
            return fputs(usage, stdout) < 0;
        default:
            return fputs(usage, stderr), 2;
        }
    }
    if (optind != argc)
        return fputs(usage, stderr), 2;
    if (directory == NULL || *directory == '\0')
        directory = "/var/tmp";
    snprintf(registry, sizeof(registry), "/dev/shm/dbio-bench-%d", (int)getpid());
    snprintf(path, sizeof(path), "%s/bench_recovery.%d", directory, (int)getpid());
    memory = aligned_alloc(4096, RANGE);
    if (memory == NULL || setenv("DBIO_REGISTRY", registry, 1) != 0)
        fail("memory", ENOMEM);
    if (getenv("DBIO_LOG") == NULL) /* each recovery is a warning */
        (void)setenv("DBIO_LOG", "error", 1);
    memset(memory, 'x', RANGE);
    error = open_file(DBIO_MODE_BUFFERED);
    if (error != 0)
        fail(path, -error);
    print_result(ms, measure((unsigned)kills, ms), json);
    (void)unlink(path);
    (void)unlink(registry);
    return EXIT_SUCCESS;
}
