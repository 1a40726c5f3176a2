#!/bin/bash
# test_mariadb_rsync.sh SHIM DBIO [--long] - coherence that people can feel: MariaDB writes direct
# while rsync reads its files through the page cache, over and over. Pages that rsync left in the
# cache must never come back as old ones: in the end the copy is the database.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib_mariadb.sh"
seconds=3
[ "$long" = no ] || seconds=30

# copy_over_and_over MODE: rsync in that mode until $work/enough; its copies are torn, and that is
# no matter: they bring pages into the cache.
copy_over_and_over() {
    while [ ! -e "$work/enough" ]; do
        shimmed "$1" rsync -a --inplace --whole-file "$work/data/" "$work/torn/" >/dev/null 2>&1 || true
        echo >>"$work/rounds"
    done
}

# beside_rsync LABEL RSYNC-MODE OPTION...
beside_rsync() {
    local label=$1 copier=$2 reader before
    shift 2
    fresh_counts
    : >"$work/server.log"
    : >"$work/rounds"
    cp -a "$work/template" "$work/data"
    start_server direct "$work/data" "$@" || return 0
    fill bank
    rm -f "$work/enough"
    copy_over_and_over "$copier" &
    reader=$!
    load bank "$seconds"
    wait "$reader"
    echo "$filesystem: $label: $(wc -l <"$work/rounds") copies beside the load"
    check "$label: money is conserved" test "$(money bank)" = "$(printf '2000000\t20000')"
    check "$label: tables are sound" test -z "$(examine bank)"
    before=$(checksums bank)
    # One table held still while the others go on: its copy has no bad page.
    (ask "flush tables page for export; select sleep(1); unlock tables" bank >/dev/null) &
    sleep 0.4
    shimmed "$copier" cp "$work/data/bank/page.ibd" "$work/page.ibd"
    wait $!
    check "$label: a table copied while it was held has no bad page" plain innochecksum "$work/page.ibd"
    stop_server
    report_routes "$label" direct
    shimmed "$copier" rsync -a --checksum --delete "$work/data/" "$work/copy/"
    check "$label: the copy is the same, byte by byte" diff -r "$work/data" "$work/copy"
    start_server none "$work/copy" || return 0
    check "$label: the copy is the database" test "$(checksums bank)" = "$before"
    stop_server
    rm -rf "$work"/{data,copy,torn,page.ibd}
}

on_each() {
    make_template
    beside_rsync "buffered made direct, rsync without the shim" none \
        --innodb-flush-method=fsync --innodb-use-native-aio=0
    beside_rsync "buffered made direct, rsync under the shim" auto \
        --innodb-flush-method=fsync --innodb-use-native-aio=0
    beside_rsync "its own O_DIRECT and io_uring, rsync under the shim" auto \
        --innodb-flush-method=O_DIRECT
}

need mariadbd mariadb mariadb-install-db innochecksum rsync jq
for_each_filesystem on_each
finish
