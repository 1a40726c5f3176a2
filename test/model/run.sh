#!/bin/bash
# run.sh - verifies inflight.pml and ahead.pml, and shows that each mutation is found. See --help.
set -euo pipefail
export LC_ALL=C

usage() {
    cat <<'END'
usage: test/model/run.sh [--full]

Verifies the model of the announcement protocol (inflight.pml) with Spin: safety, order, no lost
wake-up, no starvation, death at any step; and that of keeping what was read ahead (ahead.pml). Takes
one thing at a time out of the protocols, and expects each time that the verification fails.

  --full   larger searches as well, the last three by bitstate and not exhaustive: up to 3 GiB
  --help   this text

Every search is exhaustive unless its line says otherwise. Exit status: 0 passed, 1 failed, 2 wrong
usage, 77 spin or gcc is missing. Installs nothing; works in a folder of its own under TMPDIR.
END
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
full=no
protocol=inflight
passed=0
failed=0
skipped=0

for option; do
    case $option in
        --full) full=yes ;;
        --help | -h) usage && exit 0 ;;
        *) echo "run.sh: unknown option $option (--help explains)" >&2 && exit 2 ;;
    esac
done
for tool in spin gcc; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is not installed"
        echo "model: 0 passed, 0 failed, 1 skipped"
        exit 77
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# search MODEL COMPILER ARGUMENTS: each a string of options; the verifier's words go to `out`.
# 0: it ran, whatever it found.
search() {
    rm -rf "${work:?}"/*
    cp "$here/$protocol.pml" .
    # shellcheck disable=SC2086 # options are words
    spin -a $1 "$protocol.pml" >out 2>&1 && gcc -O2 -w -DMEMLIM=3000 $2 -o pan pan.c >>out 2>&1 || return 1
    # shellcheck disable=SC2086
    ./pan $3 >out 2>&1 || true
    grep -q 'errors: [0-9]' out
}

# count_states: "N states, N transitions".
count_states() {
    sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1 states, /p; s/^ *([0-9.e+]+) transitions.*/\1 transitions/p' out | tr -d '\n'
}

# found: which property the search found broken.
found() {
    sed -nE 's/^pan:[0-9]+: assertion violated +!\(*([a-z_]+)\)*.*/\1/p
             s/^pan:[0-9]+: invalid end state.*/someone sleeps for ever/p
             s/^pan:[0-9]+: acceptance cycle.*/someone waits for ever/p' out | tr '_' ' ' | head -1
}

fail() {
    failed=$((failed + 1))
    echo "FAILED   $1: $2"
    tail -5 out | sed 's/^/         | /'
}

# prove WHAT MODEL [COMPILER [ARGUMENTS]]: must find nothing, and must have seen everything.
prove() {
    local compiler=${3:-"-DSAFETY -DCOLLAPSE"} note=
    if ! search "$2" "$compiler" "-m${depth:-3000000} ${4:-"-w25"}"; then
        fail "$1" "the verifier did not run"
    elif ! grep -q 'errors: 0' out; then
        fail "$1" "$(found)"
    elif grep -qE 'max search depth too small|out of memory|MEMLIM|aborted|interrupted' out; then
        fail "$1" "the search is not complete"
    else
        case $compiler in
            *BITSTATE*) note=" (NOT exhaustive: bitstate$(sed -nE 's/^hash factor: ([0-9.]+).*/, hash factor \1/p' out))" ;;
        esac
        passed=$((passed + 1))
        echo "passed   $1: $(count_states)$note"
    fi
}

# alive WHAT SETS WHO: under weak fairness no request of participant WHO stays announced for ever.
alive() {
    prove "no starvation of the $1" "-DQUIET -DLIVE=$3 $2" "-DCOLLAPSE -DNFAIR=3" "-a -f -w24"
}

# break_it WHAT EXPECTED MODEL [COMPILER [ARGUMENTS]]: must fail, and in that way.
break_it() {
    local how
    if ! search "$3" "${4:-"-DSAFETY -DCOLLAPSE"}" "-m1000000 ${5:-"-w22"}"; then
        fail "without $1" "the verifier did not run"
        return
    fi
    how=$(found)
    if [ "$how" = "$2" ]; then
        passed=$((passed + 1))
        echo "passed   without $1: $how"
    else
        fail "without $1" "should have been \"$2\", is \"${how:-nothing found}\""
    fi
}

# Classes: 1 direct read, 2 direct write, 4 buffered read, 8 buffered write, 16 exclusive.
two=(-DN=2)
fixed="-DSET0=2 -DSET1=2 -DSET2=4"
mixed="-DSET0=18 -DSET1=6 -DSET2=6"
broken="two conflicting inside"
only="$fixed -DONLY_SAFETY"

echo "The protocol"
prove "two participants, all classes" "${two[*]}"
prove "two participants, inspection in three accesses" "${two[*]} -DFINE"
prove "three participants: write or exclusive, two of both groups" "$mixed"
prove "three participants, each announcing with a fence of its own" "$mixed -DFENCED"
prove "three participants: anything, direct write, buffered read" "-DSET0=31 -DSET1=2 -DSET2=4"
prove "three participants: direct read, buffered write, both" "-DSET0=1 -DSET1=8 -DSET2=9"
prove "three participants, inspection in three accesses" "$fixed -DFINE"

