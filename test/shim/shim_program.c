/*
 * shim_program.c - a program that knows nothing of dbio, and checks that file I/O is what POSIX and
 * Linux say it is. Run without the shim it shows that its expectations are true; run under the
 * shim it shows that a program cannot tell.
 *
 *     shim_program DIRECTORY [CASE]     prints "ok CASE" or "FAILED CASE: line: condition"
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            printf("FAILED %s: line %d: %s (%s)\n", name_now, __LINE__, #condition, \
                   strerror(errno));                                                \
            (void)fflush(stdout);                                                   \
            _exit(1);                                                               \
        }                                                                           \
    } while (0)

static const char *name_now, *directory;
static char path_now[4096];
static _Alignas(PAGE) char aligned[64 * PAGE], other[64 * PAGE];

/* A new file of `pages` pages, page i full of 'a' + i % 26, out of the cache. */
static int
make_file(const char *name, int pages, int flags)
{
    int fd, i;

    (void)snprintf(path_now, sizeof(path_now), "%s/%s", directory, name);
    (void)unlink(path_now);
    fd = open(path_now, O_RDWR | O_CREAT | flags, 0600);
    CHECK(fd >= 0);
    for (i = 0; i < pages; i++) {
        memset(aligned, 'a' + i % 26, PAGE);
        CHECK(pwrite(fd, aligned, PAGE, (off_t)i * PAGE) == PAGE);
    }
    CHECK(fdatasync(fd) == 0);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
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

static void
reads_and_writes(void)
{
    int fd = make_file("plain", 16, 0), i;
    struct iovec vector[2] = {{aligned, PAGE}, {other + 1, 100}};

    for (i = 0; i < 16; i++) {
        CHECK(pread(fd, other, PAGE, (off_t)i * PAGE) == PAGE);
        CHECK(is_full_of(other, PAGE, (char)('a' + i)));
        CHECK(pread64(fd, other + 3, 1000, (off_t)i * PAGE + 7) == 1000); /* unaligned all over */
        CHECK(is_full_of(other + 3, 1000, (char)('a' + i)));
    }
    CHECK(pread(fd, other, PAGE, 16 * PAGE) == 0);
    CHECK(pread(fd, other, 2 * PAGE, 15 * PAGE) == PAGE);
    CHECK(pread(fd, other, PAGE, 16 * PAGE - 5) == 5);
    CHECK(preadv(fd, vector, 2, 3 * PAGE) == PAGE + 100);
    CHECK(is_full_of(aligned, PAGE, 'd') && is_full_of(other + 1, 100, 'e'));
    memset(aligned, 'X', PAGE);
    CHECK(pwrite64(fd, aligned, PAGE, 2 * PAGE) == PAGE);
    CHECK(pwritev(fd, vector, 2, 5 * PAGE) == PAGE + 100);
    CHECK(pread(fd, other, PAGE, 2 * PAGE) == PAGE && is_full_of(other, PAGE, 'X'));
    CHECK(pread(fd, other, PAGE, 5 * PAGE) == PAGE && is_full_of(other, PAGE, 'X'));
    CHECK(pread(fd, other, 101, 6 * PAGE) == 101 && is_full_of(other, 100, 'e') &&
          other[100] == 'g');
    CHECK(pwrite(fd, "tail", 4, 20 * PAGE + 1) == 4);
    CHECK(lseek(fd, 0, SEEK_END) == 20 * PAGE + 5);
    CHECK(pread(fd, other, PAGE, 18 * PAGE) == PAGE && is_full_of(other, PAGE, 0));
    CHECK(pread(fd, other, 0, 0) == 0 && pwrite(fd, other, 0, 0) == 0 && close(fd) == 0);
}

static void
errors_are_the_kernels(void)
{
    int fd = make_file("errors", 2, 0), reader, pipes[2];
    static struct iovec many[1025];
    void *volatile nowhere = NULL;

    errno = 1234;
    CHECK(pread(fd, other, PAGE, 0) == PAGE && errno == 1234); /* success leaves errno alone */
    CHECK(pread(fd, other, PAGE, -1) == -1 && errno == EINVAL);
    CHECK(pwrite(fd, other, PAGE, -1) == -1 && errno == EINVAL);
    CHECK(preadv(fd, many, 1025, 0) == -1 && errno == EINVAL);
    CHECK(pread(fd, nowhere, PAGE, 0) == -1 && errno == EFAULT);
    nowhere = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pwrite(fd, (char *)nowhere + 1, 100, 0) == -1 && errno == EFAULT);
    CHECK(pread(fd, (char *)nowhere + 1, PAGE, 0) == -1 && errno == EFAULT);
    CHECK(close(fd) == 0);
    CHECK(pread(fd, other, PAGE, 0) == -1 && errno == EBADF);
    CHECK(fsync(fd) == -1 && errno == EBADF);
    CHECK(close(fd) == -1 && errno == EBADF);
    CHECK(pread(-1, other, 1, 0) == -1 && errno == EBADF);
    reader = open(path_now, O_RDONLY);
    CHECK(pwrite(reader, other, PAGE, 0) == -1 && errno == EBADF);
    CHECK(ftruncate(reader, 0) == -1 && errno == EINVAL && close(reader) == 0);
    reader = open(path_now, O_WRONLY);
    CHECK(pread(reader, other, PAGE, 0) == -1 && errno == EBADF);
    CHECK(pwrite(reader, aligned, PAGE, 0) == PAGE && close(reader) == 0);
    CHECK(pipe(pipes) == 0);
    CHECK(pread(pipes[0], other, 1, 0) == -1 && errno == ESPIPE);
    CHECK(write(pipes[1], "x", 1) == 1 && read(pipes[0], other, 1) == 1);
    CHECK(close(pipes[0]) == 0 && close(pipes[1]) == 0);
}

