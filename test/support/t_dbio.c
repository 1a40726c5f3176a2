/* t_dbio.c - what tests of the library through its public interface share. */
#include "t_dbio.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_cache.h"
#include "t_file.h"

#define ALIGNMENT  65536
#define DIRECT_MAX 16

struct dbio_context *
t_context(void)
{
    struct dbio_context *context = NULL;

    ck_assert_int_eq(dbio_context_create(NULL, &context), 0);
    ck_assert_ptr_nonnull(context);
    return context;
}

struct dbio_file *
t_open(struct dbio_context *context, const char *path, enum dbio_mode mode)
{
    struct dbio_file_options options = {.size = sizeof(options), .mode = (uint32_t)mode};
    struct dbio_file *file = NULL;
    int error = dbio_open(context, path, O_RDWR | O_CREAT, 0600, &options, &file);

    ck_assert_msg(error == 0, "dbio_open %s: %s", path, dbio_error_name(error));
    return file;
}

void
t_close(struct dbio_context *context, struct dbio_file *file)
{
    ck_assert_int_eq(dbio_close(file), 0);
    ck_assert_int_eq(dbio_context_destroy(context), 0);
}

struct t_rig
t_rig(const char *directory, enum dbio_mode mode, uint64_t size)
{
    struct t_rig rig = {.path = t_path_kept(directory, "file")};

    close(t_file_make(rig.path, T_SEED, size));
    (void)t_cache_drop(rig.path);
    rig.context = t_context();
    rig.file = t_open(rig.context, rig.path, mode);
    return rig;
}

void
t_write_new(struct dbio_file *file, size_t length, uint64_t offset)
{
    const void *buffer = t_patterned(length, T_NEW, offset);

    ck_assert_int_eq(dbio_pwrite(file, buffer, length, (off_t)offset, 0), (ssize_t)length);
}

void
t_read_old(struct dbio_file *file, size_t length, uint64_t offset)
{
    void *buffer = t_aligned(length);

    ck_assert_int_eq(dbio_pread(file, buffer, length, (off_t)offset, 0), (ssize_t)length);
    t_pattern_verify(buffer, length, T_SEED, offset);
}

void
t_verify_new(const char *path, size_t length, uint64_t offset)
{
    uint64_t end = offset + length, size = t_file_size(path);

    t_file_verify(path, T_SEED, 0, offset);
    t_file_verify(path, T_NEW, offset, length);
    if (end < size)
        t_file_verify(path, T_SEED, end, size - end);
}

void
t_rig_unchanged(const struct t_rig *rig, uint64_t size)
{
    ck_assert_uint_eq(t_stat(rig->context, DBIO_STAT_READS), 0);
    ck_assert_uint_eq(t_stat(rig->context, DBIO_STAT_WRITES), 0);
    ck_assert_uint_eq(t_stat(rig->context, DBIO_STAT_EXCLUSIVE), 0);
    ck_assert_uint_eq(t_stat(rig->context, DBIO_STAT_FILES), 1);
    ck_assert_uint_eq(t_file_size(rig->path), size);
    t_file_verify(rig->path, T_SEED, 0, size);
}

uint64_t
t_stat(struct dbio_context *context, enum dbio_stat stat)
{
    struct dbio_stats stats = {.size = sizeof(stats)};

    ck_assert_int_eq(dbio_stats_read(context, &stats), 0);
    return stats.counters[stat];
}

struct dbio_why
t_why(struct dbio_file *file)
{
    struct dbio_why why = {.size = sizeof(why)};

    ck_assert_int_eq(dbio_why(file, &why), 0);
    return why;
}

uint64_t
t_routed(struct dbio_file *file, enum dbio_route route)
{
    return t_why(file).routes[route];
}

uint64_t
t_reasoned(struct dbio_file *file, enum dbio_reason reason)
{
    return t_why(file).reasons[reason];
}

/* Reachable to the end, so that no leak is reported of what is kept on purpose. */
static struct kept {
    struct kept *next;
    void *memory;
} * kept;

