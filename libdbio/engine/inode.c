/*
 * inode.c - the process's table of inodes, and the rule of POSIX locks.
 *
 * Job:       one struct per (device, inode, birth time), shared by handles; descriptors that
 *            may not be closed yet.
 * Not its:   opening descriptors: engine/file.c.
 * Callers:   engine/file.c; others read the struct through their handle.
 * Lock:      `table_lock`, rank INODES, for the table, references and parked lists. It is held
 *            across F_OFD_GETLK and close on purpose: a handle opened meanwhile on the same
 *            file could otherwise take a lock that the close then drops.
 * Invariant: an inode with references, parked descriptors or mappings is in the table; others
 *            are freed.
 */
#include "engine/inode.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/inflight.h"
#include "engine/membership.h"
#include "os/clock.h"
#include "os/open.h"
#include "os/sys.h"

#define BUCKETS     256u
#define PINS_ASK_NS UINT64_C(100000000)

static struct dbio_lock table_lock = DBIO_LOCK_STATIC(DBIO_RANK_INODES);
static struct dbio_link buckets[BUCKETS]; /* next NULL: not yet a list */
static _Atomic uint32_t parked_count;

static uint64_t
hash_identity(const struct dbio_identity *identity)
{
    uint64_t hash = identity->inode * 0x9e3779b97f4a7c15u ^ identity->device;

    return hash ^ hash >> 29; /* without the birth: see find_inode */
}

static struct dbio_link *
bucket_of(const struct dbio_identity *identity)
{
    struct dbio_link *bucket = &buckets[hash_identity(identity) % BUCKETS];

    if (bucket->next == NULL)
        dbio__list_init(bucket);
    return bucket;
}

static struct dbio_inode *
find_inode(const struct dbio_identity *identity)
{
    struct dbio_link *bucket = bucket_of(identity), *link;

    for (link = bucket->next; link != bucket; link = link->next) {
        struct dbio_inode *inode = DBIO_CONTAINER_OF(link, struct dbio_inode, link);

        if (inode->identity.inode == identity->inode &&
            inode->identity.device == identity->device &&
            (inode->identity.birth == identity->birth || inode->identity.birth == 0 ||
             identity->birth == 0)) /* 0: statx would not say, this time or that */
            return inode;
    }
    return NULL;
}

static enum dbio_reason
judge_ability(const struct dbio_facts *facts)
{
    struct dbio_ability_facts words = {
        .fs_magic = facts->fs_magic,
        .has_alignment = facts->memory_align != 0 && facts->offset_align != 0,
        .dax = facts->dax,
        .compressed = facts->compressed,
        .encrypted = facts->encrypted,
        .verity = facts->verity,
        .no_checksum = facts->no_checksum,
    };

    return dbio__policy_ability(&words);
}

static uint32_t
track_unit(const struct dbio_facts *facts)
{
    uint32_t page = (uint32_t)getpagesize(), block = facts->block_size;

    /* Some network file systems call a transfer size a block, and not a power of two. */
    return block > page && (block & (block - 1)) == 0 ? block : page;
}

static int
take_entry(struct dbio_inode *inode)
{
    struct dbio_key key = {inode->identity.device, inode->identity.inode, inode->identity.birth};

    return dbio__membership_take(&key, &inode->entry);
}

static struct dbio_inode *
make_inode(const struct dbio_facts *facts, int *error)
{
    struct dbio_inode *inode = dbio__mem_aligned(DBIO_CACHE_LINE, sizeof(*inode));

    *error = -ENOMEM;
    if (inode == NULL)
        return NULL;
    inode->identity = facts->identity;
    inode->facts = *facts;
    inode->ability = judge_ability(facts);
    inode->unit = track_unit(facts);
    *error = take_entry(inode);
    if (*error != 0) {
        dbio__mem_free(inode, sizeof(*inode));
        return NULL;
    }
    dbio__lock_init(&inode->lock, DBIO_RANK_INODE);
    dbio__list_init(&inode->mappings);
    dbio__list_init(&inode->parked);
    dbio__known_init(&inode->known, facts->size);
    atomic_store_explicit(&inode->known_since,
                          dbio__inflight_quiet_since(dbio__membership.table, inode->entry),
                          memory_order_relaxed);
    dbio__list_append(bucket_of(&facts->identity), &inode->link);
    return inode;
}

