/* notice.h - where a context counts: memory of its own, or a place on the board that others read. */
#ifndef ENGINE_NOTICE_H
#define ENGINE_NOTICE_H

#include "base/compiler.h"
#include "core/board.h"

#define DBIO_NOTICE_PATH 256u

struct dbio_notice {
    struct dbio_place *place; /* never NULL once started */
    void *memory;             /* the board, mapped; NULL: `place` is memory of our own */
    char path[DBIO_NOTICE_PATH];
};

/* `wish`: an absolute path, "off", or NULL for the environment's. What speaks against the board is
 * logged, and counted in memory of our own. 0 or -ENOMEM. */
DBIO_CHECKED int dbio__notice_start(struct dbio_notice *notice, const char *wish);
/* What was counted is added to what those that have ended did. */
void dbio__notice_end(struct dbio_notice *notice);
/* In a child of fork(2): begins at 0 in a place of its own. */
void dbio__notice_in_child(struct dbio_notice *notice);

#endif
