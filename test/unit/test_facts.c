/*
 * test_facts.c - what is known about a descriptor: true on every file system at hand (each
 * alignment is tried), and right for kernels and file systems that are not at hand, whose
 * answers are put into the system-call table.
 */
#include "os/facts.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "t_fault.h"
#include "t_file.h"
#include "t_support.h"

#define MASK_DIO_ALIGN    0x2000u
#define MASK_WRITE_ATOMIC 0x10000u

/* What the replaced calls answer. */
static struct {
    uint32_t mask;   /* bits of stx_mask that are set */
    uint32_t unmask; /* and cleared */
    uint64_t attributes;
    uint32_t memory, offset, atomic_min, atomic_max;
    long magic, block_size, inode_flags;
} fake;

static void
put(unsigned char *bytes, size_t at, const void *value, size_t size)
{
    memcpy(bytes + at, value, size);
}

/* By the byte offsets of uapi/linux/stat.h, not by the struct of facts.c. */
static long
answer_statx(enum dbio_sys_call call, const long arguments[6])
{
    unsigned char *bytes = (unsigned char *)arguments[4];
    long result = dbio__sys_real(call, arguments);
    uint32_t mask;

    memcpy(&mask, bytes, sizeof(mask));
    mask = (mask | fake.mask) & ~fake.unmask;
    put(bytes, 0x00, &mask, 4);
    put(bytes, 0x08, &fake.attributes, 8);
    put(bytes, 0x98, &fake.memory, 4);
    put(bytes, 0x9c, &fake.offset, 4);
    put(bytes, 0xa8, &fake.atomic_min, 4);
    put(bytes, 0xac, &fake.atomic_max, 4);
    return result;
}

static long
answer_fstatfs(enum dbio_sys_call call, const long arguments[6])
{
    struct statfs *system = (struct statfs *)arguments[1];
    long result = dbio__sys_real(call, arguments);

    system->f_type = fake.magic;
    system->f_bsize = fake.block_size;
    return result;
}

static long
answer_ioctl(enum dbio_sys_call call, const long arguments[6])
{
    (void)call;
    if (arguments[1] != (long)FS_IOC_GETFLAGS)
        return -ENOTTY;
    memcpy((void *)arguments[2], &fake.inode_flags, sizeof(int));
    return 0;
}

static int
make_file(void)
{
    return t_file_make(t_path(t_scratch(), "facts"), t_seed(), 10000);
}

static struct dbio_facts
gather(int fd)
{
    struct dbio_facts facts;

    ck_assert_int_eq(dbio__facts_gather(fd, &facts), 0);
    return facts;
}

/* The facts of a file as the faked statx describes it. */
static struct dbio_facts
gather_fake(void)
{
    int fd = make_file();
    struct dbio_facts facts;

    dbio__sys_table[DBIO_SYS_STATX].call = answer_statx;
    facts = gather(fd);
    close(fd);
    return facts;
}

START_TEST(identity_kind_and_size_are_those_of_fstat)
{
    const char *path = t_path(t_filesystems()[_i].directory, "identity");
    int fd = t_file_make(path, t_seed(), 12345), other = open(path, O_RDONLY);
    struct dbio_facts facts = gather(fd), again = gather(other);
    struct stat status;

    ck_assert_int_eq(fstat(fd, &status), 0);
    ck_assert_uint_eq(facts.identity.device >> 32, major(status.st_dev));
    ck_assert_uint_eq(facts.identity.device & UINT32_MAX, minor(status.st_dev));
    ck_assert_uint_eq(facts.identity.inode, status.st_ino);
    ck_assert_uint_eq(facts.size, 12345);
    ck_assert_uint_eq(facts.file_type, S_IFREG);
    ck_assert_mem_eq(&facts.identity, &again.identity, sizeof(facts.identity));
    close(other);
    close(fd);
}
END_TEST

START_TEST(birth_tells_two_files_apart)
{
    const char *path = t_path(t_filesystems()[_i].directory, "born");
    int fd = t_file_make(path, t_seed(), 1);
    struct dbio_facts first = gather(fd), second;

    close(fd);
    if (first.identity.birth == 0)
        t_skip("this file system has no birth times");
    unlink(path);
    usleep(20000); /* file systems count in ticks of up to 10 ms */
    fd = t_file_make(path, t_seed(), 1);
    second = gather(fd);
    ck_assert_uint_gt(second.identity.birth, first.identity.birth);
    close(fd);
}
END_TEST

START_TEST(the_file_system_is_the_one_of_fstatfs)
{
    int fd = t_file_make(t_path(t_filesystems()[_i].directory, "system"), t_seed(), 1);
    struct dbio_facts facts = gather(fd);
    struct statfs system;

    ck_assert_int_eq(fstatfs(fd, &system), 0);
    ck_assert_uint_eq(facts.fs_magic, (uint64_t)system.f_type);
    ck_assert_uint_eq(facts.block_size, (uint64_t)system.f_bsize);
    close(fd);
}
END_TEST

