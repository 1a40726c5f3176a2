/*
 * tpcc_html.c - a result as one page with charts.
 *
 * Job: HTML with SVG inside, no script, no reference to anything outside. Called by tpcc_report.c.
 * No lock. Must always hold: text from the result is escaped; a page of a run and one of a
 * comparison are made by the same functions, a run being a comparison of one.
 */
#include <string.h>

#include "tpcc_html.h"
#include "tpcc_transaction.h"

#define WIDTH  760
#define LEFT   90
#define HEIGHT 260
#define MOST   16 /* contenders or series that are drawn */

static const char *const colours[] = {"#4878a8", "#d1812c", "#3f9b57", "#b04a5a",
                                      "#7a68a6", "#6b6b6b", "#a8873f", "#2f9aa0"};
#define COLOURS (sizeof(colours) / sizeof(colours[0]))

static void
print_escaped(const char *text, FILE *stream)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", stream);
        else if (*text == '&')
            fputs("&amp;", stream);
        else if (*text == '"')
            fputs("&quot;", stream);
        else
            fputc(*text, stream);
    }
}

static double
latency_of(const struct tpcc_json *result, const char *transaction, const char *key)
{
    const struct tpcc_json *all = tpcc_json_get(result, "transactions");
    return tpcc_json_get_number(tpcc_json_get(all, transaction), key);
}

/* A contender names its way of I/O itself, a run in its settings. */
static const char *
io_of(const struct tpcc_json *contender)
{
    const char *io = tpcc_json_get_text(contender, "io");
    return *io ? io : tpcc_json_get_text(tpcc_json_get(contender, "settings"), "io");
}

/* The next round number above the value: the upper end of a chart. */
static double
round_up(double value)
{
    static const double steps[] = {1, 1.5, 2, 3, 4, 6, 8, 10};
    double power = 1e-6;
    if (!(value < 1e15))
        return 1e15;
    while (power * 10 < value)
        power *= 10;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (steps[i] * power >= value)
            return steps[i] * power;
    return value;
}

static void
print_frame(const char *title, double top, const char *unit, FILE *stream)
{
    fprintf(stream, "<h2>%s</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
            title, WIDTH, HEIGHT + 50, title);
    for (int i = 0; i <= 4; i++) {
        double y = HEIGHT - i * (HEIGHT - 20) / 4.0;
        fprintf(stream,
                "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g%s</text>\n",
                LEFT, WIDTH, y, y, LEFT - 8, y + 4, top * i / 4, unit);
    }
}

static double
height_of(double value, double top)
{
    return top > 0 ? value / top * (HEIGHT - 20) : 0;
}

static void
print_bar(double x, double width, double value, double top, const char *colour, FILE *stream)
{
    double height = height_of(value, top);
    fprintf(stream,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\">"
            "<title>%.6g</title></rect>\n",
            x, HEIGHT - height, width, height, colour, value);
}

/* tpmC: a bar for the median of each contender, a dot for each round. */
static void
print_throughput(const struct tpcc_json *const *contenders, size_t count, FILE *stream)
{
    double top = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tpcc_json *runs = tpcc_json_get(contenders[i], "runs");
        double value = tpcc_json_get_number(contenders[i], "tpmC");
        top = value > top ? value : top;
        for (size_t j = 0; j < tpcc_json_count(runs); j++) {
            value = tpcc_json_get_number(runs->items[j], "tpmC");
            top = value > top ? value : top;
        }
    }
    top = round_up(top);
    print_frame("New-Order transactions per minute (tpmC)", top, "", stream);
    double step = (double)(WIDTH - LEFT) / (double)count;
    for (size_t i = 0; i < count; i++) {
        double x = LEFT + step * ((double)i + 0.2);
        double value = tpcc_json_get_number(contenders[i], "tpmC");
        const struct tpcc_json *runs = tpcc_json_get(contenders[i], "runs");
        print_bar(x, step * 0.6, value, top, colours[i % COLOURS], stream);
        for (size_t j = 0; j < tpcc_json_count(runs); j++)
            fprintf(stream, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" class=\"dot\"/>\n",
                    x + step * 0.3,
                    HEIGHT - height_of(tpcc_json_get_number(runs->items[j], "tpmC"), top));
        fprintf(stream, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x + step * 0.3,
                HEIGHT + 20);
        print_escaped(io_of(contenders[i]), stream);
        fprintf(stream, ": %.0f</text>\n", value);
    }
    fputs("</svg>\n", stream);
}

