/*
 * tpcc_report.h - results as text for people; see tpcc_html.h for pages.
 */
#ifndef TPCC_REPORT_H
#define TPCC_REPORT_H

#include "tpcc_options.h"

/* The command `report`. Exit status. */
int tpcc_report(const struct tpcc_options *options);
/* Text to the output, and the files that --json and --html ask for. -1 after complaining. */
int tpcc_report_all(const struct tpcc_json *result, const struct tpcc_options *options);

/* Lines while something is going on. */
void tpcc_report_live_header(FILE *stream);
void tpcc_report_live(const struct tpcc_json *point, FILE *stream);
void tpcc_report_check(const struct tpcc_json *check, FILE *stream);

#endif
