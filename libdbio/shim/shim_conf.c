/*
 * shim_conf.c - how the shim is told what to do.
 *
 * Job:       parse the environment and the policy file.
 * Not its:   obeying.
 * Callers:   shim_main.c.
 * Lock:      none: read once, before anything else runs.
 * Invariant: what is wrong is said, with its place, and the rest is kept.
 */
#include "shim/shim_conf.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbio.h"
#include "shim/shim_errno.h"
#include "shim/shim_real.h"

#define POLICY_BYTES 65536
#define RULES_MAX    256
#define PATH_BYTES   4200
#define MODE_OFF     UINT32_MAX

/* Rules point into the text of the file. */
static char policy_text[POLICY_BYTES];
static struct policy_rule {
    const char *pattern;
    struct shim_rule rule;
} policy_rules[RULES_MAX];
static size_t policy_count;

struct word {
    const char *name;
    uint32_t value;
};

static const struct word modes[] = {
    {"auto", DBIO_MODE_AUTO}, {"direct", DBIO_MODE_DIRECT},       {"buffered", DBIO_MODE_BUFFERED},
    {"off", MODE_OFF},        {"dontcache", DBIO_MODE_DONTCACHE}, {NULL, 0}};
static const struct word roles[] = {{"data", DBIO_ROLE_DATA},
                                    {"log", DBIO_ROLE_LOG},
                                    {"temp", DBIO_ROLE_TEMP},
                                    {"scan", DBIO_ROLE_SCAN},
                                    {NULL, 0}};
static const struct word flags[] = {{"inherit", 0}, {"strip", 1}, {NULL, 0}};

static void __attribute__((format(printf, 1, 2))) complain(const char *format, ...)
{
    char line[512];
    va_list values;
    size_t used = (size_t)snprintf(line, sizeof(line), "dbio: ");
    int added;

    va_start(values, format);
    added = vsnprintf(line + used, sizeof(line) - used - 1, format, values);
    va_end(values);
    used += added < 0 ? 0 : (size_t)added;
    if (used > sizeof(line) - 2)
        used = sizeof(line) - 2;
    line[used++] = '\n';
    if (SHIM_NEXT(write)(STDERR_FILENO, line, used) < 0)
        return; /* nobody listens */
}

static bool
find_word(const struct word *words, const char *text, size_t length, uint32_t *value)
{
    for (; words->name != NULL; words++)
        if (strlen(words->name) == length && memcmp(words->name, text, length) == 0) {
            *value = words->value;
            return true;
        }
    return false;
}

static bool
take_mode(struct shim_rule *rule, const char *value, size_t length)
{
    uint32_t mode;

    if (!find_word(modes, value, length, &mode))
        return false;
    rule->managed = mode != MODE_OFF;
    rule->mode = rule->managed ? mode : DBIO_MODE_AUTO;
    return true;
}

static bool
take_rule(struct shim_rule *rule, const char *key, size_t key_length, const char *value,
          size_t length, bool *known)
{
    *known = true;
    if (key_length == 4 && memcmp(key, "mode", 4) == 0)
        return take_mode(rule, value, length);
    if (key_length == 4 && memcmp(key, "role", 4) == 0)
        return find_word(roles, value, length, &rule->role);
    *known = false;
    return false;
}

static bool
take_number(const char *value, size_t length, uint64_t *number)
{
    uint64_t result = 0;
    size_t i;

    for (i = 0; i < length; i++) {
        if (value[i] < '0' || value[i] > '9' || result > UINT64_MAX / 16)
            return false;
        result = result * 10 + (uint64_t)(value[i] - '0');
    }
    *number = result;
    return length > 0 && result > 0;
}

/* Takes one pair of a list. */
typedef bool (*take_pair)(void *target, const char *key, size_t key_length, const char *value,
                          size_t length, bool *known);

static void
parse_pairs(const char *text, const char *what, size_t column, take_pair take, void *target)
{
    const char *at = text;

    while (*at != '\0') {
        size_t length = strcspn(at, ",");
        const char *colon = memchr(at, ':', length);
        size_t key = colon != NULL ? (size_t)(colon - at) : length;
        bool known = true;

        if (length > 0 &&
            (colon == NULL || !take(target, at, key, colon + 1, length - key - 1, &known)))
            complain("%s: position %zu: %s '%.*s': left out", what,
                     column + (size_t)(at - text) + 1,
                     colon == NULL ? "not key:value:"
                     : known       ? "no such value:"
                                   : "unknown key:",
                     (int)(length < 80 ? length : 80), at);
        at += length + (at[length] == ',' ? 1 : 0);
    }
}

static bool
take_policy_pair(void *target, const char *key, size_t key_length, const char *value, size_t length,
                 bool *known)
{
    return take_rule(target, key, key_length, value, length, known);
}

/* One line of the policy file, which is cut up in place. */
static void
parse_rule(char *line, const char *path, size_t number, const struct shim_rule *usual)
{
    char where[PATH_BYTES + 32], *pairs, *rest;

    line[strcspn(line, "#\r")] = '\0';
    line += strspn(line, " \t");
    if (*line == '\0')
        return;
    if (policy_count == RULES_MAX) {
        complain("%s: line %zu: more than %d rules: left out", path, number, RULES_MAX);
        return;
    }
    pairs = line + strcspn(line, " \t");
    if (*pairs != '\0')
        *pairs++ = '\0';
    pairs += strspn(pairs, " \t");
    rest = pairs + strcspn(pairs, " \t");
    if (*rest != '\0')
        *rest++ = '\0';
    rest += strspn(rest, " \t");
    (void)snprintf(where, sizeof(where), "%s: line %zu", path, number);
    if (*rest != '\0')
        complain("%s: position %zu: settings are separated by commas: '%.80s': left out", where,
                 (size_t)(rest - line) + 1, rest);
    if (*pairs == '\0') {
        complain("%s: a pattern without key:value: '%.80s': left out", where, line);
        return;
    }
    policy_rules[policy_count].pattern = line;
    policy_rules[policy_count].rule = *usual;
    parse_pairs(pairs, where, (size_t)(pairs - line), take_policy_pair,
                &policy_rules[policy_count].rule);
    policy_count++;
}

