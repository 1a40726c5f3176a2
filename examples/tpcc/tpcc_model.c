/*
 * tpcc_model.c - what the run itself knows must be true.
 *
 * Job: remember each customer's newest order and the digests of recent orders, and judge what
 * transactions read. Leaves counting the offences to the terminal. Called by all terminals around
 * their transactions. Lock: one mutex per district. Must always hold: only what was committed
 * before a transaction began is demanded of it; what became known meanwhile proves nothing.
 *
 * Order numbers of a district are given out by its row, one after the other, so once a number is
 * known to be committed, all smaller ones are, whether their terminals have said so yet or not.
 */
#include <pthread.h>
#include <stdlib.h>

#include "tpcc_model.h"
#include "tpcc_rows.h"
#include "tpcc_util.h"

#define RECENT 4096 /* orders per district whose digests are kept */

struct recent_order {
    int o;
    uint64_t digest;
};

struct district {
    pthread_mutex_t lock;
    int next_o;
    int *newest; /* by customer; 0: none in this run */
    struct recent_order recent[RECENT];
};

struct tpcc_model {
    struct tpcc_scale scale;
    struct district *districts;
};

static int
count_districts(const struct tpcc_scale *scale)
{
    return scale->warehouses * TPCC_DISTRICTS;
}

struct tpcc_model *
tpcc_model_make(const struct tpcc_scale *scale)
{
    struct tpcc_model *model = tpcc_alloc(1, sizeof(*model));
    model->scale = *scale;
    model->districts = tpcc_alloc((size_t)count_districts(scale), sizeof(struct district));
    for (int i = 0; i < count_districts(scale); i++) {
        struct district *district = &model->districts[i];
        pthread_mutex_init(&district->lock, NULL);
        district->newest = tpcc_alloc((size_t)scale->customers + 1, sizeof(int));
        district->next_o = scale->customers + 1;
    }
    return model;
}

void
tpcc_model_free(struct tpcc_model *model)
{
    for (int i = 0; i < count_districts(&model->scale); i++) {
        pthread_mutex_destroy(&model->districts[i].lock);
        free(model->districts[i].newest);
    }
    free(model->districts);
    free(model);
}

static struct district *
lock_district(struct tpcc_model *model, int w, int d)
{
    struct district *district = &model->districts[tpcc_district_index(w, d)];
    pthread_mutex_lock(&district->lock);
    return district;
}

int
tpcc_model_next_o(struct tpcc_model *model, int w, int d)
{
    struct district *district = lock_district(model, w, d);
    int next_o = district->next_o;
    pthread_mutex_unlock(&district->lock);
    return next_o;
}

bool
tpcc_model_new_order(struct tpcc_model *model, const struct tpcc_new_order_input *input,
                     const struct tpcc_new_order_output *output, int next_o_before)
{
    if (output->o <= model->scale.customers) /* a number of the load's */
        return false;
    struct district *district = lock_district(model, input->w, input->d);
    if (output->o >= district->next_o)
        district->next_o = output->o + 1;
    if (output->o > district->newest[input->c])
        district->newest[input->c] = output->o;
    district->recent[output->o % RECENT] =
        (struct recent_order){.o = output->o, .digest = output->digest};
    pthread_mutex_unlock(&district->lock);
    return output->o >= next_o_before;
}

/* An order of the load: its lines can be computed. */
static bool
lines_are_as_loaded(const struct tpcc_scale *scale, int w, int d,
                    const struct tpcc_order_status_output *output)
{
    struct tpcc_order order;
    struct tpcc_order_line line;
    uint64_t digest = 0;
    tpcc_rows_order(scale, w, d, output->o, output->c, &order);
    for (int number = 1; number <= order.ol_cnt; number++) {
        tpcc_rows_line(scale, w, d, output->o, number, &line);
        digest = tpcc_line_digest(digest, &line);
    }
    return order.ol_cnt == output->ol_cnt && digest == output->digest;
}

bool
tpcc_model_order_status(struct tpcc_model *model, const struct tpcc_customer_pick *who,
                        const struct tpcc_order_status_output *output, int next_o_before)
{
    /* Every customer has an order, from the load if not from later. */
    if (output->o < 1 || output->c < 1 || output->c > model->scale.customers)
        return false;
    struct district *district = lock_district(model, who->w, who->d);
    int newest = district->newest[output->c];
    struct recent_order recent = district->recent[output->o % RECENT];
    pthread_mutex_unlock(&district->lock);
    if (newest < next_o_before && output->o < newest)
        return false;
    if (output->o <= model->scale.customers)
        return lines_are_as_loaded(&model->scale, who->w, who->d, output);
    return recent.o != output->o || recent.digest == output->digest;
}
