/*
 * board.c - the notice board's layout.
 *
 * Job:       format, recognise, add up.
 * Not its:   files and processes: engine/notice.c, engine/census.c.
 * Callers:   engine/notice.c, engine/census.c.
 * Lock:      the caller's.
 * Invariant: none.
 */
#include "core/board.h"

void
dbio__board_format(void *memory)
{
    struct dbio_board_head *head = memory;

    *head = (struct dbio_board_head){.magic = DBIO_BOARD_MAGIC,
                                     .version = DBIO_BOARD_VERSION,
                                     .places = DBIO_BOARD_PLACES,
                                     .place_bytes = (uint32_t)DBIO_BOARD_PLACE_BYTES};
}

bool
dbio__board_is_sound(const void *memory)
{
    const struct dbio_board_head *head = memory;

    return head->magic == DBIO_BOARD_MAGIC && head->version == DBIO_BOARD_VERSION &&
           head->places == DBIO_BOARD_PLACES && head->place_bytes == DBIO_BOARD_PLACE_BYTES;
}

void
dbio__board_add(struct dbio_board_sums *sums, const struct dbio_place *place)
{
    uint32_t i;

    for (i = 0; i < DBIO_STAT_COUNT; i++) {
        uint64_t value = dbio__stats_sum(&place->counters, (enum dbio_stat)i);

        if (i != DBIO_STAT_WAIT_NS_MAX)
            sums->counters[i] += value;
        else if (value > sums->counters[i])
            sums->counters[i] = value;
    }
    for (i = 0; i < DBIO_REASON_COUNT; i++)
        sums->reasons[i] += dbio__stats_sum_reason(&place->counters, (enum dbio_reason)i);
}
