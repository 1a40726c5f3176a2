/*
 * bench_shim.c - what a cached 4 KiB pread costs, under the shim and without it.
 *
 *     bench_shim SHIM [DIR] [--json]     DIR: on a file system with direct I/O; default "."
 *
 * Runs itself, by turns without the shim and with it (A B A B ..., ROUNDS rounds), and compares
 * within each round: reads of a file that is managed, of one that is not (a file in memory), and
 * of an offset past the end, which is the bare call.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9
#define CALLS  400000
#define PAGE   4096
#define PAGES  256
#define KINDS  2

static const char *const kinds[KINDS] = {"managed", "unmanaged"};

static double
now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void
fail(const char *what)
{
    perror(what);
    exit(1);
}

/* ns a read of a random page, the best of five parts: what disturbs only adds. */
static double
measure(const char *path)
{
    static char page[PAGE];
    double best = 0;
    unsigned random = 12345;
    int fd = open(path, O_RDONLY), part, i;

    if (fd < 0)
        fail(path);
    for (part = 0; part < 6; part++) {
        double begin = now_ns(), each;

        for (i = 0; i < CALLS / 5; i++) {
            random = random * 1103515245u + 12345u;
            if (pread(fd, page, PAGE, (off_t)((random >> 8) % PAGES) * PAGE) != PAGE)
                fail("pread");
        }
        each = (now_ns() - begin) / (CALLS / 5);
        if (part > 0 && (best == 0 || each < best))
            best = each;
    }
    (void)close(fd);
    return best;
}

static void
make_file(const char *path)
{
    static char pages[PAGE * PAGES];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, pages, sizeof(pages)) != (ssize_t)sizeof(pages) || fsync(fd) != 0)
        fail(path);
    (void)close(fd);
}

/* Runs this program as a child that measures; its answers. */
static void
run(const char *self, const char *shim, char *const paths[KINDS], double ns[KINDS])
{
    int ends[2], status;
    char text[128] = "";
    pid_t child;

    if (pipe(ends) != 0 || (child = fork()) < 0)
        fail("fork");
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        if (shim != NULL) {
            (void)setenv("LD_PRELOAD", shim, 1);
            (void)setenv("DBIO_CONF", "mode:auto", 1);
        }
        (void)execl(self, self, "--measure", paths[0], paths[1], (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    if (read(ends[0], text, sizeof(text) - 1) <= 0 || waitpid(child, &status, 0) != child ||
        sscanf(text, "%lf %lf", &ns[0], &ns[1]) != 2) {
        fprintf(stderr, "bench_shim: the measuring child said '%s'\n", text);
        exit(1);
    }
    (void)close(ends[0]);
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int
main(int count, char **arguments)
{
    const char *directory = count > 2 && arguments[2][0] != '-' ? arguments[2] : ".";
    bool json = count > 2 && strcmp(arguments[count - 1], "--json") == 0;
    double plain[KINDS][ROUNDS], shimmed[KINDS][ROUNDS], ratios[KINDS][ROUNDS];
    char managed[4096], unmanaged[64];
    char *paths[KINDS] = {managed, unmanaged};
    int round, kind;

    if (count == 4 && strcmp(arguments[1], "--measure") == 0) {
        double first = measure(arguments[2]);

        printf("%f %f\n", first, measure(arguments[3]));
        return 0;
    }
    if (count < 2 || arguments[1][0] == '-') {
        fputs("usage: bench_shim SHIM [DIR] [--json]\n", stderr);
        return 2;
    }
    (void)snprintf(managed, sizeof(managed), "%s/bench_shim.%d", directory, (int)getpid());
    (void)snprintf(unmanaged, sizeof(unmanaged), "/dev/shm/bench_shim.%d", (int)getpid());
    for (kind = 0; kind < KINDS; kind++)
        make_file(paths[kind]);
    for (round = 0; round < ROUNDS; round++) {
        double a[KINDS], b[KINDS];

        run("/proc/self/exe", NULL, paths, a);
        run("/proc/self/exe", arguments[1], paths, b);
        for (kind = 0; kind < KINDS; kind++) {
            plain[kind][round] = a[kind];
            shimmed[kind][round] = b[kind];
            ratios[kind][round] = a[kind] / b[kind];
        }
    }
    for (kind = 0; kind < KINDS; kind++) {
        (void)unlink(paths[kind]);
        qsort(plain[kind], ROUNDS, sizeof(double), compare);
        qsort(shimmed[kind], ROUNDS, sizeof(double), compare);
        qsort(ratios[kind], ROUNDS, sizeof(double), compare);
        printf(json
                   ? "{\"name\": \"shim cached pread, %s\", \"plain_ns\": %.1f, \"shim_ns\": %.1f, "
                     "\"ratio\": %.3f, \"ratio_least\": %.3f, \"ratio_most\": %.3f}\n"
                   : "cached 4 KiB pread, %-9s plain %6.1f ns, shim %6.1f ns, plain/shim %.3f "
                     "(%.3f to %.3f)\n",
               kinds[kind], plain[kind][ROUNDS / 2], shimmed[kind][ROUNDS / 2],
               ratios[kind][ROUNDS / 2], ratios[kind][0], ratios[kind][ROUNDS - 1]);
    }
    return 0;
}
