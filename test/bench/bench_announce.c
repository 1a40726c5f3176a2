/*
 * bench_announce.c - what it costs to say what one is about to do.
 *
 * Contenders are interleaved, A B C A B C, so that a slow moment of the machine meets all; each
 * figure is the median over the rounds, with the smallest and the largest. A bar is met when the
 * median is within it and at most one round in five is more than 5 % past it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/inflight.h"
#include "dbio.h"
#include "os/sys.h"

#define PAGE        4096u
#define FILE_PAGES  256u
#define OUTSTANDING 64u
#define ROUNDS      15
#define ROUNDS_MOST 1000
#define ANNOUNCES   400000u /* in a round, of each contender; about 10 ms */
#define BATCH       64u
#define BATCHES     2000u
#define TICKETS     40000u
#define READS       20000u

static struct dbio_table table; /* entry 0: one class; entry 1: both */
static struct dbio_announcement outstanding[OUTSTANDING];
static char *page;
static int plain_fd = -1;
static struct dbio_context *context;
static struct dbio_file *file;

static void
fail(const char *what, int error)
{
    fprintf(stderr, "bench_announce: %s: %s\n", what, strerror(error));
    exit(EXIT_FAILURE);
}

static double
now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* What the processor asks for two exchanges on a line of one's own: an announcement and a
 * release cannot be had for less. */
static double
run_floor(void)
{
    static _Alignas(64) _Atomic uint32_t word;
    double begin = now_ns();
    uint32_t i;

    for (i = 0; i < ANNOUNCES; i++) {
        (void)atomic_exchange(&word, i);
        (void)atomic_exchange(&word, i + 1);
    }
    return (now_ns() - begin) / ANNOUNCES;
}

static void
have_all_fence(const struct dbio_announcement *a)
{
    int error = dbio__sys_membarrier();

    if (error != 0)
        fail("membarrier", -error);
    dbio__inflight_settle(&table, a);
}

/* Announces, waits for nobody (the ranges are apart), releases. */
static void
announce_often(uint32_t entry, uint32_t first_slot, uint32_t count, bool both)
{
    struct dbio_announcement a;
    uint32_t kept, i;
    struct dbio_announcer who = {.hint = first_slot, .kept = &kept, .kept_most = 1};
    struct dbio_blocker blocker;

    for (i = 0; i < count; i++) {
        uint64_t begin = (uint64_t)(1024 + i % 1024) * PAGE;
        enum dbio_class class =
            both && i % 2 != 0 ? DBIO_CLASS_BUFFERED_WRITE : DBIO_CLASS_DIRECT_WRITE;
        struct dbio_range range = {begin, begin + PAGE};

        if (dbio__inflight_announce(&table, entry, class, range, 0, &who, &a) != DBIO_CLEAR) {
            if (a.switching != 0)
                have_all_fence(&a);
            while (dbio__inflight_blocker(&table, &a, &blocker))
                ;
        }
        if (dbio__inflight_release_kept(&table, &who, &a))
            fail("somebody waits", EBUSY);
    }
    dbio__inflight_drop_kept(&table, &who);
}

static double
run_one_thread(void)
{
    double begin = now_ns();

    announce_often(0, 100, ANNOUNCES, false);
    return (now_ns() - begin) / ANNOUNCES;
}

/* A batch keeps its slots. Announced at once, released at once; the time of the former. */
static double
run_batch(void)
{
    static struct dbio_announcement all[BATCH];
    uint32_t kept[BATCH], turn, i;
    struct dbio_announcer who = {.hint = 200, .kept = kept, .kept_most = BATCH};
    double spent = 0, clock = now_ns();

    for (i = 0; i < BATCHES; i++)
        (void)now_ns();
    clock = (now_ns() - clock) / BATCHES; /* which is no part of it */
    for (turn = 0; turn <= BATCHES; turn++) {
        double begin = now_ns() + clock;

        for (i = 0; i < BATCH; i++) {
            uint64_t at = (uint64_t)(1024 + i * 7) * PAGE;

            if (dbio__inflight_announce(&table, 0, DBIO_CLASS_DIRECT_READ,
                                        (struct dbio_range){at, at + PAGE}, 0, &who,
                                        &all[i]) != DBIO_CLEAR)
                fail("somebody is in the way", EBUSY);
        }
        if (turn > 0) /* the first one searches */
            spent += now_ns() - begin;
        for (i = 0; i < BATCH; i++)
            if (dbio__inflight_release_kept(&table, &who, &all[i]))
                fail("somebody waits", EBUSY);
    }
    dbio__inflight_drop_kept(&table, &who);
    return spent / BATCHES;
}

