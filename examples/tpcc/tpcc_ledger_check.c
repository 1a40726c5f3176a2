/*
 * tpcc_ledger_check.c - is everything that was acknowledged there, and nothing else?
 *
 * Job: read the ledger and look up every entry in the database. Leaves the counting of rows to
 * tpcc_oracle.c. Called by the check. No lock: no run is going on. Must always hold: a missing
 * entry is a lost commit and fails the check. Beyond the ledger there may be at most one
 * transaction per terminal of every run that did not end in order: it committed, but the process
 * died before it could write it down.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tpcc_ledger.h"
#include "tpcc_util.h"

struct audit {
    const struct tpcc_engine *engine;
    struct tpcc_session *session;
    char *finding;
    int64_t orders;
    int64_t payments;
    int64_t deliveries;
    int64_t in_flight; /* transactions that may be there without a line, or torn */
    int64_t torn;
    int threads; /* of the run that began last */
    bool gap;    /* some run kept no ledger: counts cannot be compared */
};

#define FIND(audit, ...) snprintf((audit)->finding, TPCC_FINDING_MAX, __VA_ARGS__)

static enum tpcc_outcome
look_up_order(struct audit *audit, const char *line)
{
    int w, d, o, c;
    uint64_t digest, found_digest = 0;
    struct tpcc_order order;
    if (sscanf(line, "N %d %d %d %d %" SCNx64, &w, &d, &o, &c, &digest) != 5)
        return TPCC_FAILED;
    audit->orders++;
    enum tpcc_outcome outcome =
        audit->engine->find_order(audit->session, w, d, o, &order, &found_digest);
    if (outcome != TPCC_DONE)
        FIND(audit, "order w=%d d=%d o=%d: %s", w, d, o, audit->engine->error(audit->session));
    else if (order.id == 0)
        FIND(audit, "acknowledged order w=%d d=%d o=%d is lost", w, d, o);
    else if (order.c != c || found_digest != digest)
        FIND(audit, "order w=%d d=%d o=%d is not what was acknowledged", w, d, o);
    return TPCC_DONE;
}

static enum tpcc_outcome
look_up_payment(struct audit *audit, const char *line)
{
    int w, d, c_w, c_d, c;
    int64_t amount, id;
    struct tpcc_history history;
    if (sscanf(line, "P %d %d %d %d %d %" SCNd64 " %" SCNd64, &w, &d, &c_w, &c_d, &c, &amount,
               &id) != 7)
        return TPCC_FAILED;
    audit->payments++;
    enum tpcc_outcome outcome = audit->engine->find_history(audit->session, id, &history);
    if (outcome != TPCC_DONE)
        FIND(audit, "payment %" PRId64 ": %s", id, audit->engine->error(audit->session));
    else if (history.id == 0)
        FIND(audit, "acknowledged payment h_id=%" PRId64 " w=%d d=%d is lost", id, w, d);
    else if (history.w != w || history.d != d || history.c_w != c_w || history.c_d != c_d ||
             history.c != c || history.amount != amount)
        FIND(audit, "payment h_id=%" PRId64 " is not what was acknowledged", id);
    return TPCC_DONE;
}

static enum tpcc_outcome
look_up_delivery(struct audit *audit, const char *line)
{
    int w, carrier, o[TPCC_DISTRICTS];
    uint64_t digest;
    struct tpcc_order order;
    if (sscanf(line, "D %d %d %d %d %d %d %d %d %d %d %d %d", &w, &carrier, &o[0], &o[1], &o[2],
               &o[3], &o[4], &o[5], &o[6], &o[7], &o[8], &o[9]) != 12)
        return TPCC_FAILED;
    for (int d = 1; d <= TPCC_DISTRICTS && !audit->finding[0]; d++) {
        if (!o[d - 1])
            continue;
        audit->deliveries++;
        enum tpcc_outcome outcome =
            audit->engine->find_order(audit->session, w, d, o[d - 1], &order, &digest);
        if (outcome != TPCC_DONE)
            FIND(audit, "order w=%d d=%d o=%d: %s", w, d, o[d - 1],
                 audit->engine->error(audit->session));
        else if (order.carrier != carrier)
            FIND(audit, "acknowledged delivery of w=%d d=%d o=%d by carrier %d is lost", w, d,
                 o[d - 1], carrier);
    }
    return TPCC_DONE;
}

