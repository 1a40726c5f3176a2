#!/bin/bash
# check_layers.sh [ROOT] - who may include whom: every arrow falls.
#
# Reads the include lines. The floors, from the ground: base; os beside core (which do not know
# each other); backend; engine; api. On the street, include/ only: examples and test/api.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/house.sh"
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}

# may_include ROOM: the rooms that a file in ROOM may include; "types" is dbio_types.h alone,
# "street" every public header.
may_include() {
    case $1 in
        base) echo base ;;
        os) echo base os ;;
        core) echo base core types ;;
        backend) echo base os core backend ;;
        engine) echo base os core backend engine types ;;
        api) echo base engine api street ;;
        shim | cli) echo "$1 street" ;;
    esac
}

# judge_arrows FILE ROOMS: every quoted include of FILE is in one of ROOMS.
judge_arrows() {
    local file=$1 allowed=" $2 " place written complaints=
    while IFS= read -r place; do
        written=${place##*:\"}
        written=${written%\"}
        case $written in
            dbio_types.h) [[ $allowed == *" types "* || $allowed == *" street "* ]] && continue ;;
            dbio*.h) [[ $allowed == *" street "* && $written != */* ]] && continue ;;
            */*) [[ $allowed == *" ${written%%/*} "* && -e $root/libdbio/$written ]] && continue ;;
        esac
        [[ $allowed == *" near "* && $written != */* ]] && is_near "$file" "$written" && continue
        complaints+="${place%%:\"*}: may not include \"$written\""$'\n'
    done < <(list_includes "$file" | grep ':"' || true)
    judge "$file may include: $2" "${complaints%$'\n'}"
}

# is_near FILE HEADER: HEADER is a neighbour of FILE: same folder, test support, or examples.
is_near() {
    [ -e "$root/$(dirname "$1")/$2" ] && return
    case $1 in
        test/*) [ -e "$root/test/support/$2" ] ;;
        examples/*) compgen -G "$root/examples/*/$2" >/dev/null ;;
        *) return 1 ;;
    esac
}

# room_of_test FILE: the floor that test_<room>.c tests: the folder where <room> lives, or
# where files begin with <room>_.
room_of_test() {
    local noun found
    noun=$(basename "$1" .c)
    noun=${noun#test_}
    found=$(compgen -G "$root/libdbio/*/$noun.[ch]" || compgen -G "$root/libdbio/*/${noun}_*.c") ||
        return 1
    basename "$(dirname "${found%%$'\n'*}")"
}

judge_library() {
    local room file
    for room in base os core backend engine api shim cli; do
        for file in $(list_files "libdbio/$room" '*.c' '*.h'); do
            judge_arrows "$file" "$(may_include "$room")"
        done
    done
    for file in $(list_files libdbio '*.c' '*.h'); do
        [ -n "$(may_include "$(basename "$(dirname "$file")")")" ] ||
            judge "every file of libdbio/ is in a room" "$file:1: no such room"
    done
}

judge_street() {
    local file floor
    for file in $(list_files include '*.h' '*.h.in') $(list_files examples '*.c' '*.h') \
        $(list_files test/api '*.c' '*.h') $(list_files test/house '*.c'); do
        judge_arrows "$file" "street near"
    done
    for file in $(list_files test/unit 'test_*.c'); do
        if floor=$(room_of_test "$file"); then
            # An api test through private headers may look at what it stands on.
            judge_arrows "$file" "$(may_include "$floor") street near"
        else
            judge "a unit test has the name of a room" "$file:1: no such room"
        fi
    done
}

# judge_only WHAT PATTERN FILES...: PATTERN occurs in libdbio/ in none but FILES.
judge_only() {
    local what=$1 pattern=$2 found allowed
    shift 2
    found=$(grep -E ":[0-9]+:.*$pattern" <<<"$code" || true)
    for allowed; do
        found=$(grep -v "^libdbio/$allowed:" <<<"$found" || true)
    done
    judge "$what" "$found"
}

judge_outside() {
    local code
    mapfile -t sources < <(list_files libdbio '*.c' '*.h')
    code=$(strip_comments "${sources[@]}")
    # The shim stands in for libc while that is looked for; doctor asks what the kernel refuses.
    judge_only "raw system calls: os/sys.c only" '\<syscall[[:space:]]*\(' os/sys.c \
        shim/shim_real.c shim/shim_crew.c cli/cli_doctor.c
    judge_only "errno is read in os/sys.c and cli/cli_words.c, written in shim/shim_errno.h only" \
        '\<errno\>([^.]|$)' os/sys.c shim/shim_errno.h cli/cli_words.c
    judge_only "jemalloc enters by base/mem_jemalloc.c and base/arena_jemalloc.c only" \
        'include.*<jemalloc' base/mem_jemalloc.c base/arena_jemalloc.c
    judge_only "malloc and its family are the host's: use base/mem.h" \
        '\<(malloc|calloc|realloc|free|posix_memalign|aligned_alloc|strdup|asprintf)[[:space:]]*\(' \
        cli/cli_elf.c
    judge_only "liburing enters by backend/uring_setup.h and shim/shim_async.c only" \
        'include.*<liburing' backend/uring_setup.h shim/shim_async.c
    judge_only "dlfcn.h enters by shim/shim_real.c only" 'include.*<dlfcn' shim/shim_real.c
    judge_only "an include of the house is written with quotes" 'include.*<(dbio|base/|os/|core/|engine/)'
}

# Two headers that include each other have no order in which they can be read.
judge_cycles() {
    local arrows
    arrows=$(list_includes "${sources[@]}" | sed -nE 's|^libdbio/([^:]*):[0-9]+:"([^"/]+/[^"]+)"|\1 \2|p')
    judge "no cycle of includes" "$(tsort <<<"$arrows" 2>&1 >/dev/null || true)"
}

judge_library
judge_street
judge_outside
judge_cycles
finish
