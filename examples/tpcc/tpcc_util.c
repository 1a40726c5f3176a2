/*
 * tpcc_util.c - small tools of the harness.
 *
 * Job: time, memory, messages, paths and the wish to stop early. Leaves everything about TPC-C to
 * others. Called from all files of dbio-tpcc. No lock: the output stream is chosen before threads
 * start, the interrupt flag is a sig_atomic_t. Must always hold: what is printed for people never
 * mixes with JSON on stdout.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tpcc_util.h"

static FILE *out_stream;
static volatile sig_atomic_t interrupted;

FILE *
tpcc_out(void)
{
    return out_stream ? out_stream : stdout;
}

void
tpcc_out_set(FILE *stream)
{
    out_stream = stream;
}

void
tpcc_complain(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fprintf(stderr, "dbio-tpcc: %s\n", text);
}

void *
tpcc_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        tpcc_complain("out of memory (%zu bytes)", count * size);
        exit(TPCC_EXIT_FAILED);
    }
    return memory;
}

void *
tpcc_grow(void *old, size_t count, size_t size)
{
    void *memory = reallocarray(old, count, size);
    if (!memory) {
        tpcc_complain("out of memory (%zu bytes)", count * size);
        exit(TPCC_EXIT_FAILED);
    }
    return memory;
}

char *
tpcc_copy_text(const char *text)
{
    size_t length = strlen(text) + 1;
    return memcpy(tpcc_alloc(length, 1), text, length);
}

uint64_t
tpcc_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t
tpcc_wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int
tpcc_format(char *out, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out, size, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < size)
        return 0;
    tpcc_complain("a name is too long: %.80s...", out);
    return -1;
}

int
tpcc_make_directory(const char *path)
{
    char part[TPCC_PATH_MAX];
    if (tpcc_format(part, sizeof(part), "%s", path))
        return -1;
    for (char *slash = part + 1; *slash; slash++) {
        if (*slash != '/')
            continue;
        *slash = '\0';
        if (mkdir(part, 0777) && errno != EEXIST)
            goto failed;
        *slash = '/';
    }
    if (mkdir(part, 0777) && errno != EEXIST)
        goto failed;
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        goto failed;
    }
    return 0;
failed:
    tpcc_complain("cannot make directory %s: %s", path, strerror(errno));
    return -1;
}

void
tpcc_remove_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    rmdir(path);
}

bool
tpcc_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int
tpcc_sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd)) {
        tpcc_complain("cannot sync %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    close(fd);
    return 0;
}

static void
note_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void
tpcc_catch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool
tpcc_interrupted(void)
{
    return interrupted != 0;
}
