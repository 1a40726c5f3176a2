/*
 * shim_ring.c - a program that knows nothing of dbio and submits its file I/O in batches, by
 * liburing, libaio and POSIX AIO. Run without the shim it shows that its expectations are true.
 *
 *     shim_ring DIRECTORY     prints "ok CASE" or "FAILED CASE: line: condition"
 */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096
#define DEPTH 32
#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            printf("FAILED %s: line %d: %s (%s)\n", name_now, __LINE__, #condition, \
                   strerror(errno));                                                \
            (void)fflush(stdout);                                                   \
            _exit(1);                                                               \
        }                                                                           \
    } while (0)

static const char *name_now;
static char path[4096];
static _Alignas(PAGE) char pages[DEPTH][PAGE];

static int
make_file(const char *directory, int flags)
{
    int fd, i;

    (void)snprintf(path, sizeof(path), "%s/ring", directory);
    (void)unlink(path);
    fd = open(path, O_RDWR | O_CREAT | flags, 0600);
    CHECK(fd >= 0);
    for (i = 0; i < DEPTH; i++) {
        memset(pages[i], 'a' + i % 26, PAGE);
        CHECK(pwrite(fd, pages[i], PAGE, (off_t)i * PAGE) == PAGE);
    }
    CHECK(fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
    memset(pages, 0, sizeof(pages));
    return fd;
}

static bool
is_full_of(const char *memory, size_t length, char byte)
{
    size_t i;

    for (i = 0; i < length; i++)
        if (memory[i] != byte)
            return false;
    return true;
}

/* Takes `count` completions; each number once, each with the answer `wanted`. */
static void
reap(struct io_uring *ring, int count, int wanted)
{
    bool seen[DEPTH] = {false};
    struct io_uring_cqe *answer;
    int i;

    for (i = 0; i < count; i++) {
        CHECK(io_uring_wait_cqe(ring, &answer) == 0);
        CHECK(answer->user_data < DEPTH && !seen[answer->user_data]);
        CHECK(answer->res == wanted);
        seen[answer->user_data] = true;
        io_uring_cqe_seen(ring, answer);
    }
}

static void
batches(const char *directory, int flags)
{
    struct iovec vectors[DEPTH];
    struct io_uring ring;
    int fd = make_file(directory, flags), i;

    CHECK(io_uring_queue_init(DEPTH, &ring, 0) == 0);
    for (i = 0; i < DEPTH; i++) {
        struct io_uring_sqe *entry = io_uring_get_sqe(&ring);

        vectors[i] = (struct iovec){pages[i], PAGE};
        if (i % 2 == 0)
            io_uring_prep_readv(entry, fd, &vectors[i], 1, (__u64)i * PAGE);
        else
            io_uring_prep_read(entry, fd, pages[i], PAGE, (__u64)i * PAGE);
        io_uring_sqe_set_data64(entry, (__u64)i);
    }
    CHECK(io_uring_submit(&ring) == DEPTH);
    memset(vectors, 0, sizeof(vectors)); /* needed until the submission only */
    reap(&ring, DEPTH, PAGE);
    for (i = 0; i < DEPTH; i++)
        CHECK(is_full_of(pages[i], PAGE, (char)('a' + i % 26)));
    for (i = 0; i < DEPTH; i++) {
        struct io_uring_sqe *entry = io_uring_get_sqe(&ring);

        memset(pages[i], 'A' + i % 26, PAGE);
        io_uring_prep_write(entry, fd, pages[i], PAGE, (__u64)i * PAGE);
        io_uring_sqe_set_data64(entry, (__u64)i);
    }
    CHECK(io_uring_submit_and_wait(&ring, 1) == DEPTH);
    reap(&ring, DEPTH, PAGE);
    for (i = 0; i < DEPTH; i++) {
        CHECK(pread(fd, pages[0], PAGE, (off_t)i * PAGE) == PAGE);
        CHECK(is_full_of(pages[0], PAGE, (char)('A' + i % 26)));
    }
    io_uring_queue_exit(&ring);
    CHECK(close(fd) == 0);
}

static void
batches_of_buffered_files(const char *directory)
{
    batches(directory, 0);
}

static void
batches_of_direct_files(const char *directory)
{
    batches(directory, O_DIRECT);
}

/* Errors, the end of the file, links, syncs, and a ring that goes while requests are under way. */
static void
odd_requests(const char *directory)
{
    int fd = make_file(directory, 0), i;
    struct io_uring_sqe *entry;
    struct io_uring ring;

    CHECK(io_uring_queue_init(DEPTH, &ring, 0) == 0);
    entry = io_uring_get_sqe(&ring);
    io_uring_prep_read(entry, fd, pages[0], PAGE, (__u64)DEPTH * PAGE);
    io_uring_sqe_set_data64(entry, 3);
    CHECK(io_uring_submit(&ring) == 1);
    reap(&ring, 1, 0);
    entry = io_uring_get_sqe(&ring);
    io_uring_prep_read(entry, 999, pages[0], PAGE, 0);
    io_uring_sqe_set_data64(entry, 4);
    CHECK(io_uring_submit(&ring) == 1);
    reap(&ring, 1, -EBADF);
    entry = io_uring_get_sqe(&ring); /* a write, and a sync that depends on it */
    io_uring_prep_write(entry, fd, pages[0], PAGE, 0);
    io_uring_sqe_set_data64(entry, 5);
    entry->flags |= IOSQE_IO_LINK;
    entry = io_uring_get_sqe(&ring);
    io_uring_prep_fsync(entry, fd, IORING_FSYNC_DATASYNC);
    io_uring_sqe_set_data64(entry, 6);
    CHECK(io_uring_submit(&ring) == 2);
    for (i = 0; i < 2; i++) {
        struct io_uring_cqe *answer;

        CHECK(io_uring_wait_cqe(&ring, &answer) == 0);
        CHECK(answer->res == (answer->user_data == 5 ? PAGE : 0));
        io_uring_cqe_seen(&ring, answer);
    }
    for (i = 0; i < DEPTH; i++) {
        entry = io_uring_get_sqe(&ring);
        io_uring_prep_write(entry, fd, pages[0], PAGE, (__u64)i * PAGE);
    }
    CHECK(io_uring_submit(&ring) == DEPTH);
    CHECK(close(fd) == 0); /* the requests keep the file */
    io_uring_queue_exit(&ring);
    fd = open(path, O_RDONLY);
    CHECK(pread(fd, pages[1], PAGE, (DEPTH - 1) * PAGE) == PAGE && close(fd) == 0);
}

static void
a_ring_after_fork(const char *directory)
{
    int status;
    pid_t child;

    batches(directory, 0);
    child = fork();
    if (child == 0) {
        batches(directory, 0);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    batches(directory, 0);
}

static void
libaio(const char *directory)
{
    struct iocb requests[DEPTH], *list[DEPTH];
    struct io_event events[DEPTH];
    int fd = make_file(directory, O_DIRECT), i, got;
    io_context_t queue = NULL;

    CHECK(io_setup(DEPTH, &queue) == 0);
    for (i = 0; i < DEPTH; i++) {
        io_prep_pread(&requests[i], fd, pages[i], PAGE, (long long)i * PAGE);
        list[i] = &requests[i];
    }
    CHECK(io_submit(queue, DEPTH, list) == DEPTH);
    for (i = 0; i < DEPTH; i += got) { /* now and then the kernel returns with fewer than asked */
        got = io_getevents(queue, DEPTH - i, DEPTH - i, events + i, NULL);
        CHECK(got >= 0 ||
              got == -EINTR); /* work that a ring has left to the thread interrupts it */
        got = got < 0 ? 0 : got;
    }
    for (i = 0; i < DEPTH; i++)
        CHECK((long)events[i].res == PAGE && is_full_of(pages[i], PAGE, (char)('a' + i % 26)));
    CHECK(io_destroy(queue) == 0);
    CHECK(pread(fd, pages[0], PAGE, PAGE) == PAGE && is_full_of(pages[0], PAGE, 'b'));
    CHECK(close(fd) == 0);
}

/* Threads that read a file while another one begins to use it by libaio, or changes its flags; and
 * numbers of descriptors that come free at that moment are taken for another file at once. */
#define TURNS 400

static _Atomic int shared_fd, stop;
static char other_path[4096];

static void *
read_shared(void *argument)
{
    char *page = argument;
    unsigned i;

    for (i = 0; !atomic_load(&stop); i++) {
        CHECK(pread(atomic_load(&shared_fd), page, PAGE, (off_t)(i % DEPTH) * PAGE) == PAGE);
        CHECK(is_full_of(page, PAGE, (char)('a' + i % DEPTH % 26)));
    }
    return NULL;
}

static void *
open_others(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop)) {
        int fds[4], i;

        for (i = 0; i < 4; i++)
            CHECK((fds[i] = open(other_path, O_RDONLY)) >= 0);
        for (i = 0; i < 4; i++)
            CHECK(close(fds[i]) == 0);
    }
    return NULL;
}

