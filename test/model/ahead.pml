/*
 * ahead.pml - keeping what was read ahead: W1 to W5 of libdbio/core/inflight.h, step by step.
 *
 * Writers write the same block again and again; each write is a newer version. Readers read it
 * ahead and give it out later; an observer reads it at once. Nobody may get a version older than
 * one that was known (written whole, or read by anybody) before he asked.
 *
 * A1 is a plain store, which sits in the writer's store buffer until the processor pleases, a
 * read-modify-write of his, or B of somebody. Every other access is sequentially consistent.
 *
 *   MUT_...   mutations
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef WRITES
#define WRITES 2 /* of each */
#endif
#ifndef READERS
#define READERS 2
#endif
#ifndef READS
#define READS 2 /* of each, given out or not */
#endif

#define NOT  0
#define SOON 1
#define YES  2

byte watched = NOT;
byte begun;            /* writes that were counted */
bool slot[WRITERS];    /* announced, and visible */
bool buffered[WRITERS]; /* A1 is in the store buffer */
byte disk;             /* the version there */
byte newest;           /* what somebody knows of */
bool older_than_known;

inline know(version)
{
    if
    :: version > newest -> newest = version
    :: else
    fi
}

/* The processor empties the buffer. */
inline flush(w)
{
    if
    :: buffered[w] -> buffered[w] = false; slot[w] = true
    :: else
    fi
}

active [WRITERS] proctype writer()
{
    byte i = _pid, left = WRITES, version;
    bool counts;

    do
    :: left > 0 ->
A1:     buffered[i] = true;
W:      counts = watched != NOT;
#ifndef MUT_COUNT_AFTER
        if
        :: counts -> d_step { flush(i); begun++ } /* a read-modify-write */
        :: else
        fi;
#endif
        if
        :: d_step { buffered[i] -> flush(i) }
        :: true
        fi;
IO:     d_step { disk++; version = disk }
#ifdef MUT_COUNT_AFTER
        if
        :: counts -> d_step { flush(i); begun++ }
        :: else
        fi;
#endif
R:      d_step { buffered[i] = false; slot[i] = false; know(version) };
        left--
    :: else -> break
    od
}

active [READERS] proctype reader()
{
    byte left = READS, stamp, kept, need, at, seen;
    bool quiet;

    do
    :: left > 0 ->
        left--;
        quiet = true;
W1:     d_step { seen = watched;
                 if
                 :: seen == NOT -> watched = SOON
                 :: else
                 fi };
        if
#ifdef MUT_SOON_WILL_DO
        :: seen != NOT
        :: else ->
#else
        :: seen == YES
        :: else ->
#endif
#ifndef MUT_NO_BARRIER
B:          d_step { at = 0;
                     do
                     :: at < WRITERS -> flush(at); at++
                     :: else -> break
                     od };
#endif
            watched = YES
        fi;
#ifndef MUT_STAMP_LATE
W2:     stamp = begun;
#endif
#ifndef MUT_NO_SCAN
        at = 0;
W3:     do
        :: at < WRITERS -> d_step { quiet = quiet && !slot[at]; at++ }
        :: else -> break
        od;
#endif
#ifdef MUT_STAMP_LATE
        stamp = begun;
#endif
        if
        :: quiet ->
W4:         kept = disk;
            need = newest; /* somebody asks */
W5:         if
#ifdef MUT_NO_CHECK
            :: true ->
#else
            :: begun == stamp ->
#endif
                d_step { older_than_known = kept < need; know(kept) };
                assert(!older_than_known)
#ifndef MUT_NO_CHECK
            :: else
#endif
            fi
        :: else
        fi
    :: else -> break
    od
}

active proctype observer()
{
    byte left = 2;

    do
    :: left > 0 -> d_step { know(disk); left-- }
    :: else -> break
    od
}
