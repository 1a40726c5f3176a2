/*
 * test_outlook.c - a registry seen from outside: who waits for whom, who lives, and that no bytes
 * in the file, whatever they are and however they change meanwhile, lead it astray. The registries
 * are made here by hand.
 */
#include "engine/outlook.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "core/inflight.h"
#include "os/clock.h"
#include "os/registry.h"
#include "t_dbio.h"
#include "t_fault.h"

#define PAGE  UINT64_C(4096)
#define FLIPS 10000
#define LOOKS 2000

static struct dbio_table *table; /* of `path`, mapped */
static const char *path;
static struct dbio_registry_view *view;

/* A whole registry with one process, whose life is not proved. */
static void
make_registry(void)
{
    int fd;

    path = t_path_kept(t_scratch(), "registry");
    (void)unlink(path);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, sizeof(*table)), 0);
    table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(table, MAP_FAILED);
    ck_assert_int_eq(close(fd), 0);
    dbio__table_init(table);
    dbio__table_join(table, 0, INT32_MAX, dbio__clock_ns(), "program");
}

static void
announce(enum dbio_class class, uint64_t begin_page, uint64_t end_page, uint32_t entry,
         struct dbio_announcement *a)
{
    struct dbio_announcer announcer = {0};
    struct dbio_range range = {begin_page * PAGE,
                               end_page == UINT64_MAX ? UINT64_MAX : end_page * PAGE};
    enum dbio_verdict verdict =
        dbio__inflight_announce(table, entry, class, range, dbio__clock_ns(), &announcer, a);

    ck_assert_int_ne(verdict, DBIO_FULL);
}

static struct dbio_registry_info
seen_info(void)
{
    struct dbio_registry_info info = {.size = sizeof(info)};

    dbio__outlook_info(view, &info);
    return info;
}

static struct dbio_registry_request
seen_request(unsigned index)
{
    struct dbio_registry_request request = {.size = sizeof(request)};

    ck_assert_int_eq(dbio__outlook_request(view, index, &request), 0);
    return request;
}

static struct dbio_registry_process
seen_process(unsigned index)
{
    struct dbio_registry_process process = {.size = sizeof(process)};

    ck_assert_int_eq(dbio__outlook_process(view, index, &process), 0);
    return process;
}

static void
look(void)
{
    ck_assert_int_eq(view == NULL ? dbio__outlook_open(path, &view) : dbio__outlook_refresh(view),
                     0);
}

static const struct pair {
    const char *name;
    enum dbio_class first, second;
    uint64_t begin, end; /* of the second, in pages; the first has [10, 20) */
    uint32_t entry;      /* of the second; the first has 0 */
    bool waits;
} pairs[] = {
    {"a direct write behind a buffered read", DBIO_CLASS_BUFFERED_READ, DBIO_CLASS_DIRECT_WRITE, 10,
     20, 0, true},
    {"a buffered read behind a direct write", DBIO_CLASS_DIRECT_WRITE, DBIO_CLASS_BUFFERED_READ, 10,
     20, 0, true},
    {"a direct read behind a buffered write", DBIO_CLASS_BUFFERED_WRITE, DBIO_CLASS_DIRECT_READ, 10,
     20, 0, true},
    {"a direct read beside a buffered read", DBIO_CLASS_BUFFERED_READ, DBIO_CLASS_DIRECT_READ, 10,
     20, 0, false},
    {"two direct writes", DBIO_CLASS_DIRECT_WRITE, DBIO_CLASS_DIRECT_WRITE, 10, 20, 0, false},
    {"exclusive behind a read", DBIO_CLASS_DIRECT_READ, DBIO_CLASS_EXCLUSIVE, 0, UINT64_MAX, 0,
     true},
    {"two exclusive ones", DBIO_CLASS_EXCLUSIVE, DBIO_CLASS_EXCLUSIVE, 10, 20, 0, true},
    {"the last page", DBIO_CLASS_BUFFERED_WRITE, DBIO_CLASS_DIRECT_WRITE, 19, 30, 0, true},
    {"the first page", DBIO_CLASS_BUFFERED_WRITE, DBIO_CLASS_DIRECT_WRITE, 0, 11, 0, true},
    {"just after", DBIO_CLASS_BUFFERED_WRITE, DBIO_CLASS_DIRECT_WRITE, 20, 30, 0, false},
    {"just before", DBIO_CLASS_BUFFERED_WRITE, DBIO_CLASS_DIRECT_WRITE, 0, 10, 0, false},
    {"another file", DBIO_CLASS_BUFFERED_WRITE, DBIO_CLASS_DIRECT_WRITE, 10, 20, 1, false},
};
#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))

