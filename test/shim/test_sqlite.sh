#!/bin/bash
# test_sqlite.sh - the SQLite shell under the shim, with each kind of journal and with a mapping.
#
#   test_sqlite.sh SHIM DBIO [--long]
#
# Shows, in each mode: a script leaves the same database as without the shim, byte for byte; no
# increment is lost between two processes, and a reader beside them, with the shim or without it,
# never sees the counter go back; after kill -9 all that was acknowledged is there, and a
# transaction that was half in the database is undone from its journal.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets and uses the rest
. "$(dirname "$0")/lib.sh" "$@"

modes=${DBIO_TEST_MODES:-auto direct off}
rounds=24 increments=12 crashes=1
[ "$long" = no ] || rounds=100 increments=60 crashes=8

write_script() {
    local i
    echo "pragma journal_mode=$1; pragma mmap_size=$2; pragma cache_size=50;"
    echo "create table t(id integer primary key, a int, p text); create index i on t(a);"
    for ((i = 0; i < rounds; i++)); do
        echo "begin; with recursive c(n) as (select 1 union all select n + 1 from c where n < 100)
            insert into t(a, p) select (n * 7919 + $i) % 1009, hex(n * $i) || printf('%0200d', n) from c;
            commit;
            begin; delete from t where a % 3 = 0; update t set p = 'gone'; rollback;
            update t set p = p || 'x' where a % 97 = $i % 97; delete from t where id % 31 = $i % 31;"
    done
    echo "vacuum; pragma integrity_check;"
}

# same_as_without LABEL JOURNAL MMAP MODE: $work/LABEL.db is what the script leaves without the shim.
same_as_without() {
    local label="$1, mode $4" plain_db="$work/$1.db" mode=$4
    write_script "$2" "$3" >"$work/script"
    if [ ! -e "$plain_db" ]; then
        plain sqlite3 "$plain_db" <"$work/script" >"$work/out"
        plain sqlite3 "$plain_db" .dump >"$plain_db.dump"
    fi
    fresh_counts
    rm -f "$work"/with.db*
    shimmed "$mode" sqlite3 "$work/with.db" <"$work/script" >"$work/out" 2>&1 ||
        fail "$label: ends with status $?"
    check "$label: sound" test "$(tail -n 1 "$work/out")" = ok
    check "$label: the same file as without the shim" cmp "$work/with.db" "$plain_db"
    drop_cache "$work/with.db" || true
    shimmed "$mode" sqlite3 -cmd "pragma mmap_size=$3" "$work/with.db" .dump >"$work/dump"
    check "$label: reads the same $(wc -l <"$work/dump") lines" \
        cmp <(grep -vx "$3" "$work/dump") <(grep -vx "$3" "$plain_db.dump")
    [ "$mode" = off ] || report_routes "$label" "$mode"
}

# watch MODE: one process that asks for the counter again and again, until $work/enough is there.
watch() {
    local i
    for ((i = 0; i < 6000; i++)); do
        [ ! -e "$work/enough" ] || break
        echo 'select n from c;'
        sleep 0.01
    done | shimmed "$1" sqlite3 -cmd '.timeout 20000' "$work/count.db"
}

# check_seen LABEL FILE: numbers, each at least the one before, and not all the same.
check_seen() {
    check "$1 never sees it go back" sort -n -c "$2"
    check "$1 sees it grow" test "$(uniq "$2" | wc -l)" -gt 3
}

# add MODE: one of two who write at once.
add() { shimmed "$1" sqlite3 -cmd '.timeout 20000' "$work/count.db" <"$work/script"; }

# count_together JOURNAL MODE: two processes add to one counter, two watch it, and have their turn.
count_together() {
    local label="$1, mode $2" mode=$2 readers=() i pid
    rm -f "$work"/count.db* "$work/enough"
    shimmed "$mode" sqlite3 "$work/count.db" "pragma journal_mode=$1; create table c(n int);
        insert into c values(0);" >"$work/out"
    for ((i = 0; i < increments; i++)); do
        echo 'update c set n = n + 1; begin immediate; update c set n = n + 1; commit;'
    done >"$work/script"
    watch none >"$work/seen.none" 2>&1 &
    readers+=($!)
    watch "$mode" >"$work/seen.mode" 2>&1 &
    readers+=($!)
    for ((i = 0; i < 5; i++)); do
        add "$mode" >"$work/out" 2>&1 &
        pid=$!
        add "$mode" >"$work/out2" 2>&1 || fail "$label: a writer fails: $(tail -n 1 "$work/out2")"
        wait "$pid" || fail "$label: a writer fails: $(tail -n 1 "$work/out")"
        sleep 0.15
    done
    touch "$work/enough"
    wait "${readers[@]}" || fail "$label: a reader fails: $(grep -hv '^[0-9]' "$work"/seen.*)"
    check "$label: no increment was lost between two processes" \
        test "$(plain sqlite3 "$work/count.db" 'select n from c')" = $((20 * increments))
    check_seen "$label: a reader without the shim" "$work/seen.none"
    check_seen "$label: a reader with the shim" "$work/seen.mode"
}

