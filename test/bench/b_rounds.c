/* b_rounds.c - what the benches under a memory limit have in common: options, and taking turns. */
#include "b_rounds.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "b_measure.h"
#include "b_process.h"

#define CONTROL_MOVED  1.5
#define QUICK_SIZE     (256 * B_MIB)
#define QUICK_LIMIT    (64 * B_MIB)
#define QUICK_ROUNDS   1
#define SIZE_LEAST_MIB 128 /* the control's */

/* A number within bounds, else 0. */
static size_t
number(const char *text, size_t least, size_t most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    return *text < '0' || *text > '9' || *end != '\0' || value < least || value > most ? 0 : value;
}

static bool
take(int option, struct b_options *o)
{
    switch (option) {
    case 'd':
        o->directory = optarg;
        return true;
    case 'm':
        return o->memory = true;
    case 'j':
        return o->json = true;
    case 'v':
        return o->show = true;
    case 'q':
        o->size = QUICK_SIZE;
        o->limit = QUICK_LIMIT;
        o->rounds = QUICK_ROUNDS;
        return o->quick = true;
    case 'r':
        o->rounds = (int)number(optarg, 1, B_ROUNDS_MOST);
        return o->rounds != 0;
    case 's':
        o->size = number(optarg, SIZE_LEAST_MIB, (size_t)1 << 20) * B_MIB;
        return o->size != 0;
    case 'l':
        o->limit = number(optarg, 16, (size_t)1 << 20) * B_MIB;
        return o->limit != 0;
    case 'p':
        o->piece = number(optarg, 4, 1024) * 1024;
        return o->piece != 0 && B_MIB % o->piece == 0;
    }
    return false;
}

int
b_options_parse(int count, char **arguments, const char *usage, struct b_options *options)
{
    static const struct option all[] = {{"dir", required_argument, NULL, 'd'},
                                        {"memory", no_argument, NULL, 'm'},
                                        {"rounds", required_argument, NULL, 'r'},
                                        {"size", required_argument, NULL, 's'},
                                        {"limit", required_argument, NULL, 'l'},
                                        {"piece", required_argument, NULL, 'p'},
                                        {"quick", no_argument, NULL, 'q'},
                                        {"verbose", no_argument, NULL, 'v'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
    int option;

    options->directory = getenv("DBIO_BENCH_DIR");
    while ((option = getopt_long(count, arguments, "h", all, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout) < 0;
        if (!take(option, options))
            return fputs(usage, stderr), 2;
    }
    if (optind != count)
        return fputs(usage, stderr), 2;
    if (options->directory == NULL || *options->directory == '\0')
        options->directory = "/var/tmp";
    return -1;
}

int
b_rounds_run(const struct b_options *options, int contenders, void (*run)(int contender, int round),
             const char *control, bool write)
{
    int start = (int)(time(NULL) % contenders), round = 0, tried, i;

    for (tried = 0; tried < 2 * options->rounds && round < options->rounds; tried++) {
        double before = 1, after = 1;

        if (!options->memory)
            before = b_control(control, write);
        for (i = 0; i < contenders; i++)
            run((start + i) % contenders, round);
        if (!options->memory)
            after = b_control(control, write);
        if (before > CONTROL_MOVED * after || after > CONTROL_MOVED * before)
            fprintf(stderr,
                    "a round is void: the device's own speed went from %.0f to %.0f MiB/s\n",
                    before, after);
        else
            round++;
    }
    if (round == 0)
        b_fail("no round counts", EBUSY);
    return round;
}

bool
b_limit_set(const struct b_options *options, int *version)
{
    const char *why =
        geteuid() == 0 ? b_group_make(options->limit, version) : "a memory limit takes root";

    if (why == NULL)
        return true;
    if (options->json)
        printf("{\"bench\": \"%s\", \"skipped\": \"%s\"}\n", program_invocation_short_name, why);
    else
        printf("skipped: %s\n", why);
    return false;
}
