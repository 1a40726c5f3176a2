/*
 * cli_why.c - `dbio why`: how a file goes and what was decided; `dbio probe`: what a place can do.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/cli.h"

static const char why_usage[] =
    "usage: dbio why [--json] FILE...\n"
    "\n"
    "Tells how requests on each FILE would go in modes auto and direct, and why; what is "
    "outstanding\n"
    "on it now; and why requests of the processes that dbio stat lists went as they did.\n"
    "\n"
    "Exit status: 0 told, 1 a file cannot be opened, 2 wrong usage.\n";

static const char probe_usage[] = "usage: dbio probe [--json] PATH...\n"
                                  "\n"
                                  "Tells what direct I/O can be had for each PATH, a file or a "
                                  "directory (in which a file is made\n"
                                  "for a moment, written direct, and removed): alignments, atomic "
                                  "writes, and whether it is real.\n"
                                  "\n"
                                  "Exit status: 0 told, 1 a path cannot be used, 2 wrong usage.\n";

static struct dbio_context *
make_context(void)
{
    struct dbio_context *context = NULL;
    int error = dbio_context_create(NULL, &context);

    if (error != 0)
        fprintf(stderr, "dbio: %s\n", dbio_error_text(error));
    return context;
}

/* What would be decided for `path` in a mode; 0 or -errno. */
static int
judge(struct dbio_context *context, const char *path, uint32_t mode, struct dbio_why *why)
{
    struct dbio_file_options options = {.size = sizeof(options), .mode = mode};
    struct dbio_file *file;
    int error = dbio_open(context, path, O_RDONLY | O_NOATIME, 0, &options, &file);

    if (error == -EPERM) /* O_NOATIME is the owner's */
        error = dbio_open(context, path, O_RDONLY, 0, &options, &file);
    if (error != 0)
        return error;
    *why = (struct dbio_why){.size = sizeof(*why)};
    error = dbio_why(file, why);
    (void)dbio_close(file);
    return error;
}

static void
print_outstanding(const char *path, bool json)
{
    struct dbio_registry_request request = {.size = sizeof(request)};
    struct dbio_registry_view *view;
    char registry[4096];
    struct stat status;
    unsigned i, shown = 0;

    if (json)
        fputs(", \"outstanding\": [", stdout);
    if (stat(path, &status) == 0 && dbio_registry_path(registry, sizeof(registry)) == 0 &&
        dbio_registry_open(registry, &view) == 0) {
        for (i = 0; dbio_registry_request(view, i, &request) == 0; i++) {
            if (request.inode != status.st_ino ||
                request.device != ((uint64_t)major(status.st_dev) << 32 | minor(status.st_dev)))
                continue;
            if (json) {
                fputs(shown > 0 ? ", " : "", stdout);
                cli_print_json_request(stdout, view, &request);
            }
            shown++;
        }
        dbio_registry_close(view);
    }
    if (json)
        putchar(']');
    else
        printf("  outstanding now: %u requests (dbio top shows them)\n", shown);
}

static void
print_standing(const char *mode, const struct dbio_why *why, bool json)
{
    if (json) {
        printf("%s\"%s\": {\"direct\": %s, \"reason\": \"%s\", \"text\": ",
               strcmp(mode, "auto") == 0 ? "" : ", ", mode, why->standing_direct ? "true" : "false",
               dbio_reason_name(why->standing_reason));
        cli_print_json_string(stdout, dbio_reason_text(why->standing_reason));
        putchar('}');
    } else {
        printf("  mode %-7s %s: %s\n", mode, why->standing_direct ? "direct" : "buffered",
               dbio_reason_text(why->standing_reason));
    }
}

static bool
explain(struct dbio_context *context, const char *path, bool json)
{
    struct dbio_why automatic, direct;
    int error = judge(context, path, DBIO_MODE_AUTO, &automatic);

    if (error == 0)
        error = judge(context, path, DBIO_MODE_DIRECT, &direct);
    if (error != 0) {
        fprintf(stderr, "dbio why: %s: %s\n", path, dbio_error_text(error));
        return false;
    }
    if (json) {
        fputs("{\"file\": ", stdout);
        cli_print_json_string(stdout, path);
        fputs(", \"modes\": {", stdout);
    } else {
        printf("%s\n", cli_text(path));
    }
    print_standing("auto", &automatic, json);
    print_standing("direct", &direct, json);
    if (json)
        printf("}, \"memory_align\": %u, \"offset_align\": %u", direct.memory_align,
               direct.offset_align);
    else if (direct.memory_align != 0)
        printf("  direct I/O needs memory aligned to %u and offsets to %u bytes; what is not is "
               "copied\n",
               direct.memory_align, direct.offset_align);
    print_outstanding(path, json);
    if (json)
        fputs("}\n", stdout);
    return true;
}