static void
read_policy(const char *path, const struct shim_rule *usual)
{
    int fd = SHIM_NEXT(open)(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0); /* a FIFO would wait */
    size_t held = 0, number = 1;
    char *line = policy_text, *end;
    ssize_t count = 0;
    struct stat status;

    if (fd < 0) {
        complain("policy %s: %s: no rules by path", path, strerror(shim_keep_errno()));
        return;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        complain("policy %s: not a file: no rules by path", path);
        (void)SHIM_NEXT(close)(fd);
        return;
    }
    while (held < sizeof(policy_text) - 1 &&
           (count = SHIM_NEXT(read)(fd, policy_text + held, sizeof(policy_text) - 1 - held)) > 0)
        held += (size_t)count;
    (void)SHIM_NEXT(close)(fd);
    if (held == sizeof(policy_text) - 1)
        complain("policy %s: longer than %d bytes: the rest is left out", path, POLICY_BYTES - 1);
    policy_text[held] = '\0';
    for (; line != NULL && *line != '\0'; line = end, number++) {
        end = strchr(line, '\n');
        if (end != NULL)
            *end++ = '\0';
        parse_rule(line, path, number, usual);
    }
}

static bool
take_conf_pair(void *target, const char *key, size_t key_length, const char *value, size_t length,
               bool *known)
{
    struct shim_conf *conf = target;
    uint32_t flag;

    if (take_rule(&conf->usual, key, key_length, value, length, known))
        return true;
    if (*known)
        return false;
    *known = true;
    if (key_length == 5 && memcmp(key, "large", 5) == 0)
        return take_number(value, length, &conf->large_bytes);
    if (key_length == 6 && memcmp(key, "policy", 6) == 0)
        return length > 0; /* read when everything else is known */
    if (key_length == 4 && memcmp(key, "exec", 4) == 0) {
        if (!find_word(flags, value, length, &flag))
            return false;
        conf->strip = flag != 0;
        return true;
    }
    *known = false;
    return false;
}

static bool
is_named(const char *names, const char *name)
{
    size_t length = strlen(name);

    while (*names != '\0') {
        size_t this = strcspn(names, ",");

        if (this == length && memcmp(names, name, length) == 0)
            return true;
        names += this + (names[this] == ',' ? 1 : 0);
    }
    return false;
}

/* The last value of `policy:` in the list; false if there is none. */
static bool
find_policy(const char *text, char *path, size_t size)
{
    bool found = false;

    while (*text != '\0') {
        size_t length = strcspn(text, ","), value = length - sizeof("policy:") + 1;

        if (strncmp(text, "policy:", sizeof("policy:") - 1) == 0 && value > 0 && value < size) {
            memcpy(path, text + sizeof("policy:") - 1, value);
            path[value] = '\0';
            found = true;
        }
        text += length + (text[length] == ',' ? 1 : 0);
    }
    return found;
}

/* The value of a variable, in place; NULL if it is not there. */
static char *
find_variable(char **environment, const char *name)
{
    size_t length = strlen(name);

    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

void
shim_conf_strip(char **environment)
{
    char *text = find_variable(environment, "LD_PRELOAD"), *kept = text;

    if (text == NULL)
        return;
    while (*text != '\0') {
        size_t length = strcspn(text, ": ");

        if (memmem(text, length, "libdbio-shim.so", 15) == NULL) {
            memmove(kept, text, length);
            kept += length;
            *kept++ = ':';
        }
        text += length + (text[length] != '\0' ? 1 : 0);
    }
    /* What was taken out is longer than the colon at the end; if nothing was, that is the end. */
    if (kept > find_variable(environment, "LD_PRELOAD"))
        kept--;
    *kept = '\0';
}

void
shim_conf_read(struct shim_conf *conf, char **arguments, char **environment)
{
    const char *text = find_variable(environment, "DBIO_CONF");
    const char *names = find_variable(environment, "DBIO_PROGRAMS");
    const char *program = arguments[0] != NULL ? arguments[0] : "";
    const char *slash = strrchr(program, '/');
    static char path[PATH_BYTES];

    *conf = (struct shim_conf){.usual = {.managed = true, .mode = DBIO_MODE_AUTO}};
    conf->inert = names != NULL && !is_named(names, slash != NULL ? slash + 1 : program);
    if (text == NULL || conf->inert)
        return;
    parse_pairs(text, "DBIO_CONF", 0, take_conf_pair, conf);
    if (find_policy(text, path, sizeof(path)))
        read_policy(path, &conf->usual);
    conf->has_policy = policy_count > 0;
    conf->inert = !conf->usual.managed && !conf->has_policy;
}

struct shim_rule
shim_conf_rule(const struct shim_conf *conf, int fd)
{
    char link[40], path[PATH_BYTES];
    ssize_t length;
    size_t i;

    if (!conf->has_policy)
        return conf->usual;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof(path) - 1);
    if (length <= 0)
        return conf->usual;
    path[length] = '\0';
    for (i = 0; i < policy_count; i++)
        if (fnmatch(policy_rules[i].pattern, path, 0) == 0)
            return policy_rules[i].rule;
    return conf->usual;
}
