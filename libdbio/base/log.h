/*
 * log.h - levelled log lines; off unless DBIO_LOG=error|warn|info|trace is in the
 * environment. One write(2) to standard error per line, cut at 512 bytes.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <limits.h>

#include "base/compiler.h"

enum dbio_log_level {
    DBIO_LOG_NONE = 0,
    DBIO_LOG_ERROR,
    DBIO_LOG_WARN,
    DBIO_LOG_INFO,
    DBIO_LOG_TRACE
};

/* The level in force. Read from the environment on first use; set by tests. A relaxed word:
 * a thread that sees an old level logs a line more or less. */
#define DBIO_LOG_UNREAD INT_MAX
extern int dbio__log_level_now;
/* Reads the environment unless the level is set already. */
void dbio__log_start(void);
void dbio__log_line(enum dbio_log_level level, const char *format, ...) DBIO_PRINTF(2, 3);

/* Costs one load and one branch when the level is off. */
#define dbio_log(level, ...)                                                         \
    do {                                                                             \
        if (DBIO_UNLIKELY(__atomic_load_n(&dbio__log_level_now, __ATOMIC_RELAXED) >= \
                          (int)(level)))                                             \
            dbio__log_line((level), __VA_ARGS__);                                    \
    } while (0)

#endif
