/*
 * cli_run.c - `dbio run`: a command under the shim; `dbio off` and `dbio on`.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

#define CONF_BYTES 8192

static const char usage[] =
    "usage: dbio run [options] -- COMMAND [ARGUMENT...]\n"
    "\n"
    "Runs COMMAND with libdbio-shim.so preloaded: its file I/O goes through dbio, and so does "
    "that\n"
    "of the programs it starts. Without --stats-json the command takes this process's place.\n"
    "\n"
    "  --mode MODE         auto (default): page cache, large requests direct; direct: O_DIRECT\n"
    "                      except for what is cached; buffered; off: nothing is done at all\n"
    "  --policy FILE       rules by path: \"PATTERN mode:MODE,role:ROLE\" a line (man dbio-run)\n"
    "  --programs A,B      only in programs of these names\n"
    "  --conf KEY:VALUE,.. more of DBIO_CONF\n"
    "  --statistics FILE   count there instead of /dev/shm/dbio-UID.statistics\n"
    "  --stats-json FILE   wait for the command, then write there what it and its children did\n"
    "  --help              this text\n"
    "\n"
    "dbio doctor -- COMMAND tells beforehand what will come of it; dbio stat, top and why look at "
    "it\n"
    "while it runs; dbio off sends it through the page cache.\n"
    "\n"
    "Exit status: the command's (128 + N if signal N ended it); 127 not found, 126 not runnable;\n"
    "1 a file named here cannot be used; 2 wrong usage.\n";

struct run_wishes {
    const char *mode, *policy, *programs, *conf, *statistics, *stats_json;
};

static const char *const modes[] = {"auto", "direct", "buffered", "dontcache", "off", NULL};

static int
refuse(const char *what, const char *value)
{
    fprintf(stderr, "dbio run: %s: '%s' (dbio run --help)\n", what, value);
    return EXIT_USAGE;
}

static bool
is_mode(const char *text)
{
    size_t i;

    for (i = 0; modes[i] != NULL; i++)
        if (strcmp(modes[i], text) == 0)
            return true;
    return false;
}

static int
parse(int count, char **arguments, struct run_wishes *wishes)
{
    static const struct option all[] = {
        {"help", no_argument, NULL, 'h'},
        {"mode", required_argument, NULL, 'm'},
        {"policy", required_argument, NULL, 'p'},
        {"programs", required_argument, NULL, 'g'},
        {"conf", required_argument, NULL, 'c'},
        {"statistics", required_argument, NULL, 's'},
        {"stats-json", required_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    int option;

    optind = 1;
    opterr = 0;
    while ((option = getopt_long(count, arguments, "+h", all, NULL)) != -1) {
        switch (option) {
        case 'h':
            fputs(usage, stdout);
            return fflush(stdout) != 0 ? EXIT_TROUBLE : EXIT_SUCCESS;
        case 'm':
            wishes->mode = optarg;
            if (!is_mode(optarg))
                return refuse("--mode: auto, direct, buffered, dontcache or off", optarg);
            break;
        case 'p':
            wishes->policy = optarg;
            break;
        case 'g':
            wishes->programs = optarg;
            break;
        case 'c':
            wishes->conf = optarg;
            break;
        case 's':
            wishes->statistics = optarg;
            break;
        case 'j':
            wishes->stats_json = optarg;
            break;
        default:
            return refuse("no such option, or its value is missing", arguments[optind - 1]);
        }
    }
    return optind < count ? -1 : refuse("no command", "");
}

/* An absolute path without what separates settings; NULL, having said why. */
static char *
resolve(const char *what, const char *path)
{
    char *real = realpath(path, NULL);
    struct stat status;

    if (real == NULL || access(real, R_OK) != 0 || stat(real, &status) != 0) {
        fprintf(stderr, "dbio run: %s %s: %s\n", what, path, cli_last_error());
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        fprintf(stderr, "dbio run: %s %s: not a regular file\n", what, path);
        return NULL;
    }
    if (strpbrk(real, ",") != NULL) {
        fprintf(stderr, "dbio run: %s %s: a comma cannot be in its name\n", what, real);
        return NULL;
    }
    return real;
}

/* Adds "key:value" or several to the settings. */
static bool
add(char conf[CONF_BYTES], const char *key, const char *value)
{
    size_t used = strlen(conf);
    int more = snprintf(conf + used, CONF_BYTES - used, "%s%s%s%s", used > 0 ? "," : "", key,
                        key[0] != '\0' ? ":" : "", value);

    return more >= 0 && (size_t)more < CONF_BYTES - used;
}