struct racer {
    pthread_t thread;
    pthread_barrier_t *start;
    uint32_t first_slot;
    double ns;
};

static void *
race(void *argument)
{
    struct racer *racer = argument;
    double begin;

    pthread_barrier_wait(racer->start);
    begin = now_ns();
    announce_often(0, racer->first_slot, ANNOUNCES, false);
    racer->ns = (now_ns() - begin) / ANNOUNCES;
    return NULL;
}

/* Each in a slot of its own; the slower one counts. */
static double
run_two_threads(void)
{
    struct racer racers[2];
    pthread_barrier_t start;
    int i, error;

    pthread_barrier_init(&start, NULL, 2);
    for (i = 0; i < 2; i++) {
        racers[i].start = &start;
        racers[i].first_slot = 100 + (uint32_t)i;
        error = pthread_create(&racers[i].thread, NULL, race, &racers[i]);
        if (error != 0)
            fail("pthread_create", error);
    }
    for (i = 0; i < 2; i++)
        pthread_join(racers[i].thread, NULL);
    pthread_barrier_destroy(&start);
    return racers[0].ns > racers[1].ns ? racers[0].ns : racers[1].ns;
}

static double
run_both_classes(void)
{
    double begin = now_ns();

    announce_often(1, 100, TICKETS, true);
    return (now_ns() - begin) / TICKETS;
}

static off_t
some_offset(uint32_t i)
{
    return (off_t)(i * 2654435761u % FILE_PAGES) * PAGE;
}

static double
run_plain_read(void)
{
    double begin = now_ns();
    uint32_t i;

    for (i = 0; i < READS; i++)
        if (pread(plain_fd, page, PAGE, some_offset(i)) != PAGE)
            fail("pread", errno);
    return (now_ns() - begin) / READS;
}

static double
run_dbio_read(void)
{
    double begin = now_ns();
    uint32_t i;

    for (i = 0; i < READS; i++) {
        ssize_t got = dbio_pread(file, page, PAGE, some_offset(i), 0);

        if (got != PAGE)
            fail("dbio_pread", got < 0 ? (int)-got : EIO);
    }
    return (now_ns() - begin) / READS;
}

/* In the order in which a round runs them. */
static struct contender {
    const char *name, *text;
    double bar; /* ns; 0: none */
    double (*run)(void);
    double ns[ROUNDS_MOST];
} contenders[] = {
    {.name = "floor", .text = "two exchanges, the processor's floor", .run = run_floor},
    {.name = "one_class_one_thread",
     .text = "announce + release, one class",
     .bar = 50,
     .run = run_one_thread},
    {.name = "one_class_two_threads",
     .text = "the same in two threads, a slot each",
     .bar = 50,
     .run = run_two_threads},
    {.name = "both_classes_64",
     .text = "both classes live, 64 outstanding",
     .bar = 1000,
     .run = run_both_classes},
    {.name = "batch_64", .text = "announce a batch of 64", .bar = 300, .run = run_batch},
    {.name = "pread", .text = "pread, 4 KiB cached", .run = run_plain_read},
    {.name = "dbio_pread", .text = "dbio_pread, 4 KiB cached", .run = run_dbio_read},
    /* Not run: the difference of the two above. */
    {.name = "dbio_over_pread", .text = "dbio_pread over pread", .bar = 33},
};
#define CONTENDERS (sizeof(contenders) / sizeof(contenders[0]))
#define OVER       (CONTENDERS - 1)

/* Entry 0 admits direct requests alone; on entry 1 both classes are outstanding. */
static void
prepare_table(void)
{
    uint32_t i;
    int error = dbio__sys_membarrier_register();

    if (error != 0)
        fail("membarrier", -error);
    announce_often(0, 100, 2 * DBIO_INFLIGHT_QUIET, false);
    for (i = 0; i < OUTSTANDING; i++) {
        struct dbio_range range = {(uint64_t)i * PAGE, (uint64_t)(i + 1) * PAGE};
        struct dbio_announcer who = {.hint = i};

        if (dbio__inflight_announce(
                &table, 1, i % 2 == 0 ? DBIO_CLASS_DIRECT_WRITE : DBIO_CLASS_BUFFERED_WRITE, range,
                0, &who, &outstanding[i]) == DBIO_FULL)
            fail("the table is full", ENOSPC);
    }
    if (strcmp(dbio__inflight_mode_name(&table, 0), "direct") != 0 ||
        strcmp(dbio__inflight_mode_name(&table, 1), "tickets") != 0)
        fail("the table is not as it should be", EINVAL);
}

