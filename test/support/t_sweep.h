/*
 * t_sweep.h - one operation again and again, each time with another of its system calls failing.
 *
 * For every kind of fault (errors, short transfers; once, and for ever) and for every way of
 * running out of memory, the operation runs on a fresh file with the 1st, 2nd, 3rd ... call hit,
 * until it comes through untouched. After each run: the answer is right; nothing is announced, no
 * descriptor and no memory is left; every sector of the file is old or new, and after success all
 * of it new; the handle serves on; a failed writeback or flush is told by every later sync until
 * the file is reopened, or by close.
 */
#ifndef T_SWEEP_H
#define T_SWEEP_H

#include "os/sys.h"
#include "t_dbio.h"
#include "t_model.h"

/* The call that was hit. */
struct t_hit {
    bool happened;
    enum dbio_sys_call call;
    long arguments[6];
    bool direct; /* on a descriptor with O_DIRECT */
    int error;   /* 0: a short transfer */
};

enum t_answer {
    T_SUCCEEDS, /* the fault is overcome: `success` is answered */
    T_FAILS,    /* the call's error is answered, or the count of the bytes before it */
    T_EITHER,
};

struct t_try {
    const struct t_sweep *sweep;
    const char *path;
    struct dbio_context *context;
    struct dbio_file *file; /* NULL: act opens it */
    unsigned char *memory;  /* with the pattern of T_NEW from sweep->offset on, or of 0xa5 */
    struct t_hit hit;
    long result;
};

struct t_sweep {
    const char *name;
    struct dbio_file_options options; /* `size` is filled in */
    uint64_t size;                    /* of the file before */
    uint64_t offset;                  /* of the operation; */
    size_t length;                    /* its length, */
    size_t skew;                      /* bytes by which its memory is not aligned, */
    unsigned flags;                   /* its flags */
    long success;                     /* what it answers if all goes well */
    bool warm;                        /* the file is cached before; else nothing of it is */
    bool no_cachestat;                /* the kernel has none */
    bool opens;                       /* act opens the file */
    bool reads;                       /* act reads `length` bytes into `memory` */
    bool syncs;                       /* act tells a remembered error */
    bool wants_memory;                /* may answer -ENOMEM where there is none */
    void (*prepare)(struct t_try *);  /* before the first fault; may be NULL */
    long (*act)(struct t_try *);
    /* What the answer has to be after a hit, and whether the error must be remembered. */
    enum t_answer (*expect)(const struct t_hit *);
    bool (*remembers)(const struct t_hit *);                 /* NULL: never */
    void (*finish)(struct t_try *);                          /* undoes what act left; may be NULL */
    void (*model)(const struct t_sweep *, struct t_model *); /* act's effect; NULL: none */
};

/* Runs it in the directory. Fails the case with the fault in the message. */
void t_sweep_run(const struct t_sweep *sweep, const char *directory);

/* Adds a case that runs for each of t_filesystems() and each of `count` sweeps; in the case,
 * t_sweep_nth is told _i. */
void t_add_sweep_test(TCase *cases, const TTest *test, int count);
void t_sweep_nth(const struct t_sweep *sweeps, int count, int i);

/* The model of a write of `length` bytes at `offset`. */
void t_sweep_model_write(const struct t_sweep *sweep, struct t_model *model);
/* Is this a call that moves bytes? */
bool t_sweep_is_transfer(const struct t_hit *hit);
/* What is only advice: no failure of it may be seen. `fstat` is advice to a transfer. */
bool t_sweep_is_advice(const struct t_hit *hit);

#endif
