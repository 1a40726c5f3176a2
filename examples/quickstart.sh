#!/bin/bash
# quickstart.sh - one command: SQLite runs TPC-C three ways, side by side. See --help.
set -euo pipefail
export LC_ALL=C

usage() {
    cat <<'END'
usage: examples/quickstart.sh [options]

Installs what is missing, builds dbio, loads a TPC-C-like database on SQLite and runs it
buffered, with O_DIRECT and through dbio, interleaved on equal copies. Prints the comparison,
then checks the consistency conditions of each. A few minutes on two processors.

  --duration SECONDS  measured time of each run (default 15)
  --warehouses N      size of the database, about 81 MB each (default 1)
  --rounds N          runs of each way (default 2)
  --dir DIR           put the databases below DIR (default /var/tmp): choose the disk to measure
  --html FILE         also draw the comparison as a page with charts
  --json FILE         also write it as JSON
  --build DIR         build in DIR instead of build/quickstart in the source tree
  --no-install        install nothing, even if something is missing
  --help              this text

Exit status: 0 all consistency conditions hold, 1 something failed, 2 wrong usage.
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/quickstart
base=/var/tmp
warehouses=1
install=yes
compare=(--io "buffered,direct,dbio")
duration=15 rounds=2
data=

wrong_usage() {
    echo "quickstart.sh: $1 (--help explains)" >&2
    exit 2
}

# need_number OPTION VALUE
need_number() {
    [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || wrong_usage "$1 needs a number, not '$2'"
}

# absolute PATH: what it names from here; the harness runs from elsewhere.
absolute() {
    case $1 in
        /*) echo "$1" ;;
        *) echo "$PWD/$1" ;;
    esac
}

parse_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --help | -h) usage && exit 0 ;;
            --no-install) install=no && shift && continue ;;
            --duration | --warehouses | --rounds | --dir | --html | --json | --build) ;;
            *) wrong_usage "unknown option $1" ;;
        esac
        [ $# -ge 2 ] || wrong_usage "$1 needs a value"
        case $1 in
            --duration) need_number "$1" "$2" && duration=$2 ;;
            --warehouses) need_number "$1" "$2" && warehouses=$2 ;;
            --rounds) need_number "$1" "$2" && rounds=$2 ;;
            --dir) base=$(absolute "$2") ;;
            --html | --json) compare+=("$1" "$(absolute "$2")") ;;
            --build) build=$(absolute "$2") ;;
        esac
        shift 2
    done
    compare+=(--duration "$duration" --rounds "$rounds")
}

# Builds the harness; the log is shown only if that fails.
build_harness() {
    local log=$data/build.log
    echo "building ..."
    if ! (cd "$root" && cmake --preset release -B "$build" -DDBIO_TESTS=OFF &&
        cmake --build "$build" --target dbio-tpcc) >"$log" 2>&1; then
        grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -n 60
        echo "quickstart.sh: the build failed" >&2
        exit 1
    fi
}

main() {
    parse_options "$@"
    [ "$install" = no ] || "$root/cmake/install-packages.sh" build
    mkdir -p "$base"
    data=$(mktemp -d "$base/dbio-quickstart.XXXXXX")
    # The databases are large: nothing is left behind, whatever ends this.
    trap 'rm -rf "$data"' EXIT
    trap 'exit 1' INT TERM HUP
    build_harness
    local tpcc=$build/examples/tpcc/dbio-tpcc
    "$tpcc" prepare --engine sqlite --dir "$data/tpcc" --warehouses "$warehouses"
    "$tpcc" compare --engine sqlite --dir "$data/tpcc" "${compare[@]}"
}

main "$@"
