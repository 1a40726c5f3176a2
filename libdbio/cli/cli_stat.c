/*
 * cli_stat.c - `dbio stat`: a registry and what was counted, once.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cli.h"

static const char usage[] =
    "usage: dbio stat [--json | --prometheus] [--registry FILE] [--statistics FILE] [PID]\n"
    "\n"
    "Shows who uses dbio, what is outstanding, and what was counted, of one process or all. "
    "Whether\n"
    "requests are tracked across processes stands in the first line.\n"
    "\n"
    "  --json             one JSON object; ages in ns, ranges in bytes (end null: to the end)\n"
    "  --prometheus       what was counted, as text for Prometheus\n"
    "  --registry FILE    instead of what DBIO_REGISTRY names, by default /dev/shm/dbio-UID\n"
    "  --statistics FILE  instead of what DBIO_STATISTICS names, by default\n"
    "                     /dev/shm/dbio-UID.statistics\n"
    "  --help             this text\n"
    "\n"
    "state        alive; stopped (SIGSTOP); dead, and not yet forgotten\n"
    "joined       how long ago it first used dbio\n"
    "dread ...    outstanding: direct reads, direct writes, buffered reads, buffered writes,\n"
    "             exclusive operations (truncate, punch, map and the like)\n"
    "retired      requests of processes that died, withdrawn so that nobody waits for them\n"
    "orphans      of these, writes: their bytes are old, new or a mixture\n"
    "turned away  processes that found no place and track for themselves alone\n"
    "\n"
    "Exit status: 0 shown, also if there is no registry; 1 it is refused or cannot be read, or\n"
    "process PID does not use dbio; 2 wrong usage.\n";

static bool
is_wanted(const struct cli_wishes *wishes, int32_t pid)
{
    return wishes->pid == 0 || wishes->pid == pid;
}

static void
print_processes(const struct dbio_registry_view *view, const struct cli_wishes *wishes)
{
    struct dbio_registry_process process = {.size = sizeof(process)};
    unsigned i;

    printf("\n%8s  %-20s %-8s %10s  %6s %6s %6s %6s %6s\n", "pid", "program", "state", "joined",
           "dread", "dwrite", "bread", "bwrite", "excl");
    for (i = 0; dbio_registry_process(view, i, &process) == 0; i++) {
        const char *state = !process.alive                          ? "dead"
                            : cli_process_state(process.pid) == 'T' ? "stopped"
                                                                    : "alive";

        if (is_wanted(wishes, process.pid))
            printf("%8" PRId32 "  %-20.20s %-8s %10s  %6u %6u %6u %6u %6u\n", process.pid,
                   cli_text(process.program), state, cli_age(process.age_ns), process.requests[0],
                   process.requests[1], process.requests[2], process.requests[3],
                   process.requests[4]);
    }
}

static void
print_text(const struct dbio_registry_view *view, const struct dbio_registry_info *info,
           const struct cli_wishes *wishes, const char *path)
{
    printf("cross-process coherence on: %s\n", cli_text(path));
    printf("processes %u of %u (%u dead), files %u of %u, requests %u of %u outstanding\n",
           info->processes, info->processes_max, info->dead, info->files, info->files_max,
           info->requests, info->requests_max);
    printf("retired %" PRIu64 ", orphans %" PRIu64 ", turned away %" PRIu64 "\n", info->retired,
           info->orphans, info->turned_away);
    print_processes(view, wishes);
}

static void
print_json(const struct dbio_registry_view *view, const struct dbio_registry_info *info,
           const struct cli_wishes *wishes, const char *path)
{
    struct dbio_registry_process process = {.size = sizeof(process)};
    struct dbio_registry_request request = {.size = sizeof(request)};
    const char *separator = "";
    unsigned i, k;

    fputs("\"registry\": ", stdout);
    cli_print_json_string(stdout, path);
    printf(", \"cross_process\": true, \"processes_max\": %u, \"dead\": %u, \"files\": %u, "
           "\"files_max\": %u, \"requests_max\": %u, \"retired\": %" PRIu64
           ", \"orphans\": %" PRIu64 ", \"turned_away\": %" PRIu64 ",\n \"processes\": [",
           info->processes_max, info->dead, info->files, info->files_max, info->requests_max,
           info->retired, info->orphans, info->turned_away);
    for (i = 0; dbio_registry_process(view, i, &process) == 0; i++) {
        if (!is_wanted(wishes, process.pid))
            continue;
        printf("%s\n  {\"pid\": %" PRId32 ", \"program\": ", separator, process.pid);
        cli_print_json_string(stdout, process.program);
        printf(", \"alive\": %s, \"stopped\": %s, \"age_ns\": %" PRIu64 ", \"requests\": {",
               process.alive ? "true" : "false",
               process.alive && cli_process_state(process.pid) == 'T' ? "true" : "false",
               process.age_ns);
        for (k = 0; k < DBIO_CLASS_COUNT; k++)
            printf("%s\"%s\": %u", k == 0 ? "" : ", ", dbio_class_name(k), process.requests[k]);
        fputs("}}", stdout);
        separator = ",";
    }
    fputs("],\n \"requests\": [", stdout);
    for (i = 0, separator = ""; dbio_registry_request(view, i, &request) == 0; i++) {
        (void)cli_process_of(view, &request, &process);
        if (!is_wanted(wishes, process.pid))
            continue;
        printf("%s\n  ", separator);
        cli_print_json_request(stdout, view, &request);
        separator = ",";
    }
    fputs("]", stdout);
}

/* Does it use dbio, or has it, and is not forgotten? */
static bool
is_known(const struct dbio_registry_view *view, const struct cli_wishes *wishes)
{
    struct dbio_registry_process process = {.size = sizeof(process)};
    unsigned i;

    for (i = 0; dbio_registry_process(view, i, &process) == 0; i++)
        if (is_wanted(wishes, process.pid))
            return true;
    return cli_has_counted(cli_statistics_path(wishes), wishes->pid);
}