START_TEST(the_second_waits_for_the_first_if_the_protocol_says_so)
{
    const struct pair *pair = &pairs[_i];
    struct dbio_announcement first, second;
    struct dbio_blocker blocker;
    unsigned i;

    make_registry();
    announce(pair->first, 10, 20, 0, &first);
    announce(pair->second, pair->begin, pair->end, pair->entry, &second);
    ck_assert_msg((second.ticket != 0 && dbio__inflight_blocker(table, &second, &blocker)) ==
                      pair->waits,
                  "%s: the table of this test is wrong", pair->name);
    look();
    ck_assert_uint_eq(seen_info().requests, 2);
    for (i = 0; i < 2; i++) {
        struct dbio_registry_request seen = seen_request(i);
        bool is_first = seen.ticket == first.ticket && seen.io_class == (uint32_t)pair->first &&
                        seen.begin == first.range.begin;

        if (pair->first == pair->second && first.range.begin == second.range.begin)
            is_first = seen.ticket == first.ticket;
        ck_assert_msg(seen.waiting == (!is_first && pair->waits), "%s", pair->name);
        ck_assert_msg(seen.waiters == (is_first && pair->waits), "%s", pair->name);
    }
    dbio__outlook_close(view);
}
END_TEST

START_TEST(many_wait_for_one_and_nobody_for_those_who_came_later)
{
    struct dbio_announcement a;
    unsigned i;

    make_registry();
    announce(DBIO_CLASS_EXCLUSIVE, 0, UINT64_MAX, 5, &a);
    for (i = 0; i < 7; i++)
        announce(DBIO_CLASS_DIRECT_READ, i, i + 1, 5, &a);
    look();
    ck_assert_uint_eq(seen_info().requests, 8);
    for (i = 0; i < 8; i++) {
        struct dbio_registry_request seen = seen_request(i);
        bool exclusive = seen.io_class == DBIO_CLASS_EXCLUSIVE;

        ck_assert_uint_eq(seen.waiters, exclusive ? 7 : 0);
        ck_assert_uint_eq(seen.waiting, exclusive ? 0 : 1);
        ck_assert_uint_eq(seen.end, exclusive ? UINT64_MAX : seen.begin + PAGE);
        ck_assert_uint_eq(seen.process, 0);
    }
    ck_assert_uint_eq(seen_process(0).requests[DBIO_CLASS_DIRECT_READ], 7);
    ck_assert_uint_eq(seen_process(0).requests[DBIO_CLASS_EXCLUSIVE], 1);
    dbio__outlook_close(view);
}
END_TEST

START_TEST(the_oldest_comes_first_and_what_is_being_filled_not_at_all)
{
    struct dbio_announcement a[4];
    unsigned i;

    make_registry();
    for (i = 0; i < 4; i++) {
        announce(DBIO_CLASS_DIRECT_READ, i, i + 1, 0, &a[i]);
        atomic_store(&table->slots[a[i].slot].since_ns, (uint64_t)(i % 2 == 0 ? i + 1 : 10 - i));
    }
    atomic_store(&table->slots[a[2].slot].word,
                 (a[2].word & ~(uint64_t)DBIO_PHASE_MASK) | DBIO_PHASE_CLAIMED);
    look();
    ck_assert_uint_eq(seen_info().requests, 3);
    ck_assert_uint_eq(seen_request(0).begin, 0);
    ck_assert_uint_eq(seen_request(1).begin, 3 * PAGE);
    ck_assert_uint_eq(seen_request(2).begin, PAGE);
    ck_assert_int_eq(dbio__outlook_request(view, 3, &(struct dbio_registry_request){0}), -ENOENT);
    ck_assert_int_eq(dbio__outlook_process(view, 1, &(struct dbio_registry_process){0}), -ENOENT);
    dbio__outlook_close(view);
}
END_TEST

