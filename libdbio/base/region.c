/*
 * region.c - memory for buffers, mapped in large pieces.
 *
 * Job:       map within a bound, advise, touch; find a region by address; remember runs.
 * Not its:   which run to lend: arena_jemalloc.c, arena_slab.c.
 * Callers:   base/arena_*.c; engine/buffers.c looks regions up.
 * Lock:      the caller's. `count` is stored after the region that it counts, so that readers
 *            need none.
 * Invariant: a region below `count` stays as it is until all are given up; mapped <= most; every
 *            region has MADV_DONTFORK.
 */
#include "base/region.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/mem_count.h"
#include "base/mem_map.h"

void
dbio__regions_init(struct dbio_regions *regions, size_t most)
{
    atomic_store(&regions->count, 0);
    regions->mapped = 0;
    regions->most = most;
    regions->refused = 0;
}

static size_t
table_bytes(const struct dbio_region *region)
{
    return region->length / DBIO_REGION_PAGE * sizeof(region->runs[0]);
}

static void
unmap(struct dbio_region *region, bool inherited)
{
    if (!inherited)
        (void)munmap(region->base, region->length);
    dbio__mem_count_given();
}

void
dbio__regions_fini(struct dbio_regions *regions, bool inherited)
{
    uint32_t i, count = atomic_load(&regions->count);

    for (i = 0; i < count; i++) {
        dbio__mem_free(regions->list[i].runs, table_bytes(&regions->list[i]));
        unmap(&regions->list[i], inherited);
    }
    dbio__regions_init(regions, regions->most);
}

/* Gives every page its memory. btrfs reads through the page cache, without a word, when the memory
 * of a direct read has not been touched yet (measured, 6.18); and a huge page is more likely to be
 * had now than in the middle of a scan. */
static void
touch_pages(char *base, size_t length)
{
    volatile char *bytes = base;
    size_t at;

    for (at = 0; at < length; at += DBIO_REGION_PAGE)
        bytes[at] = 0;
}

/* Maps what the region says it is. */
static bool
map(struct dbio_region *region)
{
    if (!dbio__mem_count_allows())
        return false;
    region->base = dbio__mem_map(DBIO_REGION_ALIGN, region->length);
    if (region->base == NULL)
        return false;
    dbio__mem_count_taken();
    /* Advice: kernels without transparent huge pages say EINVAL, and small pages do. */
    (void)madvise(region->base, region->length, MADV_HUGEPAGE);
    /* A promise: a child that could write to a page under I/O takes it from the parent. */
    if (madvise(region->base, region->length, MADV_DONTFORK) != 0) {
        unmap(region, false);
        return false;
    }
    return true;
}

char *
dbio__regions_add(struct dbio_regions *regions, size_t length)
{
    uint32_t count = atomic_load(&regions->count);
    struct dbio_region *region = &regions->list[count];

    dbio_assert(length % DBIO_REGION_PAGE == 0);
    regions->refused = -ENOBUFS;
    if (count == DBIO_REGIONS_MOST || length < DBIO_REGION_LEAST || length > DBIO_REGION_MOST ||
        length > regions->most - regions->mapped)
        return NULL;
    regions->refused = -ENOMEM;
    region->length = length;
    region->lowest = 0;
    region->runs = dbio__mem_alloc(table_bytes(region));
    if (region->runs == NULL)
        return NULL;
    if (!map(region)) {
        dbio__mem_free(region->runs, table_bytes(region));
        return NULL;
    }
    touch_pages(region->base, length);
    regions->mapped += length;
    atomic_store_explicit(&regions->count, count + 1, memory_order_release);
    dbio_assert(regions->mapped <= regions->most);
    return region->base;
}

uint32_t
dbio__regions_list(const struct dbio_regions *regions, struct iovec *list, uint32_t room)
{
    uint32_t i, count = atomic_load_explicit(&regions->count, memory_order_acquire);

    for (i = 0; i < count && i < room; i++)
        list[i] = (struct iovec){regions->list[i].base, regions->list[i].length};
    return count;
}

int
dbio__regions_index(const struct dbio_regions *regions, const void *memory, size_t length)
{
    uint32_t i, count = atomic_load_explicit(&regions->count, memory_order_acquire);

    for (i = 0; i < count; i++) {
        const struct dbio_region *region = &regions->list[i];
        /* Below the base this is past every end. */
        size_t offset = (size_t)((uintptr_t)memory - (uintptr_t)region->base);

        if (offset < region->length)
            return length <= region->length - offset ? (int)i : -1;
    }
    return -1;
}

/* The region and the page that memory in use, or once so, begins with; NULL if there is none. */
static struct dbio_region *
find_page(struct dbio_regions *regions, const void *memory, size_t *page)
{
    int index = dbio__regions_index(regions, memory, DBIO_REGION_PAGE);
    struct dbio_region *region;
    size_t offset;

    if (index < 0)
        return NULL;
    region = &regions->list[index];
    offset = (size_t)((const char *)memory - region->base);
    *page = offset / DBIO_REGION_PAGE;
    return offset % DBIO_REGION_PAGE == 0 ? region : NULL;
}

void
dbio__regions_mark(struct dbio_regions *regions, const void *memory, size_t length)
{
    size_t page, pages = length / DBIO_REGION_PAGE;
    struct dbio_region *region = find_page(regions, memory, &page);

    /* Lent to two at once, buffers would get each other's bytes. */
    dbio_verify(region != NULL && region->runs[page] == 0);
    dbio_assert(length != 0 && length % DBIO_REGION_PAGE == 0);
    region->runs[page] = (uint32_t)pages;
    if (page == region->lowest)
        region->lowest = page + pages;
}

size_t
dbio__regions_unmark(struct dbio_regions *regions, const void *memory)
{
    size_t page, pages;
    struct dbio_region *region = find_page(regions, memory, &page);

    if (region == NULL)
        return 0;
    pages = region->runs[page];
    region->runs[page] = 0;
    if (pages != 0 && page < region->lowest)
        region->lowest = page;
    return pages * DBIO_REGION_PAGE;
}

void *
dbio__regions_find(struct dbio_regions *regions, uint32_t index, size_t length)
{
    struct dbio_region *region = &regions->list[index];
    size_t page = region->lowest, first = page, pages = region->length / DBIO_REGION_PAGE;

    while (page < pages && (page - first) * DBIO_REGION_PAGE < length) {
        if (region->runs[page] == 0) {
            page++;
            continue;
        }
        if (page == region->lowest)
            region->lowest += region->runs[page];
        page += region->runs[page];
        first = page;
    }
    return (page - first) * DBIO_REGION_PAGE < length ? NULL
                                                      : region->base + first * DBIO_REGION_PAGE;
}
