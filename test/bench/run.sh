#!/bin/bash
# run.sh - builds and runs the benchmarks of this folder. See --help.
set -euo pipefail
export LC_ALL=C

usage() {
    cat <<'END'
usage: test/bench/run.sh [options] [NAME...]

Runs the benchmarks, all or the named ones, one after another; each prints its figures and, for
every bar that it has, "met" or "not met". Builds what is missing (preset release). W8a and W8b are
stress tests (stress_processes, stress_async) for a minute, the naive mix beside dbio. W1 (batch), W2 (scan)
and W6 (load) run on a device of memory's speed: zram, made and removed again, which takes root; else, or
with --disk, on DBIO_BENCH_DIR. W2 and W6 need a memory cgroup, so root, and are skipped without.

  --list        name the benchmarks and what they measure
  --disk        W1, W2, W6 on DBIO_BENCH_DIR, by default /var/tmp
  --quick       W2 and W6 small: do they run? Their ratios mean little
  --json        one JSON array, an element for each benchmark
  --build DIR   use the build tree DIR instead of build/release in the source tree
  --help        this text

Exit status: 0 all ran (bars met or not) or were skipped, 1 one could not be built or did not run, 2 wrong usage.
END
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/release
json=no disk=no quick=no
names=()

wrong_usage() {
    echo "run.sh: $1 (--help explains)" >&2
    exit 2
}

# list_names: the benchmarks, without "bench_".
list_names() {
    local source
    printf '%s\n' W8a W8b
    for source in "$here"/bench_*.c; do
        source=$(basename "$source" .c)
        echo "${source#bench_}"
    done
}

# describe: each with the first line of its comment.
describe() {
    local name
    printf '%-12s %s\n' W8a "killed and stopped processes on one file, under an oracle, for 60 s"
    printf '%-12s %s\n' W8b "asynchronous 512-byte direct writes beside buffered ones in the same pages, for 60 s"
    for name in $(list_names | grep -v '^W'); do
        printf '%-12s %s\n' "$name" "$(sed -nE "s/^ \* bench_$name\.c - //p" "$here/bench_$name.c")"
    done
}

# add_name NAME: as in --list, or as the scoreboard calls it.
add_name() {
    case $1 in
        W1) names+=(batch) ;;
        W2) names+=(scan) ;;
        W3) names+=(shared) ;;
        W6) names+=(load) ;;
        W8a | W8b) names+=("$1") ;;
        *)
            [ -e "$here/bench_${1#bench_}.c" ] || wrong_usage "no benchmark $1; --list names them"
            names+=("${1#bench_}")
            ;;
    esac
}

parse_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --list) describe && exit 0 ;;
            --json) json=yes ;;
            --disk) disk=yes ;;
            --quick) quick=yes ;;
            --build)
                [ $# -ge 2 ] || wrong_usage "--build needs a directory"
                build=$2
                shift
                ;;
            --help | -h) usage && exit 0 ;;
            -*) wrong_usage "unknown option $1" ;;
            *) add_name "$1" ;;
        esac
        shift
    done
    [ ${#names[@]} -gt 0 ] || mapfile -t names < <(list_names)
}

# target_of NAME: the program.
target_of() {
    case $1 in
        W8a) echo stress_processes ;;
        W8b) echo stress_async ;;
        *) echo "bench_$1" ;;
    esac
}

# run_w8a: 40 s of dbio and 20 s of the naive mix, on the disk. The bar: no anomaly of dbio's, at
# least one of the naive mix's, and 0.8 of its requests per second.
run_w8a() {
    local log
    log=$(mktemp)
    DBIO_LOG=${DBIO_LOG:-error} DBIO_TEST_SECONDS=60 "$build/test/stress_processes" >"$log" 2>&1 ||
        { cat "$log" >&2 && rm -f "$log" && return 1; }
    awk -v json="$json" '
        $2 == "naive:" || $2 == "dbio:" {
            if (json == "no") print
            for (i = 1; i < NF; i++) {
                if ($(i + 1) ~ /^requests/) rate[$2] += $i
                if ($(i + 1) ~ /^(stale|lost)/) bad[$2] += $i
                if ($(i + 1) ~ /^kills/) kills += $i
            }
        }
        END {
            ratio = rate["naive:"] > 0 ? rate["dbio:"] / rate["naive:"] : 0
            met = bad["dbio:"] == 0 && bad["naive:"] > 0 && ratio >= 0.8
            if (json == "yes")
                printf "{\"bench\": \"W8a\", \"naive_anomalies\": %d, \"dbio_anomalies\": %d, " \
                    "\"kills\": %d, \"throughput_ratio\": %.2f, \"met\": %s}\n", bad["naive:"],
                    bad["dbio:"], kills, ratio, met ? "true" : "false"
            else
                printf "anomalies: naive %d, dbio %d; %d kills; throughput %.2f of naive " \
                    "(at least 0.80): %s\n", bad["naive:"], bad["dbio:"], kills, ratio,
                    bad["naive:"] == 0 ? "void" : met ? "met" : "not met"
        }' "$log"
    rm -f "$log"
}

