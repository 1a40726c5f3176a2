/*
 * t_sweep.c - one operation again and again, each time with another of its system calls failing.
 *
 * Every try has a file, a context and a handle of its own. What the library keeps for good
 * (dead handles, to be recognised) is there before the first try.
 */
#include "t_sweep.h"
#include "engine/membership.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/arbitration.h"
#include "engine/inode.h"
#include "os/cachestat.h"
#include "t_cache.h"
#include "t_fault.h"
#include "t_file.h"

#define SECTOR    ((size_t)512)
#define CALLS_MAX 400
#define WARM_UPS  40
#define NEXT_SEED UINT64_C(13)
#define NEXT_SIZE ((size_t)8192)

static const struct t_fault faults[] = {
    {.error = EIO},
    {.error = ENOSPC},
    {.error = EINTR},
    {.error = EAGAIN},
    {.error = EINVAL},
    {.error = ENOMEM},
    {.error = ENOSYS},
    {.error = EIO, .for_ever = true},
    {.error = ENOSYS, .for_ever = true},
    {.bytes = 512},
    {.bytes = 4096},
    {.bytes = 1000},
    {.bytes = 4096, .for_ever = true},
};

static struct t_model before, after;
static unsigned char *actual; /* the file's bytes, read */
static struct t_hit *hit;     /* of the try that runs */
static unsigned long target;  /* the call to hit */
static unsigned long seen;
static char what[200]; /* the fault, for messages */
static int descriptors_before;
static long memory_before;

