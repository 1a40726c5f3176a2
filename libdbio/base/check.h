/*
 * check.h - assertions.
 *
 * dbio_assert:  a mistake of ours; debug builds only.
 * dbio_verify:  a mistake of ours after which carrying on could write wrong bytes;
 *               always on. Prints the place to standard error and aborts.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <assert.h>

#include "base/compiler.h"

_Noreturn void dbio__check_failed(const char *condition, const char *file, int line);

#define dbio_verify(condition)                                  \
    do {                                                        \
        if (DBIO_UNLIKELY(!(condition)))                        \
            dbio__check_failed(#condition, __FILE__, __LINE__); \
    } while (0)

#ifdef NDEBUG
#define dbio_assert(condition) ((void)sizeof(!(condition)))
#else
#define dbio_assert(condition) dbio_verify(condition)
#endif

#endif