static void
the_position_is_left_alone(void)
{
    int fd = make_file("cursor", 8, 0), flags = fcntl(fd, F_GETFL);

    CHECK(lseek(fd, 100, SEEK_SET) == 100);
    CHECK(pread(fd, other, PAGE, 0) == PAGE && pwrite(fd, aligned, PAGE, PAGE) == PAGE);
    CHECK(lseek(fd, 0, SEEK_CUR) == 100);
    CHECK(fcntl(fd, F_GETFL) == flags && (flags & O_DIRECT) == 0);
    CHECK(read(fd, other, 10) == 10 && is_full_of(other, 10, 'a'));
    CHECK(write(fd, "0123456789", 10) == 10);
    CHECK(lseek(fd, 0, SEEK_CUR) == 120);
    CHECK(pread(fd, other, 10, 110) == 10 && memcmp(other, "0123456789", 10) == 0);
    CHECK(preadv2(fd, &(struct iovec){other, 5}, 1, -1, 0) == 5);
    CHECK(lseek(fd, 0, SEEK_CUR) == 125);
    CHECK(pwritev2(fd, &(struct iovec){aligned, PAGE}, 1, 2 * PAGE, RWF_DSYNC) == PAGE &&
          close(fd) == 0);
}

static void
append_appends(void)
{
    int fd = make_file("append", 1, O_APPEND);

    /* Linux appends whatever the offset. (pwrite(2), BUGS) */
    CHECK(pwrite(fd, "first", 5, 0) == 5 && lseek(fd, 0, SEEK_END) == PAGE + 5);
    CHECK(write(fd, "second", 6) == 6);
    CHECK(pread(fd, other, 11, PAGE) == 11 && memcmp(other, "firstsecond", 11) == 0 &&
          close(fd) == 0);
}

