/*
 * tpcc_check.h - is the database consistent, and are its bytes the right ones?
 */
#ifndef TPCC_CHECK_H
#define TPCC_CHECK_H

#include "tpcc_options.h"

/* The command `check`. Exit status. */
int tpcc_check(const struct tpcc_options *options);
/* Checks the database in options->directory through `io` and adds "checks", "checks_failed" and
 * "verdict" to the result; prints each check as it is done. The number of failures. */
int tpcc_check_into(const struct tpcc_options *options, enum tpcc_io io, struct tpcc_json *result);

#endif
