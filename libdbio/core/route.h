/*
 * route.h - facts in, route out: the table at the heart. Pure.
 *
 * Asked twice at most. Before the request is announced residency is NOT_ASKED; if the answer
 * depends on it, `look` is set and `class` is what to announce meanwhile. The second answer,
 * with residency, is final; if its class is another, the engine withdraws and announces anew.
 */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/inflight.h"
#include "core/policy.h"
#include "dbio_types.h"

enum dbio_residency {
    DBIO_RESIDENCY_NOT_ASKED,
    DBIO_RESIDENCY_ABSENT,      /* no page of the range is cached */
    DBIO_RESIDENCY_KNOWN_EMPTY, /* the same, from memory */
    DBIO_RESIDENCY_PARTIAL,
    DBIO_RESIDENCY_FULL,
    DBIO_RESIDENCY_UNKNOWN,
};

/* An unaligned write goes direct in its middle only if the middle is at least this long:
 * below, two flushed edges cost more than copying the whole. */
#define DBIO_EDGES_MIDDLE_MIN (128u * 1024u)

struct dbio_request_facts {
    struct dbio_standing standing;
    bool write;
    bool atomic;         /* DBIO_ATOMIC; the engine has checked that the file can */
    bool dontcache;      /* by flag or mode */
    bool dontcache_here; /* the kernel offers RWF_DONTCACHE on this file */
    bool range_aligned;  /* offset and length, to the direct alignment */
    bool memory_aligned; /* every buffer's address and length */
    bool large;          /* at least large_request_bytes */
    uint64_t middle;     /* write: bytes of whole aligned blocks within the range */
    enum dbio_residency residency;
};

struct dbio_choice {
    enum dbio_route route;
    enum dbio_reason reason;
    enum dbio_class class; /* to announce */
    bool look;             /* ask for residency, then ask again */
};

struct dbio_choice dbio__route(const struct dbio_request_facts *facts);

#endif