static void
numbers_are_reused(void)
{
    int a = make_file("one", 4, 0), b, c;
    char one[4096];

    (void)snprintf(one, sizeof(one), "%s", path_now);
    CHECK(pread(a, other, PAGE, 0) == PAGE);
    CHECK(close(a) == 0);
    b = make_file("two", 4, 0);
    memset(aligned, 'T', PAGE);
    CHECK(pwrite(b, aligned, PAGE, 0) == PAGE);
    c = open(one, O_RDONLY);
    CHECK(pread(c, other, PAGE, 0) == PAGE && is_full_of(other, PAGE, 'a'));
    CHECK(dup2(c, b) == b);
    CHECK(pread(b, other, PAGE, 0) == PAGE && is_full_of(other, PAGE, 'a'));
    a = dup(b);
    CHECK(a >= 0 && close(b) == 0 && close(c) == 0);
    CHECK(pread(a, other, PAGE, PAGE) == PAGE && is_full_of(other, PAGE, 'b'));
    c = fcntl(a, F_DUPFD_CLOEXEC, 500);
    CHECK(c >= 500 && pread(c, other, PAGE, PAGE) == PAGE && close(a) == 0 && close(c) == 0);
}

static void
closing_everything_is_survived(void)
{
    int fd = make_file("close", 4, 0), i;

    CHECK(pread(fd, other, PAGE, 0) == PAGE);
    for (i = 3; i < 1024; i++)
        (void)close(i);
    fd = make_file("close2", 4, 0);
    CHECK(pwrite(fd, aligned, PAGE, 0) == PAGE && pread(fd, other, PAGE, PAGE) == PAGE);
    CHECK(close_range(3, ~0u, 0) == 0);
    CHECK(pread(fd, other, PAGE, 0) == -1 && errno == EBADF);
    fd = make_file("close3", 4, 0);
    CHECK(pwrite(fd, aligned, PAGE, 0) == PAGE && pread(fd, other, PAGE, PAGE) == PAGE);
    CHECK(is_full_of(other, PAGE, 'b'));
    closefrom(3);
    fd = make_file("close4", 4, 0);
    CHECK(pread(fd, other, PAGE, PAGE) == PAGE && is_full_of(other, PAGE, 'b'));
    CHECK(close(fd) == 0);
}

static void
wait_for_child(pid_t child)
{
    int status;

    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
children_share_files(void)
{
    int fd = make_file("fork", 8, 0);
    pid_t child = fork();

    if (child == 0) {
        memset(aligned, 'C', PAGE);
        CHECK(pwrite(fd, aligned, PAGE, 0) == PAGE && pread(fd, other, PAGE, PAGE) == PAGE);
        _exit(is_full_of(other, PAGE, 'b') && close(fd) == 0 ? 0 : 1);
    }
    wait_for_child(child);
    CHECK(pread(fd, other, PAGE, 0) == PAGE && is_full_of(other, PAGE, 'C'));
    child = vfork();
    if (child == 0) {
        (void)close(fd); /* its own table of descriptors, our memory */
        (void)execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    wait_for_child(child);
    CHECK(pread(fd, other, PAGE, PAGE) == PAGE && is_full_of(other, PAGE, 'b'));
    child = _Fork(); /* without any handler */
    if (child == 0) {
        memset(aligned, 'D', PAGE);
        CHECK(pwrite(fd, aligned, PAGE, PAGE) == PAGE);
        _exit(0);
    }
    wait_for_child(child);
    CHECK(pread(fd, other, PAGE, PAGE) == PAGE && is_full_of(other, PAGE, 'D'));
    CHECK(close(fd) == 0);
}

/* Is the file locked, as another process sees it? */
static bool
is_locked(void)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(path_now, O_RDWR);

        _exit(fcntl(fd, F_SETLK, &lock) == 0 ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return WEXITSTATUS(status) == 1;
}

static void
locks_stay(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = make_file("locks", 8, 0), i;

    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && is_locked());
    for (i = 0; i < 8; i++)
        CHECK(pread(fd, other, PAGE, (off_t)i * PAGE) == PAGE);
    memset(aligned, 'L', PAGE);
    CHECK(pwrite(fd, aligned, PAGE, 0) == PAGE && is_locked());
    CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_DIRECT) == 0 && is_locked());
    CHECK(pread(fd, other, PAGE, 0) == PAGE && is_full_of(other, PAGE, 'L') && is_locked());
    CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_DIRECT) == 0 && is_locked());
    CHECK(pread(fd, other, PAGE, 0) == PAGE && is_locked());
    CHECK(ftruncate(fd, 4 * PAGE) == 0 && fsync(fd) == 0 && is_locked());
    CHECK(close(fd) == 0 && !is_locked());
}

