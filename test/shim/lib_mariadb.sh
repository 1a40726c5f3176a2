# lib_mariadb.sh - MariaDB servers in $work, a database "bank" in them, loads on it and what must
# hold of it. Sourced after lib.sh. What a test cannot go on without ends it: give_up.
# shellcheck shell=bash disable=SC2154 # lib.sh sets what is not set here

tables='account, transfer, page, packed, holed, aria, number'
log_size=--innodb-log-file-size=16M # small: what it holds must be written to its place soon

# What start_server puts before "mariadbd"; a test may change it.
prefix=()

# give_up TEXT LOG: a failure that leaves nothing to go on with. What the server says belongs to it.
give_up() {
    local log
    fail "$1"
    for log in "$2" "$work/server.log"; do
        [ ! -e "$log" ] || tail -n 25 "$log" | sed "s/^/    ${log##*/}: /"
        [ "$2" != "$work/server.log" ] || break
    done
    finish
}

# wait_for SECONDS TEXT LOG COMMAND...: until the command succeeds.
wait_for() {
    local deadline=$((SECONDS + $1)) text=$2 log=$3
    shift 3
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || give_up "waited in vain for $text" "$log"
        sleep 0.05
    done
}

# same TEXT A B: passes if both are the same and something.
same() {
    if [ -n "$2" ] && [ "$2" = "$3" ]; then
        pass "$1: $(tr '\n\t' '; ' <<<"$2" | sed 's/;$//')"
    else
        fail "$1: '$3', but '$2' expected"
    fi
}

# tell_routes LABEL MODE: report_routes, where there is something to report.
tell_routes() {
    case $2 in
        none | off) same "$1: counters of a shim that is off" null "$(counts | jq .counters)" ;;
        *) report_routes "$1" "$2" ;;
    esac
}

# make_template: a data directory as a new server finds it, made once for each file system.
make_template() {
    plain mariadb-install-db --no-defaults --datadir="$work/template" --skip-test-db "$log_size" \
        --auth-root-authentication-method=normal >"$work/install.log" 2>&1 ||
        give_up "no data directory" "$work/install.log"
}

# new_data never|auto: a copy of it in $work/data, not in the page cache; auto: it shares its blocks with
# the template where the file system can, and whatever is written goes to another place.
new_data() {
    rm -rf "$work/data"
    cp -a --reflink="$1" "$work/template" "$work/data"
    drop_cache "$work"/data/{ibdata1,ib_logfile0}
}

# ask QUERY [DATABASE]
ask() { plain mariadb --no-defaults -uroot -S "$work/s" -N -e "$1" "${2:-bank}"; }

answers() {
    [ -d "/proc/$server" ] || give_up "the server ended at its start" "$work/server.log"
    ask 'select 1' mysql
}
gone() { [ ! -e "/proc/$1" ]; }

# start_server MODE DATA OPTION...: waits until it answers. $server is the shell that runs it.
start_server() {
    local mode=$1 data=$2
    shift 2
    rm -f "$work/s" "$work/pid"
    shimmed "$mode" ${prefix[@]+"${prefix[@]}"} mariadbd --no-defaults --datadir="$data" \
        --socket="$work/s" --pid-file="$work/pid" --tmpdir="$work" --skip-networking "$log_size" \
        --innodb-buffer-pool-size=24M --innodb-flush-log-at-trx-commit=1 \
        "$@" >>"$work/server.log" 2>&1 &
    server=$!
    started+=("$server")
    wait_for 60 "the server's first answer" "$work/server.log" answers
    started+=("$(cat "$work/pid")")
}

# stop_server: a clean stop.
stop_server() {
    local pid status=0
    pid=$(cat "$work/pid")
    ask shutdown mysql || give_up "the server does not hear that it should stop" "$work/server.log"
    wait_for 60 "the server's end" "$work/server.log" gone "$pid"
    wait "$server" || status=$?
    [ "$status" -eq 0 ] || give_up "the server ended with status $status" "$work/server.log"
    started=()
}

# kill_server: kill -9.
kill_server() {
    local pid
    pid=$(cat "$work/pid")
    kill -KILL "$pid"
    wait_for 30 "the server's death" "$work/server.log" gone "$pid"
    wait "$server" 2>/dev/null || true
    started=()
}

