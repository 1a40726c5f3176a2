/*
 * mem_map.c - anonymous memory from the kernel, aligned.
 *
 * Job:       map a little more than was asked for, and trim it to the alignment.
 * Not its:   counting, advice, giving back.
 * Callers:   mem_slab.c, region.c, arena_jemalloc.c.
 * Lock:      none.
 * Invariant: nothing but the bytes that were asked for stays mapped.
 */
#include "base/mem_map.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/range.h"

void *
dbio__mem_map(size_t alignment, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), spare = alignment > page ? alignment - page : 0;
    size_t before, after;
    char *mapping;

    if (size > SIZE_MAX - spare)
        return NULL;
    mapping = mmap(NULL, size + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return NULL;
    before = (size_t)(dbio__round_up((uintptr_t)mapping, alignment) - (uintptr_t)mapping);
    after = spare - before;
    if (before != 0)
        (void)munmap(mapping, before);
    if (after != 0)
        (void)munmap(mapping + before + size, after);
    return mapping + before;
}
