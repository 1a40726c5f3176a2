#!/bin/bash
# test_postgres_standby.sh - PostgreSQL under the shim: copies of a server that is at work.
#
#   test_postgres_standby.sh SHIM DBIO [--long]
#
# Shows, in each mode and with transactions all the while: a streaming standby, killed and started
# again, ends with the primary's contents; a base backup is what its manifest says, and starts; so
# does what cp copied between pg_backup_start and pg_backup_stop, cp being under the shim or not,
# reading through the page cache what the server writes past it.
# shellcheck disable=SC1091,SC2154 # lib.sh and lib_postgres.sh set the rest
. "$(dirname "$0")/lib.sh" "$@"
. "$(dirname "$0")/lib_postgres.sh"

modes=${DBIO_TEST_MODES:-auto direct}
primary=5432 standby=5433 copy=5434
# Not more than leaves the others something of the machine.
rate=(-R 400)
scale=3 rounds=1 pause=1
if [ "$long" = yes ]; then
    rounds=10 pause=5
fi

# remove DIRECTORY: and make room on a small file system.
remove() { rm -rf "${work:?}/$1"; }

# A backup directly after its manifest was written: pg_verifybackup reads all of it.
verified() { check "$1: pg_verifybackup" plain pg_verifybackup -q "$work/$2"; }

replayed() {
    [ "$(sql "$standby" "select pg_last_wal_replay_lsn() >= '$1'")" = t ]
}

# catch_up LABEL: the standby has replayed all that the primary wrote until now.
catch_up() {
    wait_for 60 "$1: the standby to catch up" "$work/standby.log" \
        replayed "$(sql "$primary" 'select pg_current_wal_flush_lsn()')"
}

# streaming LABEL: the standby is connected, and replays while it answers queries.
streaming() {
    wait_for 60 "$1: the standby to stream" "$work/standby.log" has_standby
    check "$1: reads from the standby" plain pgbench -n -S -c 2 -T "$pause" -p "$standby"
}
has_standby() {
    [ "$(sql "$primary" "select count(*) from pg_stat_replication where state = 'streaming'")" = 1 ]
}

same_contents() {
    catch_up "$1"
    same "$1: the standby's contents" "$(contents "$primary")" "$(contents "$standby")"
    check_sums "$1: standby" "$standby"
    check_structure_lightly "$1: standby" "$standby"
}

# check_standby MODE: made, killed and started again under load.
check_standby() {
    local round
    begin_load "$primary" "${rate[@]}"
    check "$1: a standby's base backup" shimmed "$1" pg_basebackup -p "$primary" -D "$work/standby" \
        -R -C -S standby -X stream --checkpoint=fast --no-sync
    verified "$1: standby" standby
    start_server "$1" standby "$standby"
    for round in $(seq "$rounds"); do
        streaming "$1: standby $round"
        crash_server standby "$standby"
        start_server "$1" standby "$standby"
        streaming "$1: standby $round, killed"
    done
    end_load "$1: standby"
    same_contents "$1"
}

# promote MODE: the standby goes on alone.
promote() {
    check "$1: promoted" sql "$standby" 'select 1 / pg_promote()::int'
    check "$1: promoted: transfers" load "$standby" "$pause"
    check_sums "$1: promoted" "$standby"
    stop_server standby "$standby"
    sql "$primary" "select pg_drop_replication_slot('standby')" >/dev/null
    check_files "$1: promoted" standby
    remove standby
}

# check_copy LABEL MODE TRANSFERS: the cluster in copy recovers, is sound, and has the TRANSFERS
# that there were when it was begun.
check_copy() {
    start_server "$2" copy "$copy" -c archive_mode=off -c "restore_command=cp $work/archive/%f %p"
    wait_for 60 "$1: recovery" "$work/copy.log" recovered "$copy"
    check_sums "$1" "$copy"
    same "$1: has what there was at its begin" t \
        "$(sql "$copy" "select count(*) >= $3 from pgbench_history")"
    check_structure "$1" "$copy"
    stop_server copy "$copy"
    check_files "$1" copy
    remove copy
}

transfers() { sql "$primary" 'select count(*) from pgbench_history'; }

# A backup by a tool that knows nothing of dbio, from a server that does.
check_basebackup() {
    local begin
    begin_load "$primary" "${rate[@]}"
    sleep "$pause"
    begin=$(transfers)
    check "$1: base backup" plain pg_basebackup -p "$primary" -D "$work/copy" -X stream \
        --checkpoint=fast --no-sync
    end_load "$1: base backup"
    verified "$1: base backup" copy
    check_copy "$1: base backup" "$1" "$begin"
}

