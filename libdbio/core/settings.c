/*
 * settings.c - what callers may ask for, and what they get if they do not.
 *
 * Job:       copy an option struct of any version into one of ours; check each value.
 * Not its:   whether the machine can fulfil it.
 * Callers:   api/api_context.c, api/api_file.c.
 * Lock:      none.
 * Invariant: settings returned with 0 are within every limit.
 */
#include "core/settings.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define MIB (1024u * 1024u)

_Static_assert(sizeof(struct dbio_context_options) >= DBIO_CONTEXT_OPTIONS_MIN, "version 0.1");
_Static_assert(sizeof(struct dbio_file_options) == DBIO_FILE_OPTIONS_MIN, "version 0.1");

/* Copies what both sides know; what only the caller knows must be zero (as openat2(2)). */
static int
copy_options(void *target, size_t target_size, const void *source, size_t source_size,
             size_t smallest)
{
    const unsigned char *bytes = source;
    size_t i;

    /* A size that no version had would cut a field in two. */
    if ((source_size < target_size && source_size != smallest) || source_size > 4096)
        return -EINVAL;
    for (i = target_size; i < source_size; i++)
        if (bytes[i] != 0)
            return -E2BIG;
    memcpy(target, source, source_size < target_size ? source_size : target_size);
    return 0;
}

static bool
is_path_or_off(const char *wish)
{
    return wish == NULL || wish[0] == '/' || strcmp(wish, "off") == 0;
}

/* At least a huge page; at most what 192 regions of 1 GiB hold however sizes are mixed. */
static bool
is_pool_size(uint64_t bytes)
{
    return bytes >= 2 * MIB && bytes <= 64ull * 1024 * MIB;
}

int
dbio__settings_context(const struct dbio_context_options *options,
                       struct dbio_context_options *settings)
{
    memset(settings, 0, sizeof(*settings));
    if (options != NULL) {
        int error = copy_options(settings, sizeof(*settings), options, options->size,
                                 DBIO_CONTEXT_OPTIONS_MIN);

        if (error != 0)
            return error;
    }
    settings->size = sizeof(*settings);
    if (settings->bounce_bytes_max == 0)
        settings->bounce_bytes_max = 16 * MIB;
    if (settings->large_request_bytes == 0)
        settings->large_request_bytes = 256 * 1024;
    if (settings->buffer_bytes == 0)
        settings->buffer_bytes = 64 * MIB;
    if (settings->readahead_bytes == 0)
        settings->readahead_bytes = 32 * MIB;
    if (!is_path_or_off(settings->registry) || !is_path_or_off(settings->statistics))
        return -EINVAL;
    if (settings->bounce_bytes_max < MIB || settings->bounce_bytes_max > 1024ull * 1024 * MIB)
        return -EINVAL;
    if (!is_pool_size(settings->buffer_bytes) || (!is_pool_size(settings->readahead_bytes) &&
                                                  settings->readahead_bytes != DBIO_READAHEAD_OFF))
        return -EINVAL;
    return 0;
}

int
dbio__settings_file(const struct dbio_file_options *options, struct dbio_file_options *settings)
{
    memset(settings, 0, sizeof(*settings));
    if (options != NULL) {
        int error = copy_options(settings, sizeof(*settings), options, options->size,
                                 DBIO_FILE_OPTIONS_MIN);

        if (error != 0)
            return error;
    }
    settings->size = sizeof(*settings);
    if (settings->mode > DBIO_MODE_DONTCACHE || settings->role > DBIO_ROLE_SCAN ||
        settings->durability > DBIO_DURABILITY_WRITE ||
        settings->pattern > DBIO_PATTERN_SEQUENTIAL || settings->strictness > DBIO_STRICT_DIRECT ||
        settings->reserved != 0)
        return -EINVAL;
    /* Strictness is about direct I/O; with a mode that never wants it, it is a contradiction. */
    if (settings->strictness == DBIO_STRICT_DIRECT &&
        (settings->mode == DBIO_MODE_BUFFERED || settings->mode == DBIO_MODE_DONTCACHE))
        return -EINVAL;
    return 0;
}
