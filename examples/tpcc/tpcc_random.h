/*
 * tpcc_random.h - random numbers, NURand, and hashes that make a load repeatable.
 */
#ifndef TPCC_RANDOM_H
#define TPCC_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tpcc_random {
    uint64_t state;
};

/* A stream that depends on nothing but the numbers given. */
struct tpcc_random tpcc_random_stream(uint64_t seed, uint64_t a, uint64_t b, uint64_t c);
uint64_t tpcc_random_next(struct tpcc_random *random);
/* Uniform in low..high, both included. */
int tpcc_random_range(struct tpcc_random *random, int low, int high);
/* True once in `of` draws on average. */
bool tpcc_random_once_in(struct tpcc_random *random, int of);
/* Negative exponential with this mean, cut at ten times the mean. */
double tpcc_random_exponential(struct tpcc_random *random, double mean);
/* Fills text[0..length) with letters and digits, or digits only, and ends it with NUL. */
void tpcc_random_text(struct tpcc_random *random, char *text, int length);
void tpcc_random_digits(struct tpcc_random *random, char *text, int length);
/* 1..count in random order. */
void tpcc_random_permutation(struct tpcc_random *random, int *values, int count);

/* Constants C of NURand, drawn once per run (clause 2.1.6). */
struct tpcc_nurand {
    int c_last;
    int c_customer;
    int c_item;
};

/* The constants for a run on a database whose load used c_load. */
struct tpcc_nurand tpcc_nurand_for_run(struct tpcc_random *random, int c_load);
int tpcc_nurand_draw(struct tpcc_random *random, int a, int c, int low, int high);

/* One step of the digests that recognise an order's lines and a ledger entry. */
uint64_t tpcc_hash_bytes(uint64_t hash, const void *bytes, size_t length);
uint64_t tpcc_hash_number(uint64_t hash, int64_t number);

#endif
