#!/bin/bash
# test_parity.sh - what the shim counts is what the kernel did: engines under strace.
#
#   test_parity.sh SHIM DBIO [--long]
#
# Shows, per engine and mode: the requests that dbio counted are the positional calls that the
# kernel saw on the engine's files, and so are the bytes; where the two may differ, a counter says
# by how much. At last, from the stack of each call: no positional call goes past the shim, and
# what does (the C library's own, for stdio) is listed by file and caller.
# shellcheck disable=SC1091,SC2154 # lib.sh sets the rest
. "$(dirname "$0")/lib.sh" "$@"

positional=pread64,pwrite64,preadv,pwritev,preadv2,pwritev2
by_position=read,write,readv,writev
rows=20000 keys=2000 transfers=50
[ "$long" = no ] || rows=200000 keys=20000 transfers=500
stacks=() # -k: with the stack of each call

# under_strace MODE COMMAND...: under the shim, too. A file for each thread, so that no call is
# cut in two; gather makes one of them, $work/calls.
under_strace() {
    local mode=$1
    shift
    plain strace -f -ff -y -s 0 -qq ${stacks[@]+"${stacks[@]}"} -E "LD_PRELOAD=$shim" \
        -E "DBIO_CONF=mode:$mode" -E "DBIO_REGISTRY=$registry" -E "DBIO_STATISTICS=$statistics" \
        -e "trace=$positional,$by_position" -o "$work/trace" "$@"
}
gather() {
    find "$work" -maxdepth 1 -name 'trace.*' -exec cat {} + >"$work/calls"
    find "$work" -maxdepth 1 -name 'trace.*' -delete
}

# traced LABEL MODE COMMAND...
traced() {
    local label=$1 mode=$2
    shift 2
    fresh_counts
    check "$label: runs" under_strace "$mode" "$@"
    gather
}

# fresh_data: $work/data, empty; there the engines' files are, and nothing else.
fresh_data() {
    rm -rf "$work/data"
    plain mkdir "$work/data"
}

# calls PATTERN: how many the kernel saw on files in $work/data. bytes PATTERN: what they moved.
calls() { grep -E "^($1)\(" "$work/calls" | grep -cF "<$work/data/" || true; }
bytes() {
    grep -E "^($1)\(" "$work/calls" | { grep -F "<$work/data/" || true; } |
        awk '$NF ~ /^[0-9]+$/ { sum += $NF } END { print sum + 0 }'
}

# within TEXT LEAST VALUE MOST
within() {
    if [ "$3" -ge "$2" ] && [ "$3" -le "$4" ]; then
        if [ "$2" -eq "$4" ]; then pass "$1: $3, exactly"; else pass "$1: $3, $2 to $4 expected"; fi
    else
        fail "$1: $3, but $2 to $4 expected"
    fi
}

# compare LABEL LEAST-REQUESTS: a request is one call. One more if its answer was short or it was
# tried again another way; a direct write with edges reads and writes them apart. Where the
# request's ends are not those of blocks, a bounced read moves up to one more at each end.
compare() {
    local label=$1 requests pattern way asked more edges unaligned wanted room
    if [ "$(counts | jq .counters)" = null ]; then
        fail "$label: nothing was counted"
        return
    fi
    read -r more edges unaligned < <(counts | jq -r '"\(.counters.continued + .counters.retried_buffered
        ) \(.counters.direct_edges) \(.reasons.unaligned)"')
    for way in read write; do
        pattern="p${way}(64|v|v2)"
        asked=$(count "${way}s") requests=$(calls "$pattern") wanted=$(count "${way}_bytes")
        within "$label: ${way}s" "$asked" "$requests" $((asked + more + 3 * edges))
        room=$((8192 * edges))
        [ $way = write ] || room=$((room + 8192 * unaligned))
        within "$label: bytes, $way" "$wanted" "$(bytes "$pattern")" $((wanted + room))
    done
    requests=$(calls 'p(read|write)(64|v|v2)')
    check "$label: $requests requests are enough to tell" test "$requests" -ge "$2"
    check "$label: none untracked" test "$(count untracked)" = 0
}

write_sql() {
    cat >"$work/script.sql" <<END
create table t(a int, b text);
insert into t select i, repeat('x', 300) from generate_series(1, $1) i;
create index i on t(a);
select count(*), sum(a) from t;
update t set b = b || 'y' where a % 5 = 0;
checkpoint;
END
}

# One backend without a postmaster.
postgres_single() {
    write_sql "$3"
    fresh_data
    plain initdb -D "$work/data" --no-sync >/dev/null 2>&1
    traced "$1" "$2" postgres --single -D "$work/data" -c shared_buffers=1MB postgres <"$work/script.sql"
}

# A server: the counters of all its processes, most of them dead by then, are added up.
postgres_server() {
    local label="PostgreSQL's server, mode $1" tracer i status=0 port=(-h "$work" -p 5432 -U postgres)
    fresh_data
    plain initdb -D "$work/data" -U postgres --no-sync >/dev/null 2>&1
    fresh_counts
    under_strace "$1" postgres -D "$work/data" -k "$work" -c listen_addresses= -c shared_buffers=1MB \
        >"$work/server.log" 2>&1 &
    tracer=$!
    for ((i = 0; i < 600; i++)); do
        ! plain pg_isready -q "${port[@]}" -d postgres || break
        sleep 0.1
    done
    [ ! -e "$work/data/postmaster.pid" ] || started+=("$(head -n 1 "$work/data/postmaster.pid")")
    check "$label: tables" plain pgbench "${port[@]}" -i -q -s 1 postgres
    check "$label: transfers" plain pgbench "${port[@]}" -n -c 2 -t "$transfers" postgres
    check "$label: stops" plain pg_ctl stop -w -t 120 -m fast -D "$work/data"
    [ ! -e "$work/data/postmaster.pid" ] || stop_started
    wait "$tracer" || status=$?
    check "$label: ends with status $status" test "$status" -eq 0
    gather
    compare "$label" 500
}

