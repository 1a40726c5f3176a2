/* t_fault.c - make system calls of the library fail, and count them. */
#include "t_fault.h"

#include <check.h>
#include <stdatomic.h>
#include <string.h>

#define FAULTS_MAX 8
#define VECTOR_MAX 1024

static struct armed {
    struct t_fault fault;
    _Atomic unsigned long seen; /* matching calls */
} armed[FAULTS_MAX];
static size_t armed_count;
static bool counting;
static _Atomic unsigned long calls[DBIO_SYS_COUNT];
static _Atomic unsigned long hits;

static bool
is_transfer(enum dbio_sys_call call)
{
    return call == DBIO_SYS_PREAD || call == DBIO_SYS_PWRITE || call == DBIO_SYS_PREADV2 ||
           call == DBIO_SYS_PWRITEV2;
}

/* Not on a file; how often it happens is a matter of chance. */
static bool
is_between_threads(enum dbio_sys_call call)
{
    return call == DBIO_SYS_FUTEX || call == DBIO_SYS_MEMBARRIER;
}

static bool
matches(const struct t_fault *fault, enum dbio_sys_call call, const long arguments[6])
{
    if (fault->call == T_FAULT_ANY ? is_between_threads(call) : fault->call != (int)call)
        return false;
    if (fault->error == 0 && !is_transfer(call))
        return false;
    return fault->when == NULL || fault->when(call, arguments);
}

/* The vector cut to `bytes`; the number of its entries. */
static int
cut_vector(struct iovec cut[VECTOR_MAX], const struct iovec *vector, long count, size_t bytes)
{
    int used = 0;

    while (used < count && used < VECTOR_MAX && bytes > 0) {
        cut[used] = vector[used];
        if (cut[used].iov_len > bytes)
            cut[used].iov_len = bytes;
        bytes -= cut[used].iov_len;
        used++;
    }
    return used;
}

static long
transfer_less(enum dbio_sys_call call, const long arguments[6], size_t bytes)
{
    struct iovec cut[VECTOR_MAX];
    long less[6];

    memcpy(less, arguments, sizeof(less));
    if (call == DBIO_SYS_PREAD || call == DBIO_SYS_PWRITE) {
        if ((size_t)less[2] > bytes)
            less[2] = (long)bytes;
    } else {
        less[2] = cut_vector(cut, (const struct iovec *)arguments[1], arguments[2], bytes);
        less[1] = (long)cut;
    }
    return dbio__sys_real(call, less);
}

static long
inject(const struct t_fault *fault, enum dbio_sys_call call, const long arguments[6])
{
    atomic_fetch_add(&hits, 1);
    if (fault->error == 0)
        return transfer_less(call, arguments, fault->bytes);
    if (call == DBIO_SYS_CLOSE)
        (void)dbio__sys_real(call, arguments);
    return -fault->error;
}

static long
replacement(enum dbio_sys_call call, const long arguments[6])
{
    const struct t_fault *due = NULL;

    atomic_fetch_add(&calls[call], 1);
    for (size_t i = 0; i < armed_count; i++) {
        unsigned long seen;

        if (!matches(&armed[i].fault, call, arguments))
            continue;
        seen = atomic_fetch_add(&armed[i].seen, 1) + 1;
        if (due == NULL &&
            (seen == armed[i].fault.nth || (armed[i].fault.for_ever && seen > armed[i].fault.nth)))
            due = &armed[i].fault;
    }
    return due != NULL ? inject(due, call, arguments) : dbio__sys_real(call, arguments);
}

void
t_fault_count(void)
{
    if (counting)
        return;
    counting = true;
    atomic_store(&hits, 0);
    for (size_t i = 0; i < DBIO_SYS_COUNT; i++) {
        atomic_store(&calls[i], 0);
        dbio__sys_table[i].call = replacement;
    }
}

void
t_fault_arm(const struct t_fault *fault)
{
    ck_assert_uint_lt(armed_count, FAULTS_MAX);
    ck_assert_uint_ge(fault->nth, 1);
    armed[armed_count].fault = *fault;
    atomic_store(&armed[armed_count].seen, 0);
    armed_count++;
    t_fault_count();
}

void
t_fault_one(int call, unsigned long nth, int error)
{
    t_fault_arm(&(struct t_fault){.call = call, .nth = nth, .error = error});
}

void
t_fault_all(int call, int error, bool (*when)(enum dbio_sys_call, const long[6]))
{
    t_fault_arm(
        &(struct t_fault){.call = call, .nth = 1, .for_ever = true, .error = error, .when = when});
}

void
t_fault_short(int call, unsigned long nth, size_t bytes)
{
    t_fault_arm(&(struct t_fault){.call = call, .nth = nth, .bytes = bytes});
}

void
t_fault_short_all(int call, size_t bytes)
{
    t_fault_arm(&(struct t_fault){.call = call, .nth = 1, .for_ever = true, .bytes = bytes});
}

void
t_fault_disarm(void)
{
    for (size_t i = 0; i < DBIO_SYS_COUNT; i++)
        dbio__sys_table[i].call = dbio__sys_real;
    armed_count = 0;
    counting = false;
}

unsigned long
t_fault_calls(int call)
{
    unsigned long sum = 0;

    if (call != T_FAULT_ANY)
        return atomic_load(&calls[call]);
    for (int i = 0; i < DBIO_SYS_COUNT; i++)
        sum += is_between_threads((enum dbio_sys_call)i) ? 0 : atomic_load(&calls[i]);
    return sum;
}

unsigned long
t_fault_hits(void)
{
    return atomic_load(&hits);
}

/* O_DIRECT is a bit of the open file, not of the call. */
static long
direct_bit(const long arguments[6])
{
    long get[6] = {arguments[0], F_GETFL};
    long flags = dbio__sys_real(DBIO_SYS_FCNTL, get);

    return flags < 0 ? -1 : flags & O_DIRECT;
}

bool
t_fault_on_direct(enum dbio_sys_call call, const long arguments[6])
{
    (void)call;
    return direct_bit(arguments) > 0;
}

bool
t_fault_on_buffered(enum dbio_sys_call call, const long arguments[6])
{
    (void)call;
    return direct_bit(arguments) == 0;
}
