/*
 * test_policy.c - a file's standing: what rules direct I/O out, one fact at a time and in every
 * combination; and what each mode and role makes of it.
 */
#include "core/policy.h"

#include "t_support.h"

/* From linux/magic.h, as the kernel writes them; F2FS from its own header. */
#define EXT4      0xEF53u
#define XFS       0x58465342u
#define BTRFS     0x9123683Eu
#define F2FS      0xF2F52010u
#define TMPFS     0x01021994u
#define RAMFS     0x858458f6u
#define HUGETLBFS 0x958458f6u
#define NFS       0x6969u
#define OVERLAY   0x794c7630u
#define FUSE      0x65735546u
#define ZFS       0x2fc12fc1u

static const struct {
    const char *name;
    struct dbio_ability_facts facts;
    enum dbio_reason reason;
} abilities[] = {
    {"ext4", {.fs_magic = EXT4, .has_alignment = true}, DBIO_REASON_NONE},
    {"XFS", {.fs_magic = XFS, .has_alignment = true}, DBIO_REASON_NONE},
    {"F2FS", {.fs_magic = F2FS, .has_alignment = true}, DBIO_REASON_NONE},
    {"btrfs, no data checksums",
     {.fs_magic = BTRFS, .has_alignment = true, .no_checksum = true},
     DBIO_REASON_NONE},
    {"btrfs", {.fs_magic = BTRFS, .has_alignment = true}, DBIO_REASON_FS_CHECKSUM},
    {"tmpfs", {.fs_magic = TMPFS}, DBIO_REASON_FS_NO_DIRECT},
    {"tmpfs pretends", {.fs_magic = TMPFS, .has_alignment = true}, DBIO_REASON_FS_NO_DIRECT},
    {"ramfs pretends", {.fs_magic = RAMFS, .has_alignment = true}, DBIO_REASON_FS_NO_DIRECT},
    {"hugetlbfs", {.fs_magic = HUGETLBFS, .has_alignment = true}, DBIO_REASON_FS_NO_DIRECT},
    {"NFS", {.fs_magic = NFS, .has_alignment = true}, DBIO_REASON_FS_UNKNOWN},
    {"overlayfs", {.fs_magic = OVERLAY, .has_alignment = true}, DBIO_REASON_FS_UNKNOWN},
    {"FUSE", {.fs_magic = FUSE, .has_alignment = true}, DBIO_REASON_FS_UNKNOWN},
    {"ZFS", {.fs_magic = ZFS, .has_alignment = true}, DBIO_REASON_FS_UNKNOWN},
    {"no magic number", {.fs_magic = 0, .has_alignment = true}, DBIO_REASON_FS_UNKNOWN},
    {"a larger number that ends like XFS's",
     {.fs_magic = UINT64_C(1) << 32 | XFS, .has_alignment = true},
     DBIO_REASON_FS_UNKNOWN},
    {"no alignment", {.fs_magic = EXT4}, DBIO_REASON_FS_NO_DIRECT},
    {"DAX", {.fs_magic = XFS, .has_alignment = true, .dax = true}, DBIO_REASON_FILE_DAX},
    {"compressed",
     {.fs_magic = F2FS, .has_alignment = true, .compressed = true},
     DBIO_REASON_FILE_COMPRESSED},
    {"encrypted",
     {.fs_magic = EXT4, .has_alignment = true, .encrypted = true},
     DBIO_REASON_FILE_ENCRYPTED},
    {"verity", {.fs_magic = EXT4, .has_alignment = true, .verity = true}, DBIO_REASON_FILE_VERITY},
};

START_TEST(a_fact_that_rules_direct_io_out_is_named)
{
    ck_assert_msg(dbio__policy_ability(&abilities[_i].facts) == abilities[_i].reason, "%s: %d",
                  abilities[_i].name, dbio__policy_ability(&abilities[_i].facts));
}
END_TEST

/* May this reason be given for these facts? */
static bool
is_true_of(enum dbio_reason reason, const struct dbio_ability_facts *facts)
{
    uint64_t fs = facts->fs_magic;
    bool known = fs == EXT4 || fs == XFS || fs == BTRFS || fs == F2FS;
    bool memory = fs == TMPFS || fs == RAMFS || fs == HUGETLBFS;

    switch (reason) {
    case DBIO_REASON_NONE:
        return known && facts->has_alignment && !facts->dax && !facts->compressed &&
               !facts->encrypted && !facts->verity && (fs != BTRFS || facts->no_checksum);
    case DBIO_REASON_FS_NO_DIRECT:
        return memory || !facts->has_alignment;
    case DBIO_REASON_FS_UNKNOWN:
        return !known && !memory;
    case DBIO_REASON_FS_CHECKSUM:
        return fs == BTRFS && !facts->no_checksum;
    case DBIO_REASON_FILE_DAX:
        return facts->dax;
    case DBIO_REASON_FILE_COMPRESSED:
        return facts->compressed;
    case DBIO_REASON_FILE_ENCRYPTED:
        return facts->encrypted;
    case DBIO_REASON_FILE_VERITY:
        return facts->verity;
    default:
        return false;
    }
}

