#!/usr/bin/env bash
# What it shows: SQLite through dbio keeps everything SQLite promises. The stock sqlite3 shell loads
# the module and must give the same bytes as with its own VFS, in every mode and journal mode, with
# several processes, after kill -9, on a full disk, and with the locks of others respected.
#
# usage: test_sqlite_vfs.sh /path/to/dbio.so
# DBIO_TEST_DIR: where to work (default $TMPDIR or /var/tmp). DBIO_TEST_FILESYSTEMS: "name=/dir ...",
# more places for the comparison of contents.
set -u

module=${1:?usage: test_sqlite_vfs.sh /path/to/dbio.so}
passed=0 failed=0 skipped=0
modes="auto direct buffered dontcache"

finish() {
    echo "test_sqlite_vfs: $passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] || exit 1
    [ "$passed" -gt 0 ] || exit 77
    exit 0
}

skip() { # reason
    skipped=$((skipped + 1))
    echo "skipped: $1"
}

pass() {
    passed=$((passed + 1))
}

fail() { # what, how
    failed=$((failed + 1))
    printf 'FAILED: %s\n%s\n' "$1" "$2"
}

expect() { # name, wanted, found
    if [ "$2" = "$3" ]; then
        pass
    else
        fail "$1" "$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | head -20)"
    fi
}

expect_match() { # name, extended regular expression, found
    if [[ $3 =~ $2 ]]; then
        pass
    else
        fail "$1" "no match for '$2' in: ${3:0:600}"
    fi
}

# A sanitizer's runtime has to come before the shell's own libraries; the thread sanitizer's cannot.
preload=
prepare_preload() {
    local needs
    needs=$(ldd "$module" 2>/dev/null)
    case $needs in
    *libtsan*) skip "the thread sanitizer cannot be loaded into the sqlite3 shell"; finish ;;
    *libasan*) preload=$(sed -n 's/.*libasan[^ ]* => \([^ ]*\).*/\1/p' <<<"$needs") ;;
    esac
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
}

command -v sqlite3 >/dev/null || { skip "no sqlite3 shell"; finish; }
prepare_preload

