/*
 * cli_doctor.c - `dbio doctor`: would the shim work here, and for this command?
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_elf.h"

static const char usage[] =
    "usage: dbio doctor [--dir DIR] [-- COMMAND [ARGUMENT...]]\n"
    "\n"
    "Tells whether the shim can be live here, whether it will be in COMMAND (which is looked at, "
    "not\n"
    "run) and which of its calls it sees, and what this machine refuses. --dir names the "
    "directory\n"
    "of the data; by default the current one.\n"
    "\n"
    "ok       as it should be\n"
    "note     works, with less; what is lost is said\n"
    "problem  the shim would have no effect, or the command would not start\n"
    "\n"
    "Exit status: 0 no problem, 1 a problem, 2 wrong usage.\n";

static unsigned problems;

static void
say(const char *word, const char *subject, const char *text)
{
    if (strcmp(word, "problem") == 0)
        problems++;
    printf("%-8s %s: %s\n", word, subject, text);
}

/* What the preloaded child of check_live() does: is the shim among its mappings? */
int
cli_live(int count, char **arguments)
{
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r");
    bool found = false;

    (void)count;
    (void)arguments;
    while (maps != NULL && !found && fgets(line, sizeof(line), maps) != NULL)
        found = strstr(line, "libdbio-shim.so") != NULL;
    if (maps != NULL)
        (void)fclose(maps);
    return found ? EXIT_SUCCESS : EXIT_TROUBLE;
}

static void
check_live(void)
{
    const char *shim = cli_shim_path();
    int status = -1;
    pid_t child;

    if (shim == NULL) {
        say("problem", "libdbio-shim.so",
            "neither beside this program nor where it was installed; name it in DBIO_SHIM");
        return;
    }
    child = fork();
    if (child == 0) {
        (void)setenv("LD_PRELOAD", shim, 1);
        (void)execl("/proc/self/exe", "dbio", "live", (char *)NULL);
        _exit(EXIT_TROUBLE);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        say("problem", cli_text(shim),
            "cannot be preloaded: is its directory readable and not "
            "mounted noexec?");
    else
        say("ok", cli_text(shim), "can be preloaded");
}

/* Asks the kernel for something that it must refuse for its arguments: `proper` is that refusal;
 * anything else means that it has no such call, or that a filter stands before it. */
static void
check_call(const char *name, long result, const char *proper, const char *lost)
{
    char text[300], refusal[64];

    (void)snprintf(refusal, sizeof(refusal), "%s", cli_last_error());
    if (result >= 0 || strcmp(refusal, proper) == 0) {
        say("ok", name, "works");
        return;
    }
    (void)snprintf(text, sizeof(text), "%s: %s", refusal, lost);
    say("note", name, text);
}

#define CALL_CACHESTAT 451 /* 6.5 */

static void
check_kernel(void)
{
    check_call(
        "cachestat", syscall(CALL_CACHESTAT, -1, NULL, NULL, 0), strerror(EBADF),
        "residency is asked of mincore, which costs more (Linux 6.5 has cachestat; a seccomp "
        "filter may refuse it)");
    check_call("io_uring", syscall(SYS_io_uring_setup, 0, NULL), strerror(EFAULT),
               "programs that want it do without");
    say(access("/proc/self/fd", R_OK) == 0 ? "ok" : "problem", "/proc",
        access("/proc/self/fd", R_OK) == 0
            ? "mounted"
            : "not mounted: O_DIRECT descriptors are opened through it, so all goes buffered");
}

static void
check_shared_memory(void)
{
    char path[4096], text[5000];
    struct dbio_registry_view *view;
    int error;

    if (dbio_registry_path(path, sizeof(path)) != 0) {
        say("note", "registry", "DBIO_REGISTRY=off: requests of other processes are not tracked");
        return;
    }
    error = dbio_registry_open(path, &view);
    if (error == 0)
        dbio_registry_close(view);
    *strrchr(path, '/') = '\0';
    if (error == 0 || (error == -ENOENT && access(path, W_OK | X_OK) == 0)) {
        say("ok", "registry",
            error == 0 ? "requests are tracked across processes"
                       : "will be made when it is needed");
        return;
    }
    (void)snprintf(text, sizeof(text), "%s: %s: each process tracks its own requests only", path,
                   error == -ENOENT ? "may not be written" : dbio_error_text(error));
    say("note", "registry", text);
}

static void
check_limits(void)
{
    struct rlimit limit;
    char text[200];

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    (void)snprintf(
        text, sizeof(text),
        "%llu descriptors; a file that goes direct needs one more: where there is none it "
        "stays buffered",
        (unsigned long long)limit.rlim_cur);
    say(limit.rlim_cur < 1024 ? "note" : "ok", "RLIMIT_NOFILE", text);
}

/* The file that execvp(3) would run. */
static bool
find_program(const char *name, char *path, size_t size)
{
    const char *at = getenv("PATH");

    if (strchr(name, '/') != NULL) {
        (void)snprintf(path, size, "%s", name);
        return access(path, X_OK) == 0;
    }
    for (at = at != NULL ? at : "/usr/bin:/bin"; *at != '\0'; at += *at == ':') {
        size_t length = strcspn(at, ":");

        (void)snprintf(path, size, "%.*s/%s", (int)length, at, name);
        if (access(path, X_OK) == 0)
            return true;
        at += length;
    }
    return false;
}

static void
check_program(const char *path, int depth)
{
    struct stat status;
    struct cli_elf elf;
    char interpreter[256];

    cli_elf_read(path, &elf);
    (void)snprintf(interpreter, sizeof(interpreter), "%s", elf.interpreter);
    if (elf.script && depth < 4) {
        say("note", cli_text(path),
            "is a script: its interpreter and what it starts get the shim "
            "(--programs chooses among them)");
        cli_elf_free(&elf);
        check_program(interpreter, depth + 1);
        return;
    }
    if (stat(path, &status) == 0 && (status.st_mode & (S_ISUID | S_ISGID)) != 0)
        say("problem", cli_text(path), "is setuid or setgid: the loader ignores LD_PRELOAD");
    if (getxattr(path, "security.capability", NULL, 0) > 0)
        say("problem", cli_text(path), "has file capabilities: the loader ignores LD_PRELOAD");
    if (elf.trouble != NULL || elf.foreign || elf.is_static || elf.go)
        problems++;
    cli_elf_free(&elf);
    (void)cli_cover(path, false);
}

int
cli_doctor(int count, char **arguments)
{
    const char *directory = ".";
    char path[4096];
    int i = 1;

    for (; i < count && arguments[i][0] == '-'; i++) {
        if (strcmp(arguments[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            fputs(usage, stdout);
            return fflush(stdout) != 0 ? EXIT_TROUBLE : EXIT_SUCCESS;
        }
        if (strcmp(arguments[i], "--dir") != 0 || i + 1 == count) {
            fprintf(stderr,
                    "dbio doctor: no such option, or its value is missing: '%s' (dbio doctor "
                    "--help)\n",
                    arguments[i]);
            return EXIT_USAGE;
        }
        directory = arguments[++i];
    }
    problems = 0;
    check_live();
    check_kernel();
    check_shared_memory();
    check_limits();
    if (!cli_probe_one(directory, false))
        problems++;
    if (i < count && !find_program(arguments[i], path, sizeof(path)))
        say("problem", cli_text(arguments[i]), "not found, or not executable");
    else if (i < count)
        check_program(path, 0);
    return fflush(stdout) != 0 || problems > 0 ? EXIT_TROUBLE : EXIT_SUCCESS;
}
