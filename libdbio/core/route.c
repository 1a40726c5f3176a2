/*
 * route.c - which way shall these bytes go?
 *
 * Job:       the decision, as a pure function.
 * Not its:   collecting facts, announcing, doing.
 * Callers:   engine/transfer.c.
 * Lock:      none.
 * Invariant: a route that touches the page cache has a buffered or the exclusive class, a
 *            direct one a direct or the exclusive class.
 */
#include "core/route.h"

static struct dbio_choice
buffered(const struct dbio_request_facts *f, enum dbio_route route, enum dbio_reason reason)
{
    struct dbio_choice choice = {
        .route = route,
        .reason = reason,
        .class = f->write ? DBIO_CLASS_BUFFERED_WRITE : DBIO_CLASS_BUFFERED_READ,
    };
    return choice;
}

static struct dbio_choice
direct(const struct dbio_request_facts *f, enum dbio_route route, enum dbio_reason reason)
{
    struct dbio_choice choice = {
        .route = route,
        .reason = reason,
        .class = f->write ? DBIO_CLASS_DIRECT_WRITE : DBIO_CLASS_DIRECT_READ,
    };
    return choice;
}

/* What a request that stays in the cache does: plainly, or without leaving pages behind. */
static struct dbio_choice
choose_buffered(const struct dbio_request_facts *f)
{
    enum dbio_reason reason = f->standing.reason;

    if (!f->dontcache)
        return buffered(f, DBIO_ROUTE_BUFFERED, reason);
    if (!f->dontcache_here)
        return buffered(f, DBIO_ROUTE_BUFFERED, DBIO_REASON_DONTCACHE_REFUSED);
    if (reason != DBIO_REASON_MODE_DONTCACHE)
        reason = DBIO_REASON_DONTCACHE_ASKED;
    return buffered(f, DBIO_ROUTE_DONTCACHE, reason);
}

/* Nothing in the cache speaks against it: direct, from the caller's memory if that is fit. */
static struct dbio_choice
choose_direct(const struct dbio_request_facts *f, enum dbio_reason reason)
{
    if (!f->range_aligned) /* only reads come here: the superset is read, the rest dropped */
        return direct(f, DBIO_ROUTE_DIRECT_BOUNCE, DBIO_REASON_UNALIGNED);
    if (!f->memory_aligned)
        return direct(f, DBIO_ROUTE_DIRECT_BOUNCE, DBIO_REASON_UNALIGNED_MEMORY);
    if (!f->standing.direct)
        reason = DBIO_REASON_LARGE_REQUEST;
    return direct(f, DBIO_ROUTE_DIRECT, reason);
}

static struct dbio_choice
choose_read(const struct dbio_request_facts *f)
{
    struct dbio_choice choice = choose_direct(f, DBIO_REASON_RANGE_ABSENT);

    switch (f->residency) {
    case DBIO_RESIDENCY_NOT_ASKED:
        choice.look = true;
        return choice;
    case DBIO_RESIDENCY_KNOWN_EMPTY:
        return choose_direct(f, DBIO_REASON_KNOWN_EMPTY);
    case DBIO_RESIDENCY_ABSENT:
    case DBIO_RESIDENCY_PARTIAL: /* the kernel writes dirty pages back before it reads */
        return choice;
    case DBIO_RESIDENCY_FULL:
        return buffered(f, DBIO_ROUTE_BUFFERED, DBIO_REASON_RANGE_CACHED);
    case DBIO_RESIDENCY_UNKNOWN:
        break;
    }
    return buffered(f, DBIO_ROUTE_BUFFERED, DBIO_REASON_RESIDENCY_UNKNOWN);
}

static struct dbio_choice
choose_write(const struct dbio_request_facts *f)
{
    struct dbio_choice flush = buffered(f, DBIO_ROUTE_BUFFERED_FLUSH, DBIO_REASON_UNALIGNED);
    struct dbio_choice choice;
    bool edges = !f->range_aligned;

    if (edges && f->middle < DBIO_EDGES_MIDDLE_MIN)
        return flush;
    if (edges) {
        choice = direct(f, DBIO_ROUTE_DIRECT_EDGES, DBIO_REASON_UNALIGNED);
        choice.class = flush.class = DBIO_CLASS_EXCLUSIVE;
    } else {
        choice = choose_direct(f, DBIO_REASON_RANGE_ABSENT);
    }
    switch (f->residency) {
    case DBIO_RESIDENCY_NOT_ASKED:
        choice.look = true;
        return choice;
    case DBIO_RESIDENCY_KNOWN_EMPTY:
        return edges ? choice : choose_direct(f, DBIO_REASON_KNOWN_EMPTY);
    case DBIO_RESIDENCY_ABSENT:
        return choice;
    case DBIO_RESIDENCY_PARTIAL:
    case DBIO_RESIDENCY_FULL:
        flush.reason = DBIO_REASON_RANGE_CACHED;
        return flush;
    case DBIO_RESIDENCY_UNKNOWN:
        break;
    }
    flush.reason = DBIO_REASON_RESIDENCY_UNKNOWN;
    return flush;
}

struct dbio_choice
dbio__route(const struct dbio_request_facts *f)
{
    bool large = f->standing.large_direct && f->large && f->range_aligned;

    if (f->atomic)
        return direct(f, DBIO_ROUTE_ATOMIC, DBIO_REASON_ATOMIC_ASKED);
    if (!f->standing.direct && (!large || f->dontcache))
        return choose_buffered(f);
    if (f->write && !f->standing.direct && f->residency != DBIO_RESIDENCY_NOT_ASKED &&
        f->residency != DBIO_RESIDENCY_ABSENT && f->residency != DBIO_RESIDENCY_KNOWN_EMPTY)
        return choose_buffered(f); /* a buffered file's cached pages need no flush per write */
    return f->write ? choose_write(f) : choose_read(f);
}