START_TEST(every_combination_gets_a_reason_that_is_true_and_the_good_ones_none)
{
    static const uint64_t magics[] = {EXT4,      XFS, BTRFS,   F2FS, TMPFS, RAMFS,
                                      HUGETLBFS, NFS, OVERLAY, FUSE, ZFS,   0};
    struct dbio_ability_facts facts;
    unsigned i, bits;

    for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
        for (bits = 0; bits < 64; bits++) {
            enum dbio_reason reason;

            facts = (struct dbio_ability_facts){.fs_magic = magics[i],
                                                .has_alignment = (bits & 1) != 0,
                                                .dax = (bits & 2) != 0,
                                                .compressed = (bits & 4) != 0,
                                                .encrypted = (bits & 8) != 0,
                                                .verity = (bits & 16) != 0,
                                                .no_checksum = (bits & 32) != 0};
            reason = dbio__policy_ability(&facts);
            ck_assert(is_true_of(reason, &facts));
            if (is_true_of(DBIO_REASON_NONE, &facts))
                ck_assert_int_eq(reason, DBIO_REASON_NONE);
        }
}
END_TEST

#define ABLE   DBIO_REASON_NONE
#define UNABLE DBIO_REASON_FILE_MAPPED

static const struct {
    const char *name;
    enum dbio_mode mode;
    enum dbio_role role;
    enum dbio_reason ability;
    struct dbio_standing standing;
} standings[] = {
    {"mode direct", DBIO_MODE_DIRECT, DBIO_ROLE_DATA, ABLE, {true, false, DBIO_REASON_MODE_DIRECT}},
    {"mode direct minds no role",
     DBIO_MODE_DIRECT,
     DBIO_ROLE_LOG,
     ABLE,
     {true, false, DBIO_REASON_MODE_DIRECT}},
    {"mode direct, but the file cannot",
     DBIO_MODE_DIRECT,
     DBIO_ROLE_DATA,
     UNABLE,
     {false, false, UNABLE}},
    {"mode buffered",
     DBIO_MODE_BUFFERED,
     DBIO_ROLE_SCAN,
     ABLE,
     {false, false, DBIO_REASON_MODE_BUFFERED}},
    {"mode buffered needs no ability",
     DBIO_MODE_BUFFERED,
     DBIO_ROLE_DATA,
     UNABLE,
     {false, false, DBIO_REASON_MODE_BUFFERED}},
    {"mode dontcache",
     DBIO_MODE_DONTCACHE,
     DBIO_ROLE_SCAN,
     ABLE,
     {false, false, DBIO_REASON_MODE_DONTCACHE}},
    {"mode dontcache needs no ability",
     DBIO_MODE_DONTCACHE,
     DBIO_ROLE_DATA,
     UNABLE,
     {false, false, DBIO_REASON_MODE_DONTCACHE}},
    {"auto, data: large requests only",
     DBIO_MODE_AUTO,
     DBIO_ROLE_DATA,
     ABLE,
     {false, true, DBIO_REASON_ROLE_DATA}},
    {"auto, data, unable", DBIO_MODE_AUTO, DBIO_ROLE_DATA, UNABLE, {false, false, UNABLE}},
    {"auto, log", DBIO_MODE_AUTO, DBIO_ROLE_LOG, ABLE, {false, false, DBIO_REASON_ROLE_LOG}},
    {"auto, log, unable", DBIO_MODE_AUTO, DBIO_ROLE_LOG, UNABLE, {false, false, UNABLE}},
    {"auto, temp", DBIO_MODE_AUTO, DBIO_ROLE_TEMP, ABLE, {false, true, DBIO_REASON_ROLE_TEMP}},
    {"auto, temp, unable", DBIO_MODE_AUTO, DBIO_ROLE_TEMP, UNABLE, {false, false, UNABLE}},
    {"auto, scan", DBIO_MODE_AUTO, DBIO_ROLE_SCAN, ABLE, {true, false, DBIO_REASON_ROLE_SCAN}},
    {"auto, scan, unable", DBIO_MODE_AUTO, DBIO_ROLE_SCAN, UNABLE, {false, false, UNABLE}},
};

START_TEST(a_standing_is_what_the_handle_wants_and_the_inode_can)
{
    struct dbio_standing got =
        dbio__policy_standing(standings[_i].mode, standings[_i].role, standings[_i].ability);

    ck_assert_msg(got.direct == standings[_i].standing.direct &&
                      got.large_direct == standings[_i].standing.large_direct &&
                      got.reason == standings[_i].standing.reason,
                  "%s: direct %d, large %d, reason %d", standings[_i].name, got.direct,
                  got.large_direct, got.reason);
}
END_TEST

START_TEST(whatever_is_asked_for_nothing_goes_direct_on_a_file_that_cannot)
{
    unsigned mode, role, reason;

    for (mode = DBIO_MODE_AUTO; mode <= DBIO_MODE_DONTCACHE; mode++)
        for (role = DBIO_ROLE_DATA; role <= DBIO_ROLE_SCAN; role++)
            for (reason = DBIO_REASON_NONE; reason < DBIO_REASON_COUNT; reason++) {
                struct dbio_standing got = dbio__policy_standing(
                    (enum dbio_mode)mode, (enum dbio_role)role, (enum dbio_reason)reason);

                ck_assert_int_ne(got.reason, DBIO_REASON_NONE);
                if (reason != DBIO_REASON_NONE)
                    ck_assert(!got.direct && !got.large_direct);
            }
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("policy");
    TCase *cases = tcase_create("policy");

    tcase_add_loop_test(cases, a_fact_that_rules_direct_io_out_is_named, 0,
                        sizeof(abilities) / sizeof(abilities[0]));
    tcase_add_test(cases, every_combination_gets_a_reason_that_is_true_and_the_good_ones_none);
    tcase_add_loop_test(cases, a_standing_is_what_the_handle_wants_and_the_inode_can, 0,
                        sizeof(standings) / sizeof(standings[0]));
    tcase_add_test(cases, whatever_is_asked_for_nothing_goes_direct_on_a_file_that_cannot);
    suite_add_tcase(suite, cases);
    return suite;
}