# copy_entry ENTRY COMMAND...: files that vanish while they are copied are those that recovery does
# without; whatever else the command complains of is an error.
copy_entry() {
    local entry=$1
    shift
    "$@" "$entry" "$work/copy/" 2>"$work/cp.log" || [ -s "$work/cp.log" ] || return 1
    ! grep -v 'No such file or directory$' "$work/cp.log"
}

# copy_files COMMAND...: all but WAL and what a backup is told to leave out.
copy_files() {
    local entry
    plain mkdir -m 700 "$work/copy" "$work/copy/pg_replslot"
    for entry in "$work/primary"/*; do
        case ${entry##*/} in pg_wal | pg_replslot | postmaster.*) continue ;; esac
        copy_entry "$entry" "$@" || return 1
    done
}

# A session that stays open, as pg_backup_start wants it.
say() { echo "$1" >&"${session[1]}"; }
hear() {
    local line=
    while [ "$line" != "$1" ]; do
        read -r -t 60 line <&"${session[0]}" ||
            give_up "waited in vain for '$1' from psql" "$work/session.log"
    done
}

# begin_wal, end_wal SOURCE LABEL COMMAND...: the WAL that the backup needs is copied by the
# COMMAND, or by what the server itself starts to archive it.
begin_wal() {
    case $1 in
        copied) sql "$primary" "select pg_create_physical_replication_slot('copy', true)" >/dev/null ;;
        archived) archive_by "cp %p $work/archive/%f" ;;
    esac
}
end_wal() {
    local source=$1 label=$2
    shift 2
    if [ "$source" = copied ]; then
        check "$label: WAL copied" copy_entry "$work/primary/pg_wal" "$@"
        sql "$primary" "select pg_drop_replication_slot('copy')" >/dev/null
    else
        archive_by true
        plain mkdir -m 700 "$work/copy/pg_wal"
        plain touch "$work/copy/recovery.signal"
    fi
}
archive_by() {
    sql "$primary" "alter system set archive_command = '$1'"
    sql "$primary" 'select pg_reload_conf()' >/dev/null
}

# copy_by_hand SOURCE LABEL COMMAND...: as the manual says under "Making a Base Backup Using the Low
# Level API": the label goes into the copy, and with it WAL until the end of the backup.
copy_by_hand() {
    local source=$1 label=$2
    shift 2
    begin_wal "$source"
    coproc session { plain psql -XAtq -v ON_ERROR_STOP=1 -p "$primary" 2>"$work/session.log"; }
    say "select pg_backup_start('copy', true) is not null \\g /dev/null"
    say '\echo begun'
    hear begun
    check "$label: copied" copy_files "$@"
    say "\\o $work/backup_label"
    say 'select labelfile from pg_backup_stop();'
    say '\o'
    say '\echo ended'
    hear ended
    say '\q'
    wait "$session_PID"
    end_wal "$source" "$label" "$@"
    plain mv "$work/backup_label" "$work/copy/"
}

# check_cp LABEL MODE SOURCE COMMAND...
check_cp() {
    local label=$1 mode=$2 source=$3 begin
    shift 3
    begin_load "$primary" "${rate[@]}"
    sleep "$pause"
    begin=$(transfers)
    copy_by_hand "$source" "$label" "$@"
    end_load "$label"
    check_copy "$label" "$mode" "$begin"
}

run_mode() {
    fresh_counts
    make_cluster "$1" primary
    plain tee -a "$work/primary/postgresql.conf" <<<"archive_mode = on" >/dev/null
    plain tee -a "$work/primary/postgresql.conf" <<<"archive_command = 'true'" >/dev/null
    plain mkdir "$work/archive"
    start_server "$1" primary "$primary"
    check "$1: filled" fill "$primary" "$scale"
    check_standby "$1"
    promote "$1"
    check_basebackup "$1"
    check_cp "$1: cp" "$1" copied plain cp -a
    [ "$long" = no ] || check_cp "$1: cp by reading" "$1" copied plain cp -a --reflink=never
    if [ -z "${DBIO_PROGRAMS:-}" ]; then
        check_cp "$1: cp under the shim" "$1" archived shimmed "$1" cp -a --reflink=never
        check "$1: WAL came from the archive" grep -q 'restored log file' "$work/copy.log"
        [ "$long" = no ] || check_cp "$1: cp -a under the shim" "$1" copied shimmed "$1" cp -a
    fi
    stop_server primary "$primary"
    check_files "$1: primary" primary
    tell_routes "$1: in all" "$1"
    remove primary
    remove archive
}

run_all() {
    local mode
    write_churn
    for mode in $modes; do
        run_mode "$mode"
    done
}

need postgres pgbench pg_amcheck pg_basebackup pg_verifybackup jq setpriv
for_each_filesystem run_all
finish
