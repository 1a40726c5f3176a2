/* api_context.c - the front door of dbio_context.h and dbio_version.h. */
#include "dbio_context.h"

#include "api/arguments.h"
#include "core/settings.h"
#include "dbio_version.h"

int
dbio_context_create(const struct dbio_context_options *options, struct dbio_context **context)
{
    struct dbio_context_options settings;
    int error;

    if (context == NULL)
        return -EINVAL;
    error = dbio__settings_context(options, &settings);
    return error != 0 ? error : dbio__context_create(&settings, context);
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
