/*
 * test_fault_write.c - writes and appends of every route, with every one of their system calls
 * failing in turn (t_sweep.h has what is asked of them). An error of the write itself is told, by
 * a short count if some bytes were written before; one of a writeback or flush is told and
 * remembered; advice, interruptions, refusals of direct I/O and short transfers are overcome.
 */
#include <errno.h>

#include "t_sweep.h"

#define KIB ((size_t)1024)

static long
write_once(struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;

    return dbio_pwrite(try->file, try->memory + sweep->skew, sweep->length, (off_t)sweep->offset,
                       sweep->flags);
}

/* Three buffers that are one piece of memory. */
static long
write_vector(struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;
    unsigned char *memory = try->memory + sweep->skew;
    size_t third = sweep->length / 3;
    struct iovec vector[3] = {
        {memory, third}, {memory + third, third}, {memory + 2 * third, sweep->length - 2 * third}};

    return dbio_pwritev(try->file, vector, 3, (off_t)sweep->offset, sweep->flags);
}

static long
write_append(struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;
    off_t where = -1;
    long result =
        dbio_append(try->file, try->memory + sweep->skew, sweep->length, sweep->flags, &where);

    if (result > 0)
        ck_assert_int_eq(where, (off_t)sweep->offset);
    return result;
}

static enum t_answer
expect_write(const struct t_hit *hit)
{
    bool tagged = hit->call == DBIO_SYS_PWRITEV2 && (hit->arguments[5] & DBIO_RWF_DONTCACHE) != 0;

    if (t_sweep_is_advice(hit) || hit->error == 0 || hit->error == EINTR)
        return T_SUCCEEDS;
    if (hit->call == DBIO_SYS_SYNC_FILE_RANGE && hit->error == ENOSYS)
        return T_SUCCEEDS; /* fdatasync does more */
    if (t_sweep_is_transfer(hit) &&
        (hit->error == EAGAIN || (hit->error == EINVAL && (hit->direct || tagged)) ||
         (hit->error == ENOSYS && tagged)))
        return T_SUCCEEDS;
    return T_FAILS;
}

/* An append asks for the size, and cannot do without. */
static enum t_answer
expect_append(const struct t_hit *hit)
{
    return hit->call == DBIO_SYS_FSTAT ? T_EITHER : expect_write(hit);
}

static bool
remembers_writeback(const struct t_hit *hit)
{
    return hit->call == DBIO_SYS_SYNC_FILE_RANGE && hit->error != EINVAL;
}

/* The flush in a durable write tells of what earlier writes left in the cache; where the write
 * itself went around the cache, no room is its own trouble. */
static bool
remembers_durable(const struct t_hit *hit)
{
    return remembers_writeback(hit) ||
           (t_sweep_is_transfer(hit) &&
            (hit->error == EIO || hit->error == ENOMEM || (hit->error == ENOSPC && !hit->direct)));
}

#define MODE(m) .options.mode = DBIO_MODE_##m
#define WRITE(how, where, bytes)                                                            \
    .size = 600 * KIB, .act = write_##how, .model = t_sweep_model_write, .offset = (where), \
    .length = (bytes), .success = (bytes)
#define PLAIN   .expect = expect_write, .remembers = remembers_writeback
#define DURABLE .expect = expect_write, .remembers = remembers_durable, .flags = DBIO_DURABLE

static const struct t_sweep sweeps[] = {
    {.name = "direct, nothing cached", MODE(DIRECT), WRITE(once, 64 * KIB, 32 * KIB), PLAIN},
    {.name = "direct, all cached",
     MODE(DIRECT),
     WRITE(once, 64 * KIB, 32 * KIB),
     PLAIN,
     .warm = true},
    {.name = "direct, unaligned", MODE(DIRECT), WRITE(once, 64 * KIB + 100, 9000), PLAIN},
    {.name = "direct, unaligned memory",
     MODE(DIRECT),
     WRITE(once, 4 * KIB, 560 * KIB),
     PLAIN,
     .skew = 1},
    {.name = "direct, edges",
     MODE(DIRECT),
     WRITE(once, 8 * KIB + 100, 200 * KIB),
     PLAIN,
     .skew = 100},
    {.name = "direct, edges from unaligned memory",
     MODE(DIRECT),
     WRITE(once, 8 * KIB + 100, 300 * KIB),
     PLAIN,
     .skew = 1},
    {.name = "direct, edges, all cached",
     MODE(DIRECT),
     WRITE(once, 8 * KIB + 100, 200 * KIB),
     PLAIN,
     .skew = 100,
     .warm = true},
    {.name = "direct, beyond the end", MODE(DIRECT), WRITE(once, 592 * KIB, 64 * KIB), PLAIN},
    {.name = "direct, without cachestat",
     MODE(DIRECT),
     WRITE(once, 64 * KIB, 32 * KIB),
     PLAIN,
     .no_cachestat = true},
    {.name = "direct, three buffers", MODE(DIRECT), WRITE(vector, 64 * KIB, 48 * KIB), PLAIN},
    {.name = "direct, three unaligned buffers",
     MODE(DIRECT),
     WRITE(vector, 64 * KIB, 16 * KIB),
     PLAIN,
     .skew = 1},
    {.name = "direct, durable", MODE(DIRECT), WRITE(once, 64 * KIB, 32 * KIB), DURABLE},
    {.name = "direct, durable, all cached",
     MODE(DIRECT),
     WRITE(once, 64 * KIB, 32 * KIB),
     DURABLE,
     .warm = true},
    {.name = "auto, large", MODE(AUTO), WRITE(once, 0, 512 * KIB), PLAIN},
    {.name = "buffered", MODE(BUFFERED), WRITE(once, 64 * KIB + 100, 9000), PLAIN},
    {.name = "buffered, durable", MODE(BUFFERED), WRITE(once, 64 * KIB + 100, 9000), DURABLE},
    {.name = "buffered, three buffers", MODE(BUFFERED), WRITE(vector, 64 * KIB + 100, 9000), PLAIN},
    {.name = "dontcache", MODE(DONTCACHE), WRITE(once, 64 * KIB, 32 * KIB), PLAIN},
    {.name = "append, direct",
     MODE(DIRECT),
     WRITE(append, 600 * KIB, 32 * KIB),
     .expect = expect_append,
     .remembers = remembers_writeback},
    {.name = "append, buffered",
     MODE(BUFFERED),
     WRITE(append, 600 * KIB, 9000),
     .expect = expect_append,
     .remembers = remembers_writeback},
    {.name = "append, durable",
     MODE(DIRECT),
     WRITE(append, 600 * KIB, 9000),
     .expect = expect_append,
     .remembers = remembers_durable,
     .flags = DBIO_DURABLE},
};
#define SWEEPS ((int)(sizeof(sweeps) / sizeof(sweeps[0])))

START_TEST(a_write_tells_its_errors_once_remembers_lost_ones_and_overcomes_the_rest)
{
    t_sweep_nth(sweeps, SWEEPS, _i);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("fault_write");
    TCase *cases = tcase_create("write");

    t_add_sweep_test(
        cases, a_write_tells_its_errors_once_remembers_lost_ones_and_overcomes_the_rest, SWEEPS);
    suite_add_tcase(suite, cases);
    return suite;
}
