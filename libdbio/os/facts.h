/*
 * facts.h - what the kernel says about a descriptor: identity, kind, size, file system,
 * alignment and limits of direct I/O.
 *
 * statx(2) with STATX_DIOALIGN (6.1) and STATX_WRITE_ATOMIC (6.11), statfs(2) for the
 * file system, FS_IOC_GETFLAGS for btrfs's no-checksum flag. What a kernel does not
 * report is filled by the rule that holds on every file system that has direct I/O here:
 * memory and offset the larger of 512 and the file system's block size.
 */
#ifndef OS_FACTS_H
#define OS_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

struct dbio_identity {
    uint64_t device; /* major << 32 | minor */
    uint64_t inode;
    uint64_t birth; /* birth time in ns, 0 if the file system has none: tells a reused
                       inode number from the old file */
};

struct dbio_facts {
    struct dbio_identity identity;
    uint64_t size;         /* bytes, now */
    uint32_t file_type;    /* S_IFMT bits */
    uint64_t fs_magic;     /* statfs f_type; EXT4_SUPER_MAGIC, ... */
    uint32_t block_size;   /* bytes; the file system's */
    uint32_t memory_align; /* bytes; 0: no direct I/O here */
    uint32_t offset_align; /* bytes; 0: no direct I/O here */
    uint32_t atomic_min;   /* bytes; 0: no RWF_ATOMIC */
    uint32_t atomic_max;
    bool dax, compressed, encrypted, verity;
    bool no_checksum;   /* btrfs: nodatacow file */
    bool reports_align; /* the alignments are the kernel's own words */
};

/* 0, or the error of fstat or fstatfs. What statx or the flags would have said and did not
 * is left at its fallback. */
DBIO_CHECKED int dbio__facts_gather(int fd, struct dbio_facts *facts);

#endif
