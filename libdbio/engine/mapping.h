/* mapping.h - mappings pin their inode to the page cache. */
#ifndef ENGINE_MAPPING_H
#define ENGINE_MAPPING_H

#include "engine/file.h"

/* As dbio_map() and dbio_unmap(); arguments have been checked. */
DBIO_CHECKED int dbio__mapping_add(struct dbio_file *file, uint64_t offset, size_t length,
                                   int protection, int flags, void **address);
DBIO_CHECKED int dbio__mapping_remove(struct dbio_file *file, void *address, size_t length);

/* The program maps the file by itself, unseen: pinned until the process ends. */
DBIO_CHECKED int dbio__mapping_pin_for_good(struct dbio_file *file);

#endif
