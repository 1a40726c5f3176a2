#!/usr/bin/env bash
# What it shows: the benches under a memory limit (W2, W6) run small, every contender reads and writes
# the right bytes, and nothing is left behind, also when they are told to end.
#
# usage: test_bench.sh FOLDER-OF-THE-PROGRAMS
set -u

programs=${1:?usage: test_bench.sh FOLDER-OF-THE-PROGRAMS}
passed=0 failed=0
work=$(mktemp -d "${DBIO_TEST_DIR:-${TMPDIR:-/var/tmp}}/dbio-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT

# judge NAME COMPLAINT: one case; it failed if there is a complaint.
judge() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1: $2"
    fi
}

# expect NAME STATUS COMMAND...: the exit status; the output is kept in $output.
expect() {
    local name=$1 status=$2 found
    shift 2
    output=$("$@" 2>"$work.errors")
    found=$?
    judge "$name" "$([ "$found" -eq "$status" ] ||
        echo "status $found, not $status; $output $(cat "$work.errors")")"
    rm -f "$work.errors"
}

# left PID: what the bench with this process id should have removed.
left() {
    find "$work" -mindepth 1
    find /sys/fs/cgroup -maxdepth 2 -name "dbio-bench-$1" 2>/dev/null
}

for bench in scan load; do
    program=$programs/bench_$bench
    expect "$bench --help" 0 "$program" --help
    expect "$bench: a size of nothing" 2 "$program" --size 0
    expect "$bench: a piece that does not fit" 2 "$program" --piece 12
done

"$programs/bench_load" --quick --memory --dir "$work" --json >"$work.out"
if [ $? -eq 77 ]; then
    echo "skipped: $(cat "$work.out")"
    rm -f "$work.out"
    echo "test_bench: $passed passed, $failed failed, 1 skipped"
    [ "$failed" -eq 0 ]
    exit
fi
rm -f "$work.out"

for bench in scan load; do
    program=$programs/bench_$bench
    expect "$bench: no directory" 1 "$program" --quick --memory --dir "$work/nowhere"
    expect "$bench --quick" 0 "$program" --quick --memory --dir "$work" --json
    judge "$bench: right bytes" "$(grep -E '"wrong": [1-9]' <<<"$output")"
    judge "$bench: each contender" "$([ "$(grep -oE '"wrong": 0' <<<"$output" | wc -l)" -ge 4 ] ||
        echo "$output")"
    judge "$bench leaves nothing" "$(find "$work" -mindepth 1)"
    "$program" --size 1024 --memory --dir "$work" >/dev/null 2>&1 &
    pid=$!
    sleep 2
    kill -TERM "$pid"
    wait "$pid" 2>/dev/null
    status=$?
    judge "$bench, told to end" "$([ $status -eq 143 ] || echo "status $status")"
    judge "$bench, told to end, leaves nothing" "$(left "$pid")"
done
echo "test_bench: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