scratch=$(mktemp -d "${DBIO_TEST_DIR:-${TMPDIR:-/var/tmp}}/dbio-sqlite.XXXXXX") || exit 1
mounted=
clean_up() {
    local pid
    for pid in $(jobs -p); do kill "$pid" 2>/dev/null; done
    [ -z "$mounted" ] || umount "$mounted"
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
export HOME=$scratch SQLITE_TMPDIR=$scratch
unset DBIO_SQLITE_MODE DBIO_SQLITE_DEFAULT

plain() { # database; commands on stdin
    sqlite3 -batch "$1" 2>&1
}

# Commands on stdin, after loading. The name is opened by the shell's own ".open".
load_and_open() { # name
    { printf '.load "%s"\n.open "%s"\n' "$module" "$1"; cat; } | LD_PRELOAD=$preload sqlite3 -batch 2>&1
}

via() { # mode, database, more parameters
    load_and_open "file:$2?vfs=dbio&dbio_mode=$1${3:-}"
}

# As the default VFS: plain names, attached databases and everything else of the shell's own.
by_default() { # mode, database
    DBIO_SQLITE_DEFAULT=1 DBIO_SQLITE_MODE=$1 load_and_open "$2"
}

remove() { # database
    rm -f "$1" "$1-journal" "$1-wal" "$1-shm"
}

stat_of() { # counter; the text of PRAGMA dbio_stats on stdin
    sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"
}

dump_of() { # database
    plain "$1" <<<'.dump'
}

wait_for() { # file
    local tries=0
    until [ -e "$1" ]; do
        sleep 0.05
        tries=$((tries + 1))
        [ $tries -lt 400 ] || return 1
    done
}

# The work: growth, updates in place, deletes, an index, a rollback, savepoints, temporary tables, a
# sort that spills, VACUUM both up and down in page size, an attached database in one transaction.
workload() { # journal mode, second database
    cat <<SQL
.bail on
PRAGMA cache_size=20;
PRAGMA temp_store=FILE;
PRAGMA journal_mode=$1;
CREATE TABLE t(id INTEGER PRIMARY KEY, k INT, v TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000)
  INSERT INTO t SELECT i, (i*7919)%3001, printf('%0*d', 20+i%300, i*i) FROM n;
CREATE INDEX t_k ON t(k);
UPDATE t SET v=v||'x' WHERE k%3=0;
BEGIN; DELETE FROM t WHERE k%2=0; SAVEPOINT s; UPDATE t SET v='gone'; ROLLBACK TO s; COMMIT;
BEGIN; UPDATE t SET v='never'; INSERT INTO t(k,v) SELECT k,v FROM t; ROLLBACK;
CREATE TEMP TABLE spill AS SELECT a.k, a.v FROM t a, (SELECT 1 UNION SELECT 2 UNION SELECT 3);
CREATE TABLE sorted AS SELECT v, k FROM spill ORDER BY v DESC, k LIMIT 500;
CREATE TABLE big(b BLOB);
INSERT INTO big VALUES(zeroblob(300000)), (zeroblob(5)), (CAST(printf('%.99999c','q') AS BLOB));
ATTACH '$2' AS other;
CREATE TABLE other.o(x);
BEGIN; INSERT INTO other.o SELECT k FROM t; DELETE FROM t WHERE k<100; COMMIT;
SELECT count(*), sum(x) FROM other.o;
DETACH other;
DELETE FROM t WHERE k>2000;
VACUUM;
PRAGMA integrity_check;
SELECT count(*), sum(k), sum(length(v)) FROM t;
SQL
}

make_reference() {
    local journal
    for journal in delete truncate persist wal memory off; do
        workload $journal "$scratch/ref-other.db" | plain "$scratch/ref.db" >"$scratch/ref-$journal"
        dump_of "$scratch/ref.db" >"$scratch/ref-dump-$journal"
        dump_of "$scratch/ref-other.db" >"$scratch/ref-other-dump-$journal"
        remove "$scratch/ref.db"
        remove "$scratch/ref-other.db"
    done
}

same_content() { # how (via, by_default), mode, journal mode, directory
    local name="$1 $2 $3 in $4" db=$4/same.db other=$4/other.db
    local attached=$other
    [ "$1" = by_default ] || attached="file:$other?vfs=dbio&dbio_mode=$2"
    expect "$name: answers" "$(cat "$scratch/ref-$3")" \
        "$(workload "$3" "$attached" | "$1" "$2" "$db")"
    expect "$name: content" "$(cat "$scratch/ref-dump-$3")" "$(dump_of "$db")"
    expect "$name: attached" "$(cat "$scratch/ref-other-dump-$3")" "$(dump_of "$other")"
    expect "$name: content through dbio" "$(cat "$scratch/ref-dump-$3")" "$("$1" "$2" "$db" <<<.dump)"
    expect "$name: integrity" ok "$(plain "$db" <<<'PRAGMA integrity_check;')"
    remove "$db"
    remove "$other"
}

test_contents() {
    local mode journal place
    make_reference
    for mode in $modes; do
        for journal in delete wal; do
            same_content via "$mode" $journal "$scratch"
        done
        same_content by_default "$mode" persist "$scratch"
    done
    for journal in truncate persist memory off; do
        same_content via direct $journal "$scratch"
    done
    same_content by_default auto wal "$scratch"
    for place in ${DBIO_TEST_FILESYSTEMS:-}; do
        mkdir "${place#*=}/dbio-sqlite.$$" || { fail "$place" "no directory"; continue; }
        same_content via direct wal "${place#*=}/dbio-sqlite.$$"
        same_content via auto delete "${place#*=}/dbio-sqlite.$$"
        rm -rf "${place#*=}/dbio-sqlite.$$"
    done
}

# The other things a shell does with its default VFS.
test_default_shell() {
    local db=$scratch/shell.db found
    mkdir "$scratch/dir"
    ln -s "$db" "$scratch/link.db"
    found=$(by_default direct "$db" <<SQL
CREATE TABLE t(a); INSERT INTO t VALUES(1),(2),(3);
.backup "$scratch/backup.db"
VACUUM INTO '$scratch/into.db';
.clone "$scratch/clone.db"
.open "$scratch/link.db"
INSERT INTO t VALUES(4);
.open :memory:
CREATE TABLE m(x); INSERT INTO m VALUES('memory'); SELECT x FROM m;
.open ""
CREATE TABLE m(x); INSERT INTO m VALUES('temporary'); SELECT x FROM m;
.open "$scratch/into.db"
.vfsname
PRAGMA mmap_size=1000000;
SELECT sum(a) FROM t;
.open "$scratch/dir"
SELECT 1 FROM sqlite_schema;
SQL
    )
    expect_match "the shell's default VFS" \
        $'memory\ntemporary\ndbio/unix\n0\n6\n.*unable to open database' "$found"
    for name in backup clone into; do
        expect "$name is whole" 6 "$(plain "$scratch/$name.db" <<<'SELECT sum(a) FROM t;')"
    done
    expect "opened by a symbolic link" 10 "$(plain "$db" <<<'SELECT sum(a) FROM t;')"
    rm -rf "$scratch"/{backup,clone,into,link,shell}.db* "$scratch/dir"
}

test_options() {
    local db=$scratch/options.db
    expect_match "an unknown dbio_mode is refused" 'unable to open' "$(via fast "$db" <<<'SELECT 1;')"
    expect_match "and the log says why" 'dbio_mode is none of auto' \
        "$(printf '.log stderr\n.open "file:%s?vfs=dbio&dbio_mode=fast"\n' "$db" |
            load_and_open ':memory:')"
    expect_match "an unknown DBIO_SQLITE_MODE is refused at load" 'DBIO_SQLITE_MODE' \
        "$(DBIO_SQLITE_MODE=fast load_and_open :memory: </dev/null)"
    expect_match "DBIO_SQLITE_MODE is the default" 'mode dontcache;' \
        "$(DBIO_SQLITE_MODE=dontcache load_and_open "file:$db?vfs=dbio" <<<'PRAGMA dbio_why;')"
    expect_match "dbio_mode goes before it" 'mode buffered;' \
        "$(DBIO_SQLITE_MODE=dontcache via buffered "$db" <<<'PRAGMA dbio_why;')"
    expect "loading twice does no harm" 1 \
        "$(printf '.load "%s"\nSELECT 1;\n' "$module" | via auto "$db")"
    remove "$db"
}

