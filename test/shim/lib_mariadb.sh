# lib_mariadb.sh - start, ask and stop a MariaDB server in $work. Sourced after lib.sh.

# make_template: an empty data directory, made once for each file system.
make_template() {
    plain mariadb-install-db --no-defaults --datadir="$work/template" --skip-test-db \
        --auth-root-authentication-method=normal >"$work/install.log" 2>&1 ||
        { tail -n 5 "$work/install.log" && return 1; }
}

# start_server MODE DATA OPTION...: waits until it answers; $server is its process.
start_server() {
    local mode=$1 data=$2 i
    shift 2
    shimmed "$mode" mariadbd --no-defaults --datadir="$data" --socket="$work/s" --skip-networking \
        --pid-file="$work/pid" --tmpdir="$work" --innodb-buffer-pool-size=24M \
        --innodb-flush-log-at-trx-commit=1 "$@" >>"$work/server.log" 2>&1 &
    server=$!
    started+=("$server")
    for ((i = 0; i < 300; i++)); do
        if ask 'select 1' >/dev/null 2>&1; then
            return 0
        fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    fail "the server did not answer within 30 s"
    tail -n 15 "$work/server.log" | sed 's/^/    /'
    return 1
}

stop_server() {
    local i
    ask shutdown >/dev/null 2>&1 || kill -TERM "$server"
    for ((i = 0; i < 300; i++)); do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    wait "$server" 2>/dev/null || true
}

# The shell that started the server is not the server: its number is in the pid file.
kill_server() {
    kill -KILL "$(cat "$work/pid")"
    wait "$server" 2>/dev/null || true
    rm -f "$work/s"
}

ask() { plain mariadb --no-defaults -uroot -S "$work/s" -N -e "$1" "${2:-}"; }

# fill DATABASE: 20,000 accounts with the same money, and a table of some MB.
fill() {
    ask "create database $1; use $1;
        create table account(id int primary key, money int) engine=innodb;
        insert into account select seq, 100 from seq_1_to_20000;
        create table page(id int auto_increment primary key, a int, p varchar(400), key(a)) engine=innodb;
        insert into page(a, p) select seq * 7919 % 100003, repeat(char(65 + seq % 26), 380) from seq_1_to_40000;"
}

# transfers DATABASE SEED: moves money about, and rewrites pages, until the server is gone or told
# to stop by the file $work/enough.
transfers() {
    local state=$2 i statements
    while [ ! -e "$work/enough" ]; do
        statements=
        for ((i = 0; i < 20; i++)); do
            state=$(((state * 1103515245 + 12345) % 2147483648))
            statements+="begin; update account set money = money - 1 where id = $((state / 7 % 20000 + 1));
                update account set money = money + 1 where id = $((state / 11 % 20000 + 1)); commit;
                update page set p = repeat(char(65 + $((state % 26))), 380) where id between $((state / 13 % 39000)) and $((state / 13 % 39000 + 40));
                insert into page(a, p) values ($((state % 100003)), repeat('n', 380));"
        done
        ask "$statements" "$1" >/dev/null 2>&1 || return 0
    done
}

# load DATABASE SECONDS: two clients at once.
load() {
    local pids=()
    rm -f "$work/enough"
    transfers "$1" 1 &
    pids+=($!)
    transfers "$1" 2 &
    pids+=($!)
    sleep "$2"
    touch "$work/enough"
    wait "${pids[@]}"
}

money() { ask 'select sum(money), count(*) from account' "$1"; }
checksums() { ask 'checksum table account, page' "$1"; }
# Is every table fit? Prints what is not.
examine() { ask 'check table account extended; check table page extended' "$1" | awk '$NF != "OK"'; }
