#!/bin/bash
# test_shim_calls.sh SHIM DBIO PROGRAM RING [--long] - a program cannot tell that the shim is there.
#
# PROGRAM (shim_program.c) and RING (shim_ring.c: io_uring and libaio) check what the calls of POSIX and Linux promise: first without the shim,
# which shows that what it expects is true, then with it in each mode, beside another preload, with
# the registry or the statistics refused, and with nothing at all in /dev/shm.
set -euo pipefail
program=$(realpath "$3")
ring=$(realpath "$4")
set -- "$1" "$2" "${@:5}"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

# run_program LABEL MODE: the cases of both become ours.
run_program() {
    local label=$1 mode=$2 line
    {
        shimmed "$mode" "$program" "$work" || true
        shimmed "$mode" "$ring" "$work" || true
    } >"$work/cases" 2>"$work/complaints"
    while IFS= read -r line; do
        case $line in
            "ok "*) pass "$label: ${line#ok }" ;;
            FAILED*) fail "$label: $line" ;;
            skipped*) skip "$label: $line" ;;
        esac
    done <"$work/cases"
    grep -q '^ok missing_calls' "$work/cases" || fail "$label: did not run to its end: $(tail -n 3 "$work/complaints")"
    rm -f "$work"/{filler,full}
}

in_each_mode() {
    local mode
    plain "$program" "$work" >"$work/cases.plain" || true
    for mode in none auto direct buffered off; do
        fresh_counts
        run_program "mode $mode" "$mode"
        case $mode in none | off) continue ;; esac
        report_routes "mode $mode" "$mode"
    done
    check_off
    check_policy
    check_refused_mapping
    check_jemalloc
    check_refusals
}

# Nothing of dbio happens in mode off, nor in programs that are not named.
check_off() {
    fresh_counts
    rm -f "$registry"
    shimmed off sh -c "cat '$work/plain' >/dev/null"
    DBIO_PROGRAMS=postgres shimmed direct "$program" "$work" reads_and_writes >/dev/null
    check "mode off and other programs make no registry and count nothing" \
        test ! -e "$registry" -a ! -e "$statistics"
}

check_policy() {
    fresh_counts
    printf '# a comment\n\n%s mode:direct\n*.log role:log,mood:good\n*.tmp\n*.ibd mode:auto role:temp\n' \
        "*/plain" >"$work/policy"
    DBIO_CONF_MORE="policy:$work/policy,what:1" shimmed auto "$program" "$work" reads_and_writes \
        >"$work/out" 2>&1
    check "a rule by path sends a file direct" \
        test "$(counts | jq '.counters.direct + .counters.direct_bounce')" -gt 0
    fresh_counts
    printf '*/plain role:scan\n' >"$work/policy.off"
    DBIO_CONF_MORE="policy:$work/policy.off" shimmed off "$program" "$work" reads_and_writes >"$work/out.off"
    check "a rule without a mode leaves mode off as it is" test ! -e "$statistics"
    DBIO_CONF_MORE="policy:$work/policy,policy:$work/policy.off" shimmed off "$program" "$work" \
        reads_and_writes >"$work/out.off"
    check "of two policies the last counts" test ! -e "$statistics"
    check "an unknown key is named with its place, and the rest is kept" \
        grep -q 'DBIO_CONF: position [0-9]*: unknown key' "$work/out"
    check "so it is in a policy file" grep -q 'policy: line 4: position [0-9]*: unknown key' "$work/out"
    check "a pattern without settings is named" grep -q 'policy: line 5: .*without key:value' "$work/out"
    check "so is what stands behind the settings" \
        grep -q "policy: line 6: position 17: .*by commas: 'role:temp'" "$work/out"
}

# A mapping that the kernel refuses is no reason to stay in the page cache.
check_refused_mapping() {
    fresh_counts
    shimmed direct "$program" "$work" mappings_are_refused >"$work/out"
    check "a refused mapping pins no file" \
        test "$(reason file_mapped) $(counts | jq '.counters.direct > 5')" = "0 true"
}

check_jemalloc() {
    local jemalloc order
    jemalloc=$(ldconfig -p | awk '/libjemalloc.so.2/ { print $NF; exit }')
    if [ -z "$jemalloc" ]; then
        skip "no libjemalloc.so.2 to load beside the shim"
        return
    fi
    for order in "$shim:$jemalloc" "$jemalloc:$shim"; do
        shim=$order run_program "beside jemalloc" direct
    done
}

# Where the registry cannot be had, or /dev/shm is full of nothing, programs run all the same.
check_refusals() {
    local kept=$registry kept_statistics=$statistics
    echo garbage >"$work/garbage"
    chmod 600 "$work/garbage"
    registry=$work/garbage
    run_program "the registry is garbage" direct
    registry=/nowhere/registry statistics=/nowhere/statistics
    run_program "there is no /dev/shm" direct
    registry=$kept statistics=$kept_statistics
    check_read_only
}

# A container whose /dev/shm is read-only: a mount namespace that has it so, which takes root.
check_read_only() {
    local said
    if [ "$(id -u)" -ne 0 ] || ! unshare -m true 2>/dev/null; then
        skip "a read-only /dev/shm: needs root"
        return
    fi
    said=$(unshare -m sh -c 'mount -t tmpfs -o ro none /dev/shm && exec "$@"' sh \
        setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- \
        env LD_PRELOAD="$shim" DBIO_CONF=mode:direct DBIO_LOG=warn "$program" "$work" 2>&1) || true
    check "/dev/shm read-only: every case" test "$(grep -c '^ok' <<<"$said")" = "$(grep -c '^ok' "$work/cases.plain")"
    check "/dev/shm read-only: the log says that coherence ends at the process" \
        grep -q 'coherence off' <<<"$said"
}

for_each_filesystem in_each_mode
finish
