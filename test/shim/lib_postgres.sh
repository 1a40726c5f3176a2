# lib_postgres.sh - clusters, loads and comparisons of the PostgreSQL tests. Sourced after lib.sh.
#
# A cluster is a directory in $work and a port, which only names its socket in $work. What a test
# cannot go on without ends it: give_up.
# shellcheck shell=bash disable=SC2154 # lib.sh sets what is not set here

PATH=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1):$PATH
export PATH PGOPTIONS="-c client_min_messages=warning" PGUSER=postgres PGDATABASE=bench PGCONNECT_TIMEOUT=10

# Small buffers, so that pages come and go; small segments and frequent checkpoints, so that WAL
# files are made, recycled and removed within seconds.
settings=(-c listen_addresses= -c shared_buffers=16MB -c max_wal_size=24MB -c min_wal_size=8MB
    -c wal_retrieve_retry_interval=200ms -c autovacuum_naptime=1s -c bgwriter_delay=20ms -c log_checkpoints=off)

# The shell that runs a server, by port: its status is the server's.
declare -A launched=()

# However the test ends: a server that is told to stop leaves no shared memory behind.
stop_servers() {
    local file pid
    [ -n "$work" ] || return 0
    for file in "$work"/*/postmaster.pid; do
        pid=$(head -n 1 "$file" 2>/dev/null) || continue
        [ "$(readlink "/proc/$pid/cwd")" = "${file%/*}" ] || continue
        kill -QUIT "$pid" || continue
        timeout 10 tail --pid="$pid" -f /dev/null || true
    done
}
trap 'stop_servers; leave' EXIT

# give_up TEXT LOG: a failure that leaves nothing to go on with.
give_up() {
    fail "$1"
    [ ! -e "$2" ] || tail -n 25 "$2" | sed 's/^/    /'
    finish
}

# wait_for SECONDS TEXT LOG COMMAND...: until the command succeeds.
wait_for() {
    local deadline=$((SECONDS + $1)) text=$2 log=$3
    shift 3
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || give_up "waited in vain for $text" "$log"
        sleep 0.05
    done
}

gone() { [ ! -e "/proc/$1" ]; }
server_pid() { head -n 1 "$work/$1/postmaster.pid"; }

# tell_routes LABEL MODE: report_routes, where there is something to report.
tell_routes() {
    case $2 in
        none | off) same "$1: counters of a shim that is off" null "$(counts | jq .counters)" ;;
        *) report_routes "$1" "$2" ;;
    esac
}

# make_cluster MODE DIRECTORY: page checksums, 1 MiB segments of WAL.
make_cluster() {
    check "$1: initdb" shimmed "$1" initdb -D "$work/$2" -U postgres -A trust -E UTF8 --no-locale \
        --data-checksums --wal-segsize=1 --no-sync
    [ -e "$work/$2/PG_VERSION" ] || give_up "$1: no cluster" "$work/check.log"
}

# What start_server puts before "postgres"; a test may change it.
prefix=()

# start_server MODE DIRECTORY PORT [OPTION...]
start_server() {
    local mode=$1 directory=$2 port=$3
    shift 3
    export PGHOST=$work
    shimmed "$mode" "${prefix[@]}" postgres -D "$work/$directory" -k "$work" -p "$port" \
        "${settings[@]}" "$@" >>"$work/$directory.log" 2>&1 &
    launched[$port]=$!
    wait_for 60 "the server in $directory" "$work/$directory.log" \
        plain pg_isready -q -p "$port" -d postgres
    started+=("$(server_pid "$directory")")
}

# stop_server DIRECTORY PORT: a clean stop.
stop_server() {
    local pid status=0
    pid=$(server_pid "$1")
    kill -INT "$pid"
    wait_for 60 "the end of the server in $1" "$work/$1.log" gone "$pid"
    wait "${launched[$2]}" || status=$?
    [ "$status" -eq 0 ] || give_up "the server in $1 ended with status $status" "$work/$1.log"
}

# crash_server DIRECTORY PORT: kills the postmaster and its children at once, without a warning.
crash_server() {
    local pid pids
    pid=$(server_pid "$1")
    kill -STOP "$pid"
    mapfile -t pids < <(ps -o pid= --ppid "$pid" | tr -d ' ')
    kill -KILL "$pid" "${pids[@]}" 2>/dev/null || true
    for pid in "$pid" "${pids[@]}"; do
        wait_for 30 "the death of process $pid" "$work/$1.log" gone "$pid"
    done
    wait "${launched[$2]}" 2>/dev/null || true
}

# sql PORT QUERY: unaligned rows, nothing else.
sql() { plain psql -XAtq -v ON_ERROR_STOP=1 -p "$1" -c "$2"; }

# recovered PORT: whoever reads may write, too.
recovered() { [ "$(sql "$1" 'select not pg_is_in_recovery()')" = t ]; }

# same TEXT A B: passes if both are the same and something.
same() {
    if [ -n "$2" ] && [ "$2" = "$3" ]; then
        pass "$1: $2"
    else
        fail "$1: '$2' is not '$3'"
    fi
}

# fill PORT SCALE: the tables of pgbench, and those of churn and of numbers.
fill() {
    plain createdb -p "$1" bench &&
        sql "$1" 'create extension amcheck;
            create table numbers (client int, number int, primary key (client, number));' &&
        plain pgbench -i -q -s "$2" -p "$1"
}

# A table that lives for a moment: files, and soon their inodes, are new again and again. What it
# reads back wrong divides by zero, which ends the load with an error.
write_churn() {
    cat >"$work/churn.sql" <<'END'
drop table if exists churn_:client_id;
create table churn_:client_id as select g, md5(g::text) as text from generate_series(1, 3000) g;
create index on churn_:client_id (text);
select 1 / (count(*) = 3000 and sum(g) = 4501500 and bool_and(text = md5(g::text)))::int from churn_:client_id;
truncate churn_:client_id;
insert into churn_:client_id select g, md5(g::text) from generate_series(1, 500) g;
select 1 / (count(*) = 500 and sum(g) = 125250)::int from churn_:client_id;
drop table churn_:client_id;
END
    chmod 644 "$work/churn.sql"
}

# load PORT SECONDS [OPTION...]: transfers between accounts, and churn now and then.
load() {
    local port=$1 duration=$2
    shift 2
    plain pgbench -n -c 4 -j 2 -T "$duration" -p "$port" "$@" \
        -b tpcb-like@60 -f "$work/churn.sql@1"
}

# begin_load PORT [OPTION...], end_load LABEL: a load in the background for as long as the test wants.
begin_load() {
    rm -f "$work/enough"
    keep_loading "$@" >"$work/load.log" 2>&1 &
    loader=$!
}
keep_loading() {
    local port=$1 round
    shift
    for round in {1..300}; do
        [ ! -e "$work/enough" ] || return 0
        echo "round $round"
        load "$port" 1 "$@" || return 1
    done
    echo "nobody ended the load"
    return 1
}
end_load() {
    touch "$work/enough"
    check "$1: transactions meanwhile" wait "$loader"
    grep -h ERROR "$work/load.log" || true
}

# check_sums LABEL PORT: every transfer is in all four tables, or in none.
check_sums() {
    local accounts tellers branches history transfers
    IFS='|' read -r accounts tellers branches history transfers < <(sql "$2" '
        select (select sum(abalance) from pgbench_accounts), (select sum(tbalance) from pgbench_tellers),
        (select sum(bbalance) from pgbench_branches), sum(delta), count(*) from pgbench_history')
    if [ "${transfers:-0}" -gt 0 ] &&
        [ "$accounts $accounts $accounts" = "$tellers $branches $history" ]; then
        pass "$1: sums agree after $transfers transfers"
    else
        fail "$1: accounts $accounts, tellers $tellers, branches $branches, history $history ($transfers)"
    fi
}

# check_structure LABEL PORT: every index has every row, every row is sound.
check_structure() {
    check "$1: pg_amcheck" plain pg_amcheck -p "$2" -d bench --heapallindexed --parent-check
}
# On a standby nothing may be locked as the parent check wants.
check_structure_lightly() {
    check "$1: pg_amcheck" plain pg_amcheck -p "$2" -d bench --heapallindexed
}

# contents PORT: a digest of all rows; nothing if one of the tables cannot be read.
contents() {
    local digest
    digest=$({
        sql "$1" 'copy (select * from pgbench_accounts order by aid) to stdout' &&
            sql "$1" 'copy (select * from pgbench_tellers order by tid) to stdout' &&
            sql "$1" 'copy (select * from pgbench_branches order by bid) to stdout' &&
            sql "$1" 'copy (select * from pgbench_history h order by h::text) to stdout' &&
            sql "$1" 'copy (select * from numbers order by client, number) to stdout'
    } | md5sum) && echo "${digest%% *}"
}

# cached_as_stored DIRECTORY: what the page cache shows of the large files is what is on the disk.
cached_as_stored() {
    local file files=0
    while IFS= read -r -d '' file; do
        read_direct "$file" | plain cmp - "$file" || return 1
        files=$((files + 1))
    done < <(find "$work/$1" -type f -size +127k -print0)
    echo "$files files"
    [ "$files" -gt 0 ]
}

sound_blocks() {
    plain pg_checksums --check -D "$work/$1" | tee "$work/checksums.log" &&
        grep -Eq '^Blocks scanned: +[1-9][0-9]{3}' "$work/checksums.log" &&
        grep -Eq '^Bad checksums: +0$' "$work/checksums.log"
}

# check_files LABEL DIRECTORY: of a cluster that was stopped cleanly.
check_files() {
    check "$1: pg_checksums" sound_blocks "$2"
    check "$1: the page cache shows what is stored" cached_as_stored "$2"
}
