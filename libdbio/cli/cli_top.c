/*
 * cli_top.c - `dbio top`: what is outstanding, live.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

static const char usage[] =
    "usage: dbio top [--all] [--interval S] [--count N] [--json] [--registry FILE] [PID]\n"
    "\n"
    "Shows outstanding direct I/O, the oldest first, again and again: and whatever is waited for\n"
    "or waits. Ctrl-C ends it.\n"
    "\n"
    "  --all            buffered requests too\n"
    "  --interval S     seconds between two looks, 0.05 to 3600; default 1\n"
    "  --count N        looks; default: until Ctrl-C\n"
    "  --json           one JSON object per look, on a line of its own\n"
    "  --registry FILE  instead of what DBIO_REGISTRY names, by default /dev/shm/dbio-UID\n"
    "  --help           this text\n"
    "\n"
    "AGE      since the request was announced (to a timer tick, 1 to 10 ms)\n"
    "STATE    running; waiting for others; stopped: its process is (SIGSTOP); dead: its process\n"
    "         is, and the next one that waits for it withdraws it\n"
    "CLASS    direct or buffered, read or write; exclusive: truncate, punch, map and the like\n"
    "RANGE    bytes of the file, whole pages\n"
    "WAITERS  requests that wait for this one\n"
    "PID      its process, 0 if that is gone; PROGRAM its name\n"
    "FILE     one of its names; else major:minor:inode; or \"one of several\", where so many "
    "files\n"
    "         are open that they share a place\n"
    "\n"
    "Exit status: 0 ended by Ctrl-C or --count, 1 the registry is refused or cannot be read, 2\n"
    "wrong usage.\n";

static volatile sig_atomic_t ended;

static void
end(int number)
{
    (void)number;
    ended = 1;
}

static bool
is_wanted(const struct cli_wishes *wishes, const struct dbio_registry_request *request, int32_t pid)
{
    bool buffered = request->io_class == DBIO_CLASS_BUFFERED_READ ||
                    request->io_class == DBIO_CLASS_BUFFERED_WRITE;

    return (wishes->pid == 0 || wishes->pid == pid) &&
           (wishes->all || !buffered || request->waiting || request->waiters > 0);
}

static void
print_range(const struct dbio_registry_request *request)
{
    if (request->end == UINT64_MAX)
        printf("%14" PRIu64 " + %-10s", request->begin, "to the end");
    else
        printf("%14" PRIu64 " + %-10" PRIu64, request->begin, request->end - request->begin);
}

static void
print_text(const struct dbio_registry_view *view, const struct cli_wishes *wishes)
{
    struct dbio_registry_request request = {.size = sizeof(request)};
    struct dbio_registry_info info = {.size = sizeof(info)};
    struct dbio_registry_process process;
    unsigned i;

    if (isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout);
    if (dbio_registry_info(view, &info) == 0)
        printf("processes %u (%u dead), files %u, outstanding %u, retired %" PRIu64
               ", orphans %" PRIu64 "\n",
               info.processes, info.dead, info.files, info.requests, info.retired, info.orphans);
    printf("%9s %-8s %-14s %27s %7s %8s %-15s %s\n", "AGE", "STATE", "CLASS", "RANGE", "WAITERS",
           "PID", "PROGRAM", "FILE");
    for (i = 0; dbio_registry_request(view, i, &request) == 0; i++) {
        (void)cli_process_of(view, &request, &process);
        if (!is_wanted(wishes, &request, process.pid))
            continue;
        printf("%9s %-8s %-14s ", cli_age(request.age_ns), cli_request_state(&request, &process),
               dbio_class_name(request.io_class));
        print_range(&request);
        printf(" %7u %8" PRId32 " %-15.15s %s\n", request.waiters, process.pid,
               cli_text(process.program), cli_text(cli_file_name(&request, process.pid)));
    }
}

static void
print_json(const struct dbio_registry_view *view, const struct cli_wishes *wishes)
{
    struct dbio_registry_request request = {.size = sizeof(request)};
    struct dbio_registry_process process;
    const char *separator = "";
    unsigned i;

    printf("{\"time\": %lld, \"requests\": [", (long long)time(NULL));
    for (i = 0; dbio_registry_request(view, i, &request) == 0; i++) {
        (void)cli_process_of(view, &request, &process);
        if (!is_wanted(wishes, &request, process.pid))
            continue;
        fputs(separator, stdout);
        cli_print_json_request(stdout, view, &request);
        separator = ", ";
    }
    fputs("]}\n", stdout);
}

/* A signal cuts it short, also one that comes between the question and the sleep. */
static void
pause_for(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    sigset_t ending, before;

    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGINT);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ending, &before);
    if (!ended)
        (void)ppoll(NULL, 0, &time, &before);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

static int
watch(struct dbio_registry_view *view, const struct cli_wishes *wishes)
{
    long looks;
    int error = 0;

    for (looks = 1; !ended && error == 0; looks++) {
        (wishes->json ? print_json : print_text)(view, wishes);
        if (fflush(stdout) != 0)
            return EXIT_TROUBLE;
        if (looks == wishes->count)
            break;
        pause_for(wishes->interval);
        cli_forget_names();
        if (!ended)
            error = dbio_registry_refresh(view);
    }
    if (error != 0)
        fprintf(stderr, "dbio top: the registry cannot be read any more: %s\n",
                dbio_error_text(error));
    return error != 0 ? EXIT_TROUBLE : EXIT_SUCCESS;
}

int
cli_top(int count, char **arguments)
{
    struct sigaction action = {.sa_handler = end};
    struct dbio_registry_view *view = NULL;
    struct cli_wishes wishes;
    int status = cli_parse(count, arguments, usage, true, &wishes);
    const char *path;
    int error;

    if (status >= 0)
        return status;
    path = cli_path(&wishes);
    error = path == NULL ? -ENOENT : dbio_registry_open(path, &view);
    if (error != 0)
        return cli_print_trouble(path, error, wishes.json);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    status = watch(view, &wishes);
    dbio_registry_close(view);
    return status;
}
