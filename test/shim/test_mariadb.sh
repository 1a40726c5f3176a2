#!/bin/bash
# test_mariadb.sh SHIM DBIO [--long] - MariaDB as it is under the shim: with its own io_uring, without
# asynchronous I/O, and with a buffered flush method. Money is conserved, tables are sound, what was
# acknowledged before kill -9 is there after recovery.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib_mariadb.sh"
seconds=2
[ "$long" = no ] || seconds=20

# recover LABEL MODE OPTION...: numbers are inserted one by one and noted when acknowledged; the
# server is killed meanwhile.
recover() {
    local label=$1 mode=$2 writer acknowledged found
    shift 2
    : >"$work/acknowledged"
    ask 'create table ledger(n int primary key) engine=innodb' bank
    (
        n=0
        while ask "insert into ledger values ($n)" bank >/dev/null 2>&1; do
            echo "$n" >>"$work/acknowledged"
            n=$((n + 1))
        done
    ) &
    writer=$!
    load bank 1 &
    sleep $((seconds < 5 ? 2 : seconds))
    kill_server
    wait "$writer"
    touch "$work/enough"
    wait %+ 2>/dev/null || true
    start_server "$mode" "$work/data" "$@" || return 0
    acknowledged=$(wc -l <"$work/acknowledged")
    found=$(ask "select count(*) from ledger where n < $acknowledged" bank)
    check "$label: all $acknowledged acknowledged before kill -9 are there" \
        test "$acknowledged" -gt 0 -a "$found" = "$acknowledged"
    check "$label: after recovery money is conserved" \
        test "$(money bank)" = "$(printf '2000000\t20000')"
    check "$label: after recovery tables are sound" test -z "$(examine bank)"
}

# try_server LABEL MODE OPTION...
try_server() {
    local label=$1 mode=$2 before
    shift 2
    label="$label, mode $mode"
    fresh_counts
    : >"$work/server.log"
    cp -a "$work/template" "$work/data"
    start_server "$mode" "$work/data" "$@" || return 0
    grep -oE 'Using (io_uring|Linux native AIO)' "$work/server.log" | head -n 1 |
        sed "s|^|$filesystem: $label: |" || true
    fill bank
    load bank "$seconds"
    check "$label: money is conserved" test "$(money bank)" = "$(printf '2000000\t20000')"
    check "$label: tables are sound" test -z "$(examine bank)"
    before=$(checksums bank)
    stop_server
    check "$label: innochecksum finds nothing" plain innochecksum "$work/data/bank/page.ibd"
    start_server "$mode" "$work/data" "$@" || return 0
    check "$label: checksums are the same after a restart" test "$(checksums bank)" = "$before"
    recover "$label" "$mode" "$@"
    stop_server
    [ "$mode" = off ] || report_routes "$label" "$mode"
    rm -rf "$work/data"
}

on_each() {
    local direct=(--innodb-flush-method=O_DIRECT) buffered=(--innodb-flush-method=fsync)
    make_template
    if [ "$filesystem" != xfs ] || [ "$long" = yes ]; then
        try_server "io_uring" direct "${direct[@]}"
        try_server "no native AIO" direct "${direct[@]}" --innodb-use-native-aio=0
        try_server "buffered" direct "${buffered[@]}" --innodb-use-native-aio=0
        try_server "io_uring" off "${direct[@]}"
    fi
    if [ "$filesystem" != ext4 ] || [ "$long" = yes ]; then
        try_server "io_uring" auto "${direct[@]}"
        try_server "no native AIO" auto "${direct[@]}" --innodb-use-native-aio=0
        try_server "buffered" auto "${buffered[@]}" --innodb-use-native-aio=0
    fi
}

need mariadbd mariadb mariadb-install-db innochecksum jq
for_each_filesystem on_each
finish
