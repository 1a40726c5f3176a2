#!/bin/bash
# test_rocksdb.sh - RocksDB's db_bench under the shim, buffered and with its own O_DIRECT.
#
#   test_rocksdb.sh SHIM DBIO [--long]
#
# Shows, in each mode: every key is found and every checksum right, with a writer beside the reader
# and with a cold cache; the keys, values and sequence numbers of a run are those of the same run
# without the shim, whoever reads them; after kill -9 the keys that were acknowledged are there, up
# to the last one without a gap.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets and uses the rest
. "$(dirname "$0")/lib.sh" "$@"

modes=${DBIO_TEST_MODES:-auto direct off}
own_direct=(--use_direct_reads --use_direct_io_for_flush_and_compaction)
keys=20000 reads=4000 acknowledged=400
[ "$long" = no ] || keys=150000 reads=30000 acknowledged=4000

# bench MODE OPTION...
bench() {
    local mode=$1
    shift
    shimmed "$mode" db_bench --db="$work/db" --num="$keys" --value_size=400 --seed=1 --threads=1 \
        --write_buffer_size=2000000 --compression_type=none --verify_checksum "$@"
}

# dump MODE FILE: keys and values as a program of that mode reads them, then also sequence numbers.
dump() {
    drop_cache "$work"/db/*.sst || true
    {
        shimmed "$1" ldb --db="$work/db" scan --hex &&
            shimmed "$1" ldb --db="$work/db" idump --hex
    } >"$2" 2>"$work/errors" || fail "ldb, mode $1: status $?: $(tail -n 1 "$work/errors")"
}

# find_all MODE OPTION...: the same seed asks for the keys that it wrote.
find_all() {
    bench "$1" --benchmarks=readrandom --use_existing_db "${@:2}" 2>&1 | tee "$work/out" &&
        grep -qF "($keys of $keys found)" "$work/out"
}

# random_keys LABEL MODE OPTION...: the same seed writes the same keys and values in the same
# order.
random_keys() {
    local label=$1 mode=$2
    shift 2
    check "$label: fill, overwrite, compact" bench "$mode" --benchmarks=fillrandom,overwrite,compact "$@"
    if [ "$mode" = none ]; then
        dump none "$work/expected"
        check "$label: $(wc -l <"$work/expected") lines to compare" \
            test "$(wc -l <"$work/expected")" -gt "$keys"
    else
        dump none "$work/contents"
        check "$label: the contents of a run without the shim" cmp "$work/contents" "$work/expected"
        dump "$mode" "$work/contents"
        check "$label: the same to a reader with the shim" cmp "$work/contents" "$work/expected"
    fi
    check "$label: every key is found" find_all "$mode" "$@"
    # Without a limit the writer of a long run fills the file system.
    check "$label: read beside a writer" bench "$mode" --benchmarks=readwhilewriting \
        --use_existing_db --threads=2 --reads="$reads" --benchmark_write_rate_limit=8000000 "$@"
    check "$label: checksums" bench "$mode" --benchmarks=verifychecksum --use_existing_db "$@"
    check "$label: consistent" plain ldb --db="$work/db" checkconsistency
}

# ordered_keys LABEL MODE OPTION...: read from a cold cache.
ordered_keys() {
    local label=$1 mode=$2
    shift 2
    rm -rf "$work/db"
    check "$label: fill in order" bench "$mode" --benchmarks=fillseq --disable_wal "$@"
    drop_cache "$work"/db/*.sst || true
    check "$label: every key is found from a cold cache" find_all "$mode" "$@"
    check "$label: checksums there" bench "$mode" --benchmarks=verifychecksum --use_existing_db "$@"
}

# try LABEL MODE OPTION...
try() {
    local label="$1, mode $2" mode=$2
    shift 2
    fresh_counts
    rm -rf "$work/db"
    random_keys "$label" "$mode" "$@"
    ordered_keys "$label" "$mode" "$@"
    case $mode in none | off) ;; *) report_routes "$label" "$mode" ;; esac
}

# last_told: db_bench says after every 20 keys how many are synced.
last_told() { sed -nE 's/.* thread 0: \([0-9]+,([0-9]+)\) ops and .*/\1/p' "$work/told" | tail -n 1; }
enough_told() { [ "$(last_told | wc -l)" -gt 0 ] && [ "$(last_told)" -ge "$acknowledged" ]; }

# kill_writing MODE OPTION...: kill -9 in the midst of synced writes and flushes.
kill_writing() {
    local pid child i
    rm -rf "$work/db"
    bench "$1" --num=10000000 --benchmarks=fillseq --sync --stats_interval=20 --write_buffer_size=100000 \
        "${@:2}" >"$work/out" 2>"$work/told" &
    pid=$!
    started=("$pid")
    for ((i = 0; i < 1500; i++)); do
        ! enough_told || break
        sleep 0.02
    done
    child=$(pgrep -P "$pid") && kill -KILL "$child"
    wait "$pid" 2>/dev/null || true
    started=()
}

# crash LABEL MODE OPTION...
crash() {
    local label="$1, mode $2, kill -9" mode=$2 told number
    shift 2
    fresh_counts
    kill_writing "$mode" "$@"
    told=$(last_told)
    check "$label: ${told:-none} keys acknowledged, $acknowledged waited for" \
        test "${told:-0}" -ge "$acknowledged"
    drop_cache "$work"/db/*.sst || true
    check "$label: recovers, checksums" bench "$mode" --benchmarks=verifychecksum,readseq \
        --use_existing_db --num=100 "$@"
    check "$label: consistent" plain ldb --db="$work/db" checkconsistency
    plain ldb --db="$work/db" scan --hex 2>"$work/errors" | cut -d ' ' -f 1 >"$work/keys" ||
        fail "$label: $(tail -n 1 "$work/errors")"
    number=$(wc -l <"$work/keys")
    check "$label: all of them are there, of $number" test "$number" -ge "${told:-1}"
    check "$label: without a gap" cmp "$work/keys" \
        <(for ((i = 0; i < number; i++)); do printf '0x%016X3030303030303030\n' "$i"; done)
    case $mode in off) ;; *) report_routes "$label" "$mode" ;; esac
}

on_each() {
    local mode
    for mode in none $modes; do
        try "buffered" "$mode"
    done
    for mode in none $modes; do
        try "its own O_DIRECT" "$mode" "${own_direct[@]}"
    done
    for mode in $modes; do
        crash "buffered" "$mode"
    done
    crash "its own O_DIRECT" direct "${own_direct[@]}"
}

need db_bench ldb jq
for_each_filesystem on_each
finish
