#!/bin/bash
# test_untouched.sh - engines that live on mappings, on the file position and on stdio are left alone.
#
#   test_untouched.sh SHIM DBIO [--long]
#
# Shows, in each mode: LMDB and Redis make the same system calls on their files with the shim as
# without it, and what they wrote is there. LMDB's calls are compared one by one, for each of its
# programs; those of Redis, whose threads and children take turns as they like, sorted.
# shellcheck disable=SC1091,SC2154 # lib.sh sets the rest
. "$(dirname "$0")/lib.sh" "$@"

modes=${DBIO_TEST_MODES:-auto direct off}
entries=20000 commands=500
[ "$long" = no ] || entries=100000 commands=5000

calls=pread64,pwrite64,preadv,pwritev,preadv2,pwritev2,read,write,readv,writev,fsync,fdatasync,msync
calls+=,sync_file_range,ftruncate,fallocate,mmap,rename,unlink,lseek,fadvise64,copy_file_range,sendfile

# traced MODE COMMAND...: under the shim and strace, a file of calls for each process and thread.
traced() {
    local mode=$1 options=()
    shift
    [ "$mode" = none ] || options=(-E "LD_PRELOAD=$shim" -E "DBIO_CONF=mode:$mode"
        -E "DBIO_REGISTRY=$registry" -E "DBIO_STATISTICS=$statistics")
    plain strace -f -ff -y -s 0 -qq ${options[@]+"${options[@]}"} -e "trace=$calls" -o "$work/trace" "$@"
}

# gather: the calls on files in $work/data, without addresses and the numbers of descriptors and
# processes. Two things differ, and may: LMDB asks an empty file for its header, which in mode direct
# is asked for as a whole block; and dbio gives advice about a descriptor of its own.
gather() {
    find "$work" -maxdepth 1 -name 'trace.*' -print0 | sort -zV | xargs -0 cat |
        { grep -F "<$work/data" || true; } | { grep -v POSIX_FADV_RANDOM || true; } |
        sed -E 's/0x[0-9a-f]+/ADDRESS/g; s/[0-9]+</</g; s/(temp|temp-[a-z-]*)-[0-9]+\./\1-PID./g
            s/^(pread64\(.*, )[0-9]+, 0\) += 0$/\1SIZE, 0) = 0/; s/ += / = /'
    find "$work" -maxdepth 1 -name 'trace.*' -delete
}

fresh_data() {
    rm -rf "$work/data" "$work/data.copy"
    plain mkdir "$work/data" "$work/data.copy"
}

# step OUTPUT MODE COMMAND...: its calls are added to $calls_of.
step() {
    local output=$1 mode=$2
    shift 2
    traced "$mode" "$@" >"$output" 2>"$work/check.log" ||
        fail "$1, mode $mode: $(tail -n 1 "$work/check.log")"
    gather >>"$calls_of"
}

