/*
 * hello.c - shows the whole life of a file in dbio: a context, a file, a write, a promise that
 * the bytes are durable, a read, and the answer to "how did my bytes travel, and why?"
 *
 *     hello [FILE]        FILE is created or emptied; default hello.tmp
 *
 * One file, one thread, one exit: every call returns 0 or a count, or a negative errno that
 * dbio_error_text() puts into words together with the remedy.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "dbio.h"

static int
report(const char *what, ssize_t error)
{
    fprintf(stderr, "hello: %s: %s\n", what, dbio_error_text((int)error));
    return 1;
}

static int
greet(struct dbio_file *file)
{
    static _Alignas(4096) char page[4096]; /* aligned: can go to the disk without a copy */
    struct dbio_why why = {.size = sizeof(why)};
    ssize_t done;

    strcpy(page, "hello, disk");
    if ((done = dbio_pwrite(file, page, sizeof(page), 0, 0)) < 0)
        return report("write", done);
    if ((done = dbio_fdatasync(file)) < 0) /* durable from here on, whichever way it went */
        return report("sync", done);
    memset(page, 0, sizeof(page));
    if ((done = dbio_pread(file, page, sizeof(page), 0, 0)) < 0)
        return report("read", done);
    if ((done = dbio_why(file, &why)) < 0)
        return report("why", done);
    printf("%s: %zd bytes, route %s, because: %s\n", page, sizeof(page),
           dbio_route_name(why.last_route), dbio_reason_text(why.last_reason));
    return 0;
}

int
main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "hello.tmp";
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct dbio_context *context;
    struct dbio_file *file;
    int failed, result;

    if ((result = dbio_context_create(NULL, &context)) < 0)
        return report("context", result);
    result = dbio_open(context, path, O_RDWR | O_CREAT | O_TRUNC, 0644, &options, &file);
    failed = result < 0 ? report(path, result) : greet(file);
    if (result == 0 && (result = dbio_close(file)) < 0)
        failed = report("close", result);
    if ((result = dbio_context_destroy(context)) < 0)
        failed = report("destroy", result);
    return failed;
}
