/*
 * b_rounds.h - what the benches under a memory limit have in common: options, and taking turns.
 */
#ifndef B_ROUNDS_H
#define B_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>

struct b_options {
    const char *directory;
    size_t size, limit, piece; /* bytes */
    int rounds;
    bool memory, json, quick, show;
};

/* The defaults are in *options already. -1: go on; else the exit status. */
int b_options_parse(int count, char **arguments, const char *usage, struct b_options *options);

/* Calls `run` for each contender in each round, A B C A B C from a random one. Where the device is
 * not of memory's speed, b_control(control, write) is asked before and after, and a round in which
 * it moved over 1.5 times is void and made again, up to twice `rounds`. The rounds that count. */
int b_rounds_run(const struct b_options *options, int contenders,
                 void (*run)(int contender, int round), const char *control, bool write);

/* The memory cgroup, or a line that says why this is skipped; what it says goes to *version. */
bool b_limit_set(const struct b_options *options, int *version);

#endif
