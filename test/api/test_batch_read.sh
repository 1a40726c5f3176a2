#!/usr/bin/env bash
# What it shows: examples/hello/batch_read reads every byte of a file once, by a ring and by threads,
# with one block at a time and with many, and says what is wrong with its arguments.
#
# usage: test_batch_read.sh /path/to/batch_read
set -u

program=${1:?usage: test_batch_read.sh /path/to/batch_read}
passed=0 failed=0
work=$(mktemp -d "${DBIO_TEST_DIR:-${TMPDIR:-/var/tmp}}/dbio-batch.XXXXXX")
trap 'rm -rf "$work"' EXIT

# check NAME STATUS PATTERN COMMAND...: the exit status and the output of a command.
check() {
    local name=$1 status=$2 pattern=$3 output found
    shift 3
    output=$("$@" 2>&1)
    found=$?
    if [ "$found" = "$status" ] && [[ $output =~ $pattern ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name: status $found, not $status; output:"
        echo "$output" | sed 's/^/    /'
    fi
}

export DBIO_REGISTRY=off
head -c 1234567 /dev/urandom >"$work/file"
sum=$(od -An -v -tu1 "$work/file" | awk '{ for (i = 1; i <= NF; i++) sum += $i } END { printf "%d", sum }')
: >"$work/empty"
for backend in uring threads; do
    export DBIO_BACKEND=$backend
    for many in 1 7 64 1024; do
        check "$backend, $many at a time" 0 "^1234567 bytes, sum $sum, " "$program" "$work/file" "$many"
    done
    check "$backend: an empty file" 0 "^0 bytes, sum 0, " "$program" "$work/empty"
done
check "threads say so" 0 "by threads: " "$program" "$work/file"
check "no file" 1 "nowhere: " "$program" "$work/nowhere"
check "no argument" 2 "usage: " "$program"
check "too many at a time" 2 "usage: " "$program" "$work/file" 1025
echo "test_batch_read: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
