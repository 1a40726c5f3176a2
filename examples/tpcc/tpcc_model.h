/*
 * tpcc_model.h - what the run itself knows must be true: catches reads that are stale only for a
 * moment and that no check afterwards could see.
 */
#ifndef TPCC_MODEL_H
#define TPCC_MODEL_H

#include "tpcc_engine.h"

struct tpcc_model;

struct tpcc_model *tpcc_model_make(const struct tpcc_scale *scale);
void tpcc_model_free(struct tpcc_model *model);

/* Ask before a transaction begins: every order of the district below this number is committed. */
int tpcc_model_next_o(struct tpcc_model *model, int w, int d);
/* After its commit. False: the order number had been given out before. */
bool tpcc_model_new_order(struct tpcc_model *model, const struct tpcc_new_order_input *input,
                          const struct tpcc_new_order_output *output, int next_o_before);
/* False: an older order, or other lines, than were committed before the transaction began. */
bool tpcc_model_order_status(struct tpcc_model *model, const struct tpcc_customer_pick *who,
                             const struct tpcc_order_status_output *output, int next_o_before);

#endif
