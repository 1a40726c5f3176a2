/*
 * t_dbio.h - what tests of the library through its public interface share: open and ask with
 * every failure a failed case, aligned memory, places where direct I/O works.
 */
#ifndef T_DBIO_H
#define T_DBIO_H

#include "dbio.h"
#include "t_support.h"

#define T_PAGE ((size_t)4096)

/* A context with the defaults. */
struct dbio_context *t_context(void);
/* A handle, reading and writing; the file is made if it is not there. */
struct dbio_file *t_open(struct dbio_context *context, const char *path, enum dbio_mode mode);
/* Closes the handle and the context; both must say 0. */
void t_close(struct dbio_context *context, struct dbio_file *file);

/* A file "file" of `size` bytes of the pattern with seed T_SEED, nothing of it cached, and a
 * handle on it in a context of its own. */
#define T_SEED UINT64_C(7)
struct t_rig {
    const char *path;
    struct dbio_context *context;
    struct dbio_file *file;
};
struct t_rig t_rig(const char *directory, enum dbio_mode mode, uint64_t size);

/* Writes the pattern of T_NEW; reads and finds the pattern of T_SEED. */
#define T_NEW UINT64_C(11)
void t_write_new(struct dbio_file *file, size_t length, uint64_t offset);
void t_read_old(struct dbio_file *file, size_t length, uint64_t offset);
/* The file has the pattern of T_NEW in [offset, offset + length) and that of T_SEED elsewhere. */
void t_verify_new(const char *path, size_t length, uint64_t offset);

/* Fails the case unless nothing was asked of the kernel through the context, and the file is as
 * it was made. */
void t_rig_unchanged(const struct t_rig *rig, uint64_t size);

/* One counter; the whole of dbio_why(). */
uint64_t t_stat(struct dbio_context *context, enum dbio_stat stat);
struct dbio_why t_why(struct dbio_file *file);
/* Requests on the file's inode that went a way, or for a reason, so far. */
uint64_t t_routed(struct dbio_file *file, enum dbio_route route);
uint64_t t_reasoned(struct dbio_file *file, enum dbio_reason reason);

/* As t_path(), good for ever. */
const char *t_path_kept(const char *directory, const char *name);

/* Zeroed memory, aligned to 64 KiB; t_unaligned: one byte past that. Kept until the end: a case
 * is a process. Any thread. */
void *t_aligned(size_t length);
void *t_unaligned(size_t length);
/* The same with the pattern of t_file.h. */
void *t_patterned(size_t length, uint64_t seed, uint64_t offset);

/* Open descriptors of this process. */
int t_descriptors(void);

/* The file systems on which dbio goes direct. On btrfs the directory is marked "no copy on
 * write", which its files inherit. The last has a NULL name. */
const struct t_filesystem *t_direct_filesystems(void);
/* Adds a case that runs once for each of them, its number in _i; once if there is none. */
void t_add_direct_test(TCase *cases, const TTest *test);
/* The same for each of t_filesystems(). */
void t_add_filesystem_test(TCase *cases, const TTest *test);

/* At the top of such a case: skips it if there is none. */
#define T_DIRECT_OR_SKIP(filesystem)                                     \
    const struct t_filesystem *filesystem = &t_direct_filesystems()[_i]; \
    if ((filesystem)->name == NULL)                                      \
    t_skip("no file system with direct I/O among those to test on")

#endif
