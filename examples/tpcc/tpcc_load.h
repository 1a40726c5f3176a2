/*
 * tpcc_load.h - fill a new database.
 */
#ifndef TPCC_LOAD_H
#define TPCC_LOAD_H

#include "tpcc_options.h"

/* The command `prepare`; also the first step of `compare`. Exit status. */
int tpcc_prepare(const struct tpcc_options *options);

#endif
