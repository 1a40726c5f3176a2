/*
 * test_fault_read.c - reads of every route, with every one of their system calls failing in turn
 * (t_sweep.h has what is asked of them). An error of the read itself is told; of advice it is
 * not; interruptions, refusals of direct I/O and short transfers are overcome.
 */
#include <errno.h>

#include "engine/file.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"
#include "t_sweep.h"

#define KIB ((size_t)1024)

static long
read_once(struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;

    return dbio_pread(try->file, try->memory + sweep->skew, sweep->length, (off_t)sweep->offset,
                      sweep->flags);
}

/* Three buffers that are one piece of memory, so that it is judged like any other. */
static long
read_vector(struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;
    unsigned char *memory = try->memory + sweep->skew;
    size_t third = sweep->length / 3;
    struct iovec vector[3] = {
        {memory, third}, {memory + third, third}, {memory + 2 * third, sweep->length - 2 * third}};

    return dbio_preadv(try->file, vector, 3, (off_t)sweep->offset, sweep->flags);
}

static enum t_answer
expect_read(const struct t_hit *hit)
{
    bool tagged = hit->call == DBIO_SYS_PREADV2 && (hit->arguments[5] & DBIO_RWF_DONTCACHE) != 0;

    if (t_sweep_is_advice(hit) || hit->error == 0 || hit->error == EINTR || hit->error == EAGAIN)
        return T_SUCCEEDS;
    if (hit->error == EINVAL && (hit->direct || tagged))
        return T_SUCCEEDS;
    if (hit->error == ENOSYS && tagged)
        return T_SUCCEEDS; /* the plain call is older */
    return T_FAILS;
}

/* The call that finds nothing more comes after all the bytes. */
static enum t_answer
expect_end(const struct t_hit *hit)
{
    return expect_read(hit) == T_SUCCEEDS ? T_SUCCEEDS : T_EITHER;
}

#define MODE(m)   .options.mode = DBIO_MODE_##m
#define READ(how) .size = 600 * KIB, .reads = true, .act = read_##how

static const struct t_sweep sweeps[] = {
    {.name = "direct, nothing cached",
     MODE(DIRECT),
     READ(once),
     .expect = expect_read,
     .offset = 64 * KIB,
     .length = 32 * KIB,
     .success = 32 * KIB},
    {.name = "direct, all cached",
     MODE(DIRECT),
     READ(once),
     .expect = expect_read,
     .offset = 64 * KIB,
     .length = 32 * KIB,
     .success = 32 * KIB,
     .warm = true},
    {.name = "direct, unaligned",
     MODE(DIRECT),
     READ(once),
     .expect = expect_read,
     .offset = 64 * KIB + 100,
     .length = 9000,
     .success = 9000},
    {.name = "direct, unaligned memory",
     MODE(DIRECT),
     READ(once),
     .expect = expect_read,
     .offset = 4 * KIB,
     .length = 560 * KIB,
     .success = 560 * KIB,
     .skew = 1},
    {.name = "direct, across the end",
     MODE(DIRECT),
     READ(once),
     .expect = expect_end,
     .offset = 592 * KIB,
     .length = 32 * KIB,
     .success = 8 * KIB},
    {.name = "direct, without cachestat",
     MODE(DIRECT),
     READ(once),
     .expect = expect_read,
     .offset = 64 * KIB,
     .length = 32 * KIB,
     .success = 32 * KIB,
     .no_cachestat = true},
    {.name = "direct, three buffers",
     MODE(DIRECT),
     READ(vector),
     .expect = expect_read,
     .offset = 64 * KIB,
     .length = 48 * KIB,
     .success = 48 * KIB},
    {.name = "direct, three unaligned buffers",
     MODE(DIRECT),
     READ(vector),
     .expect = expect_read,
     .offset = 64 * KIB,
     .length = 10 * KIB,
     .success = 10 * KIB,
     .skew = 1},
    {.name = "auto, large",
     MODE(AUTO),
     READ(once),
     .expect = expect_read,
     .offset = 0,
     .length = 512 * KIB,
     .success = 512 * KIB},
    {.name = "auto, scan",
     MODE(AUTO),
     .options.role = DBIO_ROLE_SCAN,
     READ(once),
     .expect = expect_read,
     .offset = 8 * KIB,
     .length = 8 * KIB,
     .success = 8 * KIB},
    {.name = "buffered",
     MODE(BUFFERED),
     READ(once),
     .expect = expect_read,
     .offset = 64 * KIB + 100,
     .length = 9000,
     .success = 9000},
    {.name = "buffered, three buffers",
     MODE(BUFFERED),
     READ(vector),
     .expect = expect_read,
     .offset = 64 * KIB + 100,
     .length = 9000,
     .success = 9000},
    {.name = "dontcache",
     MODE(DONTCACHE),
     READ(once),
     .expect = expect_read,
     .offset = 64 * KIB,
     .length = 32 * KIB,
     .success = 32 * KIB},
    {.name = "direct, asked not to cache",
     MODE(DIRECT),
     READ(once),
     .expect = expect_read,
     .offset = 64 * KIB,
     .length = 32 * KIB,
     .success = 32 * KIB,
     .warm = true,
     .flags = DBIO_DONTCACHE},
};
#define SWEEPS ((int)(sizeof(sweeps) / sizeof(sweeps[0])))