# lmdb MODE: a database is loaded, changed, copied, compacted and read; calls to lmdb.MODE, what was
# read to lmdb.MODE.data.
lmdb() {
    local mode=$1 data="$work/lmdb.$1.data"
    calls_of=$work/lmdb.$1
    fresh_data
    : >"$calls_of"
    write_entries 0 "$entries" >"$work/first"
    write_entries $((entries / 2)) $((entries / 20)) other >"$work/second"
    step "$work/out" "$mode" mdb_load -f "$work/first" "$work/data"
    step "$work/out" "$mode" mdb_load -f "$work/second" "$work/data"
    step "$work/out" "$mode" mdb_copy "$work/data" "$work/data.copy"
    cmp "$work/data/data.mdb" "$work/data.copy/data.mdb" || fail "lmdb, mode $mode: a copy differs"
    rm -f "$work"/data.copy/*
    step "$work/out" "$mode" mdb_copy -c "$work/data" "$work/data.copy"
    step "$data" "$mode" mdb_dump -p "$work/data"
    plain mdb_dump -p "$work/data.copy" | cmp - "$data" || fail "lmdb, mode $mode: a compact copy differs"
    step "$work/out" "$mode" mdb_stat -ef "$work/data"
    cat "$work/out" >>"$data"
}
write_entries() {
    awk -v first="$1" -v number="$2" -v value="${3:-value}" 'BEGIN {
        print "VERSION=3\nformat=print\ntype=btree\nmapsize=134217728\nmaxreaders=126\nHEADER=END"
        for (i = first; i < first + number; i++)
            printf " key%06d\n %s%0200d\n", i, value, i * 7919
        print "DATA=END" }'
}

# ask COMMAND...: of the server. wait_until TEXT COMMAND...: for up to 30 s.
ask() { plain redis-cli -s "$work/r" "$@"; }
wait_until() {
    local text=$1 i
    shift
    for ((i = 0; i < 300; i++)); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    fail "waited in vain for $text"
    tail -n 5 "$work/redis.log" | sed 's/^/    /'
    finish
}
answers() { [ "$(ask ping)" = PONG ]; }
told() { ask info persistence | grep -q "^$1:$2"; }

# Nothing on a timer, everything synced at once.
start_redis() {
    traced "$1" redis-server --port 0 --unixsocket "$work/r" --dir "$work/data" --save '' --hz 1 \
        --appendonly yes --appendfsync always --auto-aof-rewrite-percentage 0 \
        --daemonize no >>"$work/redis.log" 2>&1 &
    tracer=$!
    started=("$tracer")
    wait_until "Redis" answers
    started+=("$(ask info server | sed -n 's/^process_id:\([0-9]*\).*/\1/p')")
}
stop_redis() {
    local status=0
    ask shutdown nosave >/dev/null 2>&1 || true
    wait "$tracer" || status=$?
    [ "$status" -eq 0 ] || fail "redis, mode $1: ended with status $status"
    started=()
    gather >>"$work/calls"
}

# redis MODE: one client's commands; a dump and a new log, both by a child, through stdio; then a
# server that loads them.
redis() {
    local mode=$1 out="$work/redis.$1"
    fresh_data
    : >"$work/calls"
    start_redis "$mode"
    seq "$commands" | sed 's/.*/set key:& value:&/' | ask >/dev/null
    ask bgsave >/dev/null
    wait_until "the dump" told rdb_bgsave_in_progress 0
    told rdb_last_bgsave_status ok || fail "redis, mode $mode: no dump"
    ask bgrewriteaof >/dev/null
    wait_until "the new log" told aof_rewrite_in_progress 0
    told aof_last_bgrewrite_status ok || fail "redis, mode $mode: no new log"
    seq $((commands / 2)) | sed 's/.*/append key:& more/' | ask >/dev/null
    stop_redis "$mode"
    start_redis "$mode"
    seq "$commands" | sed 's/.*/get key:&/' | ask >"$out.data"
    stop_redis "$mode"
    sort "$work/calls" >"$out"
    plain redis-check-rdb "$work/data/dump.rdb" >"$work/out" || fail "redis, mode $mode: a broken dump"
    plain redis-check-aof "$work"/data/appendonlydir/*.manifest >>"$work/out" ||
        fail "redis, mode $mode: a broken log"
    grep -E 'keys read|valid' "$work/out" | sort >>"$out.data"
}

# expect_data ENGINE PATTERN NUMBER: what is compared is not two failures.
expect_data() {
    local count
    count=$(grep -c "$2" "$work/$1.none.data" || true)
    check "$1: $count values without the shim" test "$count" = "$3"
}

on_each() {
    local engine mode number
    rm -f "$work/redis.log"
    for engine in lmdb redis; do
        "$engine" none
        number=$(wc -l <"$work/$engine.none")
        check "$engine: $number calls were traced" test "$number" -gt 500
        for mode in $modes; do
            fresh_counts
            "$engine" "$mode"
            check "$engine, mode $mode: the same data" \
                cmp "$work/$engine.none.data" "$work/$engine.$mode.data"
            check "$engine, mode $mode: the same $(wc -l <"$work/$engine.$mode") system calls" \
                diff "$work/$engine.none" "$work/$engine.$mode"
            echo "$filesystem: $engine, mode $mode: $(routes)"
        done
    done
    expect_data lmdb '^ key' "$entries"
    expect_data redis '^value:' "$commands"
}

need strace mdb_load mdb_dump mdb_copy mdb_stat redis-server redis-cli redis-check-rdb redis-check-aof jq
for_each_filesystem on_each
finish
