/* t_file.c - files whose every byte is known. */
#include "t_file.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)1 << 20)

/* Eight bytes of the pattern; the finisher of MurmurHash3, so that neighbours differ. */
static uint64_t
pattern_word(uint64_t seed, uint64_t index)
{
    uint64_t word = seed ^ index * UINT64_C(0x9e3779b97f4a7c15);

    word = (word ^ word >> 33) * UINT64_C(0xff51afd7ed558ccd);
    word = (word ^ word >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return word ^ word >> 33;
}

static unsigned char
pattern_byte(uint64_t seed, uint64_t offset)
{
    return (unsigned char)(pattern_word(seed, offset / 8) >> offset % 8 * 8);
}

void
t_pattern_fill(void *buffer, size_t length, uint64_t seed, uint64_t offset)
{
    unsigned char *bytes = buffer;
    uint64_t word = pattern_word(seed, offset / 8);

    for (size_t i = 0; i < length; i++) {
        if ((offset + i) % 8 == 0)
            word = pattern_word(seed, (offset + i) / 8);
        bytes[i] = (unsigned char)(word >> (offset + i) % 8 * 8);
    }
}

uint64_t
t_pattern_first_wrong(const void *buffer, size_t length, uint64_t seed, uint64_t offset)
{
    const unsigned char *bytes = buffer;
    uint64_t word = pattern_word(seed, offset / 8);

    for (size_t i = 0; i < length; i++) {
        if ((offset + i) % 8 == 0)
            word = pattern_word(seed, (offset + i) / 8);
        if (bytes[i] != (unsigned char)(word >> (offset + i) % 8 * 8))
            return offset + i;
    }
    return T_ALL_RIGHT;
}

void
t_pattern_verify(const void *buffer, size_t length, uint64_t seed, uint64_t offset)
{
    uint64_t wrong = t_pattern_first_wrong(buffer, length, seed, offset);

    if (wrong != T_ALL_RIGHT)
        ck_abort_msg("first wrong byte at offset %" PRIu64 " (of %" PRIu64 " + %zu): 0x%02x, "
                     "pattern 0x%02x",
                     wrong, offset, length,
                     (unsigned)((const unsigned char *)buffer)[wrong - offset],
                     (unsigned)pattern_byte(seed, wrong));
}

static void *
make_piece(void)
{
    void *piece = malloc(PIECE_BYTES);

    ck_assert_ptr_nonnull(piece);
    return piece;
}

static size_t
piece_length(uint64_t rest)
{
    return rest < PIECE_BYTES ? (size_t)rest : PIECE_BYTES;
}

int
t_file_make(const char *path, uint64_t seed, uint64_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    void *piece = make_piece();

    ck_assert_msg(fd >= 0, "open %s: %s", path, strerror(errno));
    for (uint64_t offset = 0; offset < size; offset += PIECE_BYTES) {
        size_t length = piece_length(size - offset);

        t_pattern_fill(piece, length, seed, offset);
        ck_assert_msg(pwrite(fd, piece, length, (off_t)offset) == (ssize_t)length, "pwrite %s: %s",
                      path, strerror(errno));
    }
    ck_assert_msg(fsync(fd) == 0, "fsync %s: %s", path, strerror(errno));
    free(piece);
    return fd;
}

void
t_file_verify(const char *path, uint64_t seed, uint64_t offset, uint64_t length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *piece = make_piece();

    ck_assert_msg(fd >= 0, "open %s: %s", path, strerror(errno));
    for (uint64_t end = offset + length; offset < end; offset += PIECE_BYTES) {
        size_t wanted = piece_length(end - offset);

        ck_assert_msg(pread(fd, piece, wanted, (off_t)offset) == (ssize_t)wanted,
                      "pread %s: short or failed at %" PRIu64 ": %s", path, offset,
                      strerror(errno));
        t_pattern_verify(piece, wanted, seed, offset);
    }
    free(piece);
    close(fd);
}

uint64_t
t_file_size(const char *path)
{
    struct stat status;

    ck_assert_msg(stat(path, &status) == 0, "stat %s: %s", path, strerror(errno));
    return (uint64_t)status.st_size;
}
