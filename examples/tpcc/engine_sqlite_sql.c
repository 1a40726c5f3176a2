/*
 * engine_sqlite_sql.c - every SQL text of the engine `sqlite` except the consistency conditions.
 *
 * Job: the schema and the statements. Leaves running them to the other files of the engine. No
 * lock: constants. Must always hold: the columns of an insert and of a scan stand in the order of
 * the table, which is the order of the row structures in tpcc_schema.h.
 *
 * WITHOUT ROWID makes the composite key the only B-tree of a table, as in an engine that clusters
 * by primary key. HISTORY has no key in the specification and gets a number of its own.
 */
#include "engine_sqlite.h"

const char *const engine_sqlite_schema =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE item(i_id INTEGER NOT NULL, i_im_id INTEGER NOT NULL, i_name TEXT NOT NULL,"
    " i_price INTEGER NOT NULL, i_data TEXT NOT NULL, PRIMARY KEY(i_id)) WITHOUT ROWID;"
    "CREATE TABLE warehouse(w_id INTEGER NOT NULL, w_name TEXT NOT NULL,"
    " w_street_1 TEXT NOT NULL, w_street_2 TEXT NOT NULL, w_city TEXT NOT NULL,"
    " w_state TEXT NOT NULL, w_zip TEXT NOT NULL, w_tax INTEGER NOT NULL,"
    " w_ytd INTEGER NOT NULL, PRIMARY KEY(w_id)) WITHOUT ROWID;"
    "CREATE TABLE stock(s_w_id INTEGER NOT NULL, s_i_id INTEGER NOT NULL,"
    " s_quantity INTEGER NOT NULL, s_dist_01 TEXT NOT NULL, s_dist_02 TEXT NOT NULL,"
    " s_dist_03 TEXT NOT NULL, s_dist_04 TEXT NOT NULL, s_dist_05 TEXT NOT NULL,"
    " s_dist_06 TEXT NOT NULL, s_dist_07 TEXT NOT NULL, s_dist_08 TEXT NOT NULL,"
    " s_dist_09 TEXT NOT NULL, s_dist_10 TEXT NOT NULL, s_ytd INTEGER NOT NULL,"
    " s_order_cnt INTEGER NOT NULL, s_remote_cnt INTEGER NOT NULL, s_data TEXT NOT NULL,"
    " PRIMARY KEY(s_w_id, s_i_id)) WITHOUT ROWID;"
    "CREATE TABLE district(d_w_id INTEGER NOT NULL, d_id INTEGER NOT NULL, d_name TEXT NOT NULL,"
    " d_street_1 TEXT NOT NULL, d_street_2 TEXT NOT NULL, d_city TEXT NOT NULL,"
    " d_state TEXT NOT NULL, d_zip TEXT NOT NULL, d_tax INTEGER NOT NULL,"
    " d_ytd INTEGER NOT NULL, d_next_o_id INTEGER NOT NULL,"
    " PRIMARY KEY(d_w_id, d_id)) WITHOUT ROWID;"
    "CREATE TABLE customer(c_w_id INTEGER NOT NULL, c_d_id INTEGER NOT NULL,"
    " c_id INTEGER NOT NULL, c_first TEXT NOT NULL, c_middle TEXT NOT NULL,"
    " c_last TEXT NOT NULL, c_street_1 TEXT NOT NULL, c_street_2 TEXT NOT NULL,"
    " c_city TEXT NOT NULL, c_state TEXT NOT NULL, c_zip TEXT NOT NULL, c_phone TEXT NOT NULL,"
    " c_since INTEGER NOT NULL, c_credit TEXT NOT NULL, c_credit_lim INTEGER NOT NULL,"
    " c_discount INTEGER NOT NULL, c_balance INTEGER NOT NULL, c_ytd_payment INTEGER NOT NULL,"
    " c_payment_cnt INTEGER NOT NULL, c_delivery_cnt INTEGER NOT NULL, c_data TEXT NOT NULL,"
    " PRIMARY KEY(c_w_id, c_d_id, c_id)) WITHOUT ROWID;"
    "CREATE TABLE history(h_id INTEGER PRIMARY KEY, h_c_id INTEGER NOT NULL,"
    " h_c_d_id INTEGER NOT NULL, h_c_w_id INTEGER NOT NULL, h_d_id INTEGER NOT NULL,"
    " h_w_id INTEGER NOT NULL, h_date INTEGER NOT NULL, h_amount INTEGER NOT NULL,"
    " h_data TEXT NOT NULL);"
    "CREATE TABLE orders(o_w_id INTEGER NOT NULL, o_d_id INTEGER NOT NULL,"
    " o_id INTEGER NOT NULL, o_c_id INTEGER NOT NULL, o_entry_d INTEGER NOT NULL,"
    " o_carrier_id INTEGER, o_ol_cnt INTEGER NOT NULL, o_all_local INTEGER NOT NULL,"
    " PRIMARY KEY(o_w_id, o_d_id, o_id)) WITHOUT ROWID;"
    "CREATE TABLE new_order(no_w_id INTEGER NOT NULL, no_d_id INTEGER NOT NULL,"
    " no_o_id INTEGER NOT NULL, PRIMARY KEY(no_w_id, no_d_id, no_o_id)) WITHOUT ROWID;"
    "CREATE TABLE order_line(ol_w_id INTEGER NOT NULL, ol_d_id INTEGER NOT NULL,"
    " ol_o_id INTEGER NOT NULL, ol_number INTEGER NOT NULL, ol_i_id INTEGER NOT NULL,"
    " ol_supply_w_id INTEGER NOT NULL, ol_delivery_d INTEGER, ol_quantity INTEGER NOT NULL,"
    " ol_amount INTEGER NOT NULL, ol_dist_info TEXT NOT NULL,"
    " PRIMARY KEY(ol_w_id, ol_d_id, ol_o_id, ol_number)) WITHOUT ROWID;";

/* Made after the rows: sorting once is several times faster than a random insert per row. */
const char *const engine_sqlite_indexes =
    "CREATE INDEX customer_name ON customer(c_w_id, c_d_id, c_last, c_first);"
    "CREATE INDEX orders_customer ON orders(o_w_id, o_d_id, o_c_id, o_id);";

const char *const engine_sqlite_inserts[TPCC_TABLES] = {
    [TPCC_ITEM] = "INSERT INTO item VALUES(?,?,?,?,?)",
    [TPCC_WAREHOUSE] = "INSERT INTO warehouse VALUES(?,?,?,?,?,?,?,?,?)",
    [TPCC_STOCK] = "INSERT INTO stock VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [TPCC_DISTRICT] = "INSERT INTO district VALUES(?,?,?,?,?,?,?,?,?,?,?)",
    [TPCC_CUSTOMER] = "INSERT INTO customer VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [TPCC_HISTORY] = "INSERT INTO history VALUES(?,?,?,?,?,?,?,?,?)",
    [TPCC_ORDER] = "INSERT INTO orders VALUES(?,?,?,?,?,?,?,?)",
    [TPCC_NEW_ORDER] = "INSERT INTO new_order VALUES(?,?,?)",
    [TPCC_ORDER_LINE] = "INSERT INTO order_line VALUES(?,?,?,?,?,?,?,?,?,?)",
};

/* NOT INDEXED, or SQLite may answer from an index and the table's own bytes go unread. */
const char *const engine_sqlite_scans[TPCC_TABLES] = {
    [TPCC_ITEM] = "SELECT * FROM item NOT INDEXED ORDER BY i_id",
    [TPCC_WAREHOUSE] = "SELECT * FROM warehouse NOT INDEXED ORDER BY w_id",
    [TPCC_STOCK] = "SELECT * FROM stock NOT INDEXED ORDER BY s_w_id, s_i_id",
    [TPCC_DISTRICT] = "SELECT * FROM district NOT INDEXED ORDER BY d_w_id, d_id",
    [TPCC_CUSTOMER] = "SELECT * FROM customer NOT INDEXED ORDER BY c_w_id, c_d_id, c_id",
    [TPCC_HISTORY] = "SELECT * FROM history NOT INDEXED ORDER BY h_id",
    [TPCC_ORDER] = "SELECT * FROM orders NOT INDEXED ORDER BY o_w_id, o_d_id, o_id",
    [TPCC_NEW_ORDER] = "SELECT * FROM new_order NOT INDEXED ORDER BY no_w_id, no_d_id, no_o_id",
    [TPCC_ORDER_LINE] = ("SELECT * FROM order_line NOT INDEXED"
                         " ORDER BY ol_w_id, ol_d_id, ol_o_id, ol_number"),
};

const char *const engine_sqlite_sql[SQL_STATEMENTS] = {
    /* IMMEDIATE takes the write lock first: a deferred transaction that reads and then writes
     * would lose its snapshot to another writer and have to start again. */
    [SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_WAREHOUSE_TAX] = "SELECT w_tax FROM warehouse WHERE w_id=?",
    [SQL_DISTRICT_NEXT] = "SELECT d_next_o_id, d_tax FROM district WHERE d_w_id=? AND d_id=?",
    [SQL_DISTRICT_TAKE] = "UPDATE district SET d_next_o_id=d_next_o_id+1"
                          " WHERE d_w_id=? AND d_id=?",
    [SQL_CUSTOMER_DISCOUNT] = "SELECT c_discount, c_last, c_credit FROM customer"
                              " WHERE c_w_id=? AND c_d_id=? AND c_id=?",
    [SQL_INSERT_ORDER] = "INSERT INTO orders VALUES(?,?,?,?,?,NULL,?,?)",
    [SQL_INSERT_NEW_ORDER] = "INSERT INTO new_order VALUES(?,?,?)",
    [SQL_ITEM] = "SELECT i_price, i_name, i_data FROM item WHERE i_id=?",
    [SQL_STOCK] = "SELECT s_quantity, s_data, s_dist_01, s_dist_02, s_dist_03, s_dist_04,"
                  " s_dist_05, s_dist_06, s_dist_07, s_dist_08, s_dist_09, s_dist_10 FROM stock"
                  " WHERE s_w_id=? AND s_i_id=?",
    [SQL_STOCK_TAKE] = "UPDATE stock SET s_quantity=?3, s_ytd=s_ytd+?4,"
                       " s_order_cnt=s_order_cnt+1, s_remote_cnt=s_remote_cnt+?5"
                       " WHERE s_w_id=?1 AND s_i_id=?2",
    [SQL_INSERT_LINE] = "INSERT INTO order_line VALUES(?,?,?,?,?,?,NULL,?,?,?)",
    [SQL_WAREHOUSE_NAME] = "SELECT w_name, w_street_1, w_street_2, w_city, w_state, w_zip"
                           " FROM warehouse WHERE w_id=?",
    [SQL_WAREHOUSE_PAY] = "UPDATE warehouse SET w_ytd=w_ytd+?2 WHERE w_id=?1",
    [SQL_DISTRICT_NAME] = "SELECT d_name, d_street_1, d_street_2, d_city, d_state, d_zip"
                          " FROM district WHERE d_w_id=? AND d_id=?",
    [SQL_DISTRICT_PAY] = "UPDATE district SET d_ytd=d_ytd+?3 WHERE d_w_id=?1 AND d_id=?2",
    [SQL_CUSTOMERS_BY_NAME] =
        "SELECT c_id FROM customer WHERE c_w_id=?1 AND c_d_id=?2 AND c_last=?3"
        " ORDER BY c_first",
    [SQL_CUSTOMER] = "SELECT c_first, c_middle, c_last, c_street_1, c_street_2, c_city, c_state,"
                     " c_zip, c_phone, c_since, c_credit_lim, c_discount, c_balance, c_credit,"
                     " c_data FROM customer WHERE c_w_id=? AND c_d_id=? AND c_id=?",
    [SQL_CUSTOMER_PAY] = "UPDATE customer SET c_balance=c_balance-?4,"
                         " c_ytd_payment=c_ytd_payment+?4, c_payment_cnt=c_payment_cnt+1"
                         " WHERE c_w_id=?1 AND c_d_id=?2 AND c_id=?3",
    [SQL_CUSTOMER_PAY_DATA] = "UPDATE customer SET c_balance=c_balance-?4,"
                              " c_ytd_payment=c_ytd_payment+?4, c_payment_cnt=c_payment_cnt+1,"
                              " c_data=?5 WHERE c_w_id=?1 AND c_d_id=?2 AND c_id=?3",
    [SQL_INSERT_HISTORY] = "INSERT INTO history VALUES(NULL,?,?,?,?,?,?,?,?)",
    [SQL_NEWEST_ORDER] = "SELECT o_id, o_entry_d, o_carrier_id, o_ol_cnt FROM orders"
                         " WHERE o_w_id=? AND o_d_id=? AND o_c_id=? ORDER BY o_id DESC LIMIT 1",
    [SQL_ORDER] = "SELECT * FROM orders WHERE o_w_id=? AND o_d_id=? AND o_id=?",
    [SQL_LINES] = "SELECT ol_number, ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_dist_info,"
                  " ol_delivery_d FROM order_line WHERE ol_w_id=? AND ol_d_id=? AND ol_o_id=?"
                  " ORDER BY ol_number",
    [SQL_OLDEST_NEW_ORDER] = "SELECT no_o_id FROM new_order WHERE no_w_id=? AND no_d_id=?"
                             " ORDER BY no_o_id LIMIT 1",
    [SQL_DELETE_NEW_ORDER] = "DELETE FROM new_order"
                             " WHERE no_w_id=? AND no_d_id=? AND no_o_id=?",
    [SQL_ORDER_CUSTOMER] = "SELECT o_c_id FROM orders WHERE o_w_id=? AND o_d_id=? AND o_id=?",
    [SQL_ORDER_CARRY] = "UPDATE orders SET o_carrier_id=?4"
                        " WHERE o_w_id=?1 AND o_d_id=?2 AND o_id=?3",
    [SQL_LINES_DELIVER] = "UPDATE order_line SET ol_delivery_d=?4"
                          " WHERE ol_w_id=?1 AND ol_d_id=?2 AND ol_o_id=?3",
    [SQL_LINES_SUM] = "SELECT sum(ol_amount) FROM order_line"
                      " WHERE ol_w_id=? AND ol_d_id=? AND ol_o_id=?",
    [SQL_CUSTOMER_DELIVER] = "UPDATE customer SET c_balance=c_balance+?4,"
                             " c_delivery_cnt=c_delivery_cnt+1"
                             " WHERE c_w_id=?1 AND c_d_id=?2 AND c_id=?3",
    /* CROSS JOIN fixes the order: the few hundred lines first, then one look into STOCK each. */
    [SQL_LOW_STOCK] = "SELECT count(*) FROM (SELECT DISTINCT ol_i_id FROM order_line"
                      " WHERE ol_w_id=?1 AND ol_d_id=?2 AND ol_o_id>=?3-20 AND ol_o_id<?3)"
                      " CROSS JOIN stock ON s_w_id=?1 AND s_i_id=ol_i_id WHERE s_quantity<?4",
    [SQL_HISTORY] = "SELECT * FROM history WHERE h_id=?",
};
