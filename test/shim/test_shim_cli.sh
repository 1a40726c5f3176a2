#!/bin/bash
# test_shim_cli.sh SHIM DBIO - dbio run, off, doctor, coverage, why and probe.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
export DBIO_SHIM=$shim

# says TEXT STATUS PATTERN COMMAND...: the command ends with STATUS and prints PATTERN.
says() {
    local text=$1 wanted=$2 pattern=$3 status=0
    shift 3
    "$@" >"$work/said" 2>&1 || status=$?
    if [ "$status" = "$wanted" ] && { [ -z "$pattern" ] || grep -qE "$pattern" "$work/said"; }; then
        pass "$text"
    else
        fail "$text: status $status, wanted $wanted and /$pattern/:"
        head -n 12 "$work/said" | sed 's/^/    /'
    fi
}

dbio() { plain env DBIO_SHIM="$shim" DBIO_REGISTRY="$registry" DBIO_STATISTICS="$statistics" "$dbio" "$@"; }

check_run() {
    says "run: help" 0 '^usage: dbio run' dbio run --help
    says "run: no command" 2 'no command' dbio run
    says "run: no such mode" 2 'mode' dbio run --mode fast -- true
    says "run: no such option" 2 'no such option' dbio run --fast -- true
    says "run: a missing policy file stops it before the command starts" 1 'policy .*No such file' \
        dbio run --policy "$work/none" -- touch "$work/started"
    check "run: so it did" test ! -e "$work/started"
    says "run: the command's status is its own" 7 '' dbio run -- sh -c 'exit 7'
    says "run: a command that is not there" 127 'No such file' dbio run -- "$work/none"
    says "run: a file that is no program" 126 'ermission' dbio run -- "$work"
    says "run: no shim" 1 'DBIO_SHIM' env DBIO_SHIM=/nowhere/libdbio-shim.so "$dbio" run -- true
    says "run: the settings reach the command" 0 'mode:direct' \
        dbio run --mode direct -- sh -c 'echo $DBIO_CONF'
    says "run: exec:strip takes the shim from what the command starts" 0 '^none$' \
        dbio run --conf exec:strip -- sh -c 'echo ${LD_PRELOAD:-none}'
    says "run: --stats-json" 0 '' dbio run --mode direct --stats-json "$work/counts" -- \
        dd if=/dev/zero of="$work/dd" bs=64k count=4 status=none
    check "run: what the command did is in the file" \
        jq -e '.counters.spans >= 4 and .alive == 0' "$work/counts"
    says "run: a signal that ends the command" 143 '' dbio run --stats-json "$work/counts" -- \
        sh -c 'kill -TERM $$'
}

# A program that writes pages for ever, and is switched off meanwhile.
check_off() {
    local pid i direct
    fresh_counts
    cat >"$work/writer.sql" <<'SQL'
create table if not exists t(a, b);
begin;
with recursive c(i) as (select 1 union all select i + 1 from c where i < 2000)
    insert into t select i, randomblob(500) from c;
commit;
SQL
    dbio run --mode direct -- sh -c "i=0; while [ \$i -lt 400 ]; do cat '$work/writer.sql'; i=\$((i + 1)); done | sqlite3 '$work/off.db'" &
    pid=$!
    started+=("$pid")
    for ((i = 0; i < 100; i++)); do
        [ "$(count direct_bounce)" = 0 ] || break
        sleep 0.1
    done
    says "off: done" 0 '' dbio off --statistics "$statistics"
    sleep 0.2
    direct=$(counts | jq '.counters.direct + .counters.direct_bounce')
    for ((i = 0; i < 100; i++)); do
        [ "$(reason switched_off)" = 0 ] || break
        sleep 0.1
    done
    check "off: requests say so" test "$(reason switched_off)" -gt 0
    check "off: nothing goes direct any more" \
        test "$(counts | jq '.counters.direct + .counters.direct_bounce')" = "$direct"
    says "on: done" 0 '' dbio on --statistics "$statistics"
    wait "$pid"
    check "off: the data is whole" test "$(sqlite3 "$work/off.db" 'pragma integrity_check; select count(*) from t' | tr '\n' ' ')" = "ok 800000 "
    says "off: no such process" 1 '.' dbio off --statistics "$statistics" 4000000
    says "off: nothing counted there" 1 '.' dbio off --statistics "$work/none"
}

