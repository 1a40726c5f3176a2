/*
 * batch_join.c - writes that lie side by side, submitted together, are one.
 *
 * Job:       join what a submission has of adjacent writes; tell each what became of it.
 * Not its:   carrying the whole out: batch_run.c, for which it is one write with a vector.
 * Callers:   engine/batch.c, batch_run.c.
 * Lock:      none: a batch is one thread's.
 * Invariant: every request is answered for its own bytes: where the whole failed, or came short,
 *            those that it did not cover are carried out alone.
 *
 * A bulk load or a checkpoint writes pages, and the device wants more at a time: joined, they have
 * one announcement, one look at the cache, and one trip.
 */
#include "base/mem.h"
#include "engine/batch.h"

/* Longer gains nothing more (libdbio/README.md, W6). */
#define JOIN_MOST   ((size_t)1024 * 1024)
#define JOIN_PIECES 256u /* UIO_MAXIOV is 1024 */

static bool
is_whole_blocks(const struct dbio_batch_request *request)
{
    const struct dbio_transfer *t = &request->transfer;
    const struct dbio_facts *facts = &t->file->inode->facts;

    return dbio__is_aligned(t->offset | t->length, facts->offset_align) &&
           dbio__is_aligned((uintptr_t)request->single.iov_base, facts->memory_align);
}

/* May it be part of a whole at all? */
static bool
is_plain(const struct dbio_batch_request *request)
{
    const struct dbio_transfer *t = &request->transfer;

    return request->code == DBIO_BATCH_WRITE && request->count == 1 && !request->linked &&
           request->next == NULL && t->length > 0 && !t->atomic && !t->nowait && !t->dontcache &&
           t->file->inode->ability == DBIO_REASON_NONE && is_whole_blocks(request);
}

static bool
may_follow(const struct dbio_batch_request *request, const struct dbio_batch_request *before,
           size_t total)
{
    const struct dbio_transfer *t = &request->transfer, *b = &before->transfer;

    return is_plain(request) && t->file == b->file && t->durable == b->durable &&
           t->offset == b->offset + b->length && t->length <= JOIN_MOST - total;
}

static struct dbio_batch_request *
request_of(struct dbio_link *link)
{
    return DBIO_CONTAINER_OF(link, struct dbio_batch_request, link);
}

static bool
is_behind(const struct iovec *piece, const struct dbio_batch_request *request)
{
    return (char *)piece->iov_base + piece->iov_len == request->single.iov_base;
}

/* The memory of a whole: one entry for each run of bytes. Their number. */
static int
lay_out(const struct dbio_batch_request *lead, struct iovec *pieces)
{
    const struct dbio_batch_request *each;
    int count = 0;

    pieces[count++] = lead->single;
    for (each = lead->riders; each != NULL; each = each->riders)
        if (is_behind(&pieces[count - 1], each))
            pieces[count - 1].iov_len += each->single.iov_len;
        else
            pieces[count++] = each->single;
    return count;
}

void
dbio__batch_join(struct dbio_batch *batch, struct dbio_batch_request *lead)
{
    struct dbio_batch_request *last = lead;
    size_t total = lead->transfer.length;
    unsigned joined = 1;

    if (lead->alone || !is_plain(lead) || total >= JOIN_MOST)
        return;
    while (joined < JOIN_PIECES && !dbio__list_empty(&batch->prepared)) {
        struct dbio_batch_request *request = request_of(batch->prepared.next);

        if (!may_follow(request, last, total))
            break;
        if (joined == 1) {
            lead->pieces = dbio__mem_alloc(batch->depth * sizeof(lead->pieces[0]));
            if (lead->pieces == NULL) /* then each goes alone */
                return;
        }
        dbio__list_remove(&request->link);
        request->state = DBIO_BATCH_RIDING;
        last->riders = request;
        last = request;
        total += request->transfer.length;
        joined++;
    }
    if (joined == 1)
        return;
    lead->range.begin = lead->transfer.offset;
    lead->count = lay_out(lead, lead->pieces);
    lead->transfer.cursor = (struct dbio_cursor){.vector = lead->pieces};
    lead->transfer.length = total;
}

/* As it was prepared. */
static void
restore(struct dbio_batch_request *request)
{
    struct dbio_transfer *t = &request->transfer;

    t->offset = request->range.begin;
    t->done = 0;
    t->length = request->asked;
    t->cursor = (struct dbio_cursor){.vector = &request->single};
    t->announcer = NULL;
    request->count = 1;
}

static void
count_rider(const struct dbio_batch_request *request)
{
    const struct dbio_choice *choice = &request->settled.choice;
    const struct dbio_transfer *t = &request->transfer;
    uint32_t thread = dbio__arbitration_thread();

    /* Its bytes are in the whole's. */
    dbio__stats_request(&t->file->context->board.place->counters, thread, DBIO_STAT_WRITES, 0,
                        choice->route, choice->reason);
    dbio__stats_note(&t->file->inode->history, thread, choice->route, choice->reason);
}

void
dbio__batch_part(struct dbio_batch_request *lead, int64_t result)
{
    struct dbio_batch *batch = lead->batch;
    struct dbio_choice choice = lead->settled.choice;
    struct dbio_batch_request *each = lead;
    uint64_t left = result > 0 ? (uint64_t)result : 0;

    dbio__mem_free(lead->pieces, batch->depth * sizeof(lead->pieces[0]));
    lead->pieces = NULL;
    restore(lead);
    while (each != NULL) {
        struct dbio_batch_request *next = each->riders;
        uint64_t own = left < each->asked ? left : each->asked;

        each->riders = NULL;
        left -= own;
        if (own == 0) { /* its own trouble, if it has any, is not known yet */
            each->alone = true;
            dbio__list_append(&batch->ready, &each->link);
        } else {
            each->settled.choice = choice;
            if (each != lead)
                count_rider(each);
            dbio__batch_finish(each, (int64_t)own);
        }
        each = next;
    }
}
