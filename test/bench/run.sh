#!/bin/bash
# run.sh - builds and runs the benchmarks of this folder. See --help.
set -euo pipefail
export LC_ALL=C

usage() {
    cat <<'END'
usage: test/bench/run.sh [options] [NAME...]

Runs the benchmarks, all or the named ones, one after another; each prints its figures and, for
every bar that it has, "met" or "not met". Builds what is missing (preset release).

  --list        name the benchmarks and what they measure
  --json        one JSON array, an element for each benchmark
  --build DIR   use the build tree DIR instead of build/release in the source tree
  --help        this text

Exit status: 0 all ran (bars met or not), 1 one could not be built or did not run, 2 wrong usage.
END
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/release
json=no
names=()

wrong_usage() {
    echo "run.sh: $1 (--help explains)" >&2
    exit 2
}

# list_names: the benchmarks, without "bench_".
list_names() {
    local source
    for source in "$here"/bench_*.c; do
        source=$(basename "$source" .c)
        echo "${source#bench_}"
    done
}

# describe: each with the first line of its comment.
describe() {
    local name
    for name in $(list_names); do
        printf '%-12s %s\n' "$name" "$(sed -nE "s/^ \* bench_$name\.c - //p" "$here/bench_$name.c")"
    done
}

parse_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --list) describe && exit 0 ;;
            --json) json=yes ;;
            --build)
                [ $# -ge 2 ] || wrong_usage "--build needs a directory"
                build=$2
                shift
                ;;
            --help | -h) usage && exit 0 ;;
            -*) wrong_usage "unknown option $1" ;;
            *)
                [ -e "$here/bench_${1#bench_}.c" ] || wrong_usage "no benchmark $1; --list names them"
                names+=("${1#bench_}")
                ;;
        esac
        shift
    done
    [ ${#names[@]} -gt 0 ] || mapfile -t names < <(list_names)
}

# build_benches: silent unless it fails.
build_benches() {
    local log
    log=$(mktemp)
    if { [ -e "$build/CMakeCache.txt" ] || (cd "$root" && cmake --preset release -B "$build"); } \
        >"$log" 2>&1 && cmake --build "$build" --target "${names[@]/#/bench_}" >>"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 40 "$log" >&2
    rm -f "$log"
    echo "run.sh: could not build in $build" >&2
    return 1
}

run_benches() {
    local name failed=0 separator='['
    for name in "${names[@]}"; do
        if [ "$json" = yes ]; then
            echo "$separator"
            "$build/test/bench_$name" --json || failed=1
            separator=,
        else
            echo "== $name"
            "$build/test/bench_$name" || failed=1
        fi
    done
    [ "$json" = no ] || echo ']'
    return $failed
}

parse_options "$@"
build_benches
run_benches
