/*
 * tpcc_dbio.h - where the harness meets dbio.
 */
#ifndef TPCC_DBIO_H
#define TPCC_DBIO_H

/* Registers the SQLite VFS `dbio`, once. 0, or -1 after complaining. */
int tpcc_dbio_register(void);
const char *tpcc_dbio_version(void);

#endif
