/*
 * tpcc_json.h - JSON values: build, write, parse, look up.
 *
 * Results are built as JSON values first and every rendering (text, HTML, file) starts from them,
 * so that `report` shows of a saved file exactly what `run` showed. A value belongs to the object
 * or array it was put into; free the outermost.
 */
#ifndef TPCC_JSON_H
#define TPCC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum tpcc_json_kind {
    TPCC_JSON_NULL,
    TPCC_JSON_BOOL,
    TPCC_JSON_NUMBER,
    TPCC_JSON_TEXT,
    TPCC_JSON_ARRAY,
    TPCC_JSON_OBJECT,
};

struct tpcc_json {
    enum tpcc_json_kind kind;
    double number; /* also 0 or 1 of a bool */
    char *text;
    struct tpcc_json **items; /* array elements, or values of an object */
    char **keys;              /* object only */
    size_t count;
};

struct tpcc_json *tpcc_json_object(void);
struct tpcc_json *tpcc_json_array(void);
struct tpcc_json *tpcc_json_number(double number);
void tpcc_json_free(struct tpcc_json *json);

/* Put a value under a key (replacing none: keys are used once), or at the end of an array. */
void tpcc_json_put(struct tpcc_json *object, const char *key, struct tpcc_json *value);
void tpcc_json_put_text(struct tpcc_json *object, const char *key, const char *text);
void tpcc_json_put_number(struct tpcc_json *object, const char *key, double number);
void tpcc_json_put_bool(struct tpcc_json *object, const char *key, bool value);
void tpcc_json_add(struct tpcc_json *array, struct tpcc_json *value);

/* NULL, the default, or "" if the key is not there or is of another kind. */
const struct tpcc_json *tpcc_json_get(const struct tpcc_json *object, const char *key);
double tpcc_json_get_number(const struct tpcc_json *object, const char *key);
const char *tpcc_json_get_text(const struct tpcc_json *object, const char *key);
bool tpcc_json_get_bool(const struct tpcc_json *object, const char *key);
/* Elements of an array or object; 0 for everything else, NULL included. */
size_t tpcc_json_count(const struct tpcc_json *json);

/* Indented; a number reads back as exactly the same. */
void tpcc_json_write(const struct tpcc_json *json, FILE *stream);
/* Writes to `path`, or stdout for "-". 0, or -1 after complaining. */
int tpcc_json_save(const struct tpcc_json *json, const char *path);
/* NULL on a mistake in the text; *error says what and where. */
struct tpcc_json *tpcc_json_parse(const char *text, const char **error);
/* Reads a file; NULL after complaining. */
struct tpcc_json *tpcc_json_load(const char *path);

#endif
