/*
 * mapping.c - mappings pin their inode to the page cache.
 *
 * Job:       map and unmap; count pins; wait out direct I/O before the first pin.
 * Not its:   what a pin means to a request: dbio__inode_ability().
 * Callers:   api/api_file.c.
 * Lock:      the inode's, for the list of mappings.
 * Invariant: pins == mappings made or being made; no direct request of any process runs while the
 *            entry's pins > 0.
 */
#include "engine/mapping.h"

#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/arbitration.h"
#include "engine/exclusive.h"
#include "engine/membership.h"
#include "os/sys.h"

struct mapping {
    struct dbio_link link; /* in inode->mappings */
    void *address;
    size_t length;
    struct dbio_range range; /* of the file */
};

/* Every direct request that has not seen the pin is over when this returns: it was announced
 * before ours, or reads the pin after its own turn. */
static int
pin(struct dbio_file *file)
{
    struct dbio_range everything = {0, DBIO_RANGE_END};
    struct dbio_announcement a;
    int error = 0;

    dbio__exclusive_begin(file, everything, &a);
    /* Counted and told under one lock: another thread's unpin must not come between. */
    dbio__lock_acquire(&file->inode->lock);
    if (atomic_load(&file->inode->pins) == 0)
        error = dbio__membership_pin(file->inode->entry, true);
    if (error == 0)
        atomic_fetch_add(&file->inode->pins, 1);
    dbio__lock_release(&file->inode->lock);
    dbio__arbitration_end(&a);
    return error;
}

static void
unpin(struct dbio_inode *inode, struct dbio_range range)
{
    /* Faults have filled the cache without telling; so may the pages around them. */
    range.end += DBIO_KNOWN_READAHEAD;
    dbio__known_mark(&inode->known, range);
    dbio__lock_acquire(&inode->lock);
    /* In vain: it stays with the page cache until the process ends. */
    if (atomic_fetch_sub(&inode->pins, 1) == 1 && dbio__membership_pin(inode->entry, false) != 0)
        dbio_log(DBIO_LOG_WARN, "inode %llu stays pinned: the registry cannot be locked",
                 (unsigned long long)inode->identity.inode);
    dbio__lock_release(&inode->lock);
}

int
dbio__mapping_pin_for_good(struct dbio_file *file)
{
    int error;

    if (atomic_exchange(&file->inode->pinned_for_good, true))
        return 0;
    error = pin(file);
    if (error != 0)
        atomic_store(&file->inode->pinned_for_good, false);
    else
        dbio__inode_keep(file->inode); /* a mapping outlives descriptors */
    return error;
}

int
dbio__mapping_add(struct dbio_file *file, uint64_t offset, size_t length, int protection, int flags,
                  void **address)
{
    struct mapping *mapping = dbio__mem_alloc(sizeof(*mapping));
    int error;

    if (mapping == NULL)
        return -ENOMEM;
    mapping->length = length;
    mapping->range = (struct dbio_range){offset, offset + length};
    error = pin(file);
    if (error != 0) {
        dbio__mem_free(mapping, sizeof(*mapping));
        return error;
    }
    error = dbio__sys_mmap(&mapping->address, length, protection, flags,
                           file->descriptors->buffered, offset);
    if (error != 0) {
        unpin(file->inode, mapping->range);
        dbio__mem_free(mapping, sizeof(*mapping));
        return error;
    }
    *address = mapping->address;
    dbio__lock_acquire(&file->inode->lock);
    dbio__list_append(&file->inode->mappings, &mapping->link);
    dbio__lock_release(&file->inode->lock);
    return 0;
}

/* The mapping, taken off the list; NULL if there is none such. */
static struct mapping *
take_mapping(struct dbio_inode *inode, const void *address, size_t length)
{
    struct mapping *found = NULL;
    struct dbio_link *link;

    dbio__lock_acquire(&inode->lock);
    for (link = inode->mappings.next; link != &inode->mappings && found == NULL;
         link = link->next) {
        struct mapping *mapping = DBIO_CONTAINER_OF(link, struct mapping, link);

        if (mapping->address == address && mapping->length == length)
            found = mapping;
    }
    if (found != NULL)
        dbio__list_remove(&found->link);
    dbio__lock_release(&inode->lock);
    return found;
}

int
dbio__mapping_remove(struct dbio_file *file, void *address, size_t length)
{
    struct mapping *mapping = take_mapping(file->inode, address, length);
    int error;

    if (mapping == NULL)
        return -EINVAL;
    error = dbio__sys_munmap(address, length);
    if (error != 0) { /* still mapped, so still pinned */
        dbio__lock_acquire(&file->inode->lock);
        dbio__list_append(&file->inode->mappings, &mapping->link);
        dbio__lock_release(&file->inode->lock);
        return error;
    }
    unpin(file->inode, mapping->range);
    dbio__mem_free(mapping, sizeof(*mapping));
    return 0;
}
