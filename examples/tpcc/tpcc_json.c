/*
 * tpcc_json.c - JSON values: build, look up, write.
 *
 * Job: own the values and print them. Leaves reading text to tpcc_json_parse.c. Called wherever
 * results are made or shown. No lock: results are built by one thread. Must always hold: what is
 * written is valid JSON whatever the texts and numbers are.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tpcc_json.h"
#include "tpcc_util.h"

static struct tpcc_json *
make_value(enum tpcc_json_kind kind)
{
    struct tpcc_json *json = tpcc_alloc(1, sizeof(*json));
    json->kind = kind;
    return json;
}

struct tpcc_json *
tpcc_json_object(void)
{
    return make_value(TPCC_JSON_OBJECT);
}

struct tpcc_json *
tpcc_json_array(void)
{
    return make_value(TPCC_JSON_ARRAY);
}

struct tpcc_json *
tpcc_json_number(double number)
{
    struct tpcc_json *json = make_value(TPCC_JSON_NUMBER);
    json->number = number;
    return json;
}

void
tpcc_json_free(struct tpcc_json *json)
{
    if (!json)
        return;
    for (size_t i = 0; i < json->count; i++) {
        tpcc_json_free(json->items[i]);
        if (json->keys)
            free(json->keys[i]);
    }
    free(json->items);
    free(json->keys);
    free(json->text);
    free(json);
}

void
tpcc_json_add(struct tpcc_json *array, struct tpcc_json *value)
{
    array->items = tpcc_grow(array->items, array->count + 1, sizeof(array->items[0]));
    array->items[array->count++] = value;
}

void
tpcc_json_put(struct tpcc_json *object, const char *key, struct tpcc_json *value)
{
    object->keys = tpcc_grow(object->keys, object->count + 1, sizeof(object->keys[0]));
    object->keys[object->count] = tpcc_copy_text(key);
    tpcc_json_add(object, value);
}

void
tpcc_json_put_text(struct tpcc_json *object, const char *key, const char *text)
{
    struct tpcc_json *value = make_value(TPCC_JSON_TEXT);
    value->text = tpcc_copy_text(text);
    tpcc_json_put(object, key, value);
}

void
tpcc_json_put_number(struct tpcc_json *object, const char *key, double number)
{
    tpcc_json_put(object, key, tpcc_json_number(number));
}

void
tpcc_json_put_bool(struct tpcc_json *object, const char *key, bool value)
{
    struct tpcc_json *json = make_value(TPCC_JSON_BOOL);
    json->number = value;
    tpcc_json_put(object, key, json);
}

const struct tpcc_json *
tpcc_json_get(const struct tpcc_json *object, const char *key)
{
    if (!object || object->kind != TPCC_JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < object->count; i++)
        if (strcmp(object->keys[i], key) == 0)
            return object->items[i];
    return NULL;
}

double
tpcc_json_get_number(const struct tpcc_json *object, const char *key)
{
    const struct tpcc_json *value = tpcc_json_get(object, key);
    return value && value->kind == TPCC_JSON_NUMBER ? value->number : 0;
}

const char *
tpcc_json_get_text(const struct tpcc_json *object, const char *key)
{
    const struct tpcc_json *value = tpcc_json_get(object, key);
    return value && value->kind == TPCC_JSON_TEXT ? value->text : "";
}

bool
tpcc_json_get_bool(const struct tpcc_json *object, const char *key)
{
    const struct tpcc_json *value = tpcc_json_get(object, key);
    return value && value->kind == TPCC_JSON_BOOL && value->number != 0;
}

size_t
tpcc_json_count(const struct tpcc_json *json)
{
    return json ? json->count : 0;
}

static void
write_text(const char *text, FILE *stream)
{
    fputc('"', stream);
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
        if (*byte == '"' || *byte == '\\')
            fprintf(stream, "\\%c", *byte);
        else if (*byte < 0x20)
            fprintf(stream, "\\u%04x", *byte);
        else
            fputc(*byte, stream);
    }
    fputc('"', stream);
}

/* JSON knows no infinity and no NaN. The shortest form that reads back as the same number: a saved
 * result must show exactly what the original showed. */
static void
write_number(double number, FILE *stream)
{
    char text[40];
    int digits = 6;
    if (!isfinite(number)) {
        fputs("null", stream);
        return;
    }
    if (number == floor(number) && fabs(number) < 9e15) {
        fprintf(stream, "%.0f", number); /* a count, without an exponent */
        return;
    }
    do
        snprintf(text, sizeof(text), "%.*g", digits, number);
    while (strtod(text, NULL) != number && ++digits <= 17);
    fputs(text, stream);
}

static void
write_value(const struct tpcc_json *json, FILE *stream, int depth)
{
    bool object = json->kind == TPCC_JSON_OBJECT;
    switch (json->kind) {
    case TPCC_JSON_NULL:
        fputs("null", stream);
        return;
    case TPCC_JSON_BOOL:
        fputs(json->number != 0 ? "true" : "false", stream);
        return;
    case TPCC_JSON_NUMBER:
        write_number(json->number, stream);
        return;
    case TPCC_JSON_TEXT:
        write_text(json->text, stream);
        return;
    case TPCC_JSON_ARRAY:
    case TPCC_JSON_OBJECT:
        break;
    }
    fputc(object ? '{' : '[', stream);
    for (size_t i = 0; i < json->count; i++) {
        fprintf(stream, "%s\n%*s", i ? "," : "", 2 * (depth + 1), "");
        if (object) {
            write_text(json->keys[i], stream);
            fputs(": ", stream);
        }
        write_value(json->items[i], stream, depth + 1);
    }
    if (json->count)
        fprintf(stream, "\n%*s", 2 * depth, "");
    fputc(object ? '}' : ']', stream);
}

void
tpcc_json_write(const struct tpcc_json *json, FILE *stream)
{
    write_value(json, stream, 0);
    fputc('\n', stream);
}

int
tpcc_json_save(const struct tpcc_json *json, const char *path)
{
    bool to_stdout = strcmp(path, "-") == 0;
    FILE *stream = to_stdout ? stdout : fopen(path, "we");
    if (stream) {
        tpcc_json_write(json, stream);
        bool failed = fflush(stream) || ferror(stream);
        if (!to_stdout && fclose(stream))
            failed = true;
        if (!failed)
            return 0;
    }
    tpcc_complain("cannot write %s: %s", path, strerror(errno));
    return -1;
}
