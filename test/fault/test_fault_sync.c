/*
 * test_fault_sync.c - syncs of every kind, with every one of their system calls failing in turn
 * (t_sweep.h has what is asked of them). A failed flush is told at once and by every later sync,
 * through any handle, until the file is reopened; an interrupted one is repeated.
 */
#include <errno.h>
#include <unistd.h>

#include "t_fault.h"
#include "t_sweep.h"

#define KIB ((size_t)1024)

/* Something to be written back. */
static void
make_dirty(struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;

    ck_assert_int_eq(dbio_pwrite(try->file, try->memory, sweep->length, (off_t)sweep->offset, 0),
                     (ssize_t)sweep->length);
}

static long
sync_data(struct t_try *try)
{
    return dbio_fdatasync(try->file);
}

static long
sync_all(struct t_try *try)
{
    return dbio_fsync(try->file);
}

static long
sync_part(struct t_try *try)
{
    return dbio_sync_range(try->file, (off_t)try->sweep->offset, (off_t)try->sweep->length);
}

static long
sync_rest(struct t_try *try)
{
    return dbio_sync_range(try->file, 4096, 0);
}

static enum t_answer
expect_sync(const struct t_hit *hit)
{
    if (hit->error == EINTR || (hit->call == DBIO_SYS_SYNC_FILE_RANGE && hit->error == ENOSYS))
        return T_SUCCEEDS;
    return T_FAILS;
}

/* A call that is wrong in itself, or not there, has lost nothing. */
static bool
remembers_sync(const struct t_hit *hit)
{
    return hit->error != EINVAL && hit->error != ENOSYS;
}

#define MODE(m) .options.mode = DBIO_MODE_##m
#define SYNC(how)                                                                     \
    .size = 256 * KIB, .offset = 64 * KIB, .length = 32 * KIB, .prepare = make_dirty, \
    .act = sync_##how, .model = t_sweep_model_write, .expect = expect_sync,           \
    .remembers = remembers_sync, .syncs = true

static const struct t_sweep sweeps[] = {
    {.name = "fdatasync, direct", MODE(DIRECT), SYNC(data)},
    {.name = "fdatasync, buffered", MODE(BUFFERED), SYNC(data)},
    {.name = "fsync, direct", MODE(DIRECT), SYNC(all)},
    {.name = "fsync, buffered", MODE(BUFFERED), SYNC(all)},
    {.name = "sync_range, direct", MODE(DIRECT), SYNC(part)},
    {.name = "sync_range, buffered", MODE(BUFFERED), SYNC(part)},
    {.name = "sync_range to the end", MODE(BUFFERED), SYNC(rest)},
};
#define SWEEPS ((int)(sizeof(sweeps) / sizeof(sweeps[0])))

START_TEST(a_failed_sync_is_told_for_ever_and_an_interrupted_one_repeated)
{
    t_sweep_nth(sweeps, SWEEPS, _i);
}
END_TEST

/* What devices say besides EIO, and the kernel hands on (blk_status_to_errno). */
static const int device_errors[] = {EIO,    ENODATA, EREMOTEIO, ETIMEDOUT, ENOLINK,
                                    EILSEQ, EBADE,   ENOSPC,    EDQUOT,    ENOMEM};

START_TEST(whatever_the_device_said_a_sync_remembers_it)
{
    int error = device_errors[_i];
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, 64 * KIB);
    struct dbio_file *other = t_open(rig.context, rig.path, DBIO_MODE_DIRECT);

    t_fault_one(DBIO_SYS_FDATASYNC, 1, error);
    ck_assert_int_eq(dbio_fdatasync(rig.file), -error);
    t_fault_disarm();
    ck_assert_int_eq(dbio_fdatasync(rig.file), -error);
    ck_assert_int_eq(dbio_fsync(other), -error);
    ck_assert_int_eq(dbio_close(other), 0);
    t_close(rig.context, rig.file);
}
END_TEST

/* RWF_DSYNC flushes what earlier writes left, and its failure may be theirs. */
START_TEST(whatever_the_device_said_a_durable_write_remembers_it_for_the_next_sync)
{
    int error = device_errors[_i];
    struct t_rig rig = t_rig(t_scratch(), DBIO_MODE_BUFFERED, 64 * KIB);
    void *memory = t_aligned(4 * KIB);

    t_fault_one(DBIO_SYS_PWRITEV2, 1, error);
    ck_assert_int_eq(dbio_pwrite(rig.file, memory, 4 * KIB, 0, DBIO_DURABLE), -error);
    t_fault_disarm();
    ck_assert_int_eq(dbio_fdatasync(rig.file), -error);
    t_close(rig.context, rig.file);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("fault_sync");
    TCase *cases = tcase_create("sync");

    t_add_sweep_test(cases, a_failed_sync_is_told_for_ever_and_an_interrupted_one_repeated, SWEEPS);
    tcase_add_loop_test(cases, whatever_the_device_said_a_sync_remembers_it, 0, 10);
    tcase_add_loop_test(
        cases, whatever_the_device_said_a_durable_write_remembers_it_for_the_next_sync, 0, 10);
    suite_add_tcase(suite, cases);
    return suite;
}
