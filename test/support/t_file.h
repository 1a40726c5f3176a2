/*
 * t_file.h - files whose every byte is known.
 *
 * The byte at an offset of a pattern depends on the seed and the offset only. What fails
 * here fails the case, and the message has the offset of the first wrong byte.
 */
#ifndef T_FILE_H
#define T_FILE_H

#include <stddef.h>
#include <stdint.h>

#define T_ALL_RIGHT UINT64_MAX

/* The pattern's bytes of [offset, offset + length). */
void t_pattern_fill(void *buffer, size_t length, uint64_t seed, uint64_t offset);
/* The file offset of the first byte that differs from the pattern, or T_ALL_RIGHT. */
uint64_t t_pattern_first_wrong(const void *buffer, size_t length, uint64_t seed, uint64_t offset);
/* Fails the case unless the buffer has the pattern. */
void t_pattern_verify(const void *buffer, size_t length, uint64_t seed, uint64_t offset);

/* A new file (or an emptied one) of `size` bytes of the pattern, on stable storage; a
 * descriptor open for reading and writing. */
int t_file_make(const char *path, uint64_t seed, uint64_t size);
/* Fails the case unless [offset, offset + length), read through the page cache by another
 * descriptor, has the pattern. */
void t_file_verify(const char *path, uint64_t seed, uint64_t offset, uint64_t length);
/* The file's size. */
uint64_t t_file_size(const char *path);

#endif
