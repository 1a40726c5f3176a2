/*
 * cli_options.c - options of the commands, and what to say when there is no registry.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define INTERVAL_LEAST 0.05
#define INTERVAL_MOST  3600.0

static int
refuse(const char *command, const char *what, const char *value)
{
    fprintf(stderr, "dbio %s: %s: '%s' (dbio %s --help)\n", command, what, value, command);
    return EXIT_USAGE;
}

static bool
parse_number(const char *text, double least, double most, double *number)
{
    char *end;

    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= least && *number <= most;
}

int
cli_parse(int count, char **arguments, const char *usage, bool live, struct cli_wishes *wishes)
{
    static const struct option all[] = {
        {"help", no_argument, NULL, 'h'},
        {"json", no_argument, NULL, 'j'},
        {"registry", required_argument, NULL, 'r'},
        {"interval", required_argument, NULL, 'i'},
        {"count", required_argument, NULL, 'c'},
        {"all", no_argument, NULL, 'a'},
        {"statistics", required_argument, NULL, 's'},
        {"prometheus", no_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    const char *command = arguments[0];
    double number;
    int option;

    *wishes = (struct cli_wishes){.interval = 1.0};
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(count, arguments, "h", all, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return fflush(stdout) != 0 ? EXIT_TROUBLE : EXIT_SUCCESS;
        }
        if (option == '?' || strchr(live ? "sp" : "ica", option) != NULL)
            return refuse(command, "no such option, or its value is missing",
                          arguments[optind - 1]);
        if (option == 'j')
            wishes->json = true;
        if (option == 'a')
            wishes->all = true;
        if (option == 'p')
            wishes->prometheus = true;
        if (option == 's')
            wishes->statistics = optarg;
        if (option == 'r')
            wishes->registry = optarg;
        if (option == 'i' &&
            !parse_number(optarg, INTERVAL_LEAST, INTERVAL_MOST, &wishes->interval))
            return refuse(command, "--interval: 0.05 to 3600 seconds", optarg);
        if (option == 'c') {
            if (!parse_number(optarg, 1, 1e9, &number) || number != (double)(long)number)
                return refuse(command, "--count: a number from 1", optarg);
            wishes->count = (long)number;
        }
    }
    if (optind < count) {
        if (!parse_number(arguments[optind], 1, INT32_MAX, &number) ||
            number != (double)(int32_t)number)
            return refuse(command, "not a process number", arguments[optind]);
        wishes->pid = (int32_t)number;
        optind++;
    }
    return optind < count ? refuse(command, "too much", arguments[optind]) : -1;
}

const char *
cli_path(const struct cli_wishes *wishes)
{
    static char path[4096];

    if (wishes->registry != NULL)
        return wishes->registry;
    return dbio_registry_path(path, sizeof(path)) == 0 ? path : NULL;
}

static const char *
explain(int error)
{
    switch (-error) {
    case ENOENT:
        return "there is none: no process of this user tracks requests across processes";
    case EPERM:
        return "refused: not a regular file, another user's, or open to others; dbio refuses it "
               "too (remove it, or chmod 600)";
    case EBADMSG:
        return "refused: not a registry, or of another version of dbio (remove it when no process "
               "uses it)";
    default:
        return dbio_error_text(error);
    }
}

static const char *
explain_path(const char *path, int error)
{
    return path == NULL ? "DBIO_REGISTRY=off: each process tracks for itself" : explain(error);
}

void
cli_print_json_trouble(const char *path, int error)
{
    fputs("\"registry\": ", stdout);
    if (path == NULL)
        fputs("null", stdout);
    else
        cli_print_json_string(stdout, path);
    fputs(", \"cross_process\": false, \"why\": ", stdout);
    cli_print_json_string(stdout, explain_path(path, error));
}

int
cli_print_trouble(const char *path, int error, bool json)
{
    if (json) {
        putchar('{');
        cli_print_json_trouble(path, error);
        fputs("}\n", stdout);
    } else {
        fprintf(error == -ENOENT ? stdout : stderr, "cross-process coherence off: %s: %s\n",
                path != NULL ? cli_text(path) : "no registry", explain_path(path, error));
    }
    return error == -ENOENT && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_TROUBLE;
}
