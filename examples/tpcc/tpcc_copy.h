/*
 * tpcc_copy.h - equal copies of a database to start from.
 */
#ifndef TPCC_COPY_H
#define TPCC_COPY_H

/* Copies a file, sharing blocks where the file system can; the copy is on disk when it returns and
 * neither file is in the page cache. 0, or -1 after complaining. */
int tpcc_copy_file(const char *from, const char *to);

#endif
