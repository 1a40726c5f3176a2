/*
 * tpcc_options.c - the command line of dbio-tpcc.
 *
 * Job: one table of options, from which both parsing and help texts are made. Leaves acting to the
 * commands. Called once by main. No lock. Must always hold: a value that is accepted is in range;
 * everything else is refused with a message that says what would be right, exit status 2.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tpcc_dbio.h"
#include "tpcc_options.h"
#include "tpcc_util.h"

#define RUNS (TPCC_RUN | TPCC_COMPARE)
#define DATA (TPCC_PREPARE | TPCC_RUN | TPCC_CHECK | TPCC_COMPARE)
#define ALL  (DATA | TPCC_REPORT)

/* Complains and answers false for a bad value. */
typedef bool value_function(struct tpcc_options *options, const char *value);

struct option {
    const char *name;
    const char *argument; /* NULL: a switch */
    int commands;
    const char *help;
    value_function *set; /* or NULL: an int or a text at `offset`, or a bool for a switch */
    size_t offset;
    int low; /* low < high: a number within; otherwise a text */
    int high;
};

static bool
refuse_value(const char *name, const char *value, const char *expected)
{
    tpcc_complain("--%s: \"%s\" is not %s", name, value, expected);
    return false;
}

/* The index of `value` among `names`, or -1. */
static int
find_word(const char *value, size_t length, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strlen(names[i]) == length && strncmp(value, names[i], length) == 0)
            return i;
    return -1;
}

static bool
set_engine(struct tpcc_options *options, const char *value)
{
    options->engine = tpcc_engine_find(value);
    return options->engine || refuse_value("engine", value, tpcc_engine_names());
}

static bool
set_io(struct tpcc_options *options, const char *value)
{
    const char *expected = "of buffered, direct, dontcache, dbio";
    const char *names[TPCC_IO_COUNT];
    for (int i = 0; i < TPCC_IO_COUNT; i++)
        names[i] = tpcc_io_name((enum tpcc_io)i);
    options->io_count = 0;
    for (const char *word = value;;) {
        size_t length = strcspn(word, ",");
        int found = find_word(word, length, names, TPCC_IO_COUNT);
        if (found < 0)
            return refuse_value("io", value, expected);
        for (int i = 0; i < options->io_count; i++)
            if (options->io[i] == (enum tpcc_io)found)
                return refuse_value("io", value, "a list without repetitions");
        options->io[options->io_count++] = (enum tpcc_io)found;
        if (!word[length])
            break;
        word += length + 1;
    }
    if (options->io_count > 1 && options->command != TPCC_COMPARE)
        return refuse_value("io", value, "one way of I/O (compare takes a list)");
    return true;
}

static bool
set_seed(struct tpcc_options *options, const char *value)
{
    char *end;
    errno = 0;
    options->seed = strtoull(value, &end, 10);
    options->seed_given = true;
    if (errno || *end || !strchr("0123456789", *value) || !*value)
        return refuse_value("seed", value, "a number from 0 to 18446744073709551615");
    return true;
}

static bool
set_weight(struct tpcc_options *options, const char *value)
{
    const char *expected = "five whole percentages with the sum 100, as in 45,43,4,4,4";
    const char *next = value;
    int sum = 0;
    for (int i = 0; i < TPCC_TRANSACTIONS; i++) {
        char *end;
        long weight = strtol(next, &end, 10);
        if (end == next || weight < 0 || weight > 100 ||
            *end != (i < TPCC_TRANSACTIONS - 1 ? ',' : '\0'))
            return refuse_value("weight", value, expected);
        options->weights[i] = (int)weight;
        sum += (int)weight;
        next = end + 1;
    }
    options->weighted = true;
    return sum == 100 || refuse_value("weight", value, expected);
}

static bool
set_journal(struct tpcc_options *options, const char *value)
{
    const char *const names[] = {"wal", "delete"};
    int found = find_word(value, strlen(value), names, 2);
    options->journal = found == 1 ? TPCC_JOURNAL_DELETE : TPCC_JOURNAL_WAL;
    return found >= 0 || refuse_value("journal", value, "wal or delete");
}

static bool
set_synchronous(struct tpcc_options *options, const char *value)
{
    const char *const names[] = {"off", "normal", "full", "extra"};
    int found = find_word(value, strlen(value), names, 4);
    options->synchronous = found < 0 ? TPCC_SYNC_FULL : (enum tpcc_synchronous)found;
    return found >= 0 || refuse_value("synchronous", value, "off, normal, full or extra");
}

static bool
set_ledger(struct tpcc_options *options, const char *value)
{
    const char *const names[] = {"off", "plain", "dsync"};
    int found = find_word(value, strlen(value), names, 3);
    options->ledger = found < 0 ? TPCC_LEDGER_OFF : (enum tpcc_ledger_kind)found;
    return found >= 0 || refuse_value("ledger", value, "off, plain or dsync");
}

#define AT(member) offsetof(struct tpcc_options, member)