check_doctor() {
    says "doctor: fit" 0 '^ok .*libdbio-shim.so: can be preloaded' dbio doctor --dir "$work" -- sqlite3
    says "doctor: the calls are named" 0 'taken +fclose' dbio doctor --dir "$work" -- sqlite3
    says "doctor: not found" 1 'problem .*not found' dbio doctor --dir "$work" -- no-such-program
    says "doctor: no directory" 1 '.' dbio doctor --dir "$work/none"
    says "doctor: wrong usage" 2 'no such option' dbio doctor --what
    cp /bin/true "$work/true"
    chmod 4755 "$work/true"
    says "doctor: setuid" 1 'problem .*setuid' dbio doctor --dir "$work" -- "$work/true"
    if printf 'int main(void) { return 0; }\n' | cc -static -x c - -o "$work/static" 2>/dev/null; then
        says "doctor: static" 1 'is static' dbio doctor --dir "$work" -- "$work/static"
        says "coverage: static" 1 'is static' dbio coverage "$work/static"
    else
        skip "doctor: no static libc to link with"
    fi
    printf '#!/bin/sh\ntrue\n' >"$work/script"
    chmod 755 "$work/script"
    says "doctor: a script's interpreter is looked at" 0 'taken +write|taken +read' \
        dbio doctor --dir "$work" -- "$work/script"
    head -c 3000 /bin/true >"$work/cut"
    chmod 755 "$work/cut"
    says "doctor: half a program" 1 'section table' dbio doctor --dir "$work" -- "$work/cut"
}

check_coverage() {
    says "coverage: help" 0 '^usage' dbio coverage --help
    says "coverage: nothing named" 2 'no file' dbio coverage
    says "coverage: no such file" 1 'cannot be read' dbio coverage "$work/none"
    says "coverage: garbage" 1 'neither an ELF' dbio coverage "$0.none" "$work/writer.sql"
    says "coverage: JSON" 0 '"taken"' dbio coverage --json /usr/bin/sqlite3
    check "coverage: it is JSON" jq -e '.taken | index("fclose")' "$work/said"
}

check_why() {
    says "why: a file" 0 'mode direct +direct' dbio why "$work/off.db"
    says "why: JSON" 0 '"modes"' dbio why --json "$work/off.db"
    check "why: it is JSON" jq -e '.modes.direct.direct and (.modes.auto.direct | not)' "$work/said"
    says "why: no such file" 1 'no such file' dbio why "$work/none"
    says "why: no file" 2 'no file' dbio why
    says "probe: a directory" 0 'a write went direct' dbio probe "$work"
    says "probe: memory" 0 'cannot be had' dbio probe /dev/shm
    says "probe: no such place" 1 '.' dbio probe "$work/none"
    says "stat: for Prometheus" 0 '^dbio_reads_total [0-9]' \
        dbio stat --prometheus --statistics "$statistics"
    says "stat: in words" 0 'requests by reason' dbio stat --registry "$registry" --statistics "$statistics"
}

# completes WORD... : what the last of the words could become.
completes() {
    (
        # shellcheck source-path=SCRIPTDIR/../../libdbio/cli
        source "$source/libdbio/cli/dbio.bash"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _dbio
        echo "${COMPREPLY[@]}"
    )
}

check_completion() {
    check "completion: commands" test "$(completes dbio wh)" = why
    check "completion: options" test "$(completes dbio run --stats)" = --stats-json
    check "completion: modes" test "$(completes dbio run --mode di)" = direct
    check "completion: files" test "$(completes dbio why "$work/off.d")" = "$work/off.db"
}

all_checks() {
    check_run
    check_off
    check_doctor
    check_coverage
    check_why
    check_completion
}

# Nothing but the shim's own names, and no version on them, which would undo it.
check_exports() {
    local listed exported
    filesystem=- work=$(mktemp -d)
    listed=$(sed -n '/^global:/,/^local:/p' "$source/libdbio/shim/shim.map" | tr ' ;' '\n\n' | grep -E '^[a-z_0-9]+$' | grep -v global | sort)
    exported=$(nm -D --defined-only "$shim" | awk '{ print $3 }' | sort)
    check "the shim exports what it says and nothing else" test "$listed" = "$exported"
    check "without versions" test "$(nm -D --defined-only --with-symbol-versions "$shim" | grep -c @)" = 0
    rm -rf "$work"
    work=
}

source=$(cd "$(dirname "$0")/../.." && pwd)
need jq sqlite3 nm
check_exports
for_each_filesystem all_checks
finish
