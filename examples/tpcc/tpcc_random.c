/*
 * tpcc_random.c - random numbers of the harness.
 *
 * Job: one generator (splitmix64), NURand, text, and a hash. Leaves the meaning of the numbers to
 * tpcc_rows.c and tpcc_input.c. Called from there and from the terminals. No lock: every stream
 * belongs to one caller. Must always hold: equal arguments give equal streams on every machine, as
 * the check recomputes what the load wrote.
 */
#include <math.h>

#include "tpcc_random.h"

static uint64_t
mix_bits(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

struct tpcc_random
tpcc_random_stream(uint64_t seed, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t state = mix_bits(seed + UINT64_C(0x9e3779b97f4a7c15));
    state = mix_bits(state ^ (a + UINT64_C(0xd1342543de82ef95)));
    state = mix_bits(state ^ (b + UINT64_C(0xaf251af3b0f025b5)));
    state = mix_bits(state ^ (c + UINT64_C(0x2545f4914f6cdd1d)));
    return (struct tpcc_random){state};
}

uint64_t
tpcc_random_next(struct tpcc_random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    return mix_bits(random->state);
}

int
tpcc_random_range(struct tpcc_random *random, int low, int high)
{
    uint64_t width = (uint64_t)((int64_t)high - low) + 1;
    return (int)(low + (int64_t)(((tpcc_random_next(random) >> 32) * width) >> 32));
}

bool
tpcc_random_once_in(struct tpcc_random *random, int of)
{
    return tpcc_random_range(random, 1, of) == 1;
}

double
tpcc_random_exponential(struct tpcc_random *random, double mean)
{
    double uniform = ((double)(tpcc_random_next(random) >> 11) + 1.0) / 9007199254740993.0;
    double value = -log(uniform) * mean;
    return value < 10 * mean ? value : 10 * mean;
}

/* Eight characters from each word: the share of a byte in 62 letters is uneven by less than one in
 * four, which nobody here minds, and a warehouse is 30 MB of such text. */
static void
fill_text(struct tpcc_random *random, char *text, int length, const char *letters, unsigned count)
{
    uint64_t word = 0;
    for (int i = 0; i < length; i++) {
        if (i % 8 == 0)
            word = tpcc_random_next(random);
        text[i] = letters[((word & 0xff) * count) >> 8];
        word >>= 8;
    }
    text[length] = '\0';
}

void
tpcc_random_text(struct tpcc_random *random, char *text, int length)
{
    fill_text(random, text, length,
              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 62);
}

void
tpcc_random_digits(struct tpcc_random *random, char *text, int length)
{
    fill_text(random, text, length, "0123456789", 10);
}

void
tpcc_random_permutation(struct tpcc_random *random, int *values, int count)
{
    for (int i = 0; i < count; i++) {
        int j = tpcc_random_range(random, 0, i);
        values[i] = values[j];
        values[j] = i + 1;
    }
}

/* The run's C for last names must differ from the load's by 65..119, but not by 96 or 112. */
static bool
c_last_is_allowed(int c_run, int c_load)
{
    int distance = c_run > c_load ? c_run - c_load : c_load - c_run;
    return distance >= 65 && distance <= 119 && distance != 96 && distance != 112;
}

struct tpcc_nurand
tpcc_nurand_for_run(struct tpcc_random *random, int c_load)
{
    struct tpcc_nurand nurand;
    do
        nurand.c_last = tpcc_random_range(random, 0, 255);
    while (!c_last_is_allowed(nurand.c_last, c_load));
    nurand.c_customer = tpcc_random_range(random, 0, 1023);
    nurand.c_item = tpcc_random_range(random, 0, 8191);
    return nurand;
}

int
tpcc_nurand_draw(struct tpcc_random *random, int a, int c, int low, int high)
{
    int mixed = tpcc_random_range(random, 0, a) | tpcc_random_range(random, low, high);
    return (mixed + c) % (high - low + 1) + low;
}

uint64_t
tpcc_hash_number(uint64_t hash, int64_t number)
{
    return mix_bits(hash ^ ((uint64_t)number + UINT64_C(0x9e3779b97f4a7c15)));
}

uint64_t
tpcc_hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    return tpcc_hash_number(hash, (int64_t)length);
}
