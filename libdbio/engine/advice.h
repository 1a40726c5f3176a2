/* advice.h - POSIX_FADV_* for a range, kept from undoing what dbio does. */
#ifndef ENGINE_ADVICE_H
#define ENGINE_ADVICE_H

#include "engine/file.h"

/* As dbio_advise(); `range` may end at infinity. */
DBIO_CHECKED int dbio__advice_give(struct dbio_file *file, struct dbio_range range, int advice);

#endif
