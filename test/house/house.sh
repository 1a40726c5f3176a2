# house.sh - what the checks of the house share; sourced by them.
#
# A check counts rules or files, prints what is wrong as "file:line: what", and closes with the
# line "<name>: N passed, N failed, N skipped". Exit status 0, 1, or 77 if it cannot run here.
# shellcheck shell=bash
set -euo pipefail
export LC_ALL=C

root=. # each check says which tree
check_name=$(basename "$0" .sh)
passed=0
failed=0

# judge WHAT COMPLAINTS: one thing checked; it failed if there are complaints.
judge() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s\n' "$2"
        echo "  ^ $1"
    fi
}

# finish: the closing line and the exit status.
finish() {
    echo "$check_name: $passed passed, $failed failed, 0 skipped"
    [ "$failed" -eq 0 ]
}

# skip REASON: this check cannot run here.
skip() {
    echo "skipped: $1"
    echo "$check_name: 0 passed, 0 failed, 1 skipped"
    exit 77
}

# list_files FOLDER PATTERN...: files of the tree by name, without builds; relative to $root.
list_files() {
    local folder=$1 pattern names=()
    shift
    for pattern; do
        names+=(-o -name "$pattern")
    done
    (cd "$root" && [ -e "$folder" ] &&
        find "$folder" \( -name .git -o -path ./build -o -path build \) -prune -o \
            -type f \( "${names[@]:1}" \) -print | sed 's|^\./||' | sort) || true
}

# strip_comments FILE...: the lines as "file:line:text", comments and the insides of strings
# blanked, except on #include lines, whose quotes are the point. Paths relative to $root.
strip_comments() {
    (cd "$root" && awk '
        FNR == 1 { inside = 0 }
        {
            line = $0; out = ""
            include = line ~ /^[ \t]*#[ \t]*include/
            while (line != "") {
                if (inside) {
                    at = index(line, "*/")
                    if (!at) { line = ""; break }
                    line = substr(line, at + 2); inside = 0
                } else if (substr(line, 1, 2) == "/*") {
                    inside = 1; line = substr(line, 3)
                } else if (substr(line, 1, 2) == "//") {
                    break
                } else if (!include && match(line, /^"([^"\\]|\\.)*"/)) {
                    out = out "\"\""; line = substr(line, RLENGTH + 1)
                } else if (match(line, /^\x27([^\x27\\]|\\.)*\x27/)) {
                    out = out "0"; line = substr(line, RLENGTH + 1)
                } else {
                    out = out substr(line, 1, 1); line = substr(line, 2)
                }
            }
            print FILENAME ":" FNR ":" out
        }' "$@")
}

# list_includes FILE...: "file:line:written" for each include line, written with its quotes.
list_includes() {
    strip_comments "$@" | sed -nE 's/^([^:]*:[0-9]+:)[ \t]*#[ \t]*include[ \t]*(["<][^">]*[">]).*/\1\2/p'
}