static void
print_legend(const struct tpcc_json *const *contenders, size_t count, FILE *stream)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(stream,
                "<rect x=\"%zu\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/>"
                "<text x=\"%zu\" y=\"%d\">",
                LEFT + i * 120, HEIGHT + 34, colours[i % COLOURS], LEFT + 18 + i * 120,
                HEIGHT + 45);
        print_escaped(io_of(contenders[i]), stream);
        fputs("</text>\n", stream);
    }
}

/* Groups of bars: one group per percentile or transaction, one bar per contender. */
static void
print_latencies(const struct tpcc_json *const *contenders, size_t count, FILE *stream)
{
    static const char *const groups[][3] = {
        {"new_order", "p50_ms", "New-Order p50"}, {"new_order", "p95_ms", "New-Order p95"},
        {"new_order", "p99_ms", "New-Order p99"}, {"payment", "p95_ms", "Payment p95"},
        {"order_status", "p95_ms", "Status p95"}, {"delivery", "p95_ms", "Delivery p95"},
        {"stock_level", "p95_ms", "Stock p95"},
    };
    const size_t group_count = sizeof(groups) / sizeof(groups[0]);
    double top = 0;
    for (size_t g = 0; g < group_count; g++)
        for (size_t i = 0; i < count; i++) {
            double value = latency_of(contenders[i], groups[g][0], groups[g][1]);
            top = value > top ? value : top;
        }
    top = round_up(top);
    print_frame("Latency", top, " ms", stream);
    double step = (double)(WIDTH - LEFT) / (double)group_count;
    double width = step * 0.8 / (double)count;
    for (size_t g = 0; g < group_count; g++) {
        double x = LEFT + step * ((double)g + 0.1);
        for (size_t i = 0; i < count; i++)
            print_bar(x + width * (double)i, width * 0.9,
                      latency_of(contenders[i], groups[g][0], groups[g][1]), top,
                      colours[i % COLOURS], stream);
        fprintf(stream, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                x + step * 0.4, HEIGHT + 18, groups[g][2]);
    }
    print_legend(contenders, count, stream);
    fputs("</svg>\n", stream);
}

/* The series of a run, or of a contender's first round. */
static const struct tpcc_json *
series_of(const struct tpcc_json *contender)
{
    const struct tpcc_json *runs = tpcc_json_get(contender, "runs");
    return tpcc_json_get(tpcc_json_count(runs) ? runs->items[0] : contender, "series");
}

static void
print_line(const struct tpcc_json *series, double top, double last, const char *colour,
           FILE *stream)
{
    fprintf(stream, "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"%s\" points=\"", colour);
    for (size_t i = 0; i < tpcc_json_count(series); i++)
        fprintf(stream, "%.1f,%.1f ",
                LEFT + tpcc_json_get_number(series->items[i], "time") / last * (WIDTH - LEFT),
                HEIGHT - height_of(tpcc_json_get_number(series->items[i], "tpmC"), top));
    fputs("\"/>\n", stream);
}

static void
print_series(const struct tpcc_json *const *contenders, size_t count, FILE *stream)
{
    double top = 0;
    double last = 1;
    for (size_t i = 0; i < count; i++) {
        const struct tpcc_json *series = series_of(contenders[i]);
        for (size_t j = 0; j < tpcc_json_count(series); j++) {
            double value = tpcc_json_get_number(series->items[j], "tpmC");
            double time = tpcc_json_get_number(series->items[j], "time");
            top = value > top ? value : top;
            last = time > last ? time : last;
        }
    }
    top = round_up(top);
    print_frame("tpmC over time (first round)", top, "", stream);
    for (size_t i = 0; i < count; i++)
        print_line(series_of(contenders[i]), top, last, colours[i % COLOURS], stream);
    fprintf(stream, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.0f s</text>\n", WIDTH,
            HEIGHT + 18, last);
    print_legend(contenders, count, stream);
    fputs("</svg>\n", stream);
}