# check_log LABEL: the server complained of nothing since the log was made.
check_log() {
    same "$1: errors that the server wrote down" 0 "$(grep -cE '\[ERROR\]|corrupt' "$work/server.log" || true)"
    grep -E '\[ERROR\]|corrupt' "$work/server.log" | head -n 5 | sed 's/^/    /' || true
}

# write_tables: 10,000 accounts, and tables of texts that tell what they should be; one of compressed
# pages of 4 KiB, one whose pages have holes punched behind them, one of another engine.
write_tables() {
    cat <<'END'
create database bank;
use bank;
create function words(v int) returns varchar(400) deterministic return repeat(md5(v), 2 + v % 10);
create table control (enough int not null) engine=innodb;
insert into control values (0);
create table account (id int primary key, money bigint not null, filler varchar(200) not null) engine=innodb;
insert into account select seq, 1000, repeat('f', 150) from seq_1_to_10000;
create table transfer (id bigint auto_increment primary key, source int not null, target int not null,
    amount int not null) engine=innodb;
create table page (id int auto_increment primary key, v int not null, text varchar(400) not null, key (v)) engine=innodb;
create table packed like page;
alter table packed row_format=compressed key_block_size=4;
create table holed like page;
alter table holed page_compressed=1;
create table aria like page;
alter table aria engine=aria transactional=1;
create table number (client int, number int, primary key (client, number)) engine=innodb;
insert into page (v, text) select seq * 7919 % 100003, words(seq * 7919 % 100003) from seq_1_to_60000;
insert into packed select * from page where id <= 10000;
insert into holed select * from page where id <= 10000;
insert into aria select * from page where id <= 5000;
END
}