static void
sizes_change(void)
{
    int fd = make_file("sizes", 8, 0);
    struct stat status;

    CHECK(ftruncate(fd, 2 * PAGE + 10) == 0 && fstat(fd, &status) == 0);
    CHECK(status.st_size == 2 * PAGE + 10);
    CHECK(pread(fd, other, 2 * PAGE, PAGE) == PAGE + 10);
    CHECK(ftruncate64(fd, 6 * PAGE) == 0);
    CHECK(pread(fd, other, PAGE, 2 * PAGE) == PAGE && is_full_of(other, 10, 'c') &&
          is_full_of(other + 10, PAGE - 10, 0));
    CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 64 * PAGE) == 0 && fstat(fd, &status) == 0);
    CHECK(status.st_size == 6 * PAGE);
    CHECK(posix_fallocate(fd, 0, 10 * PAGE) == 0 && fstat(fd, &status) == 0);
    CHECK(status.st_size == 10 * PAGE);
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE) == 0);
    CHECK(pread(fd, other, PAGE, 0) == PAGE && is_full_of(other, PAGE, 0));
    CHECK(posix_fallocate(fd, -1, 10) == EINVAL);
    CHECK(readahead(fd, 0, PAGE) == 0 && close(fd) == 0);
}

static void
mappings_are_coherent(void)
{
    int fd = make_file("mapped", 8, 0), i;
    char *memory;

    memset(aligned, 'M', PAGE);
    CHECK(pwrite(fd, aligned, PAGE, 0) == PAGE);
    memory = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(memory != MAP_FAILED && is_full_of(memory, PAGE, 'M'));
    for (i = 0; i < 8; i++) {
        memset(memory + i * PAGE, 'N', PAGE);
        CHECK(pread(fd, other, PAGE, (off_t)i * PAGE) == PAGE && is_full_of(other, PAGE, 'N'));
        memset(aligned, 'O', PAGE);
        CHECK(pwrite(fd, aligned, PAGE, (off_t)i * PAGE) == PAGE);
        CHECK(is_full_of(memory + i * PAGE, PAGE, 'O'));
    }
    CHECK(munmap(memory, 8 * PAGE) == 0 && close(fd) == 0);
}

/* Only persistent memory takes MAP_SYNC; InnoDB asks for it on its log. */
static void
mappings_are_refused(void)
{
    int fd = make_file("unmapped", 8, 0), flags = MAP_SHARED_VALIDATE | MAP_SYNC;

    CHECK(mmap(NULL, PAGE, PROT_READ, flags, fd, 0) == MAP_FAILED && errno == EOPNOTSUPP);
    CHECK(pread(fd, aligned, PAGE, PAGE) == PAGE && is_full_of(aligned, PAGE, 'b'));
    CHECK(close(fd) == 0);
}

static void
files_are_copied(void)
{
    int from = make_file("from", 16, 0), to;
    off_t offset = 0, target = 0;

    to = make_file("to", 0, 0);
    CHECK(pwrite(from, "new", 3, 0) == 3);
    CHECK(sendfile(to, from, &offset, 4 * PAGE) == 4 * PAGE);
    CHECK(pread(to, other, PAGE, PAGE) == PAGE && is_full_of(other, PAGE, 'b'));
    CHECK(pread(to, other, 3, 0) == 3 && memcmp(other, "new", 3) == 0);
    offset = 8 * PAGE;
    CHECK(copy_file_range(from, &offset, to, &target, 2 * PAGE, 0) == 2 * PAGE);
    CHECK(pread(to, other, PAGE, 0) == PAGE && is_full_of(other, PAGE, 'i'));
    CHECK(close(from) == 0 && close(to) == 0);
}

