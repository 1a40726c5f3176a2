/*
 * mapping.c - mappings pin their inode to the page cache.
 *
 * Job:       map and unmap; count pins; wait out direct I/O before the first pin.
 * Not its:   what a pin means to a request: dbio__inode_ability().
 * Callers:   api/api_file.c.
 * Lock:      the inode's, for the list of mappings.
 * Invariant: pins == mappings made or being made; no direct request runs while pins > 0.
 */
#include "engine/mapping.h"

#include <errno.h>

#include "base/mem.h"
#include "engine/arbitration.h"
#include "engine/exclusive.h"
#include "os/sys.h"

struct mapping {
    struct dbio_link link; /* in inode->mappings */
    void *address;
    size_t length;
    struct dbio_range range; /* of the file */
};

/* Every direct request that has not seen the pin is over when this returns: it was announced
 * before ours, or reads the pin after its own turn. */
static void
pin(struct dbio_file *file)
{
    struct dbio_range everything = {0, DBIO_RANGE_END};
    struct dbio_announcement a;

    dbio__exclusive_begin(file, everything, &a);
    /* Release pairs with dbio__inode_ability(). */
    atomic_fetch_add_explicit(&file->inode->pins, 1, memory_order_release);
    dbio__arbitration_end(&a);
}

static void
unpin(struct dbio_inode *inode, struct dbio_range range)
{
    /* Faults have filled the cache without telling; so may the pages around them. */
    range.end += DBIO_KNOWN_READAHEAD;
    dbio__known_mark(&inode->known, range);
    atomic_fetch_sub_explicit(&inode->pins, 1, memory_order_release);
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
    pin(file);
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
