/*
 * inflight.pml - the announcement protocol of libdbio/core/inflight.c, step by step.
 *
 * Each participant is a thread with a slot of its own; all want the same pages of one file. A
 * label names the step of the C code; README.md beside this file has the table, what is left out
 * and why that loses nothing. run.sh verifies it and shows that each mutation breaks it.
 *
 *   N          participants (2 to 5)
 *   SET0..4    the classes each chooses from, anew for each request: a bit per class
 *   CRASH=k    k deaths, at any step, and recovery
 *   GRACE      recovery on a file system without a drain barrier: waits for a time
 *   FINE       dbio__inflight_look in three accesses instead of one
 *   QUIET      closing only if the scan saw no other group, as in the code; otherwise at any time
 *   FENCED     announcing has a fence of its own, as where membarrier(2) is refused
 *   LIVE=n     never claim: participant n is announced for ever (needs QUIET)
 *   MUT_...    mutations; ONLY_SAFETY: only two conflicting requests at once count as broken
 */
#ifndef N
#define N 3
#endif

/* Classes, groups and conflicts: class_group and class_conflicts. */
#define DR 0
#define DW 1
#define BR 2
#define BW 3
#define EX 4
#define CONFLICTS      (24 | 28 << 5 | 18 << 10 | 19 << 15 | 31 << 20)
#define CONFLICT(a, b) ((CONFLICTS >> ((a) * 5 + (b))) & 1)
#define GROUP(c)       ((c) == EX -> 7 : (c) >> 1)

#ifndef SET0
#define SET0 31
#endif
#ifndef SET1
#define SET1 31
#endif
#ifndef SET2
#define SET2 31
#endif
#ifndef SET3
#define SET3 31
#endif
#ifndef SET4
#define SET4 31
#endif
#define SETS   (SET0 | SET1 << 5 | SET2 << 10 | SET3 << 15 | SET4 << 20)
#define MAY(c) ((SETS >> (i * 5 + (c))) & 1)

/* The phase in a slot's word. CLAIMED is not seen by anyone: it is FREE here. */
#define FREE     0
#define CHOOSING 1
#define TICKETED 2

/* The kind in the mode word. */
#define TICKETS    0
#define ONLY(g)    (1 + (g))
#define CLOSING(g) (3 + (g))
#define SWITCHING  5

#define BIT(j) (1 << (j))
#define ME     BIT(i)
#define HIM    BIT(pos)

/* Only the harm that a mutation does in the end, not the order that it breaks on the way. */
#ifdef ONLY_SAFETY
#define ORDER(check) skip
#else
#define ORDER(check) check
#endif

/* The entry. Every change of the mode word raises its epoch, so a compare-and-swap succeeds
 * exactly if nobody changed the word since it was loaded: mode_held tells for whom that holds. */
byte mode = TICKETS;
byte mode_held;

/* The slots. A word's generation is replaced in the same way: held[j] tells who saw the word of
 * slot j as it is, apart from WAITED. Tickets only matter in comparison: before[j] tells who drew
 * before j and has not withdrawn. */
byte phase[N];
byte class[N];
byte held[N];
byte before[N];
#ifndef MUT_MEET_AGAIN
byte same[N]; /* who has found slot j in the way in its present generation */
#endif
byte drawn;  /* who has a ticket */
byte waited; /* slots with WAITED in their word */
byte asleep[N]; /* who sleeps on the word of slot j, in the kernel */
byte high_water;
byte buffered; /* slots whose word waits in a processor's store buffer: as CLAIMED to others */
#define SEEN(j) (buffered & BIT(j) -> FREE : phase[j])
#define DRAIN_MINE buffered = buffered & ~ME /* a fence, or a locked instruction */

byte inside; /* whose request runs, or is left running in the kernel by the dead */
#ifdef CRASH
byte dead;
byte lives = CRASH;
#ifdef GRACE
byte noted; /* owners that are down as dead, and were alive when it was written */
#endif
#endif

hidden byte k;
hidden byte two_conflicting_inside, overtaken, slot_was_taken_away;

inline note_change(j) /* of a slot's word, other than WAITED */
{
    held[j] = 0;
}

