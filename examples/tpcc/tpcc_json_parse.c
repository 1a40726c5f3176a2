/*
 * tpcc_json_parse.c - JSON text to values.
 *
 * Job: read what tpcc_json.c writes, and any other JSON with numbers, texts and nesting of a sane
 * depth. Called by `report` and by `compare` for its children's results. No lock. Must always hold:
 * no text, however broken, reads past its end or nests deeper than DEPTH_MAX.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tpcc_json.h"
#include "tpcc_util.h"

#define DEPTH_MAX 64

struct parser {
    const char *next;
    const char *error;
    int depth;
};

static struct tpcc_json *parse_value(struct parser *parser);

static struct tpcc_json *
fail_parse(struct parser *parser, const char *error)
{
    if (!parser->error)
        parser->error = error;
    return NULL;
}

static char
peek_token(struct parser *parser)
{
    parser->next += strspn(parser->next, " \t\r\n");
    return *parser->next;
}

static bool
accept_word(struct parser *parser, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(parser->next, word, length) != 0)
        return false;
    parser->next += length;
    return true;
}

/* The byte behind a backslash. Beyond ASCII, \u becomes '?': dbio-tpcc itself writes UTF-8. */
static int
parse_escape(struct parser *parser)
{
    char letter = *parser->next++;
    const char *from = "nrtbf";
    const char *to = "\n\r\t\b\f";
    const char *found = letter ? strchr(from, letter) : NULL;
    if (found)
        return to[found - from];
    if (letter == '"' || letter == '\\' || letter == '/')
        return letter;
    if (letter != 'u' || strspn(parser->next, "0123456789abcdefABCDEF") < 4)
        return -1;
    char digits[5] = {0};
    memcpy(digits, parser->next, 4);
    parser->next += 4;
    long code = strtol(digits, NULL, 16);
    return code > 0 && code < 0x80 ? (int)code : '?';
}

static char *
parse_text(struct parser *parser)
{
    const char *end = ++parser->next;
    while (*end && *end != '"')
        end += *end == '\\' && end[1] ? 2 : 1;
    char *text = tpcc_alloc((size_t)(end - parser->next) + 1, 1);
    size_t length = 0;
    while (*parser->next != '"') {
        int byte = (unsigned char)*parser->next;
        if (byte)
            parser->next++;
        if (byte == '\\')
            byte = parse_escape(parser);
        if (byte <= 0) {
            fail_parse(parser, "a text does not end or has a bad escape");
            free(text);
            return NULL;
        }
        text[length++] = (char)byte;
    }
    parser->next++;
    return text;
}

static struct tpcc_json *
parse_members(struct parser *parser, bool object)
{
    struct tpcc_json *json = object ? tpcc_json_object() : tpcc_json_array();
    char close = object ? '}' : ']';
    parser->next++;
    if (peek_token(parser) == close) {
        parser->next++;
        return json;
    }
    for (;;) {
        char *key = NULL;
        if (object) {
            key = peek_token(parser) == '"' ? parse_text(parser) : NULL;
            if (!key || peek_token(parser) != ':') {
                free(key);
                fail_parse(parser, "a key and a colon are expected");
                break;
            }
            parser->next++;
        }
        struct tpcc_json *value = parse_value(parser);
        if (value && object)
            tpcc_json_put(json, key, value);
        else if (value)
            tpcc_json_add(json, value);
        free(key);
        if (!value)
            break;
        char token = peek_token(parser);
        if (token != ',' && token != close) {
            fail_parse(parser, "a comma or a closing bracket is expected");
            break;
        }
        parser->next++;
        if (token == close)
            return json;
    }
    tpcc_json_free(json);
    return NULL;
}

static struct tpcc_json *
parse_scalar(struct parser *parser)
{
    struct tpcc_json *json = tpcc_json_number(0);
    if (*parser->next == '"') {
        json->kind = TPCC_JSON_TEXT;
        json->text = parse_text(parser);
        if (json->text)
            return json;
    } else if (accept_word(parser, "null")) {
        json->kind = TPCC_JSON_NULL;
        return json;
    } else if (accept_word(parser, "true") || accept_word(parser, "false")) {
        json->kind = TPCC_JSON_BOOL;
        json->number = parser->next[-2] == 'u';
        return json;
    } else if (strchr("-0123456789", *parser->next) && *parser->next) {
        char *end;
        json->number = strtod(parser->next, &end);
        if (end != parser->next) {
            parser->next = end;
            return json;
        }
    }
    tpcc_json_free(json);
    return fail_parse(parser, "a value is expected");
}

static struct tpcc_json *
parse_value(struct parser *parser)
{
    char token = peek_token(parser);
    if (token != '{' && token != '[')
        return parse_scalar(parser);
    if (++parser->depth > DEPTH_MAX)
        return fail_parse(parser, "too deeply nested");
    struct tpcc_json *json = parse_members(parser, token == '{');
    parser->depth--;
    return json;
}

struct tpcc_json *
tpcc_json_parse(const char *text, const char **error)
{
    struct parser parser = {.next = text};
    struct tpcc_json *json = parse_value(&parser);
    if (json && peek_token(&parser)) {
        tpcc_json_free(json);
        json = fail_parse(&parser, "something follows the value");
    }
    *error = parser.error;
    return json;
}

struct tpcc_json *
tpcc_json_load(const char *path)
{
    FILE *stream = fopen(path, "re");
    if (!stream) {
        tpcc_complain("cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = tpcc_alloc(1, 1);
    size_t length = 0;
    for (size_t got = 1; got;) {
        text = tpcc_grow(text, length + 65537, 1);
        got = fread(text + length, 1, 65536, stream);
        length += got;
    }
    text[length] = '\0';
    bool failed = ferror(stream) != 0;
    fclose(stream);
    const char *error = "it cannot be read";
    struct tpcc_json *json = failed ? NULL : tpcc_json_parse(text, &error);
    free(text);
    if (!json)
        tpcc_complain("%s is not a result of dbio-tpcc: %s", path, error);
    return json;
}
