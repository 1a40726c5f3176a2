/* cli.h - what the commands of `dbio` share. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "dbio.h"

#define EXIT_TROUBLE 1
#define EXIT_USAGE   2

/* A command: its arguments begin with its own name. An exit status. */
int cli_stat(int count, char **arguments);
int cli_top(int count, char **arguments);
int cli_run(int count, char **arguments);
int cli_switch(int count, char **arguments); /* off, on */
int cli_doctor(int count, char **arguments);
int cli_coverage(int count, char **arguments);
int cli_why(int count, char **arguments);
int cli_probe(int count, char **arguments);
/* Not for users: true (0) if the shim is loaded in this process. */
int cli_live(int count, char **arguments);

/* One binary's part of coverage; false if the shim would see nothing. */
bool cli_cover(const char *path, bool json);
/* One path's part of probe; false if it cannot be used. */
bool cli_probe_one(const char *path, bool json);

/* What the last system call that failed said. */
const char *cli_last_error(void);

/* libdbio-shim.so: as DBIO_SHIM says, else beside this program in a build tree, else where it was
 * installed; NULL if there is none. */
const char *cli_shim_path(void);

/* What both accept: --json --registry FILE --help, and a process number. */
struct cli_wishes {
    bool json, all;
    double interval; /* s */
    long count;      /* 0: for ever */
    int32_t pid;     /* 0: every process */
    const char *registry, *statistics;
    bool prometheus;
};

/* Parses; -1 to go on, else the exit status. `live`: --interval, --count and --all, and not
 * --statistics and --prometheus. */
int cli_parse(int count, char **arguments, const char *usage, bool live, struct cli_wishes *wishes);

/* The registry's path: the wish, or the default. NULL: switched off by DBIO_REGISTRY. */
const char *cli_path(const struct cli_wishes *wishes);

/* The statistics' path, likewise. */
const char *cli_statistics_path(const struct cli_wishes *wishes);

/* What is counted at `path` (NULL: nothing), of one process or all (0). */
void cli_print_counts(const char *path, int32_t pid);
/* Does the file at `path` have anything of that process? */
bool cli_has_counted(const char *path, int32_t pid);
void cli_print_json_counts(const char *path, int32_t pid);
int cli_print_prometheus(const char *path);

/* "registry", "cross_process" and "why" of a JSON object. */
void cli_print_json_trouble(const char *path, int error);
/* "cross-process coherence off: ...: ..." with the remedy. Where there is no registry, that is the
 * answer, on standard output; else it is an error message. As JSON always on standard output. An
 * exit status. */
int cli_print_trouble(const char *path, int error, bool json);

/* A JSON string, quotes and escapes included. */
void cli_print_json_string(FILE *out, const char *text);
/* As a JSON object. */
void cli_print_json_request(FILE *out, const struct dbio_registry_view *view,
                            const struct dbio_registry_request *request);

/* "12 ms", "3.4 s", "2 h"; valid until called eight times more. */
const char *cli_age(uint64_t ns);
/* Control characters made visible; as cli_age. */
const char *cli_text(const char *text);

/* 'T' if the process is stopped, '?' if it cannot be asked. */
char cli_process_state(int32_t pid);
/* A name of the file, from the open descriptors of a process that has it; "major:minor:inode" if
 * nobody tells. Valid until the next call. What was found is remembered until it is to be
 * forgotten: files are renamed. */
const char *cli_file_name(const struct dbio_registry_request *request, int32_t pid);
void cli_forget_names(void);

/* The process of a request; false if it is not in the snapshot. */
bool cli_process_of(const struct dbio_registry_view *view,
                    const struct dbio_registry_request *request,
                    struct dbio_registry_process *process);
/* "running", "waiting", "stopped" or "dead". */
const char *cli_request_state(const struct dbio_registry_request *request,
                              const struct dbio_registry_process *process);

#endif
