#!/bin/bash
# check_sizes.sh [ROOT] - one screen, one page: no file over 600 lines, no function over 70.
#
# A function, in C and in shell, ends at a closing brace in the first column; a C function opens
# with a brace alone there, as .clang-format lays it out.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/house.sh"
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
lines_max=600
function_max=70

# list_long FILE...: files and functions over the limits.
list_long() {
    (cd "$root" && awk -v lines_max=$lines_max -v function_max=$function_max '
        FNR == 1 { judge_file(); file = FILENAME; begin = 0; shell = FILENAME !~ /\.[ch]$/ }
        { count = FNR }
        !shell && /^[a-z_].*\(/ { name = $0 }
        !shell && /^\{$/ { begin = FNR }
        shell && /^[a-z_]+\(\) [({]$/ { begin = FNR; name = $0 }
        /^[})]$/ && begin {
            if (FNR - begin + 1 > function_max)
                printf "%s:%d: %d lines in one function: %s\n", FILENAME, begin, FNR - begin + 1, name
            begin = 0
        }
        function judge_file() {
            if (count > lines_max) printf "%s:1: %d lines\n", file, count
        }
        END { judge_file() }' "$@")
}

for folder in include libdbio examples test cmake; do
    mapfile -t files < <(list_files $folder '*.c' '*.h' '*.h.in' '*.sh' '*.cmake' CMakeLists.txt)
    [ "${#files[@]}" -eq 0 ] ||
        judge "$folder: files up to $lines_max lines, functions up to $function_max" \
            "$(list_long "${files[@]}")"
done
finish