static int
set_environment(const struct run_wishes *wishes)
{
    const char *before = getenv("DBIO_CONF"), *preload = getenv("LD_PRELOAD");
    const char *shim = cli_shim_path();
    char conf[CONF_BYTES] = "", libraries[CONF_BYTES];
    char *policy = wishes->policy != NULL ? resolve("policy", wishes->policy) : NULL;

    if (shim == NULL) {
        fputs(
            "dbio run: libdbio-shim.so is neither beside this program nor where it was installed; "
            "name it in DBIO_SHIM\n",
            stderr);
        return EXIT_TROUBLE;
    }
    if (wishes->policy != NULL && policy == NULL)
        return EXIT_TROUBLE;
    /* A later setting counts: what is asked for here over what was there. */
    if ((before != NULL && before[0] != '\0' && !add(conf, "", before)) ||
        (wishes->conf != NULL && !add(conf, "", wishes->conf)) ||
        (wishes->mode != NULL && !add(conf, "mode", wishes->mode)) ||
        (policy != NULL && !add(conf, "policy", policy)))
        return refuse("settings are too long", conf);
    (void)snprintf(libraries, sizeof(libraries), "%s%s%s", shim, preload != NULL ? ":" : "",
                   preload != NULL ? preload : "");
    (void)setenv("LD_PRELOAD", libraries, 1);
    (void)setenv("DBIO_CONF", conf, 1);
    if (wishes->programs != NULL)
        (void)setenv("DBIO_PROGRAMS", wishes->programs, 1);
    if (wishes->statistics != NULL)
        (void)setenv("DBIO_STATISTICS", wishes->statistics, 1);
    return -1;
}

static int
execute(char **command)
{
    bool missing;

    (void)execvp(command[0], command);
    fprintf(stderr, "dbio run: %s: %s\n", command[0], cli_last_error());
    missing = access(command[0], F_OK) != 0;
    return missing ? 127 : 126;
}

static volatile sig_atomic_t child_pid;

/* What ends this process shall end the command. */
static void
pass_on(int signal)
{
    if (child_pid > 0)
        (void)kill((pid_t)child_pid, signal);
}

static int
wait_for(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) != child)
        ;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool
write_counts(const char *target, const char *statistics)
{
    FILE *saved = stdout, *out = fopen(target, "w");
    bool written;

    if (out == NULL) {
        fprintf(stderr, "dbio run: %s: %s\n", target, cli_last_error());
        return false;
    }
    stdout = out;
    cli_print_json_counts(statistics, 0);
    putchar('\n');
    stdout = saved;
    written = fclose(out) == 0;
    if (!written)
        fprintf(stderr, "dbio run: %s: %s\n", target, cli_last_error());
    return written;
}

/* Runs the command as a child that counts in a file of its own. */
static int
run_and_report(const struct run_wishes *wishes, char **command)
{
    const struct sigaction action = {.sa_handler = pass_on};
    char statistics[64];
    int status;
    pid_t child;

    (void)snprintf(statistics, sizeof(statistics), "/dev/shm/dbio-run-%d.statistics",
                   (int)getpid());
    if (wishes->statistics == NULL)
        (void)setenv("DBIO_STATISTICS", statistics, 1);
    child = fork();
    if (child < 0) {
        fprintf(stderr, "dbio run: fork: %s\n", cli_last_error());
        return EXIT_TROUBLE;
    }
    if (child == 0)
        _exit(execute(command));
    child_pid = child;
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    (void)signal(SIGINT, SIG_IGN); /* the terminal sends it to the command, too */
    (void)signal(SIGQUIT, SIG_IGN);
    status = wait_for(child);
    if (!write_counts(wishes->stats_json,
                      wishes->statistics != NULL ? wishes->statistics : statistics) &&
        status == 0)
        status = EXIT_TROUBLE;
    if (wishes->statistics == NULL)
        (void)unlink(statistics);
    return status;
}

int
cli_run(int count, char **arguments)
{
    struct run_wishes wishes = {.mode = NULL};
    int status = parse(count, arguments, &wishes);

    if (status < 0)
        status = set_environment(&wishes);
    if (status >= 0)
        return status;
    return wishes.stats_json != NULL ? run_and_report(&wishes, arguments + optind)
                                     : execute(arguments + optind);
}

static const char switch_usage[] =
    "usage: dbio off|on [--statistics FILE] [PID]\n"
    "\n"
    "off: requests that begin from now on go through the page cache, still tracked, in process "
    "PID\n"
    "or in all that dbio stat lists, and in those that come later. on: they go as before.\n"
    "\n"
    "Exit status: 0 done, 1 no such process or nothing is counted there, 2 wrong usage.\n";

int
cli_switch(int count, char **arguments)
{
    bool on = strcmp(arguments[0], "on") == 0;
    struct cli_wishes wishes;
    int status = cli_parse(count, arguments, switch_usage, false, &wishes);
    const char *path;
    int error;

    if (status >= 0)
        return status;
    path = cli_statistics_path(&wishes);
    error = path == NULL ? -ENOENT : dbio_statistics_switch(path, wishes.pid, on);
    if (error == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "dbio %s: %s: %s\n", arguments[0], path != NULL ? path : "DBIO_STATISTICS=off",
            dbio_error_text(error));
    return EXIT_TROUBLE;
}