/* Cuts the checksum off; false if the line is not whole. */
static bool
accept_line(char *line)
{
    size_t length = strcspn(line, "\n");
    char *mark = strrchr(line, '#');
    if (line[length] != '\n' || !mark || mark == line || mark[-1] != ' ')
        return false;
    mark[-1] = '\0';
    uint64_t sum = tpcc_hash_bytes(0, line, strlen(line));
    return strtoul(mark + 1, NULL, 16) == (uint32_t)sum;
}

static enum tpcc_outcome
audit_line(struct audit *audit, char *line)
{
    if (!accept_line(line))
        return TPCC_FAILED;
    switch (line[0]) {
    case 'S':
        audit->threads = (int)strtol(line + 1, NULL, 10);
        audit->in_flight += audit->threads;
        return TPCC_DONE;
    case 'E':
        audit->in_flight -= audit->threads;
        audit->threads = 0;
        return TPCC_DONE;
    case 'X':
        audit->gap = true;
        return TPCC_DONE;
    case 'N':
        return look_up_order(audit, line);
    case 'P':
        return look_up_payment(audit, line);
    case 'D':
        return look_up_delivery(audit, line);
    }
    return TPCC_FAILED;
}

static void
compare_counts(struct audit *audit, const struct tpcc_ledger_counts *counts)
{
    int64_t orders = counts->orders - audit->orders;
    int64_t payments = counts->payments - audit->payments;
    int64_t deliveries = counts->deliveries - audit->deliveries;
    int64_t beyond = orders + payments + (deliveries + TPCC_DISTRICTS - 1) / TPCC_DISTRICTS;
    if (audit->finding[0])
        return;
    if (audit->torn > audit->in_flight)
        FIND(audit, "%" PRId64 " lines of the ledger are damaged", audit->torn);
    else if (audit->gap)
        return;
    else if (orders < 0 || payments < 0 || deliveries < 0)
        FIND(audit,
             "the ledger has more than the tables: %" PRId64 " orders, %" PRId64
             " payments, %" PRId64 " deliveries",
             -orders, -payments, -deliveries);
    else if (beyond > audit->in_flight)
        FIND(audit,
             "nobody acknowledged %" PRId64 " orders, %" PRId64 " payments, %" PRId64
             " deliveries; %" PRId64 " transactions were in flight",
             orders, payments, deliveries, audit->in_flight);
}

enum tpcc_outcome
tpcc_ledger_check(const char *directory, const struct tpcc_engine *engine,
                  struct tpcc_session *session, const struct tpcc_ledger_counts *counts,
                  int64_t *entries, char finding[TPCC_FINDING_MAX])
{
    char path[TPCC_PATH_MAX];
    struct audit audit = {.engine = engine, .session = session, .finding = finding};
    finding[0] = '\0';
    *entries = 0;
    if (!tpcc_ledger_path(directory, path, sizeof(path)))
        return TPCC_FAILED;
    FILE *stream = fopen(path, "re");
    if (!stream && errno != ENOENT) {
        FIND(&audit, "the ledger cannot be read: %s", strerror(errno));
        return TPCC_DONE;
    }
    char *line = NULL;
    size_t size = 0;
    while (stream && !finding[0] && getline(&line, &size, stream) > 0)
        if (line[0] != '\n' && audit_line(&audit, line) != TPCC_DONE)
            audit.torn++;
    free(line);
    if (stream)
        fclose(stream);
    compare_counts(&audit, counts);
    *entries = audit.orders + audit.payments + audit.deliveries;
    return TPCC_DONE;
}
