/*
 * batch_read.c - shows many requests at once: reads a file in random order, so many blocks at a time,
 * and adds up what it read.
 *
 *     batch_read FILE [BLOCKS_AT_A_TIME]        default 64 blocks of 4 KiB; the file is only read
 *
 * One thread, one batch: prepare as many as fit, submit, wait for one or more, do it again. Whether
 * io_uring carries them out or threads do is for dbio to find out; the program cannot tell.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dbio.h"

#define BLOCK ((size_t)4096)
#define MOST  1024

struct reader {
    struct dbio_batch *batch;
    struct dbio_file *file;
    unsigned char *memory; /* a block for each request */
    unsigned at_a_time, idle[MOST], idle_count;
    uint64_t blocks, next, sum, bytes;
};

static int
report(const char *what, int64_t error)
{
    fprintf(stderr, "batch_read: %s: %s\n", what, dbio_error_text((int)error));
    return 1;
}

/* Every block once, scattered: an odd prime has no factor in common with fewer blocks. */
static uint64_t
scattered(const struct reader *r, uint64_t turn)
{
    return turn * 2654435761u % r->blocks;
}

static int
prepare_more(struct reader *r)
{
    while (r->idle_count > 0 && r->next < r->blocks) {
        unsigned place = r->idle[r->idle_count - 1];
        off_t offset = (off_t)(scattered(r, r->next) * BLOCK);
        int error =
            dbio_batch_read(r->batch, r->file, r->memory + place * BLOCK, BLOCK, offset, 0, place);

        if (error != 0)
            return report("prepare", error);
        r->idle_count--;
        r->next++;
    }
    return 0;
}

static int
take_some(struct reader *r)
{
    struct dbio_completion done[MOST];
    int count = dbio_batch_wait(r->batch, 1, UINT64_MAX, done, r->at_a_time), i;

    if (count < 0)
        return report("wait", count);
    for (i = 0; i < count; i++) {
        const unsigned char *block = r->memory + done[i].user_data * BLOCK;
        int64_t k;

        if (done[i].result < 0)
            return report("read", done[i].result);
        for (k = 0; k < done[i].result; k++)
            r->sum += block[k];
        r->bytes += (uint64_t)done[i].result;
        r->idle[r->idle_count++] = (unsigned)done[i].user_data;
    }
    return 0;
}

static int
read_all(struct reader *r)
{
    while (r->next < r->blocks || r->idle_count < r->at_a_time) {
        int started;

        if (prepare_more(r) != 0)
            return 1;
        started = dbio_batch_submit(r->batch);
        if (started < 0)
            return report("submit", started);
        if (take_some(r) != 0)
            return 1;
    }
    return 0;
}

/* Everything but the context and the file, which the caller made. */
static int
run(struct dbio_context *context, struct reader *r)
{
    struct dbio_batch_options options = {.size = sizeof(options), .depth = r->at_a_time};
    int error = dbio_batch_create(context, &options, &r->batch), failed;
    struct timespec begin, end;
    unsigned i;

    if (error != 0)
        return report("batch", error);
    r->memory = aligned_alloc(BLOCK, r->at_a_time * BLOCK); /* aligned: no copy on the way */
    for (i = 0; i < r->at_a_time; i++)
        r->idle[r->idle_count++] = i;
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    failed = r->memory == NULL || read_all(r);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    if (!failed)
        printf("%llu bytes, sum %llu, in %.3f s by %s\n", (unsigned long long)r->bytes,
               (unsigned long long)r->sum,
               (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9,
               dbio_batch_describe(r->batch));
    error = dbio_batch_destroy(r->batch); /* waits for what is outstanding: now memory may go */
    free(r->memory);
    return failed || (error != 0 && report("destroy", error));
}

int
main(int argc, char **argv)
{
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct reader reader = {.at_a_time = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 64};
    struct dbio_context *context;
    off_t size;
    int error, failed;

    if (argc < 2 || reader.at_a_time < 1 || reader.at_a_time > MOST) {
        fprintf(stderr, "usage: batch_read FILE [BLOCKS_AT_A_TIME]   1 to %d, default 64\n", MOST);
        return 2;
    }
    error = dbio_context_create(NULL, &context);
    if (error != 0)
        return report("context", error);
    error = dbio_open(context, argv[1], O_RDONLY, 0, &options, &reader.file);
    if (error != 0)
        return report(argv[1], error);
    size = dbio_size(reader.file);
    reader.blocks = size > 0 ? ((uint64_t)size + BLOCK - 1) / BLOCK : 0;
    failed = size < 0 ? report("size", size) : run(context, &reader);
    error = dbio_close(reader.file);
    failed = failed || (error != 0 && report("close", error));
    error = dbio_context_destroy(context);
    return failed || (error != 0 && report("context", error));
}
