/*
 * t_model.h - the obvious file: an array of bytes. What a real one is compared with.
 *
 * Not thread-safe. No memory fails the case.
 */
#ifndef T_MODEL_H
#define T_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct t_model {
    unsigned char *bytes; /* of `room` bytes; those past `size` are zero */
    uint64_t size, room;
};

void t_model_init(struct t_model *model);
void t_model_fini(struct t_model *model);

/* As the system calls of these names; they cannot fail. */
size_t t_model_pread(const struct t_model *model, void *buffer, size_t length, uint64_t offset);
void t_model_pwrite(struct t_model *model, const void *buffer, size_t length, uint64_t offset);
void t_model_truncate(struct t_model *model, uint64_t size);
void t_model_allocate(struct t_model *model, uint64_t offset, uint64_t length, bool keep_size);
void t_model_punch(struct t_model *model, uint64_t offset, uint64_t length);

/* Fails the case unless a pread of `wanted` bytes at `offset` that returned `got` and filled
 * `buffer` is what the model would have given. */
void t_model_verify_read(const struct t_model *model, const void *buffer, size_t wanted,
                         int64_t got, uint64_t offset);
/* Fails the case unless the file has the model's size and bytes, read through the page cache. */
void t_model_verify(const struct t_model *model, const char *path);

#endif
