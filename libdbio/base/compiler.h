/* compiler.h - what the compiler offers, by one name each. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stddef.h>

#define DBIO_LIKELY(condition)            __builtin_expect(!!(condition), 1)
#define DBIO_UNLIKELY(condition)          __builtin_expect(!!(condition), 0)
#define DBIO_CHECKED                      __attribute__((warn_unused_result))
#define DBIO_PRINTF(format_at, values_at) __attribute__((format(printf, format_at, values_at)))
#define DBIO_AT_UNLOAD                    __attribute__((destructor))
/* Off the common way: what is in it must not make that longer. */
#define DBIO_APART      __attribute__((noinline, cold))
#define DBIO_CACHE_LINE 64

/* The struct that holds `member`, from a pointer to that member. */
#define DBIO_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
