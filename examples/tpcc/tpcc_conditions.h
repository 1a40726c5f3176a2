/*
 * tpcc_conditions.h - the twelve consistency conditions (clause 3.3.2), for engines with SQL.
 */
#ifndef TPCC_CONDITIONS_H
#define TPCC_CONDITIONS_H

#define TPCC_CONDITIONS 12

struct tpcc_condition {
    const char *title;
    /* Answers the offences, worst first or in key order; no row means that the condition holds. */
    const char *sql;
};

/* Number 1 is element 0. */
extern const struct tpcc_condition tpcc_conditions[TPCC_CONDITIONS];

#endif
