/*
 * policy.h - a file's standing: may its requests go direct, and do they want to? Pure.
 *
 * Two questions, kept apart. Ability belongs to the inode: what its file system and its
 * attributes allow. Wish belongs to the handle: mode and role. A request goes direct only
 * where both say so.
 */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "dbio_types.h"

/* What os/facts.h found, in the words that matter here. */
struct dbio_ability_facts {
    uint64_t fs_magic;
    bool has_alignment; /* the file has an alignment for direct I/O */
    bool dax, compressed, encrypted, verity;
    bool no_checksum; /* btrfs: nodatacow */
};

/* DBIO_REASON_NONE if direct I/O may be used, else why not. */
enum dbio_reason dbio__policy_ability(const struct dbio_ability_facts *facts);

struct dbio_standing {
    bool direct;             /* requests go direct unless something speaks against it */
    bool large_direct;       /* large aligned requests that are not cached do */
    enum dbio_reason reason; /* of `direct` being what it is */
};

/* The wish of a handle, given the inode's ability. */
struct dbio_standing dbio__policy_standing(enum dbio_mode mode, enum dbio_role role,
                                           enum dbio_reason ability);

#endif