static void
print_table(const struct tpcc_json *const *contenders, size_t count, FILE *stream)
{
    fputs("<table><tr><th>I/O<th>tpmC<th>ratio<th>New-Order p50 ms<th>p95<th>p99<th>Payment p95"
          "<th>CPU us/transaction<th>errors<th>stale reads<th>failed checks</tr>\n",
          stream);
    for (size_t i = 0; i < count; i++) {
        const struct tpcc_json *it = contenders[i];
        fputs("<tr><td>", stream);
        print_escaped(io_of(it), stream);
        fprintf(stream,
                "<td>%.0f<td>%.2f<td>%.2f<td>%.2f<td>%.2f<td>%.2f<td>%.0f<td>%.0f<td>%.0f<td>%.0f"
                "</tr>\n",
                tpcc_json_get_number(it, "tpmC"),
                tpcc_json_get(it, "ratio") ? tpcc_json_get_number(it, "ratio") : 1,
                latency_of(it, "new_order", "p50_ms"), latency_of(it, "new_order", "p95_ms"),
                latency_of(it, "new_order", "p99_ms"), latency_of(it, "payment", "p95_ms"),
                tpcc_json_get_number(it, "cpu_us_per_transaction"),
                tpcc_json_get_number(it, "errors"), tpcc_json_get_number(it, "stale_reads"),
                tpcc_json_get_number(it, "checks_failed"));
    }
    fputs("</table>\n", stream);
}

static void
print_facts(const char *title, const struct tpcc_json *object, FILE *stream)
{
    fprintf(stream, "<h2>%s</h2>\n<table>", title);
    for (size_t i = 0; i < tpcc_json_count(object) && object->keys; i++) {
        const struct tpcc_json *value = object->items[i];
        fputs("<tr><th>", stream);
        print_escaped(object->keys[i], stream);
        fputs("<td>", stream);
        if (value->kind == TPCC_JSON_TEXT)
            print_escaped(value->text, stream);
        else if (value->kind == TPCC_JSON_BOOL)
            fputs(value->number != 0 ? "yes" : "no", stream);
        else
            fprintf(stream, "%.10g", value->number);
        fputs("</tr>\n", stream);
    }
    fputs("</table>\n", stream);
}

static void
print_checks(const struct tpcc_json *checks, FILE *stream)
{
    if (tpcc_json_count(checks) == 0)
        return;
    fputs("<h2>Checks</h2>\n<table>", stream);
    for (size_t i = 0; i < tpcc_json_count(checks); i++) {
        fputs("<tr><th>", stream);
        print_escaped(tpcc_json_get_text(checks->items[i], "name"), stream);
        fputs("<td>", stream);
        print_escaped(tpcc_json_get_text(checks->items[i], "title"), stream);
        fputs(tpcc_json_get_bool(checks->items[i], "ok") ? "<td>ok<td>" : "<td>FAILED<td>", stream);
        print_escaped(tpcc_json_get_text(checks->items[i], "finding"), stream);
        fputs("</tr>\n", stream);
    }
    fputs("</table>\n", stream);
}

void
tpcc_html_write(const struct tpcc_json *result, FILE *stream)
{
    const struct tpcc_json *contenders[MOST] = {result};
    const struct tpcc_json *list = tpcc_json_get(result, "contenders");
    size_t count = list ? 0 : 1;
    for (size_t i = 0; i < tpcc_json_count(list) && count < MOST; i++)
        contenders[count++] = list->items[i];
    bool measured = strcmp(tpcc_json_get_text(result, "kind"), "check") != 0 && count > 0;
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>dbio-tpcc</title>\n"
          "<style>body{font:15px sans-serif;max-width:800px;margin:2em auto;color:#222}"
          "svg{width:100%}svg text{font:12px sans-serif;fill:#333}.grid{stroke:#ddd}"
          ".dot{fill:#fff;stroke:#222}table{border-collapse:collapse;font-size:13px}"
          "td,th{padding:3px 9px;border-bottom:1px solid #ddd;text-align:left}"
          ".verdict{font-weight:bold}</style>\n<h1>dbio-tpcc</h1>\n<p>",
          stream);
    print_escaped(tpcc_json_get_text(result, "note"), stream);
    fputs("</p>\n<p class=\"verdict\">", stream);
    print_escaped(tpcc_json_get_text(result, "verdict"), stream);
    fputs("</p>\n", stream);
    if (measured) {
        print_table(contenders, count, stream);
        print_throughput(contenders, count, stream);
        print_latencies(contenders, count, stream);
        print_series(contenders, count, stream);
        print_facts("Settings", tpcc_json_get(result, "settings"), stream);
        print_facts("Environment", tpcc_json_get(result, "environment"), stream);
    }
    print_checks(tpcc_json_get(result, "checks"), stream);
    fputs("</html>\n", stream);
}