# How many requests of a small run went direct.
count_direct() { # mode, database
    local stats total=0 counter
    remove "$2"
    stats=$(via "$1" "$2" <<SQL
CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(100000));
SELECT length(a) FROM t;
PRAGMA dbio_stats;
SQL
    )
    for counter in direct direct_bounce direct_edges; do
        total=$((total + $(stat_of $counter <<<"$stats")))
    done
    echo "$total"
}

test_routes() {
    local db=$scratch/routes.db found
    found=$(via direct "$db" <<<'CREATE TABLE t(a); PRAGMA dbio_why;')
    expect_match "dbio_why answers" 'mode direct; standing [a-z]+, reason [a-z_]+: ' "$found"
    if [[ $found == *"standing direct"* ]]; then
        found=$(count_direct direct "$db")
        if [ "$found" -gt 20 ]; then pass; else fail "direct goes direct" "$found requests"; fi
    else
        skip "direct goes direct: $found"
    fi
    expect "buffered never goes direct" 0 "$(count_direct buffered "$db")"
    expect "dontcache never goes direct" 0 "$(count_direct dontcache "$db")"
    remove "$db"
}

test_sizes() {
    local db=$scratch/sizes.db
    via direct "$db" >/dev/null <<SQL
.filectrl chunk_size 65536
CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(200000));
SQL
    expect "a file grows by chunks" 0 $(($(stat -c %s "$db") % 65536))
    expect "and is not empty" ok "$(plain "$db" <<<'PRAGMA integrity_check;')"
    via direct "$db" >/dev/null <<SQL
