/*
 * stress_readahead.c - sequential readers of a file that is written to now and then.
 *
 * Each block of the file says which version it is. Writers, in this process and in another one, by
 * either way, raise the versions of blocks; readers run through the file again and again. What a
 * read brings must not be older than what anyone had written, or had read, before it began. Writes
 * come in bursts with pauses between them, so that much is read ahead and some of it is overtaken:
 * a run in which nothing was read ahead, or nothing of that was given up, proves nothing and fails.
 *
 * DBIO_TEST_SECONDS: for all cases together.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t_dbio.h"

#define SECONDS 12
#define BLOCK   ((size_t)4096)
#define BLOCKS  2048u
#define WRITERS 3u /* two threads and a process */
#define READERS 2u

struct scene {
    char path[4096];
    double seconds;
    _Atomic bool stop;
    _Atomic uint64_t known[BLOCKS]; /* the newest version that was written whole, or read */
    _Atomic uint64_t older, reads, writes;
    struct dbio_context *context;
};

struct part {
    struct scene *scene;
    unsigned number;
};

static void
raise_known(struct scene *scene, unsigned block, uint64_t version)
{
    uint64_t known = atomic_load(&scene->known[block]);

    while (known < version && !atomic_compare_exchange_weak(&scene->known[block], &known, version))
        ;
}

static void
fill_in(uint64_t *words, uint64_t version)
{
    size_t i;

    for (i = 0; i < BLOCK / sizeof(*words); i++)
        words[i] = version;
}

/* A block has one writer, so its versions only rise. */
static void
write_some(struct scene *scene, unsigned number, struct dbio_file *file, uint64_t *memory)
{
    unsigned block = (unsigned)t_random_below(BLOCKS / WRITERS) * WRITERS + number;
    uint64_t version = atomic_load(&scene->known[block]) + 1;

    if (block >= BLOCKS)
        return;
    fill_in(memory, version);
    ck_assert_int_eq(dbio_pwrite(file, memory, BLOCK, (off_t)(block * BLOCK), 0), (ssize_t)BLOCK);
    raise_known(scene, block, version);
    atomic_fetch_add(&scene->writes, 1);
}

static void
write_on(struct scene *scene, unsigned number)
{
    struct dbio_context *context = t_context();
    struct dbio_file *files[2] = {t_open(context, scene->path, DBIO_MODE_DIRECT),
                                  t_open(context, scene->path, DBIO_MODE_BUFFERED)};
    uint64_t *memory = t_aligned(BLOCK);
    int i;

    t_random_start(t_seed() + number);
    while (!atomic_load(&scene->stop)) {
        for (i = 1 + (int)t_random_below(4); i > 0; i--)
            write_some(scene, number, files[t_random_below(4) == 0], memory);
        usleep((useconds_t)(30000 + t_random_below(200000)));
    }
    ck_assert_int_eq(dbio_close(files[1]), 0);
    t_close(context, files[0]);
}

static void *
run_writer(void *argument)
{
    const struct part *part = argument;

    write_on(part->scene, part->number);
    return NULL;
}

/* One read: everything in it against what was known before it began. */
static void
read_and_judge(struct scene *scene, struct dbio_file *file, unsigned first, unsigned count,
               uint64_t *memory)
{
    uint64_t before[64];
    unsigned i, k;

    for (i = 0; i < count; i++)
        before[i] = atomic_load(&scene->known[first + i]);
    ck_assert_int_eq(dbio_pread(file, memory, count * BLOCK, (off_t)(first * BLOCK), 0),
                     (ssize_t)(count * BLOCK));
    for (i = 0; i < count; i++) {
        const uint64_t *words = memory + i * (BLOCK / sizeof(*words));
        uint64_t least = words[0];

        for (k = 1; k < BLOCK / sizeof(*words); k++)
            least = words[k] < least ? words[k] : least;
        if (least < before[i])
            atomic_fetch_add(&scene->older, 1);
        raise_known(scene, first + i, least); /* the whole block is at least that */
    }
    atomic_fetch_add(&scene->reads, 1);
}

