/*
 * vector.c - walking an iovec array.
 *
 * Job:       windows, copies and alignment of the caller's buffers.
 * Not its:   validity of the array: api/ has checked it.
 * Callers:   engine/transfer_*.c.
 * Lock:      none; a cursor belongs to one request.
 * Invariant: a cursor never stands at the end of an entry unless it is the last.
 */
#include "base/vector.h"

#include <string.h>

#include "base/check.h"

int
dbio__vector_window(const struct dbio_cursor *cursor, size_t length,
                    struct iovec window[DBIO_VECTOR_WINDOW], size_t *bytes)
{
    size_t index = cursor->index, within = cursor->within, total = 0;
    int count = 0;

    while (total < length && count < DBIO_VECTOR_WINDOW) {
        size_t piece = cursor->vector[index].iov_len - within;

        if (piece > length - total)
            piece = length - total;
        if (piece > 0) {
            window[count].iov_base = (char *)cursor->vector[index].iov_base + within;
            window[count].iov_len = piece;
            count++;
            total += piece;
        }
        index++;
        within = 0;
    }
    *bytes = total;
    return count;
}

/* What is left of the current entry, at most `bytes`; skips empty entries. */
static size_t
next_piece(struct dbio_cursor *cursor, size_t bytes, char **at)
{
    size_t piece;

    while (cursor->within == cursor->vector[cursor->index].iov_len) {
        cursor->index++;
        cursor->within = 0;
    }
    piece = cursor->vector[cursor->index].iov_len - cursor->within;
    *at = (char *)cursor->vector[cursor->index].iov_base + cursor->within;
    return piece < bytes ? piece : bytes;
}

void
dbio__vector_advance(struct dbio_cursor *cursor, size_t bytes)
{
    while (bytes > 0) {
        char *at;
        size_t piece = next_piece(cursor, bytes, &at);

        cursor->within += piece;
        bytes -= piece;
    }
}

void
dbio__vector_gather(struct dbio_cursor *cursor, void *target, size_t bytes)
{
    char *to = target;

    while (bytes > 0) {
        char *at;
        size_t piece = next_piece(cursor, bytes, &at);

        memcpy(to, at, piece);
        cursor->within += piece;
        to += piece;
        bytes -= piece;
    }
}

void
dbio__vector_scatter(struct dbio_cursor *cursor, const void *source, size_t bytes)
{
    const char *from = source;

    while (bytes > 0) {
        char *at;
        size_t piece = next_piece(cursor, bytes, &at);

        memcpy(at, from, piece);
        cursor->within += piece;
        from += piece;
        bytes -= piece;
    }
}

bool
dbio__vector_aligned(const struct dbio_cursor *cursor, size_t length, uint32_t memory_align,
                     uint32_t length_align)
{
    const struct iovec *first = &cursor->vector[cursor->index];
    struct dbio_cursor at = *cursor;

    dbio_assert(memory_align != 0 && length_align != 0);
    if (DBIO_LIKELY(length > 0 && first->iov_len - cursor->within >= length)) /* in one piece */
        return (((uintptr_t)first->iov_base + cursor->within) & (memory_align - 1)) == 0 &&
               (length & (length_align - 1)) == 0;
    while (length > 0) {
        char *address;
        size_t piece = next_piece(&at, length, &address);

        if (((uintptr_t)address & (memory_align - 1)) != 0 || (piece & (length_align - 1)) != 0)
            return false;
        at.within += piece;
        length -= piece;
    }
    return true;
}
