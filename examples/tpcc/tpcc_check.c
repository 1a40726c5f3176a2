/*
 * tpcc_check.c - the command `check`, which is also the end of every run.
 *
 * Job: run all checks in turn, print them and collect them. Leaves what is checked to
 * tpcc_conditions.c, tpcc_oracle.c, tpcc_ledger_check.c and the engine. Called by main, run and
 * compare, by one thread, while no run is going on. No lock. Must always hold: a check that could
 * not be made counts as failed.
 */
#include <stdlib.h>

#include "tpcc_check.h"
#include "tpcc_conditions.h"
#include "tpcc_oracle.h"
#include "tpcc_report.h"
#include "tpcc_util.h"

struct checking {
    const struct tpcc_options *options;
    const struct tpcc_engine *engine;
    struct tpcc_session *session;
    struct tpcc_json *list;
    uint64_t start_ns; /* of the check at hand */
    int failed;
};

static void
begin_check(struct checking *checking)
{
    checking->start_ns = tpcc_now_ns();
}

static void
end_check(struct checking *checking, const char *name, const char *title, enum tpcc_outcome outcome,
          const char *finding)
{
    if (outcome != TPCC_DONE && !*finding)
        finding = checking->engine->error(checking->session);
    bool good = outcome == TPCC_DONE && !*finding;
    struct tpcc_json *check = tpcc_json_object();
    tpcc_json_put_text(check, "name", name);
    tpcc_json_put_text(check, "title", title);
    tpcc_json_put_bool(check, "ok", good);
    tpcc_json_put_text(check, "finding", finding);
    tpcc_json_put_number(check, "seconds", (double)(tpcc_now_ns() - checking->start_ns) / 1e9);
    tpcc_json_add(checking->list, check);
    checking->failed += !good;
    tpcc_report_check(check, tpcc_out());
    checking->start_ns = tpcc_now_ns();
}

static void
check_conditions(struct checking *checking)
{
    char name[32];
    char finding[TPCC_FINDING_MAX];
    for (int number = 1; number <= TPCC_CONDITIONS; number++) {
        begin_check(checking);
        enum tpcc_outcome outcome = checking->engine->condition(checking->session, number, finding);
        snprintf(name, sizeof(name), "condition %d", number);
        end_check(checking, name, tpcc_conditions[number - 1].title, outcome, finding);
    }
}

static void
check_ledger(struct checking *checking, const struct tpcc_ledger_counts *counts)
{
    char title[96];
    char finding[TPCC_FINDING_MAX];
    int64_t entries;
    enum tpcc_outcome outcome = tpcc_ledger_check(checking->options->directory, checking->engine,
                                                  checking->session, counts, &entries, finding);
    snprintf(title, sizeof(title), "all %lld acknowledged transactions are there, and no others",
             (long long)entries);
    end_check(checking, "ledger", title, outcome, finding);
}

static void
check_oracle(struct checking *checking, const struct tpcc_scale *scale)
{
    struct tpcc_oracle *oracle = tpcc_oracle_make(scale);
    for (int i = 0; i < TPCC_ORACLE_TABLES; i++) {
        const struct tpcc_oracle_table *table = &tpcc_oracle_tables[i];
        begin_check(checking);
        enum tpcc_outcome outcome =
            tpcc_oracle_scan(oracle, checking->engine, checking->session, table->table);
        for (int j = 0; j < table->checks; j++) {
            enum tpcc_oracle_check check = (enum tpcc_oracle_check)((int)table->first + j);
            char name[32];
            snprintf(name, sizeof(name), "oracle %d", (int)check + 1);
            end_check(checking, name, tpcc_oracle_title(check), outcome,
                      tpcc_oracle_finding(oracle, check));
        }
    }
    struct tpcc_ledger_counts counts = tpcc_oracle_counts(oracle);
    check_ledger(checking, &counts);
    tpcc_oracle_free(oracle);
}

static void
check_all(struct checking *checking)
{
    char finding[TPCC_FINDING_MAX];
    struct tpcc_scale scale;
    begin_check(checking);
    enum tpcc_outcome outcome = checking->engine->verify(checking->session, finding);
    end_check(checking, "engine", "the engine's own integrity check", outcome, finding);
    check_conditions(checking);
    outcome = checking->engine->read_scale(checking->session, &scale);
    if (outcome == TPCC_DONE)
        check_oracle(checking, &scale);
    else
        end_check(checking, "oracle", "what was loaded is known", outcome, "");
}

int
tpcc_check_into(const struct tpcc_options *options, enum tpcc_io io, struct tpcc_json *result)
{
    struct checking checking = {.options = options, .engine = options->engine};
    struct tpcc_store_options how = tpcc_options_store(options, io);
    struct tpcc_store *store;
    checking.list = tpcc_json_array();
    /* Conditions join whole tables: with a small cache they would read them many times. */
    how.cache_mb = 256;
    how.journal = TPCC_JOURNAL_KEEP;
    if (options->engine->open(&how, &store) == TPCC_DONE) {
        if (options->engine->connect(store, &checking.session) == TPCC_DONE) {
            check_all(&checking);
            options->engine->disconnect(checking.session);
        }
        options->engine->close(store);
    }
    if (tpcc_json_count(checking.list) == 0)
        checking.failed = 1;
    tpcc_json_put(result, "checks", checking.list);
    tpcc_json_put_number(result, "checks_failed", checking.failed);
    char verdict[64] = "all consistency conditions hold";
    if (checking.failed)
        snprintf(verdict, sizeof(verdict), "%d condition%s FAILED", checking.failed,
                 checking.failed == 1 ? "" : "s");
    tpcc_json_put_text(result, "verdict", verdict);
    fprintf(tpcc_out(), "%s\n", verdict);
    fflush(tpcc_out());
    return checking.failed;
}

int
tpcc_check(const struct tpcc_options *options)
{
    struct tpcc_json *result = tpcc_json_object();
    tpcc_json_put_text(result, "program", "dbio-tpcc");
    tpcc_json_put_text(result, "kind", "check");
    tpcc_json_put_text(result, "directory", options->directory);
    int failed = tpcc_check_into(options, options->io[0], result);
    if (options->json && tpcc_json_save(result, options->json))
        failed++;
    tpcc_json_free(result);
    return failed ? TPCC_EXIT_FAILED : TPCC_EXIT_OK;
}