static void *
run_reader(void *argument)
{
    struct scene *scene = argument;
    struct dbio_file *file = t_open(scene->context, scene->path, DBIO_MODE_DIRECT);
    uint64_t *memory = t_aligned(64 * BLOCK);

    while (!atomic_load(&scene->stop)) {
        unsigned count = 1u << t_random_below(6), at;

        for (at = 0; at + count <= BLOCKS && !atomic_load(&scene->stop); at += count) {
            read_and_judge(scene, file, at, count, memory);
            if (t_random_below(64) == 0)
                usleep(1000);
        }
    }
    ck_assert_int_eq(dbio_close(file), 0);
    return NULL;
}

static struct scene *
make_scene(const char *directory)
{
    const char *wish = getenv("DBIO_TEST_SECONDS");
    struct scene *scene =
        mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct dbio_file *file;
    uint64_t *zeroes = t_aligned(BLOCK);
    unsigned i;

    ck_assert_ptr_ne(scene, MAP_FAILED);
    scene->seconds = (wish != NULL ? atof(wish) : SECONDS) / (t_filesystems_count() + 1);
    (void)snprintf(scene->path, sizeof(scene->path), "%s", t_path(directory, "scene"));
    scene->context = t_context();
    file = t_open(scene->context, scene->path, DBIO_MODE_DIRECT);
    for (i = 0; i < BLOCKS; i++)
        ck_assert_int_eq(dbio_pwrite(file, zeroes, BLOCK, (off_t)(i * BLOCK), 0), (ssize_t)BLOCK);
    ck_assert_int_eq(dbio_fdatasync(file), 0);
    ck_assert_int_eq(dbio_close(file), 0);
    return scene;
}

START_TEST(what_was_read_ahead_is_never_older_than_what_anyone_has_seen)
{
    T_DIRECT_OR_SKIP(where);
    struct scene *scene = make_scene(where->directory);
    pthread_t writers[WRITERS - 1], readers[READERS];
    struct part parts[WRITERS];
    pid_t child;
    unsigned i;
    int status;

    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        write_on(scene, WRITERS - 1);
        _exit(0);
    }
    for (i = 0; i < WRITERS - 1; i++) {
        parts[i] = (struct part){scene, i};
        ck_assert_int_eq(pthread_create(&writers[i], NULL, run_writer, &parts[i]), 0);
    }
    for (i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&readers[i], NULL, run_reader, scene), 0);
    usleep((useconds_t)(scene->seconds * 1e6));
    atomic_store(&scene->stop, true);
    for (i = 0; i < WRITERS - 1; i++)
        ck_assert_int_eq(pthread_join(writers[i], NULL), 0);
    for (i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_join(readers[i], NULL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    printf("%s: %" PRIu64 " reads, %" PRIu64 " writes; read ahead %" PRIu64
           " bytes, given up %" PRIu64 "; older than known: %" PRIu64 "\n",
           where->name, atomic_load(&scene->reads), atomic_load(&scene->writes),
           t_stat(scene->context, DBIO_STAT_AHEAD_BYTES),
           t_stat(scene->context, DBIO_STAT_AHEAD_WASTED), atomic_load(&scene->older));
    fflush(stdout);
    ck_assert_uint_gt(t_stat(scene->context, DBIO_STAT_AHEAD_BYTES), 0);
    ck_assert_uint_gt(t_stat(scene->context, DBIO_STAT_AHEAD_WASTED), 0);
    ck_assert_uint_eq(scene->older, 0);
    ck_assert_int_eq(dbio_context_destroy(scene->context), 0);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("stress_readahead");
    TCase *cases = tcase_create("stress_readahead");

    t_add_direct_test(cases, what_was_read_ahead_is_never_older_than_what_anyone_has_seen);
    suite_add_tcase(suite, cases);
    return suite;
}