# make_fast SIZE: a device of memory's speed with ext4, in $fast; empty where it cannot be had.
fast='' zram='' running=''
make_fast() {
    [ "$disk" = no ] && [ "$(id -u)" -eq 0 ] && [ -r /sys/class/zram-control/hot_add ] || return 0
    zram=$(cat /sys/class/zram-control/hot_add) || return 0
    fast=$(mktemp -d)
    { echo "$1" >"/sys/block/zram$zram/disksize" && mkfs.ext4 -q -b 4096 "/dev/zram$zram" &&
        mount "/dev/zram$zram" "$fast"; } >/dev/null 2>&1 || remove_fast
}
remove_fast() {
    [ -n "$zram" ] || return 0
    umount "$fast" 2>/dev/null || true
    rmdir "$fast"
    echo 1 >"/sys/block/zram$zram/reset"
    echo "$zram" >/sys/class/zram-control/hot_remove
    fast='' zram=''
}

# Also when told to end: the benchmark first, which removes its files and its cgroup.
clean_up() {
    if [ -n "$running" ]; then
        kill -TERM "$running" 2>/dev/null || true
        wait "$running" 2>/dev/null || true
    fi
    remove_fast
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP PIPE

# run_fast NAME SIZE OPTION...: on such a device. In the background, because a shell that waits for a
# foreground program does not hear of signals until it ends.
run_fast() {
    local name=$1 size=$2 status=0
    shift 2
    [ "$json" = no ] || set -- "$@" --json
    make_fast "$size"
    if [ -n "$fast" ]; then
        [ "$name" = batch ] || set -- "$@" --memory
        set -- "$@" --dir "$fast"
    elif [ "$disk" = no ]; then
        echo "$name: no zram here (root? CONFIG_ZRAM?): on ${DBIO_BENCH_DIR:-/var/tmp}" >&2
    fi
    "$build/test/bench_$name" "$@" &
    running=$!
    wait "$running" || status=$?
    running=''
    remove_fast
    [ $status -eq 77 ] || return $status
}

# run_w8b: the bar: nothing older read back through dbio, something by the naive mix.
run_w8b() {
    local log
    log=$(mktemp)
    DBIO_LOG=${DBIO_LOG:-error} DBIO_TEST_SECONDS=120 "$build/test/stress_async" >"$log" 2>&1 ||
        [ $? -eq 77 ] || { cat "$log" >&2 && rm -f "$log" && return 1; } # 77: void
    awk -v json="$json" '
        / read back older$/ {
            if (json == "no") print
            bad[$3] += $(NF - 3)
            runs[$3]++
        }
        END {
            met = runs["dbio:"] > 0 && bad["dbio:"] == 0 && bad["naive:"] > 0
            if (json == "yes")
                printf "{\"bench\": \"W8b\", \"naive_anomalies\": %d, \"dbio_anomalies\": %d, " \
                    "\"met\": %s}\n", bad["naive:"], bad["dbio:"], met ? "true" : "false"
            else
                printf "read back older: naive %d, dbio %d: %s\n", bad["naive:"], bad["dbio:"],
                    bad["naive:"] == 0 ? "void" : met ? "met" : "not met"
        }' "$log"
    rm -f "$log"
}

# build_benches: silent unless it fails.
build_benches() {
    local log targets=() name
    log=$(mktemp)
    for name in "${names[@]}"; do
        targets+=("$(target_of "$name")")
    done
    if { [ -e "$build/CMakeCache.txt" ] || (cd "$root" && cmake --preset release -B "$build"); } \
        >"$log" 2>&1 && cmake --build "$build" --target "${targets[@]}" >>"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 40 "$log" >&2
    rm -f "$log"
    echo "run.sh: could not build in $build" >&2
    return 1
}

run_benches() {
    local name failed=0 separator='[' options
    for name in "${names[@]}"; do
        if [ "$json" = yes ]; then
            echo "$separator"
            separator=,
        else
            echo "== $name"
        fi
        if [ "$name" = W8a ]; then
            run_w8a || failed=1
        elif [ "$name" = W8b ]; then
            run_w8b || failed=1
        elif [ "$name" = batch ]; then
            run_fast batch 1G || failed=1
        elif [ "$name" = scan ] || [ "$name" = load ]; then
            options=()
            [ "$quick" = no ] || options=(--quick)
            run_fast "$name" 4G ${options[@]+"${options[@]}"} || failed=1
        elif [ "$json" = yes ]; then
            "$build/test/bench_$name" --json || failed=1
        else
            "$build/test/bench_$name" || failed=1
        fi
    done
    [ "$json" = no ] || echo ']'
    return $failed
}

parse_options "$@"
build_benches
run_benches
