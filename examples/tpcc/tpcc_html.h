/*
 * tpcc_html.h - a result as one page with charts, complete in itself.
 */
#ifndef TPCC_HTML_H
#define TPCC_HTML_H

#include "tpcc_json.h"

void tpcc_html_write(const struct tpcc_json *result, FILE *stream);

#endif
