#!/bin/bash
# test_rocksdb.sh SHIM DBIO [--long] - RocksDB's db_bench under the shim, buffered and with its own
# O_DIRECT: every checksum is right, every key is found, and what a run leaves in its files is what
# the same run leaves without the shim.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
keys=30000
[ "$long" = no ] || keys=600000

bench() {
    local mode=$1
    shift
    shimmed "$mode" db_bench --db="$work/db" --num=$keys --value_size=400 --seed=1 --threads=1 \
        --write_buffer_size=2000000 --compression_type=none --verify_checksum "$@"
}

# contents: a digest of all keys and values.
contents() { plain ldb --db="$work/db" scan --hex 2>/dev/null | md5sum; }

# try LABEL MODE OPTION...
try() {
    local label="$1, mode $2" mode=$2
    shift 2
    fresh_counts
    check "$label: fill, overwrite, compact" \
        bench "$mode" --benchmarks=fillrandom,overwrite,compact "$@"
    check "$label: read beside a writer" \
        bench "$mode" --benchmarks=readwhilewriting --use_existing_db --threads=2 --reads=5000 "$@"
    check "$label: checksums" bench "$mode" --benchmarks=verifychecksum --use_existing_db "$@"
    bench "$mode" --benchmarks=fillseq --disable_wal "$@" >"$work/out" 2>&1 ||
        fail "$label: fillseq: $(tail -n 1 "$work/out")"
    drop_cache "$work"/db/*.sst
    bench "$mode" --benchmarks=readrandom --use_existing_db "$@" >"$work/out" 2>&1 || true
    check "$label: every key is found" grep -q "($keys of $keys found)" "$work/out"
    check "$label: consistent" plain ldb --db="$work/db" checkconsistency
    # The same seed writes the same keys and values.
    if [ "$mode" = none ]; then
        plain_contents=$(contents)
    else
        check "$label: the contents are those of a run without the shim" \
            test "$(contents)" = "$plain_contents"
        [ "$mode" = off ] || report_routes "$label" "$mode"
    fi
    rm -rf "$work/db"
}

# A writer that syncs each key is killed; what it has counted is there.
crash() {
    local mode=$1 pid i
    bench "$mode" --benchmarks=fillsync --num=1000000 >"$work/out" 2>&1 &
    pid=$!
    for ((i = 0; i < 100; i++)); do
        [ "$(cat "$work"/db/*.log 2>/dev/null | wc -c)" -lt 100000 ] || break
        sleep 0.1
    done
    pkill_by_db
    wait "$pid" 2>/dev/null || true
    check "killed, mode $mode: opens again, consistent" plain ldb --db="$work/db" checkconsistency
    check "killed, mode $mode: keys are there" \
        test "$(plain ldb --db="$work/db" scan --hex 2>/dev/null | wc -l)" -gt 100
    check "killed, mode $mode: checksums" \
        bench "$mode" --benchmarks=verifychecksum --use_existing_db
    rm -rf "$work/db"
}

# Ends the db_bench that has this test's database open, by number.
pkill_by_db() {
    local pid
    for pid in $(pgrep -x db_bench); do
        if tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF -- "--db=$work/db"; then
            kill -KILL "$pid"
        fi
    done
}

on_each() {
    local direct=(--use_direct_reads --use_direct_io_for_flush_and_compaction) mode
    for mode in none auto direct off; do
        try "buffered" "$mode"
    done
    for mode in none auto direct; do
        try "its own O_DIRECT" "$mode" "${direct[@]}"
    done
    crash direct
}

need db_bench ldb jq
for_each_filesystem on_each
finish
