/* api_batch.c - the front door of dbio_batch.h. */
#include "dbio_batch.h"

#include <fcntl.h>
#include <string.h>

#include "api/arguments.h"
#include "engine/batch.h"

#define DEPTH_DEFAULT 128u
#define DEPTH_MOST    4096u

static int
check_batch(const struct dbio_batch *batch)
{
    return batch == NULL ? -EINVAL : dbio__batch_check(batch);
}

int
dbio_batch_create(struct dbio_context *context, const struct dbio_batch_options *options,
                  struct dbio_batch **batch)
{
    unsigned depth = DEPTH_DEFAULT;
    int error = dbio__check_context(context);

    if (error == 0 && (batch == NULL || (options != NULL &&
                                         (options->size != sizeof(*options) ||
                                          options->reserved != 0 || options->depth > DEPTH_MOST))))
        error = -EINVAL;
    if (error != 0)
        return error;
    if (options != NULL && options->depth != 0)
        depth = options->depth;
    return dbio__batch_create(context, depth, batch);
}

int
dbio_batch_destroy(struct dbio_batch *batch)
{
    int error = check_batch(batch);

    return error != 0 ? error : dbio__batch_destroy(batch);
}

/* A request to fill in, if there is room. */
static int
take(struct dbio_batch *batch, struct dbio_file *file, enum dbio_batch_code code,
     uint64_t user_data, struct dbio_batch_request **request)
{
    int error = check_batch(batch);

    if (error == 0)
        error = dbio__check_file(file);
    if (error != 0)
        return error;
    *request = dbio__batch_take(batch);
    if (*request == NULL)
        return -EAGAIN;
    (*request)->code = code;
    (*request)->user_data = user_data;
    return 0;
}

static int
prepare(struct dbio_batch *batch, struct dbio_file *file, const struct iovec *vector, int count,
        off_t offset, unsigned flags, bool write, uint64_t user_data)
{
    struct dbio_batch_request *request;
    int error = take(batch, file, write ? DBIO_BATCH_WRITE : DBIO_BATCH_READ, user_data, &request);

    if (error != 0)
        return error;
    error = dbio__check_transfer(file, vector, count, offset, flags & ~DBIO_LINK, write,
                                 &request->transfer);
    if (error != 0) {
        dbio__batch_give(request);
        return error;
    }
    if (count == 1) { /* the caller's entry may have been made for this call alone */
        request->single = vector[0];
        request->transfer.cursor.vector = &request->single;
    }
    request->count = count;
    request->asked = request->transfer.length;
    request->linked = (flags & DBIO_LINK) != 0;
    request->settled.choice = (struct dbio_choice){.route = DBIO_ROUTE_NONE};
    dbio__batch_add(batch, request);
    return 0;
}

int
dbio_batch_readv(struct dbio_batch *batch, struct dbio_file *file, const struct iovec *vector,
                 int count, off_t offset, unsigned flags, uint64_t user_data)
{
    return prepare(batch, file, vector, count, offset, flags, false, user_data);
}

int
dbio_batch_read(struct dbio_batch *batch, struct dbio_file *file, void *buffer, size_t length,
                off_t offset, unsigned flags, uint64_t user_data)
{
    struct iovec vector = {buffer, length};

    return prepare(batch, file, &vector, 1, offset, flags, false, user_data);
}

int
dbio_batch_writev(struct dbio_batch *batch, struct dbio_file *file, const struct iovec *vector,
                  int count, off_t offset, unsigned flags, uint64_t user_data)
{
    return prepare(batch, file, vector, count, offset, flags, true, user_data);
}

int
dbio_batch_write(struct dbio_batch *batch, struct dbio_file *file, const void *buffer,
                 size_t length, off_t offset, unsigned flags, uint64_t user_data)
{
    struct iovec vector = {(void *)(uintptr_t)buffer, length};

    return prepare(batch, file, &vector, 1, offset, flags, true, user_data);
}

/* One that moves no bytes. */
static int
prepare_other(struct dbio_batch *batch, struct dbio_file *file, enum dbio_batch_code code,
              unsigned flags, uint64_t user_data, struct dbio_range range)
{
    struct dbio_batch_request *request;
    int error;

    error = take(batch, file, code, user_data, &request);
    if (error != 0)
        return error;
    request->transfer = (struct dbio_transfer){.file = file};
    request->asked = 0;
    request->how = (flags & DBIO_KEEP_SIZE) != 0 ? FALLOC_FL_KEEP_SIZE : 0;
    request->range = range;
    request->linked = (flags & DBIO_LINK) != 0;
    request->settled.choice = (struct dbio_choice){.route = DBIO_ROUTE_NONE};
    dbio__batch_add(batch, request);
    return 0;
}

int
dbio_batch_fdatasync(struct dbio_batch *batch, struct dbio_file *file, unsigned flags,
                     uint64_t user_data)
{
    const struct dbio_range none = {0, 0};

    if ((flags & ~DBIO_LINK) != 0)
        return -EINVAL;
    return prepare_other(batch, file, DBIO_BATCH_FDATASYNC, flags & DBIO_LINK, user_data, none);
}

int
dbio_batch_fsync(struct dbio_batch *batch, struct dbio_file *file, unsigned flags,
                 uint64_t user_data)
{
    const struct dbio_range none = {0, 0};

    if ((flags & ~DBIO_LINK) != 0)
        return -EINVAL;
    return prepare_other(batch, file, DBIO_BATCH_FSYNC, flags & DBIO_LINK, user_data, none);
}

int
dbio_batch_allocate(struct dbio_batch *batch, struct dbio_file *file, off_t offset, off_t length,
                    unsigned flags, uint64_t user_data)
{
    struct dbio_range range;
    int error = dbio__check_span(offset, length, &range);

    if (error == 0 && (length == 0 || (flags & ~(DBIO_KEEP_SIZE | DBIO_LINK)) != 0))
        error = -EINVAL;
    if (error == 0)
        error = dbio__check_file(file);
    if (error == 0 && !file->writable)
        error = -EBADF;
    return error != 0 ? error
                      : prepare_other(batch, file, DBIO_BATCH_ALLOCATE, flags, user_data, range);
}

int
dbio_batch_submit(struct dbio_batch *batch)
{
    int error = check_batch(batch);

    return error != 0 ? error : dbio__batch_submit(batch);
}

int
dbio_batch_wait(struct dbio_batch *batch, unsigned least, uint64_t timeout_ns,
                struct dbio_completion *completions, unsigned most)
{
    struct dbio_batch_request *request;
    int error = check_batch(batch);
    unsigned count = 0;

    if (error == 0 && (completions == NULL || most == 0))
        error = -EINVAL;
    if (error == 0)
        error = dbio__batch_wait(batch, least, timeout_ns);
    if (error < 0)
        return error;
    while (count < most && (request = dbio__batch_next(batch)) != NULL) {
        completions[count++] = (struct dbio_completion){.user_data = request->user_data,
                                                        .result = request->result,
                                                        .route = request->settled.choice.route,
                                                        .reason = request->settled.choice.reason};
        dbio__batch_give(request);
    }
    return (int)count;
}

int
dbio_batch_peek(struct dbio_batch *batch, struct dbio_completion *completions, unsigned most)
{
    return dbio_batch_wait(batch, 0, 0, completions, most);
}

int
dbio_batch_cancel(struct dbio_batch *batch, uint64_t user_data)
{
    int error = check_batch(batch);

    return error != 0 ? error : dbio__batch_cancel(batch, user_data);
}

const char *
dbio_batch_describe(struct dbio_batch *batch)
{
    return batch == NULL ? NULL : dbio__batch_describe(batch);
}
