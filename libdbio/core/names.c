/*
 * names.c - routes, reasons and counters in words.
 *
 * Job:       one table each.
 * Not its:   errors: base/err.c.
 * Callers:   api/api_stats.c, log lines.
 * Lock:      none.
 * Invariant: every value of the enums has its row (test_names counts them).
 */
#include "core/names.h"

#include <stddef.h>

#include "dbio_types.h"

static const char *const route_names[DBIO_ROUTE_COUNT] = {
    [DBIO_ROUTE_NONE] = "none",
    [DBIO_ROUTE_BUFFERED] = "buffered",
    [DBIO_ROUTE_BUFFERED_FLUSH] = "buffered_flush",
    [DBIO_ROUTE_DIRECT] = "direct",
    [DBIO_ROUTE_DIRECT_BOUNCE] = "direct_bounce",
    [DBIO_ROUTE_DIRECT_EDGES] = "direct_edges",
    [DBIO_ROUTE_DONTCACHE] = "dontcache",
    [DBIO_ROUTE_ATOMIC] = "atomic",
};

static const struct {
    const char *name, *text;
} reasons[DBIO_REASON_COUNT] = {
    [DBIO_REASON_NONE] = {"none", "no request yet"},
    [DBIO_REASON_MODE_BUFFERED] = {"mode_buffered", "the file was opened in mode buffered"},
    [DBIO_REASON_MODE_DIRECT] = {"mode_direct", "the file was opened in mode direct"},
    [DBIO_REASON_MODE_DONTCACHE] = {"mode_dontcache", "the file was opened in mode dontcache"},
    [DBIO_REASON_ATOMIC_ASKED] = {"atomic_asked", "the request carried DBIO_ATOMIC"},
    [DBIO_REASON_DONTCACHE_ASKED] = {"dontcache_asked", "the request carried DBIO_DONTCACHE"},
    [DBIO_REASON_FS_NO_DIRECT] = {"fs_no_direct",
                                  "the file system has no direct I/O, or only pretends to"},
    [DBIO_REASON_FS_CHECKSUM] = {"fs_checksum", "the file system checksums data, and a page that "
                                                "changes in flight would not match"},
    [DBIO_REASON_FS_UNKNOWN] = {"fs_unknown", "dbio has not been qualified on this file system"},
    [DBIO_REASON_FILE_DAX] = {"file_dax", "the file is DAX: memory, without a page cache"},
    [DBIO_REASON_FILE_COMPRESSED] = {"file_compressed", "the file is compressed"},
    [DBIO_REASON_FILE_ENCRYPTED] = {"file_encrypted", "the file is encrypted"},
    [DBIO_REASON_FILE_VERITY] = {"file_verity", "the file is under fs-verity"},
    [DBIO_REASON_FILE_MAPPED] = {"file_mapped",
                                 "the file is mapped, and page faults cannot be tracked"},
    [DBIO_REASON_NO_DESCRIPTOR] = {"no_descriptor", "the O_DIRECT descriptor could not be opened"},
    [DBIO_REASON_DIRECT_REFUSED] = {"direct_refused",
                                    "the kernel refused an aligned direct request"},
    [DBIO_REASON_SILENT_FALLBACK] = {"silent_fallback",
                                     "direct requests left pages in the cache: the file system "
                                     "carries them out buffered"},
    [DBIO_REASON_ROLE_DATA] = {"role_data", "mode auto: data is read again, so it is cached"},
    [DBIO_REASON_ROLE_LOG] = {"role_log", "mode auto: a log is small unaligned appends"},
    [DBIO_REASON_ROLE_TEMP] = {"role_temp", "mode auto: temporary data is read back soon"},
    [DBIO_REASON_ROLE_SCAN] = {"role_scan", "mode auto: a scan would push out the hot set"},
    [DBIO_REASON_LARGE_REQUEST] = {"large_request",
                                   "mode auto: a large request that is not cached keeps out"},
    [DBIO_REASON_UNALIGNED] = {"unaligned",
                               "offset or length is not a multiple of the direct alignment"},
    [DBIO_REASON_UNALIGNED_MEMORY] = {"unaligned_memory",
                                      "the buffer is not aligned: copied through one that is"},
    [DBIO_REASON_RANGE_ABSENT] = {"range_absent", "not all of the range is in the page cache "
                                                  "(read), or nothing of it (write)"},
    [DBIO_REASON_RANGE_CACHED] = {"range_cached", "the page cache holds all of the range (read), "
                                                  "or some of it (write)"},
    [DBIO_REASON_KNOWN_EMPTY] = {"known_empty", "nothing of this part of the file is cached, as "
                                                "remembered from an earlier look"},
    [DBIO_REASON_RESIDENCY_UNKNOWN] = {"residency_unknown",
                                       "the kernel would not say what is cached: taken as cached"},
    [DBIO_REASON_DONTCACHE_REFUSED] = {"dontcache_refused", "RWF_DONTCACHE is not offered here"},
    [DBIO_REASON_USED_BY_CURSOR] = {"used_by_cursor",
                                    "the program uses read(2) or write(2) on the file"},
    [DBIO_REASON_USED_UNALIGNED] = {"used_unaligned",
                                    "the program writes pieces that are not whole blocks"},
    [DBIO_REASON_USED_BY_APPEND] = {"used_by_append", "the file is opened with O_APPEND"},
    [DBIO_REASON_USED_UNTRACKED] = {"used_untracked",
                                    "the program uses the file by means that dbio does not see"},
    [DBIO_REASON_POLICY] = {"policy", "a rule sends the file through the page cache"},
    [DBIO_REASON_SWITCHED_OFF] = {"switched_off", "dbio was switched off in this process"},
    [DBIO_REASON_READ_AHEAD] = {"read_ahead", "the reads run on, and it had been read ahead"},
};

