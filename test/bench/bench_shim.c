/*
 * bench_shim.c - what a cached 4 KiB pread costs under the preload shim, against the same without it.
 *
 * Runs itself by turns without the shim and with it (A B A B ...), and compares within each round:
 * reads of a file that is managed, and of one that is not because it lies in memory. W1's bar for
 * the shim is met when the median ratio is 0.95; a read that is not ours may cost 10 ns.
 */
#include <fcntl.h>
#include <getopt.h>
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

    if (pipe(ends) != 0)
        fail("pipe");
    child = fork();
    if (child < 0)
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

struct result {
    double plain[ROUNDS], shim[ROUNDS], ratio[ROUNDS];
};

static void
measure_rounds(const char *shim, char *const paths[KINDS], struct result results[KINDS])
{
    int round, kind;

    for (round = 0; round < ROUNDS; round++) {
        double a[KINDS], b[KINDS];

        run("/proc/self/exe", NULL, paths, a);
        run("/proc/self/exe", shim, paths, b);
        for (kind = 0; kind < KINDS; kind++) {
            results[kind].plain[round] = a[kind];
            results[kind].shim[round] = b[kind];
            results[kind].ratio[round] = a[kind] / b[kind];
        }
    }
    for (kind = 0; kind < KINDS; kind++) {
        qsort(results[kind].plain, ROUNDS, sizeof(double), compare);
        qsort(results[kind].shim, ROUNDS, sizeof(double), compare);
        qsort(results[kind].ratio, ROUNDS, sizeof(double), compare);
    }
}

static void
print_results(const struct result results[KINDS], bool json)
{
    int kind;

    if (json)
        printf("{\"bench\": \"shim\", \"results\": [");
    for (kind = 0; kind < KINDS; kind++) {
        const struct result *r = &results[kind];
        double plain = r->plain[ROUNDS / 2], shim = r->shim[ROUNDS / 2];
        bool met = kind == 0 ? r->ratio[ROUNDS / 2] >= 0.95 : shim - plain <= 10;

        if (json)
            printf("%s{\"name\": \"%s\", \"plain_ns\": %.1f, \"shim_ns\": %.1f, \"ratio\": "
                   "%.3f, \"ratio_least\": %.3f, \"ratio_most\": %.3f, \"met\": %s}",
                   kind > 0 ? ", " : "", kinds[kind], plain, shim, r->ratio[ROUNDS / 2],
                   r->ratio[0], r->ratio[ROUNDS - 1], met ? "true" : "false");
        else
            printf(
                "cached 4 KiB pread, %-9s  plain %6.1f ns  shim %6.1f ns  plain/shim %.3f (%.3f to "
                "%.3f)  %s: %s\n",
                kinds[kind], plain, shim, r->ratio[ROUNDS / 2], r->ratio[0], r->ratio[ROUNDS - 1],
                kind == 0 ? "at least 0.95" : "at most 10 ns more", met ? "met" : "not met");
    }
    if (json)
        printf("]}\n");
}

static const char usage[] =
    "usage: bench_shim [--shim FILE] [--dir DIR] [--json]\n"
    "\n"
    "  --shim FILE  libdbio-shim.so; by default that of the same build tree\n"
    "  --dir DIR    on a file system with direct I/O; by default $DBIO_TEST_DIR or /var/tmp\n"
    "  --json       machine-readable\n"
    "\n"
    "Exit status: 0 measured (met or not), 1 could not, 2 wrong usage.\n";

/* libdbio-shim.so beside this program's build tree. */
static const char *
usual_shim(void)
{
    static char path[4200];
    ssize_t length = readlink("/proc/self/exe", path, 4096);

    if (length <= 0)
        fail("/proc/self/exe");
    path[length] = '\0';
    *strrchr(path, '/') = '\0';
    (void)strcpy(strrchr(path, '/'), "/libdbio/shim/libdbio-shim.so");
    return path;
}

int
main(int count, char **arguments)
{
    static const struct option all[] = {{"shim", required_argument, NULL, 's'},
                                        {"dir", required_argument, NULL, 'd'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
    const char *shim = NULL, *directory = getenv("DBIO_TEST_DIR");
    struct result results[KINDS];
    char managed[4096], unmanaged[64];
    char *paths[KINDS] = {managed, unmanaged};
    bool json = false;
    int option, kind;

    if (count == 4 && strcmp(arguments[1], "--measure") == 0) {
        double first = measure(arguments[2]);

        printf("%f %f\n", first, measure(arguments[3]));
        return 0;
    }
    while ((option = getopt_long(count, arguments, "h", all, NULL)) != -1) {
        if (option == 's')
            shim = optarg;
        else if (option == 'd')
            directory = optarg;
        else if (option == 'j')
            json = true;
        else {
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    shim = shim != NULL ? shim : usual_shim();
    if (access(shim, R_OK) != 0)
        fail(shim);
    (void)snprintf(managed, sizeof(managed), "%s/bench_shim.%d",
                   directory != NULL ? directory : "/var/tmp", (int)getpid());
    (void)snprintf(unmanaged, sizeof(unmanaged), "/dev/shm/bench_shim.%d", (int)getpid());
    for (kind = 0; kind < KINDS; kind++)
        make_file(paths[kind]);
    measure_rounds(shim, paths, results);
    print_results(results, json);
    for (kind = 0; kind < KINDS; kind++)
        (void)unlink(paths[kind]);
    return 0;
}
