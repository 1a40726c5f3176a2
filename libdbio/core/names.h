/* names.h - routes, reasons and counters in words. Pure. */
#ifndef CORE_NAMES_H
#define CORE_NAMES_H

const char *dbio__name_route(unsigned route);    /* "?" if unknown */
const char *dbio__name_reason(unsigned reason);  /* "?" if unknown */
const char *dbio__text_reason(unsigned reason);  /* a sentence */
const char *dbio__name_class(unsigned io_class); /* "?" if unknown */
const char *dbio__name_stat(unsigned stat);      /* NULL past the last */

#endif