static const struct option option_table[] = {
    {"dir", "DIR", DATA, "where the database lives (default tpcc-data)", NULL, AT(directory), 0, 0},
    {"engine", "NAME", DATA, "sqlite (default)", set_engine, 0, 0, 0},
    {"warehouses", "N", TPCC_PREPARE | TPCC_COMPARE, "size, about 81 MB each (default 1)", NULL,
     AT(warehouses), 1, 10000},
    {"tiny", NULL, TPCC_PREPARE | TPCC_COMPARE,
     "60 customers per district, 1000 items: for tests, comparable with nothing", NULL, AT(tiny), 0,
     0},
    {"force", NULL, TPCC_PREPARE, "replace a database that is there", NULL, AT(force), 0, 0},
    {"io", "WAY", TPCC_RUN | TPCC_CHECK | TPCC_COMPARE,
     "buffered, direct, dontcache or dbio; compare takes a list\n"
     "(default buffered; compare: buffered,direct,dbio)",
     set_io, 0, 0, 0},
    {"threads", "N", RUNS, "terminals (default: one per processor, with --wait 10 per warehouse)",
     NULL, AT(threads), 1, 10000},
    {"duration", "SECONDS", RUNS, "measured time (default 60; compare: 15 per run)", NULL,
     AT(duration), 1, 1000000},
    {"warmup", "SECONDS", RUNS, "time before that, not measured (default 5; compare: 3)", NULL,
     AT(warmup), 0, 1000000},
    {"rounds", "N", TPCC_COMPARE, "runs of each way, interleaved (default 2)", NULL, AT(rounds), 1,
     1000},
    {"wait", NULL, RUNS, "keying and think times as specified (default: none)", NULL, AT(wait), 0,
     0},
    {"weight", "A,B,C,D,E", RUNS,
     "percent New-Order, Payment, Order-Status, Delivery, Stock-Level,\n"
     "drawn at random (default: a shuffled deck of 10,10,1,1,1 cards)",
     set_weight, 0, 0, 0},
    {"cache-mb", "MB", RUNS, "cache of the engine, sqlite: per connection (default 16)", NULL,
     AT(cache_mb), 1, 1000000},
    {"memory-limit", "MB", RUNS, "run inside a private memory cgroup of this size (root only)",
     NULL, AT(memory_limit_mb), 16, 100000000},
    {"journal", "KIND", RUNS, "wal (default) or delete", set_journal, 0, 0, 0},
    {"synchronous", "LEVEL", RUNS, "off, normal, full (default) or extra", set_synchronous, 0, 0,
     0},
    {"ledger", "KIND", RUNS,
     "off, plain (default: acknowledged transactions survive a kill) or dsync\n"
     "(they survive a power cut too; costs a disk write per transaction)",
     set_ledger, 0, 0, 0},
    {"retries", "N", RUNS, "attempts after a transaction lost against another (default 10)", NULL,
     AT(retries), 0, 1000000},
    {"no-check", NULL, RUNS, "do not check consistency after a run", NULL, AT(no_check), 0, 0},
    {"keep", NULL, TPCC_COMPARE, "keep the databases of all runs", NULL, AT(keep), 0, 0},
    {"report-interval", "SECONDS", RUNS, "between live lines (default 5)", NULL,
     AT(report_interval), 1, 100000},
    {"seed", "N", TPCC_PREPARE | RUNS,
     "of all random numbers (default: load 42, run from the clock)", set_seed, 0, 0, 0},
    {"html", "FILE", RUNS | TPCC_REPORT, "write a page with charts", NULL, AT(html), 0, 0},
    {"json", "FILE", ALL, "write the result as JSON; - is stdout (text then goes to stderr)", NULL,
     AT(json), 0, 0},
};
#define OPTIONS (sizeof(option_table) / sizeof(option_table[0]))

static const struct {
    const char *name;
    const char *what;
} commands[] = {
    {"prepare", "load a database"},
    {"run", "run the five transactions against it, then check it"},
    {"check", "check the twelve consistency conditions and every loaded byte"},
    {"compare", "run several ways of I/O side by side on equal copies"},
    {"report", "show a saved result again: dbio-tpcc report FILE"},
};
#define COMMANDS 5

static void
print_overview(FILE *stream)
{
    fputs("usage: dbio-tpcc COMMAND [OPTION...]\n\n"
          "A TPC-C-like benchmark for the ways a database can do its I/O.\n"
          "Its results are not TPC results.\n\n",
          stream);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(stream, "  %-9s %s\n", commands[i].name, commands[i].what);
    fputs("\n`dbio-tpcc COMMAND --help` lists the options of a command.\n"
          "Exit status: 0 all went well, 1 a run or a check failed, 2 bad usage.\n",
          stream);
}

static void
print_help(enum tpcc_command command)
{
    int index = __builtin_ctz((unsigned)command);
    printf("usage: dbio-tpcc %s%s [OPTION...]\n\n%s\n\n", commands[index].name,
           command == TPCC_REPORT ? " FILE" : "", commands[index].what);
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option *option = &option_table[i];
        if (!(option->commands & (int)command))
            continue;
        char left[64];
        snprintf(left, sizeof(left), "--%s %s", option->name,
                 option->argument ? option->argument : "");
        const char *help = option->help;
        for (const char *title = left; *help; title = "") {
            int length = (int)strcspn(help, "\n");
            printf("  %-26s %.*s\n", title, length, help);
            help += length + (help[length] == '\n');
        }
    }
    printf("  %-26s this text\n", "--help");
}

