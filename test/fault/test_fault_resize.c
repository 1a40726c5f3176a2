/*
 * test_fault_resize.c - truncate, allocate, punch, map, unmap and advise, with every one of their
 * system calls failing in turn (t_sweep.h has what is asked of them). What failed has changed
 * nothing, or is told; the exclusive announcement ends either way.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "t_sweep.h"

#define KIB ((size_t)1024)

static void *mapped; /* by the try that runs */

static long
resize_truncate(struct t_try *try)
{
    return dbio_truncate(try->file, (off_t)try->sweep->offset);
}

static void
model_truncate(const struct t_sweep *sweep, struct t_model *model)
{
    t_model_truncate(model, sweep->offset);
}

static long
resize_allocate(struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;

    return dbio_allocate(try->file, (off_t)sweep->offset, (off_t)sweep->length, sweep->flags);
}

static void
model_allocate(const struct t_sweep *sweep, struct t_model *model)
{
    t_model_allocate(model, sweep->offset, sweep->length, sweep->flags == DBIO_KEEP_SIZE);
}

static long
resize_punch(struct t_try *try)
{
    return dbio_punch(try->file, (off_t)try->sweep->offset, (off_t)try->sweep->length);
}

static void
model_punch(const struct t_sweep *sweep, struct t_model *model)
{
    t_model_punch(model, sweep->offset, sweep->length);
}

static long
advise(struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;

    return dbio_advise(try->file, (off_t)sweep->offset, (off_t)sweep->length, (int)sweep->flags);
}

static long
map(struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;

    mapped = NULL;
    return dbio_map(try->file, (off_t)sweep->offset, sweep->length, PROT_READ | PROT_WRITE,
                    MAP_SHARED, &mapped);
}

static long
unmap(struct t_try *try)
{
    int error = dbio_unmap(try->file, mapped, try->sweep->length);

    if (error == 0)
        mapped = NULL;
    return error;
}

static void
map_first(struct t_try *try)
{
    ck_assert_int_eq(map(try), 0);
}

/* What is still mapped can be unmapped. */
static void
unmap_last(struct t_try *try)
{
    if (mapped != NULL)
        ck_assert_int_eq(unmap(try), 0);
}

static enum t_answer
expect_resize(const struct t_hit *hit)
{
    return hit->error == EINTR && hit->call != DBIO_SYS_FSTAT ? T_SUCCEEDS : T_FAILS;
}

static enum t_answer
expect_map(const struct t_hit *hit)
{
    /* Of the registry's locks one is given up in the end, and after munmap both are in vain. */
    return hit->call == DBIO_SYS_FCNTL || hit->call == DBIO_SYS_FSTAT ? T_EITHER : T_FAILS;
}

/* Advice that the file system cannot take is no error; other trouble may be told. */
static enum t_answer
expect_advice(const struct t_hit *hit)
{
    return hit->error == ENOSYS ? T_SUCCEEDS : T_EITHER;
}

#define MODE(m) .options.mode = DBIO_MODE_##m
#define RESIZE(how) \
    .size = 256 * KIB, .act = resize_##how, .model = model_##how, .expect = expect_resize
#define MAP                                                                          \
    .size = 256 * KIB, .offset = 64 * KIB, .length = 64 * KIB, .expect = expect_map, \
    .finish = unmap_last, .wants_memory = true
#define ADVISE(advice)                                                        \
    .size = 256 * KIB, .offset = 64 * KIB, .length = 64 * KIB, .act = advise, \
    .expect = expect_advice, .flags = (advice), .warm = true

static const struct t_sweep sweeps[] = {
    {.name = "shrink, direct", MODE(DIRECT), RESIZE(truncate), .offset = 100 * KIB + 10},
    {.name = "shrink, buffered",
     MODE(BUFFERED),
     RESIZE(truncate),
     .offset = 100 * KIB + 10,
     .warm = true},
    {.name = "grow, direct", MODE(DIRECT), RESIZE(truncate), .offset = 300 * KIB + 10},
    {.name = "grow, buffered", MODE(BUFFERED), RESIZE(truncate), .offset = 300 * KIB + 10},
    {.name = "allocate", MODE(DIRECT), RESIZE(allocate), .offset = 200 * KIB, .length = 100 * KIB},
    {.name = "allocate beyond the end",
     MODE(DIRECT),
     RESIZE(allocate),
     .offset = 200 * KIB,
     .length = 100 * KIB,
     .flags = DBIO_KEEP_SIZE},
    {.name = "punch, direct", MODE(DIRECT), RESIZE(punch), .offset = 50 * KIB, .length = 100 * KIB},
    {.name = "punch, buffered",
     MODE(BUFFERED),
     RESIZE(punch),
     .offset = 50 * KIB + 10,
     .length = 100 * KIB,
     .warm = true},
    {.name = "map", MODE(DIRECT), MAP, .act = map},
    {.name = "unmap", MODE(DIRECT), MAP, .prepare = map_first, .act = unmap},
    {.name = "advise, do not need", MODE(DIRECT), ADVISE(POSIX_FADV_DONTNEED)},
    {.name = "advise, will need", MODE(BUFFERED), ADVISE(POSIX_FADV_WILLNEED)},
    {.name = "advise, sequential", MODE(BUFFERED), ADVISE(POSIX_FADV_SEQUENTIAL)},
};
#define SWEEPS ((int)(sizeof(sweeps) / sizeof(sweeps[0])))

START_TEST(what_changes_a_file_is_done_or_told)
{
    t_sweep_nth(sweeps, SWEEPS, _i);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("fault_resize");
    TCase *cases = tcase_create("resize");

    t_add_sweep_test(cases, what_changes_a_file_is_done_or_told, SWEEPS);
    suite_add_tcase(suite, cases);
    return suite;
}
