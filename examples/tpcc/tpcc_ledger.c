/*
 * tpcc_ledger.c - writing down what was acknowledged.
 *
 * Job: one line per acknowledged transaction, with a checksum. Leaves comparing to
 * tpcc_ledger_check.c. Called by terminals after a commit. No lock: each line is one write to a
 * descriptor in append mode, which the kernel keeps in one piece against other appenders. Must
 * always hold: plain libc, never dbio; a line is written only after the engine acknowledged.
 *
 *   S threads                         a run begins
 *   N w d o c digest                  New-Order
 *   P w d c_w c_d c amount history    Payment
 *   D w carrier o1 .. o10             Delivery; 0 where a district had nothing to deliver
 *   E                                 the run that began last ended in order
 *   X                                 a run began that keeps no ledger
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tpcc_ledger.h"
#include "tpcc_util.h"

struct tpcc_ledger {
    int fd;
    bool writing;
    atomic_int failures;
};

bool
tpcc_ledger_path(const char *directory, char *out, size_t size)
{
    return tpcc_format(out, size, "%s/ledger.txt", directory) == 0;
}

void
tpcc_ledger_remove(const char *directory)
{
    char path[TPCC_PATH_MAX];
    if (tpcc_ledger_path(directory, path, sizeof(path)))
        unlink(path);
}

static void __attribute__((format(printf, 2, 3)))
append_line(struct tpcc_ledger *ledger, const char *format, ...)
{
    char line[320];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, 256, format, arguments);
    va_end(arguments);
    uint64_t sum = tpcc_hash_bytes(0, line, (size_t)length);
    length +=
        snprintf(line + length, sizeof(line) - (size_t)length, " #%08" PRIx32 "\n", (uint32_t)sum);
    if (write(ledger->fd, line, (size_t)length) == length)
        return;
    if (atomic_fetch_add(&ledger->failures, 1) == 0)
        tpcc_complain("the ledger cannot be written: %s", strerror(errno));
}

/* After a kill the file may end inside a line; what follows must begin on its own. */
static void
begin_new_line(int fd)
{
    char last = '\n';
    off_t size = lseek(fd, 0, SEEK_END);
    if (size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n')
        if (write(fd, "\n", 1) != 1)
            tpcc_complain("the ledger cannot be written: %s", strerror(errno));
}

struct tpcc_ledger *
tpcc_ledger_open(const char *directory, enum tpcc_ledger_kind kind, int threads)
{
    char path[TPCC_PATH_MAX];
    if (!tpcc_ledger_path(directory, path, sizeof(path)))
        return NULL;
    int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC;
    int fd = open(path, kind == TPCC_LEDGER_DSYNC ? flags | O_DSYNC : flags, 0666);
    if (fd < 0) {
        tpcc_complain("cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    struct tpcc_ledger *ledger = tpcc_alloc(1, sizeof(*ledger));
    ledger->fd = fd;
    ledger->writing = kind != TPCC_LEDGER_OFF;
    begin_new_line(fd);
    if (ledger->writing)
        append_line(ledger, "S %d", threads);
    else
        append_line(ledger, "X");
    if (kind == TPCC_LEDGER_DSYNC)
        tpcc_sync_path(directory);
    return ledger;
}

int
tpcc_ledger_close(struct tpcc_ledger *ledger)
{
    if (ledger->writing)
        append_line(ledger, "E");
    int failures = atomic_load(&ledger->failures);
    close(ledger->fd);
    free(ledger);
    return failures ? -1 : 0;
}

void
tpcc_ledger_new_order(struct tpcc_ledger *ledger, const struct tpcc_new_order_input *input,
                      const struct tpcc_new_order_output *output)
{
    if (ledger->writing)
        append_line(ledger, "N %d %d %d %d %016" PRIx64, input->w, input->d, output->o, input->c,
                    output->digest);
}

void
tpcc_ledger_payment(struct tpcc_ledger *ledger, const struct tpcc_payment_input *input,
                    const struct tpcc_payment_output *output)
{
    if (ledger->writing)
        append_line(ledger, "P %d %d %d %d %d %" PRId64 " %" PRId64, input->w, input->d,
                    input->who.w, input->who.d, output->c, input->amount, output->history);
}

void
tpcc_ledger_delivery(struct tpcc_ledger *ledger, const struct tpcc_delivery_input *input,
                     const struct tpcc_delivery_output *output)
{
    const int *o = output->orders;
    if (ledger->writing)
        append_line(ledger, "D %d %d %d %d %d %d %d %d %d %d %d %d", input->w, input->carrier, o[0],
                    o[1], o[2], o[3], o[4], o[5], o[6], o[7], o[8], o[9]);
}
