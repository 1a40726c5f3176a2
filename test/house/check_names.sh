#!/bin/bash
# check_names.sh [ROOT] - a name points to one place, and the tree names nobody's machine.
#
# Base names are unique; names are lower case; every room is in libdbio/CMakeLists.txt and the
# other way round; functions shared between rooms are dbio__room_verb; no path of a machine, no
# package host, no note to do something later.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/house.sh"
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}

judge_unique() {
    local twice
    twice=$(printf '%s\n' "${files[@]}" | sed 's|.*/||' | sort | uniq -d |
        grep -vxE 'CMakeLists\.txt|README\.md|run\.sh' || true)
    judge "base names are unique in the tree" "$twice"
    judge "names of sources are lower case" \
        "$(printf '%s\n' "${files[@]}" | grep -E '\.(c|h|sh)$' | grep -E '[A-Z ]' || true)"
}

# A source file that no list names is not built, and nobody notices.
judge_listed() {
    local listed present
    listed=$({
        grep -oE '(base|os|core|backend|engine|api)/[a-z_0-9]+\.c' "$root/libdbio/CMakeLists.txt"
        for porch in cli shim; do
            [ ! -e "$root/libdbio/$porch/CMakeLists.txt" ] ||
                grep -oE "\<${porch}_[a-z_0-9]+\.c" "$root/libdbio/$porch/CMakeLists.txt" |
                sed "s|^|$porch/|"
        done
    } | sort)
    present=$(list_files libdbio '*.c' | sed 's|^libdbio/||' | sort)
    judge "CMakeLists.txt (first) lists the files of libdbio/ (second)" \
        "$(diff <(echo "$listed") <(echo "$present") |
            sed -nE 's/^< /only in the first: /p; s/^> /only in the second: /p')"
}

# Forbidden words. The brackets keep each pattern from matching itself.
judge_words() {
    local words
    words='(^|[^a-z.])/(wor[k]|hom[e]|roo[t])/|[a-z]\.debia[n]\.(org|net)|pyp[i]\.org|registr[y]\.npm'
    words+='|artifactor[y]|\<(TOD[O]|FIXM[E]|XX[X]|HAC[K])\>'
    judge "no path of a machine, no package host, no note to do it later" \
        "$(cd "$root" && { grep -InE "$words" -- "${files[@]}" || true; })"
}

# A definition begins its line with the name (.clang-format), so the line gives the name. On the
# porch (cli, shim) shared names begin with the room's: nothing of it is in the library. What the
# shim exports has the names of others; test/shim/test_shim_cli.sh knows which.
judge_functions() {
    local file room complaints=
    for file in $(list_files libdbio '*.c'); do
        room=$(basename "$(dirname "$file")")
        complaints+=$(cd "$root" && awk -v room="$room" '
            /^[a-z_0-9]+\(/ {
                name = $0; sub(/\(.*/, "", name)
                static = before ~ /(^|[ \t])static([ \t]|$)/
                porch = room ~ /^(cli|shim)$/ && (name ~ "^" room "_" || name == "main")
                porch = porch || before ~ /^SHIM_EXPORT/ || index(exported, " " name "(")
                shared = name ~ /^dbio__[a-z0-9]+/ || room == "api" || porch
                if (static ? name ~ /^dbio_/ : !shared)
                    printf "%s:%d: %s\n", FILENAME, FNR, name
            }
            /^SHIM_EXPORT/ { exported = exported $0 }
            { before = $0 }' "$file")
    done
    judge "static functions have plain names, shared ones begin with dbio__" "$complaints"
}

mapfile -t files < <(list_files . '*' | grep -vE '^(build|\.git)/')
judge_unique
judge_listed
judge_words
judge_functions
finish
