/* api_error.c - the front door of dbio_error.h. */
#include "dbio_error.h"

#include "base/err.h"

const char *
dbio_error_name(int error)
{
    return dbio__err_name(error);
}

const char *
dbio_error_text(int error)
{
    return dbio__err_text(error);
}