/* Trouble with the one is not trouble with the other. */
static int
print_all_json(const struct dbio_registry_view *view, const struct dbio_registry_info *info,
               const struct cli_wishes *wishes, const char *path, int error)
{
    putchar('{');
    if (error != 0)
        cli_print_json_trouble(path, error);
    else
        print_json(view, info, wishes, path);
    fputs(",\n \"statistics\": ", stdout);
    cli_print_json_counts(cli_statistics_path(wishes), wishes->pid);
    fputs("}\n", stdout);
    return error != 0 && error != -ENOENT ? EXIT_TROUBLE : EXIT_SUCCESS;
}

static int
print_all_text(const struct dbio_registry_view *view, const struct dbio_registry_info *info,
               const struct cli_wishes *wishes, const char *path, int error)
{
    int status = EXIT_SUCCESS;

    if (error != 0)
        status = cli_print_trouble(path, error, false);
    else
        print_text(view, info, wishes, path);
    if (status == EXIT_SUCCESS) /* a refusal is a message and no answer */
        cli_print_counts(cli_statistics_path(wishes), wishes->pid);
    return status;
}

int
cli_stat(int count, char **arguments)
{
    struct dbio_registry_info info = {.size = sizeof(info)};
    struct dbio_registry_view *view = NULL;
    struct cli_wishes wishes;
    int status = cli_parse(count, arguments, usage, false, &wishes);
    const char *path;
    int error;

    if (status >= 0)
        return status;
    if (wishes.prometheus && wishes.json) {
        fprintf(stderr, "dbio stat: --json and --prometheus are two different answers\n");
        return EXIT_USAGE;
    }
    if (wishes.prometheus)
        return cli_print_prometheus(cli_statistics_path(&wishes));
    path = cli_path(&wishes);
    error = path == NULL ? -ENOENT : dbio_registry_open(path, &view);
    if (error == 0)
        error = dbio_registry_info(view, &info);
    if (error == 0 && wishes.pid != 0 && !is_known(view, &wishes)) {
        fprintf(stderr,
                "dbio stat: process %" PRId32
                " does not use dbio: it is not in %s (dbio stat lists "
                "those that do; dbio doctor says why not)\n",
                wishes.pid, cli_text(path));
        dbio_registry_close(view);
        return EXIT_TROUBLE;
    }
    status = (wishes.json ? print_all_json : print_all_text)(view, &info, &wishes, path, error);
    dbio_registry_close(view);
    return fflush(stdout) != 0 ? EXIT_TROUBLE : status;
}
