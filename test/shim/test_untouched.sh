#!/bin/bash
# test_untouched.sh SHIM DBIO [--long] - engines that live on mappings, cursors and stdio are left as
# they are: LMDB and Redis make the same system calls on their files with the shim and without it.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
calls=pread64,pwrite64,preadv,pwritev,read,write,readv,writev,fsync,fdatasync,msync,sync_file_range
calls+=,ftruncate,fallocate,mmap,rename,unlink,lseek

# traced MODE NAME COMMAND...: runs it; its calls on files in $work/data go to $work/NAME.calls,
# without numbers of processes, descriptors and addresses, and without reads that found nothing: LMDB asks
# an empty file for its header before it maps it, and in mode direct that is a whole block.
traced() {
    local mode=$1 name=$2 options=()
    shift 2
    [ "$mode" = none ] || options=(-E "LD_PRELOAD=$shim" -E "DBIO_CONF=mode:$mode"
        -E "DBIO_REGISTRY=$registry" -E "DBIO_STATISTICS=$statistics")
    plain strace -f -y -s 0 -qq "${options[@]}" -e "trace=$calls" -o "$work/$name.trace" "$@"
}

normalise() {
    grep -F "<$work/data" "$work/$1.trace" | sed -E 's/^[0-9]+ +//; s/0x[0-9a-f]+/X/g; s/[0-9]+</</g; s/ +/ /g; s/rewriteaof-[0-9]+/rewriteaof/' |
        grep -vE 'resumed>|^pread64.* = 0$' >"$work/$1.calls" || true
}

lmdb() {
    local mode=$1 name=lmdb.$1
    rm -rf "$work/data"
    plain mkdir "$work/data"
    awk 'BEGIN {
        print "VERSION=3\nformat=print\ntype=btree\nmapsize=33554432\nmaxreaders=126\nHEADER=END"
        for (i = 0; i < 20000; i++) printf " key%06d\n value%0200d\n", i, i * 7919
        print "DATA=END" }' >"$work/lmdb.text"
    traced "$mode" "$name" mdb_load -f "$work/lmdb.text" "$work/data"
    normalise "$name"
    plain mdb_dump -p "$work/data" | grep -c '^ key' >"$work/$name.found"
    plain mdb_stat "$work/data" >/dev/null
}

# One client, every command synced, nothing on a timer.
redis() {
    local mode=$1 name=redis.$1 i
    rm -rf "$work/data"
    plain mkdir "$work/data"
    traced "$mode" "$name" redis-server --port 0 --unixsocket "$work/r" --dir "$work/data" --save '' \
        --appendonly yes --appendfsync always --hz 1 --auto-aof-rewrite-percentage 0 \
        --daemonize no >"$work/redis.log" 2>&1 &
    started+=($!)
    for ((i = 0; i < 100; i++)); do
        [ "$(plain redis-cli -s "$work/r" ping 2>/dev/null)" != PONG ] || break
        sleep 0.1
    done
    seq 500 | sed 's/.*/set key:& value:&/' | plain redis-cli -s "$work/r" >/dev/null
    plain redis-cli -s "$work/r" shutdown >/dev/null 2>&1 || true
    wait $! 2>/dev/null || true
    normalise "$name"
    grep -aoE '^key:[0-9]+' "$work"/data/appendonlydir/*.aof | wc -l >"$work/$name.found"
}

# The file that Redis writes by a child, through stdio, and renames.
redis_dump() {
    local mode=$1 i
    rm -rf "$work/data"
    plain mkdir "$work/data"
    shimmed "$mode" redis-server --port 0 --unixsocket "$work/r" --dir "$work/data" --save '' \
        --appendonly no >"$work/redis.log" 2>&1 &
    started+=($!)
    for ((i = 0; i < 100; i++)); do
        [ "$(plain redis-cli -s "$work/r" ping 2>/dev/null)" != PONG ] || break
        sleep 0.1
    done
    seq 20000 | sed 's/.*/set key:& value:&/' | plain redis-cli -s "$work/r" >/dev/null
    check "Redis, mode $mode: a dump by a child" \
        test "$(plain redis-cli -s "$work/r" save)" = OK
    plain redis-cli -s "$work/r" bgsave >/dev/null
    plain redis-cli -s "$work/r" shutdown save >/dev/null 2>&1 || true
    wait $! 2>/dev/null || true
    check "Redis, mode $mode: the dump is whole" plain redis-check-rdb "$work/data/dump.rdb"
}

on_each() {
    local engine mode
    for engine in lmdb redis; do
        "$engine" none
        check "$engine: its calls were traced" test "$(wc -l <"$work/$engine.none.calls")" -gt 20
        for mode in auto direct; do
            "$engine" "$mode"
            check "$engine, mode $mode: the same data" \
                cmp "$work/$engine.none.found" "$work/$engine.$mode.found"
            check "$engine, mode $mode: the same $(wc -l <"$work/$engine.$mode.calls") system calls" \
                diff "$work/$engine.none.calls" "$work/$engine.$mode.calls"
        done
    done
    redis_dump direct
}

need strace mdb_load mdb_dump redis-server redis-cli jq
for_each_filesystem on_each
finish