START_TEST(a_request_of_the_stated_alignment_goes_direct)
{
    const char *path = t_path(t_filesystems()[_i].directory, "aligned");
    int fd = t_file_make(path, t_seed(), 65536), direct;
    struct dbio_facts facts = gather(fd);
    size_t memory = facts.memory_align, offset = facts.offset_align;
    char *buffer = NULL;

    close(fd);
    if (memory == 0)
        t_skip("the kernel says: no direct I/O on this file system");
    ck_assert_uint_ne(offset, 0);
    direct = open(path, O_RDWR | O_DIRECT);
    if (direct < 0)
        t_skip("no direct I/O on this file system");
    ck_assert_int_eq(posix_memalign((void **)&buffer, 65536, 131072), 0);
    ck_assert_int_eq(pread(direct, buffer + memory, offset, (off_t)offset), (ssize_t)offset);
    t_pattern_verify(buffer + memory, offset, t_seed(), offset);
    ck_assert_int_eq(pwrite(direct, buffer + memory, offset, (off_t)(3 * offset)), (ssize_t)offset);
    /* Where the kernel states it, half of it is too little. */
    if (facts.reports_align && offset > 1)
        ck_assert_int_eq(pwrite(direct, buffer, offset / 2, 0), -1);
    free(buffer);
    close(direct);
}
END_TEST

START_TEST(a_directory_says_that_it_is_one)
{
    int fd = open(t_scratch(), O_RDONLY | O_DIRECTORY);

    ck_assert_uint_eq(gather(fd).file_type, S_IFDIR);
    close(fd);
}
END_TEST

START_TEST(a_pipe_says_that_it_is_one)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_uint_eq(gather(ends[0]).file_type, S_IFIFO);
}
END_TEST

START_TEST(alignment_that_the_kernel_states_is_taken)
{
    struct dbio_facts facts;

    fake.mask = MASK_DIO_ALIGN;
    fake.memory = 4;
    fake.offset = 1024;
    facts = gather_fake();
    ck_assert(facts.reports_align);
    ck_assert_uint_eq(facts.memory_align, 4);
    ck_assert_uint_eq(facts.offset_align, 1024);
}
END_TEST

START_TEST(alignment_of_zero_means_no_direct_io)
{
    static const struct {
        uint32_t memory, offset;
    } nones[] = {{0, 0}, {512, 0}, {0, 512}, {513, 512}, {512, 3000}};
    struct dbio_facts facts;

    fake.mask = MASK_DIO_ALIGN;
    fake.memory = nones[_i].memory;
    fake.offset = nones[_i].offset;
    facts = gather_fake();
    ck_assert(facts.reports_align);
    ck_assert_uint_eq(facts.memory_align, 0);
    ck_assert_uint_eq(facts.offset_align, 0);
}
END_TEST

START_TEST(a_kernel_that_states_nothing_gets_the_block_size)
{
    static const struct {
        long block_size;
        uint32_t offset;
    } blocks[] = {{512, 512}, {1024, 1024}, {4096, 4096}, {65536, 65536},
                  {1, 512},   {0, 512},     {3000, 4096}};
    struct dbio_facts facts;

    fake.unmask = MASK_DIO_ALIGN | MASK_WRITE_ATOMIC;
    fake.memory = fake.offset = fake.atomic_max = 8;
    fake.magic = XFS_SUPER_MAGIC;
    fake.block_size = blocks[_i].block_size;
    dbio__sys_table[DBIO_SYS_FSTATFS].call = answer_fstatfs;
    facts = gather_fake();
    ck_assert(!facts.reports_align);
    ck_assert_uint_eq(facts.fs_magic, XFS_SUPER_MAGIC);
    ck_assert_uint_eq(facts.memory_align, facts.offset_align);
    ck_assert_uint_eq(facts.offset_align, blocks[_i].offset);
    ck_assert_uint_eq(facts.atomic_max, 0);
}
END_TEST

START_TEST(limits_of_atomic_writes_are_taken)
{
    struct dbio_facts facts;

    fake.mask = MASK_WRITE_ATOMIC;
    fake.atomic_min = 4096;
    fake.atomic_max = 65536;
    facts = gather_fake();
    ck_assert_uint_eq(facts.atomic_min, 4096);
    ck_assert_uint_eq(facts.atomic_max, 65536);
}
END_TEST

START_TEST(each_attribute_has_its_own_bit)
{
    static const uint64_t bits[] = {STATX_ATTR_COMPRESSED, STATX_ATTR_ENCRYPTED, STATX_ATTR_VERITY,
                                    STATX_ATTR_DAX, 0};
    struct dbio_facts facts;

    fake.attributes = bits[_i];
    facts = gather_fake();
    ck_assert(facts.compressed == (_i == 0));
    ck_assert(facts.encrypted == (_i == 1));
    ck_assert(facts.verity == (_i == 2));
    ck_assert(facts.dax == (_i == 3));
}
END_TEST

