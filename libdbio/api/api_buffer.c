/* api_buffer.c - the front door of dbio_buffer.h. */
#include "dbio_buffer.h"

#include "api/arguments.h"
#include "engine/buffers.h"

int
dbio_buffer_acquire(struct dbio_context *context, size_t length, void **buffer)
{
    int error = dbio__check_context(context);

    if (error == 0 && (buffer == NULL || length == 0 || length > DBIO_BUFFER_LENGTH_MOST))
        error = -EINVAL;
    return error != 0 ? error : dbio__buffers_acquire(context, length, buffer);
}

int
dbio_buffer_release(struct dbio_context *context, void *buffer)
{
    int error = dbio__check_context(context);

    if (error == 0 && buffer == NULL)
        error = -EINVAL;
    return error != 0 ? error : dbio__buffers_give(&context->buffers, buffer);
}
