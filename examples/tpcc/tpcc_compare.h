/*
 * tpcc_compare.h - several ways of I/O side by side.
 */
#ifndef TPCC_COMPARE_H
#define TPCC_COMPARE_H

#include "tpcc_options.h"

/* The command `compare`. Exit status. */
int tpcc_compare(const struct tpcc_options *options);

#endif
