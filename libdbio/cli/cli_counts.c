/*
 * cli_counts.c - what processes have counted, in words, JSON and for Prometheus.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

const char *
cli_statistics_path(const struct cli_wishes *wishes)
{
    static char path[4096];

    if (wishes->statistics != NULL)
        return wishes->statistics;
    return dbio_statistics_path(path, sizeof(path)) == 0 ? path : NULL;
}

/* It fails for a wrong size only. */
static void
take_totals(const struct dbio_statistics_view *view, struct dbio_statistics *all)
{
    int error = dbio_statistics_totals(view, all);

    if (error != 0)
        memset(all, 0, sizeof(*all));
}

static void
print_json_counts(const struct dbio_statistics *statistics)
{
    unsigned i;

    fputs("\"counters\": {", stdout);
    for (i = 0; i < DBIO_STAT_COUNT; i++)
        printf("%s\"%s\": %" PRIu64, i == 0 ? "" : ", ", dbio_stats_name(i),
               statistics->counters[i]);
    fputs("}, \"reasons\": {", stdout);
    for (i = 0; i < DBIO_REASON_COUNT; i++)
        printf("%s\"%s\": %" PRIu64, i == 0 ? "" : ", ", dbio_reason_name(i),
               statistics->reasons[i]);
    fputs("}", stdout);
}

static void
print_json_view(const struct dbio_statistics_view *view, int32_t pid)
{
    struct dbio_statistics one = {.size = sizeof(one)}, all = {.size = sizeof(all)};
    const char *separator = "";
    unsigned i;

    take_totals(view, &all);
    printf(", \"alive\": %u, \"off\": %u, ", all.alive, all.off);
    print_json_counts(&all);
    fputs(", \"processes\": [", stdout);
    for (i = 0; dbio_statistics_process(view, i, &one) == 0; i++) {
        if (pid != 0 && one.pid != pid)
            continue;
        printf("%s\n   {\"pid\": %" PRId32 ", \"program\": ", separator, one.pid);
        cli_print_json_string(stdout, one.program);
        printf(", \"alive\": %s, \"off\": %s, ", one.alive ? "true" : "false",
               one.off ? "true" : "false");
        print_json_counts(&one);
        fputs("}", stdout);
        separator = ",";
    }
    fputs("]", stdout);
}

void
cli_print_json_counts(const char *path, int32_t pid)
{
    struct dbio_statistics_view *view;
    int error;

    fputs("{\"path\": ", stdout);
    if (path == NULL) {
        fputs("null}", stdout);
        return;
    }
    cli_print_json_string(stdout, path);
    error = dbio_statistics_open(path, &view);
    if (error != 0) {
        fputs(", \"why\": ", stdout);
        cli_print_json_string(stdout, dbio_error_text(error));
    } else {
        print_json_view(view, pid);
        dbio_statistics_close(view);
    }
    fputs("}", stdout);
}

/* Counters that are not 0, three a line. */
static void
print_some(const char *title, const uint64_t *values, unsigned count,
           const char *(*name)(unsigned index))
{
    unsigned i, shown = 0;

    for (i = 0; i < count; i++) {
        if (values[i] == 0)
            continue;
        if (shown == 0)
            printf("%s\n", title);
        printf("%s%-18s %14" PRIu64, shown % 3 == 0 ? "  " : "   ", name(i), values[i]);
        shown++;
        if (shown % 3 == 0)
            putchar('\n');
    }
    if (shown % 3 != 0)
        putchar('\n');
}

void
cli_print_counts(const char *path, int32_t pid)
{
    struct dbio_statistics one = {.size = sizeof(one)};
    struct dbio_statistics_view *view;
    int error = path != NULL ? dbio_statistics_open(path, &view) : 0;
    unsigned i;

    if (path == NULL || error != 0) {
        printf("\nnothing is counted: %s: %s\n", path != NULL ? cli_text(path) : "DBIO_STATISTICS",
               path != NULL ? dbio_error_text(error) : "off");
        return;
    }
    if (pid == 0) {
        take_totals(view, &one);
        printf("\ncounted by %u processes that live and all that have ended, %u switched off: %s\n",
               one.alive, one.off, cli_text(path));
        print_some("counters", one.counters, DBIO_STAT_COUNT, dbio_stats_name);
        print_some("requests by reason (dbio why has sentences)", one.reasons, DBIO_REASON_COUNT,
                   dbio_reason_name);
    }
    for (i = 0; dbio_statistics_process(view, i, &one) == 0; i++) {
        if (pid == 0 || one.pid != pid)
            continue;
        printf("\ncounted by %" PRId32 " %s%s%s\n", one.pid, cli_text(one.program),
               one.alive ? "" : ", which has ended", one.off ? ", switched off" : "");
        print_some("counters", one.counters, DBIO_STAT_COUNT, dbio_stats_name);
        print_some("requests by reason", one.reasons, DBIO_REASON_COUNT, dbio_reason_name);
    }
    dbio_statistics_close(view);
}

bool
cli_has_counted(const char *path, int32_t pid)
{
    struct dbio_statistics one = {.size = sizeof(one)};
    struct dbio_statistics_view *view;
    bool has = false;
    unsigned i;

    if (path == NULL || dbio_statistics_open(path, &view) != 0)
        return false;
    for (i = 0; !has && dbio_statistics_process(view, i, &one) == 0; i++)
        has = one.pid == pid;
    dbio_statistics_close(view);
    return has;
}

static bool
is_maximum(unsigned stat)
{
    return stat == DBIO_STAT_WAIT_NS_MAX;
}

static bool
is_gauge(unsigned stat)
{
    return stat == DBIO_STAT_PARKED || stat == DBIO_STAT_FILES || stat == DBIO_STAT_CROSS_PROCESS ||
           stat == DBIO_STAT_BUFFER_BYTES;
}

int
cli_print_prometheus(const char *path)
{
    struct dbio_statistics all = {.size = sizeof(all)};
    struct dbio_statistics_view *view;
    int error = path != NULL ? dbio_statistics_open(path, &view) : -ENOENT;
    unsigned i;

    if (error != 0) {
        fprintf(stderr, "dbio stat: %s: %s\n", path != NULL ? path : "DBIO_STATISTICS=off",
                dbio_error_text(error));
        return EXIT_TROUBLE;
    }
    take_totals(view, &all);
    dbio_statistics_close(view);
    printf("# TYPE dbio_processes gauge\ndbio_processes %u\n", all.alive);
    printf("# TYPE dbio_processes_off gauge\ndbio_processes_off %u\n", all.off);
    for (i = 0; i < DBIO_STAT_COUNT; i++) {
        const char *name = dbio_stats_name(i);

        if (is_gauge(i)) /* of a process, not of their sum */
            continue;
        if (is_maximum(i))
            printf("# TYPE dbio_%s gauge\ndbio_%s %" PRIu64 "\n", name, name, all.counters[i]);
        else
            printf("# TYPE dbio_%s_total counter\ndbio_%s_total %" PRIu64 "\n", name, name,
                   all.counters[i]);
    }
    fputs("# TYPE dbio_requests_by_reason_total counter\n", stdout);
    for (i = 0; i < DBIO_REASON_COUNT; i++)
        printf("dbio_requests_by_reason_total{reason=\"%s\"} %" PRIu64 "\n", dbio_reason_name(i),
               all.reasons[i]);
    return fflush(stdout) != 0 ? EXIT_TROUBLE : 0;
}
