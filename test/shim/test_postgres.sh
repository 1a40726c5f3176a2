#!/bin/bash
# test_postgres.sh - PostgreSQL under the shim: a server under load, killed and recovered.
#
#   test_postgres.sh SHIM DBIO [--long]
#
# Shows, in each mode: transactions stay whole; files come, go and are copied; indexes fit their
# tables; whatever a killed server acknowledged is there after recovery; the files of a stopped
# server are sound, and nothing in the page cache differs from the disk. At last it says, for
# information, what reading costs under the shim.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh and lib_postgres.sh set and use the rest
. "$(dirname "$0")/lib.sh" "$@"
. "$(dirname "$0")/lib_postgres.sh"

modes=${DBIO_TEST_MODES:-auto direct off}
port=5432
scale=6 load_seconds=2 crashes=2
if [ "$long" = yes ]; then
    load_seconds=30 crashes=15
fi

# Everything but the crashes leaves the server running.
transfer() {
    check "$1: transfers" load "$port" "$load_seconds"
    check_sums "$1" "$port"
    check "$1: reads" plain pgbench -n -S -c 4 -T $((load_seconds / 2)) -p "$port"
    tell_routes "$1: after the load" "$1"
}

# Sorts that spill to temporary files; rewritten tables and indexes.
rewrite() {
    begin_load "$port"
    same "$1: a sort on disk finds no row out of order" "0|150000" "$(sql "$port" "
        set work_mem = '256kB';
        select count(*) filter (where aid <> place), count(*) from
            (select aid, row_number() over (order by filler, aid) as place
                from pgbench_accounts where aid <= 150000) sorted")"
    check "$1: reindex" sql "$port" 'reindex table concurrently pgbench_tellers'
    check "$1: vacuum full" sql "$port" 'vacuum full pgbench_branches'
    end_load "$1"
    check_sums "$1: rewritten" "$port"
    check_structure "$1" "$port"
}

# A database copied file by file: reads and writes through the file position of what the server
# otherwise reads at offsets.
copy_database() {
    check "$1: a database copied by files" \
        plain psql -Xq -p "$port" -d postgres -c 'create database copied template bench strategy file_copy'
    same "$1: the copy's contents" "$(contents "$port")" "$(PGDATABASE=copied contents "$port")"
    check "$1: dropped" plain dropdb -p "$port" copied
}

# insert_numbers CLIENT: 1, 2, 3... each in a transaction of its own; what psql prints was
# acknowledged.
insert_numbers() {
    seq 10000000 | sed "s/.*/insert into numbers values ($1, &) returning number;/" |
        plain psql -XAtq -p "$port" >"$work/acknowledged.$1" 2>"$work/insert.log"
}

# check_numbers LABEL CLIENT: all acknowledged numbers are there, and at most one more.
check_numbers() {
    local last there
    last=$(tail -n 1 "$work/acknowledged.$2")
    if [ "${last:-0}" -eq 0 ]; then
        fail "$1: nothing was acknowledged"
        return
    fi
    there=$(sql "$port" "select count(*) from numbers where client = $2 and number <= $last")
    same "$1: client $2: acknowledged numbers that are there" "$last" "$there"
    same "$1: client $2: one more at most" t \
        "$(sql "$port" "select max(number) <= $last + 1 from numbers where client = $2")"
}

# kill_backend: one process of the server is killed at its work; the postmaster ends the others,
# and recovers.
kill_backend() {
    kill -KILL "$(sql "$port" "select pid from pg_stat_activity
        where application_name = 'pgbench' and state = 'active' limit 1")" || return 1
}

# crash MODE ROUND: kills the server, or a part of it, in the midst; then all is as acknowledged.
crash() {
    local inserters=() label="$1: server killed ($2)" client
    begin_load "$port"
    for client in $(($2 * 2)) $(($2 * 2 + 1)); do
        insert_numbers "$client" &
        inserters+=($!)
    done
    sleep "0.$((RANDOM % 5 + 5))"
    check "$1: the load goes on ($2)" kill -0 "$loader"
    if [ $(($2 % 2)) -eq 0 ]; then
        label="$1: backend killed ($2)"
        wait_for 20 "a backend at work" "$work/load.log" kill_backend
        wait "${inserters[@]}" "$loader" || true
        wait_for 60 "recovery" "$work/cluster.log" recovered "$port"
    else
        crash_server cluster "$port"
        wait "${inserters[@]}" "$loader" || true
        start_server "$1" cluster "$port"
    fi
    check_numbers "$label" $(($2 * 2))
    check_numbers "$label" $(($2 * 2 + 1))
    check_sums "$label" "$port"
}

# In a server that may have few files open, dbio's own descriptors are too many at times.
few_descriptors() {
    prefix=(prlimit --nofile=64)
    fresh_counts
    start_server "$1" cluster "$port" -c autovacuum=off
    prefix=()
    check "$1: 200 tables, 64 descriptors" sql "$port" "do \$\$ declare there int; begin
        for i in 1..200 loop
            execute format('create table few%s as select g, md5(g::text) as text
                from generate_series(1, 200) g', i);
            if i % 20 = 0 then commit; end if;
        end loop;
        for i in 1..400 loop
            execute format('select count(*) from few%s where text = md5(g::text)', i % 200 + 1) into there;
            if there <> 200 then raise 'table % has % rows', i % 200 + 1, there; end if;
        end loop; end \$\$"
    check "$1: checkpoint, 64 descriptors" sql "$port" checkpoint
    stop_server cluster "$port"
    tell_routes "$1: 64 descriptors" "$1"
    same "$1: errors of the server with 64 descriptors" 0 \
        "$(tail -n +"$2" "$work/cluster.log" | grep -cE ' (ERROR|FATAL|PANIC): ' || true)"
}

run_mode() {
    local round
    fresh_counts
    make_cluster "$1" cluster
    start_server "$1" cluster "$port"
    check "$1: filled" fill "$port" "$scale"
    transfer "$1"
    rewrite "$1"
    copy_database "$1"
    for round in $(seq "$crashes"); do
        crash "$1" "$round"
    done
    check_structure "$1: after crashes" "$port"
    stop_server cluster "$port"
    tell_routes "$1: in all" "$1"
    check_files "$1" cluster
}

# Ordinary files: a server without the shim finds all it wants in them.
without_shim() {
    start_server none cluster "$port"
    check_sums "$1: then without the shim" "$port"
    check_structure "$1: then without the shim" "$port"
    stop_server cluster "$port"
}

# reads_per_second MODE
reads_per_second() {
    start_server "$1" cluster "$port"
    plain pgbench -n -S -c 4 -T 3 -p "$port" 2>&1 | sed -n 's/^tps = \([0-9.]*\).*/\1/p'
    stop_server cluster "$port"
}

# Turn by turn, since a machine is not equally fast all the time.
compare_speed() {
    local with without
    for _ in 1 2 3; do
        without=$(reads_per_second none)
        with=$(reads_per_second auto)
        echo "$filesystem: reads a second: $without without, $with in mode auto: ratio" \
            "$(awk -v a="$with" -v b="$without" 'BEGIN { printf "%.2f", a / b }')"
    done
}

run_all() {
    local mode
    write_churn
    for mode in $modes; do
        [ "$mode$filesystem" != offxfs ] || continue
        run_mode "$mode"
        [ "$mode" != direct ] || few_descriptors "$mode" "$(wc -l <"$work/cluster.log")"
        without_shim "$mode"
        [ "$mode" != auto ] || compare_speed
        rm -rf "$work/cluster"
    done
}

need postgres pgbench pg_amcheck pg_checksums jq setpriv
for_each_filesystem run_all
finish