static void
stdio_is_left_alone(void)
{
    int fd = make_file("stdio", 2, 0);
    FILE *stream = fdopen(fd, "r+");

    CHECK(stream != NULL && fseek(stream, 10, SEEK_SET) == 0);
    CHECK(fputs("hello", stream) >= 0 && fflush(stream) == 0);
    CHECK(pread(fd, other, 5, 10) == 5 && memcmp(other, "hello", 5) == 0);
    CHECK(pwrite(fd, "HELLO", 5, 10) == 5 && fclose(stream) == 0);
    stream = fopen(path_now, "r");
    CHECK(stream != NULL && fread(other, 1, 20, stream) == 20);
    CHECK(memcmp(other + 10, "HELLO", 5) == 0 && fclose(stream) == 0);
    fd = open(path_now, O_RDONLY); /* the number that was the stream's */
    CHECK(pread(fd, other, 5, 10) == 5 && memcmp(other, "HELLO", 5) == 0 && close(fd) == 0);
}

static volatile int handled, shared_fd;

static void
read_in_handler(int signal)
{
    static char page[PAGE];

    (void)signal;
    if (pread(shared_fd, page, PAGE, 0) == PAGE)
        handled++;
}

static void
handlers_may_read(void)
{
    const struct sigaction action = {.sa_handler = read_in_handler, .sa_flags = SA_RESTART};
    const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    int i;

    shared_fd = make_file("signals", 16, 0);
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (i = 0; i < 20000 || (handled < 20 && i < 10000000); i++) {
        CHECK(pread(shared_fd, other, PAGE, (off_t)(i % 16) * PAGE) == PAGE);
        if (i % 64 == 0)
            CHECK(pwrite(shared_fd, other, PAGE, (off_t)(i % 16) * PAGE) == PAGE);
    }
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0 && handled > 0);
    CHECK(close(shared_fd) == 0);
}

static void *
read_for_ever(void *unused)
{
    static char page[PAGE];

    (void)unused;
    for (;;)
        if (pread(shared_fd, page, PAGE, 0) != PAGE)
            return NULL;
}

static void
threads_can_be_cancelled(void)
{
    pthread_t thread;
    void *answer;

    shared_fd = make_file("cancel", 2, 0);
    CHECK(pthread_create(&thread, NULL, read_for_ever, NULL) == 0);
    (void)usleep(20000);
    CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &answer) == 0);
    CHECK(answer == PTHREAD_CANCELED);
    CHECK(ftruncate(shared_fd, 0) == 0 && close(shared_fd) == 0); /* nothing is outstanding */
}

#define THREADS 4

static void *
write_own_pages(void *argument)
{
    char *page = aligned_alloc(PAGE, PAGE);
    uintptr_t number = (uintptr_t)argument;
    unsigned i;

    for (i = 0; i < 500; i++) {
        off_t offset = (off_t)(i % 8 * THREADS + number) * PAGE;

        memset(page, 'A' + (int)(i % 26), PAGE);
        if (pwrite(shared_fd, page, PAGE, offset) != PAGE ||
            pread(shared_fd, page, PAGE, offset) != PAGE ||
            !is_full_of(page, PAGE, (char)('A' + i % 26)))
            return argument;
        if (i % 100 == 0 && fdatasync(shared_fd) != 0)
            return argument;
    }
    free(page);
    return (void *)(uintptr_t)THREADS;
}

static void
threads_write_at_once(void)
{
    pthread_t threads[THREADS];
    uintptr_t i;
    void *answer;

    shared_fd = make_file("threads", 8 * THREADS, 0);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, write_own_pages, (void *)i) == 0);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], &answer) == 0 && (uintptr_t)answer == THREADS);
    CHECK(close(shared_fd) == 0);
}

