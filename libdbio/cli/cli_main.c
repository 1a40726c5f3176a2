/*
 * cli_main.c - the command `dbio`.
 *
 * Finds the command named first and hands it the rest.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const struct command {
    const char *name;
    int (*run)(int count, char **arguments);
    const char *text;
} commands[] = {
    {"doctor", cli_doctor, "would the shim work here, and for this command?"},
    {"run", cli_run, "run a command with the shim: its file I/O goes through dbio"},
    {"stat", cli_stat, "processes, outstanding requests and what was counted, once"},
    {"top", cli_top, "outstanding direct I/O, live: file, range, class, age, owner, waiters"},
    {"why", cli_why, "how a file goes, and why"},
    {"off", cli_switch, "send running processes through the page cache"},
    {"on", cli_switch, "let them go as before"},
    {"coverage", cli_coverage, "which calls of a program the shim sees"},
    {"probe", cli_probe, "what direct I/O can be had in a place"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
print_usage(FILE *out)
{
    size_t i;

    fputs("usage: dbio COMMAND [options]\n"
          "       dbio --help | --version\n"
          "\n"
          "Puts dbio under programs, and looks at what processes that use it are doing, which\n"
          "costs them nothing.\n"
          "\n",
          out);
    for (i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].text);
    fputs("\n"
          "dbio COMMAND --help tells the rest. Exit status: 0 done, 1 could not, 2 wrong usage.\n",
          out);
}

int
main(int count, char **arguments)
{
    const char *name = count > 1 ? arguments[1] : "";
    size_t i;

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return fflush(stdout) != 0 ? EXIT_TROUBLE : EXIT_SUCCESS;
    }
    if (strcmp(name, "--version") == 0) {
        printf("dbio %s\n", dbio_version());
        return fflush(stdout) != 0 ? EXIT_TROUBLE : EXIT_SUCCESS;
    }
    for (i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(count - 1, arguments + 1);
    if (strcmp(name, "live") == 0)
        return cli_live(count - 1, arguments + 1);
    if (count > 1)
        fprintf(stderr, "dbio: no command '%s'\n", name);
    print_usage(stderr);
    return EXIT_USAGE;
}