START_TEST(who_holds_its_byte_or_maps_the_registry_lives)
{
    struct dbio_registry other;
    const char *why;

    make_registry();
    dbio__table_join(table, 3, INT32_MAX, dbio__clock_ns(), "locked");
    dbio__table_join(table, 7, getpid(), dbio__clock_ns(), "a name of more than thirty-one bytes");
    ck_assert_int_eq(dbio__registry_open(path, false, &other, &why), 0);
    ck_assert_int_eq(dbio__registry_claim(&other, 3), 0);
    look();
    ck_assert_uint_eq(seen_info().processes, 3);
    ck_assert_uint_eq(seen_info().dead, 1);
    ck_assert_uint_eq(seen_process(0).alive, 0);
    ck_assert_uint_eq(seen_process(1).alive, 1);
    ck_assert_str_eq(seen_process(1).program, "locked");
    ck_assert_uint_eq(seen_process(2).alive, 1);
    ck_assert_str_eq(seen_process(2).program, "a name of more than thirty-one ");
    dbio__registry_close(&other);
    look();
    ck_assert_uint_eq(seen_info().dead, 2);
    dbio__outlook_close(view);
}
END_TEST

START_TEST(a_file_without_a_place_of_its_own_is_not_named)
{
    struct dbio_announcement a;
    uint32_t entry = DBIO_TABLE_ENTRIES - 1;

    make_registry();
    atomic_store(&table->entries[entry].device, 8);
    atomic_store(&table->entries[entry].inode, 4711);
    atomic_store(&table->entries[1].device, 8);
    atomic_store(&table->entries[1].inode, 4712);
    announce(DBIO_CLASS_DIRECT_WRITE, 0, 1, entry, &a);
    announce(DBIO_CLASS_DIRECT_WRITE, 1, 2, 1, &a);
    atomic_store(&table->slots[a.slot].since_ns, UINT64_MAX);
    look();
    ck_assert_uint_eq(seen_request(0).inode, 0);
    ck_assert_uint_eq(seen_request(0).device, 0);
    ck_assert_uint_eq(seen_request(1).inode, 4712);
    ck_assert_uint_eq(seen_request(1).device, 8);
    ck_assert_uint_eq(seen_request(1).age_ns, 0); /* from the future */
    dbio__outlook_close(view);
}
END_TEST

static int
try_open(void)
{
    struct dbio_registry_view *none = NULL;
    int error = dbio__outlook_open(path, &none);

    if (error == 0)
        dbio__outlook_close(none);
    else
        ck_assert_ptr_null(none);
    return error;
}

START_TEST(a_file_of_any_other_length_is_refused)
{
    /* clang-format off */
    static const size_t lengths[] = {
        0, 1, offsetof(struct dbio_table_header, version), sizeof(struct dbio_table_header) - 1,
        sizeof(struct dbio_table_header), offsetof(struct dbio_table, owners) + 1,
        offsetof(struct dbio_table, entries), offsetof(struct dbio_table, slots) - 1,
        offsetof(struct dbio_table, slots), offsetof(struct dbio_table, slots) + 1,
        offsetof(struct dbio_table, uses) - 1, offsetof(struct dbio_table, uses),
        sizeof(struct dbio_table) - 1, sizeof(struct dbio_table) + 1, (size_t)1 << 40};
    /* clang-format on */
    size_t i;

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        make_registry();
        ck_assert_int_eq(try_open(), 0);
        ck_assert_int_eq(truncate(path, (off_t)lengths[i]), 0);
        ck_assert_msg(try_open() == -EBADMSG, "%zu bytes", lengths[i]);
    }
}
END_TEST