/* Only parked descriptors or mappings were left of it. A reopened file starts without its latch,
 * and is judged by what is true now. */
static void
start_anew(struct dbio_inode *inode, const struct dbio_facts *facts)
{
    inode->facts = *facts;
    inode->ability = judge_ability(facts);
    atomic_store(&inode->latched, 0);
    atomic_store(&inode->unreported, false);
    dbio__membership_renew(inode->entry);
}

static void
free_inode(struct dbio_inode *inode)
{
    dbio__list_remove(&inode->link);
    dbio__membership_give(inode->entry);
    dbio__lock_fini(&inode->lock);
    dbio__mem_free(inode, sizeof(*inode));
}

int
dbio__inode_acquire(int fd, struct dbio_inode **found)
{
    struct dbio_facts facts;
    int error = dbio__facts_gather(fd, &facts);
    struct dbio_inode *inode;

    if (error != 0)
        return error;
    dbio__lock_acquire(&table_lock);
    inode = find_inode(&facts.identity);
    if (inode != NULL && inode->references == 0)
        start_anew(inode, &facts);
    if (inode == NULL)
        inode = make_inode(&facts, &error);
    if (inode != NULL)
        inode->references++;
    dbio__lock_release(&table_lock);
    *found = inode;
    return inode != NULL ? 0 : error;
}

void
dbio__inode_keep(struct dbio_inode *inode)
{
    dbio__lock_acquire(&table_lock);
    inode->references++;
    dbio__lock_release(&table_lock);
}

/* Might closing `fd` drop a POSIX lock of this process? The owner of a question by OFD_GETLK is
 * the description, not the process, so the process's own locks answer it too. Of several locks
 * the kernel names the first only, and another process's, or one of a description, may hide ours:
 * then the answer is yes, to be safe. */
static bool
may_hold_posix_lock(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return dbio__sys_fcntl(fd, F_OFD_GETLK, (long)(intptr_t)&lock) != 0 || lock.l_type != F_UNLCK;
}

static int
close_one(int fd)
{
    int error;

    if (fd == DBIO_FD_NONE)
        return 0;
    error = dbio__close(fd);
    if (error != 0)
        dbio_log(DBIO_LOG_WARN, "close of descriptor %d: %s", fd, dbio__err_name(error));
    return error;
}

/* The program keeps what it lent. */
static void
return_lent(struct dbio_descriptors *descriptors)
{
    if (descriptors->lent == DBIO_FD_NONE)
        return;
    if (descriptors->buffered == descriptors->lent)
        descriptors->buffered = DBIO_FD_NONE;
    else
        atomic_store(&descriptors->direct, DBIO_FD_NONE);
    descriptors->lent = DBIO_FD_NONE;
    descriptors->twin = true;
}

static int
any_of(const struct dbio_descriptors *descriptors)
{
    return descriptors->buffered != DBIO_FD_NONE ? descriptors->buffered
                                                 : atomic_load(&descriptors->direct);
}

static int
close_descriptors(struct dbio_descriptors *descriptors)
{
    long error = close_one(descriptors->buffered);

    error = dbio__err_first(error, close_one(atomic_load(&descriptors->direct)));
    error = dbio__err_first(error, close_one(descriptors->adopted));
    dbio__mem_free(descriptors, sizeof(*descriptors));
    return (int)error;
}

/* Closes what is parked, if no lock of the process depends on it. */
static int
close_parked(struct dbio_inode *inode)
{
    long error = 0;

    while (!dbio__list_empty(&inode->parked)) {
        struct dbio_descriptors *descriptors =
            DBIO_CONTAINER_OF(inode->parked.next, struct dbio_descriptors, link);

        if (may_hold_posix_lock(any_of(descriptors)))
            break;
        dbio__list_remove(&descriptors->link);
        atomic_fetch_sub_explicit(&parked_count, 1, memory_order_relaxed);
        error = dbio__err_first(error, close_descriptors(descriptors));
    }
    return (int)error;
}

/* What is left of handles whose other descriptor was the program's: nobody can take it over, and
 * the program is about to close its own, so all that matters is whether a lock is held now. */
