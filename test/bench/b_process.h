/*
 * b_process.h - contenders in processes of their own, in a memory cgroup, and nothing left behind.
 *
 * One process measures, and has one child at a time. What it made (files, the cgroup, the child)
 * is removed by b_clean_up(), which also runs when it fails or is told to end by a signal.
 */
#ifndef B_PROCESS_H
#define B_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define B_SKIPPED 77 /* exit status */

/* Says what went wrong, cleans up and ends the process; in a child, the child. */
void __attribute__((noreturn)) b_fail(const char *what, int error);
/* Removes the files, the child, the cgroup. Safe in signal handlers. */
void b_clean_up(void);
/* From here on SIGINT, SIGTERM, SIGHUP and SIGPIPE clean up before they end the process. */
void b_catch_signals(void);
/* A file that b_clean_up() unlinks; at most 4, and `path` stays the caller's, unchanged. */
void b_remove_at_end(const char *path);

/* Makes a memory cgroup of `bytes` for the children to come: NULL, or why there is none.
 * *version is 1 or 2. */
const char *b_group_make(size_t bytes, int *version);

/* Memory that parent and children see, zeroed. */
void *b_shared_memory(size_t bytes);
/* Runs `body` in a child in the cgroup; false if that failed, was killed or took too long. */
bool b_run(void (*body)(void *argument), void *argument);
/* Starts a program from within a child, its output going to *output; it dies with the child. */
pid_t b_start_program(char *const arguments[], int *output);

#endif