/* No number is left for a descriptor that the program does not ask for. */
static void
descriptors_run_out(void)
{
    struct rlimit limit;
    int fd = make_file("limit", 4, 0), last, i;

    CHECK(pread(fd, other, 100, 0) == 100); /* whatever is opened once is open now */
    CHECK(close(fd) == 0);
    fd = open(path_now, O_RDWR);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    while ((last = dup(0)) >= 0)
        if ((rlim_t)last + 1 >= limit.rlim_cur || last > 1000) {
            limit.rlim_cur = (rlim_t)last + 1;
            CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        }
    for (i = 0; i < 4; i++)
        CHECK(pread(fd, other, PAGE, (off_t)i * PAGE) == PAGE &&
              is_full_of(other, PAGE, (char)('a' + i)));
    memset(aligned, 'R', PAGE);
    CHECK(pwrite(fd, aligned, PAGE, 0) == PAGE && fsync(fd) == 0);
    CHECK(pread(fd, other, PAGE, 0) == PAGE && is_full_of(other, PAGE, 'R'));
}

static void
a_full_disk_is_told(void)
{
    int fd = make_file("full", 1, 0), filler;
    struct rlimit limit = {8 * PAGE, RLIM_INFINITY};
    off_t size = (off_t)1 << 40;

    filler = make_file("filler", 0, 0);
    while (size >= PAGE) { /* all of the file system */
        if (fallocate(filler, 0, lseek(filler, 0, SEEK_END), size) != 0)
            size /= 2;
    }
    errno = 0;
    for (size = 1; size < 4096; size++)
        if (pwrite(fd, aligned, PAGE, size * PAGE) != PAGE)
            break;
    CHECK(size < 4096 && errno == ENOSPC);
    CHECK(ftruncate(filler, 0) == 0 && close(filler) == 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(pwrite(fd, aligned, PAGE, 64 * PAGE) == -1 && errno == EFBIG);
    CHECK(close(fd) == 0);
}

/* A filter as containers have it: cachestat and io_uring are refused. */
static void
refuse_calls(int error)
{
    const struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 451 /* cachestat */, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
    };
    const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]),
                                       (struct sock_filter *)(uintptr_t)filter};

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void
refused_calls_change_nothing(void)
{
    refuse_calls(EPERM);
    reads_and_writes();
}

static void
missing_calls_change_nothing(void)
{
    refuse_calls(ENOSYS);
    reads_and_writes();
}

/* clang-format off */
#define CASES(_) \
    _(reads_and_writes) _(errors_are_the_kernels) _(the_position_is_left_alone) \
    _(append_appends) _(numbers_are_reused) _(closing_everything_is_survived) \
    _(children_share_files) _(locks_stay) _(sizes_change) _(mappings_are_coherent) \
    _(mappings_are_refused) _(files_are_copied) _(stdio_is_left_alone) _(handlers_may_read) \
    _(threads_can_be_cancelled) _(threads_write_at_once) _(descriptors_run_out) \
    _(a_full_disk_is_told) _(refused_calls_change_nothing) _(missing_calls_change_nothing)
#define CASE(name) {#name, name},
/* clang-format on */
static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {CASES(CASE)};

/* Each case in a process of its own, which starts anew as a program does. */
int
main(int count, char **arguments)
{
    size_t i;
    int failures = 0;

    directory = arguments[1];
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pid_t child;
        int status;
        name_now = cases[i].name;
        if (count > 2) {
            if (strcmp(arguments[2], name_now) != 0)
                continue;
            cases[i].run();
            return 0;
        }
        child = fork();
        if (child == 0) {
            (void)execl("/proc/self/exe", arguments[0], directory, name_now, (char *)NULL);
            _exit(127);
        }
        if (waitpid(child, &status, 0) != child || status != 0) {
            printf("FAILED %s: status %d\n", name_now, status);
            failures++;
        } else {
            printf("ok %s\n", name_now);
        }
        (void)fflush(stdout);
    }
    return failures > 0;
}
