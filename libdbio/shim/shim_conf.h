/*
 * shim_conf.h - how the shim is told what to do: DBIO_CONF, DBIO_PROGRAMS, a policy file.
 *
 * DBIO_CONF="key:value,key:value":
 *   mode:auto|direct|buffered|off   how files go (off: the shim does nothing at all); auto
 *   role:data|log|temp|scan         what files are for; data
 *   large:BYTES                     mode auto: what counts as a large request; 262144
 *   policy:FILE                     rules by path; none
 *   exec:inherit|strip              whether programs that this one starts have the shim; inherit
 *
 * DBIO_PROGRAMS=name,name: the shim does nothing in programs of other names.
 *
 * A policy file has a rule a line, "PATTERN key:value,..." with the keys mode and role; the first
 * PATTERN that matches a file's path counts (fnmatch(3); * matches slashes too). # begins a
 * comment.
 */
#ifndef SHIM_SHIM_CONF_H
#define SHIM_SHIM_CONF_H

#include <stdbool.h>
#include <stdint.h>

/* How a file goes. */
struct shim_rule {
    bool managed; /* false: mode off */
    uint32_t mode, role;
};

struct shim_conf {
    struct shim_rule usual;
    uint64_t large_bytes; /* 0: the library's default */
    bool inert;           /* mode off, or another program */
    bool strip;           /* take the shim out of the environment */
    bool has_policy;
};

/* Reads the environment once. What it does not understand it says on standard error. Takes the
 * arguments of main: the shim starts before libc knows them. */
void shim_conf_read(struct shim_conf *conf, char **arguments, char **environment);
/* Takes the shim out of LD_PRELOAD, for what this program starts. */
void shim_conf_strip(char **environment);

/* The rule for the file behind `fd`. */
struct shim_rule shim_conf_rule(const struct shim_conf *conf, int fd);

#endif
