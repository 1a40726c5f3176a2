/*
 * tpcc_engine.c - the list of engines, and the names of what can be chosen for them.
 *
 * Job: names to engines and back. Leaves everything else to the engines. Called from the options
 * and the reports. No lock: constants.
 */
#include <string.h>

#include "tpcc_engine.h"

static const struct tpcc_engine *const engines[] = {&tpcc_engine_sqlite};

const struct tpcc_engine *
tpcc_engine_find(const char *name)
{
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
    return NULL;
}

const char *
tpcc_engine_names(void)
{
    return "sqlite";
}

const char *
tpcc_io_name(enum tpcc_io io)
{
    switch (io) {
    case TPCC_IO_BUFFERED:
        return "buffered";
    case TPCC_IO_DIRECT:
        return "direct";
    case TPCC_IO_DONTCACHE:
        return "dontcache";
    case TPCC_IO_DBIO:
        return "dbio";
    }
    return "?";
}

const char *
tpcc_journal_name(enum tpcc_journal journal)
{
    switch (journal) {
    case TPCC_JOURNAL_WAL:
        return "wal";
    case TPCC_JOURNAL_DELETE:
        return "delete";
    case TPCC_JOURNAL_KEEP:
        return "as it is";
    }
    return "?";
}

const char *
tpcc_synchronous_name(enum tpcc_synchronous synchronous)
{
    switch (synchronous) {
    case TPCC_SYNC_OFF:
        return "off";
    case TPCC_SYNC_NORMAL:
        return "normal";
    case TPCC_SYNC_FULL:
        return "full";
    case TPCC_SYNC_EXTRA:
        return "extra";
    }
    return "?";
}
