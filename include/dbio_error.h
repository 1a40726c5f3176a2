/*
 * dbio_error.h - say an error in words.
 *
 * Part of dbio, BSD-2-Clause. See LICENSE.
 */
#ifndef DBIO_ERROR_H
#define DBIO_ERROR_H

#include "dbio_export.h"

DBIO_BEGIN_DECLS

/**
 * dbio_error_name() - "EIO" for -EIO or EIO; "?" if the number has no name.
 * The text is static. Any thread, async-signal-safe.   Since: 0.1
 */
DBIO_EXPORT const char *dbio_error_name(int error);

/**
 * dbio_error_text() - what the error means when dbio returns it, and what to do.
 * Takes -errno or errno. The text is static. Any thread.   Since: 0.1
 */
DBIO_EXPORT const char *dbio_error_text(int error);

DBIO_END_DECLS

#endif
