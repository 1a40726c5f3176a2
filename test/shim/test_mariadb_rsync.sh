#!/bin/bash
# test_mariadb_rsync.sh - coherence that people can feel: MariaDB writes direct while rsync reads its
# files through the page cache, over and over.
#
#   test_mariadb_rsync.sh SHIM DBIO [--long]
#
# Shows, with files that the shim makes direct and with InnoDB's own O_DIRECT on io_uring, and with an
# rsync that is under the shim and one that nobody knows of: what rsync leaves in the page cache
# never comes back as an old page. Tables that are held still for an export amid the load are copied
# without a bad page, and are the same where they are imported; the copy of a stopped server's files
# is the same byte by byte, and starts as a server with the same checksums.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh and lib_mariadb.sh set and use the rest
. "$(dirname "$0")/lib.sh" "$@"
. "$(dirname "$0")/lib_mariadb.sh"

load_seconds=1 exported=(page packed)
if [ "$long" = yes ]; then
    load_seconds=10 exported=(page packed page account page packed transfer page packed page)
fi

# keep_copying MODE: rsync in that mode until $work/enough. Its copies are torn, and that is no
# matter: it reads all that the server writes. Files may be gone (23, 24), nothing else may be wrong.
keep_copying() {
    local status
    while [ -d "$work/data" ] && [ ! -e "$work/enough" ]; do
        status=0
        shimmed "$1" rsync -a --inplace --whole-file --ignore-times --delete "$work/data/" "$work/torn/" \
            2>"$work/rsync.log" || status=$?
        case $status in
            0 | 23 | 24) echo "$status" >>"$work/copies" ;;
            *) return "$status" ;;
        esac
    done
}
begin_copying() {
    rm -rf "$work"/{enough,copies,torn}
    keep_copying "$1" &
    copier=$!
    started+=("$copier")
}
end_copying() {
    touch "$work/enough"
    check "$1: rsync meanwhile" wait "$copier"
    echo "$filesystem: $1: $(wc -l <"$work/copies") copies of all files beside the load"
    check "$1: more than one" test "$(wc -l <"$work/copies")" -gt 1
}

# hold TABLE, release: a session that flushes the table and holds it still. Others go on.
hold() {
    coproc session { plain mariadb --no-defaults -uroot -S "$work/s" -N -n bank 2>&1; }
    session_process=$session_PID
    echo "flush tables $1 for export; checksum table $1;" >&"${session[1]}"
    held=
    read -r -t 60 held <&"${session[0]}" || true
    held=${held#*$'\t'}
}
release() {
    echo "unlock tables; select 'released';" >&"${session[1]}"
    answer=
    read -r -t 60 answer <&"${session[0]}" || true
    same "$1: the session held it till then" released "$answer"
    eval "exec ${session[1]}>&-"
    wait "$session_process" || true
}

# transferred: how many transfers there are.
transferred() { ask 'select count(*) from transfer' || echo 0; }
more_than() { [ "$(transferred)" -gt "$1" ]; }

# export_table LABEL RSYNC-MODE TABLE ROUND: copied by rsync while the other tables are written.
export_table() {
    local label="$1: export of $3 ($4)" mode=$2 table=$3 to=$work/exported/$4 answer held before
    plain mkdir -p "$to"
    hold "$table"
    # Transfers wait for these two; then others do the writing.
    case $table in
        account | transfer) ;;
        *)
            before=$(transferred)
            wait_for 60 "transfers beside the export" "$work/server.log" more_than "$before"
            ;;
    esac
    check "$label: rsync" shimmed "$mode" rsync -a "$work/data/bank/$table".{ibd,cfg} "$to/"
    check "$label: the page cache shows what is stored" cached_as_stored "$work/data/bank/$table.ibd"
    release "$label"
    check "$label: innochecksum finds no bad page in the copy" plain innochecksum "$to/$table.ibd"
    echo "$held" >"$to/checksum"
}

# import_table LABEL TABLE ROUND: the copy becomes a table of the running server.
import_table() {
    local label="$1: import of $2 ($3)" table=$2 from=$work/exported/$3
    ask "drop database if exists imported; create database imported;
        create table imported.$table like bank.$table; alter table imported.$table discard tablespace"
    plain cp "$from/$table".{ibd,cfg} "$work/$4/imported/"
    check "$label: imported" ask "alter table imported.$table import tablespace"
    same "$label: checksum when it was exported" "$(cat "$from/checksum")" \
        "$(ask "checksum table imported.$table" | cut -f 2)"
    same "$label: sound" $'status\tOK' "$(ask "check table imported.$table extended" | cut -f 3-)"
}

# beside_rsync LABEL RSYNC-MODE OPTION...
beside_rsync() {
    local label=$1 mode=$2 round before
    shift 2
    fresh_counts
    rm -rf "$work"/{server.log,exported,copy}
    new_data auto
    start_server direct "$work/data" "$@"
    fill
    begin_copying "$mode"
    begin_load 600
    sleep "$load_seconds"
    for round in "${!exported[@]}"; do
        export_table "$label" "$mode" "${exported[round]}" "$round"
    done
    end_load "$label"
    end_copying "$label"
    check_bank "$label"
    before=$(checksums)
    stop_server
    report_routes "$label" direct
    check_files "$label" data
    compare_copy "$label" "$mode" "$before"
}

# compare_copy LABEL RSYNC-MODE CHECKSUMS: of the stopped server's files.
compare_copy() {
    local label=$1 mode=$2 before=$3 round
    check "$label: the last rsync" shimmed "$mode" rsync -a --checksum --delete "$work/data/" "$work/torn/"
    check "$label: the copy is the same, byte by byte" plain diff -r "$work/data" "$work/torn"
    mv "$work/torn" "$work/copy"
    start_server none "$work/copy"
    same "$label: checksums in the copy" "$before" "$(checksums)"
    for round in "${!exported[@]}"; do
        import_table "$label" "${exported[round]}" "$round" copy
    done
    stop_server
    check_log "$label"
}

on_each() {
    local made_direct=(--innodb-flush-method=fsync --innodb-use-native-aio=0)
    local its_own=(--innodb-flush-method=O_DIRECT)
    make_template
    beside_rsync "made direct, rsync under the shim" direct "${made_direct[@]}"
    beside_rsync "made direct, rsync without the shim" none "${made_direct[@]}"
    beside_rsync "its own O_DIRECT, rsync under the shim" direct "${its_own[@]}"
    beside_rsync "its own O_DIRECT, rsync without the shim" none "${its_own[@]}"
}

need mariadbd mariadb mariadb-install-db innochecksum rsync jq
for_each_filesystem on_each
finish