START_TEST(without_statx_everything_else_is_still_known)
{
    int fd = make_file();
    struct dbio_facts facts;

    t_fault_arm(&(struct t_fault){.call = DBIO_SYS_STATX, .nth = 1, .error = ENOSYS});
    facts = gather(fd);
    t_fault_disarm();
    ck_assert_uint_eq(facts.size, 10000);
    ck_assert_uint_ne(facts.identity.inode, 0);
    ck_assert_uint_eq(facts.identity.birth, 0);
    ck_assert(!facts.reports_align);
    ck_assert_uint_eq(facts.memory_align, facts.offset_align);
    close(fd);
}
END_TEST

START_TEST(a_btrfs_file_without_checksums_is_known_by_its_flag)
{
    fake.magic = BTRFS_SUPER_MAGIC;
    fake.block_size = 4096;
    dbio__sys_table[DBIO_SYS_FSTATFS].call = answer_fstatfs;
    dbio__sys_table[DBIO_SYS_IOCTL].call = answer_ioctl;
    fake.inode_flags = FS_NOCOW_FL;
    ck_assert(gather(make_file()).no_checksum);
    fake.inode_flags = FS_NOATIME_FL;
    ck_assert(!gather(make_file()).no_checksum);
}
END_TEST

START_TEST(a_btrfs_file_whose_flags_cannot_be_read_has_checksums)
{
    fake.magic = BTRFS_SUPER_MAGIC;
    fake.block_size = 4096;
    t_fault_arm(&(struct t_fault){.call = DBIO_SYS_IOCTL, .nth = 1, .error = ENOTTY});
    dbio__sys_table[DBIO_SYS_FSTATFS].call = answer_fstatfs;
    ck_assert(!gather(make_file()).no_checksum);
    ck_assert_uint_eq(t_fault_hits(), 1);
}
END_TEST

START_TEST(the_flag_is_asked_on_btrfs_only)
{
    fake.magic = EXT4_SUPER_MAGIC;
    fake.block_size = 4096;
    t_fault_count();
    dbio__sys_table[DBIO_SYS_FSTATFS].call = answer_fstatfs;
    ck_assert(!gather(make_file()).no_checksum);
    ck_assert_uint_eq(t_fault_calls(DBIO_SYS_IOCTL), 0);
}
END_TEST

START_TEST(an_error_of_fstat_or_fstatfs_is_returned)
{
    int fd = make_file();
    struct dbio_facts facts;

    ck_assert_int_eq(dbio__facts_gather(-1, &facts), -EBADF);
    t_fault_arm(&(struct t_fault){.call = DBIO_SYS_FSTAT, .nth = 1, .error = EIO});
    t_fault_arm(&(struct t_fault){.call = DBIO_SYS_FSTATFS, .nth = 1, .error = ESTALE});
    ck_assert_int_eq(dbio__facts_gather(fd, &facts), -EIO);
    ck_assert_int_eq(dbio__facts_gather(fd, &facts), -ESTALE);
    ck_assert_int_eq(dbio__facts_gather(fd, &facts), 0);
    close(fd);
}
END_TEST

static TCase *
make_real_cases(void)
{
    TCase *cases = tcase_create("this kernel");
    int count = t_filesystems_count();

    tcase_add_loop_test(cases, identity_kind_and_size_are_those_of_fstat, 0, count);
    tcase_add_loop_test(cases, birth_tells_two_files_apart, 0, count);
    tcase_add_loop_test(cases, the_file_system_is_the_one_of_fstatfs, 0, count);
    tcase_add_loop_test(cases, a_request_of_the_stated_alignment_goes_direct, 0, count);
    tcase_add_test(cases, a_directory_says_that_it_is_one);
    tcase_add_test(cases, a_pipe_says_that_it_is_one);
    return cases;
}

static TCase *
make_fake_cases(void)
{
    TCase *cases = tcase_create("other kernels");

    tcase_add_test(cases, alignment_that_the_kernel_states_is_taken);
    tcase_add_loop_test(cases, alignment_of_zero_means_no_direct_io, 0, 5);
    tcase_add_loop_test(cases, a_kernel_that_states_nothing_gets_the_block_size, 0, 7);
    tcase_add_test(cases, limits_of_atomic_writes_are_taken);
    tcase_add_loop_test(cases, each_attribute_has_its_own_bit, 0, 5);
    tcase_add_test(cases, without_statx_everything_else_is_still_known);
    tcase_add_test(cases, a_btrfs_file_without_checksums_is_known_by_its_flag);
    tcase_add_test(cases, a_btrfs_file_whose_flags_cannot_be_read_has_checksums);
    tcase_add_test(cases, the_flag_is_asked_on_btrfs_only);
    tcase_add_test(cases, an_error_of_fstat_or_fstatfs_is_returned);
    return cases;
}

Suite *
t_suite(void)
{
    Suite *suite = suite_create("facts");

    suite_add_tcase(suite, make_real_cases());
    suite_add_tcase(suite, make_fake_cases());
    return suite;
}