static const char *const stat_names[DBIO_STAT_COUNT] = {
    [DBIO_STAT_READS] = "reads",
    [DBIO_STAT_READ_BYTES] = "read_bytes",
    [DBIO_STAT_WRITES] = "writes",
    [DBIO_STAT_WRITE_BYTES] = "write_bytes",
    [DBIO_STAT_BUFFERED] = "buffered",
    [DBIO_STAT_BUFFERED_FLUSH] = "buffered_flush",
    [DBIO_STAT_DIRECT] = "direct",
    [DBIO_STAT_DIRECT_BOUNCE] = "direct_bounce",
    [DBIO_STAT_DIRECT_EDGES] = "direct_edges",
    [DBIO_STAT_DONTCACHE] = "dontcache",
    [DBIO_STAT_ATOMIC] = "atomic",
    [DBIO_STAT_DIRECT_BYTES] = "direct_bytes",
    [DBIO_STAT_BOUNCE_BYTES] = "bounce_bytes",
    [DBIO_STAT_LOOKS] = "looks",
    [DBIO_STAT_LOOKS_SAVED] = "looks_saved",
    [DBIO_STAT_LOOKS_UNKNOWN] = "looks_unknown",
    [DBIO_STAT_WAITS] = "waits",
    [DBIO_STAT_WAIT_NS] = "wait_ns",
    [DBIO_STAT_WAIT_NS_MAX] = "wait_ns_max",
    [DBIO_STAT_TICKETS] = "tickets",
    [DBIO_STAT_TABLE_FULL] = "table_full",
    [DBIO_STAT_CONTINUED] = "continued",
    [DBIO_STAT_RETRIED_BUFFERED] = "retried_buffered",
    [DBIO_STAT_DEMOTIONS] = "demotions",
    [DBIO_STAT_COLLISIONS] = "collisions",
    [DBIO_STAT_SYNCS] = "syncs",
    [DBIO_STAT_ERRORS_LATCHED] = "errors_latched",
    [DBIO_STAT_EXCLUSIVE] = "exclusive",
    [DBIO_STAT_PARKED] = "parked",
    [DBIO_STAT_FILES] = "files",
    [DBIO_STAT_CROSS_PROCESS] = "cross_process",
    [DBIO_STAT_WAITS_LONG] = "waits_long",
    [DBIO_STAT_RETIRED] = "retired",
    [DBIO_STAT_ORPHANS] = "orphans",
    [DBIO_STAT_SPANS] = "spans",
    [DBIO_STAT_UNTRACKED] = "untracked",
    [DBIO_STAT_BATCH_RING] = "batch_ring",
    [DBIO_STAT_BATCH_CREW] = "batch_crew",
    [DBIO_STAT_BUFFER_BYTES] = "buffer_bytes",
    [DBIO_STAT_BUFFERS_EXHAUSTED] = "buffers_exhausted",
    [DBIO_STAT_AHEAD_READS] = "ahead_reads",
    [DBIO_STAT_AHEAD_BYTES] = "ahead_bytes",
    [DBIO_STAT_AHEAD_WASTED] = "ahead_wasted",
};

const char *
dbio__name_route(unsigned route)
{
    return route < DBIO_ROUTE_COUNT ? route_names[route] : "?";
}

const char *
dbio__name_reason(unsigned reason)
{
    return reason < DBIO_REASON_COUNT ? reasons[reason].name : "?";
}

const char *
dbio__text_reason(unsigned reason)
{
    return reason < DBIO_REASON_COUNT ? reasons[reason].text : "?";
}

const char *
dbio__name_class(unsigned io_class)
{
    static const char *const class_names[DBIO_CLASS_COUNT] = {
        [DBIO_CLASS_DIRECT_READ] = "direct read",
        [DBIO_CLASS_DIRECT_WRITE] = "direct write",
        [DBIO_CLASS_BUFFERED_READ] = "buffered read",
        [DBIO_CLASS_BUFFERED_WRITE] = "buffered write",
        [DBIO_CLASS_EXCLUSIVE] = "exclusive",
    };

    return io_class < DBIO_CLASS_COUNT ? class_names[io_class] : "?";
}

const char *
dbio__name_stat(unsigned stat)
{
    return stat < DBIO_STAT_COUNT ? stat_names[stat] : NULL;
}
