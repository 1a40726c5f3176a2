#!/usr/bin/env bash
# What it shows: dbio-tpcc loads, runs, checks and compares in every way of I/O; its check finds
# every kind of damage that is done to a database on purpose and names the right condition; a run
# that is interrupted or killed leaves a consistent database with every acknowledged transaction in
# it; bad options are refused. A check that finds nothing is worth nothing until it has found these.
#
# usage: test_tpcc.sh /path/to/dbio-tpcc
# DBIO_TEST_DIR: where to work (default $TMPDIR or /var/tmp).
set -u

tpcc=${1:?usage: test_tpcc.sh /path/to/dbio-tpcc}
passed=0 failed=0 skipped=0
hold="all consistency conditions hold"
scratch=$(mktemp -d "${DBIO_TEST_DIR:-${TMPDIR:-/var/tmp}}/dbio-tpcc.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT

finish() {
    echo "test_tpcc: $passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] || exit 1
    exit 0
}

skip() { # reason
    skipped=$((skipped + 1))
    echo "skipped: $1"
}

# judge NAME STATUS-WANTED PATTERN: the last command's $status and $output are as they should be.
judge() {
    if [ "$status" = "$2" ] && grep -qE -- "$3" <<<"$output"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s: exit status %s (wanted %s), no match for "%s" in:\n%s\n' \
            "$1" "$status" "$2" "$3" "$(tail -15 <<<"$output")"
    fi
}

call() { # arguments of dbio-tpcc
    output=$("$tpcc" "$@" 2>&1)
    status=$?
}

fresh() { # directory: a tiny database, copied from the first one
    rm -rf "$1"
    cp -r "$scratch/base" "$1"
}

test_options() {
    local refused
    call --help
    judge "help" 0 "prepare.*load a database"
    for command in prepare run check compare report; do
        call $command --help
        judge "help of $command" 0 "usage: dbio-tpcc $command"
    done
    call
    judge "no command" 2 "usage"
    call explode
    judge "unknown command" 2 'no command "explode"'
    while read -r refused; do
        # shellcheck disable=SC2086
        call $refused
        judge "refused: $refused" 2 "dbio-tpcc: "
    done <<'REFUSED'
run --nonsense
run --threads
run --threads 0
run --threads two
run --threads 99999999999999999999
run --io floppy
run --io buffered,direct
run --io direct, 
run --warehouses 1
run --weight 50,50
run --weight 45,43,4,4,5
run --journal off
run --synchronous sometimes
run --ledger gold
run --engine abacus
run --wait=yes
run --seed -1
run --dir=
run stray
prepare --warehouses 1.5
compare --io buffered,buffered
compare --rounds 0
report
REFUSED
}

test_prepare() {
    call prepare --dir "$scratch/base" --tiny --seed 7 --json "$scratch/prepare.json"
    judge "prepare" 0 "loaded .*tpcc.db: 1 warehouse, seed 7"
    output=$(cat "$scratch/prepare.json")
    judge "prepare writes JSON" 0 '"kind": "prepare"'
    call prepare --dir "$scratch/base" --tiny
    judge "prepare does not overwrite" 1 "is there already; --force"
    call prepare --dir "$scratch/again" --tiny --seed 7
    output=$(cmp "$scratch/base/tpcc.db" "$scratch/again/tpcc.db" 2>&1)
    status=$?
    judge "equal seeds load equal bytes" 0 "^$"
    call prepare --dir "$scratch/again" --tiny --seed 8 --force
    judge "prepare --force" 0 "seed 8"
    output=$(cmp "$scratch/base/tpcc.db" "$scratch/again/tpcc.db" 2>&1)
    status=$?
    judge "another seed loads other bytes" 1 "differ"
    call prepare --dir "$scratch/two" --tiny --warehouses 2
    judge "prepare two warehouses" 0 "2 warehouses"
    call prepare --dir "$scratch/base/tpcc.db/sub" --tiny
    judge "prepare below a file" 1 "cannot make directory"
    call check --dir "$scratch/base"
    judge "a fresh database is consistent" 0 "^$hold$"
    call check --dir "$scratch/nowhere"
    judge "check without a database" 1 "there is no database"
    call run --dir "$scratch/nowhere" --duration 1
    judge "run without a database" 1 "there is no database"
}

test_runs() {
    local io
    for io in buffered direct dontcache dbio; do
        fresh "$scratch/run"
        call run --dir "$scratch/run" --io $io --duration 3 --warmup 1 --threads 3 \
            --report-interval 1 --json "$scratch/$io.json" --html "$scratch/$io.html"
        judge "run with $io" 0 "^$hold$"
        judge "no errors with $io" 0 "errors 0, stale reads 0"
        output=$(cat "$scratch/$io.json" "$scratch/$io.html")
        judge "$io: JSON" 0 '"tpmC": [1-9]'
        judge "$io: chart" 0 '<svg'
        call check --dir "$scratch/run" --io $io
        judge "check through $io" 0 "^$hold$"
    done
    call report "$scratch/dbio.json"
    judge "report of a saved run" 0 "dbio: [0-9]+ tpmC"
    fresh "$scratch/run"
    call run --dir "$scratch/run" --io dbio --journal delete --synchronous normal --duration 2 \
        --warmup 0 --threads 2 --weight 20,20,20,20,20 --ledger dsync --cache-mb 1
    judge "rollback journal, weights, synchronous ledger" 0 "^$hold$"
    call run --dir "$scratch/run" --io direct --duration 2 --warmup 0 --threads 4
    judge "a second run on the same database, other journal" 0 "^$hold$"
    call run --dir "$scratch/two" --io dbio --duration 3 --warmup 0 --threads 4
    judge "two warehouses: remote orders and payments" 0 "^$hold$"
    call run --dir "$scratch/two" --duration 2 --warmup 0 --wait
    judge "keying and think times" 0 "20 terminals, keying"
    call run --dir "$scratch/run" --duration 1 --warmup 0 --ledger off
    judge "without a ledger" 0 "^$hold$"
    output=$("$tpcc" run --dir "$scratch/run" --duration 1 --warmup 0 --json - 2>/dev/null)
    status=$?
    judge "JSON on stdout is alone there" 0 "^\{"
}

test_compare() {
    call compare --dir "$scratch/compare" --tiny --io buffered,direct,dbio --duration 1 \
        --warmup 0 --rounds 2 --json "$scratch/compare.json" --html "$scratch/compare.html"
    judge "compare" 0 "^$hold$"
    judge "compare has a table" 0 "dbio +[0-9]+ +[0-9.]+ .* ok"
    output=$(ls "$scratch/compare")
    judge "compare leaves only the prepared database" 0 "^tpcc.db$"
    call report "$scratch/compare.json" --html "$scratch/again.html"
    judge "report of a comparison" 0 "^$hold$"
    output=$(cmp "$scratch/compare.html" "$scratch/again.html" 2>&1)
    status=$?
    judge "a saved comparison draws the same page" 0 "^$"
    call compare --dir "$scratch/compare" --warehouses 3
    judge "compare does not reload what is there" 1 "is there already"
    echo '{"program": "dbio-tpcc", "kind":' >"$scratch/broken.json"
    call report "$scratch/broken.json"
    judge "report of a broken file" 1 "is not a result"
}

# broken NAME SQL PATTERN: after SQL the check fails and says PATTERN.
broken() {
    local error
    fresh "$scratch/broken"
    if ! error=$(sqlite3 "$scratch/broken/tpcc.db" "$2" 2>&1 >/dev/null) || [ -n "$error" ]; then
        status=sql output=$error
        judge "$1" 1 "the database could be broken"
        return
    fi
    call check --dir "$scratch/broken"
    judge "$1" 1 "^$3 .*FAILED"
}

# Every row of this list is one way to be wrong. The database has run before: it has orders,
# payments and deliveries beyond the load.
test_conditions() {
    local new="(SELECT max(o_id) FROM orders WHERE o_w_id=1 AND o_d_id=3)"
    local open="(SELECT min(no_o_id) FROM new_order WHERE no_w_id=1 AND no_d_id=3)"
    broken "condition 1" "UPDATE warehouse SET w_ytd=w_ytd+1" "condition 1 "
    broken "condition 2: next number" \
        "UPDATE district SET d_next_o_id=d_next_o_id+1 WHERE d_id=3" "condition 2 "
    broken "condition 2: last new order" \
        "DELETE FROM new_order WHERE no_d_id=3 AND no_o_id=$new" "condition 2 "
    broken "condition 2: no orders left" \
        "DELETE FROM new_order WHERE no_d_id=3; DELETE FROM orders WHERE o_d_id=3" "condition 2 "
    # One delivered long ago: however few are open, there is a hole.
    broken "condition 3" \
        "INSERT INTO new_order (no_w_id, no_d_id, no_o_id) VALUES (1, 3, $open-2)" "condition 3 "
    broken "condition 4" \
        "DELETE FROM order_line WHERE ol_d_id=3 AND ol_o_id=$new AND ol_number=1" "condition 4 "
    broken "condition 5: carrier" \
        "UPDATE orders SET o_carrier_id=NULL WHERE o_d_id=3 AND o_id=5" "condition 5 "
    broken "condition 5: new order without order" \
        "DELETE FROM orders WHERE o_d_id=3 AND o_id=$open" "condition 5 "
    broken "condition 6: count" \
        "UPDATE orders SET o_ol_cnt=o_ol_cnt+1 WHERE o_d_id=3 AND o_id=5" "condition 6 "
    broken "condition 6: no lines at all" \
        "DELETE FROM order_line WHERE ol_d_id=3 AND ol_o_id=5" "condition 6 "
    broken "condition 6: lines without order" \
        "INSERT INTO order_line VALUES(1,3,99999,1,1,1,NULL,1,1,'x')" "condition 6 "
    broken "condition 7: not delivered" \
        "UPDATE order_line SET ol_delivery_d=NULL WHERE ol_d_id=3 AND ol_o_id=5 AND ol_number=2" \
        "condition 7 "
    broken "condition 7: delivered too early" \
        "UPDATE order_line SET ol_delivery_d=1 WHERE ol_d_id=3 AND ol_o_id=$new" "condition 7 "
    broken "condition 8" "UPDATE warehouse SET w_ytd=w_ytd-500;
        UPDATE district SET d_ytd=d_ytd-500 WHERE d_id=3" "condition 8 "
    broken "condition 8: no history" "DELETE FROM history" "condition 8 "
    broken "condition 9" "UPDATE district SET d_ytd=d_ytd-500 WHERE d_id=3;
        UPDATE district SET d_ytd=d_ytd+500 WHERE d_id=4" "condition 9 "
    broken "condition 10" "UPDATE history SET h_amount=h_amount+1 WHERE h_id=9" "condition 10 "
    broken "condition 10: nothing delivered" \
        "DELETE FROM order_line WHERE ol_d_id=3 AND ol_o_id IN (SELECT o_id FROM orders WHERE
         o_d_id=3 AND o_c_id=8); UPDATE customer SET c_balance=c_balance+1 WHERE c_d_id=3 AND
         c_id=8" "condition 10 "
    broken "condition 11" \
        "INSERT INTO new_order VALUES(1,3,5)" "condition 11 "
    broken "condition 12" \
        "UPDATE customer SET c_ytd_payment=c_ytd_payment+1 WHERE c_d_id=3 AND c_id=9" \
        "condition 12 "
}

