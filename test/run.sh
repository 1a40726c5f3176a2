#!/bin/bash
# run.sh - installs what is missing, builds, and runs every test. See --help.
set -euo pipefail
export LC_ALL=C

usage() {
    cat <<'END'
usage: test/run.sh [options]

Builds dbio and runs every test: the development build with gcc (all tests), release and clang
builds without a warning, the tests under the address and undefined-behaviour sanitizers, the
stress tests under the thread sanitizer. Ends with "N passed, N failed, N skipped".

As root it also makes ext4, XFS, btrfs and tmpfs file systems (loop devices on sparse files,
removed at the end) and tests on each. As an ordinary user it tests on the scratch directory
and on /dev/shm.

  --quick         the development build and its tests only
  --sanitize      under the sanitizers run everything, at full length, the examples included
  --bench         at the end also run the micro-benchmarks
  --keep          leave the test file systems mounted, and say where
  --build DIR     build below DIR instead of build/ in the source tree
  --scratch DIR   test below DIR instead of $TMPDIR or /var/tmp
  --no-install    install nothing, even if something is missing
  --help          this text

Exit status: 0 all passed, 1 something failed or could not be built, 2 wrong usage.
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_base=$root/build
scratch_base=${DBIO_TEST_DIR:-${TMPDIR:-/var/tmp}}
quick=no sanitize=no bench=no keep=no install=yes
jobs=$(nproc)
total_passed=0 total_failed=0 total_skipped=0
scratch=
devices=() mounts=() address_order=()

wrong_usage() {
    echo "run.sh: $1 (--help explains)" >&2
    exit 2
}

choose_folder() {
    case $1 in
        --build) build_base=$2 ;;
        --scratch) scratch_base=$2 ;;
    esac
}

parse_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --quick) quick=yes ;;
            --sanitize) sanitize=yes ;;
            --bench) bench=yes ;;
            --keep) keep=yes ;;
            --no-install) install=no ;;
            --build | --scratch)
                [ $# -ge 2 ] || wrong_usage "$1 needs a directory"
                mkdir -p "$2" || wrong_usage "cannot make $2"
                choose_folder "$1" "$(cd "$2" && pwd)"
                shift
                ;;
            --help | -h) usage && exit 0 ;;
            *) wrong_usage "unknown option $1" ;;
        esac
        shift
    done
}

# Whatever ends the run, nothing stays mounted.
clean_up() {
    local mount device
    [ -n "$scratch" ] || return 0
    if [ "$keep" = yes ]; then
        echo "kept: $scratch (loop devices: ${devices[*]:-none})"
        return 0
    fi
    for mount in "${mounts[@]}"; do
        umount "$mount" || umount -l "$mount" || true
    done
    for device in "${devices[@]}"; do
        losetup -d "$device" || true
    done
    rm -rf --one-file-system "$scratch"
}

# make_filesystem NAME MKFS...: a file system on a sparse file, mounted at $scratch/NAME.
make_filesystem() {
    local name=$1 device
    shift
    truncate -s 2G "$scratch/$name.image"
    device=$(losetup -f --show "$scratch/$name.image" 2>"$scratch/why") || return 1
    devices+=("$device")
    "$@" "$device" >/dev/null 2>"$scratch/why" || return 1
    mount_filesystem "$name" "$device"
}

# mount_filesystem NAME DEVICE [OPTION...]
mount_filesystem() {
    local name=$1 device=$2
    shift 2
    mkdir "$scratch/$name"
    mount -t "$name" "$@" "$device" "$scratch/$name" 2>"$scratch/why" || return 1
    mounts+=("$scratch/$name")
    chmod 1777 "$scratch/$name"
    filesystems+="$name=$scratch/$name "
}

# count_skipped NAME: a file system that could not be made is a skip that everyone sees.
count_skipped() {
    echo "skipped: file system $1: $(tail -n 1 "$scratch/why")"
    total_skipped=$((total_skipped + 1))
}

