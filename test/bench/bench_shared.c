/*
 * bench_shared.c - W3: a direct writer beside readers of the same hot file who do not know of it.
 *
 * A reader process reads random 4 KiB pages of a 64 MiB file through the page cache, with pread(2),
 * knowing nothing of dbio. A writer overwrites random pages: naively with O_DIRECT, each of which
 * throws the page out of the reader's cache; or through dbio in mode direct, which writes to
 * cached ranges through the cache and waits for the writeback. By turns, ROUNDS rounds.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dbio.h"

#define ROUNDS_MOST 99
#define PAGE        4096
#define PAGES       16384u

struct shares {
    _Atomic bool go, stop;
    _Atomic unsigned long reads, writes;
};

static struct shares *shared;
static char path[4096];

static void
fail(const char *what)
{
    perror(what);
    exit(1);
}

static double
now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static unsigned
random_page(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 10) % PAGES;
}

static void
read_for_ever(void)
{
    static char page[PAGE];
    unsigned state = 7;
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        fail(path);
    while (!shared->go)
        ;
    while (!shared->stop) {
        if (pread(fd, page, PAGE, (off_t)random_page(&state) * PAGE) != PAGE)
            fail("pread");
        shared->reads++;
    }
    _exit(0);
}

static void
write_naively(double seconds)
{
    static _Alignas(PAGE) char page[PAGE];
    unsigned state = 9;
    double end;
    int fd = open(path, O_WRONLY | O_DIRECT);

    if (fd < 0)
        fail(path);
    shared->go = true;
    for (end = now() + seconds; now() < end; shared->writes++)
        if (pwrite(fd, page, PAGE, (off_t)random_page(&state) * PAGE) != PAGE)
            fail("pwrite");
    (void)close(fd);
}

static void
write_by_dbio(double seconds)
{
    static _Alignas(PAGE) char page[PAGE];
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct dbio_context *context;
    struct dbio_file *file;
    unsigned state = 9;
    double end;

    if (dbio_context_create(NULL, &context) != 0 ||
        dbio_open(context, path, O_WRONLY, 0, &options, &file) != 0)
        fail("dbio_open");
    shared->go = true;
    for (end = now() + seconds; now() < end; shared->writes++)
        if (dbio_pwrite(file, page, PAGE, (off_t)random_page(&state) * PAGE, 0) != PAGE)
            fail("dbio_pwrite");
    if (dbio_close(file) != 0 || dbio_context_destroy(context) != 0)
        fail("dbio_close");
}

static void
fill_cache(void)
{
    static char chunk[64 * PAGE];
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    unsigned i;

    if (fd < 0)
        fail(path);
    for (i = 0; i < PAGES / 64; i++)
        if (pwrite(fd, chunk, sizeof(chunk), (off_t)i * (off_t)sizeof(chunk)) !=
            (ssize_t)sizeof(chunk))
            fail("pwrite");
    if (fsync(fd) != 0)
        fail("fsync");
    (void)close(fd);
}

struct rates {
    double reads, writes; /* a second */
};

static struct rates
run(void (*writer)(double), double seconds)
{
    struct rates rates;
    pid_t child;

    fill_cache();
    memset((void *)shared, 0, sizeof(*shared));
    child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0)
        read_for_ever();
    writer(seconds);
    shared->stop = true;
    if (waitpid(child, NULL, 0) != child)
        fail("waitpid");
    rates.reads = (double)shared->reads / seconds;
    rates.writes = (double)shared->writes / seconds;
    return rates;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void
print_ratio(const char *who, double *ratios, int rounds, double bar, bool json, const char *before)
{
    bool met;

    qsort(ratios, (size_t)rounds, sizeof(double), compare);
    met = ratios[rounds / 2] >= bar;
    if (json)
        printf(
            "%s{\"name\": \"%s, dbio / naive\", \"ratio\": %.2f, \"least\": %.2f, \"most\": %.2f, "
            "\"bar\": %.2f, \"met\": %s}",
            before, who, ratios[rounds / 2], ratios[0], ratios[rounds - 1], bar,
            met ? "true" : "false");
    else
        printf("%s: dbio / naive %.2f (%.2f to %.2f)  at least %.2f: %s\n", who, ratios[rounds / 2],
               ratios[0], ratios[rounds - 1], bar, met ? "met" : "not met");
}

static const char usage[] =
    "usage: bench_shared [--dir DIR] [--memory] [--rounds N] [--seconds S] [--json]\n"
    "\n"
    "  --dir DIR    where the file is; by default $DBIO_TEST_DIR or /var/tmp\n"
    "  --memory     DIR is on a memory-speed device: its bars\n"
    "  --rounds N   5\n"
    "  --seconds S  of each writer in a round; 1\n"
    "\n"
    "Exit status: 0 measured (met or not), 1 could not, 2 wrong usage.\n";

int
main(int count, char **arguments)
{
    static const struct option all[] = {{"dir", required_argument, NULL, 'd'},
                                        {"memory", no_argument, NULL, 'm'},
                                        {"rounds", required_argument, NULL, 'r'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"seconds", required_argument, NULL, 's'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
    const char *directory = getenv("DBIO_TEST_DIR");
    double readers[ROUNDS_MOST], writers[ROUNDS_MOST], seconds = 1;
    bool memory = false, json = false;
    int option, rounds = 5, i;

    while ((option = getopt_long(count, arguments, "h", all, NULL)) != -1) {
        if (option == 'd')
            directory = optarg;
        else if (option == 'm')
            memory = true;
        else if (option == 'j')
            json = true;
        else if (option == 'r' && atoi(optarg) >= 1 && atoi(optarg) <= ROUNDS_MOST)
            rounds = atoi(optarg);
        else if (option == 's' && atof(optarg) > 0)
            seconds = atof(optarg);
        else {
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    (void)snprintf(path, sizeof(path), "%s/bench_shared.%d",
                   directory != NULL ? directory : "/var/tmp", (int)getpid());
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        fail("mmap");
    for (i = 0; i < rounds; i++) {
        struct rates naive = run(write_naively, seconds), dbio = run(write_by_dbio, seconds);

        if (!json)
            printf("naive: %9.0f reads/s, %7.0f writes/s; dbio: %9.0f reads/s, %7.0f writes/s\n",
                   naive.reads, naive.writes, dbio.reads, dbio.writes);
        readers[i] = dbio.reads / naive.reads;
        writers[i] = dbio.writes / naive.writes;
    }
    (void)unlink(path);
    if (json)
        printf("{\"bench\": \"shared\", \"results\": [");
    print_ratio("reader", readers, rounds, memory ? 1.8 : 4.0, json, "");
    print_ratio("writer", writers, rounds, memory ? 0.8 : 0.95, json, ", ");
    if (json)
        printf("]}\n");
    return 0;
}