inline forget(j) /* the slot's request is over */
{
    note_change(j);
#ifndef MUT_MEET_AGAIN
    same[j] = 0;
#endif
    phase[j] = FREE;
    buffered = buffered & ~BIT(j);
    waited = waited & ~BIT(j);
    drawn = drawn & ~BIT(j);
    before[j] = 0;
    class[j] = (inside & BIT(j) -> class[j] : 0); /* what a free slot says has no meaning */
    k = 0;
    do
    :: k < N -> before[k] = before[k] & ~BIT(j); k++
    :: else -> break
    od;
    k = 0
}

/* The request runs from here on. Safety: with nobody it conflicts with. Order: not before a
 * conflicting request with a smaller ticket; by F, not before one that has a ticket at all. */
inline enter(by_f)
{
    k = 0;
    do
    :: k < N ->
        if
        :: k != i && CONFLICT(class[i], class[k]) ->
            two_conflicting_inside = ((inside & BIT(k)) != 0);
            overtaken = ((before[i] & BIT(k)) != 0 ||
                         (by_f && phase[k] == TICKETED && !(inside & BIT(k))));
            assert(!two_conflicting_inside);
            ORDER(assert(!overtaken))
        :: else
        fi;
        k++
    :: else -> break
    od;
    inside = inside | ME
}

inline let_go() /* of the word of the slot at pos */
{
    held[pos] = held[pos] & ~ME
}

/* Whoever is in the slot in which there was someone in the way has come later, and is not waited
 * for: it has a larger number, or is about to draw one. Without this it may be met CHOOSING each
 * time, by bad luck, if it withdraws and comes again for ever (MUT_MEET_AGAIN). */
#ifdef MUT_MEET_AGAIN
#define STAY  skip
#define LEAVE skip
#define OVER  false
#else
#define STAY  met = 1; same[pos] = same[pos] | ME
#define LEAVE met = 0; same[pos] = same[pos] & ~ME
#define OVER  (met && !(same[pos] & ME))
#endif

/* Death at this step: the slot stays as it is. What runs directly is left to the kernel; other
 * system calls have ended before a process counts as dead. */
#ifdef CRASH
#define OR_DIE                                                                                     \
    :: atomic {                                                                                    \
        lives > 0 -> d_step {                                                                      \
            lives--;                                                                               \
            dead = dead | ME;                                                                      \
            mode_held = mode_held & ~ME;                                                           \
            let_go();                                                                              \
            LEAVE;                                                                                 \
            DRAIN_MINE;                                                                            \
            asleep[pos] = asleep[pos] & ~ME;                                                       \
            if                                                                                     \
            :: GROUP(class[i]) != 0 -> inside = inside & ~ME                                       \
            :: else                                                                                \
            fi;                                                                                    \
            pos = 0;                                                                               \
            limit = 0;                                                                             \
            barrier = 0                                                                            \
        };                                                                                         \
        goto DEAD                                                                                  \
    }
#else
#define OR_DIE
#endif

/* What enter_mode makes of the mode it has loaded. mode_held: the value that the compare-and-swap of
 * T1, or the one after the barrier, expects. */
#define DECIDE                                                                                     \
    if                                                                                             \
    :: mode == ONLY(GROUP(class[i])) -> d_step { enter(1) }; goto R                                \
    :: mode == TICKETS || mode == CLOSING(GROUP(class[i])) -> goto TICKET                          \
    :: mode == SWITCHING -> mode_held = mode_held | ME; barrier = 1; goto TICKET                   \
    :: else -> mode_held = mode_held | ME; goto T1                                                 \
    fi

/* The next slot of a scan, its own left out; `done` after the last. */
#define ADVANCE(again, done)                                                                       \
    pos = pos + 1 + (pos + 1 == i -> 1 : 0);                                                       \
    if                                                                                             \
    :: pos < limit -> goto again                                                                   \
    :: else -> d_step { pos = 0; limit = 0 }; goto done                                            \
    fi