.filectrl chunk_size 65536
DELETE FROM t; VACUUM;
SQL
    expect "a file shrinks by chunks" 65536 "$(stat -c %s "$db")"
    remove "$db"
}

# Increments of one counter by two processes at once: none may be lost, none may fail.
increments() { # count
    local i
    echo '.timeout 60000'
    for ((i = 0; i < $1; i++)); do
        echo 'BEGIN IMMEDIATE; UPDATE c SET n=n+1; INSERT INTO log SELECT n FROM c; COMMIT;'
    done
}

two_writers() { # journal mode, how the first writes, how the second
    local db=$scratch/two.db count=150
    plain "$db" >/dev/null <<<"PRAGMA journal_mode=$1; CREATE TABLE c(n); INSERT INTO c VALUES(0);
                               CREATE TABLE log(n);"
    increments $count | $2 "$db" >"$scratch/first" &
    increments $count | $3 "$db" >"$scratch/second"
    wait $!
    expect "$1: $2 beside $3: no error" "" "$(cat "$scratch/first" "$scratch/second")"
    expect "$1: $2 beside $3: no increment lost" "$((2 * count))|$((2 * count))|ok" \
        "$(plain "$db" <<<'SELECT n, (SELECT count(DISTINCT n) FROM log), integrity_check
                           FROM c, pragma_integrity_check;')"
    remove "$db"
}

test_two_writers() {
    local journal
    for journal in delete wal; do
        two_writers $journal "via direct" "via direct"
        two_writers $journal "via auto" "via auto"
        two_writers $journal "via direct" "plain"
        two_writers $journal "via direct" "via buffered"
    done
}

# Reads and writes in turn, each by a new process and another way: every one sees the last.
test_turns() {
    local db=$scratch/turns.db i found=
    plain "$db" <<<'CREATE TABLE c(n); INSERT INTO c VALUES(0);'
    for ((i = 1; i <= 8; i++)); do
        found+="$(via direct "$db" <<<'UPDATE c SET n=n+1; SELECT n FROM c;') "
        found+="$(plain "$db" <<<'UPDATE c SET n=n+1; SELECT n FROM c;') "
        found+="$(via dontcache "$db" <<<'UPDATE c SET n=n+1; SELECT n FROM c;') "
    done
    expect "processes take turns" "$(seq -s ' ' 1 24) " "$found"
    remove "$db"
    # The same inside one process: two connections, two modes, one database.
    found=$({
        echo 'CREATE TABLE c(n); INSERT INTO c VALUES(0);'
        printf '.connection 1\n.open "file:%s?vfs=dbio&dbio_mode=buffered"\n' "$db"
        for ((i = 1; i <= 20; i++)); do
            printf '.connection %d\nUPDATE c SET n=n+1; SELECT n FROM c;\n' $((i % 2))
        done
    } | via direct "$db" | tr '\n' ' ')
    expect "connections take turns" "$(seq -s ' ' 1 20) " "$found"
    remove "$db"
}

# Holds an exclusive lock until the file `go` is there.
hold() { # how..., database; commands on stdin come between lock and unlock
    { printf 'BEGIN EXCLUSIVE; UPDATE c SET n=n+1;\n'; cat
      printf '.system touch "%s/held"\n' "$scratch"
      printf '.system until [ -e "%s/go" ]; do sleep 0.05; done\nCOMMIT;\n' "$scratch"
    } | "$@" >"$scratch/holder"
}

