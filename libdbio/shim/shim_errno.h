/* shim_errno.h - the only place where -errno becomes errno and -1, as programs expect it. */
#ifndef SHIM_SHIM_ERRNO_H
#define SHIM_SHIM_ERRNO_H

#include <errno.h>
#include <sys/types.h>

static inline ssize_t
shim_answer(ssize_t result)
{
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* What the shim does on the side must not show: errno is put back. */
static inline int
shim_keep_errno(void)
{
    return errno;
}

static inline void
shim_put_errno(int kept)
{
    errno = kept;
}

#endif
