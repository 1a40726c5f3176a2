#!/bin/bash
# check_format.sh [ROOT] - the sources are laid out as .clang-format says.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/house.sh"
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v clang-format >/dev/null || skip "no clang-format here"

for folder in include libdbio examples test; do
    mapfile -t files < <(list_files $folder '*.c' '*.h')
    [ "${#files[@]}" -eq 0 ] ||
        judge "$folder: clang-format would change nothing" \
            "$(cd "$root" && clang-format --dry-run -Werror "${files[@]}" 2>&1 |
                grep ': error:' || true)"
done
finish
