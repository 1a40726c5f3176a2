#!/bin/bash
# test_checks.sh ROOT SHARED STATIC GENERATED - each check of the house can fail.
#
# Breaks a copy of the tree in one way at a time and expects the check to fail and to say where.
# A check that passes whatever one does proves nothing.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/house.sh"
if [ $# -ne 4 ]; then
    echo "usage: test_checks.sh ROOT SHARED STATIC GENERATED" >&2
    exit 2
fi
original=$1 shared=$2 static=$3 generated=$4
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/tree

# A small tree that passes every check, with a real file of each kind.
fresh_copy() {
    rm -rf "$root"
    mkdir -p "$root"/{libdbio/{base,os,core,engine,api},examples/hello,test/{unit,api,support}}
    cp -r "$original/include" "$original/cmake" "$root"
    cp "$original/.clang-format" "$root"
    cp "$original"/libdbio/base/{compiler,err,check}.h "$original"/libdbio/base/{err,check}.c \
        "$root/libdbio/base"
    cp "$original"/libdbio/os/{clock,sys}.[ch] "$root/libdbio/os"
    echo "set(rooms base/err.c base/check.c os/clock.c os/sys.c core/plan.c)" \
        >"$root/libdbio/CMakeLists.txt"
    printf '/* plan.h - a plan. */\n#ifndef CORE_PLAN_H\n#define CORE_PLAN_H\n%s\n#endif\n' \
        $'\n#include "base/err.h"\n\nint dbio__plan_make(void);\n' >"$root/libdbio/core/plan.h"
    printf '/* plan.c - a plan. */\n#include "core/plan.h"\n\n%s\n' \
        $'int\ndbio__plan_make(void)\n{\n    return 0;\n}' >"$root/libdbio/core/plan.c"
    printf '#include "core/plan.h"\n' >"$root/test/unit/test_plan.c"
    printf '#include "dbio.h"\n' | tee "$root/examples/hello/hello.c" >"$root/test/api/test_api.c"
}

# run_check NAME: the check's output on the copy; its status.
run_check() {
    case $1 in
        symbols) "$original/test/house/check_symbols.sh" "$root" "$shared" "$static" ;;
        headers) "$original/test/house/check_headers.sh" "$root" "$generated" ;;
        *) "$original/test/house/check_$1.sh" "$root" ;;
    esac 2>&1
}

# expect_failure CHECK COMPLAINT WHAT: the copy was broken; CHECK must fail with a COMPLAINT.
expect_failure() {
    local output status=0
    output=$(run_check "$1") || status=$?
    if [ $status -eq 77 ]; then
        echo "not tried, because check_$1 is skipped here: $3"
    elif [ $status -ne 1 ]; then
        judge "check_$1 sees: $3" "check_$1 ended with status $status"
    else
        judge "check_$1 sees: $3" \
            "$(grep -qE -- "$2" <<<"$output" || echo "no complaint like '$2' in: $output")"
    fi
    fresh_copy
}

# add_line FILE LINE: appends, and makes the file if need be.
add_line() {
    printf '%s\n' "$2" >>"$root/$1"
}

expect_success() {
    local check output
    for check in layers sizes names headers; do
        output=$(run_check $check) && output=
        judge "check_$check is content with the whole copy" "$output"
    done
}

break_layers() {
    add_line libdbio/base/err.c '#include "core/plan.h"'
    expect_failure layers 'base/err\.c:[0-9]+: may not' "an arrow upwards"
    add_line libdbio/core/plan.c '#include "os/clock.h"'
    expect_failure layers 'core/plan\.c:[0-9]+: may not' "an arrow between the wings"
    add_line libdbio/core/plan.c '#include "plan.h"'
    expect_failure layers 'may not include "plan\.h"' "an include that does not name its room"
    add_line libdbio/os/clock.c '#include "dbio_file.h"'
    expect_failure layers 'may not include "dbio_file\.h"' "a function header inside the house"
    add_line libdbio/api/api_plan.c '#include "os/sys.h"'
    expect_failure layers 'api_plan\.c:1: may not' "a front door that passes the hall by"
    add_line examples/hello/hello.c '#include "core/plan.h"'
    expect_failure layers 'hello\.c:2: may not' "an example that looks inside"
    add_line test/api/test_api.c '#include "base/err.h"'
    expect_failure layers 'test_api\.c:2: may not' "an api test that looks inside"
    add_line test/unit/test_nothing.c ''
    expect_failure layers 'test_nothing\.c:1: no such room' "a unit test of no room"
    add_line test/unit/test_plan.c '#include "engine/hall.h"'
    expect_failure layers 'test_plan\.c:2: may not' "a unit test that climbs"
    mkdir "$root/libdbio/attic"
    add_line libdbio/attic/plan_b.c ''
    expect_failure layers 'attic/plan_b\.c:1: no such room' "a room that is not in the plan"
    printf '#include "base/two.h"\n' >"$root/libdbio/base/one.h"
    printf '#include "base/one.h"\n' >"$root/libdbio/base/two.h"
    expect_failure layers 'loop' "a cycle"
}

break_outside() {
    add_line libdbio/core/plan.c 'static long now = syscall(1);'
    expect_failure layers 'plan\.c:[0-9]+:.*syscall' "a raw system call"
    add_line libdbio/core/plan.c 'static int last = errno;'
    expect_failure layers 'plan\.c:[0-9]+:.*errno' "errno read elsewhere"
    add_line libdbio/base/err.c 'static void *leak = malloc(8);'
    expect_failure layers 'err\.c:[0-9]+:.*malloc' "the host's malloc"
    add_line libdbio/core/plan.c '#include <jemalloc/jemalloc.h>'
    expect_failure layers 'plan\.c:[0-9]+:.*jemalloc' "jemalloc outside its room"
    add_line libdbio/core/plan.c '#include <liburing.h>'
    expect_failure layers 'plan\.c:[0-9]+:.*liburing' "liburing outside its room"
    add_line libdbio/core/plan.c '#include <dlfcn.h>'
    expect_failure layers 'plan\.c:[0-9]+:.*dlfcn' "the loader outside its room"
}

