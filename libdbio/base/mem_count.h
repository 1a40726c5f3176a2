/*
 * mem_count.h - what both kinds of memory share: failing on demand, and counting.
 *
 * For mem_jemalloc.c, mem_slab.c and region.c only; it implements the two test calls of mem.h.
 */
#ifndef BASE_MEM_COUNT_H
#define BASE_MEM_COUNT_H

#include <stdbool.h>

#include "base/compiler.h"

/* Asked before memory is taken: false if dbio__mem_fail_after says that this one fails. */
DBIO_CHECKED bool dbio__mem_count_allows(void);
/* Memory was handed out, or given back. */
void dbio__mem_count_taken(void);
void dbio__mem_count_given(void);

#endif
