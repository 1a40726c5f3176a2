/*
 * facts.c - what the kernel says about a descriptor.
 *
 * Job:       ask fstat, fstatfs, statx and the inode flags once, and fill the gaps.
 * Not its:   judging: whether a file system is good for direct I/O is decided from
 *            `fs_magic` and the rest by others.
 * Callers:   engine/, when a file is opened.
 * Lock:      none.
 * Invariant: an alignment is 0 or a power of two; both are 0 or neither.
 */
#include "os/facts.h"

#include <linux/fs.h>
#include <linux/magic.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "os/sys.h"

/* statx by our own words: the headers of Linux 6.1 end before the atomic write limits. */
struct dbio_statx_time {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t spare;
};

struct dbio_statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t links, uid, gid;
    uint16_t mode, spare0;
    uint64_t inode, size, blocks, attributes_mask;
    struct dbio_statx_time accessed, born, changed, modified;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t mount;
    uint32_t dio_memory_align, dio_offset_align;
    uint64_t subvolume;
    uint32_t atomic_unit_min, atomic_unit_max, atomic_segments_max;
    uint32_t spare[19];
};
_Static_assert(sizeof(struct dbio_statx) == 256, "statx fills 256 bytes");
_Static_assert(offsetof(struct dbio_statx, dio_memory_align) == 0x98, "uapi/linux/stat.h");
_Static_assert(offsetof(struct dbio_statx, atomic_unit_min) == 0xa8, "uapi/linux/stat.h");

#define MASK_BIRTH        0x00000800u
#define MASK_DIO_ALIGN    0x00002000u /* 6.1 */
#define MASK_WRITE_ATOMIC 0x00010000u /* 6.11 */

#define ATTRIBUTE_COMPRESSED 0x00000004u
#define ATTRIBUTE_ENCRYPTED  0x00000800u
#define ATTRIBUTE_VERITY     0x00100000u
#define ATTRIBUTE_DAX        0x00200000u

#define SECTOR_BYTES      512u
#define BLOCK_BYTES_USUAL 4096u

static bool
is_power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* What fits every file system that has direct I/O and says nothing about its alignment. */
static void
fall_back(struct dbio_facts *facts)
{
    facts->offset_align = SECTOR_BYTES;
    /* FUSE servers may name any number. */
    if (facts->block_size > SECTOR_BYTES)
        facts->offset_align =
            is_power_of_two(facts->block_size) ? facts->block_size : BLOCK_BYTES_USUAL;
    /* btrfs, which says nothing, wants memory aligned like offsets and else goes through the page
     * cache without a word (check_direct_IO, fs/btrfs/direct-io.c). */
    facts->memory_align = facts->offset_align;
}

/* The kernel's own words: 0 for a file that has no direct I/O. Anything that is not a power of
 * two we could not use. */
static void
take_alignment(struct dbio_facts *facts, const struct dbio_statx *status)
{
    bool usable =
        is_power_of_two(status->dio_memory_align) && is_power_of_two(status->dio_offset_align);

    facts->reports_align = true;
    facts->memory_align = usable ? status->dio_memory_align : 0;
    facts->offset_align = usable ? status->dio_offset_align : 0;
}

static void
take_statx(struct dbio_facts *facts, const struct dbio_statx *status)
{
    if ((status->mask & MASK_DIO_ALIGN) != 0)
        take_alignment(facts, status);
    if ((status->mask & MASK_WRITE_ATOMIC) != 0) {
        facts->atomic_min = status->atomic_unit_min;
        facts->atomic_max = status->atomic_unit_max;
    }
    if ((status->mask & MASK_BIRTH) != 0)
        facts->identity.birth =
            (uint64_t)status->born.seconds * 1000000000u + status->born.nanoseconds;
    facts->compressed = (status->attributes & ATTRIBUTE_COMPRESSED) != 0;
    facts->encrypted = (status->attributes & ATTRIBUTE_ENCRYPTED) != 0;
    facts->verity = (status->attributes & ATTRIBUTE_VERITY) != 0;
    facts->dax = (status->attributes & ATTRIBUTE_DAX) != 0;
}

/* btrfs computes no checksums for the data of files that are not copied on write. */
static bool
lacks_checksum(int fd, const struct dbio_facts *facts)
{
    /* The request says long, the kernel stores an int (fs/ioctl.c). */
    long flags = 0;

    if (facts->fs_magic != BTRFS_SUPER_MAGIC)
        return false;
    return dbio__sys_ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_NOCOW_FL) != 0;
}

int
dbio__facts_gather(int fd, struct dbio_facts *facts)
{
    struct stat status;
    struct statfs system;
    struct dbio_statx extended;
    int result;

    memset(facts, 0, sizeof(*facts));
    result = dbio__sys_fstat(fd, &status);
    if (result != 0)
        return result;
    result = dbio__sys_fstatfs(fd, &system);
    if (result != 0)
        return result;
    facts->identity.device = (uint64_t)major(status.st_dev) << 32 | minor(status.st_dev);
    facts->identity.inode = status.st_ino;
    facts->size = (uint64_t)status.st_size;
    facts->file_type = status.st_mode & S_IFMT;
    facts->fs_magic = (uint32_t)system.f_type;
    facts->block_size = (uint32_t)system.f_bsize;
    fall_back(facts);
    memset(&extended, 0, sizeof(extended));
    if (dbio__sys_statx(fd, MASK_BIRTH | MASK_DIO_ALIGN | MASK_WRITE_ATOMIC, &extended) == 0)
        take_statx(facts, &extended);
    facts->no_checksum = lacks_checksum(fd, facts);
    return 0;
}