START_TEST(another_layout_or_version_is_refused)
{
    struct dbio_table_header right;
    uint32_t *field;
    size_t i;

    make_registry();
    memcpy(&right, &table->header, sizeof(right));
    for (i = 0; i < offsetof(struct dbio_table_header, pad) / sizeof(uint32_t); i++) {
        field = (uint32_t *)(void *)&table->header + i;
        *field += 1;
        ck_assert_msg(try_open() == -EBADMSG, "field %zu", i);
        *field -= 2;
        ck_assert_msg(try_open() == -EBADMSG, "field %zu", i);
        *field += 1;
        ck_assert_int_eq(try_open(), 0);
    }
    ck_assert_int_eq(memcmp(&right, &table->header, sizeof(right)), 0);
}
END_TEST

START_TEST(what_dbio_would_not_join_is_refused)
{
    const char *link_path = t_path_kept(t_scratch(), "link");

    make_registry();
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(try_open(), -EPERM);
    ck_assert_int_eq(chmod(path, 0602), 0);
    ck_assert_int_eq(try_open(), -EPERM);
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(link(path, link_path), 0);
    ck_assert_int_eq(try_open(), -EPERM);
    ck_assert_int_eq(unlink(link_path), 0);
    ck_assert_int_eq(try_open(), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(path, 1, (gid_t)-1), 0);
        ck_assert_int_eq(try_open(), -EPERM);
    }
    ck_assert_int_eq(symlink(path, link_path), 0);
    path = link_path;
    ck_assert_int_eq(try_open(), -EPERM);
    ck_assert_int_eq(unlink(link_path), 0);
    ck_assert_int_eq(try_open(), -ENOENT);
    ck_assert_int_eq(mkfifo(link_path, 0600), 0);
    ck_assert_int_eq(try_open(), -EPERM);
    path = t_scratch();
    ck_assert_int_eq(try_open(), -EISDIR);
}
END_TEST

START_TEST(a_look_that_fails_leaves_the_last_one)
{
    struct dbio_announcement a;

    make_registry();
    announce(DBIO_CLASS_DIRECT_WRITE, 3, 4, 0, &a);
    look();
    atomic_store(&table->retired, 5);
    table->header.version++;
    ck_assert_int_eq(dbio__outlook_refresh(view), -EBADMSG);
    table->header.version--;
    ck_assert_uint_eq(seen_info().retired, 0);
    look();
    ck_assert_uint_eq(seen_info().retired, 5);
    ck_assert_int_eq(truncate(path, sizeof(*table) / 2), 0);
    ck_assert_int_eq(dbio__outlook_refresh(view), -EBADMSG);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(dbio__outlook_refresh(view), -ENOENT);
    ck_assert_uint_eq(seen_info().processes, 1);
    ck_assert_uint_eq(seen_info().requests, 1);
    ck_assert_uint_eq(seen_request(0).begin, 3 * PAGE);
    ck_assert_str_eq(seen_process(0).program, "program");
    dbio__outlook_close(view);
}
END_TEST

/* Whatever was read, what is told is within bounds. */
static void
ask_everything(void)
{
    struct dbio_registry_info info = seen_info();
    unsigned i, class;

    ck_assert_uint_le(info.processes, info.processes_max);
    ck_assert_uint_le(info.dead, info.processes);
    ck_assert_uint_le(info.requests, info.requests_max);
    for (i = 0; i < info.processes; i++) {
        struct dbio_registry_process process = seen_process(i);

        ck_assert_uint_lt(strnlen(process.program, sizeof(process.program)),
                          sizeof(process.program));
        for (class = 0; class < DBIO_CLASS_COUNT; class ++)
            ck_assert_uint_le(process.requests[class], info.requests);
    }
    for (i = 0; i < info.requests; i++) {
        struct dbio_registry_request request = seen_request(i);

        ck_assert(request.process == UINT32_MAX || request.process < info.processes);
        ck_assert_uint_lt(request.waiters, info.requests);
        ck_assert_str_ne(dbio__outlook_class(request.io_class), "");
    }
}