lock_holds() { # name, second way, what the holder says; the holder runs in the background
    local holder=$!
    wait_for "$scratch/held"
    expect_match "$1" 'database is locked' \
        "$($2 "$scratch/lock.db" <<<'BEGIN IMMEDIATE; UPDATE c SET n=n+100; COMMIT;')"
    touch "$scratch/go"
    wait $holder
    expect_match "$1: the holder's commit" "$3" "$(cat "$scratch/holder")"
    rm -f "$scratch/held" "$scratch/go"
}

test_locks() {
    local db=$scratch/lock.db mode first
    plain "$db" <<<'CREATE TABLE c(n); INSERT INTO c VALUES(0);'
    hold via direct "$db" </dev/null &
    lock_holds "dbio's lock stops plain SQLite" plain '^$'
    hold plain "$db" </dev/null &
    lock_holds "plain SQLite's lock stops dbio" "via direct" '^$'
    for mode in direct buffered unix; do
        # A second connection of the same process comes, fails to read, and goes: closing its
        # descriptors must not drop the first one's POSIX locks, through whichever VFS it has them.
        first="via $mode"
        [ $mode != unix ] || first=load_and_open
        hold $first "$db" <<SQL &
.connection 1
.open "file:$db?vfs=dbio&dbio_mode=direct"
.output /dev/null
SELECT count(*) FROM sqlite_schema;
.output
.connection 0
.connection close 1
SQL
        lock_holds "$mode: closing a second connection keeps the lock" plain \
            '^[^:]* error near line [67]: database is locked \(5\)$'
    done
    expect "only the holders have counted" 5 "$(plain "$db" <<<'SELECT n FROM c;')"
    remove "$db"
}

# The last connection to a database in WAL mode removes the log. A process that wrongly believes to
# be the last, because a lock was dropped, would take the log away under the others.
test_wal_stays() {
    local db=$scratch/stays.db found
    found=$(via direct "$db" <<SQL
PRAGMA journal_mode=wal; CREATE TABLE t(a); INSERT INTO t VALUES(1);
.connection 1
.open "file:$db?vfs=dbio&dbio_mode=buffered"
INSERT INTO t VALUES(2);
.connection 0
.connection close 1
.system sqlite3 "$db" 'INSERT INTO t VALUES(3);'
.system [ -e "$db-wal" ] && echo stays
INSERT INTO t VALUES(4); SELECT sum(a) FROM t;
SQL
    )
    expect "the log stays while a connection is open" $'wal\nstays\n10' "$(sort -r <<<"$found")"
    expect "and goes with the last" "" "$(find "$scratch" -name 'stays.db-*')"
    remove "$db"
}

# Transactions of several pages; each is acknowledged in a file of its own after the commit.
numbered_transactions() { # file of the acknowledgements
    local i
    for ((i = 1; i <= 5000; i++)); do
        echo "BEGIN; INSERT INTO t(id, v) VALUES($i, zeroblob(9000)); UPDATE c SET n=$i; COMMIT;"
        echo ".system echo $i > \"$1\""
    done
}

kill_and_recover() { # mode, journal mode
    local db=$scratch/kill.db round shell acknowledged file
    for round in 1 2 3; do
        file=$scratch/acknowledged.$1.$2.$round # a child of the killed shell may still write to it
        plain "$db" >/dev/null <<<"PRAGMA journal_mode=$2; CREATE TABLE t(id INTEGER PRIMARY KEY, v);
                                   CREATE TABLE c(n); INSERT INTO c VALUES(0);"
        { printf '.load "%s"\n.open "file:%s?vfs=dbio&dbio_mode=%s"\nPRAGMA cache_size=5;\n' "$module" \
            "$db" "$1"; numbered_transactions "$file"; } >"$scratch/script"
        LD_PRELOAD=$preload sqlite3 -batch <"$scratch/script" >/dev/null 2>&1 &
        shell=$!
        wait_for "$file"
        sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
        kill -9 $shell
        wait $shell 2>/dev/null
        acknowledged=$(cat "$file")
        expect "$1 $2: whole after kill -9, $acknowledged acknowledged" "1|1|ok" \
            "$(via "$1" "$db" <<<"SELECT n>=${acknowledged:-0}, n=(SELECT count(*) FROM t),
                                  integrity_check FROM c, pragma_integrity_check;")"
        remove "$db"
    done 2>/dev/null
}

