/*
 * check_malloc.c - a program that links libdbio.so keeps the malloc of its libc.
 *
 * Shows that jemalloc, which libdbio.so needs, stays behind libc in the loader's search order:
 * uses the library, then asks the loader which file each allocation function comes from.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "dbio.h"

static const char *const functions[] = {
    "malloc",         "calloc",   "realloc", "free",    "aligned_alloc",
    "posix_memalign", "memalign", "valloc",  "pvalloc", "malloc_usable_size",
};

/* True if `name` is libc's own. */
static int
comes_from_libc(const char *name)
{
    void *address = dlsym(RTLD_DEFAULT, name);
    Dl_info place;
    if (address == NULL || dladdr(address, &place) == 0) {
        printf("%s: not found\n", name);
        return 0;
    }
    const char *slash = strrchr(place.dli_fname, '/');
    const char *file = slash != NULL ? slash + 1 : place.dli_fname;
    if (strncmp(file, "libc.so", strlen("libc.so")) == 0) {
        return 1;
    }
    printf("%s: comes from %s instead of libc\n", name, place.dli_fname);
    return 0;
}

/* The library must really be in use, not only be named on the link line. */
static int
use_library(void)
{
    struct dbio_context *context;
    int error = dbio_context_create(NULL, &context);
    if (error == 0) {
        error = dbio_context_destroy(context);
    }
    if (error != 0) {
        printf("context: %s\n", dbio_error_name(error));
    }
    return error == 0;
}

int
main(void)
{
    int failed = !use_library();
    int passed = !failed;
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (comes_from_libc(functions[i])) {
            passed++;
        } else {
            failed++;
        }
    }
    printf("memory of dbio: %s\n",
           dlsym(RTLD_DEFAULT, "mallocx") != NULL ? "jemalloc" : "its own slabs");
    printf("check_malloc: %d passed, %d failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
