/*
 * tpcc_report.c - results as text for people.
 *
 * Job: live lines, the report of a run, the table of a comparison, all from JSON. Leaves pages to
 * tpcc_html.c and the numbers to tpcc_result.c and tpcc_compare.c. Called by one thread. No lock.
 * Must always hold: a saved result shows what the original showed, and whatever a file holds is
 * shown without trusting it.
 */
#include <string.h>

#include "tpcc_html.h"
#include "tpcc_report.h"
#include "tpcc_result.h"
#include "tpcc_util.h"

static double
latency_of(const struct tpcc_json *result, const char *transaction, const char *key)
{
    const struct tpcc_json *all = tpcc_json_get(result, "transactions");
    return tpcc_json_get_number(tpcc_json_get(all, transaction), key);
}

/* "12.3" or "-" for what is not known. */
static void
print_optional(const struct tpcc_json *object, const char *key, int width, FILE *stream)
{
    if (tpcc_json_get(object, key))
        fprintf(stream, " %*.1f", width, tpcc_json_get_number(object, key));
    else
        fprintf(stream, " %*s", width, "-");
}

void
tpcc_report_live_header(FILE *stream)
{
    fputs("   time  thr      tps     tpmC   New-Order ms p50    p95    p99  p95: Paym Status  "
          "Deliv  Stock   err retry  direct buffered MB/s\n",
          stream);
}

void
tpcc_report_live(const struct tpcc_json *point, FILE *stream)
{
    fprintf(stream, "%5.0f s %4.0f %8.1f %8.0f           %6.2f %6.2f %6.2f     ",
            tpcc_json_get_number(point, "time"), tpcc_json_get_number(point, "threads"),
            tpcc_json_get_number(point, "tps"), tpcc_json_get_number(point, "tpmC"),
            latency_of(point, "new_order", "p50_ms"), latency_of(point, "new_order", "p95_ms"),
            latency_of(point, "new_order", "p99_ms"));
    for (int kind = TPCC_TX_PAYMENT; kind < TPCC_TRANSACTIONS; kind++)
        fprintf(stream, " %6.2f", latency_of(point, tpcc_transaction_key(kind), "p95_ms"));
    fprintf(stream, " %5.0f %5.0f", tpcc_json_get_number(point, "errors"),
            tpcc_json_get_number(point, "retries"));
    print_optional(point, "direct_mb_s", 7, stream);
    print_optional(point, "buffered_mb_s", 8, stream);
    fprintf(stream, "%s\n", tpcc_json_get_bool(point, "measured") ? "" : "   warm-up");
    fflush(stream);
}

void
tpcc_report_check(const struct tpcc_json *check, FILE *stream)
{
    bool good = tpcc_json_get_bool(check, "ok");
    fprintf(stream, "%-12s  %-66s  %-6s %6.2f s\n", tpcc_json_get_text(check, "name"),
            tpcc_json_get_text(check, "title"), good ? "ok" : "FAILED",
            tpcc_json_get_number(check, "seconds"));
    if (!good)
        fprintf(stream, "              %s\n", tpcc_json_get_text(check, "finding"));
    fflush(stream);
}

static void
print_settings(const struct tpcc_json *result, FILE *stream)
{
    const struct tpcc_json *settings = tpcc_json_get(result, "settings");
    const struct tpcc_json *machine = tpcc_json_get(result, "environment");
    double limit = tpcc_json_get_number(settings, "memory_limit_mb");
    fprintf(
        stream, "  engine       %s %s, journal %s, synchronous %s, cache %.0f MB, pages of %s\n",
        tpcc_json_get_text(settings, "engine"), tpcc_json_get_text(settings, "engine_version"),
        tpcc_json_get_text(settings, "journal_mode"), tpcc_json_get_text(settings, "synchronous"),
        tpcc_json_get_number(settings, "cache_mb"), tpcc_json_get_text(settings, "page_size"));
    fprintf(stream, "  load         %.0f warehouse%s%s, %.0f terminals, %s, mix by %s, seed %s\n",
            tpcc_json_get_number(settings, "warehouses"),
            tpcc_json_get_number(settings, "warehouses") == 1 ? "" : "s",
            tpcc_json_get_bool(settings, "tiny") ? " (tiny: comparable with nothing)" : "",
            tpcc_json_get_number(settings, "threads"),
            tpcc_json_get_bool(settings, "wait") ? "keying and think times" : "no waits",
            tpcc_json_get_text(settings, "mix"), tpcc_json_get_text(settings, "seed"));
    fprintf(stream, "  environment  %s, %.0f processors, %.0f MB, %s on %s (%s), dbio %s\n",
            tpcc_json_get_text(machine, "kernel"), tpcc_json_get_number(machine, "processors"),
            tpcc_json_get_number(machine, "memory_mb"), tpcc_json_get_text(machine, "file_system"),
            tpcc_json_get_text(machine, "device"), tpcc_json_get_text(machine, "mount_options"),
            tpcc_json_get_text(machine, "dbio_version"));
    if (limit > 0)
        fprintf(stream, "  memory       limited to %.0f MB\n", limit);
}

