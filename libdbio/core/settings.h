/* settings.h - defaults, limits and validation of option structs. Pure. */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include "base/compiler.h"
#include "dbio_types.h"

/* Sizes of the option structs in version 0.1: the smallest that is accepted. */
#define DBIO_CONTEXT_OPTIONS_MIN 24u
#define DBIO_FILE_OPTIONS_MIN    32u

/* Options as the library uses them: *settings is `options` (NULL: nothing asked for) with
 * every default filled in. 0, -EINVAL or -E2BIG (a field we do not know is set). */
DBIO_CHECKED int dbio__settings_context(const struct dbio_context_options *options,
                                        struct dbio_context_options *settings);
DBIO_CHECKED int dbio__settings_file(const struct dbio_file_options *options,
                                     struct dbio_file_options *settings);

#endif
