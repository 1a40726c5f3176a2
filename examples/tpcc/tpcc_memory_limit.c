/*
 * tpcc_memory_limit.c - run inside a private memory cgroup.
 *
 * Job: make the page cache small without a small machine. Called around a run, by one thread.
 * No lock. Must always hold: the process is back in its old group and the private one is gone
 * when the run is over; a group that a killed run left behind is removed by the next.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tpcc_environment.h"
#include "tpcc_util.h"

#define GROUP_PREFIX "dbio-tpcc-"

struct tpcc_memory_limit {
    char old_group[TPCC_PATH_MAX];
    char group[TPCC_PATH_MAX + 64];
};

static int
write_file(const char *group, const char *name, const char *text)
{
    char path[TPCC_PATH_MAX + 128];
    if (tpcc_format(path, sizeof(path), "%s/%s", group, name))
        return -1;
    FILE *stream = fopen(path, "we");
    if (!stream)
        return -1;
    bool failed = fputs(text, stream) < 0;
    if (fclose(stream))
        failed = true;
    return failed ? -1 : 0;
}

/* Where the memory controller is mounted: v2 lists it among the root's controllers. */
static bool
find_mount(char *mount, size_t size, bool *v2)
{
    char line[4096];
    bool found = false;
    FILE *stream = fopen("/proc/self/mounts", "re");
    while (stream && !found && fgets(line, sizeof(line), stream)) {
        char point[1024], type[32], options[512], path[1100], controllers[256] = "";
        if (sscanf(line, "%*s %1023s %31s %511s", point, type, options) != 3)
            continue;
        if (strcmp(type, "cgroup") == 0 && strstr(options, "memory")) {
            *v2 = false;
            found = true;
        } else if (strcmp(type, "cgroup2") == 0) {
            snprintf(path, sizeof(path), "%s/cgroup.controllers", point);
            FILE *list = fopen(path, "re");
            if (list && fgets(controllers, sizeof(controllers), list))
                found = strstr(controllers, "memory") != NULL;
            if (list)
                fclose(list);
            *v2 = true;
        }
        if (found && tpcc_format(mount, size, "%s", point))
            found = false;
    }
    if (stream)
        fclose(stream);
    return found;
}

/* This process's group below the mount: "0::/path" in v2, "N:memory:/path" in v1. */
static void
find_old_group(const char *mount, bool v2, char *group, size_t size)
{
    char line[4096];
    snprintf(group, size, "%s", mount);
    FILE *stream = fopen("/proc/self/cgroup", "re");
    while (stream && fgets(line, sizeof(line), stream)) {
        char *path = strchr(line, '/');
        line[strcspn(line, "\n")] = '\0';
        if (path && (v2 ? strncmp(line, "0::", 3) == 0 : strstr(line, ":memory:") != NULL))
            snprintf(group, size, "%s%s", mount, path);
    }
    if (stream)
        fclose(stream);
    if (!tpcc_file_exists(group))
        snprintf(group, size, "%s", mount);
}

/* rmdir refuses groups that still have processes, so running tests are safe. */
static void
remove_leftovers(const char *mount)
{
    DIR *directory = opendir(mount);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strncmp(entry->d_name, GROUP_PREFIX, strlen(GROUP_PREFIX)) == 0)
            unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
    if (directory)
        closedir(directory);
}

static bool
enter_group(struct tpcc_memory_limit *limit, const char *mount, bool v2, int megabytes)
{
    char text[32];
    if (v2 && write_file(mount, "cgroup.subtree_control", "+memory"))
        return false;
    if (tpcc_format(limit->group, sizeof(limit->group), "%s/" GROUP_PREFIX "%d", mount,
                    (int)getpid()))
        return false;
    if (mkdir(limit->group, 0755))
        return false;
    snprintf(text, sizeof(text), "%lld", megabytes * 1048576LL);
    if (!write_file(limit->group, v2 ? "memory.max" : "memory.limit_in_bytes", text)) {
        snprintf(text, sizeof(text), "%d", (int)getpid());
        if (!write_file(limit->group, "cgroup.procs", text))
            return true;
    }
    int error = errno;
    rmdir(limit->group);
    errno = error;
    return false;
}

struct tpcc_memory_limit *
tpcc_memory_limit_enter(int megabytes)
{
    char mount[1024];
    bool v2 = false;
    if (geteuid() != 0) {
        tpcc_complain("--memory-limit makes a memory cgroup and needs root");
        return NULL;
    }
    if (!find_mount(mount, sizeof(mount), &v2)) {
        tpcc_complain("--memory-limit: no memory controller of cgroup v1 or v2 is mounted");
        return NULL;
    }
    remove_leftovers(mount);
    struct tpcc_memory_limit *limit = tpcc_alloc(1, sizeof(*limit));
    find_old_group(mount, v2, limit->old_group, sizeof(limit->old_group));
    if (enter_group(limit, mount, v2, megabytes))
        return limit;
    tpcc_complain("--memory-limit: cannot use a group below %s: %s", mount, strerror(errno));
    free(limit);
    return NULL;
}

void
tpcc_memory_limit_leave(struct tpcc_memory_limit *limit)
{
    char text[32];
    if (!limit)
        return;
    snprintf(text, sizeof(text), "%d", (int)getpid());
    if (write_file(limit->old_group, "cgroup.procs", text))
        tpcc_complain("cannot leave the memory cgroup: %s", strerror(errno));
    else if (rmdir(limit->group))
        tpcc_complain("cannot remove %s: %s", limit->group, strerror(errno));
    free(limit);
}