static void
print_latencies(const struct tpcc_json *result, FILE *stream)
{
    static const char *const keys[] = {"mean_ms", "p50_ms",  "p90_ms", "p95_ms",
                                       "p99_ms",  "p999_ms", "max_ms"};
    fputs("  transaction       count       %     mean      p50      p90      p95      p99    p99.9"
          "      max ms\n",
          stream);
    for (int kind = 0; kind < TPCC_TRANSACTIONS; kind++) {
        const char *name = tpcc_transaction_key(kind);
        fprintf(stream, "  %-13s %9.0f  %6.2f", tpcc_transaction_title(kind),
                latency_of(result, name, "count"), latency_of(result, name, "percent"));
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            fprintf(stream, " %8.3f", latency_of(result, name, keys[i]));
        fputc('\n', stream);
    }
}

static void
print_efficiency(const struct tpcc_json *result, FILE *stream)
{
    double efficiency = tpcc_json_get_number(result, "efficiency_percent");
    fprintf(stream, "  efficiency   ");
    if (efficiency > 100)
        fprintf(stream, "%.0f times", efficiency / 100);
    else
        fprintf(stream, "%.1f %% of", efficiency);
    fprintf(stream, " the 12.86 tpmC that a warehouse's terminals can ask for%s\n",
            efficiency > 100 ? ": there is no think time" : "");
}

static void
print_mistakes(const struct tpcc_json *result, FILE *stream)
{
    double orders = latency_of(result, "new_order", "count");
    double rolled_back = tpcc_json_get_number(result, "rolled_back");
    fprintf(stream, "  rolled back  %.0f New-Orders with an unused item (%.2f %%)\n", rolled_back,
            orders > 0 ? 100 * rolled_back / orders : 0);
    fprintf(stream, "  skipped      %.0f deliveries found a district without new orders\n",
            tpcc_json_get_number(result, "skipped_deliveries"));
    fprintf(stream, "  retries      %.0f, errors %.0f, stale reads %.0f\n",
            tpcc_json_get_number(result, "retries"), tpcc_json_get_number(result, "errors"),
            tpcc_json_get_number(result, "stale_reads"));
}

static void
print_run(const struct tpcc_json *result, FILE *stream)
{
    const struct tpcc_json *settings = tpcc_json_get(result, "settings");
    fprintf(stream, "\n%s: %.0f tpmC, %.0f transactions per minute in %.1f s%s\n",
            tpcc_json_get_text(settings, "io"), tpcc_json_get_number(result, "tpmC"),
            tpcc_json_get_number(result, "tpm_total"),
            tpcc_json_get_number(result, "measured_seconds"),
            tpcc_json_get_bool(result, "interrupted") ? ", interrupted" : "");
    fprintf(stream, "  (%s)\n", tpcc_json_get_text(result, "note"));
    print_latencies(result, stream);
    print_efficiency(result, stream);
    print_mistakes(result, stream);
    fprintf(stream, "  CPU          %.0f us per transaction\n",
            tpcc_json_get_number(result, "cpu_us_per_transaction"));
    if (tpcc_json_get(result, "direct_mb_s"))
        fprintf(stream, "  through dbio %.1f MB/s direct, %.1f MB/s buffered\n  decided      %s\n",
                tpcc_json_get_number(result, "direct_mb_s"),
                tpcc_json_get_number(result, "buffered_mb_s"),
                tpcc_json_get_text(settings, "dbio_why"));
    print_settings(result, stream);
    if (tpcc_json_get(result, "verdict"))
        fprintf(stream, "%s\n", tpcc_json_get_text(result, "verdict"));
}

static void
print_bars(const struct tpcc_json *contenders, FILE *stream)
{
    double most = 1;
    for (size_t i = 0; i < tpcc_json_count(contenders); i++)
        if (tpcc_json_get_number(contenders->items[i], "tpmC") > most)
            most = tpcc_json_get_number(contenders->items[i], "tpmC");
    fputc('\n', stream);
    for (size_t i = 0; i < tpcc_json_count(contenders); i++) {
        double tpmc = tpcc_json_get_number(contenders->items[i], "tpmC");
        fprintf(stream, "  %-10s ", tpcc_json_get_text(contenders->items[i], "io"));
        for (int x = 0; x < (int)(60 * tpmc / most + 0.5); x++)
            fputc('#', stream);
        fprintf(stream, " %.0f tpmC\n", tpmc);
    }
    fputc('\n', stream);
}