/* A small file, all of it in the page cache, opened both ways and then unlinked. */
static void
prepare_file(const char *directory)
{
    char path[4096];
    uint32_t i;
    int error;

    page = aligned_alloc(PAGE, PAGE);
    if (page == NULL)
        fail("memory", ENOMEM);
    memset(page, 'x', PAGE);
    snprintf(path, sizeof(path), "%s/bench_announce.XXXXXX", directory);
    plain_fd = mkostemp(path, O_CLOEXEC);
    if (plain_fd < 0)
        fail(path, errno);
    for (i = 0; i < FILE_PAGES; i++)
        if (pwrite(plain_fd, page, PAGE, (off_t)i * PAGE) != PAGE)
            fail(path, errno);
    error = dbio_context_create(NULL, &context);
    if (error == 0)
        error = dbio_open(context, path, O_RDWR, 0, NULL, &file);
    unlink(path);
    if (error != 0)
        fail(path, -error);
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void
run_rounds(unsigned rounds)
{
    size_t i;
    unsigned round;

    for (i = 0; i < OVER; i++)
        (void)contenders[i].run(); /* warm */
    for (round = 0; round < rounds; round++) {
        for (i = 0; i < OVER; i++)
            contenders[i].ns[round] = contenders[i].run();
        contenders[OVER].ns[round] =
            contenders[OVER - 1].ns[round] - contenders[OVER - 2].ns[round];
    }
    for (i = 0; i < CONTENDERS; i++)
        qsort(contenders[i].ns, rounds, sizeof(double), compare);
}

static bool
is_met(const struct contender *c, unsigned rounds)
{
    unsigned round, past = 0;

    for (round = 0; round < rounds; round++)
        past += c->ns[round] > 1.05 * c->bar;
    return c->ns[rounds / 2] <= c->bar && past * 5 <= rounds;
}

static void
print_text(unsigned rounds)
{
    size_t i;

    printf("%-38s %9s %9s %9s   (ns, %u rounds)\n", "", "median", "smallest", "largest", rounds);
    for (i = 0; i < CONTENDERS; i++) {
        const struct contender *c = &contenders[i];

        printf("%-38s %9.1f %9.1f %9.1f", c->text, c->ns[rounds / 2], c->ns[0], c->ns[rounds - 1]);
        if (c->bar != 0)
            printf("   at most %4.0f: %s", c->bar, is_met(c, rounds) ? "met" : "not met");
        printf("\n");
    }
}

static void
print_json(unsigned rounds)
{
    size_t i;

    printf("{\"bench\": \"bench_announce\", \"rounds\": %u, \"unit\": \"ns\", \"results\": [",
           rounds);
    for (i = 0; i < CONTENDERS; i++) {
        const struct contender *c = &contenders[i];

        printf("%s\n  {\"name\": \"%s\", \"median\": %.2f, \"smallest\": %.2f, \"largest\": %.2f",
               i == 0 ? "" : ",", c->name, c->ns[rounds / 2], c->ns[0], c->ns[rounds - 1]);
        if (c->bar != 0)
            printf(", \"bar\": %.0f, \"met\": %s", c->bar, is_met(c, rounds) ? "true" : "false");
        printf("}");
    }
    printf("\n]}\n");
}

static const char usage[] =
    "usage: bench_announce [--rounds N] [--dir DIR] [--json]\n"
    "\n"
    "Measures what announcing and releasing a request costs, alone and in a whole cached read,\n"
    "and says of each bar whether it is met. The bar of the last line is the one for the preload\n"
    "shim. Build with optimisation (preset release) and leave the machine alone meanwhile.\n"
    "\n"
    "  --rounds N   rounds, 1 to 1000; default 15\n"
    "  --dir DIR    where the file to read is made, 1 MiB; default $TMPDIR, else /var/tmp\n"
    "  --json       machine-readable\n"
    "  --help       this text\n"
    "\n"
    "Exit status: 0 measured (met or not), 1 could not, 2 wrong usage.\n";

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"rounds", required_argument, NULL, 'r'},
                                            {"dir", required_argument, NULL, 'd'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *directory = getenv("TMPDIR");
    long rounds = ROUNDS;
    bool json = false;
    char *end = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'r':
            rounds = strtol(optarg, &end, 10);
            if (end == optarg || *end != '\0' || rounds < 1 || rounds > ROUNDS_MOST)
                return fprintf(stderr, "bench_announce: --rounds: 1 to %d\n", ROUNDS_MOST), 2;
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
    prepare_table();
    prepare_file(directory != NULL && *directory != '\0' ? directory : "/var/tmp");
    run_rounds((unsigned)rounds);
    (json ? print_json : print_text)((unsigned)rounds);
    dbio_close(file);
    dbio_context_destroy(context);
    close(plain_fd);
    free(page);
    return EXIT_SUCCESS;
}