proctype participant(byte i)
{
    byte pos, limit;
    bool barrier;
#ifndef MUT_MEET_AGAIN
    bool met;
#endif
#ifdef FINE
    byte seen;
    bool in_the_way;
#endif
#ifdef QUIET
    bool saw_other;
#endif

IDLE: /* claim_slot, its high-water mark */
    if
    :: atomic { high_water <= i -> high_water = i + 1 }
    :: high_water > i
    :: goto STOP
    fi;

#define CHOOSE                                                                                     \
    if                                                                                             \
    :: MAY(DR) -> class[i] = DR                                                                    \
    :: MAY(DW) -> class[i] = DW                                                                    \
    :: MAY(BR) -> class[i] = BR                                                                    \
    :: MAY(BW) -> class[i] = BW                                                                    \
    :: MAY(EX) -> class[i] = EX                                                                    \
    fi

#ifdef MUT_LOOK_FIRST
A1:
    atomic {
        CHOOSE;
        if
        :: mode == ONLY(GROUP(class[i]))
        :: else -> phase[i] = CHOOSING; goto FENCE
        fi
    };
    atomic { phase[i] = CHOOSING; d_step { enter(1) } };
    goto R;
#else
A1: /* a plain store: it waits in the processor's buffer for as long as it likes */
    atomic {
        CHOOSE;
        phase[i] = CHOOSING;
#ifndef FENCED
        buffered = buffered | ME
#endif
    };
#endif

A2:
    atomic {
        if
        :: if
           :: mode == ONLY(GROUP(class[i])) -> d_step { enter(1) }; goto R
           :: else -> goto FENCE
           fi
        OR_DIE
        fi
    };
FENCE: /* and the mode once more */
    atomic {
        if
        ::
#ifndef MUT_NO_SECOND_FENCE
           DRAIN_MINE;
#endif
           DECIDE
        OR_DIE
        fi
    };
T1:
    atomic {
        if
        :: if
#ifdef MUT_NO_SWITCHING
           :: mode_held & ME -> mode = TICKETS; mode_held = 0; barrier = 1; goto TICKET
#else
           :: mode_held & ME -> mode = SWITCHING; mode_held = ME; barrier = 1; goto TICKET
#endif
           :: else -> DECIDE
           fi
        OR_DIE
        fi
    };

TICKET: /* T2: the number is drawn, ... */
    atomic {
        if
        :: d_step {
            before[i] = drawn;
            drawn = drawn | ME;
#ifdef MUT_NO_CHOOSING
            phase[i] = FREE
#endif
           }
        OR_DIE
        fi
    };
T2: /* ... and shown */
    atomic {
        if
        :: d_step { phase[i] = TICKETED; note_change(i); DRAIN_MINE };
           if
           :: waited & ME -> goto T2_WAKE
           :: else -> goto BARRIER
           fi
        OR_DIE
        fi
    };
T2_WAKE:
    atomic {
        if
#ifdef MUT_NO_WAKE_T2
        :: skip
#else
        :: asleep[i] = 0
#endif
        OR_DIE
        fi
    };

BARRIER: /* membarrier(2): every processor's buffer drains; at once, as early as it may */
    atomic {
        if
        :: !barrier -> goto T3
        :: barrier
        fi;
        barrier = 0;
#if !defined(MUT_NO_BARRIER) && !defined(FENCED)
        buffered = 0
#endif
    };
SETTLE: /* dbio__inflight_settle */
    atomic {
        if
        :: if
           :: mode_held & ME -> mode = TICKETS; mode_held = 0
           :: else
           fi
        OR_DIE
        fi
    };

T3: /* dbio__inflight_blocker, once per slot in the way */
    atomic {
        if
        :: high_water == N -> limit = N
        :: else -> goto LIMIT
        fi;
        if
        :: pos == i -> pos++
        :: else
        fi;
        goto INSPECT
    };
LIMIT:
    atomic {
        if
        :: limit = high_water;
           if
           :: pos == i -> pos++
           :: else
           fi;
           if
           :: pos < limit -> goto INSPECT
           :: else -> d_step { pos = 0; limit = 0 }; goto CLEARED
           fi
        OR_DIE
        fi
    };

#ifdef MUT_REVERSED
#define LARGER (before[i] & HIM)
#else
#define LARGER (!(before[i] & HIM))
#endif
#define IN_THE_WAY(shown)                                                                          \
    (CONFLICT(class[i], class[pos]) && !(shown == TICKETED && LARGER))

#ifdef FINE
INSPECT: /* the word, ... */
    atomic {
        if
        :: if
           :: SEEN(pos) == FREE || OVER -> LEAVE; ADVANCE(INSPECT, CLEARED)
           :: else -> seen = SEEN(pos); held[pos] = held[pos] | ME
           fi
        OR_DIE
        fi
    };
INSPECT_FIELDS: /* ... what belongs to it, ... */
    atomic {
        if
        :: d_step { in_the_way = (IN_THE_WAY(seen) -> 1 : 0); seen = 0 } /* if free: no matter */
        OR_DIE
        fi
    };
INSPECT_AGAIN: /* ... and whether it did */
    atomic {
        if
        :: if
           :: !(held[pos] & ME) -> in_the_way = 0; goto INSPECT
           :: (held[pos] & ME) && !in_the_way -> let_go(); LEAVE; ADVANCE(INSPECT, CLEARED)
           :: (held[pos] & ME) && in_the_way -> in_the_way = 0; STAY; goto BLOCKED
           fi
        OR_DIE
        fi
    };
#else
INSPECT: /* takes effect when the word is read for the second time */
    atomic {
        if
        :: 
#ifdef QUIET
           if
           :: SEEN(pos) != FREE && (GROUP(class[pos]) != GROUP(class[i])) -> saw_other = 1
           :: else
           fi;
#endif
           if
           :: SEEN(pos) != FREE && !OVER && IN_THE_WAY(SEEN(pos)) ->
                held[pos] = held[pos] | ME;
                STAY;
                goto BLOCKED
           :: else -> LEAVE; ADVANCE(INSPECT, CLEARED)
           fi
        OR_DIE
        fi
    };
#endif

BLOCKED: /* dbio__inflight_mark_waited */
    atomic {
        if
        :: if
           :: held[pos] & ME -> waited = waited | HIM; goto FUTEX
           :: else -> goto T3
           fi
#ifndef NO_NOWAIT
        :: d_step { let_go(); LEAVE; pos = 0; limit = 0 }; goto R /* DBIO_NOWAIT: withdraws */
#endif
        OR_DIE
        fi
    };
FUTEX: /* futex(2) compares, and puts to sleep */
    atomic {
        if
        :: if
           :: held[pos] & ME ->
                asleep[pos] = asleep[pos] | ME;
#ifndef CRASH
                let_go();
#endif
                goto ASLEEP
           :: else -> goto T3
           fi
        OR_DIE
        fi
    };
ASLEEP:
    atomic {
        if
        :: !(asleep[pos] & ME) -> let_go(); goto T3
#ifdef CRASH
#ifdef MUT_NO_LIFE
        :: asleep[pos] = asleep[pos] & ~ME; goto D2
#else
#ifndef MUT_NO_TIMEOUT
        /* Time is up. While the word and its owner's life are the same, looking again changes
         * nothing, and is left out, so that a wait without end is a state without end. */
        :: (asleep[pos] & ME) && (!(held[pos] & ME) || (dead & HIM)) ->
            asleep[pos] = asleep[pos] & ~ME;
            goto D1
#endif
#endif
#endif
        OR_DIE
        fi
    };

#ifdef CRASH
D1: /* is the owner of the word that was seen dead? If the word is another's by now: either. */
    atomic {
        if
        :: dead & HIM
        :: !(dead & HIM) -> let_go(); goto T3
        :: !(dead & HIM) && !(held[pos] & ME) && lives < CRASH
        OR_DIE
        fi
    };
#ifdef GRACE
D2_NOTE: /* without a barrier: time passes from the first who notes the death */
    atomic {
        if
#ifdef MUT_LATE_NOTE
        :: noted = noted | (HIM & ~dead)
#else
        :: skip /* fails for another incarnation */
#endif
        OR_DIE
        fi
    };
#endif
D2:
    atomic {
        if
#ifdef MUT_NO_DRAIN
        :: skip
#else
        :: (inside & dead) == 0
#ifdef GRACE
        :: (noted & HIM) != 0 /* thought to be dead for long */
#endif
#endif
        OR_DIE
        fi
    };
D3:
    atomic {
        if
        :: if
#ifdef MUT_PLAIN_RETIRE
           :: d_step { forget(pos) }; goto D4
#else
           :: held[pos] & ME -> d_step { forget(pos) }; goto D4
           :: else -> goto T3
#endif
           fi
        OR_DIE
        fi
    };
D4:
    atomic {
        if
        :: asleep[pos] = 0; goto T3
        OR_DIE
        fi
    };
#endif

CLEARED: /* never rests here */
    atomic { d_step { enter(0) }; goto CLEAR };

CLEAR: /* note_quiet */
    atomic {
        if
        :: goto R
#ifdef QUIET
        :: (GROUP(class[i]) != 7 && !saw_other)
#else
        :: GROUP(class[i]) != 7
#endif
        fi
    };
C1_LOAD:
    atomic {
        if
        :: if
           :: mode == ONLY(GROUP(class[i])) || mode == SWITCHING -> goto R
           :: else -> mode_held = mode_held | ME
           fi
        OR_DIE
        fi
    };
#if defined(MUT_NO_CLOSING) || defined(MUT_SCAN_FIRST)
    goto C2;
#else
C1:
    atomic {
        if
        :: if
           :: mode_held & ME -> mode = CLOSING(GROUP(class[i])); mode_held = ME
           :: else -> goto R
           fi
        OR_DIE
        fi
    };
#endif
C2:
    atomic {
#ifdef MUT_NO_CLOSING
        goto C3;
#endif
        if
        :: high_water == N -> limit = N
        :: else -> goto C2_LIMIT
        fi;
        pos = (i == 0 -> 1 : 0);
        goto C2_WORD
    };
C2_LIMIT:
    atomic {
        if
        :: limit = high_water; pos = (i == 0 -> 1 : 0);
           if
           :: pos < limit
           :: else -> d_step { pos = 0; limit = 0 }; goto C3
           fi
        OR_DIE
        fi
    };
C2_WORD:
    atomic {
        if
        :: if
           :: SEEN(pos) != FREE
           :: else -> ADVANCE(C2_WORD, C3)
           fi
        OR_DIE
        fi
    };
C2_SHAPE:
    atomic {
        if
        :: if
           :: SEEN(pos) == FREE || GROUP(class[pos]) != GROUP(class[i]) ->
                d_step { pos = 0; limit = 0 };
                goto C3_BACK
           :: SEEN(pos) == FREE || GROUP(class[pos]) == GROUP(class[i]) -> ADVANCE(C2_WORD, C3)
           fi
        OR_DIE
        fi
    };
C3:
    atomic {
        if
        :: if
#ifdef MUT_NO_EPOCH
           :: mode == CLOSING(GROUP(class[i])) ->
#else
           :: mode_held & ME ->
#endif
                mode = ONLY(GROUP(class[i]));
                mode_held = 0
           :: else
           fi;
           goto R
        OR_DIE
        fi
    };
C3_BACK:
    atomic {
        if
        :: if
           :: mode_held & ME -> mode = TICKETS; mode_held = 0
           :: else
           fi;
           goto R
        OR_DIE
        fi
    };

R:
    atomic {
        if
        :: d_step {
            slot_was_taken_away = (phase[i] == FREE);
            ORDER(assert(!slot_was_taken_away));
#ifdef QUIET
            saw_other = 0;
#endif
            inside = inside & ~ME
           };
           if
           :: waited & ME -> d_step { forget(i) }; goto R_WAKE
           :: else -> d_step { forget(i) }; goto IDLE
           fi
        OR_DIE
        fi
    };
R_WAKE:
    atomic {
        if
#ifdef MUT_NO_WAKE_R
        :: goto IDLE
#else
        :: asleep[i] = 0; goto IDLE
#endif
        OR_DIE
        fi
    };

#ifdef CRASH
DEAD:
    if
    :: inside & ME -> inside = inside & ~ME /* the kernel has done */
    :: else
    fi;
end_dead: /* once the slot is free, another process may claim it */
    atomic {
        phase[i] == FREE -> dead = dead & ~ME;
        goto IDLE
    };
#endif

STOP:
    skip
}

#ifndef FENCED
/* Buffers drain at any time. */
proctype processors()
{
end_processors:
    do
    :: atomic { buffered & 1 -> buffered = buffered & ~1 }
    :: atomic { buffered & 2 -> buffered = buffered & ~2 }
#if N > 2
    :: atomic { buffered & 4 -> buffered = buffered & ~4 }
#endif
#if N > 3
    :: atomic { buffered & 8 -> buffered = buffered & ~8 }
#endif
#if N > 4
    :: atomic { buffered & 16 -> buffered = buffered & ~16 }
#endif
    od
}
#endif

init
{
    atomic {
#ifndef FENCED
        run processors();
#endif
        run participant(0);
        run participant(1);
#if N > 2
        run participant(2);
#endif
#if N > 3
        run participant(3);
#endif
#if N > 4
        run participant(4);
#endif
    }
}

#ifdef LIVE
never { /* <>[] announced */
    do
    :: phase[LIVE] != FREE -> goto accept
    :: true
    od;
accept:
    do
    :: phase[LIVE] != FREE
    od
}
#endif
