#!/bin/bash
# test_mariadb.sh - MariaDB under the shim: a server under load, killed and recovered.
#
#   test_mariadb.sh SHIM DBIO [--long]
#
# Shows, with InnoDB's own O_DIRECT on io_uring, on libaio and without native AIO, and with its files
# buffered: money is conserved and every text is what its number says; tables are made, rebuilt,
# truncated and dropped beside the load; a restart changes no checksum; whatever a killed server
# acknowledged is there after recovery; the files of a stopped server have no bad page, and nothing
# in the page cache differs from the disk.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh and lib_mariadb.sh set and use the rest
. "$(dirname "$0")/lib.sh" "$@"
. "$(dirname "$0")/lib_mariadb.sh"

load_seconds=1 crashes=1
if [ "$long" = yes ]; then
    load_seconds=10 crashes=8
fi

# tell_asynchronous LABEL KIND: what the server uses for asynchronous I/O, and whether it is what it
# should be.
tell_asynchronous() {
    local used=none
    ! grep -q 'InnoDB: Using Linux native AIO' "$work/server.log" || used=libaio
    ! grep -q 'InnoDB: Using io_uring' "$work/server.log" || used=io_uring
    if [ "$2" = io_uring ] && [ "$used" != io_uring ]; then
        skip "$1: io_uring was refused (kernel.io_uring_disabled, RLIMIT_MEMLOCK?): the server uses $used"
    else
        same "$1: asynchronous I/O" "$2" "$used"
    fi
}

# Sorts that spill, a table in the temporary tablespace, and tables written anew, beside the load.
rebuild() {
    same "$1: texts that a sort on disk left out of order, and whether there are enough" $'0\t1' "$(ask "
        set sort_buffer_size = 32768; select coalesce(sum(text < last), 0), count(*) > 50000 from
            (select text, lag(text) over (order by text, id) as last from page) sorted")"
    same "$1: wrong texts in a temporary table, and whether there are enough" $'0\t1' "$(ask "
        create temporary table copied engine=innodb as select * from page where id <= 40000;
        select sum(text <> words(v)), count(*) > 10000 from copied")"
    check "$1: page is rebuilt" ask 'alter table page force'
    check "$1: packed is rebuilt" ask 'alter table packed engine=innodb, algorithm=copy'
}

# insert_numbers CLIENT: 1, 2, 3... each in a transaction of its own; it is selected, and so
# printed, only after its insert was acknowledged.
insert_numbers() {
    seq 10000000 | sed "s/.*/insert into number values ($1, &); select &;/" |
        plain mariadb --no-defaults -uroot -S "$work/s" -N -n bank >"$work/acknowledged.$1" 2>"$work/insert.log"
}

# check_numbers LABEL CLIENT: all acknowledged numbers are there, and at most one more.
check_numbers() {
    local last there
    last=$(tail -n 1 "$work/acknowledged.$2")
    if [ "${last:-0}" -eq 0 ]; then
        fail "$1: nothing was acknowledged: $(tail -n 1 "$work/insert.log")"
        return
    fi
    there=$(ask "select count(*) from number where client = $2 and number <= $last")
    same "$1: client $2: acknowledged numbers that are there" "$last" "$there"
    same "$1: client $2: one more at most" 1 "$(ask "select max(number) <= $last + 1 from number where client = $2")"
}

# crash LABEL ROUND MODE OPTION...: kill -9 in the midst; then all is as acknowledged.
crash() {
    local label="$1: killed ($2)" inserters=() client first=$(($2 * 2)) mode=$3
    shift 3
    begin_load 60
    for client in $first $((first + 1)); do
        insert_numbers "$client" &
        inserters+=($!)
    done
    sleep "1.$((RANDOM % 5))"
    check "$label: the load was going on" kill -0 "${loaders[@]}" "${inserters[@]}"
    kill_server
    wait "${inserters[@]}" "${loaders[@]}" || true
    start_server "$mode" "$work/data" "$@"
    check_numbers "$label" "$first"
    check_numbers "$label" $((first + 1))
    check_bank "$label"
}

# first_life LABEL MODE KIND OPTION...: filled, loaded, rebuilt, stopped.
first_life() {
    local label=$1 mode=$2 kind=$3
    shift 3
    start_server "$mode" "$work/data" "$@"
    tell_asynchronous "$label" "$kind"
    fill
    begin_load 60
    sleep "$load_seconds"
    rebuild "$label"
    end_load "$label"
    check_bank "$label"
    before=$(checksums)
    stop_server
    check_files "$label" data
}

# try_server LABEL MODE KIND OPTION...: KIND of asynchronous I/O: io_uring, libaio or none.
try_server() {
    local label="$1, mode $2" mode=$2 kind=$3 round before
    shift 3
    fresh_counts
    rm -f "$work/server.log"
    new_data never
    first_life "$label" "$mode" "$kind" "$@"
    start_server "$mode" "$work/data" "$@"
    same "$label: checksums before and after a restart" "$before" "$(checksums)"
    for round in $(seq "$crashes"); do
        crash "$label" "$round" "$mode" "$@"
    done
    before=$(checksums)
    stop_server
    tell_routes "$label" "$mode"
    # InnoDB tries to map its log with MAP_SYNC, which only persistent memory takes.
    same "$label: requests kept from direct I/O by a mapping that was refused" 0 "$(reason file_mapped)"
    check_files "$label: after crashes" data
    check_log "$label"
    # Ordinary files: a server without the shim finds all it wants in them.
    start_server none "$work/data"
    same "$label: checksums without the shim" "$before" "$(checksums)"
    stop_server
}

native() { try_server "O_DIRECT, io_uring" "$1" io_uring --innodb-flush-method=O_DIRECT; }
simulated() { try_server "O_DIRECT, no native AIO" "$1" none --innodb-flush-method=O_DIRECT --innodb-use-native-aio=0; }
buffered() { try_server "buffered, no native AIO" "$1" none --innodb-flush-method=fsync --innodb-use-native-aio=0; }

# As in a container that forbids io_uring: InnoDB makes do with libaio.
fallback() {
    prefix=(strace -f --seccomp-bpf -qq -o /dev/null -e trace=io_uring_setup -e inject=io_uring_setup:error=EPERM)
    if plain "${prefix[@]}" true; then
        try_server "O_DIRECT, io_uring forbidden" "$1" libaio --innodb-flush-method=O_DIRECT
    else
        skip "O_DIRECT, io_uring forbidden: strace may not trace here"
    fi
    prefix=()
}

on_each() {
    local run
    make_template
    case $filesystem in
        ext4) set -- "native direct" "simulated direct" "buffered auto" "native off" ;;
        xfs) set -- "native auto" "simulated auto" "buffered direct" "fallback direct" ;;
        *) set -- {native,simulated,buffered,fallback}\ direct ;;
    esac
    if [ "$long" = yes ]; then
        set -- {native,simulated,buffered,fallback}\ {auto,direct,off}
    fi
    for run; do
        # shellcheck disable=SC2086 # a function and its argument
        $run
    done
}

need mariadbd mariadb mariadb-install-db innochecksum strace jq
for_each_filesystem on_each
finish
