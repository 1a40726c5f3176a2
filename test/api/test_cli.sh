#!/usr/bin/env bash
# What it shows: `dbio stat` and `dbio top` tell what processes have outstanding, say what is wrong
# with a registry, keep to their exit statuses, and write JSON that others can read.
#
# usage: test_cli.sh /path/to/dbio /path/to/cli_client
set -u

dbio=${1:?usage: test_cli.sh /path/to/dbio /path/to/cli_client}
client=${2:?the second argument: a client to look at}
passed=0 failed=0
work=$(mktemp -d "${DBIO_TEST_DIR:-${TMPDIR:-/var/tmp}}/dbio-cli.XXXXXX")
registry=$(mktemp -u /dev/shm/dbio-cli.XXXXXX)
holder= other=

clean_up() {
    [ -z "$holder" ] || kill -KILL "$holder" 2>/dev/null
    [ -z "$other" ] || kill -KILL "$other" 2>/dev/null
    rm -rf "$work" "$registry"
}
trap clean_up EXIT

# check NAME STATUS PATTERN COMMAND...: the exit status and the output of a command.
check() {
    local name=$1 status=$2 pattern=$3 output found
    shift 3
    output=$("$@" 2>&1)
    found=$?
    if [ "$found" = "$status" ] && [[ $output =~ $pattern ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s: status %s, not %s, or no match for "%s":\n%s\n' "$name" "$found" "$status" \
            "$pattern" "$output"
    fi
}

# check_json NAME STATUS EXPRESSION COMMAND...: each line, or all of it, is JSON that makes the Python
# expression about `x` true.
check_json() {
    local name=$1 status=$2 expression=$3 output found
    shift 3
    output=$("$@" 2>/dev/null)
    found=$?
    if [ "$found" = "$status" ] && EXPRESSION=$expression python3 -c '
import json, os, sys
x = json.load(sys.stdin)
sys.exit(not eval(os.environ["EXPRESSION"]))' <<<"$output"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s: status %s, not %s, or not: %s\n%s\n' "$name" "$found" "$status" "$expression" \
            "$output"
    fi
}

check "help" 0 "usage: dbio COMMAND" "$dbio" --help
check "help of stat" 0 "usage: dbio stat" "$dbio" stat --help
check "help of top" 0 "usage: dbio top" "$dbio" top --help
check "version" 0 "^dbio [0-9]" "$dbio" --version
check "no command" 2 "usage:" "$dbio"
check "another command" 2 "no command 'stats'" "$dbio" stats
check "another option" 2 "--help" "$dbio" stat --frobnicate
check "an option of top" 2 "--help" "$dbio" stat --interval 1
check "no value" 2 "--help" "$dbio" top --interval
check "no interval" 2 "0.05 to 3600" "$dbio" top --interval 0
check "no count" 2 "a number from 1" "$dbio" top --count 0.5
check "no process number" 2 "not a process number" "$dbio" stat -- -1
check "two process numbers" 2 "too much" "$dbio" stat 1 2

export DBIO_REGISTRY=$registry
check "no registry" 0 "coherence off: $registry: there is none" "$dbio" stat
check "no registry for top" 0 "coherence off" "$dbio" top --count 1
check_json "no registry in JSON" 0 'x["cross_process"] is False and "none" in x["why"]' "$dbio" stat --json
check "switched off" 0 "coherence off: no registry" env DBIO_REGISTRY=off "$dbio" stat
check_json "switched off in JSON" 0 'x["registry"] is None' env DBIO_REGISTRY=off "$dbio" stat --json

head -c 5000 /dev/urandom >"$work/garbage" && chmod 600 "$work/garbage"
: >"$work/empty" && chmod 600 "$work/empty"
head -c 3000000 /dev/zero >"$work/open" && chmod 644 "$work/open"
ln -s "$work/garbage" "$work/link"
check "garbage" 1 "refused: not a registry" "$dbio" stat --registry "$work/garbage"
check "an empty file" 1 "refused: not a registry" "$dbio" stat --registry "$work/empty"
check "open to others" 1 "open to others" "$dbio" stat --registry "$work/open"
check "a link" 1 "refused: not a regular file" "$dbio" stat --registry "$work/link"
check "a directory" 1 "coherence off" "$dbio" stat --registry "$work"
check "a refusal is a message, not an answer" 0 '^$' \
    bash -c '"$1" stat --registry "$2" 2>/dev/null || [ $? -eq 1 ]' - "$dbio" "$work/garbage"
check_json "garbage in JSON" 1 '"refused" in x["why"]' "$dbio" top --json --registry "$work/garbage"

    "$client" "$work/a \"file\"" &
    holder=$!
    for _ in $(seq 100); do
        "$dbio" stat 2>/dev/null | grep -q "processes [1-9]" && break
        sleep 0.1
    done
    check "a process" 0 "coherence on.*$holder +cli_client +alive" "$dbio" stat
    check "only that" 0 "$holder" "$dbio" stat "$holder"
    check "a process that has no part in it" 1 "process $$ does not use dbio" "$dbio" stat "$$"
    check "so in JSON" 1 "process $$ does not use dbio" "$dbio" stat --json "$$"
    check_json "a process in JSON" 0 \
        'x["cross_process"] and [p for p in x["processes"] if p["alive"] and p["program"] == "cli_client"]' \
        "$dbio" stat --json
    seen=no
    for _ in $(seq 200); do
        "$dbio" top --count 1 2>/dev/null | grep -q 'direct write.*a "file"' && seen=yes && break
    done
    check "its request in top, with the name of its file" 0 "yes" echo $seen
    check_json "looks in JSON" 0 'isinstance(x["requests"], list)' "$dbio" top --json --count 1
    check "two looks" 0 "AGE.*AGE" "$dbio" top --count 2 --interval 0.05
    timeout --preserve-status -s INT 1 "$dbio" top --interval 0.2 >/dev/null
    check "Ctrl-C" 0 "^0$" echo $?
    long=$work/$(printf '%0200d/%0200d' 1 2)
    mkdir -p "${long%/*}"
    "$client" "$long"$'\n"\\\t\xff\xc3\xa4' &
    other=$!
    seen=no
    for _ in $(seq 200); do
        "$dbio" top --json --count 1 "$other" | python3 -c '
import json, sys
x = json.load(sys.stdin)["requests"]
sys.exit(not (x and x[0]["file"].encode("latin-1").endswith(b"2\n\"\\\t\xff\xc3\xa4")))' && seen=yes && break
    done
    check "a long name of any bytes" 0 "yes" echo $seen
    kill -KILL "$other"
    wait "$other" 2>/dev/null
    other=
    kill -STOP "$holder"
    for _ in $(seq 100); do # a system call that waits for the disk ends before the process stops
        "$dbio" stat "$holder" | grep -q stopped && break
        sleep 0.05
    done
    check "stopped" 0 "$holder +cli_client +stopped" "$dbio" stat
    kill -CONT "$holder"
    kill -KILL "$holder"
    wait "$holder" 2>/dev/null
    check "dead" 0 "$holder +cli_client +dead" "$dbio" stat
    holder=
    (sleep 0.5; rm "$registry") &
    check "a registry that is removed" 1 "cannot be read any more" "$dbio" top --interval 0.1 --count 50

echo "test_cli: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
