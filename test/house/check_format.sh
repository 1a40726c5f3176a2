#!/bin/bash
# check_format.sh [ROOT] - the sources are laid out as .clang-format says.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/house.sh"
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v clang-format >/dev/null || skip "no clang-format here"

# list_differing FILE...: where each file that clang-format would change first differs.
list_differing() {
    (cd "$root" && clang-format --dry-run -Werror "$@" 2>&1) |
        awk -F: '/: error:/ && !seen[$1]++ { print $1 ":" $2 ": clang-format -i " $1 }'
}

for folder in include libdbio examples test; do
    mapfile -t files < <(list_files $folder '*.c' '*.h')
    [ "${#files[@]}" -eq 0 ] ||
        judge "$folder: clang-format would change nothing" \
            "$(list_differing "${files[@]}")"
done
finish