test_oracle() {
    broken "oracle: price" "UPDATE item SET i_price=i_price+1 WHERE i_id=77" "oracle 1 "
    broken "oracle: item data" "UPDATE item SET i_data='x'||substr(i_data,2) WHERE i_id=77" \
        "oracle 1 "
    broken "oracle: item lost" "DELETE FROM item WHERE i_id=1000" "oracle 1 "
    broken "oracle: warehouse" "UPDATE warehouse SET w_city='Atlantis'" "oracle 2 "
    broken "oracle: tax" "UPDATE district SET d_tax=d_tax+1 WHERE d_id=10" "oracle 3 "
    broken "oracle: payment gone, sums mended" \
        "UPDATE history SET h_data='nothing' WHERE h_id=(SELECT max(h_id) FROM history)" \
        "oracle 4 "
    broken "oracle: loaded payment moved" \
        "UPDATE history SET h_date=h_date+1 WHERE h_id=10" "oracle 4 "
    broken "oracle: two orders change places" \
        "UPDATE orders SET o_c_id=61-o_c_id WHERE o_d_id=2 AND o_id<=40" "oracle 5 "
    broken "oracle: an order and its lines vanish" \
        "DELETE FROM orders WHERE o_d_id=2 AND o_id=7;
         DELETE FROM order_line WHERE ol_d_id=2 AND ol_o_id=7" "oracle 5 "
    broken "oracle: line text" \
        "UPDATE order_line SET ol_dist_info=upper(ol_dist_info) WHERE ol_d_id=2 AND ol_o_id=7" \
        "oracle 6 "
    broken "oracle: amount of a later line" \
        "UPDATE order_line SET ol_amount=ol_amount+1 WHERE ol_d_id=2 AND ol_number=1 AND
         ol_o_id=(SELECT max(o_id) FROM orders WHERE o_d_id=2)" "oracle 6 "
    broken "oracle: customer's phone" \
        "UPDATE customer SET c_phone='0' WHERE c_d_id=4 AND c_id=33" "oracle 7 "
    broken "oracle: bad credit text" \
        "UPDATE customer SET c_data=substr(c_data,2)||'x' WHERE c_credit='BC'" "oracle 7 "
    broken "oracle: payment count" \
        "UPDATE customer SET c_payment_cnt=c_payment_cnt+1 WHERE c_credit='GC'" "oracle 8 "
    broken "oracle: delivery count" \
        "UPDATE customer SET c_delivery_cnt=c_delivery_cnt+1 WHERE c_d_id=1 AND c_id=1" "oracle 8 "
    broken "oracle: stock text" \
        "UPDATE stock SET s_dist_07='x'||substr(s_dist_07,2) WHERE s_i_id=500" "oracle 9 "
    broken "oracle: stock quantity" \
        "UPDATE stock SET s_quantity=s_quantity+1 WHERE s_i_id=500" "oracle 10 "
    broken "oracle: an older stock row" \
        "UPDATE stock SET s_ytd=0, s_order_cnt=0 WHERE s_i_id=(SELECT ol_i_id FROM order_line
         WHERE ol_o_id=(SELECT max(o_id) FROM orders WHERE o_d_id=2) AND ol_d_id=2 LIMIT 1)" \
        "oracle 10 "
    broken "oracle: meta" "UPDATE meta SET value=value+1 WHERE key='seed'" "oracle 1 "
    broken "oracle: meta unreadable" "DELETE FROM meta WHERE key='warehouses'" "oracle "
}

