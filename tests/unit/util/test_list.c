/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/test.h"
#include "util/list.h"

struct item {
	int n;
	struct list link;
};

static int digits_of(struct list *head)
{
	struct item *it;
	int sum = 0;

	list_foreach(it, head, link)
		sum = sum * 10 + it->n;
	return sum;
}

static void test_append_and_remove(void **state)
{
	struct list head = LIST_INIT(head);
	struct item items[3];

	assert_true(list_is_empty(&head));
	for (int i = 0; i < 3; i++) {
		items[i].n = i + 1;
		list_append(&head, &items[i].link);
	}
	assert_int_equal(digits_of(&head), 123);
	list_remove(&items[1].link);
	list_remove(&items[1].link);
	assert_int_equal(digits_of(&head), 13);
}

static void test_remove_while_walking(void **state)
{
	struct list head = LIST_INIT(head);
	struct item items[4], *it, *next;

	for (int i = 0; i < 4; i++) {
		items[i].n = i + 1;
		list_append(&head, &items[i].link);
	}
	list_foreach_safe(it, next, &head, link) {
		if (it->n % 2 == 0)
			list_remove(&it->link);
	}
	assert_int_equal(digits_of(&head), 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_and_remove),
		cmocka_unit_test(test_remove_while_walking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
