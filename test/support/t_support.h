/*
 * t_support.h - what every test has: a suite, a place on disk, a seed, a way to skip.
 *
 * A test file defines t_suite(); t_main.c runs it. Every case runs in a process of its own
 * (Check's CK_FORK), so what a case arms or leaves behind is gone after it.
 *
 * Environment:
 *   DBIO_TEST_SEED         the seed, to repeat a run
 *   DBIO_TEST_DIR          where scratch directories are made; else $TMPDIR, else /var/tmp
 *   DBIO_TEST_FILESYSTEMS  "name=/directory name=/directory": file systems to test on
 *   CK_RUN_CASE, CK_FORK=no, CK_VERBOSITY, CK_DEFAULT_TIMEOUT: as Check defines them
 */
#ifndef T_SUPPORT_H
#define T_SUPPORT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The suite; the test file's only external function. */
Suite *t_suite(void);

/* Skips the case that it stands in: counted, printed with its reason, and returned from.
 * The case is a void function. */
#define t_skip(reason)                   \
    do {                                 \
        t_skip_note(__func__, (reason)); \
        return;                          \
    } while (0)
void t_skip_note(const char *function, const char *reason);

/* The seed of this run. */
uint64_t t_seed(void);
/* The next random number. Every case and every thread begins anew with the seed. */
uint64_t t_random(void);
/* One that is smaller than `bound`, which is not 0. */
uint64_t t_random_below(uint64_t bound);
/* From here on this thread's numbers are those of `seed`: for threads that shall differ. */
void t_random_start(uint64_t seed);

/* A directory for this run on a file system that is not memory; removed at the end. */
const char *t_scratch(void);
/* "directory/name". Static text, good until 16 calls later in the same thread. */
const char *t_path(const char *directory, const char *name);

struct t_filesystem {
    const char *name;      /* "ext4" */
    const char *directory; /* a directory for this run on it; removed at the end */
};

/* The file systems to test on; the last has a NULL name. */
const struct t_filesystem *t_filesystems(void);
/* How many: for tcase_add_loop_test. */
int t_filesystems_count(void);

/* Does O_DIRECT work in this directory? Tried, with a file that is removed. */
bool t_has_direct(const char *directory);

/* Runs `body` in a process of its own; its exit status as waitpid(2) gives it. What it writes to
 * standard error is in `text`, of `room` bytes, each write(2) followed by a '\n' of ours:
 * so one can tell how many there were. */
int t_capture(void (*body)(void), char *text, size_t room);

/* For t_main.c. */
void t_support_start(const char *program);
void t_support_end(void);
int t_support_skipped(void);

#endif
