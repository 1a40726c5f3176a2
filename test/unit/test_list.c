/* test_list.c - the intrusive list: order, removal anywhere, links that can be used again. */
#include "base/list.h"

#include "t_support.h"

struct item {
    int value;
    struct dbio_link link;
};

/* The values in order as one number: 1, 2, 3 is 123. Walks both ways. */
static int
read_list(const struct dbio_link *head)
{
    int forth = 0, back = 0, place = 1;

    for (const struct dbio_link *link = head->next; link != head; link = link->next)
        forth = forth * 10 + DBIO_CONTAINER_OF(link, struct item, link)->value;
    for (const struct dbio_link *link = head->prev; link != head; link = link->prev) {
        back += place * DBIO_CONTAINER_OF(link, struct item, link)->value;
        place *= 10;
    }
    ck_assert_int_eq(forth, back);
    return forth;
}

static struct dbio_link head;
static struct item items[] = {{.value = 1}, {.value = 2}, {.value = 3}};

static void
make_list(void)
{
    dbio__list_init(&head);
    for (int i = 0; i < 3; i++)
        dbio__list_append(&head, &items[i].link);
}

START_TEST(a_new_list_is_empty)
{
    dbio__list_init(&head);
    ck_assert(dbio__list_empty(&head));
    ck_assert_int_eq(read_list(&head), 0);
}
END_TEST

START_TEST(appended_items_keep_their_order)
{
    make_list();
    ck_assert(!dbio__list_empty(&head));
    ck_assert_int_eq(read_list(&head), 123);
}
END_TEST

START_TEST(an_item_can_leave_from_anywhere)
{
    static const int left[] = {23, 13, 12};

    make_list();
    dbio__list_remove(&items[_i].link);
    ck_assert_int_eq(read_list(&head), left[_i]);
}
END_TEST

START_TEST(an_item_can_leave_twice_and_come_back)
{
    make_list();
    dbio__list_remove(&items[0].link);
    dbio__list_remove(&items[0].link);
    ck_assert_int_eq(read_list(&head), 23);
    dbio__list_append(&head, &items[0].link);
    ck_assert_int_eq(read_list(&head), 231);
}
END_TEST

START_TEST(a_list_that_lost_its_last_item_is_empty)
{
    make_list();
    for (int i = 0; i < 3; i++)
        dbio__list_remove(&items[i].link);
    ck_assert(dbio__list_empty(&head));
}
END_TEST

Suite *
t_suite(void)
{
    Suite *suite = suite_create("list");
    TCase *cases = tcase_create("list");

    tcase_add_test(cases, a_new_list_is_empty);
    tcase_add_test(cases, appended_items_keep_their_order);
    tcase_add_loop_test(cases, an_item_can_leave_from_anywhere, 0, 3);
    tcase_add_test(cases, an_item_can_leave_twice_and_come_back);
    tcase_add_test(cases, a_list_that_lost_its_last_item_is_empty);
    suite_add_tcase(suite, cases);
    return suite;
}