test_damage() {
    fresh "$scratch/broken"
    # A page in the middle replaced by its neighbour: what a misdirected write leaves.
    dd if="$scratch/base/tpcc.db" of="$scratch/broken/tpcc.db" bs=4096 skip=100 seek=101 count=1 \
        conv=notrunc status=none
    call check --dir "$scratch/broken"
    judge "a misdirected page" 1 "[0-9]+ conditions? FAILED$"
    fresh "$scratch/broken"
    truncate -s 200000 "$scratch/broken/tpcc.db"
    call check --dir "$scratch/broken"
    judge "a cut file" 1 "malformed|engine .*FAILED"
    fresh "$scratch/broken"
    head -c 100000 /dev/urandom >"$scratch/broken/tpcc.db"
    call check --dir "$scratch/broken"
    judge "not a database" 1 "FAILED$"
    # An older but consistent state: the ledger knows better.
    fresh "$scratch/broken"
    cp "$scratch/loaded.db" "$scratch/broken/tpcc.db"
    call check --dir "$scratch/broken"
    judge "back to an older state" 1 "^ledger .*FAILED"
    fresh "$scratch/broken"
    grep -v "^N" "$scratch/base/ledger.txt" >"$scratch/broken/ledger.txt"
    call check --dir "$scratch/broken"
    judge "orders that nobody acknowledged" 1 "^ledger .*FAILED"
    fresh "$scratch/broken"
    sed -i '3s/[0-9]/x/' "$scratch/broken/ledger.txt"
    call check --dir "$scratch/broken"
    judge "a damaged ledger" 1 "^ledger .*FAILED"
}

