/*
 * vector.h - walking an iovec array without changing it. Pure.
 *
 * A cursor stands at a byte of the array. A window is a copy of the next few entries,
 * trimmed to the cursor and to a length, fit for one system call.
 */
#ifndef BASE_VECTOR_H
#define BASE_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define DBIO_VECTOR_WINDOW 64 /* entries of one window; 1 KiB of stack */

struct dbio_cursor {
    const struct iovec *vector;
    size_t index;  /* entry */
    size_t within; /* byte within it */
};

/* Fills `window` with at most `length` bytes from the cursor on; their number in *bytes.
 * Returns the entries used. The cursor stays. */
int dbio__vector_window(const struct dbio_cursor *cursor, size_t length,
                        struct iovec window[DBIO_VECTOR_WINDOW], size_t *bytes);

/* Moves the cursor `bytes` on; they must be there. */
void dbio__vector_advance(struct dbio_cursor *cursor, size_t bytes);

/* Copies `bytes` from the cursor to `target`, or from `source` to the cursor, and moves on. */
void dbio__vector_gather(struct dbio_cursor *cursor, void *target, size_t bytes);
void dbio__vector_scatter(struct dbio_cursor *cursor, const void *source, size_t bytes);

/* Are the next `length` bytes in pieces whose addresses are multiples of memory_align, and
 * whose lengths are multiples of length_align? */
bool dbio__vector_aligned(const struct dbio_cursor *cursor, size_t length, uint32_t memory_align,
                          uint32_t length_align);

#endif
