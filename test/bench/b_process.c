/*
 * b_process.c - contenders in processes of their own, in a memory cgroup, and nothing left behind.
 *
 * The cgroup stands directly below the mount of the memory controller, v1 or v2, as
 * "dbio-bench-PID"; those of runs that were killed are removed by the next. Children join it before
 * they do anything, so that all that they bring into the page cache is charged to it.
 */
#include "b_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GROUP_PREFIX   "dbio-bench-"
#define SECONDS_MOST   300 /* a child's */
#define FILES_MOST     4
#define REMOVALS_TRIED 200

static const char *doomed[FILES_MOST];
static volatile sig_atomic_t doomed_count;
static char group[1200];
static volatile pid_t child;
static bool is_child;

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

/* A cgroup is busy for an instant after its last process has ended. */
static void
remove_group(void)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    int i;

    for (i = 0; i < REMOVALS_TRIED && group[0] != '\0'; i++) {
        if (rmdir(group) == 0 || errno != EBUSY)
            group[0] = '\0';
        else
            (void)nanosleep(&pause, NULL);
    }
}

void
b_clean_up(void)
{
    int error = errno;

    if (child > 0) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        child = 0;
    }
    while (doomed_count > 0)
        (void)unlink(doomed[--doomed_count]);
    remove_group();
    errno = error;
}

void __attribute__((noreturn)) b_fail(const char *what, int error)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(error));
    if (is_child)
        _exit(1);
    b_clean_up();
    exit(1);
}

static void
end_by(int number)
{
    b_clean_up();
    (void)raise(number); /* the handler was reset: this ends the process */
}

void
b_catch_signals(void)
{
    struct sigaction action = {.sa_handler = end_by, .sa_flags = (int)SA_RESETHAND};
    size_t i;

    for (i = 0; i < SIGNALS; i++)
        (void)sigaction(signals[i], &action, NULL);
}

void
b_remove_at_end(const char *path)
{
    if (doomed_count == FILES_MOST)
        b_fail(path, ENOSPC);
    doomed[doomed_count] = path;
    doomed_count++;
}

static int
write_word(const char *folder, const char *name, const char *word)
{
    char path[1400];
    int fd, error = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, word, strlen(word)) < 0)
        error = -errno;
    (void)close(fd);
    return error;
}

/* v2 names what it controls in a file. */
static bool
controls_memory(const char *mount)
{
    char path[1400], line[512] = "";
    FILE *list;

    (void)snprintf(path, sizeof(path), "%s/cgroup.controllers", mount);
    list = fopen(path, "re");
    if (list == NULL)
        return false;
    if (fgets(line, sizeof(line), list) == NULL)
        line[0] = '\0';
    (void)fclose(list);
    return strstr(line, "memory") != NULL;
}

/* Where the memory controller is mounted; 0: nowhere, else its version. */
static int
find_mount(char mount[1024])
{
    char line[4096], type[64], options[1024];
    FILE *mounts = fopen("/proc/self/mounts", "re");
    int version = 0;

    while (mounts != NULL && version == 0 && fgets(line, sizeof(line), mounts) != NULL) {
        if (sscanf(line, "%*s %1023s %63s %1023s", mount, type, options) != 3)
            continue;
        if (strcmp(type, "cgroup") == 0 && strstr(options, "memory") != NULL)
            version = 1;
        else if (strcmp(type, "cgroup2") == 0 && controls_memory(mount))
            version = 2;
    }
    if (mounts != NULL)
        (void)fclose(mounts);
    return version;
}

/* Groups of runs that are no more; rmdir refuses those with processes in them, and one that is about
 * to get its first process has a live maker. */
static void
remove_leftovers(const char *mount)
{
    DIR *folder = opendir(mount);
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const char *maker = entry->d_name + strlen(GROUP_PREFIX);

        if (strncmp(entry->d_name, GROUP_PREFIX, strlen(GROUP_PREFIX)) == 0 &&
            kill((pid_t)atoi(maker), 0) != 0)
            (void)unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
    }
    if (folder != NULL)
        (void)closedir(folder);
}

static const char *
refused(const char *what, int error)
{
    static char why[1600];

    (void)snprintf(why, sizeof(why), "%s: %s", what, strerror(-error));
    return why;
}

const char *
b_group_make(size_t bytes, int *version)
{
    char mount[1024], word[32];
    int error;

    *version = find_mount(mount);
    if (*version == 0)
        return "no memory controller of cgroup v1 or v2 is mounted";
    remove_leftovers(mount);
    if (*version == 2)
        (void)write_word(mount, "cgroup.subtree_control", "+memory");
    (void)snprintf(group, sizeof(group), "%s/" GROUP_PREFIX "%d", mount, (int)getpid());
    if (mkdir(group, 0755) != 0) {
        error = -errno;
        group[0] = '\0';
        return refused(mount, error);
    }
    (void)snprintf(word, sizeof(word), "%zu", bytes);
    error = write_word(group, *version == 2 ? "memory.max" : "memory.limit_in_bytes", word);
    if (error != 0) {
        remove_group();
        return refused("a memory limit", error);
    }
    if (*version == 2) /* the limit is on memory, not on swap */
        (void)write_word(group, "memory.swap.max", "0");
    else
        (void)write_word(group, "memory.swappiness", "0");
    return NULL;
}

void *
b_shared_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        b_fail("mmap", errno);
    return memory;
}

static void __attribute__((noreturn))
be_child(void (*body)(void *), void *argument, const sigset_t *before)
{
    size_t i;
    int error;

    is_child = true;
    for (i = 0; i < SIGNALS; i++)
        (void)signal(signals[i], SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, before, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)alarm(SECONDS_MOST);
    error = group[0] == '\0' ? 0 : write_word(group, "cgroup.procs", "0");
    if (error != 0)
        b_fail("joining the cgroup", -error);
    body(argument);
    _exit(0);
}

bool
b_run(void (*body)(void *argument), void *argument)
{
    sigset_t all, before;
    int status = 0;
    pid_t pid;

    (void)fflush(NULL);
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before); /* until the handler knows the child */
    pid = fork();
    if (pid == 0)
        be_child(body, argument, &before);
    child = pid;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        b_fail("fork", errno);
    while (waitpid(pid, &status, 0) != pid)
        if (errno != EINTR)
            b_fail("waitpid", errno);
    child = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

pid_t
b_start_program(char *const arguments[], int *output)
{
    int ends[2], null;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        b_fail("pipe", errno);
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)execvp(arguments[0], arguments);
        _exit(127);
    }
    if (pid < 0)
        b_fail("fork", errno);
    (void)close(ends[1]);
    *output = ends[0];
    return pid;
}