break_sizes() {
    seq -f '/* %g */' 601 >"$root/libdbio/core/long.c"
    expect_failure sizes 'core/long\.c:1: 601 lines' "a long file"
    { printf 'int\nlong_one(void)\n{\n' && seq -f '    /* %g */' 70 && echo '}'; } \
        >"$root/libdbio/core/long.c"
    expect_failure sizes 'core/long\.c:3: 72 lines.*long_one' "a long function"
    { echo 'long_one() {' && seq -f '    true %g' 70 && echo '}'; } >"$root/test/api/long.sh"
    expect_failure sizes 'api/long\.sh:1: 72 lines' "a long shell function"
}

break_names() {
    cp "$root/libdbio/core/plan.c" "$root/examples/hello/plan.c"
    expect_failure names '^plan\.c$' "a name that stands twice"
    cp "$root/libdbio/core/plan.c" "$root/libdbio/core/Map.c"
    expect_failure names 'core/Map\.c' "a name in upper case"
    cp "$root/libdbio/core/plan.c" "$root/libdbio/core/map.c"
    expect_failure names 'only in the second: core/map\.c' "a file that is not built"
    rm "$root/libdbio/core/plan.c"
    expect_failure names 'only in the first: core/plan\.c' "a listed file that is not there"
    # In two halves, so that this file does not hold the words.
    add_line README.md "cd /ho""me/me/dbio"
    expect_failure names 'README\.md:1' "a path of a machine"
    add_line cmake/fetch.cmake "deb.deb""ian.org"
    expect_failure names 'fetch\.cmake:1' "a package host"
    add_line libdbio/core/plan.c "/* TO""DO: all of it */"
    expect_failure names 'plan\.c:[0-9]+' "a note to do it later"
    add_line libdbio/core/plan.c $'static int\ndbio__plan_hide(void)'
    expect_failure names 'plan\.c:[0-9]+: dbio__plan_hide' "a static function with a shared name"
    add_line libdbio/core/plan.c $'int\nplan_show(void)'
    expect_failure names 'plan\.c:[0-9]+: plan_show' "a shared function with a plain name"
}

break_headers() {
    sed -i '/#include "dbio_types.h"/d' "$root/include/dbio_stats.h"
    expect_failure headers 'dbio_stats\.h alone: cc' "a public header that needs another first"
    sed -i 's/struct dbio_context;/struct class; extern struct class *new;/' \
        "$root/include/dbio_types.h"
    expect_failure headers 'dbio_types\.h alone: c\+\+' "a public header that is not C++"
    sed -i 's/#include "base\/err.h"/struct plan { size_t size; };/' "$root/libdbio/core/plan.h"
    expect_failure headers 'core/plan\.h alone' "a private header that needs another first"
    sed -i '/^#ifndef\|^#define CORE\|^#endif/d; s/int dbio__plan_make/struct p { int i; }; &/' \
        "$root/libdbio/core/plan.h"
    expect_failure headers 'core/plan\.h alone' "a header that cannot be read twice"
}

break_symbols() {
    sed -i '/ dbio_pread;/d' "$root/cmake/dbio.map"
    expect_failure symbols 'dbio_pread$' "a function that the map lacks"
    sed -i 's/ dbio_pread;/&\n    dbio_dream;/' "$root/cmake/dbio.map"
    expect_failure symbols 'dbio_dream$' "a name without a function"
    sed -i 's/DBIO_EXPORT\(.* dbio_fsync(\)/\1/' "$root/include/dbio_file.h"
    expect_failure symbols 'dbio_fsync$' "an export that no header declares"
    sed -i '/ dbio_why;/d; s/ dbio_pread;/&\n    dbio_why;/' "$root/cmake/dbio.map"
    expect_failure symbols 'dbio_file\.h dbio_why' "a name in the wrong group"
    cp "$static" "$scratch/clash.a"
    echo 'int clash(void); int clash(void) { return 0; }' | cc -x c -c -o "$scratch/clash.o" -
    ar r "$scratch/clash.a" "$scratch/clash.o" 2>/dev/null
    static=$scratch/clash.a
    expect_failure symbols '^clash$' "a name in libdbio.a that could clash"
    static=$3
}

break_format() {
    add_line libdbio/core/plan.c 'int dbio__plan_two(void) {return 2;}'
    expect_failure format 'core/plan\.c' "a line laid out otherwise"
}

# A program that names jemalloc on its own link line, before libc, does lose libc's malloc.
break_malloc() {
    local output status=0
    if ! echo 'int main(void) { return 0; }' | cc -x c -o "$scratch/a.out" - -ljemalloc 2>/dev/null
    then
        echo "not tried, because there is no jemalloc here: check_malloc"
        return
    fi
    cc -D_GNU_SOURCE -o "$scratch/check_malloc" "$original/test/house/check_malloc.c" \
        -I "$root/include" -I "$generated" "$shared" "-Wl,-rpath,$(dirname "$shared")" \
        -Wl,--no-as-needed -ljemalloc -ldl
    output=$("$scratch/check_malloc") || status=$?
    judge "check_malloc sees a malloc that is not libc's" \
        "$([ $status -eq 1 ] && grep -q '^malloc: comes from' <<<"$output" ||
            echo "status $status: $output")"
}

fresh_copy
expect_success
break_layers
break_outside
break_sizes
break_names
break_headers
break_symbols "$@"
break_format
break_malloc
finish
