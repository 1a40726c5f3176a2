#!/bin/bash
# test_sqlite.sh SHIM DBIO [--long] - the SQLite shell under the shim, with each kind of journal and
# with a mapping: the same database as without, locks that hold between processes, and hot journals
# that are played back.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
rounds=40
[ "$long" = no ] || rounds=1000

script() {
    local journal=$1 i
    echo "pragma journal_mode=$journal; pragma mmap_size=${2:-0}; pragma cache_size=50;"
    echo "create table t(id integer primary key, a int, p text); create index i on t(a);"
    for ((i = 0; i < rounds; i++)); do
        echo "begin; with recursive c(n) as (select 1 union all select n + 1 from c where n < 100)
            insert into t(a, p) select (n * 7919 + $i) % 1009, hex(n * $i) || printf('%0200d', n) from c; commit;
            update t set p = p || 'x' where a % 97 = $i % 97; delete from t where id % 31 = $i % 31;"
    done
    echo "vacuum; pragma integrity_check;"
}

dump() { plain sqlite3 "$work/$1.db" .dump | md5sum; }

# same_as_without JOURNAL MODE MMAP
same_as_without() {
    local label="$1${3:+, mapped}, mode $2"
    fresh_counts
    rm -f "$work"/{with,without}.db*
    script "$1" "${3:-0}" >"$work/script"
    plain sqlite3 "$work/without.db" <"$work/script" >/dev/null
    shimmed "$2" sqlite3 "$work/with.db" <"$work/script" >"$work/out" 2>&1 || true
    check "$label: sound" test "$(tail -n 1 "$work/out")" = ok
    check "$label: the same as without the shim" test "$(dump with)" = "$(dump without)"
    [ "$2" = off ] || report_routes "$label" "$2"
}

# Two processes add to one counter; a third, without the shim, watches it grow.
count_together() {
    local journal=$1 mode=$2 pids=() i last=0 now
    shimmed "$mode" sqlite3 "$work/count.db" \
        "pragma journal_mode=$journal; create table c(n int); insert into c values(0);" >/dev/null
    for i in 1 2; do
        shimmed "$mode" sqlite3 -cmd '.timeout 20000' "$work/count.db" >/dev/null \
            < <(for ((i = 0; i < 3 * rounds; i++)); do echo 'update c set n = n + 1;'; done) &
        pids+=($!)
    done
    for ((i = 0; i < 10; i++)); do
        now=$(plain sqlite3 -cmd '.timeout 20000' "$work/count.db" 'select n from c')
        [ "$now" -ge "$last" ] || fail "$journal, mode $mode: the counter went back from $last to $now"
        last=$now
    done
    wait "${pids[@]}"
    check "$journal, mode $mode: no increment was lost between two processes" \
        test "$(plain sqlite3 "$work/count.db" 'select n from c')" = $((6 * rounds))
    rm -f "$work"/count.db*
}

# Killed in the midst: what it said to have committed is there, and the database is sound.
crash() {
    local journal=$1 mode=$2 pid i acknowledged
    rm -f "$work"/crash.db*
    shimmed "$mode" sqlite3 "$work/crash.db" \
        "pragma journal_mode=$journal; create table t(n integer primary key, p text);" >/dev/null
    for ((i = 1; i < 100000; i++)); do
        echo "insert into t values($i, hex(randomblob(3000))); select $i;"
    done >"$work/inserts"
    shimmed "$mode" sqlite3 -cmd 'pragma synchronous=full' "$work/crash.db" <"$work/inserts" >"$work/told" 2>/dev/null &
    pid=$!
    sleep 1
    pkill -KILL -P "$pid" || true # a shell stands between us and the program
    wait "$pid" 2>/dev/null || true
    acknowledged=$(tail -n 2 "$work/told" | head -n 1)
    check "$journal, mode $mode: after kill -9 sound" \
        test "$(shimmed "$mode" sqlite3 "$work/crash.db" 'pragma integrity_check')" = ok
    check "$journal, mode $mode: all $acknowledged acknowledged are there" \
        test "$(plain sqlite3 "$work/crash.db" "select count(*) from t where n <= ${acknowledged:-0}")" = "${acknowledged:-none}"
}

on_each() {
    local journal mode
    for mode in auto direct off; do
        for journal in wal delete truncate; do
            same_as_without "$journal" "$mode"
        done
        same_as_without wal "$mode" 100000000
    done
    fresh_counts
    for journal in wal delete; do
        count_together "$journal" direct
        crash "$journal" direct
    done
    report_routes "crashes and counters" direct
}

need sqlite3 jq
for_each_filesystem on_each
finish