void *
t_aligned(size_t length)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    struct kept *one = malloc(sizeof(*one));

    ck_assert_ptr_nonnull(one);
    ck_assert_int_eq(posix_memalign(&one->memory, ALIGNMENT, length > 0 ? length : 1), 0);
    memset(one->memory, 0, length);
    pthread_mutex_lock(&mutex);
    one->next = kept;
    kept = one;
    pthread_mutex_unlock(&mutex);
    return one->memory;
}

const char *
t_path_kept(const char *directory, const char *name)
{
    const char *path = t_path(directory, name);

    return strcpy(t_aligned(strlen(path) + 1), path);
}

void *
t_unaligned(size_t length)
{
    return (char *)t_aligned(length + 1) + 1;
}

void *
t_patterned(size_t length, uint64_t seed, uint64_t offset)
{
    void *memory = t_aligned(length);

    t_pattern_fill(memory, length, seed, offset);
    return memory;
}

/* The registry's stays open for the life of the process. */
static bool
is_registry(int directory, const char *name)
{
    const char *registry = getenv("DBIO_REGISTRY");
    char target[1024];
    ssize_t length = readlinkat(directory, name, target, sizeof(target) - 1);

    if (registry == NULL || length < 0)
        return false;
    target[length] = '\0';
    return strncmp(target, registry, strlen(registry)) == 0;
}

int
t_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = -3; /* ".", ".." and the directory itself */
    struct dirent *entry;

    ck_assert_ptr_nonnull(directory);
    while ((entry = readdir(directory)) != NULL)
        count += !is_registry(dirfd(directory), entry->d_name);
    closedir(directory);
    return count;
}

/* btrfs computes no checksums for files that are made where this flag is set; other file systems
 * refuse it, and do not need it. */
static void
forgo_checksums(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), flags = 0;

    if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_NOCOW_FL;
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
    if (fd >= 0)
        close(fd);
}

/* Does an aligned write go direct? Asked of the library itself: where it goes direct is its
 * decision. No case is running yet, so nothing may be asserted here. */
static bool
try_direct(const char *path)
{
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct dbio_why why = {.size = sizeof(why)};
    struct dbio_context *context;
    struct dbio_file *file;
    void *memory;

    return posix_memalign(&memory, ALIGNMENT, ALIGNMENT) == 0 &&
           dbio_context_create(NULL, &context) == 0 &&
           dbio_open(context, path, O_RDWR | O_CREAT, 0600, &options, &file) == 0 &&
           dbio_pwrite(file, memory, ALIGNMENT, 0, 0) == ALIGNMENT && dbio_why(file, &why) == 0 &&
           why.routes[DBIO_ROUTE_DIRECT] == 1;
}

/* In a process of its own, so that the cases find a library that has done nothing yet. */
static bool
goes_direct(const char *directory)
{
    char path[1024];
    int status = 1;
    pid_t child;

    (void)snprintf(path, sizeof(path), "%s/goes_direct", directory);
    fflush(NULL); /* or the child prints it again */
    child = fork();
    if (child == 0)
        _exit(try_direct(path) ? 0 : 1);
    (void)waitpid(child, &status, 0);
    unlink(path);
    return child > 0 && status == 0;
}

const struct t_filesystem *
t_direct_filesystems(void)
{
    static struct t_filesystem found[DIRECT_MAX + 1];
    static bool looked;
    const struct t_filesystem *filesystem;
    size_t count = 0;

    for (filesystem = t_filesystems(); !looked && filesystem->name != NULL; filesystem++) {
        if (strcmp(filesystem->name, "btrfs") == 0)
            forgo_checksums(filesystem->directory);
        if (count < DIRECT_MAX && goes_direct(filesystem->directory))
            found[count++] = *filesystem;
    }
    looked = true;
    return found;
}

void
t_add_direct_test(TCase *cases, const TTest *test)
{
    int count = 0;

    while (t_direct_filesystems()[count].name != NULL)
        count++;
    tcase_add_loop_test(cases, test, 0, count > 0 ? count : 1);
}

void
t_add_filesystem_test(TCase *cases, const TTest *test)
{
    tcase_add_loop_test(cases, test, 0, t_filesystems_count());
}