static bool
set_number(const struct option *option, struct tpcc_options *options, const char *value)
{
    char *end;
    char expected[64];
    errno = 0;
    long number = strtol(value, &end, 10);
    snprintf(expected, sizeof(expected), "a number from %d to %d", option->low, option->high);
    if (errno || end == value || *end || number < option->low || number > option->high)
        return refuse_value(option->name, value, expected);
    *(int *)(void *)((char *)options + option->offset) = (int)number;
    return true;
}

static bool
apply_option(const struct option *option, struct tpcc_options *options, const char *value)
{
    void *target = (char *)options + option->offset;
    if (option->set)
        return option->set(options, value);
    if (option->low < option->high)
        return set_number(option, options, value);
    if (!option->argument)
        *(bool *)target = true;
    else if (!*value)
        return refuse_value(option->name, value, "a name");
    else
        *(const char **)target = value;
    return true;
}

/* The option that `text` ("--name" or "--name=value") names and that the command has. */
static const struct option *
find_option(enum tpcc_command command, const char *text)
{
    size_t length = strcspn(text + 2, "=");
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option *option = &option_table[i];
        if (strlen(option->name) != length || strncmp(option->name, text + 2, length) != 0)
            continue;
        if (option->commands & (int)command)
            return option;
        tpcc_complain("`%s` has no option --%s", commands[__builtin_ctz((unsigned)command)].name,
                      option->name);
        return NULL;
    }
    tpcc_complain("there is no option %s; see `dbio-tpcc %s --help`", text,
                  commands[__builtin_ctz((unsigned)command)].name);
    return NULL;
}

/* One argument; *index moves past a value that stands apart. */
static bool
parse_argument(struct tpcc_options *options, int count, char **arguments, int *index)
{
    const char *text = arguments[*index];
    if (strncmp(text, "--", 2) != 0) {
        if (options->command == TPCC_REPORT && !options->input && *text) {
            options->input = text;
            return true;
        }
        tpcc_complain("what is \"%s\"?", text);
        return false;
    }
    const struct option *option = find_option(options->command, text);
    if (!option)
        return false;
    const char *value = strchr(text, '=');
    if (value && !option->argument) {
        tpcc_complain("--%s takes no value", option->name);
        return false;
    }
    if (value || !option->argument)
        return apply_option(option, options, value ? value + 1 : "");
    if (++*index == count) {
        tpcc_complain("--%s needs a value: %s", option->name, option->argument);
        return false;
    }
    return apply_option(option, options, arguments[*index]);
}

static void
set_defaults(struct tpcc_options *options, enum tpcc_command command)
{
    bool compare = command == TPCC_COMPARE;
    *options = (struct tpcc_options){
        .command = command,
        .engine = &tpcc_engine_sqlite,
        .io = {TPCC_IO_BUFFERED, TPCC_IO_DIRECT, TPCC_IO_DBIO},
        .io_count = compare ? 3 : 1,
        .directory = "tpcc-data",
        .duration = compare ? 15 : 60,
        .warmup = compare ? 3 : 5,
        .report_interval = 5,
        .rounds = 2,
        .cache_mb = 16,
        .retries = 10,
        .seed = 42,
        .synchronous = TPCC_SYNC_FULL,
        .ledger = TPCC_LEDGER_PLAIN,
    };
}

int
tpcc_options_parse(struct tpcc_options *options, int count, char **arguments)
{
    const char *name = count > 1 ? arguments[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        print_overview(stdout);
        return TPCC_EXIT_OK;
    }
    if (strcmp(name, "--version") == 0) {
        printf("dbio-tpcc %s\n", tpcc_dbio_version());
        return TPCC_EXIT_OK;
    }
    int command = 0;
    while (command < COMMANDS && strcmp(commands[command].name, name) != 0)
        command++;
    if (command == COMMANDS) {
        if (*name)
            tpcc_complain("there is no command \"%s\"", name);
        print_overview(stderr);
        return TPCC_EXIT_USAGE;
    }
    set_defaults(options, (enum tpcc_command)(1 << command));
    for (int i = 2; i < count; i++) {
        if (strcmp(arguments[i], "--help") == 0) {
            print_help(options->command);
            return TPCC_EXIT_OK;
        }
        if (!parse_argument(options, count, arguments, &i))
            return TPCC_EXIT_USAGE;
    }
    if (options->command == TPCC_REPORT && !options->input) {
        tpcc_complain("report needs the file of a saved result");
        return TPCC_EXIT_USAGE;
    }
    return -1;
}

struct tpcc_store_options
tpcc_options_store(const struct tpcc_options *options, enum tpcc_io io)
{
    return (struct tpcc_store_options){
        .directory = options->directory,
        .io = io,
        .journal = options->journal,
        .synchronous = options->synchronous,
        .cache_mb = options->cache_mb,
    };
}