START_TEST(a_read_tells_its_errors_and_overcomes_the_rest)
{
    t_sweep_nth(sweeps, SWEEPS, _i);
}
END_TEST

#define END (100 * KIB + 10) /* of the file */

/* What XFS says where blocks behind the end are promised and not given. */
static bool
passes_the_end(enum dbio_sys_call call, const long arguments[6])
{
    return t_fault_on_direct(call, arguments) && arguments[2] + arguments[3] > (long)(104 * KIB);
}

START_TEST(a_direct_read_that_may_not_pass_the_end_stops_there)
{
    T_DIRECT_OR_SKIP(where);
    static const struct {
        uint64_t offset;
        size_t length, skew;
        ssize_t comes_to;
    } reads[] = {
        {64 * KIB, 128 * KIB, 0, (ssize_t)(END - 64 * KIB)},
        {100 * KIB, 128 * KIB, 0, (ssize_t)(END - 100 * KIB)},
        {64 * KIB, 128 * KIB, 1, (ssize_t)(END - 64 * KIB)}, /* through a copy */
        {64 * KIB + 5, 700 * KIB, 0, (ssize_t)(END - 64 * KIB - 5)},
        {64 * KIB, 40 * KIB, 0, (ssize_t)(END - 64 * KIB)}, /* does not pass the block */
        {108 * KIB, 8 * KIB, 0, -EIO},                      /* it may be true */
    };
    struct t_rig rig = t_rig(where->directory, DBIO_MODE_DIRECT, END);
    unsigned char *memory = t_aligned(KIB * KIB);
    size_t i;

    if (rig.file->inode->facts.offset_align > 4 * KIB)
        t_skip("blocks are larger here");
    t_fault_all(DBIO_SYS_PREAD, EIO, passes_the_end);
    for (i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        ssize_t got = dbio_pread(rig.file, memory + reads[i].skew, reads[i].length,
                                 (off_t)reads[i].offset, 0);

        ck_assert_int_eq(got, reads[i].comes_to);
        if (got > 0)
            t_pattern_verify(memory + reads[i].skew, (size_t)got, T_SEED, reads[i].offset);
    }
    ck_assert_uint_ge(t_fault_hits(), 5);
    t_fault_disarm();
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("fault_read");
    TCase *cases = tcase_create("read");

    t_add_sweep_test(cases, a_read_tells_its_errors_and_overcomes_the_rest, SWEEPS);
    t_add_direct_test(cases, a_direct_read_that_may_not_pass_the_end_stops_there);
    suite_add_tcase(suite, cases);
    return suite;
}