#define require(condition, ...)                                   \
    do {                                                          \
        if (!(condition)) {                                       \
            fprintf(stderr, "sweep: %s: %s\n", what, #condition); \
            ck_abort_msg(__VA_ARGS__);                            \
        }                                                         \
    } while (0)

bool
t_sweep_is_transfer(const struct t_hit *h)
{
    return h->call == DBIO_SYS_PREAD || h->call == DBIO_SYS_PWRITE || h->call == DBIO_SYS_PREADV2 ||
           h->call == DBIO_SYS_PWRITEV2;
}

bool
t_sweep_is_advice(const struct t_hit *h)
{
    switch (h->call) {
    case DBIO_SYS_FCNTL:
    case DBIO_SYS_FSTAT:
    case DBIO_SYS_STATX:
    case DBIO_SYS_IOCTL:
    case DBIO_SYS_OPENAT: /* of a second descriptor */
    case DBIO_SYS_CLOSE:
    case DBIO_SYS_FADVISE:
    case DBIO_SYS_MMAP:
    case DBIO_SYS_MUNMAP:
    case DBIO_SYS_MINCORE:
    case DBIO_SYS_VM_READ: /* EFAULT apart, which no sweep injects: else the bytes are copied here */
    case DBIO_SYS_VM_WRITE:
    case DBIO_SYS_CACHESTAT:
        return true;
    default:
        return false;
    }
}

void
t_sweep_model_write(const struct t_sweep *sweep, struct t_model *model)
{
    void *bytes = t_patterned(sweep->length, T_NEW, sweep->offset);

    t_model_pwrite(model, bytes, sweep->length, sweep->offset);
    free(bytes);
}

/* Asked for every call that may be hit; notes the first that is. */
static bool
note_call(enum dbio_sys_call call, const long arguments[6])
{
    if (++seen == target) {
        hit->happened = true;
        hit->call = call;
        memcpy(hit->arguments, arguments, sizeof(hit->arguments));
        hit->direct =
            call != DBIO_SYS_OPENAT && call != DBIO_SYS_MMAP && t_fault_on_direct(call, arguments);
    }
    return true;
}

static void
make_file(const struct t_try *try)
{
    int fd = open(try->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    if (!try->sweep->reads || lseek(fd, 0, SEEK_END) == 0) {
        ck_assert_int_eq(ftruncate(fd, (off_t)before.size), 0);
        ck_assert_int_eq(pwrite(fd, before.bytes, before.size, 0), (ssize_t)before.size);
    }
    ck_assert_int_eq(close(fd), 0);
    if (try->sweep->warm)
        t_cache_warm(try->path, 0, before.size);
    else
        (void)t_cache_drop(try->path);
}

static struct dbio_file *
open_handle(const struct t_try *try)
{
    struct dbio_file_options options = try->sweep->options;
    struct dbio_file *file = NULL;

    options.size = sizeof(options);
    require(dbio_open(try->context, try->path, O_RDWR, 0, &options, &file) == 0, "open");
    return file;
}

static void
begin_try(struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;

    make_file(try);
    dbio__cachestat_reset();
    try->context = t_context();
    try->file = sweep->opens ? NULL : open_handle(try);
    if (sweep->reads)
        memset(try->memory, 0xa5, sweep->length + sweep->skew + SECTOR);
    else
        t_pattern_fill(try->memory + sweep->skew, sweep->length, T_NEW, sweep->offset);
    if (sweep->prepare != NULL)
        sweep->prepare(try);
}

/* Runs the operation with call `nth` hit by the fault; NULL: with memory for `nth - 1`
 * allocations. */
static void
act(struct t_try *try, const struct t_fault *kind, unsigned long nth)
{
    struct t_fault fault;

    if (try->sweep->no_cachestat)
        t_fault_all(DBIO_SYS_CACHESTAT, ENOSYS, NULL);
    if (kind != NULL) {
        fault = *kind;
        fault.call = T_FAULT_ANY;
        fault.nth = nth;
        fault.when = note_call;
        hit = &try->hit;
        hit->error = kind->error;
        target = nth;
        seen = 0;
        t_fault_arm(&fault);
    } else {
        dbio__mem_fail_after((long)nth - 1);
    }
    try->result = try->sweep->act(try);
    t_fault_disarm();
}

static void
read_file(const struct t_try *try, uint64_t *size)
{
    int fd = open(try->path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    ck_assert_int_ge(fd, 0);
    got = pread(fd, actual, before.room > after.room ? before.room : after.room, 0);
    require(got >= 0, "pread: %s", strerror(errno));
    *size = (uint64_t)got;
    memset(actual + got, 0, SECTOR);
    close(fd);
}

/* The sector is as it was, or as it is to be. */
static bool
is_old_or_new(uint64_t at, uint64_t size)
{
    size_t length = at + SECTOR <= size ? SECTOR : (size_t)(size - at);

    return (at + length <= before.room && memcmp(actual + at, before.bytes + at, length) == 0) ||
           (at + length <= after.room && memcmp(actual + at, after.bytes + at, length) == 0);
}

static void
judge_file(const struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;
    uint64_t size, at, done;

    read_file(try, &size);
    if (try->result == sweep->success) {
        require(size == after.size, "success, and the size is %llu", (unsigned long long)size);
        for (at = 0; at < size; at++)
            require(actual[at] == after.bytes[at], "success, and byte %llu is not new",
                    (unsigned long long)at);
        return;
    }
    require((size >= before.size && size <= after.size) ||
                (size <= before.size && size >= after.size),
            "the size is %llu", (unsigned long long)size);
    done = try->result > 0 && !sweep->reads ? sweep->offset + (uint64_t)try->result : 0;
    for (at = done > 0 ? sweep->offset : 0; at < done; at++)
        require(actual[at] == after.bytes[at], "byte %llu was written, and is not new",
                (unsigned long long)at);
    for (at = 0; at < size; at += SECTOR)
        if (at + SECTOR <= done || at > done || done == 0)
            require(is_old_or_new(at, size), "sector at %llu is neither old nor new",
                    (unsigned long long)at);
}

static void
judge_memory(const struct t_try *try)
{
    const struct t_sweep *sweep = try->sweep;
    const unsigned char *bytes = try->memory + sweep->skew;
    size_t got = try->result > 0 ? (size_t)try->result : 0, i;

    if (got > 0)
        require(memcmp(bytes, before.bytes + sweep->offset, got) == 0, "wrong bytes were read");
    for (i = 0; i < sweep->skew; i++)
        require(try->memory[i] == 0xa5, "memory before the buffer was written");
    for (i = 0; i < SECTOR; i++)
        require(bytes[sweep->length + i] == 0xa5, "memory behind the buffer was written");
}

static void
judge_answer(const struct t_try *try, bool for_ever)
{
    const struct t_sweep *sweep = try->sweep;
    bool failed = try->result == -try->hit.error || (try->result > 0 && sweep->success > 0);
    enum t_answer answer;

    if (try->result == sweep->success && !try->hit.happened)
        return;
    require(try->hit.happened, "nothing was hit, and the answer is %ld", try->result);
    answer = for_ever ? T_EITHER : sweep->expect(&try->hit);
    if (answer == T_SUCCEEDS)
        require(try->result == sweep->success, "the answer is %ld", try->result);
    else if (answer == T_FAILS)
        require(try->result != sweep->success && failed, "the answer is %ld", try->result);
    else
        require(try->result == sweep->success || failed || try->result == -EOPNOTSUPP,
                "the answer is %ld", try->result);
}

/* Goes on with the handle as if nothing had been. */
static void
use_again(struct t_try *try)
{
    unsigned char *memory = t_patterned(NEXT_SIZE, NEXT_SEED, 0);
    int fd;

    if (try->sweep->reads) { /* and the file is the same for the next try */
        require(dbio_pread(try->file, actual, before.size, 0, 0) == (ssize_t)before.size, "read");
        require(memcmp(actual, before.bytes, before.size) == 0, "the next read is wrong");
        free(memory);
        return;
    }
    require(dbio_pwrite(try->file, memory, NEXT_SIZE, 0, 0) == (ssize_t)NEXT_SIZE, "next write");
    memset(memory, 0, NEXT_SIZE);
    require(dbio_pread(try->file, memory, NEXT_SIZE, 0, 0) == (ssize_t)NEXT_SIZE, "next read");
    t_pattern_verify(memory, NEXT_SIZE, NEXT_SEED, 0);
    fd = open(try->path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(pread(fd, memory, NEXT_SIZE, 0), (ssize_t)NEXT_SIZE);
    t_pattern_verify(memory, NEXT_SIZE, NEXT_SEED, 0);
    close(fd);
    free(memory);
}

/* A remembered error is told by every sync and then not by close; or, if no sync tells it, by
 * close. `told`: the operation was a sync. */
static void
judge_syncs(struct t_try *try, int latched, bool told, bool ask)
{
    struct dbio_file *other;
    int closed;

    if (ask) {
        other = open_handle(try);
        require(dbio_fdatasync(try->file) == latched, "fdatasync");
        require(dbio_fsync(other) == latched, "fsync through another handle");
        require(dbio_sync_range(try->file, 0, 0) == latched, "sync_range");
        require(dbio_close(other) == 0, "close of the other handle");
        told = true;
    }
    closed = dbio_close(try->file);
    require(closed == (told ? 0 : latched), "close says %d", closed);
}

static void
judge_leaks(const struct t_try *try)
{
    require(dbio__inflight_outstanding(dbio__membership.table) == 0, "still announced");
    require(dbio__inode_parked() == 0, "descriptors are parked");
    require(t_descriptors() == descriptors_before, "%d descriptors, %d before", t_descriptors(),
            descriptors_before);
    require(dbio__mem_outstanding() == memory_before, "%ld allocations, %ld before",
            dbio__mem_outstanding(), memory_before);
    (void)try;
}

static void
end_try(struct t_try *try, unsigned long nth, bool for_ever)
{
    const struct t_sweep *sweep = try->sweep;
    bool failed = try->result != sweep->success;
    int latched = 0;

    require(dbio__inflight_outstanding(dbio__membership.table) == 0, "still announced");
    judge_file(try);
    if (sweep->reads)
        judge_memory(try);
    if (sweep->finish != NULL)
        sweep->finish(try);
    if (failed && try->hit.happened && sweep->remembers != NULL && sweep->remembers(&try->hit))
        latched = -try->hit.error;
    if (try->file == NULL)
        try->file = open_handle(try);
    use_again(try);
    if (for_ever) /* there: which calls failed, and so what is remembered, is not known */
        (void)dbio_close(try->file);
    else
        judge_syncs(try, latched, sweep->syncs, sweep->remembers != NULL && nth % 2 == 1);
    require(dbio_context_destroy(try->context) == 0, "destroy");
    /* Opened again, it has forgotten; and what was kept because of a fault can be closed. */
    try->context = t_context();
    try->file = open_handle(try);
    if (latched != 0)
        require(dbio_fdatasync(try->file) == 0, "sync after reopening");
    t_close(try->context, try->file);
}

static void
run_fault(struct t_try *try, const struct t_fault *kind)
{
    unsigned long nth;

    for (nth = 1; nth <= CALLS_MAX; nth++) {
        memset(&try->hit, 0, sizeof(try->hit));
        begin_try(try);
        act(try, kind, nth);
        (void)snprintf(what, sizeof(what), "%s: %s %d%s at call %lu (%s)", try->sweep->name,
                       kind->error != 0 ? "error" : "short",
                       kind->error != 0 ? kind->error : (int)kind->bytes,
                       kind->for_ever ? " for ever" : "", nth,
                       try->hit.happened ? dbio__sys_table[try->hit.call].name : "none");
        judge_answer(try, kind->for_ever);
        end_try(try, nth, kind->for_ever);
        judge_leaks(try);
        if (!try->hit.happened)
            return;
    }
    ck_abort_msg("%s: the operation has no end", what);
}

static void
run_without_memory(struct t_try *try)
{
    unsigned long nth;
    void *rest;

    for (nth = 1; nth <= CALLS_MAX; nth++) {
        memset(&try->hit, 0, sizeof(try->hit));
        begin_try(try);
        act(try, NULL, nth);
        rest = dbio__mem_alloc(64); /* there is some left: nothing failed */
        dbio__mem_free(rest, 64);
        dbio__mem_fail_after(-1);
        (void)snprintf(what, sizeof(what), "%s: memory for %lu allocations", try->sweep->name,
                       nth - 1);
        require(try->result == try->sweep->success ||
                    (try->sweep->wants_memory && try->result == -ENOMEM),
                "the answer is %ld", try->result);
        end_try(try, nth, true);
        judge_leaks(try);
        if (rest != NULL)
            return;
    }
    ck_abort_msg("%s: the operation has no end", what);
}

/* Until the library keeps as many dead handles as it ever will. */
static void
warm_up(struct t_try *try)
{
    int i;

    for (i = 0; i < WARM_UPS; i++) {
        try->context = t_context();
        try->file = open_handle(try);
        t_close(try->context, try->file);
    }
    descriptors_before = t_descriptors();
    memory_before = dbio__mem_outstanding();
}

void
t_sweep_run(const struct t_sweep *sweep, const char *directory)
{
    struct t_try try = {.sweep = sweep, .path = strdup(t_path(directory, "sweep"))};
    void *bytes = t_patterned(sweep->size, T_SEED, 0);
    size_t i;

    t_model_init(&before);
    t_model_init(&after);
    t_model_pwrite(&before, bytes, sweep->size, 0);
    t_model_pwrite(&after, bytes, sweep->size, 0);
    if (sweep->model != NULL)
        sweep->model(sweep, &after);
    actual = t_aligned((before.room > after.room ? before.room : after.room) + SECTOR);
    try.memory = t_aligned(sweep->length + sweep->skew + SECTOR);
    (void)snprintf(what, sizeof(what), "%s: before any fault", sweep->name);
    make_file(&try);
    warm_up(&try);
    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        run_fault(&try, &faults[i]);
    run_without_memory(&try);
    unlink(try.path);
}

void
t_add_sweep_test(TCase *cases, const TTest *test, int count)
{
    (void)t_direct_filesystems(); /* marks btrfs' directory: files in it go direct */
    tcase_add_loop_test(cases, test, 0, count * t_filesystems_count());
}

void
t_sweep_nth(const struct t_sweep *sweeps, int count, int i)
{
    t_sweep_run(&sweeps[i % count], t_filesystems()[i / count].directory);
}
