/*
 * board.h - the notice board: a file in memory in which contexts count where others can read.
 *
 * A head, and a place for each context. Who owns a place is told by a process number and that
 * process's start time; that is good enough for statistics, and nothing else rests on it. Places
 * are given and folded under the file's lock (os/registry.h). Pure layout, no pointers.
 */
#ifndef CORE_BOARD_H
#define CORE_BOARD_H

#include "core/stats.h"

#define DBIO_BOARD_MAGIC   UINT64_C(0x6462696f626f6172) /* "dbioboar" */
#define DBIO_BOARD_VERSION 1u
#define DBIO_BOARD_PLACES  384u
#define DBIO_BOARD_PAGE    4096u

/* Sums of those that have ended. */
struct dbio_board_sums {
    uint64_t counters[DBIO_STAT_COUNT];
    uint64_t reasons[DBIO_REASON_COUNT];
};

struct dbio_board_head {
    uint64_t magic;
    uint32_t version, places, place_bytes, spare;
    _Atomic uint32_t all_off; /* 1: whoever joins is switched off */
    uint32_t turned_away;     /* contexts that found no place */
    struct dbio_board_sums departed;
};
_Static_assert(sizeof(struct dbio_board_head) <= DBIO_BOARD_PAGE, "the head is one page");

struct dbio_place {
    _Atomic uint64_t start; /* of the process, in clock ticks since boot */
    _Atomic int32_t pid;    /* 0: free */
    _Atomic uint32_t off;   /* 1: everything through the page cache */
    char program[32];
    uint8_t pad[DBIO_CACHE_LINE - 48];
    struct dbio_counters counters;
};

#define DBIO_BOARD_PLACE_BYTES \
    ((sizeof(struct dbio_place) + DBIO_BOARD_PAGE - 1) / DBIO_BOARD_PAGE * DBIO_BOARD_PAGE)
#define DBIO_BOARD_BYTES (DBIO_BOARD_PAGE + DBIO_BOARD_PLACES * DBIO_BOARD_PLACE_BYTES)

static inline struct dbio_place *
dbio__board_place(void *memory, uint32_t index)
{
    return (struct dbio_place *)(void *)((char *)memory + DBIO_BOARD_PAGE +
                                         index * DBIO_BOARD_PLACE_BYTES);
}

/* Gives an empty board its head. */
void dbio__board_format(void *memory);
/* Is this a board of this version? */
bool dbio__board_is_sound(const void *memory);
/* Adds what a place has counted to sums. */
void dbio__board_add(struct dbio_board_sums *sums, const struct dbio_place *place);

#endif