test_kill() {
    kill_and_recover direct delete
    kill_and_recover direct wal
    kill_and_recover auto persist
    kill_and_recover auto wal
}

# Inserts until it no longer fits, then room again: the error says so, what was committed is there.
runs_full() { # name, database, mode, journal mode, wanted error, command that runs a shell
    local found
    via "$3" "$2" >/dev/null <<<"PRAGMA journal_mode=$4; CREATE TABLE t(v);
                                 INSERT INTO t VALUES(zeroblob(50000));"
    found=$("$6" "$3" "$2" <<<'INSERT INTO t VALUES(zeroblob(30000000));
                               SELECT count(*) FROM t; PRAGMA integrity_check;')
    expect_match "$1 $3 $4: the error" "$5" "$found"
    expect_match "$1 $3 $4: goes on" $'\n1\nok$' "$found"
    expect "$1 $3 $4: nothing is lost" "1|ok" \
        "$(plain "$2" <<<'SELECT count(*), integrity_check FROM t, pragma_integrity_check;')"
    remove "$2"
}

limited() { # mode, database: at most 8 MiB per file, and the signal ignored
    (
        trap '' XFSZ
        ulimit -f 8192
        via "$1" "$2"
    )
}

small_disk() {
    truncate -s 16M "$scratch/disk" && mkfs.ext4 -q -b 4096 "$scratch/disk" &&
        mkdir "$scratch/mount" && mount -o loop "$scratch/disk" "$scratch/mount" &&
        mounted=$scratch/mount
}

test_full() {
    local mode journal
    for mode in $modes; do
        for journal in delete wal; do
            runs_full "file size limit" "$scratch/full.db" "$mode" $journal \
                'disk I/O error|disk is full' limited
        done
    done
    if [ "$(id -u)" -ne 0 ] || ! small_disk 2>/dev/null; then
        skip "a full disk and a read-only one: need root, mkfs.ext4 and a loop device"
        return
    fi
    for mode in $modes; do
        for journal in delete wal; do
            runs_full "small disk" "$mounted/full.db" "$mode" $journal 'disk is full' via
        done
    done
    test_read_only_disk
    umount "$mounted" && mounted=
}

test_read_only_disk() {
    local found
    plain "$mounted/ro.db" <<<'CREATE TABLE t(a); INSERT INTO t VALUES(7);'
    mount -o remount,ro "$mounted" || { fail "remount" "read-only"; return; }
    found=$(via direct "$mounted/ro.db" <<<'SELECT a FROM t; INSERT INTO t VALUES(8);' | sort)
    expect_match "a read-only disk is read and not written" '^7.*readonly database' "$found"
}

test_read_only() {
    local db=$scratch/ro.db mode found
    plain "$db" <<<'CREATE TABLE t(a); INSERT INTO t VALUES(7);'
    for mode in $modes; do
        found=$(via "$mode" "$db" '&mode=ro' <<<'SELECT a FROM t; INSERT INTO t VALUES(8);' | sort)
        expect_match "$mode: mode=ro is read and not written" '^7.*readonly database' "$found"
        expect "$mode: immutable=1 is read" 7 \
            "$(via "$mode" "$db" '&immutable=1' <<<'SELECT a FROM t;')"
    done
    expect_match "mode=ro creates nothing" 'unable to open' \
        "$(via direct "$scratch/none.db" '&mode=ro' <<<'SELECT 1;')"
    expect "no file came" "" "$(find "$scratch" -name 'none*')"
    remove "$db"
}

test_contents
test_default_shell
test_options
test_routes
test_sizes
test_two_writers
test_turns
test_locks
test_wal_stays
test_kill
test_read_only
test_full
finish
