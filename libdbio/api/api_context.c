/* api_context.c - the front door of dbio_context.h and dbio_version.h. */
#include "dbio_context.h"

#include "api/arguments.h"
#include "dbio_version.h"

int
dbio_context_create(const struct dbio_context_options *options, struct dbio_context **context)
{
    return context == NULL ? -EINVAL : dbio__context_create(options, context);
}

int
dbio_context_destroy(struct dbio_context *context)
{
    int error = dbio__check_context(context);

    return error != 0 ? error : dbio__context_destroy(context);
}

const char *
dbio_version(void)
{
    return DBIO_VERSION_STRING;
}