make_filesystems() {
    local filesystems=
    if [ "$(id -u)" -ne 0 ]; then
        echo "skipped: ext4, xfs, btrfs on loop devices: need root"
        total_skipped=$((total_skipped + 3))
        return
    fi
    make_filesystem ext4 mkfs.ext4 -q || count_skipped ext4
    make_filesystem xfs mkfs.xfs -q -m reflink=1 || count_skipped xfs
    make_filesystem btrfs mkfs.btrfs -q || count_skipped btrfs
    mount_filesystem tmpfs dbio-test -o size=600m || count_skipped tmpfs
    [ -z "$filesystems" ] || export DBIO_TEST_FILESYSTEMS=${filesystems% }
    echo "file systems: ${DBIO_TEST_FILESYSTEMS:-the scratch directory}"
}

# build PRESET OPTION...: configure and build; the log is shown only if that fails.
build() {
    local preset=$1 log=$scratch/build-$1.log begin=$SECONDS
    shift
    if (cd "$root" && cmake --preset "$preset" -B "$build_base/$preset" \
        -DDBIO_WERROR=ON -DDBIO_TESTS=ON "$@" &&
        cmake --build "$build_base/$preset" -j "$jobs") >"$log" 2>&1; then
        echo "built: $preset ($((SECONDS - begin)) s)"
        return 0
    fi
    grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -n 60
    echo "FAILED to build: $preset"
    total_failed=$((total_failed + 1))
    return 1
}

# run_ctest PRESET CTEST-OPTION...: progress while it runs, then the whole output of what
# failed; adds the tests' own counts to the totals.
run_ctest() {
    local preset=$1 log=$scratch/ctest-$1.log counts
    shift
    echo "== $preset"
    "${address_order[@]}" ctest --test-dir "$build_base/$preset" -V -j "$jobs" --no-tests=error "$@" 2>&1 |
        tee "$log" | grep --line-buffered -E '^ *[0-9]+/[0-9]+ Test +#' || true
    awk -f "$root/test/sum_up.awk" "$log"
    read -r -a counts < <(awk -v only_counts=1 -f "$root/test/sum_up.awk" "$log")
    total_passed=$((total_passed + counts[0]))
    total_failed=$((total_failed + counts[1]))
    total_skipped=$((total_skipped + counts[2]))
}

# A sanitizer slows everything down, and a plug-in that has one cannot be loaded by a shell that
# has none, so without --sanitize only what is built from dbio itself is run under one.
run_sanitized() {
    local examples=OFF asan=(-L 'unit|fault|api') tsan=(-L stress)
    if [ "$sanitize" = yes ]; then
        examples=ON asan=(-LE 'house|model') tsan=(-LE 'house|model')
    else
        export DBIO_TEST_SECONDS=4
    fi
    build asan -DDBIO_EXAMPLES=$examples && run_ctest asan "${asan[@]}"
    # Addresses randomised over more than 28 bits are beyond gcc 12's thread sanitizer.
    if setarch -R true 2>/dev/null; then
        address_order=(setarch -R)
    fi
    build tsan -DDBIO_EXAMPLES=$examples && run_ctest tsan "${tsan[@]}"
    address_order=()
}

run_benches() {
    local bench
    for bench in "$root"/test/bench/bench_*.c; do
        [ -e "$bench" ] || continue
        bench=$(basename "$bench" .c)
        echo "== $bench"
        "$build_base/release/test/$bench" || [ $? -eq 77 ] || total_failed=$((total_failed + 1))
    done
}

main() {
    parse_options "$@"
    trap clean_up EXIT
    trap 'exit 1' INT TERM HUP PIPE
    if [ "$install" = yes ] && ! "$root/cmake/install-packages.sh" build test engines; then
        echo "or go without, as far as that goes: test/run.sh --no-install" >&2
        exit 1
    fi
    # The list of file systems is separated by blanks.
    if [[ $scratch_base == *[[:space:]]* ]]; then
        echo "scratch files go to /var/tmp: '$scratch_base' has a blank in its name"
        scratch_base=/var/tmp
    fi
    mkdir -p "$scratch_base"
    scratch=$(mktemp -d "$scratch_base/dbio-test.XXXXXX")
    chmod 755 "$scratch"
    make_filesystems
    export DBIO_TEST_DIR=$scratch_base

    build dev && run_ctest dev
    if [ "$quick" = no ]; then
        build release || true
        build clang || true
        run_sanitized || true
    fi
    if [ "$bench" = yes ]; then
        build release && run_benches
    fi
    echo "$total_passed passed, $total_failed failed, $total_skipped skipped"
    [ "$total_failed" -eq 0 ]
}

main "$@"
