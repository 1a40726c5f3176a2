#!/bin/bash
# test_parity.sh SHIM DBIO [--long] - requests that the shim saw are the requests that the kernel saw:
# counted by strace on one side and by dbio on the other.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
positional=pread64,pwrite64,preadv,pwritev,preadv2,pwritev2

# traced MODE COMMAND...: under the shim and strace.
traced() {
    local mode=$1
    shift
    fresh_counts
    plain strace -f -y -s 0 -qq -E "LD_PRELOAD=$shim" -E "DBIO_CONF=mode:$mode" \
        -E "DBIO_REGISTRY=$registry" -E "DBIO_STATISTICS=$statistics" \
        -e "trace=$positional,read,write,readv,writev" -ff -o "$work/trace" "$@" >"$work/out" 2>&1
    cat "$work"/trace.* >"$work/calls" # a file for each thread: no call is cut in two
    rm -f "$work"/trace.*
}

# calls PATTERN: of the kernel, on files in $work.
calls() { grep -E "^($1)\(" "$work/calls" | grep -cF "<$work/" || true; }

# bytes PATTERN: what they returned.
bytes() { grep -E "^($1)\(" "$work/calls" | grep -F "<$work/" | awk '$NF > 0 { sum += $NF } END { print sum + 0 }'; }

# compare LABEL: each request is one call, and perhaps one more if its answer was short; a bounced
# read moves whole blocks.
compare() {
    local kernel least most by_cursor moved wanted
    kernel=$(calls 'p(read|write)(v|v2|64)')
    least=$(counts | jq '.counters | .reads + .writes')
    most=$(counts | jq '.counters | .reads + .writes + .continued')
    by_cursor=$(calls 'readv?|writev?')
    moved=$(bytes 'p(read|write)(v|v2|64)')
    wanted=$(counts | jq '.counters | .read_bytes + .write_bytes')
    echo "$filesystem: $1: the kernel saw $kernel requests, dbio $least, of which $(count continued) had short answers; $moved and $wanted bytes; through the file position $by_cursor, announced $(count spans)"
    check "$1: as many requests" test "$kernel" -ge "$least" -a "$kernel" -le "$most" -a "$kernel" -gt 30
    if [ "$(count direct_bounce)" = 0 ]; then
        check "$1: as many bytes" test "$moved" = "$wanted"
    else
        check "$1: at least as many bytes" test "$moved" -ge "$wanted"
    fi
    check "$1: what went through the file position was announced" \
        test "$(count spans)" -gt 0 -o "$by_cursor" = 0
    check "$1: nothing untracked" test "$(count untracked)" = 0
}

# One backend without a postmaster: a table is filled, read and vacuumed.
postgres() {
    plain "$postgres/initdb" -D "$work/pg" --no-sync >/dev/null 2>&1
    cat >"$work/script.sql" <<'SQL'
create table t(a int, b text);
insert into t select i, repeat('x', 300) from generate_series(1, 20000) i;
create index i on t(a);
select count(*), sum(a) from t;
update t set b = b || 'y' where a % 5 = 0;
checkpoint;
SQL
    traced "$1" "$postgres/postgres" --single -D "$work/pg" -c shared_buffers=1MB postgres <"$work/script.sql"
    compare "PostgreSQL, mode $1"
    rm -rf "$work/pg"
}

# A server with io_uring, whose requests the crew carries out.
mariadb() {
    plain mariadb-install-db --no-defaults --datadir="$work/my" --skip-test-db \
        --auth-root-authentication-method=normal >/dev/null 2>&1
    printf '%s\n' 'create database b;' 'use b;' \
        'create table t(id int primary key, p varchar(300)) engine=innodb;' \
        "insert into t select seq, repeat('p', 250) from seq_1_to_20000;" \
        "update t set p = repeat('q', 250) where id % 5 = 0;" >"$work/script.sql"
    traced "$1" mariadbd --no-defaults --datadir="$work/my" --bootstrap --innodb-buffer-pool-size=8M \
        --tmpdir="$work" --innodb-flush-method=O_DIRECT <"$work/script.sql"
    compare "MariaDB, mode $1"
    rm -rf "$work/my"
}

on_each() {
    local mode
    if [ -n "$postgres" ]; then
        postgres auto
        postgres direct
    else
        skip "no PostgreSQL: install postgresql-15"
    fi
    mariadb direct
    for mode in auto direct buffered; do
        rm -f "$work"/p.db*
        traced "$mode" sqlite3 "$work/p.db" "create table t(a, b);
            with recursive c(i) as (select 1 union all select i + 1 from c where i < 3000)
            insert into t select i, hex(i * 7919) from c; update t set b = b || 'x' where a % 7 = 0;"
        compare "SQLite, mode $mode"
        rm -rf "$work/db"
        traced "$mode" db_bench --db="$work/db" --num=2000 --value_size=100 --threads=1 --compression_type=none \
            --use_direct_reads --use_direct_io_for_flush_and_compaction \
            --write_buffer_size=100000 --benchmarks=fillrandom,compact,readrandom
        compare "RocksDB's O_DIRECT, mode $mode"
    done
}

need strace sqlite3 db_bench mariadbd mariadb-install-db jq
for_each_filesystem on_each
finish
