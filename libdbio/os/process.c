/*
 * process.c - what /proc tells of a process.
 *
 * Job:       read one line and find two of its fields.
 * Not its:   judging who is dead for the protocol: os/registry.c has the proof.
 * Callers:   engine/notice.c, engine/census.c.
 * Lock:      none.
 * Invariant: errno is left alone.
 */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/open.h"
#include "os/sys.h"

/* The whole of a small file of /proc; its length, or -errno. */
static ssize_t
read_small(const char *path, char *text, size_t size)
{
    int fd = dbio__open(path, O_RDONLY, 0);
    ssize_t count;

    if (fd < 0)
        return fd;
    do
        count = dbio__sys_pread(fd, text, size - 1, 0);
    while (count == -EINTR);
    (void)dbio__close(fd);
    if (count >= 0)
        text[count] = '\0';
    return count;
}

uint64_t
dbio__process_start(pid_t pid)
{
    char path[40], text[512], *field;
    ssize_t count;
    int i;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    count = read_small(path, text, sizeof(text));
    if (count == -ENOENT || count == -ESRCH)
        return 0;
    /* "pid (name) state ppid ...": the name may hold anything; field 22 is the start. proc(5) */
    field = count > 0 ? strrchr(text, ')') : NULL;
    if (field == NULL || field[1] != ' ')
        return UINT64_MAX;
    field += 2;
    if (*field == 'Z' || *field == 'X')
        return 0;
    for (i = 3; i < 22 && field != NULL; i++) {
        field = strchr(field, ' ');
        field += field != NULL ? 1 : 0;
    }
    return field != NULL ? strtoull(field, NULL, 10) : UINT64_MAX;
}
