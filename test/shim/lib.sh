# lib.sh - what the tests of engines under the shim share. Sourced with the test's arguments:
#
#   test_NAME.sh SHIM DBIO [--long]     SHIM: libdbio-shim.so, DBIO: the command dbio
#
# A test calls `check TEXT COMMAND...` (or pass, fail, skip), then `finish`. Everything runs as an
# ordinary user, in $work, on each file system of DBIO_TEST_FILESYSTEMS; see for_each_filesystem.
set -euo pipefail
export LC_ALL=C

name=$(basename "$0" .sh)
shim=$(realpath "${1:?usage: $0 SHIM DBIO [--long]}")
dbio=$(realpath "${2:?usage: $0 SHIM DBIO [--long]}")
long=no
[ "${3:-}" != --long ] || long=yes
passed=0 failed=0 skipped=0
filesystem= work= registry= statistics=

# Engines refuse to run as root: then everything is done as nobody.
user=$(id -un)
[ "$(id -u)" -ne 0 ] || user=nobody

pass() { passed=$((passed + 1)) && echo "ok: $filesystem: $*"; }
fail() { failed=$((failed + 1)) && echo "FAILED: $filesystem: $*"; }
skip() { skipped=$((skipped + 1)) && echo "skipped: $filesystem: $*"; }

# check TEXT COMMAND...: passes if the command does; shows its last output if not.
check() {
    local text=$1
    shift
    if "$@" >"$work/check.log" 2>&1; then
        pass "$text"
    else
        fail "$text (status $?)"
        tail -n 15 "$work/check.log" | sed 's/^/    /'
    fi
}

# read_direct FILE: what is on the disk. Not in one go past the end: XFS answers EIO where blocks there
# are only promised ("Direct I/O collision with buffered writes" in the kernel's log).
read_direct() {
    local size whole
    size=$(stat -c %s "$1")
    whole=$((size / 4096 * 4096))
    plain dd if="$1" iflag=direct,count_bytes bs=1M count="$whole" status=none || return 1
    [ "$size" -eq "$whole" ] ||
        plain dd if="$1" iflag=direct bs=4096 skip=$((whole / 4096)) count=1 status=none
}

# plain COMMAND...: as the ordinary user, without the shim.
plain() {
    if [ "$(id -un)" = "$user" ]; then
        "$@"
    else
        setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- \
            env HOME="$work" USER="$user" LOGNAME="$user" "$@"
    fi
}

# shimmed MODE COMMAND...: as the ordinary user, under the shim in that mode (auto, direct,
# buffered, off; or none: not preloaded at all). DBIO_CONF_MORE: further settings.
shimmed() {
    local mode=$1
    shift
    if [ "$mode" = none ]; then
        plain "$@"
        return
    fi
    plain env LD_PRELOAD="$shim" DBIO_CONF="mode:$mode${DBIO_CONF_MORE:+,$DBIO_CONF_MORE}" \
        DBIO_REGISTRY="$registry" DBIO_STATISTICS="$statistics" "$@"
}

# counts: what shimmed processes did since fresh_counts, living and dead, as JSON: .counters.NAME
# and .reasons.NAME.
counts() { plain "$dbio" stat --json --registry "$registry" --statistics "$statistics" | jq .statistics; }
count() { counts | jq ".counters.$1 // 0"; }
reason() { counts | jq ".reasons.$1 // 0"; }
fresh_counts() { rm -f "$statistics"; }
# "direct 120, bounced 3, ... ; why: role_data 100, ..."
routes() {
    counts | jq -r 'if .counters == null then "nothing counted" else "direct \(.counters.direct), bounced \(.counters.direct_bounce), edges \(.counters.direct_edges), buffered \(.counters.buffered), flushed \(.counters.buffered_flush), by the program \(.counters.spans), untracked \(.counters.untracked), demoted \(.counters.demotions); why: \([.reasons | to_entries[] | select(.value > 0) | "\(.key) \(.value)"] | join(", "))" end'
}
# report_routes LABEL MODE: prints them; in mode direct a run without a direct request fails.
report_routes() {
    echo "$filesystem: $1: $(routes)"
    if [ "$2" = direct ]; then
        if [ "$(counts | jq '.counters.direct + .counters.direct_bounce + .counters.direct_edges')" -gt 0 ]; then
            pass "$1: requests went direct"
        else
            fail "$1: mode direct sent nothing direct"
        fi
    fi
}

# Servers and their like that this test started; they end with it, by number.
started=()
stop_started() {
    local pid
    for pid in ${started[@]+"${started[@]}"}; do
        pkill -KILL -P "$pid" || true # a shell may stand between us and the server
        kill -KILL "$pid" 2>/dev/null || true
    done
    started=()
}

leave() {
    stop_started
    [ -z "$work" ] || rm -rf --one-file-system "$work"
    [ -z "$registry" ] || rm -f "$registry" "$statistics"
}
trap leave EXIT
trap 'exit 1' INT TERM HUP PIPE

# for_each_filesystem FUNCTION: calls it in a fresh $work, owned by the ordinary user, on ext4 and
# on XFS, or below DBIO_TEST_DIR (/var/tmp) if there are no file systems for tests.
for_each_filesystem() {
    local entry
    for entry in ${DBIO_TEST_FILESYSTEMS:-here=${DBIO_TEST_DIR:-/var/tmp}}; do
        filesystem=${entry%%=*}
        case $filesystem in ext4 | xfs | here) ;; *) continue ;; esac
        work=$(mktemp -d "${entry#*=}/$name.XXXXXX")
        chmod 755 "$work"
        [ "$(id -un)" = "$user" ] || chown "$user" "$work"
        registry=/dev/shm/$name-$$ statistics=/dev/shm/$name-$$.statistics
        cd "$work"
        "$1"
        cd /
        leave
        work=
    done
}

# drop_cache FILE...: written back, and out of the page cache.
drop_cache() {
    local file
    for file; do
        dd if="$file" iflag=nocache count=0 status=none
        dd of="$file" oflag=nocache conv=notrunc,fdatasync count=0 status=none
    done
}

# need COMMAND...: skips the test as a whole if one is missing.
need() {
    local command
    for command; do
        if ! command -v "$command" >/dev/null; then
            skip "no $command: install it (cmake/debian-packages.txt names the package)"
            finish
        fi
    done
}

finish() {
    echo "$name: $passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] || exit 1
    [ "$passed" -gt 0 ] || exit 77
    exit 0
}