static void
print_contender(const struct tpcc_json *contender, FILE *stream)
{
    double failed = tpcc_json_get_number(contender, "checks_failed");
    char checks[32];
    snprintf(checks, sizeof(checks), "%.0f FAILED", failed);
    if (failed == 0)
        snprintf(checks, sizeof(checks), "%s",
                 tpcc_json_get_bool(contender, "checked") ? "ok" : "-");
    fprintf(stream, "  %-10s %8.0f %9.2f  %8.2f %7.2f %7.2f %8.2f %8.0f",
            tpcc_json_get_text(contender, "io"), tpcc_json_get_number(contender, "tpmC"),
            tpcc_json_get_number(contender, "ratio"), latency_of(contender, "new_order", "p50_ms"),
            latency_of(contender, "new_order", "p95_ms"),
            latency_of(contender, "new_order", "p99_ms"),
            latency_of(contender, "payment", "p95_ms"),
            tpcc_json_get_number(contender, "cpu_us_per_transaction"));
    print_optional(contender, "direct_mb_s", 7, stream);
    print_optional(contender, "buffered_mb_s", 8, stream);
    fprintf(stream, " %7.0f  %s\n",
            tpcc_json_get_number(contender, "errors") +
                tpcc_json_get_number(contender, "stale_reads"),
            checks);
}

static void
print_contenders(const struct tpcc_json *result, FILE *stream)
{
    const struct tpcc_json *contenders = tpcc_json_get(result, "contenders");
    print_settings(result, stream);
    print_bars(contenders, stream);
    fprintf(stream,
            "                        of   New-Order              Payment  CPU us/   direct"
            " buffered\n"
            "  I/O            tpmC %9s   p50 ms     p95     p99   p95 ms    trans.    MB/s"
            "     MB/s  errors  checks\n",
            tpcc_json_get_text(result, "base"));
    for (size_t i = 0; i < tpcc_json_count(contenders); i++)
        print_contender(contenders->items[i], stream);
    fputc('\n', stream);
}

static void
print_compare(const struct tpcc_json *result, FILE *stream)
{
    const struct tpcc_json *settings = tpcc_json_get(result, "settings");
    if (settings) {
        double rounds = tpcc_json_get_number(result, "rounds");
        fprintf(stream, "\nComparison, %.0f round%s of %.0f s (%s)\n", rounds,
                rounds == 1 ? "" : "s", tpcc_json_get_number(settings, "duration_seconds"),
                tpcc_json_get_text(result, "note"));
        print_contenders(result, stream);
    } else {
        fputs("\nno run was completed\n", stream);
    }
    fprintf(stream, "%s%s\n", tpcc_json_get_bool(result, "interrupted") ? "interrupted; " : "",
            tpcc_json_get_text(result, "verdict"));
}

static void
print_checks(const struct tpcc_json *result, FILE *stream)
{
    const struct tpcc_json *checks = tpcc_json_get(result, "checks");
    for (size_t i = 0; i < tpcc_json_count(checks); i++)
        tpcc_report_check(checks->items[i], stream);
    fprintf(stream, "%s\n", tpcc_json_get_text(result, "verdict"));
}

static int
save_html(const struct tpcc_json *result, const char *path)
{
    FILE *stream = fopen(path, "we");
    bool failed = !stream;
    if (stream) {
        tpcc_html_write(result, stream);
        failed = ferror(stream) != 0;
        if (fclose(stream))
            failed = true;
    }
    if (failed)
        tpcc_complain("cannot write %s", path);
    else
        fprintf(tpcc_out(), "charts are in %s\n", path);
    return failed ? -1 : 0;
}

static void
print_result(const struct tpcc_json *result, FILE *stream)
{
    const char *kind = tpcc_json_get_text(result, "kind");
    if (strcmp(kind, "run") == 0)
        print_run(result, stream);
    else if (strcmp(kind, "compare") == 0)
        print_compare(result, stream);
    else
        print_checks(result, stream);
    fflush(stream);
}

int
tpcc_report_all(const struct tpcc_json *result, const struct tpcc_options *options)
{
    int failed = 0;
    print_result(result, tpcc_out());
    if (options->html)
        failed |= save_html(result, options->html);
    if (options->json)
        failed |= tpcc_json_save(result, options->json);
    return failed;
}

int
tpcc_report(const struct tpcc_options *options)
{
    struct tpcc_json *result = tpcc_json_load(options->input);
    if (!result)
        return TPCC_EXIT_FAILED;
    const char *kind = tpcc_json_get_text(result, "kind");
    int failed = -1;
    if (strcmp(tpcc_json_get_text(result, "program"), "dbio-tpcc") != 0 ||
        (strcmp(kind, "run") && strcmp(kind, "compare") && strcmp(kind, "check")))
        tpcc_complain("%s is not the result of a run, a comparison or a check", options->input);
    else
        failed = tpcc_report_all(result, options);
    tpcc_json_free(result);
    return failed ? TPCC_EXIT_FAILED : TPCC_EXIT_OK;
}