# kill_child PID: of the shell in the background, between us and the program.
kill_child() {
    local child
    child=$(pgrep -P "$1") && kill -KILL "$child"
    wait "$1" 2>/dev/null || true
}

# wait_until TEXT COMMAND...: for up to 30 s.
wait_until() {
    local text=$1 i
    shift
    for ((i = 0; i < 1500; i++)); do
        ! "$@" || return 0
        sleep 0.02
    done
    fail "waited in vain for $text: $(tail -n 3 "$work/errors")"
    finish
}
acknowledged() { grep -aoE '^[0-9]+ ' "$work/told" | tail -n 1 | tr -d ' '; }
enough_acknowledged() { [ "$(acknowledged | wc -l)" -gt 0 ] && [ "$(acknowledged)" -ge $((first + 30)) ]; }

# kill_inserting LABEL MODE: each row has a transaction; its number is told in a line that is longer
# than the buffer of the C library, and so at once.
kill_inserting() {
    local i pid told
    first=$(plain sqlite3 "$work/crash.db" 'select count(*) + 1 from t')
    for ((i = first; i < first + 20000; i++)); do
        echo "insert into t values($i, hex(randomblob(1000))); select printf('%d %05000d', $i, 0);"
    done >"$work/script"
    : >"$work/told"
    shimmed "$2" sqlite3 -cmd 'pragma synchronous=full' "$work/crash.db" \
        <"$work/script" >"$work/told" 2>"$work/errors" &
    pid=$!
    started=("$pid")
    wait_until "thirty rows" enough_acknowledged
    kill_child "$pid"
    started=()
    told=$(acknowledged)
    check "$1: sound" test "$(shimmed "$2" sqlite3 "$work/crash.db" 'pragma integrity_check')" = ok
    check "$1: all $told acknowledged are there, and at most one more" \
        test "$(plain sqlite3 "$work/crash.db" \
            "select count(*) - max(n), count(*) - $told in (0, 1) from t")" = '0|1'
}

# kill_half_way LABEL MODE JOURNAL: in the midst of a transaction larger than the cache, part of
# which is in the database (or its WAL) already.
kill_half_way() {
    local pid journal=$work/crash.db-journal spilled=$work/crash.db
    [ "$3" != wal ] || journal=$work/crash.db-wal spilled=$journal
    rm -f "$work/in" "$work/open"
    mkfifo "$work/in"
    exec 7<>"$work/in" # held open: the program waits for more
    shimmed "$2" sqlite3 "$work/crash.db" <"$work/in" >"$work/out" 2>"$work/errors" 7>&- &
    pid=$!
    started=("$pid")
    echo "pragma cache_size=10; begin; update t set p = 'UNDONE' || p;
.system touch $work/open" >&7
    wait_until "a large transaction" test -e "$work/open"
    kill_child "$pid"
    started=()
    exec 7>&-
    check "$1: half of a transaction is in $(basename "$spilled")" grep -aq UNDONE "$spilled"
    check "$1: there is a journal" test -s "$journal"
    check "$1: undone, and sound" test "$(shimmed "$2" sqlite3 "$work/crash.db" \
        "select count(*) from t where p like 'UNDONE%'; pragma integrity_check;" | paste -sd ' ')" = '0 ok'
    check "$1: sound without the shim" test "$(plain sqlite3 "$work/crash.db" 'pragma integrity_check')" = ok
}

# crash JOURNAL MODE
crash() {
    local i label
    rm -f "$work"/crash.db*
    shimmed "$2" sqlite3 "$work/crash.db" \
        "pragma journal_mode=$1; create table t(n integer primary key, p text);" >"$work/out"
    for ((i = 1; i <= crashes; i++)); do
        label="$1, mode $2, kill -9 number $i"
        kill_inserting "$label" "$2"
    done
    # Only WAL is a property of the file; a journal left by the next process is one of mode delete.
    kill_half_way "$1, mode $2, kill -9 half-way" "$2" "$1"
}

on_each() {
    local journal mode
    rm -f "$work"/*.db*
    for mode in $modes; do
        for journal in wal delete truncate; do
            [ "$mode-$journal" != off-truncate ] || continue
            same_as_without "$journal" "$journal" 0 "$mode"
        done
        same_as_without "wal, mapped" wal 100000000 "$mode"
        same_as_without "delete, mapped" delete 100000000 "$mode"
        fresh_counts
        for journal in wal delete; do
            count_together "$journal" "$mode"
            crash "$journal" "$mode"
        done
        [ "$mode" = off ] || report_routes "counters and crashes, mode $mode" "$mode"
    done
}

need sqlite3 jq
for_each_filesystem on_each
finish