# A server with io_uring, whose requests the shim carries out.
mariadb() {
    local label="MariaDB, mode $1"
    fresh_data
    plain mariadb-install-db --no-defaults --datadir="$work/data" --skip-test-db \
        --auth-root-authentication-method=normal >/dev/null 2>&1
    cat >"$work/script.sql" <<END
create database b;
use b;
create table t(id int primary key, p varchar(300)) engine=innodb;
insert into t select seq, repeat('p', 250) from seq_1_to_$rows;
update t set p = repeat('q', 250) where id % 5 = 0;
END
    traced "$label" "$1" mariadbd --no-defaults --datadir="$work/data" --bootstrap --tmpdir="$work" \
        --innodb-buffer-pool-size=8M --innodb-flush-method=O_DIRECT <"$work/script.sql"
    compare "$label" 500
}

# sqlite LABEL MODE ROWS, rocksdb LABEL MODE KEYS [OPTION...]
sqlite() {
    fresh_data
    traced "$1" "$2" sqlite3 "$work/data/p.db" "create table t(a, b);
        with recursive c(i) as (select 1 union all select i + 1 from c where i < $3)
        insert into t select i, hex(i * 7919) from c; update t set b = b || 'x' where a % 7 = 0;
        pragma cache_size=10; select count(b) from t;"
}
rocksdb() {
    local label=$1 mode=$2 keys=$3
    shift 3
    fresh_data
    traced "$label" "$mode" db_bench --db="$work/data/db" --num="$keys" --value_size=100 --threads=1 \
        --compression_type=none --write_buffer_size=100000 --benchmarks=fillrandom,compact,readrandom "$@"
}

# sort_calls: "POSITIONAL-SEEN POSITIONAL-PAST BY-POSITION-SEEN BY-POSITION-PAST MIXED" (the number
# of files that saw both the first and the last kind); then, of those that went past the shim, "COUNT FILE: CALLER". A call was seen if the shim is on its stack; its
# caller is the first program or library on the stack that is not the C library.
sort_calls() {
    awk -v shim="$shim(" -v data="<$work/data/" '
        function done() {
            if (file == "")
                return
            number[positional, seen]++
            if (positional && seen)
                managed[file]
            if (!positional && !seen)
                stdio[file]
            if (!seen)
                past[(positional ? "POSITIONAL " : "") file ": " caller]++
        }
        !/^ >/ {
            done()
            file = caller = ""
            seen = 0
            if ((at = index($0, data)) > 0) {
                positional = /^p(read|write)/
                file = substr($0, at + length(data))
                sub(/>.*/, "", file)
            }
            next
        }
        index($0, shim) { seen = 1 }
        caller == "" && !/\/libc\.so\.6\(/ {
            caller = $2
            sub(/\(.*/, "", caller)
            sub(/^.*\//, "", caller)
        }
        END {
            done()
            for (file in stdio)
                mixed += (file in managed)
            print number[1, 1] + 0, number[1, 0] + 0, number[0, 1] + 0, number[0, 0] + 0, mixed + 0
            fflush()
            for (what in past)
                print past[what], what | "sort -k 1,1nr -k 2"
        }' "$work/calls" >"$work/sorted"
}

# past_the_shim LABEL: after a traced run with stacks.
past_the_shim() {
    local seen past seen_by_position past_by_position mixed
    sort_calls
    read -r seen past seen_by_position past_by_position mixed <"$work/sorted"
    echo "$filesystem: $1: positional $seen seen, $past past the shim;" \
        "through the file position $seen_by_position seen, $past_by_position past it"
    sed -n '2,13s/^/    /p' "$work/sorted"
    check "$1: every positional call passes the shim" test "$seen" -gt 10 -a "$past" -eq 0
    check "$1: what goes past it is in files without positional calls" test "$mixed" -eq 0
    check "$1: each that it saw through the file position was announced" \
        test "$(count spans)" -ge "$seen_by_position"
}

try_postgres() {
    local mode
    if ! command -v postgres >/dev/null; then
        skip "no PostgreSQL: install postgresql-15"
        return
    fi
    for mode in auto direct; do
        postgres_single "PostgreSQL, mode $mode" "$mode" "$rows"
        compare "PostgreSQL, mode $mode" 1000
    done
    postgres_server direct
    stacks=(-k)
    postgres_single "PostgreSQL" direct 500
    past_the_shim PostgreSQL
    stacks=()
}

on_each() {
    local mode
    try_postgres
    mariadb direct
    for mode in auto direct buffered; do
        sqlite "SQLite, mode $mode" "$mode" 3000
        compare "SQLite, mode $mode" 30
        rocksdb "RocksDB, mode $mode" "$mode" "$keys"
        compare "RocksDB, mode $mode" 20
        rocksdb "RocksDB's O_DIRECT, mode $mode" "$mode" "$keys" \
            --use_direct_reads --use_direct_io_for_flush_and_compaction
        compare "RocksDB's O_DIRECT, mode $mode" 20
    done
    stacks=(-k)
    sqlite SQLite direct 3000
    past_the_shim SQLite
    rocksdb RocksDB direct 300 --use_direct_io_for_flush_and_compaction
    past_the_shim RocksDB
    stacks=()
}

PATH=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1):$PATH
need strace sqlite3 db_bench mariadbd mariadb-install-db jq
for_each_filesystem on_each
finish
