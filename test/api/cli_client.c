/*
 * cli_client.c - a process for test_cli.sh to look at: makes the file named and writes it, direct
 * and durably, until it is killed.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "dbio.h"

#define LENGTH ((size_t)1024 * 1024)

int
main(int count, char **arguments)
{
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct dbio_context *context;
    struct dbio_file *file;
    void *memory = aligned_alloc(4096, LENGTH);

    if (count != 2 || memory == NULL || dbio_context_create(NULL, &context) != 0 ||
        dbio_open(context, arguments[1], O_RDWR | O_CREAT, 0600, &options, &file) != 0)
        return EXIT_FAILURE;
    memset(memory, 'x', LENGTH);
    while (dbio_pwrite(file, memory, LENGTH, 0, DBIO_DURABLE) == (ssize_t)LENGTH)
        ;
    return EXIT_FAILURE;
}