echo "Nobody waits for ever, although the others never stop"
alive "buffered reader among direct writers" "$fixed" 2
alive "buffered reader among direct readers" "-DSET0=1 -DSET1=1 -DSET2=4" 2
alive "direct one of both" "-DSET0=9 -DSET1=3 -DSET2=4" 1
alive "exclusive one" "-DSET0=16 -DSET1=6 -DSET2=9" 0

echo "Death at any step"
prove "two participants, all classes, two deaths" "${two[*]} -DCRASH=2"
prove "three participants, two deaths" "$fixed -DCRASH=2"
prove "three participants of both groups and exclusive, one death" "$mixed -DCRASH=1"
prove "no barrier, but time; three participants, two deaths" "$fixed -DCRASH=2 -DGRACE"

echo "Mutations"
break_it "the barrier of who leaves ONLY" "$broken" "$only -DMUT_NO_BARRIER"
break_it "SWITCHING until the barrier is over" "$broken" "$only -DMUT_NO_SWITCHING"
break_it "the fence before the second look" "$broken" "$only -DMUT_NO_SECOND_FENCE"
break_it "announcing before looking" "$broken" "$only -DMUT_LOOK_FIRST"
break_it "the choosing phase" "$broken" "$only -DMUT_NO_CHOOSING"
break_it "smaller tickets first" "$broken" "$only -DMUT_REVERSED"
break_it "C1 and C2: back to one group at once" "$broken" "$only -DMUT_NO_CLOSING"
break_it "C1 before C2" "$broken" "$only -DMUT_SCAN_FIRST"
break_it "the epoch in C3" "$broken" "$only -DMUT_NO_EPOCH"
break_it "the wake at T2" "someone sleeps for ever" "$fixed -DMUT_NO_WAKE_T2"
break_it "the wake at R" "someone sleeps for ever" "$fixed -DMUT_NO_WAKE_R"
break_it "passing by who came later" "someone waits for ever" \
    "$fixed -DQUIET -DLIVE=2 -DMUT_MEET_AGAIN" "-DCOLLAPSE -DNFAIR=3" "-a -f -w22"
break_it "the quiet time before C1" "someone waits for ever" \
    "-DSET0=1 -DSET1=1 -DSET2=4 -DLIVE=2" "-DCOLLAPSE -DNFAIR=3" "-a -f -w22"
break_it "the end of a sleep after some time" "someone sleeps for ever" "$fixed -DCRASH=1 -DMUT_NO_TIMEOUT"
break_it "D1, the question for life" "$broken" "$only -DCRASH=1 -DMUT_NO_LIFE"
break_it "D2, the drain barrier" "$broken" "$only -DCRASH=1 -DMUT_NO_DRAIN"
break_it "the comparison in D3" "$broken" "$only -DCRASH=1 -DMUT_PLAIN_RETIRE"
break_it "telling incarnations apart when a death is noted" "$broken" \
    "$only -DCRASH=2 -DGRACE -DMUT_LATE_NOTE"

echo "What was read ahead is not older than what anyone knew"
protocol=ahead
ahead="-DWRITERS=1 -DREADERS=2"
prove "two writers, one who reads ahead" "-DWRITERS=2 -DREADERS=1"
prove "one writer, two who read ahead" "$ahead"
prove "two writers, two who read ahead, once each" "-DWRITERS=2 -DWRITES=1 -DREADERS=2 -DREADS=1"
break_it "B after W1" "older than known" "$ahead -DMUT_NO_BARRIER"
break_it "SOON until B is over" "older than known" "$ahead -DMUT_SOON_WILL_DO"
break_it "W2 before W3" "older than known" "$ahead -DMUT_STAMP_LATE"
break_it "W3, the scan" "older than known" "$ahead -DMUT_NO_SCAN"
break_it "counting before the write" "older than known" "$ahead -DMUT_COUNT_AFTER"
break_it "W5, the comparison" "older than known" "$ahead -DMUT_NO_CHECK"
protocol=inflight

if [ "$full" = yes ]; then
    echo "Larger searches"
    alive "exclusive one beside any" "-DSET0=9 -DSET1=6 -DSET2=14" 0
    alive "direct one of many" "-DSET0=3 -DSET1=6 -DSET2=12" 1
    depth=20000000
    prove "three participants, all classes" "" "-DSAFETY -DBITSTATE" "-w33 -k3"
    prove "four participants, two of each group" "-DN=4 -DSET0=2 -DSET1=4 -DSET2=2 -DSET3=4" \
        "-DSAFETY -DBITSTATE" "-w33 -k3"
    prove "three direct and two buffered participants, one death" \
        "-DN=5 -DSET0=2 -DSET1=2 -DSET2=2 -DSET3=4 -DSET4=4 -DCRASH=1" "-DSAFETY -DBITSTATE" "-w33 -k3"
fi

echo "model: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
