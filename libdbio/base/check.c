/*
 * check.c - the end of a program that was about to do wrong.
 *
 * Job:       say which condition failed and where, then abort.
 * Not its:   cleaning up; nothing that is known to be wrong may touch a file again.
 * Callers:   the macros of check.h.
 * Lock:      none.
 * Invariant: does not return, allocates nothing.
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void
dbio__check_failed(const char *condition, const char *file, int line)
{
    char text[512];
    int length =
        snprintf(text, sizeof(text), "dbio: %s:%d: must hold: %s\n", file, line, condition);

    /* write(2) and not stdio: its lock may be held by the thread that failed. */
    if (length > 0) {
        size_t bytes = (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1;
        ssize_t written = write(STDERR_FILENO, text, bytes);

        (void)written;
    }
    abort();
}
