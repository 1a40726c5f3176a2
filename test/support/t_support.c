/*
 * t_support.c - scratch directories, seeds, skips.
 *
 * The number of skipped cases lies in memory that is shared with the processes in which the
 * cases run. The directories are made before and removed after all of them, by the parent.
 */
#include "t_support.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILESYSTEMS_MAX 16
#define PATH_BYTES      512
#define PATHS           16

static _Atomic int *skipped;
static uint64_t seed;
static struct t_filesystem filesystems[FILESYSTEMS_MAX + 1];
static int filesystem_count;
static char names[FILESYSTEMS_MAX][32];
static char directories[FILESYSTEMS_MAX + 1][PATH_BYTES]; /* the last: t_scratch */
static const char *const scratch = directories[FILESYSTEMS_MAX];

/* Before any case has run. */
static _Noreturn void
give_up(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    t_support_end();
    exit(1);
}

void
t_skip_note(const char *function, const char *reason)
{
    size_t length = strlen(function);

    /* START_TEST(x) makes a function x_fn. */
    if (length > 3 && strcmp(function + length - 3, "_fn") == 0)
        length -= 3;
    dprintf(STDOUT_FILENO, "skipped: %.*s: %s\n", (int)length, function, reason);
    atomic_fetch_add(skipped, 1);
}

int
t_support_skipped(void)
{
    return atomic_load(skipped);
}

uint64_t
t_seed(void)
{
    return seed;
}

static _Thread_local uint64_t random_state;
static _Thread_local bool random_started;

void
t_random_start(uint64_t value)
{
    random_state = value;
    random_started = true;
}

/* splitmix64 (Steele, Lea, Flood 2014): any state is good, also 0. */
uint64_t
t_random(void)
{
    uint64_t value;

    if (!random_started)
        t_random_start(seed);
    value = random_state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

uint64_t
t_random_below(uint64_t bound)
{
    return t_random() % bound;
}

const char *
t_scratch(void)
{
    return scratch;
}

const char *
t_path(const char *directory, const char *name)
{
    static _Thread_local char paths[PATHS][PATH_BYTES + 64];
    static _Thread_local unsigned next;
    char *path = paths[next++ % PATHS];

    ck_assert_int_lt(snprintf(path, sizeof(paths[0]), "%s/%s", directory, name),
                     (int)sizeof(paths[0]));
    return path;
}

const struct t_filesystem *
t_filesystems(void)
{
    return filesystems;
}

int
t_filesystems_count(void)
{
    return filesystem_count;
}

bool
t_has_direct(const char *directory)
{
    const char *path = t_path(directory, "has_direct");
    void *buffer = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
    bool works = false;

    if (fd >= 0 && posix_memalign(&buffer, 65536, 65536) == 0) {
        memset(buffer, 0, 65536);
        works = pwrite(fd, buffer, 65536, 0) == 65536;
    }
    free(buffer);
    if (fd >= 0)
        close(fd);
    unlink(path);
    return works;
}

int
t_capture(void (*body)(void), char *text, size_t room)
{
    int ends[2], status;
    size_t used = 0;
    ssize_t got;
    pid_t child;

    /* Packets keep one write apart from the next. */
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        body();
        _exit(0);
    }
    close(ends[1]);
    while (used + 2 < room && (got = read(ends[0], text + used, room - used - 2)) > 0) {
        used += (size_t)got;
        text[used++] = '\n';
    }
    text[used] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static bool
is_memory(const char *directory)
{
    struct statfs system;

    return statfs(directory, &system) == 0 &&
           (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

static const char *
choose_base(void)
{
    const char *base = getenv("DBIO_TEST_DIR");

    if (base != NULL && base[0] != '\0')
        return base;
    base = getenv("TMPDIR");
    return base != NULL && base[0] != '\0' && !is_memory(base) ? base : "/var/tmp";
}

static void
make_directory(char directory[PATH_BYTES], const char *base, const char *program)
{
    char template[PATH_BYTES];

    if (snprintf(template, sizeof(template), "%s/dbio-%s-XXXXXX", base, program) >= PATH_BYTES)
        give_up(base, "the path is too long");
    if (mkdtemp(template) == NULL)
        give_up(base, strerror(errno));
    memcpy(directory, template, sizeof(template));
}

static void
add_filesystem(const char *name, size_t name_length, const char *directory)
{
    int i = filesystem_count;

    memcpy(names[i], name, name_length);
    filesystems[i] = (struct t_filesystem){names[i], directory};
    filesystem_count++;
}

/* "name=/directory name=/directory" */
static void
parse_filesystems(const char *list, const char *program)
{
    char *copy = strdup(list), *rest = copy, *word;

    while ((word = strtok_r(rest, " \t\n", &rest)) != NULL) {
        char *separator = strchr(word, '='), *directory = directories[filesystem_count];

        if (separator == NULL || separator == word ||
            (size_t)(separator - word) >= sizeof(names[0]))
            give_up("DBIO_TEST_FILESYSTEMS", "not \"name=/directory name=/directory\"");
        if (filesystem_count == FILESYSTEMS_MAX)
            give_up("DBIO_TEST_FILESYSTEMS", "too many");
        make_directory(directory, separator + 1, program);
        add_filesystem(word, (size_t)(separator - word), directory);
    }
    free(copy);
}

static void
choose_filesystems(const char *program)
{
    const char *list = getenv("DBIO_TEST_FILESYSTEMS");

    if (list != NULL && list[0] != '\0') {
        parse_filesystems(list, program);
        return;
    }
    add_filesystem("scratch", strlen("scratch"), scratch);
    if (access("/dev/shm", W_OK) == 0 && is_memory("/dev/shm")) {
        make_directory(directories[filesystem_count], "/dev/shm", program);
        add_filesystem("tmpfs", strlen("tmpfs"), directories[filesystem_count]);
    }
}

static void
choose_seed(void)
{
    const char *wanted = getenv("DBIO_TEST_SEED");

    if (wanted != NULL && wanted[0] != '\0')
        seed = strtoull(wanted, NULL, 0);
    else if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        give_up("getrandom", strerror(errno));
}

void
t_support_start(const char *program)
{
    struct rlimit no_core = {0, 0}; /* cases abort on purpose */

    (void)setrlimit(RLIMIT_CORE, &no_core);
    skipped =
        mmap(NULL, sizeof(*skipped), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (skipped == MAP_FAILED)
        give_up("mmap", strerror(errno));
    choose_seed();
    make_directory(directories[FILESYSTEMS_MAX], choose_base(), program);
    choose_filesystems(program);
}

static int
remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void
t_support_end(void)
{
    for (int i = 0; i <= FILESYSTEMS_MAX; i++) {
        if (directories[i][0] != '\0' &&
            nftw(directories[i], remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
            perror(directories[i]);
    }
}
