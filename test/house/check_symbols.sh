#!/bin/bash
# check_symbols.sh ROOT SHARED STATIC - the symbol list is a promise.
#
# The names that libdbio.so exports, those in cmake/dbio.map and the functions marked
# DBIO_EXPORT in include/ are the same, and the map groups them by header as they are declared.
# libdbio.a defines no global name that could clash with a host program's.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/house.sh"
if [ $# -ne 3 ]; then
    echo "usage: check_symbols.sh ROOT SHARED STATIC" >&2
    exit 2
fi
root=$1 shared=$2 static=$3

# list_declared: "header function" for each exported function of the public headers.
list_declared() {
    local header
    for header in $(list_files include '*.h' '*.h.in'); do
        strip_comments "$header" | sed -E 's/^[^:]*:[0-9]+://' | grep -v '^[[:space:]]*#' |
            awk -v RS=';' -v header="$(basename "$header" .in)" '
                /DBIO_EXPORT/ && match($0, /dbio_[a-z0-9_]+[ \t\n]*\(/) {
                    name = substr($0, RSTART, RLENGTH)
                    sub(/[ \t\n]*\($/, "", name)
                    print header, name
                }'
    done
}

# list_mapped: "header function" for each name of the map, from the comment that heads a group.
list_mapped() {
    awk '/^[ \t]*local:/ { exit }
         match($0, /dbio[a-z_]*\.h/) { header = substr($0, RSTART, RLENGTH); next }
         /^[ \t]*dbio_[a-z0-9_]+;/ { sub(/;.*/, ""); print header, $1 }' "$root/cmake/dbio.map"
}

list_exported() {
    nm -D --defined-only --without-symbol-versions "$shared" |
        awk '$2 != "A" { print $3 }' | sort
}

# differ WHAT ONE OTHER: complain about lines that only one of the two lists has.
differ() {
    judge "$1" "$(diff <(sort <<<"$2") <(sort <<<"$3") |
        sed -nE 's/^< /only in the first: /p; s/^> /only in the second: /p')"
}

declared=$(list_declared)
mapped=$(list_mapped)
differ "headers (first) and cmake/dbio.map (second) agree, header by header" \
    "$declared" "$mapped"
differ "cmake/dbio.map (first) and the built library's exports (second) agree" \
    "$(awk '{ print $2 }' <<<"$mapped")" "$(list_exported)"
judge "no name stands in the map twice" "$(awk '{ print $2 }' <<<"$mapped" | sort | uniq -d)"
judge "every function of the public interface begins with dbio_, and there are some" \
    "$([ -n "$declared" ] || echo "include: no exported function found")"
judge "libdbio.a defines no global name without the prefix dbio_" \
    "$(nm -g --defined-only "$static" 2>/dev/null | awk 'NF == 3 && $3 !~ /^dbio_/ { print $3 }')"
judge "libdbio.so has the soname libdbio.so.<major>" \
    "$(readelf -d "$shared" | grep -qE 'SONAME.*\[libdbio\.so\.[0-9]+\]' || echo "$shared: no soname")"
finish