/* A place that is read: in the header's counts, the first owners, entries and slots. */
static unsigned char *
random_place(void)
{
    static const size_t starts[] = {
        offsetof(struct dbio_table, high_water), offsetof(struct dbio_table, owners),
        offsetof(struct dbio_table, entries), offsetof(struct dbio_table, slots)};

    return (unsigned char *)table + starts[t_random_below(4)] + t_random_below(1024);
}

START_TEST(ten_thousand_rounds_of_flipped_bytes_do_no_harm)
{
    struct dbio_announcement a;
    int i;

    make_registry();
    for (i = 0; i < 16; i++)
        announce((enum dbio_class)(i % DBIO_CLASS_COUNT), 0, 4, (uint32_t)i % 3, &a);
    for (i = 0; i < FLIPS; i++) {
        uint64_t flips = 1 + t_random_below(32);

        while (flips-- > 0)
            *random_place() ^= (unsigned char)(1u << t_random_below(8));
        look();
        ask_everything();
    }
    dbio__outlook_close(view);
}
END_TEST

START_TEST(nothing_but_noise_behind_a_right_header_does_no_harm)
{
    uint64_t *at;
    int rounds;

    make_registry();
    for (rounds = 0; rounds < 3; rounds++) {
        for (at = (uint64_t *)(void *)&table->high_water; at < (uint64_t *)(void *)(table + 1);
             at++)
            *at = t_random();
        look();
        ask_everything();
    }
    dbio__outlook_close(view);
}
END_TEST

START_TEST(a_full_table_is_told_whole)
{
    struct dbio_announcement a;
    unsigned i;

    make_registry();
    for (i = 1; i < DBIO_TABLE_OWNERS; i++)
        dbio__table_join(table, i, INT32_MAX, dbio__clock_ns(), "one of many");
    for (i = 0; i < DBIO_TABLE_SLOTS; i++)
        announce(DBIO_CLASS_EXCLUSIVE, 0, UINT64_MAX, 0, &a);
    look();
    ck_assert_uint_eq(seen_info().processes, DBIO_TABLE_OWNERS);
    ck_assert_uint_eq(seen_info().requests, DBIO_TABLE_SLOTS);
    for (i = 0; i < DBIO_TABLE_SLOTS; i++)
        ck_assert_uint_eq(seen_request(i).waiters, DBIO_TABLE_SLOTS - seen_request(i).ticket);
    dbio__outlook_close(view);
}
END_TEST

static _Atomic bool done;

/* Requests whose range tells their class: begins at page `class`, and is class + 1 pages long. */
static void *
announce_for_ever(void *argument)
{
    struct dbio_announcer announcer = {0};
    uint64_t class = 0;

    (void)argument;
    while (!atomic_load(&done)) {
        struct dbio_range range = {class * PAGE, (2 * class + 1) * PAGE};
        struct dbio_announcement a;
        enum dbio_verdict verdict = dbio__inflight_announce(
            table, (uint32_t) class, (enum dbio_class) class, range, 0, &announcer, &a);

        ck_assert_int_ne(verdict, DBIO_FULL);
        if (dbio__inflight_release(table, &a))
            atomic_store(&done, true); /* nobody waits here */
        class = (class + 1) % DBIO_CLASS_COUNT;
    }
    return NULL;
}