static int
close_twins(struct dbio_inode *inode)
{
    struct dbio_link *link = inode->parked.next, *next;
    long error = 0;

    for (; link != &inode->parked; link = next) {
        struct dbio_descriptors *twin = DBIO_CONTAINER_OF(link, struct dbio_descriptors, link);

        next = link->next;
        if (!twin->twin)
            continue;
        if (may_hold_posix_lock(any_of(twin)))
            break;
        dbio__list_remove(&twin->link);
        atomic_fetch_sub_explicit(&parked_count, 1, memory_order_relaxed);
        error = dbio__err_first(error, close_descriptors(twin));
    }
    return (int)error;
}

/* An inode without handles: closes and frees what can be. A mapping that outlives its handle
 * keeps the inode, and so the pin, until it is unmapped through another. */
static int
settle_unused(struct dbio_inode *inode)
{
    int error = close_parked(inode);

    if (dbio__list_empty(&inode->parked) && dbio__list_empty(&inode->mappings))
        free_inode(inode);
    return error;
}

/* Inodes without handles that waited for a lock to go. Rare, so looking through the whole
 * table is fine. */
static void
sweep_lingering(void)
{
    uint32_t i;

    if (!dbio__inode_any_parked())
        return;
    for (i = 0; i < BUCKETS; i++) {
        struct dbio_link *link = buckets[i].next, *next;

        for (; link != NULL && link != &buckets[i]; link = next) {
            struct dbio_inode *inode = DBIO_CONTAINER_OF(link, struct dbio_inode, link);

            next = link->next;
            if (inode->references == 0)
                (void)settle_unused(inode);
        }
    }
}

int
dbio__inode_release(struct dbio_inode *inode, struct dbio_descriptors *descriptors)
{
    int error = 0;

    dbio__lock_acquire(&table_lock);
    dbio_assert(inode->references > 0);
    return_lent(descriptors);
    if (any_of(descriptors) == DBIO_FD_NONE && descriptors->adopted == DBIO_FD_NONE) {
        dbio__mem_free(descriptors, sizeof(*descriptors));
    } else if (descriptors->reusable) {
        dbio__list_append(&inode->parked, &descriptors->link);
        atomic_fetch_add_explicit(&parked_count, 1, memory_order_relaxed);
        error = close_twins(inode);
    } else {
        /* The program gave us its own descriptor to close, and knows what close(2) does. */
        error = close_descriptors(descriptors);
    }
    if (--inode->references == 0)
        error = (int)dbio__err_first(error, settle_unused(inode));
    sweep_lingering();
    dbio__lock_release(&table_lock);
    return error;
}

void
dbio__inode_abandon(struct dbio_inode *inode, struct dbio_descriptors *descriptors)
{
    if (descriptors != NULL && any_of(descriptors) != DBIO_FD_NONE) {
        (void)dbio__inode_release(inode, descriptors);
        return;
    }
    dbio__mem_free(descriptors, sizeof(*descriptors));
    dbio__lock_acquire(&table_lock);
    if (--inode->references == 0)
        (void)settle_unused(inode);
    dbio__lock_release(&table_lock);
}

struct dbio_descriptors *
dbio__inode_reuse(int fd, int access, struct dbio_inode **found)
{
    struct dbio_descriptors *descriptors = NULL;
    struct dbio_facts facts;
    struct dbio_inode *inode;
    struct dbio_link *link;

    if (dbio__facts_gather(fd, &facts) != 0)
        return NULL;
    dbio__lock_acquire(&table_lock);
    inode = find_inode(&facts.identity);
    for (link = inode != NULL ? inode->parked.next : NULL;
         link != NULL && link != &inode->parked && descriptors == NULL; link = link->next) {
        struct dbio_descriptors *parked = DBIO_CONTAINER_OF(link, struct dbio_descriptors, link);

        if (parked->reusable && !parked->twin && parked->access == access)
            descriptors = parked;
    }
    if (descriptors != NULL) {
        dbio__list_remove(&descriptors->link);
        atomic_fetch_sub_explicit(&parked_count, 1, memory_order_relaxed);
        if (inode->references++ == 0) {
            /* Asked of `fd`, which may be O_PATH, some facts were not told. */
            if (dbio__facts_gather(descriptors->buffered, &facts) != 0)
                facts = inode->facts;
            start_anew(inode, &facts);
        }
        *found = inode;
    }
    dbio__lock_release(&table_lock);
    return descriptors;
}

