/*
 * tpcc_conditions.c - the twelve consistency conditions as SQL.
 *
 * Job: say what must hold between tables. Leaves running it to the engines, and bytes within rows
 * to tpcc_oracle.c. No lock: constants. Must always hold: a query answers a row for every way in
 * which its condition can be broken.
 *
 * Three mistakes that checkers of this kind make, and what is done here instead: a sum over no rows
 * is NULL and compares as "fine" (coalesce); an inner join loses the districts or orders without
 * partners, the very ones that are wrong (outer joins, and both directions); money in floating
 * point differs by a rounding (integers).
 */
#include "tpcc_conditions.h"

#define DELIVERED                                                                          \
    "delivered AS (SELECT o_w_id AS w, o_d_id AS d, o_c_id AS c, sum(ol_amount) AS amount" \
    " FROM orders JOIN order_line ON ol_w_id=o_w_id AND ol_d_id=o_d_id AND ol_o_id=o_id"   \
    " WHERE ol_delivery_d IS NOT NULL GROUP BY o_w_id, o_d_id, o_c_id)"

const struct tpcc_condition tpcc_conditions[TPCC_CONDITIONS] = {
    {"w_ytd = sum(d_ytd)", "SELECT w_id, w_ytd, coalesce(sum(d_ytd), 0) AS sum_d_ytd"
                           " FROM warehouse LEFT JOIN district ON d_w_id=w_id GROUP BY w_id, w_ytd"
                           " HAVING w_ytd <> coalesce(sum(d_ytd), 0) ORDER BY w_id LIMIT 1"},
    {"d_next_o_id - 1 = max(o_id) = max(no_o_id)",
     "SELECT d_w_id, d_id, d_next_o_id, max_o_id, max_no_o_id FROM (SELECT d_w_id, d_id,"
     " d_next_o_id, coalesce((SELECT max(o_id) FROM orders WHERE o_w_id=d_w_id AND o_d_id=d_id),"
     " 0) AS max_o_id, (SELECT max(no_o_id) FROM new_order WHERE no_w_id=d_w_id AND"
     " no_d_id=d_id) AS max_no_o_id FROM district) AS ids WHERE d_next_o_id - 1 <> max_o_id"
     " OR coalesce(max_no_o_id, max_o_id) <> max_o_id ORDER BY d_w_id, d_id LIMIT 1"},
    {"max(no_o_id) - min(no_o_id) + 1 = count(NEW-ORDER)",
     "SELECT no_w_id, no_d_id, min(no_o_id) AS min_no_o_id, max(no_o_id) AS max_no_o_id,"
     " count(*) AS new_orders FROM new_order GROUP BY no_w_id, no_d_id"
     " HAVING max(no_o_id) - min(no_o_id) + 1 <> count(*) ORDER BY no_w_id, no_d_id LIMIT 1"},
    {"sum(o_ol_cnt) = count(ORDER-LINE)",
     "SELECT d_w_id, d_id, sum_o_ol_cnt, order_lines FROM (SELECT d_w_id, d_id,"
     " coalesce((SELECT sum(o_ol_cnt) FROM orders WHERE o_w_id=d_w_id AND o_d_id=d_id), 0)"
     " AS sum_o_ol_cnt, (SELECT count(*) FROM order_line WHERE ol_w_id=d_w_id AND ol_d_id=d_id)"
     " AS order_lines FROM district) AS sums WHERE sum_o_ol_cnt <> order_lines"
     " ORDER BY d_w_id, d_id LIMIT 1"},
    {"o_carrier_id is null if and only if the NEW-ORDER row exists",
     "SELECT o_w_id, o_d_id, o_id, o_carrier_id, no_o_id FROM orders LEFT JOIN new_order"
     " ON no_w_id=o_w_id AND no_d_id=o_d_id AND no_o_id=o_id"
     " WHERE (o_carrier_id IS NULL) <> (no_o_id IS NOT NULL)"
     " UNION ALL SELECT no_w_id, no_d_id, NULL, NULL, no_o_id FROM new_order LEFT JOIN orders"
     " ON no_w_id=o_w_id AND no_d_id=o_d_id AND no_o_id=o_id WHERE o_id IS NULL LIMIT 1"},
    {"o_ol_cnt = number of ORDER-LINE rows of the order",
     "SELECT o_w_id, o_d_id, o_id, o_ol_cnt, order_lines FROM (SELECT o_w_id, o_d_id, o_id,"
     " o_ol_cnt, (SELECT count(*) FROM order_line WHERE ol_w_id=o_w_id AND ol_d_id=o_d_id AND"
     " ol_o_id=o_id) AS order_lines FROM orders) AS counts WHERE o_ol_cnt <> order_lines"
     " UNION ALL SELECT ol_w_id, ol_d_id, ol_o_id, NULL, ol_number FROM order_line LEFT JOIN"
     " orders ON ol_w_id=o_w_id AND ol_d_id=o_d_id AND ol_o_id=o_id WHERE o_id IS NULL LIMIT 1"},
    {"ol_delivery_d is null if and only if o_carrier_id is null",
     "SELECT ol_w_id, ol_d_id, ol_o_id, ol_number, ol_delivery_d, o_carrier_id FROM order_line"
     " JOIN orders ON ol_w_id=o_w_id AND ol_d_id=o_d_id AND ol_o_id=o_id"
     " WHERE (ol_delivery_d IS NULL) <> (o_carrier_id IS NULL) LIMIT 1"},
    {"w_ytd = sum(h_amount) of the warehouse",
     "SELECT w_id, w_ytd, coalesce(paid, 0) AS sum_h_amount FROM warehouse LEFT JOIN"
     " (SELECT h_w_id, sum(h_amount) AS paid FROM history GROUP BY h_w_id) AS h ON h_w_id=w_id"
     " WHERE w_ytd <> coalesce(paid, 0) ORDER BY w_id LIMIT 1"},
    {"d_ytd = sum(h_amount) of the district",
     "SELECT d_w_id, d_id, d_ytd, coalesce(paid, 0) AS sum_h_amount FROM district LEFT JOIN"
     " (SELECT h_w_id, h_d_id, sum(h_amount) AS paid FROM history GROUP BY h_w_id, h_d_id) AS h"
     " ON h_w_id=d_w_id AND h_d_id=d_id WHERE d_ytd <> coalesce(paid, 0)"
     " ORDER BY d_w_id, d_id LIMIT 1"},
    {"c_balance = sum(delivered ol_amount) - sum(h_amount)",
     "WITH " DELIVERED ", paid AS (SELECT h_c_w_id AS w, h_c_d_id AS d, h_c_id AS c,"
     " sum(h_amount) AS amount FROM history GROUP BY h_c_w_id, h_c_d_id, h_c_id)"
     " SELECT c_w_id, c_d_id, c_id, c_balance, coalesce(delivered.amount, 0) AS delivered,"
     " coalesce(paid.amount, 0) AS paid FROM customer LEFT JOIN delivered ON delivered.w=c_w_id"
     " AND delivered.d=c_d_id AND delivered.c=c_id LEFT JOIN paid ON paid.w=c_w_id AND"
     " paid.d=c_d_id AND paid.c=c_id"
     " WHERE c_balance <> coalesce(delivered.amount, 0) - coalesce(paid.amount, 0) LIMIT 1"},
    /* The specification says 2100 for a fresh database; every order delivered since then adds one
     * to the difference, and the orders after the load's 2100 that have a carrier are those. */
    {"count(ORDER) - count(NEW-ORDER) = 2100 + deliveries since the load",
     "SELECT d_w_id, d_id, orders, new_orders, by_load, since FROM (SELECT d_w_id, d_id,"
     " (SELECT count(*) FROM orders WHERE o_w_id=d_w_id AND o_d_id=d_id) AS orders,"
     " (SELECT count(*) FROM new_order WHERE no_w_id=d_w_id AND no_d_id=d_id) AS new_orders,"
     " by_load, (SELECT count(*) FROM orders WHERE o_w_id=d_w_id AND o_d_id=d_id AND"
     " o_id > by_load AND o_carrier_id IS NOT NULL) AS since FROM district,"
     " (SELECT value * 7 / 10 AS by_load FROM meta WHERE key='customers') AS m) AS counts"
     " WHERE orders - new_orders <> by_load + since ORDER BY d_w_id, d_id LIMIT 1"},
    {"c_balance + c_ytd_payment = sum(delivered ol_amount)",
     "WITH " DELIVERED " SELECT c_w_id, c_d_id, c_id, c_balance, c_ytd_payment,"
     " coalesce(amount, 0) AS delivered FROM customer LEFT JOIN delivered ON w=c_w_id AND"
     " d=c_d_id AND c=c_id WHERE c_balance + c_ytd_payment <> coalesce(amount, 0) LIMIT 1"},
};
