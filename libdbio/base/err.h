/* err.h - names and remedies of errors; which of two errors to report. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* "EIO" for -EIO or EIO, "?" if there is no name. Static text. */
const char *dbio__err_name(int error);

/* What the error means when dbio returns it, and the remedy. Static text, never NULL. */
const char *dbio__err_text(int error);

/* The first of two results that is an error (negative), else `second`. */
static inline long
dbio__err_first(long first, long second)
{
    return first < 0 ? first : second;
}

#endif
