/*
 * policy.c - a file's standing.
 *
 * Job:       file systems and attributes that rule direct I/O out; modes and roles that
 *            want it.
 * Not its:   one request's shape or residency: core/route.c.
 * Callers:   engine/inode.c (ability), engine/file.c (standing).
 * Lock:      none.
 * Invariant: what is not known to be good goes buffered.
 */
#include "core/policy.h"

#include <stddef.h>

/* uapi/linux/magic.h; written out because core/ includes no system headers. */
#define MAGIC_EXT       0xef53u /* ext2, ext3, ext4 */
#define MAGIC_XFS       0x58465342u
#define MAGIC_BTRFS     0x9123683eu
#define MAGIC_F2FS      0xf2f52010u
#define MAGIC_TMPFS     0x01021994u
#define MAGIC_RAMFS     0x858458f6u
#define MAGIC_HUGETLBFS 0x958458f6u

/* File systems whose O_DIRECT is real, and coherent with the page cache once requests do not
 * overlap. Everything else is unknown: network and stacked file systems keep caches of their
 * own, and accepting O_DIRECT proves nothing (tmpfs accepts it and copies). */
static bool
is_qualified(uint64_t magic)
{
    return magic == MAGIC_EXT || magic == MAGIC_XFS || magic == MAGIC_F2FS || magic == MAGIC_BTRFS;
}

enum dbio_reason
dbio__policy_ability(const struct dbio_ability_facts *facts)
{
    if (facts->fs_magic == MAGIC_TMPFS || facts->fs_magic == MAGIC_RAMFS ||
        facts->fs_magic == MAGIC_HUGETLBFS)
        return DBIO_REASON_FS_NO_DIRECT;
    if (!is_qualified(facts->fs_magic))
        return DBIO_REASON_FS_UNKNOWN;
    if (facts->dax)
        return DBIO_REASON_FILE_DAX;
    if (facts->compressed)
        return DBIO_REASON_FILE_COMPRESSED;
    if (facts->encrypted)
        return DBIO_REASON_FILE_ENCRYPTED;
    if (facts->verity)
        return DBIO_REASON_FILE_VERITY;
    /* A page that changes while a direct write is in flight no longer matches its checksum;
     * since 6.15 btrfs itself sends such writes through the page cache. */
    if (facts->fs_magic == MAGIC_BTRFS && !facts->no_checksum)
        return DBIO_REASON_FS_CHECKSUM;
    if (!facts->has_alignment)
        return DBIO_REASON_FS_NO_DIRECT;
    return DBIO_REASON_NONE;
}

/* Mode auto. Data and temporary files live from being read again, and without knowing the
 * miss ratio the page cache is the choice that is never 80 times wrong; their large requests
 * (scans, bulk loads) keep out of it. A log is small unaligned appends. A scan is read once. */
static struct dbio_standing
standing_by_role(enum dbio_role role)
{
    static const struct dbio_standing table[] = {
        [DBIO_ROLE_DATA] = {.large_direct = true, .reason = DBIO_REASON_ROLE_DATA},
        [DBIO_ROLE_LOG] = {.reason = DBIO_REASON_ROLE_LOG},
        [DBIO_ROLE_TEMP] = {.large_direct = true, .reason = DBIO_REASON_ROLE_TEMP},
        [DBIO_ROLE_SCAN] = {.direct = true, .reason = DBIO_REASON_ROLE_SCAN},
    };

    return table[role];
}

struct dbio_standing
dbio__policy_standing(enum dbio_mode mode, enum dbio_role role, enum dbio_reason ability)
{
    struct dbio_standing standing = {.reason = DBIO_REASON_NONE};

    switch (mode) {
    case DBIO_MODE_BUFFERED:
        standing.reason = DBIO_REASON_MODE_BUFFERED;
        return standing;
    case DBIO_MODE_DONTCACHE:
        standing.reason = DBIO_REASON_MODE_DONTCACHE;
        return standing;
    case DBIO_MODE_DIRECT:
        standing.direct = true;
        standing.reason = DBIO_REASON_MODE_DIRECT;
        break;
    case DBIO_MODE_AUTO:
        standing = standing_by_role(role);
        break;
    }
    if (ability != DBIO_REASON_NONE) {
        standing.direct = standing.large_direct = false;
        standing.reason = ability;
    }
    return standing;
}
