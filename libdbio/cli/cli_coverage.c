/*
 * cli_coverage.c - `dbio coverage`: which calls of a program the shim sees.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_elf.h"

static const char usage[] =
    "usage: dbio coverage [--json] BINARY...\n"
    "\n"
    "Lists the calls that do file I/O which each BINARY (a program or library) takes from others,\n"
    "and what the shim does with them. Libraries that it loads are named: look at them, too.\n"
    "\n"
    "taken   carried out through dbio, or watched so that dbio's tables stay true\n"
    "passed  let through unseen; what that means is said\n"
    "\n"
    "Exit status: 0 listed; 1 a file cannot be read, or the shim cannot be loaded into it;\n"
    "2 wrong usage.\n";

/* Calls past the shim, with what follows from that. */
static const struct passed {
    const char *name, *text;
} passed[] = {
    {"fread", "stdio: its files are left alone"},
    {"fwrite", "stdio: its files are left alone"},
    {"fgets", "stdio: its files are left alone"},
    {"fprintf", "stdio: its files are left alone"},
    {"syscall", "system calls by number are not seen"},
    {"truncate", "by path: the kernel waits for direct I/O by itself"},
    {"truncate64", "by path: the kernel waits for direct I/O by itself"},
    {"sync_file_range", "nothing to do"},
    {"syncfs", "nothing to do"},
    {"sync", "nothing to do"},
    {"msync", "nothing to do: mapped files go through the page cache"},
    {"lseek", "nothing to do: the position is the kernel's"},
    {"lseek64", "nothing to do: the position is the kernel's"},
};
#define PASSED (sizeof(passed) / sizeof(passed[0]))

static const char *
describe(const struct cli_elf *elf)
{
    if (elf->trouble != NULL)
        return elf->trouble;
    if (elf->script)
        return "is a script: look at its interpreter";
    if (elf->foreign)
        return "is for another kind of machine: the shim cannot be loaded";
    if (elf->is_static)
        return "is static: nothing can be preloaded, and the shim has no effect";
    if (elf->go)
        return "is a Go program: it calls the kernel by itself, and the shim sees nothing";
    return NULL;
}

static void
print_text(const char *path, const struct cli_elf *elf, const struct cli_elf *shim)
{
    const char *trouble = describe(elf);
    size_t i;

    printf("%s%s%s\n", cli_text(path), trouble != NULL ? ": " : "", trouble != NULL ? trouble : "");
    if (elf->script)
        printf("  interpreter %s\n", cli_text(elf->interpreter));
    for (i = 0; i < elf->import_count; i++)
        if (cli_elf_exports(shim, elf->imports[i]))
            printf("  taken   %s\n", cli_text(elf->imports[i]));
    for (i = 0; i < PASSED; i++)
        if (cli_elf_imports(elf, passed[i].name) && !cli_elf_exports(shim, passed[i].name))
            printf("  passed  %-26s %s\n", passed[i].name, passed[i].text);
    for (i = 0; i < elf->needed_count; i++)
        printf("  loads   %s\n", cli_text(elf->needed[i]));
}

static void
print_json(const char *path, const struct cli_elf *elf, const struct cli_elf *shim)
{
    const char *trouble = describe(elf), *separator = "";
    size_t i;

    fputs("{\"file\": ", stdout);
    cli_print_json_string(stdout, path);
    if (trouble != NULL) {
        fputs(", \"trouble\": ", stdout);
        cli_print_json_string(stdout, trouble);
    }
    fputs(", \"taken\": [", stdout);
    for (i = 0; i < elf->import_count; i++) {
        if (!cli_elf_exports(shim, elf->imports[i]))
            continue;
        fputs(separator, stdout);
        cli_print_json_string(stdout, elf->imports[i]);
        separator = ", ";
    }
    fputs("], \"passed\": [", stdout);
    for (i = 0, separator = ""; i < PASSED; i++) {
        if (!cli_elf_imports(elf, passed[i].name) || cli_elf_exports(shim, passed[i].name))
            continue;
        printf("%s{\"name\": \"%s\", \"why\": ", separator, passed[i].name);
        cli_print_json_string(stdout, passed[i].text);
        putchar('}');
        separator = ", ";
    }
    fputs("], \"loads\": [", stdout);
    for (i = 0; i < elf->needed_count; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        cli_print_json_string(stdout, elf->needed[i]);
    }
    fputs("]}\n", stdout);
}

bool
cli_cover(const char *path, bool json)
{
    const char *shim_path = cli_shim_path();
    struct cli_elf elf, shim;
    bool fine;

    cli_elf_read(shim_path != NULL ? shim_path : "", &shim);
    cli_elf_read(path, &elf);
    (json ? print_json : print_text)(path, &elf, &shim);
    if (shim_path == NULL)
        fputs("dbio: libdbio-shim.so is not found, so it cannot be told what it takes\n", stderr);
    fine = shim_path != NULL && describe(&elf) == NULL;
    cli_elf_free(&elf);
    cli_elf_free(&shim);
    return fine;
}

int
cli_coverage(int count, char **arguments)
{
    bool json = false, fine = true;
    int i = 1;

    for (; i < count && arguments[i][0] == '-'; i++) {
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            fputs(usage, stdout);
            return fflush(stdout) != 0 ? EXIT_TROUBLE : EXIT_SUCCESS;
        }
        if (strcmp(arguments[i], "--json") != 0) {
            fprintf(stderr, "dbio coverage: no such option: '%s' (dbio coverage --help)\n",
                    arguments[i]);
            return EXIT_USAGE;
        }
        json = true;
    }
    if (i == count) {
        fputs("dbio coverage: no file (dbio coverage --help)\n", stderr);
        return EXIT_USAGE;
    }
    for (; i < count; i++)
        fine = cli_cover(arguments[i], json) && fine;
    return fflush(stdout) != 0 || !fine ? EXIT_TROUBLE : EXIT_SUCCESS;
}