START_TEST(fields_of_two_requests_are_never_mixed)
{
    unsigned seen = 0, i, k;
    pthread_t thread;

    make_registry();
    ck_assert_int_eq(pthread_create(&thread, NULL, announce_for_ever, NULL), 0);
    for (i = 0; i < LOOKS; i++) {
        look();
        for (k = 0; k < seen_info().requests; k++) {
            struct dbio_registry_request request = seen_request(k);

            ck_assert_uint_eq(request.begin, request.io_class * PAGE);
            ck_assert_uint_eq(request.end, (2 * request.io_class + 1) * PAGE);
            seen++;
        }
    }
    ck_assert(!atomic_load(&done));
    atomic_store(&done, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_gt(seen, 0);
    dbio__outlook_close(view);
}
END_TEST

static void *
cut_for_ever(void *argument)
{
    (void)argument;
    while (!atomic_load(&done))
        if (truncate(path, (off_t)t_random_below(sizeof(*table))) != 0 ||
            truncate(path, sizeof(*table)) != 0)
            break;
    return NULL;
}

START_TEST(a_file_that_shrinks_meanwhile_is_an_error_and_no_signal)
{
    pthread_t thread;
    int i, error;

    make_registry();
    look();
    ck_assert_int_eq(pthread_create(&thread, NULL, cut_for_ever, NULL), 0);
    for (i = 0; i < LOOKS; i++) {
        error = dbio__outlook_refresh(view);
        ck_assert_msg(error == 0 || error == -EBADMSG, "%d", error);
        ask_everything();
    }
    atomic_store(&done, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    dbio__outlook_close(view);
}
END_TEST

START_TEST(each_call_that_fails_is_told_and_leaves_nothing_behind)
{
    static const int calls[] = {DBIO_SYS_OPENAT, DBIO_SYS_FSTAT, DBIO_SYS_PREAD};
    long memory = dbio__mem_outstanding();
    int descriptors, error;
    unsigned long nth;
    size_t i;

    make_registry();
    atomic_store(&table->owners[0].pid, 0); /* or /proc is asked, in vain for all that it matters */
    descriptors = t_descriptors();
    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        for (nth = 1;; nth++) {
            t_fault_one(calls[i], nth, EIO);
            error = try_open();
            if (t_fault_hits() == 0)
                break;
            t_fault_disarm();
            ck_assert_int_eq(error, -EIO);
            ck_assert_int_eq(t_descriptors(), descriptors);
            ck_assert_int_eq(dbio__mem_outstanding(), memory);
        }
        t_fault_disarm();
        ck_assert_uint_gt(nth, 1);
        ck_assert_int_eq(error, 0);
    }
    t_fault_short_all(DBIO_SYS_PREAD, 1000);
    ck_assert_int_eq(try_open(), 0);
    t_fault_disarm();
    dbio__mem_fail_after(0);
    ck_assert_int_eq(try_open(), -ENOMEM);
    ck_assert_int_eq(t_descriptors(), descriptors);
    ck_assert_int_eq(dbio__mem_outstanding(), memory);
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("outlook");
    TCase *cases = tcase_create("outlook");

    tcase_add_loop_test(cases, the_second_waits_for_the_first_if_the_protocol_says_so, 0,
                        (int)PAIRS);
    tcase_add_test(cases, many_wait_for_one_and_nobody_for_those_who_came_later);
    tcase_add_test(cases, the_oldest_comes_first_and_what_is_being_filled_not_at_all);
    tcase_add_test(cases, who_holds_its_byte_or_maps_the_registry_lives);
    tcase_add_test(cases, a_file_without_a_place_of_its_own_is_not_named);
    tcase_add_test(cases, a_file_of_any_other_length_is_refused);
    tcase_add_test(cases, another_layout_or_version_is_refused);
    tcase_add_test(cases, what_dbio_would_not_join_is_refused);
    tcase_add_test(cases, a_look_that_fails_leaves_the_last_one);
    tcase_add_test(cases, ten_thousand_rounds_of_flipped_bytes_do_no_harm);
    tcase_add_test(cases, nothing_but_noise_behind_a_right_header_does_no_harm);
    tcase_add_test(cases, a_full_table_is_told_whole);
    tcase_add_test(cases, fields_of_two_requests_are_never_mixed);
    tcase_add_test(cases, a_file_that_shrinks_meanwhile_is_an_error_and_no_signal);
    tcase_add_test(cases, each_call_that_fails_is_told_and_leaves_nothing_behind);
    suite_add_tcase(suite, cases);
    return suite;
}
