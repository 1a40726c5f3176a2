/* test_backend_sync.c - one transfer is one system call, the plain one where it does. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "t_dbio.h"
#include "t_fault.h"
#include "t_file.h"

#define SIZE 65536

static ssize_t
transfer(const struct dbio_io *io)
{
    return dbio__backend_sync.transfer(io);
}

START_TEST(the_plain_calls_are_used_where_they_do)
{
    int fd = t_file_make(t_path(t_scratch(), "file"), T_SEED, SIZE);
    char *memory = t_aligned(SIZE);
    struct iovec vector[2] = {{memory, 4096}, {memory + 4096, 4096}};
    static const struct {
        bool write;
        int count, rwf, call;
    } cases[] = {{false, 1, 0, DBIO_SYS_PREAD},
                 {true, 1, 0, DBIO_SYS_PWRITE},
                 {false, 2, 0, DBIO_SYS_PREADV2},
                 {true, 2, 0, DBIO_SYS_PWRITEV2},
                 {true, 1, DBIO_RWF_DSYNC, DBIO_SYS_PWRITEV2},
                 {true, 2, DBIO_RWF_DSYNC, DBIO_SYS_PWRITEV2}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dbio_io io = {.fd = fd,
                             .write = cases[i].write,
                             .rwf = cases[i].rwf,
                             .count = cases[i].count,
                             .vector = vector,
                             .offset = 8192};

        t_fault_count();
        ck_assert_int_eq(transfer(&io), cases[i].count * 4096);
        ck_assert_uint_eq(t_fault_calls(T_FAULT_ANY), 1);
        ck_assert_uint_eq(t_fault_calls(cases[i].call), 1);
        t_fault_disarm();
        if (!cases[i].write)
            t_pattern_verify(memory, (size_t)cases[i].count * 4096, T_SEED, 8192);
    }
    t_file_verify(t_path(t_scratch(), "file"), T_SEED, 0, SIZE);
    close(fd);
}
END_TEST

START_TEST(what_the_kernel_answers_is_returned_as_it_is)
{
    int fd = t_file_make(t_path(t_scratch(), "file"), T_SEED, SIZE);
    char *memory = t_aligned(SIZE);
    struct iovec vector = {memory, SIZE};
    struct dbio_io io = {.fd = fd, .count = 1, .vector = &vector, .offset = SIZE - 10};
    const int errors[] = {EINTR, EAGAIN, EINVAL, EIO};

    ck_assert_int_eq(transfer(&io), 10);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        t_fault_one(DBIO_SYS_PREAD, 1, errors[i]);
        ck_assert_int_eq(transfer(&io), -errors[i]);
        ck_assert_uint_eq(t_fault_calls(T_FAULT_ANY), 1); /* not repeated here */
        t_fault_disarm();
    }
    t_fault_short(DBIO_SYS_PREAD, 1, 3);
    ck_assert_int_eq(transfer(&io), 3);
    io.fd = -1;
    ck_assert_int_eq(transfer(&io), -EBADF);
    ck_assert_str_eq(dbio__backend_sync.name, "sync");
    close(fd);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("backend_sync");
    TCase *cases = tcase_create("backend_sync");

    tcase_add_test(cases, the_plain_calls_are_used_where_they_do);
    tcase_add_test(cases, what_the_kernel_answers_is_returned_as_it_is);
    suite_add_tcase(suite, cases);
    return suite;
}