# write_procedures: a transfer, now and then taken back; edits; a table that lives for a moment. A
# deadlock is no error, but anything else is.
write_procedures() {
    cat <<'END'
delimiter //
create procedure transfer_once() begin
    declare giver int default 1 + floor(rand() * 10000);
    declare taker int default 1 + floor(rand() * 10000);
    declare some int default 1 + floor(rand() * 9);
    declare exit handler for 1213, 1205 rollback;
    start transaction;
    update account set money = money - some where id = giver;
    update account set money = money + some where id = taker;
    insert into transfer (source, target, amount) values (giver, taker, some);
    if rand() < 0.05 then rollback; else commit; end if;
end//
create procedure edit_once() begin
    declare place int default 1 + floor(rand() * 60000);
    declare continue handler for 1213, 1205 begin end;
    update page set text = words(v + 1), v = v + 1 where id between place and place + 20;
    insert into page (v, text) values (place, words(place));
    delete from page where id = place + 30;
    set place = place % 10000;
    update packed set text = words(v + 1), v = v + 1 where id between place and place + 5;
    insert into packed (v, text) values (place, words(place));
    delete from packed where id = place + 30;
    update holed set text = words(v + 1), v = v + 1 where id between place and place + 5;
    insert into holed (v, text) values (place, words(place));
    delete from holed where id = place + 30;
    insert into aria (v, text) values (place, words(place));
    update aria set text = words(v + 1), v = v + 1 where id = place % 5000;
end//
create procedure expect_in_churn(client int, n int) begin
    execute immediate concat('select count(*) = ', n, ' and sum(a) = ', n * (n + 1) div 2,
        ' and sum(b = md5(a)) = ', n, ' into @whole from churn', client);
    if not @whole then signal sqlstate '45000' set message_text = 'a new table is not whole'; end if;
end//
create procedure churn_once(client int) begin
    execute immediate concat('create or replace table churn', client, ' (a int, b varchar(40), key (b))
        engine=innodb as select seq as a, md5(seq) as b from seq_1_to_2000');
    call expect_in_churn(client, 2000);
    execute immediate concat('alter table churn', client, ' force');
    call expect_in_churn(client, 2000);
    execute immediate concat('truncate table churn', client);
    execute immediate concat('insert into churn', client, ' select seq, md5(seq) from seq_1_to_500');
    call expect_in_churn(client, 500);
    execute immediate concat('drop table churn', client);
end//
create procedure work(client int, seconds int) begin
    declare rounds int default 0;
    declare last timestamp(6) default sysdate(6) + interval seconds second;
    repeat
        case client % 4
            when 1 then call churn_once(client);
            when 2 then call edit_once();
            else call transfer_once();
        end case;
        set rounds = rounds + 1;
    until sysdate(6) > last or (select enough from control) end repeat;
    select rounds;
end//
END
}

fill() {
    { write_tables && write_procedures; } | plain mariadb --no-defaults -uroot -S "$work/s" >"$work/fill.log" 2>&1 ||
        give_up "the tables could not be filled" "$work/fill.log"
}

# begin_load SECONDS: four clients, for so long at most.
begin_load() {
    local client
    ask 'update control set enough = 0' || give_up "no load can begin" "$work/server.log"
    loaders=()
    for client in 1 2 3 4; do
        ask "call work($client, $1)" >"$work/rounds.$client" 2>&1 &
        loaders+=($!)
    done
}
# end_load LABEL: what each has done.
end_load() {
    local client status=0 pid
    ask 'update control set enough = 1' || give_up "the server went during the load" "$work/server.log"
    for pid in "${loaders[@]}"; do
        wait "$pid" || status=$?
    done
    echo "$filesystem: $1: rounds of churn, edits, transfers, transfers: $(cat "$work"/rounds.? | tr '\n' ' ')"
    same "$1: clients that ended well, having done something" "status 0: 4" \
        "status $status: $(cat "$work"/rounds.? | grep -cE '^[1-9][0-9]*$' || true)"
}

# checksums: of all tables; nothing if one of them cannot be read.
checksums() {
    local sums
    sums=$(ask "checksum table $tables") || true
    [[ $sums == *NULL* ]] || echo "$sums"
}

# check_bank LABEL: money, transfers and texts agree; indexes have what their tables have.
check_bank() {
    local money transfers astray wrong
    IFS=$'\t' read -r money transfers astray < <(ask '
        select (select sum(money) from account), (select count(*) from transfer), count(*) from account
        left join (select id, sum(amount) as moved from (select source as id, -amount as amount from transfer
            union all select target, amount from transfer) moves group by id) moves using (id)
        where money <> 1000 + coalesce(moved, 0)') || true
    if [ "${transfers:-0}" -gt 0 ] && [ "$money $astray" = "10000000 0" ]; then
        pass "$1: all accounts are as $transfers transfers left them"
    else
        fail "$1: money $money, transfers $transfers, accounts astray $astray"
    fi
    wrong=$(ask 'select sum(text <> words(v)), count(*) > 10000 from (select v, text from page union all
        select v, text from packed union all select v, text from holed union all select v, text from aria) texts') || true
    same "$1: texts that are wrong, and whether there are enough" $'0\t1' "$wrong"
    ask "check table $tables extended" >"$work/check.log" 2>&1 || true
    same "$1: sound tables" 7 "$(grep -cE $'status\tOK$' "$work/check.log" || true)"
    grep -vE $'status\tOK$' "$work/check.log" | sed 's/^/    /' || true
}

# Every page of every tablespace of a server that was stopped cleanly. Pages 64 to 191 of the first
# are InnoDB's doublewrite buffer: what it leaves there is no page of ibdata1.
sound_pages() {
    local file files=0
    plain innochecksum --end-page=63 "$work/$1/ibdata1" || return 1
    plain innochecksum --start-page=192 "$work/$1/ibdata1" || return 1
    for file in "$work/$1"/*/*.ibd; do
        plain innochecksum "$file" || { echo "in $file" && return 1; }
        files=$((files + 1))
    done
    [ "$files" -ge 10 ]
}

# cached_as_stored FILE...: what the page cache shows is what is on the disk.
cached_as_stored() {
    local file
    for file; do
        read_direct "$file" | plain cmp - "$file" || return 1
    done
}

# check_files LABEL DATA: and then nothing of them is in the page cache.
check_files() {
    check "$1: innochecksum finds no bad page" sound_pages "$2"
    check "$1: the page cache shows what is stored" \
        cached_as_stored "$work/$2"/{ibdata1,ib_logfile0,bank/*.ibd}
    drop_cache "$work/$2"/{ibdata1,ib_logfile0,bank/*.ibd}
}
