/*
 * mem_slab.c - memory from anonymous mappings.
 *
 * Job:       mem.h for builds that cannot load jemalloc: the static library, plug-ins, the
 *            shim.
 * Not its:   speed in the small: dbio allocates at open and for buffers, not per request.
 * Callers:   every room; never together with mem_jemalloc.c.
 * Lock:      `slab_lock`, of rank DBIO_RANK_MEMORY, for everything but large mappings.
 * Invariant: every block of a run has the run's size and is aligned to it; a block in a
 *            free list is in no other use; the first run of a chunk is its head.
 *
 * Up to 64 KiB: powers of two. A chunk of 1 MiB, at a multiple of 1 MiB, is cut into 16
 * runs of 64 KiB; a run holds blocks of one size. Chunks are never returned. Above that, or
 * aligned to more: a mapping of its own, returned when freed.
 *
 * dbio__mem_free is told the size but not the alignment that was asked for, so the head of the
 * chunk remembers the size of each run. Alignments above 64 KiB are raised to 1 MiB: only a
 * chunk's head and such mappings lie there, and no head is ever handed out.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/mem_count.h"
#include "base/mem_map.h"
#include "base/range.h"

#define CHUNK_BYTES ((size_t)1 << 20)
#define RUN_BYTES   ((size_t)1 << 16)
#define CHUNK_RUNS  (CHUNK_BYTES / RUN_BYTES)
#define SHIFT_MIN   4u  /* blocks of 16 bytes */
#define SHIFT_MAX   16u /* blocks of 64 KiB */
#define CHUNK_MAGIC UINT64_C(0x6b6e756863626964)

struct chunk {
    uint64_t magic;
    uint8_t run_shifts[CHUNK_RUNS]; /* block size of each run, as a power of two */
};

struct block {
    struct block *next;
};

struct slab {
    struct block *free;  /* given back: their bytes are not zero */
    char *fresh, *limit; /* the rest of the newest run, zero as mapped */
};

static struct dbio_lock slab_lock = DBIO_LOCK_STATIC(DBIO_RANK_MEMORY);
static struct slab slabs[SHIFT_MAX + 1];
static struct chunk *newest_chunk;
static size_t newest_runs = CHUNK_RUNS; /* runs used of it */

static unsigned
shift_for(size_t alignment, size_t size)
{
    unsigned shift = SHIFT_MIN;

    while (((size_t)1 << shift) < size || ((size_t)1 << shift) < alignment)
        shift++;
    return shift;
}

/* Gives `slab` a new run of blocks of 1 << shift bytes. */
static bool
add_run(struct slab *slab, unsigned shift)
{
    if (newest_runs == CHUNK_RUNS) {
        struct chunk *chunk = dbio__mem_map(CHUNK_BYTES, CHUNK_BYTES);

        if (chunk == NULL)
            return false;
        chunk->magic = CHUNK_MAGIC;
        newest_chunk = chunk;
        newest_runs = 1; /* the head */
    }
    newest_chunk->run_shifts[newest_runs] = (uint8_t)shift;
    slab->fresh = (char *)newest_chunk + newest_runs * RUN_BYTES;
    slab->limit = slab->fresh + RUN_BYTES;
    newest_runs++;
    return true;
}

/* A block of 1 << shift bytes; *dirty: it must be zeroed. */
static void *
take_block(unsigned shift, bool *dirty)
{
    struct slab *slab = &slabs[shift];
    struct block *block = slab->free;

    *dirty = block != NULL;
    if (block != NULL) {
        slab->free = block->next;
        return block;
    }
    if (slab->fresh == slab->limit && !add_run(slab, shift))
        return NULL;
    block = (struct block *)(void *)slab->fresh;
    slab->fresh += (size_t)1 << shift;
    return block;
}

static void *
allocate_small(size_t alignment, size_t size)
{
    unsigned shift = shift_for(alignment, size);
    bool dirty;
    void *memory;

    dbio__lock_acquire(&slab_lock);
    memory = take_block(shift, &dirty);
    dbio__lock_release(&slab_lock);
    if (memory != NULL && dirty)
        memset(memory, 0, (size_t)1 << shift);
    return memory;
}

static void
free_small(void *memory, size_t size)
{
    uintptr_t address = (uintptr_t)memory;
    struct chunk *chunk = (struct chunk *)(void *)((char *)memory - address % CHUNK_BYTES);
    unsigned shift = chunk->run_shifts[address % CHUNK_BYTES / RUN_BYTES];
    struct block *block = memory;

    dbio_verify(chunk->magic == CHUNK_MAGIC && shift >= SHIFT_MIN && shift <= SHIFT_MAX);
    dbio_verify(size <= (size_t)1 << shift && address % ((size_t)1 << shift) == 0);
    dbio__lock_acquire(&slab_lock);
    block->next = slabs[shift].free;
    slabs[shift].free = block;
    dbio__lock_release(&slab_lock);
}

/* What a mapping of its own occupies, 0 if that cannot be. */
static size_t
whole_pages(size_t size)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    return size > PTRDIFF_MAX ? 0 : (size_t)dbio__round_up(size == 0 ? 1 : size, page);
}

static void *
allocate_large(size_t alignment, size_t size)
{
    size_t bytes = whole_pages(size);

    if (bytes == 0)
        return NULL;
    return dbio__mem_map(alignment > RUN_BYTES && alignment < CHUNK_BYTES ? CHUNK_BYTES : alignment,
                         bytes);
}

void *
dbio__mem_aligned(size_t alignment, size_t size)
{
    void *memory;

    dbio_assert(alignment != 0 && (alignment & (alignment - 1)) == 0);
    if (!dbio__mem_count_allows())
        return NULL;
    memory = size <= RUN_BYTES && alignment <= RUN_BYTES ? allocate_small(alignment, size)
                                                         : allocate_large(alignment, size);
    if (memory != NULL)
        dbio__mem_count_taken();
    return memory;
}

void *
dbio__mem_alloc(size_t size)
{
    return dbio__mem_aligned(size >= DBIO_CACHE_LINE ? DBIO_CACHE_LINE : 16, size);
}

void
dbio__mem_free(void *memory, size_t size)
{
    if (memory == NULL)
        return;
    if (size > RUN_BYTES || (uintptr_t)memory % CHUNK_BYTES == 0)
        (void)munmap(memory, whole_pages(size));
    else
        free_small(memory, size);
    dbio__mem_count_given();
}

const char *
dbio__mem_name(void)
{
    return "slab";
}

void
dbio__mem_before_fork(void)
{
    dbio__lock_before_fork(&slab_lock);
}

void
dbio__mem_after_fork(void)
{
    dbio__lock_after_fork(&slab_lock);
}
