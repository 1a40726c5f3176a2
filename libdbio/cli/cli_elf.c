/*
 * cli_elf.c - what a program's file says of how it is loaded and what it calls.
 *
 * ELF of 64 bits, as elf(5) has it. Every offset is checked: the file may be anything.
 */
#include "cli/cli_elf.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMPORTS_MAX 100000u

/* `count` things of `size` bytes at `offset`, or NULL. */
static const void *
at(const struct cli_elf *elf, uint64_t offset, uint64_t count, uint64_t size)
{
    if (offset > elf->bytes || count > (elf->bytes - offset) / size || offset % 4 != 0)
        return NULL;
    return elf->file + offset;
}

/* A name from a string table that ends with a 0. */
static const char *
name_at(const struct cli_elf *elf, const Elf64_Shdr *strings, uint64_t index)
{
    if (strings->sh_offset > elf->bytes || strings->sh_size > elf->bytes - strings->sh_offset ||
        index >= strings->sh_size || elf->file[strings->sh_offset + strings->sh_size - 1] != '\0')
        return "";
    return elf->file + strings->sh_offset + index;
}

static void
read_script(struct cli_elf *elf)
{
    size_t begin = 2, end;

    elf->script = true;
    while (begin < elf->bytes && elf->file[begin] == ' ')
        begin++;
    for (end = begin; end < elf->bytes && strchr(" \n\r\t", elf->file[end]) == NULL; end++)
        ;
    (void)snprintf(elf->interpreter, sizeof(elf->interpreter), "%.*s", (int)(end - begin),
                   elf->file + begin);
}

static void
read_symbols(struct cli_elf *elf, const Elf64_Shdr *table, const Elf64_Shdr *strings)
{
    uint64_t count = table->sh_size / sizeof(Elf64_Sym), i;
    const Elf64_Sym *symbols = at(elf, table->sh_offset, count, sizeof(*symbols));

    if (symbols == NULL || count > IMPORTS_MAX || elf->imports != NULL)
        return;
    elf->imports = calloc(count + 1, sizeof(*elf->imports));
    elf->exports = calloc(count + 1, sizeof(*elf->exports));
    if (elf->imports == NULL || elf->exports == NULL)
        return;
    for (i = 1; i < count; i++) {
        const char *name = name_at(elf, strings, symbols[i].st_name);

        if (symbols[i].st_shndx == SHN_UNDEF)
            elf->imports[elf->import_count++] = name;
        else
            elf->exports[elf->export_count++] = name;
    }
}

static void
read_needed(struct cli_elf *elf, const Elf64_Shdr *table, const Elf64_Shdr *strings)
{
    uint64_t count = table->sh_size / sizeof(Elf64_Dyn), i;
    const Elf64_Dyn *entries = at(elf, table->sh_offset, count, sizeof(*entries));

    for (i = 0; entries != NULL && i < count && elf->needed_count < CLI_ELF_NEEDED; i++)
        if (entries[i].d_tag == DT_NEEDED)
            elf->needed[elf->needed_count++] = name_at(elf, strings, entries[i].d_un.d_val);
}

static void
read_sections(struct cli_elf *elf, const Elf64_Ehdr *head)
{
    const Elf64_Shdr *sections = at(elf, head->e_shoff, head->e_shnum, sizeof(*sections));
    uint32_t i;

    if (sections == NULL || head->e_shentsize != sizeof(*sections)) {
        elf->trouble = "has no section table: it cannot be told what it calls";
        return;
    }
    for (i = 0; i < head->e_shnum; i++) {
        const Elf64_Shdr *section = &sections[i];
        const char *name = head->e_shstrndx < head->e_shnum
                               ? name_at(elf, &sections[head->e_shstrndx], section->sh_name)
                               : "";

        if (strcmp(name, ".gopclntab") == 0 || strcmp(name, ".note.go.buildid") == 0)
            elf->go = true;
        if (section->sh_link >= head->e_shnum)
            continue;
        if (section->sh_type == SHT_DYNSYM)
            read_symbols(elf, section, &sections[section->sh_link]);
        if (section->sh_type == SHT_DYNAMIC)
            read_needed(elf, section, &sections[section->sh_link]);
    }
}

static void
read_head(struct cli_elf *elf)
{
    const Elf64_Ehdr *head = at(elf, 0, 1, sizeof(*head));
    const Elf64_Phdr *segments;
    uint32_t i;

    if (head == NULL || head->e_ident[EI_CLASS] != ELFCLASS64 ||
        head->e_ident[EI_DATA] != ELFDATA2LSB) {
        elf->foreign = true;
        return;
    }
    elf->foreign = head->e_machine !=
#if defined(__x86_64__)
                   EM_X86_64;
#else
                   EM_AARCH64;
#endif
    elf->is_static = head->e_type == ET_EXEC || head->e_type == ET_DYN;
    segments = at(elf, head->e_phoff, head->e_phnum, sizeof(*segments));
    for (i = 0; segments != NULL && i < head->e_phnum; i++)
        if (segments[i].p_type == PT_INTERP)
            elf->is_static = false;
    read_sections(elf, head);
}

void
cli_elf_read(const char *path, struct cli_elf *elf)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    void *memory = MAP_FAILED;

    *elf = (struct cli_elf){.trouble = NULL};
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        elf->trouble = fd < 0 ? "cannot be read" : "is not a regular file";
    else if (status.st_size > 0)
        memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        (void)close(fd);
    if (memory == MAP_FAILED) {
        elf->trouble = elf->trouble != NULL ? elf->trouble : "is empty";
        return;
    }
    elf->file = memory;
    elf->bytes = (size_t)status.st_size;
    if (elf->bytes > 2 && memcmp(elf->file, "#!", 2) == 0)
        read_script(elf);
    else if (elf->bytes > SELFMAG && memcmp(elf->file, ELFMAG, SELFMAG) == 0)
        read_head(elf);
    else
        elf->trouble = "is neither an ELF file nor a script";
}

void
cli_elf_free(struct cli_elf *elf)
{
    if (elf->file != NULL)
        (void)munmap(elf->file, elf->bytes);
    free(elf->imports);
    free(elf->exports);
    *elf = (struct cli_elf){.trouble = NULL};
}

static bool
is_among(const char *const *names, size_t count, const char *name)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

bool
cli_elf_imports(const struct cli_elf *elf, const char *name)
{
    return is_among(elf->imports, elf->import_count, name);
}

bool
cli_elf_exports(const struct cli_elf *elf, const char *name)
{
    return is_among(elf->exports, elf->export_count, name);
}
