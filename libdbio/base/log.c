/*
 * log.c - log lines on standard error.
 *
 * Job:       read DBIO_LOG once, put a line together, write it in one piece.
 * Not its:   deciding what is worth a line; files, rotation, time stamps.
 * Callers:   every room, by the macro dbio_log.
 * Lock:      none: one write(2) per line keeps lines whole; the level is one word.
 * Invariant: a line is at most 512 bytes and ends with a newline; nothing is allocated.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 512

int dbio__log_level_now = DBIO_LOG_UNREAD;

static const char *const level_names[] = {
    [DBIO_LOG_NONE] = "none", [DBIO_LOG_ERROR] = "error", [DBIO_LOG_WARN] = "warn",
    [DBIO_LOG_INFO] = "info", [DBIO_LOG_TRACE] = "trace",
};

#define LEVELS ((int)(sizeof(level_names) / sizeof(level_names[0])))

static int
read_level(void)
{
    const char *wanted = getenv("DBIO_LOG");

    for (int level = 0; wanted != NULL && level < LEVELS; level++) {
        if (strcmp(wanted, level_names[level]) == 0)
            return level;
    }
    return DBIO_LOG_NONE;
}

void
dbio__log_start(void)
{
    int unread = DBIO_LOG_UNREAD;

    /* Only the first reader's word counts: a level that a test has set stays. */
    (void)__atomic_compare_exchange_n(&dbio__log_level_now, &unread, read_level(), false,
                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Adds text to `line`, of which `used` bytes are filled; the new number of bytes, which leaves
 * room for a newline. */
static size_t DBIO_PRINTF(3, 0)
    append_text(char line[LINE_BYTES], size_t used, const char *format, va_list values)
{
    int added = vsnprintf(line + used, LINE_BYTES - used, format, values);
    size_t room = LINE_BYTES - 1 - used;

    if (added < 0)
        return used;
    return used + ((size_t)added < room ? (size_t)added : room);
}

static void
write_line(const char *line, size_t length)
{
    int state;
    ssize_t written;

    /* write(2) is a cancellation point, a request of dbio's is not. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    written = write(STDERR_FILENO, line, length);
    (void)written; /* there is nowhere to complain */
    (void)pthread_setcancelstate(state, &state);
}

void
dbio__log_line(enum dbio_log_level level, const char *format, ...)
{
    char line[LINE_BYTES];
    size_t used;
    va_list values;

    dbio__log_start();
    if (__atomic_load_n(&dbio__log_level_now, __ATOMIC_RELAXED) < (int)level)
        return;
    used = (size_t)snprintf(line, sizeof(line), "dbio[%d] %s: ", (int)getpid(), level_names[level]);
    va_start(values, format);
    used = append_text(line, used, format, values);
    va_end(values);
    line[used] = '\n';
    write_line(line, used + 1);
}
