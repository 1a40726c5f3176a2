/*
 * cli_words.c - ages, names and JSON: how the commands put things.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/cli.h"

#define ROOMS 8
#define ROOM  4096 /* a path */
#define NAMES 64

/* The next of a few places for a short text. */
static char *
take_room(void)
{
    static char rooms[ROOMS][ROOM];
    static unsigned next;

    return rooms[next++ % ROOMS];
}

const char *
cli_last_error(void)
{
    return strerror(errno);
}

const char *
cli_shim_path(void)
{
    static const char *const places[] = {"../shim/libdbio-shim.so", DBIO_SHIM_FROM_HERE};
    static char path[ROOM];
    const char *wish = getenv("DBIO_SHIM");
    char self[ROOM];
    ssize_t length;
    size_t i;

    if (wish != NULL)
        return access(wish, R_OK) == 0 ? wish : NULL;
    length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length <= 0)
        return NULL;
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char place[ROOM + 64];

        (void)snprintf(place, sizeof(place), "%s/%s", self, places[i]);
        if (realpath(place, path) != NULL)
            return path;
    }
    return NULL;
}

const char *
cli_age(uint64_t ns)
{
    char *room = take_room();
    double seconds = (double)ns / 1e9;

    if (seconds < 1)
        snprintf(room, ROOM, "%.0f ms", seconds * 1e3);
    else if (seconds < 100)
        snprintf(room, ROOM, "%.1f s", seconds);
    else if (seconds < 6000)
        snprintf(room, ROOM, "%.0f min", seconds / 60);
    else
        snprintf(room, ROOM, "%.0f h", seconds / 3600);
    return room;
}

const char *
cli_text(const char *text)
{
    char *room = take_room();
    size_t i;

    for (i = 0; text[i] != '\0' && i < ROOM - 1; i++)
        room[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    room[i] = '\0';
    return room;
}

void
cli_print_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f) /* bytes, not text: a name need not be UTF-8 */
            fprintf(out, "\\u%04x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

char
cli_process_state(int32_t pid)
{
    char path[64], text[512], *after;
    ssize_t length;
    int fd;

    snprintf(path, sizeof(path), "/proc/%" PRId32 "/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return '?';
    length = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (length <= 0)
        return '?';
    text[length] = '\0';
    after = strrchr(text, ')'); /* the name before it may hold anything (proc(5)) */
    return after != NULL && after[1] == ' ' ? after[2] : '?';
}

static bool
is_same_file(int directory, const char *name, const struct dbio_registry_request *request)
{
    struct stat status;

    return fstatat(directory, name, &status, 0) == 0 && status.st_ino == request->inode &&
           ((uint64_t)major(status.st_dev) << 32 | minor(status.st_dev)) == request->device;
}

/* A name of the file from the process's descriptors, in `name` of ROOM bytes; false: none. */
static bool
find_name(const struct dbio_registry_request *request, int32_t pid, char *name)
{
    struct dirent *entry;
    ssize_t length = -1;
    char path[64];
    DIR *directory;

    snprintf(path, sizeof(path), "/proc/%" PRId32 "/fd", pid);
    directory = opendir(path);
    while (directory != NULL && length <= 0 && (entry = readdir(directory)) != NULL)
        if (is_same_file(dirfd(directory), entry->d_name, request))
            length = readlinkat(dirfd(directory), entry->d_name, name, ROOM - 1);
    if (directory != NULL)
        closedir(directory);
    if (length <= 0)
        return false;
    name[length] = '\0';
    return true;
}

/* Names that were found lately: a process may have many requests on one file, and many
 * descriptors. */
static struct known {
    uint64_t device, inode; /* inode 0: empty */
    char name[ROOM];
} names[NAMES];

void
cli_forget_names(void)
{
    size_t i;

    for (i = 0; i < NAMES; i++)
        names[i].inode = 0;
}

const char *
cli_file_name(const struct dbio_registry_request *request, int32_t pid)
{
    struct known *known = &names[(request->inode ^ request->device) % NAMES];
    char *room;

    if (request->inode == 0)
        return "one of several";
    if (known->inode == request->inode && known->device == request->device)
        return known->name;
    if (find_name(request, pid, known->name)) {
        known->inode = request->inode;
        known->device = request->device;
        return known->name;
    }
    known->inode = 0;
    room = take_room();
    snprintf(room, ROOM, "%u:%u:%" PRIu64, (unsigned)(request->device >> 32),
             (unsigned)request->device, request->inode);
    return room;
}

bool
cli_process_of(const struct dbio_registry_view *view, const struct dbio_registry_request *request,
               struct dbio_registry_process *process)
{
    *process = (struct dbio_registry_process){.size = sizeof(*process)};
    return dbio_registry_process(view, request->process, process) == 0;
}

const char *
cli_request_state(const struct dbio_registry_request *request,
                  const struct dbio_registry_process *process)
{
    if (!process->alive)
        return "dead";
    if (cli_process_state(process->pid) == 'T')
        return "stopped";
    return request->waiting ? "waiting" : "running";
}

void
cli_print_json_request(FILE *out, const struct dbio_registry_view *view,
                       const struct dbio_registry_request *request)
{
    struct dbio_registry_process process;

    (void)cli_process_of(view, request, &process);
    fputs("{\"file\": ", out);
    cli_print_json_string(out, cli_file_name(request, process.pid));
    fprintf(out,
            ", \"device\": \"%u:%u\", \"inode\": %" PRIu64 ", \"begin\": %" PRIu64 ", \"end\": ",
            (unsigned)(request->device >> 32), (unsigned)request->device, request->inode,
            request->begin);
    if (request->end == UINT64_MAX)
        fputs("null", out);
    else
        fprintf(out, "%" PRIu64, request->end);
    fprintf(out,
            ", \"class\": \"%s\", \"state\": \"%s\", \"age_ns\": %" PRIu64 ", \"ticket\": %" PRIu64
            ", \"waiters\": %u, \"pid\": %" PRId32 ", \"program\": ",
            dbio_class_name(request->io_class), cli_request_state(request, &process),
            request->age_ns, request->ticket, request->waiters, process.pid);
    cli_print_json_string(out, process.program);
    fputc('}', out);
}
