#!/bin/bash
# check_headers.sh [ROOT [GENERATED]] - each header compiles alone.
#
# Public headers in strict C11 without _GNU_SOURCE and in C++17, private ones in C11. GENERATED
# is the folder with dbio_version.h; without it the template is filled in here.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/house.sh"
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
generated=${2:-$scratch}
[ $# -ge 2 ] || sed -E 's/@PROJECT_VERSION_[A-Z]+@/0/; s/@PROJECT_VERSION@/0.0.0/' \
    "$root/include/dbio_version.h.in" >"$scratch/dbio_version.h"
# Without -Wshadow: in C++ it complains that dbio_why is a struct and a function, as stat is.
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Werror)

# compile_alone HEADER COMPILER OPTION...: a source of one include line, read twice to see that
# the header guards itself.
compile_alone() {
    local header=$1
    shift
    printf '#include "%s"\n#include "%s"\nextern int not_empty;\n' "$header" "$header" \
        >"$scratch/alone.src"
    judge "$header alone: $1 $2" "$("$@" "${warnings[@]}" -fsyntax-only "$scratch/alone.src" 2>&1)"
}

for header in $(list_files include '*.h') dbio_version.h; do
    header=$(basename "$header")
    compile_alone "$header" cc -std=c11 -x c -I "$root/include" -I "$generated"
    if command -v c++ >/dev/null; then
        compile_alone "$header" c++ -std=c++17 -x c++ -I "$root/include" -I "$generated"
    fi
done
for header in $(list_files libdbio '*.h'); do
    compile_alone "${header#libdbio/}" cc -std=c11 -x c -D_GNU_SOURCE -I "$root/libdbio" \
        -I "$root/include" -I "$generated"
done
command -v c++ >/dev/null || echo "without C++: no C++ compiler here"
finish
