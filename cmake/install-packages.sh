#!/bin/bash
# Installs what is missing of cmake/debian-packages.txt.
#
#   cmake/install-packages.sh GROUP...     groups: build, test, engines
#
# Asks the network for nothing if nothing is missing. Uses sudo if the caller is not root.
# Exit status: 0 all there, 1 something is missing and could not be installed (and says what).
set -euo pipefail
log=

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# list_packages GROUP: the packages of a group, one a line.
list_packages() {
    awk -v group="$1" '/^#: / { current = $2 } !/^#/ && NF && current == group { print $1 }' \
        "$here/debian-packages.txt"
}

# list_missing PACKAGE...: those that are not installed.
list_missing() {
    local package
    for package; do
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null |
            grep -qx installed || echo "$package"
    done
}

# as_root COMMAND...: fails if that cannot be.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        return 1
    fi
}

main() {
    local group packages=() missing=()
    for group; do
        mapfile -t -O "${#packages[@]}" packages < <(list_packages "$group")
    done
    if [ "${#packages[@]}" -eq 0 ]; then
        echo "usage: install-packages.sh build|test|engines ..." >&2
        return 1
    fi
    if ! command -v dpkg-query >/dev/null; then
        echo "not a Debian system: nothing installed. Needed, by Debian's names: ${packages[*]}"
        return 0
    fi
    mapfile -t missing < <(list_missing "${packages[@]}")
    if [ "${#missing[@]}" -eq 0 ]; then
        return 0
    fi
    echo "installing: ${missing[*]}"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # An out-of-date list is no reason to give up: what it names may still be there.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update >"$log" 2>&1 || true
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        -o Dpkg::Use-Pty=0 --no-install-recommends install "${missing[@]}" >>"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "missing, and could not be installed: ${missing[*]}" >&2
        echo "as root: apt-get install ${missing[*]}" >&2
        return 1
    fi
}

main "$@"