void
dbio__inode_sweep(void)
{
    dbio__lock_acquire(&table_lock);
    sweep_lingering();
    dbio__lock_release(&table_lock);
}

bool
dbio__inode_any_parked(void)
{
    return dbio__inode_parked() != 0;
}

uint64_t
dbio__inode_parked(void)
{
    return atomic_load_explicit(&parked_count, memory_order_relaxed);
}

enum dbio_reason
dbio__inode_ability(const struct dbio_inode *inode)
{
    enum dbio_reason demoted;

    if (inode->ability != DBIO_REASON_NONE)
        return inode->ability;
    /* Acquire pairs with the mapper's store, which it makes while holding an exclusive
     * announcement: a direct request that reads this after its own turn sees it. */
    if (atomic_load_explicit(&dbio__membership.table->entries[inode->entry].pins,
                             memory_order_acquire) != 0)
        return DBIO_REASON_FILE_MAPPED;
    /* Relaxed: a direct request that comes too late is refused by the kernel again. */
    demoted = (enum dbio_reason)atomic_load_explicit(&inode->demoted, memory_order_relaxed);
    return demoted;
}

void
dbio__inode_recheck_pins(struct dbio_inode *inode)
{
    uint64_t now = dbio__clock_coarse_ns();
    uint64_t asked = atomic_load_explicit(&inode->pins_asked_ns, memory_order_relaxed);

    if (atomic_load(&inode->pins) != 0 || (asked != 0 && now - asked < PINS_ASK_NS))
        return;
    atomic_store_explicit(&inode->pins_asked_ns, now, memory_order_relaxed);
    dbio__membership_bury_dead();
}

bool
dbio__inode_is(const struct dbio_inode *inode, int fd)
{
    struct stat status;

    return dbio__sys_fstat(fd, &status) == 0 && status.st_ino == inode->identity.inode &&
           ((uint64_t)major(status.st_dev) << 32 | minor(status.st_dev)) == inode->identity.device;
}

bool
dbio__inode_demote(struct dbio_inode *inode, enum dbio_reason reason)
{
    uint32_t none = DBIO_REASON_NONE;

    if (!atomic_compare_exchange_strong(&inode->demoted, &none, (uint32_t)reason))
        return false;
    dbio_log(DBIO_LOG_WARN, "inode %llu goes through the page cache from now on (reason %d)",
             (unsigned long long)inode->identity.inode, (int)reason);
    return true;
}

/* Every inode of the table, with its bucket; the caller holds the table's lock. */
#define FOR_EACH_INODE(i, link)   \
    for (i = 0; i < BUCKETS; i++) \
        for (link = buckets[i].next; link != NULL && link != &buckets[i]; link = link->next)

void
dbio__inode_before_fork(void)
{
    struct dbio_link *link;
    uint32_t i;

    dbio__lock_before_fork(&table_lock);
    FOR_EACH_INODE(i, link)
    dbio__lock_before_fork(&DBIO_CONTAINER_OF(link, struct dbio_inode, link)->lock);
}

void
dbio__inode_after_fork(void)
{
    struct dbio_link *link;
    uint32_t i;

    FOR_EACH_INODE(i, link)
    dbio__lock_after_fork(&DBIO_CONTAINER_OF(link, struct dbio_inode, link)->lock);
    dbio__lock_after_fork(&table_lock);
}

void
dbio__inode_in_child(void)
{
    struct dbio_link *link;
    uint32_t i;

    FOR_EACH_INODE(i, link)
    {
        struct dbio_inode *inode = DBIO_CONTAINER_OF(link, struct dbio_inode, link);

        /* Its parent holds the entry too, or held it a moment ago. The registry's descriptor is
         * new, so it cannot have been lost. */
        if (take_entry(inode) != 0)
            dbio_log(DBIO_LOG_ERROR, "inode %llu: no entry after fork",
                     (unsigned long long)inode->identity.inode);
        else if (atomic_load(&inode->pins) != 0 && /* mappings are inherited */
                 dbio__membership_pin(inode->entry, true) != 0)
            dbio_log(DBIO_LOG_ERROR, "inode %llu: not pinned after fork",
                     (unsigned long long)inode->identity.inode);
    }
}
