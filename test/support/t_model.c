/* t_model.c - the obvious file: an array of bytes. */
#include "t_model.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)1 << 18)

void
t_model_init(struct t_model *model)
{
    *model = (struct t_model){0};
}

void
t_model_fini(struct t_model *model)
{
    free(model->bytes);
    t_model_init(model);
}

/* Room for `size` bytes; new ones are zero. */
static void
make_room(struct t_model *model, uint64_t size)
{
    uint64_t room = model->room == 0 ? 65536 : model->room;

    if (size <= model->room)
        return;
    while (room < size)
        room *= 2;
    model->bytes = realloc(model->bytes, (size_t)room);
    ck_assert_ptr_nonnull(model->bytes);
    memset(model->bytes + model->room, 0, (size_t)(room - model->room));
    model->room = room;
}

static size_t
readable(const struct t_model *model, size_t length, uint64_t offset)
{
    if (offset >= model->size)
        return 0;
    return length < model->size - offset ? length : (size_t)(model->size - offset);
}

size_t
t_model_pread(const struct t_model *model, void *buffer, size_t length, uint64_t offset)
{
    size_t got = readable(model, length, offset);

    if (got > 0)
        memcpy(buffer, model->bytes + offset, got);
    return got;
}

void
t_model_pwrite(struct t_model *model, const void *buffer, size_t length, uint64_t offset)
{
    if (length == 0)
        return;
    make_room(model, offset + length);
    memcpy(model->bytes + offset, buffer, length);
    if (offset + length > model->size)
        model->size = offset + length;
}

void
t_model_truncate(struct t_model *model, uint64_t size)
{
    make_room(model, size);
    if (size < model->size)
        memset(model->bytes + size, 0, (size_t)(model->size - size));
    model->size = size;
}

void
t_model_allocate(struct t_model *model, uint64_t offset, uint64_t length, bool keep_size)
{
    if (!keep_size && offset + length > model->size)
        t_model_truncate(model, offset + length);
}

void
t_model_punch(struct t_model *model, uint64_t offset, uint64_t length)
{
    size_t inside = readable(model, (size_t)length, offset);

    if (inside > 0)
        memset(model->bytes + offset, 0, inside);
}

static void
compare(const struct t_model *model, const unsigned char *bytes, size_t length, uint64_t offset)
{
    if (length == 0 || memcmp(bytes, model->bytes + offset, length) == 0)
        return;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != model->bytes[offset + i])
            ck_abort_msg("first wrong byte at offset %" PRIu64 " (of %" PRIu64
                         " + %zu, size %" PRIu64 "): 0x%02x, model 0x%02x",
                         offset + i, offset, length, model->size, (unsigned)bytes[i],
                         (unsigned)model->bytes[offset + i]);
    }
}

void
t_model_verify_read(const struct t_model *model, const void *buffer, size_t wanted, int64_t got,
                    uint64_t offset)
{
    size_t right = readable(model, wanted, offset);

    ck_assert_msg(got == (int64_t)right,
                  "read of %zu at %" PRIu64 " returned %" PRId64 ", model %zu (size %" PRIu64 ")",
                  wanted, offset, got, right, model->size);
    compare(model, buffer, right, offset);
}

void
t_model_verify(const struct t_model *model, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char *piece = malloc(PIECE_BYTES);
    struct stat status;

    ck_assert_msg(fd >= 0 && piece != NULL, "open %s: %s", path, strerror(errno));
    ck_assert_int_eq(fstat(fd, &status), 0);
    ck_assert_uint_eq((uint64_t)status.st_size, model->size);
    for (uint64_t offset = 0; offset < model->size; offset += PIECE_BYTES)
        t_model_verify_read(model, piece, PIECE_BYTES, pread(fd, piece, PIECE_BYTES, (off_t)offset),
                            offset);
    free(piece);
    close(fd);
}
