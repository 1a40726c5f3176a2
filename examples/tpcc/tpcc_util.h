/*
 * tpcc_util.h - small tools: time, memory that is there or the program ends, messages, paths.
 */
#ifndef TPCC_UTIL_H
#define TPCC_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TPCC_PATH_MAX 4096

/* Exit status of every command. */
enum tpcc_exit { TPCC_EXIT_OK = 0, TPCC_EXIT_FAILED = 1, TPCC_EXIT_USAGE = 2 };

/* Where text for people goes: stdout, or stderr while JSON has stdout. */
FILE *tpcc_out(void);
void tpcc_out_set(FILE *stream);

/* "dbio-tpcc: ..." on stderr. */
void tpcc_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Zeroed memory, or the program ends with a message. A harness has no better answer. */
void *tpcc_alloc(size_t count, size_t size);
void *tpcc_grow(void *old, size_t count, size_t size);
char *tpcc_copy_text(const char *text);

/* Monotonic and wall clock. */
uint64_t tpcc_now_ns(void);
int64_t tpcc_wall_us(void);

/* snprintf that complains and answers -1 if the text does not fit. */
int tpcc_format(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* mkdir -p; 0 or -1 after complaining. */
int tpcc_make_directory(const char *path);
/* Removes a directory and the files in it (one level); silent if it is not there. */
void tpcc_remove_directory(const char *path);
bool tpcc_file_exists(const char *path);
/* Flushes a directory's entries; 0 or -1 after complaining. */
int tpcc_sync_path(const char *path);

/* SIGINT and SIGTERM ask for an early, orderly end; a second one ends the program at once. */
void tpcc_catch_signals(void);
bool tpcc_interrupted(void);

#endif