static void
submit_one(io_context_t queue, int fd)
{
    static _Alignas(PAGE) char page[PAGE];
    struct iocb request, *list[1] = {&request};
    struct io_event event;

    io_prep_pread(&request, fd, page, PAGE, 0);
    CHECK(io_submit(queue, 1, list) == 1);
    while (io_getevents(queue, 1, 1, &event, NULL) != 1)
        ;
    CHECK((long)event.res == PAGE && is_full_of(page, PAGE, 'a'));
}

static void
change_flags(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    CHECK(flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_DIRECT) == 0);
    (void)usleep(100);
    CHECK(fcntl(fd, F_SETFL, flags) == 0);
}

/* By another descriptor of the same file. */
static void
replace(int fd)
{
    int another = open(path, O_RDWR | O_DIRECT);

    CHECK(another >= 0 && dup2(another, fd) == fd && close(another) == 0);
}

static void
changes_beside_readers(const char *directory)
{
    static _Alignas(PAGE) char mine[2][PAGE];
    int turn, i, other;
    pthread_t threads[3];
    io_context_t queue = NULL;

    CHECK(close(make_file(directory, 0)) == 0);
    (void)snprintf(other_path, sizeof(other_path), "%s/other", directory);
    CHECK((other = open(other_path, O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0);
    memset(pages, 'Z', sizeof(pages));
    CHECK(write(other, pages, sizeof(pages)) == sizeof(pages) && close(other) == 0);
    CHECK(io_setup(1, &queue) == 0);
    for (turn = 0; turn < TURNS; turn++) {
        int fd = open(path, O_RDWR | O_DIRECT);

        CHECK(fd >= 0);
        atomic_store(&shared_fd, fd);
        atomic_store(&stop, 0);
        for (i = 0; i < 3; i++)
            CHECK(pthread_create(&threads[i], NULL, i < 2 ? read_shared : open_others,
                                 i < 2 ? mine[i] : NULL) == 0);
        (void)usleep((unsigned)turn % 20 * 50);
        if (turn % 3 != 0)
            change_flags(fd);
        if (turn % 3 != 1)
            submit_one(queue, fd);
        if (turn % 5 == 0)
            replace(fd);
        (void)usleep(100);
        atomic_store(&stop, 1);
        for (i = 0; i < 3; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(close(fd) == 0);
    }
    CHECK(io_destroy(queue) == 0);
}

/* Whoever changes a descriptor's flags again and again reads the same all the time. */
static void
flags_for_ever(const char *directory)
{
    int fd = make_file(directory, O_DIRECT), i;

    for (i = 0; i < 3 * DEPTH; i++) {
        change_flags(fd);
        CHECK(pread(fd, pages[0], PAGE, (off_t)(i % DEPTH) * PAGE) == PAGE);
        CHECK(is_full_of(pages[0], PAGE, (char)('a' + i % DEPTH % 26)));
    }
    CHECK(close(fd) == 0);
}

/* Who opens with O_DIRECT is told what is not aligned; who is mistaken is told as the kernel does. */
static void
mistakes(const char *directory)
{
    int fd = make_file(directory, O_DIRECT);
    struct iovec vector[] = {{pages[0], PAGE}, {NULL, PAGE}};
    struct iovec *volatile bad = (struct iovec *)16, *volatile good = vector;
    volatile int many = 1 << 28; /* volatile: or the compiler says it, too */
    volatile size_t most = (size_t)-1;

    CHECK(pread(fd, pages[0], 1, 0) == -1 && errno == EINVAL);
    CHECK(pwrite(fd, pages[0], 100, 512) == -1 && errno == EINVAL);
    CHECK(pread(fd, pages[0], PAGE, PAGE) == PAGE && is_full_of(pages[0], PAGE, 'b'));
    CHECK(close(fd) == 0);
    fd = make_file(directory, 0);
    CHECK(preadv(fd, vector, 2, 0) == PAGE && is_full_of(pages[0], PAGE, 'a'));
    CHECK(preadv2(fd, vector, 1, PAGE, RWF_DSYNC) == PAGE && is_full_of(pages[0], PAGE, 'b'));
    CHECK(pread(fd, good[1].iov_base, 100, (off_t)PAGE << 20) == 0);
    CHECK(pwritev(fd, bad, 1, 0) == -1 && errno == EFAULT);
    CHECK(pwritev(fd, good, many, 0) == -1 && errno == EINVAL);
    CHECK(pread(fd, pages[0], most, 0) == -1 && errno == EFAULT);
    CHECK(posix_fadvise(fd, -5, 10, POSIX_FADV_NORMAL) == 0);
    CHECK(close(fd) == 0);
}

static void
posix_aio(const char *directory)
{
    struct aiocb requests[4], *list[4];
    int fd = make_file(directory, 0), i;

    memset(requests, 0, sizeof(requests));
    for (i = 0; i < 4; i++) {
        requests[i].aio_fildes = fd;
        requests[i].aio_buf = pages[i];
        requests[i].aio_nbytes = PAGE;
        requests[i].aio_offset = (off_t)i * PAGE;
        requests[i].aio_lio_opcode = LIO_READ;
        list[i] = &requests[i];
    }
    CHECK(lio_listio(LIO_WAIT, list, 4, NULL) == 0);
    for (i = 0; i < 4; i++)
        CHECK(aio_return(&requests[i]) == PAGE && is_full_of(pages[i], PAGE, (char)('a' + i)));
    memset(pages[0], 'Q', PAGE);
    CHECK(aio_write(&requests[0]) == 0);
    while (aio_error(&requests[0]) == EINPROGRESS)
        (void)usleep(1000);
    CHECK(aio_return(&requests[0]) == PAGE && pread(fd, pages[1], PAGE, 0) == PAGE);
    CHECK(is_full_of(pages[1], PAGE, 'Q') && close(fd) == 0);
}

static const struct {
    const char *name;
    void (*run)(const char *directory);
} cases[] = {
#define CASE(name)  \
    {               \
#name, name \
    }
    CASE(batches_of_buffered_files),
    CASE(batches_of_direct_files),
    CASE(odd_requests),
    CASE(a_ring_after_fork),
    CASE(libaio),
    CASE(changes_beside_readers),
    CASE(flags_for_ever),
    CASE(posix_aio),
    CASE(mistakes),
};

int
main(int count, char **arguments)
{
    struct io_uring ring;
    size_t i;

    if (count != 2)
        return 2;
    if (io_uring_queue_init(2, &ring, 0) != 0) {
        printf("skipped: no io_uring here\n");
        return 0;
    }
    io_uring_queue_exit(&ring);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        name_now = cases[i].name;
        cases[i].run(arguments[1]);
        printf("ok %s\n", name_now);
        (void)fflush(stdout);
    }
    return 0;
}
