/*
 * b_measure.h - clocks, bytes that can be recognised, the page cache, ratios and bars.
 */
#ifndef B_MEASURE_H
#define B_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define B_PAGE        ((size_t)4096)
#define B_MIB         ((size_t)1 << 20)
#define B_ROUNDS_MOST 99
#define B_VOID        (-1.0) /* a ratio to something that was not measured */

/* Seconds of a clock. */
double b_seconds(clockid_t clock);

/* Word `i` of the bytes that `salt` stands for: they do not compress. */
static inline uint64_t
b_word(uint64_t salt, uint64_t i)
{
    uint64_t x = (salt * 0x9e3779b97f4a7c15u + i + 1) * 0xbf58476d1ce4e5b9u;

    return x ^ (x >> 31);
}

/* Memory for O_DIRECT as malloc gives it: whole pages, small ones. */
void *b_plain_memory(size_t bytes);

/* A file of `bytes` (whole MiB) of b_word(salt, ), on the device and not in the cache. Written
 * O_DIRECT where that can be. */
void b_file_make(const char *path, size_t bytes, uint64_t salt);
/* Writes a file back and throws its pages out. */
void b_file_drop(const char *path);
/* Its pages in the cache. */
uint64_t b_file_cached(const char *path);
/* What the device does now, MiB/s: 128 MiB O_DIRECT in pieces of 1 MiB, read from a file or written
 * to it and synced. */
double b_control(const char *path, bool write);

struct b_ratio {
    const char *name, *text; /* for programs, for people */
    double bar;
    double values[B_ROUNDS_MOST];
};

/* The middle one of `values`, which it sorts. */
double b_median(double *values, int count);
/* a / b; 0 if a failed, B_VOID if b did. */
double b_over(double a, double b);
/* How many times less a cost is than b; likewise. */
double b_saved(double a, double b);
/* The median meets the bar, and not more than one round in five is below 0.95 of it. */
bool b_met(struct b_ratio *ratio, int rounds);
/* One line, or one JSON object. */
void b_print(struct b_ratio *ratio, int rounds, bool json);

#endif
