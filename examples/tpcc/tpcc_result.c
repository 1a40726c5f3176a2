/*
 * tpcc_result.c - measurements as JSON.
 *
 * Job: rates, shares and percentiles from tallies. Leaves showing them to tpcc_report.c and
 * tpcc_html.c. Called by tpcc_run.c, by one thread. No lock. Must always hold: latencies are
 * milliseconds, rates are per second or per minute as their names say, and a New-Order that rolled
 * back is a transaction but no order in tpmC.
 */
#include "tpcc_result.h"

static const struct {
    const char *key;
    double share;
} quantiles[] = {
    {"p50_ms", 0.50}, {"p90_ms", 0.90}, {"p95_ms", 0.95}, {"p99_ms", 0.99}, {"p999_ms", 0.999},
};
#define QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

static uint64_t
count_all(const struct tpcc_tally *tally)
{
    uint64_t count = 0;
    for (int kind = 0; kind < TPCC_TRANSACTIONS; kind++)
        count += tally->latency[kind].count;
    return count;
}

static double
per_minute(const struct tpcc_tally *tally, double seconds)
{
    uint64_t orders = tally->latency[TPCC_TX_NEW_ORDER].count - tally->rolled_back;
    return seconds > 0 ? (double)orders * 60 / seconds : 0;
}

static struct tpcc_json *
describe_latency(const struct tpcc_histogram *histogram, uint64_t all)
{
    struct tpcc_json *object = tpcc_json_object();
    tpcc_json_put_number(object, "count", (double)histogram->count);
    tpcc_json_put_number(object, "percent", all ? 100 * (double)histogram->count / (double)all : 0);
    tpcc_json_put_number(object, "mean_ms", tpcc_histogram_mean(histogram) / 1e6);
    for (size_t i = 0; i < QUANTILES; i++)
        tpcc_json_put_number(object, quantiles[i].key,
                             (double)tpcc_histogram_quantile(histogram, quantiles[i].share) / 1e6);
    tpcc_json_put_number(object, "max_ms", (double)histogram->max_ns / 1e6);
    return object;
}

static struct tpcc_json *
describe_all_latencies(const struct tpcc_tally *tally)
{
    struct tpcc_json *object = tpcc_json_object();
    uint64_t all = count_all(tally);
    for (int kind = 0; kind < TPCC_TRANSACTIONS; kind++)
        tpcc_json_put(object, tpcc_transaction_key(kind),
                      describe_latency(&tally->latency[kind], all));
    return object;
}

static void
put_mistakes(struct tpcc_json *object, const struct tpcc_tally *tally)
{
    tpcc_json_put_number(object, "rolled_back", (double)tally->rolled_back);
    tpcc_json_put_number(object, "skipped_deliveries", (double)tally->skipped_deliveries);
    tpcc_json_put_number(object, "retries", (double)tally->retries);
    tpcc_json_put_number(object, "errors", (double)tally->errors);
    tpcc_json_put_number(object, "stale_reads", (double)tally->stale_reads);
}

struct tpcc_json *
tpcc_result_interval(const struct tpcc_interval *interval)
{
    struct tpcc_json *object = tpcc_json_object();
    double seconds = interval->seconds > 0 ? interval->seconds : 1e-9;
    tpcc_json_put_number(object, "time", interval->end_seconds);
    tpcc_json_put_bool(object, "measured", interval->warm);
    tpcc_json_put_number(object, "threads", interval->threads);
    tpcc_json_put_number(object, "tps", (double)count_all(interval->tally) / seconds);
    tpcc_json_put_number(object, "tpmC", per_minute(interval->tally, seconds));
    tpcc_json_put(object, "transactions", describe_all_latencies(interval->tally));
    put_mistakes(object, interval->tally);
    if (interval->bytes.known) {
        tpcc_json_put_number(object, "direct_mb_s", (double)interval->direct / seconds / 1e6);
        tpcc_json_put_number(object, "buffered_mb_s", (double)interval->buffered / seconds / 1e6);
    }
    return object;
}

struct tpcc_json *
tpcc_result_run(const struct tpcc_measurement *measured, int warehouses)
{
    struct tpcc_json *object = tpcc_json_object();
    const struct tpcc_tally *tally = measured->tally;
    double tpmc = per_minute(tally, measured->seconds);
    uint64_t all = count_all(tally);
    tpcc_json_put_text(object, "program", "dbio-tpcc");
    tpcc_json_put_text(object, "kind", "run");
    tpcc_json_put_text(object, "note", "TPC-C-like, not a TPC result");
    tpcc_json_put_bool(object, "interrupted", measured->interrupted);
    tpcc_json_put_number(object, "measured_seconds", measured->seconds);
    tpcc_json_put_number(object, "tpmC", tpmc);
    tpcc_json_put_number(object, "tpm_total",
                         measured->seconds > 0 ? (double)all * 60 / measured->seconds : 0);
    tpcc_json_put_number(object, "efficiency_percent",
                         100 * tpmc / (TPCC_CEILING_PER_WAREHOUSE * warehouses));
    tpcc_json_put_number(object, "cpu_us_per_transaction",
                         all ? measured->cpu_seconds * 1e6 / (double)all : 0);
    tpcc_json_put(object, "transactions", describe_all_latencies(tally));
    put_mistakes(object, tally);
    if (measured->bytes.known && measured->seconds > 0) {
        tpcc_json_put_number(object, "direct_mb_s",
                             (double)measured->bytes.direct / measured->seconds / 1e6);
        tpcc_json_put_number(object, "buffered_mb_s",
                             (double)measured->bytes.buffered / measured->seconds / 1e6);
    }
    return object;
}