test_interrupt() {
    local pid signal
    for signal in INT TERM; do
        fresh "$scratch/run"
        # A background job of a script ignores INT unless it says otherwise.
        (trap - INT; exec "$tpcc" run --dir "$scratch/run" --io dbio --duration 60 --warmup 0) \
            >"$scratch/out" 2>&1 &
        pid=$!
        sleep 1.5
        kill -$signal $pid
        wait $pid
        status=$? output=$(cat "$scratch/out")
        judge "$signal ends a run with a report" 0 "tpmC.*, interrupted"
        judge "$signal leaves a consistent database" 0 "^$hold$"
    done
    (exec "$tpcc" compare --dir "$scratch/base" --duration 60 --warmup 0) >"$scratch/out" 2>&1 &
    pid=$!
    sleep 1.5
    kill -TERM $pid
    wait $pid
    status=$? output=$(cat "$scratch/out")
    judge "TERM ends a comparison" 1 "interrupted; $hold"
}

test_kill() {
    local io journal pid
    for io in buffered direct dbio; do
        for journal in wal delete; do
            fresh "$scratch/run"
            "$tpcc" run --dir "$scratch/run" --io $io --journal $journal --duration 60 \
                --warmup 0 --threads 3 >"$scratch/out" 2>&1 &
            pid=$!
            sleep 1.3
            kill -9 $pid
            wait $pid 2>/dev/null
            call check --dir "$scratch/run"
            judge "kill -9 with $io, $journal: nothing lost" 0 "^$hold$"
            call run --dir "$scratch/run" --io $io --journal $journal --duration 1 --warmup 0
            judge "and $io, $journal goes on" 0 "^$hold$"
        done
    done
}

test_memory_limit() {
    call run --dir "$scratch/run" --io dbio --duration 1 --warmup 0 --memory-limit 256
    if [ "$(id -u)" -ne 0 ]; then
        judge "a memory limit needs root" 1 "needs root"
    elif [ $status -ne 0 ] && grep -q "^dbio-tpcc: --memory-limit" <<<"$output"; then
        skip "no memory cgroup can be made here"
    else
        judge "inside a memory limit" 0 "limited to 256 MB"
    fi
}

test_options
test_prepare
test_runs
test_compare
cp "$scratch/base/tpcc.db" "$scratch/loaded.db"
call run --dir "$scratch/base" --duration 2 --warmup 0 --threads 2 --journal delete
judge "a database with a history" 0 "^$hold$"
if command -v sqlite3 >/dev/null; then
    test_conditions
    test_oracle
else
    skip "no sqlite3 shell to break databases with"
fi
test_damage
test_interrupt
test_kill
test_memory_limit
finish
