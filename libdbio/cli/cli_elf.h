/* cli_elf.h - what a program's file says of how it is loaded and what it calls. */
#ifndef CLI_CLI_ELF_H
#define CLI_CLI_ELF_H

#include <stdbool.h>
#include <stddef.h>

#define CLI_ELF_NEEDED 64

struct cli_elf {
    const char *trouble;   /* NULL, or why nothing else is known; static text */
    bool script;           /* begins with #! */
    char interpreter[256]; /* of a script; "" if none */
    bool foreign;          /* of another machine or word size: this shim cannot be loaded */
    bool is_static;        /* no dynamic loader: nothing can be preloaded */
    bool go;               /* made by Go's compiler, which calls the kernel by itself */
    size_t needed_count;
    const char *needed[CLI_ELF_NEEDED]; /* libraries */
    size_t import_count, export_count;
    const char **imports, **exports; /* functions, in no order */
    char *file;                      /* its bytes; names point there */
    size_t bytes;
};

/* Reads the file at `path`. Free with cli_elf_free(). */
void cli_elf_read(const char *path, struct cli_elf *elf);
void cli_elf_free(struct cli_elf *elf);

bool cli_elf_imports(const struct cli_elf *elf, const char *name);
bool cli_elf_exports(const struct cli_elf *elf, const char *name);

#endif