/* Why requests went as they did, most frequent reason first. */
static void
print_reasons(void)
{
    struct dbio_statistics all = {.size = sizeof(all)};
    struct dbio_statistics_view *view;
    char path[4096];
    unsigned i, best;

    if (dbio_statistics_path(path, sizeof(path)) != 0 || dbio_statistics_open(path, &view) != 0)
        return;
    if (dbio_statistics_totals(view, &all) == 0)
        printf("requests of all processes so far, by reason (%s)\n", cli_text(path));
    dbio_statistics_close(view);
    for (;;) {
        for (i = 1, best = 0; i < DBIO_REASON_COUNT; i++)
            if (all.reasons[i] > all.reasons[best] || best == 0)
                best = i;
        if (all.reasons[best] == 0)
            return;
        printf("  %12" PRIu64 "  %-18s %s\n", all.reasons[best], dbio_reason_name(best),
               dbio_reason_text(best));
        all.reasons[best] = 0;
    }
}

/* The file to probe with: PATH itself, or one made in it. */
static int
open_for_probe(struct dbio_context *context, const char *path, struct dbio_file **file, bool *made)
{
    struct dbio_file_options options = {.size = sizeof(options), .mode = DBIO_MODE_DIRECT};
    struct stat status;

    *made = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    if (*made)
        return dbio_open(context, path, O_RDWR | O_TMPFILE, 0600, &options, file);
    return dbio_open(context, path, O_RDONLY, 0, &options, file);
}

/* A page written direct: the route that it took. */
static const char *
try_direct(struct dbio_file *file, struct dbio_why *why)
{
    static _Alignas(4096) char page[65536];
    ssize_t written = dbio_pwrite(file, page, sizeof(page), 0, 0);

    if (written < 0)
        return dbio_error_text((int)written);
    if (dbio_why(file, why) != 0)
        return "?";
    return dbio_route_name(why->last_route);
}

bool
cli_probe_one(const char *path, bool json)
{
    struct dbio_why why = {.size = sizeof(why)};
    struct dbio_context *context = make_context();
    struct dbio_file *file = NULL;
    const char *tried = NULL;
    bool made = false;
    int error = context == NULL ? -ENOMEM : open_for_probe(context, path, &file, &made);

    if (error == 0)
        error = dbio_why(file, &why);
    if (error == 0 && made)
        tried = try_direct(file, &why);
    if (file != NULL)
        (void)dbio_close(file);
    if (context != NULL)
        (void)dbio_context_destroy(context);
    if (error != 0) {
        fprintf(stderr, "dbio: %s: %s\n", path, dbio_error_text(error));
        return false;
    }
    if (json) {
        fputs("{\"path\": ", stdout);
        cli_print_json_string(stdout, path);
        printf(", \"direct\": %s, \"reason\": \"%s\", \"memory_align\": %u, \"offset_align\": %u, "
               "\"atomic_bytes_max\": %u, \"tried\": ",
               why.standing_direct ? "true" : "false", dbio_reason_name(why.standing_reason),
               why.memory_align, why.offset_align, why.atomic_bytes_max);
        if (tried != NULL)
            cli_print_json_string(stdout, tried);
        else
            fputs("null", stdout);
        fputs("}\n", stdout);
        return true;
    }
    printf("%-8s %s: direct I/O %s", why.memory_align != 0 ? "ok" : "note", cli_text(path),
           why.memory_align != 0 ? "can be had" : "cannot be had: ");
    if (why.memory_align == 0)
        printf("%s\n", dbio_reason_text(why.standing_reason));
    else
        printf("; memory aligned to %u, offsets to %u; atomic writes up to %u bytes%s%s\n",
               why.memory_align, why.offset_align, why.atomic_bytes_max,
               tried != NULL ? "; a write went " : "", tried != NULL ? tried : "");
    return true;
}

/* --json, --help and at least one path. Where the paths begin, or -1 with the exit status. */
static int
parse(int count, char **arguments, const char *usage, bool *json, int *status)
{
    int i;

    for (i = 1; i < count && arguments[i][0] == '-'; i++) {
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            fputs(usage, stdout);
            *status = fflush(stdout) != 0 ? EXIT_TROUBLE : EXIT_SUCCESS;
            return -1;
        }
        if (strcmp(arguments[i], "--json") == 0) {
            *json = true;
        } else {
            fprintf(stderr, "dbio %s: no such option: '%s' (dbio %s --help)\n", arguments[0],
                    arguments[i], arguments[0]);
            *status = EXIT_USAGE;
            return -1;
        }
    }
    if (i < count)
        return i;
    fprintf(stderr, "dbio %s: no file (dbio %s --help)\n", arguments[0], arguments[0]);
    *status = EXIT_USAGE;
    return -1;
}

int
cli_why(int count, char **arguments)
{
    struct dbio_context *context;
    bool json = false, fine = true;
    int status, i = parse(count, arguments, why_usage, &json, &status);

    if (i < 0)
        return status;
    context = make_context();
    for (; context != NULL && i < count; i++)
        fine = explain(context, arguments[i], json) && fine;
    if (context == NULL)
        return EXIT_TROUBLE;
    (void)dbio_context_destroy(context);
    if (!json)
        print_reasons();
    return fflush(stdout) != 0 || !fine ? EXIT_TROUBLE : EXIT_SUCCESS;
}

int
cli_probe(int count, char **arguments)
{
    bool json = false, fine = true;
    int status, i = parse(count, arguments, probe_usage, &json, &status);

    if (i < 0)
        return status;
    for (; i < count; i++)
        fine = cli_probe_one(arguments[i], json) && fine;
    return fflush(stdout) != 0 || !fine ? EXIT_TROUBLE : EXIT_SUCCESS;
}
