/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugin/handle.h"
#include "tests/lib/test.h"

static void test_find(void **state)
{
	int a, b;
	void *ha = handle_new(HANDLE_CALL, &a);
	void *hb = handle_new(HANDLE_TIMER, &b);

	assert_non_null(ha);
	assert_ptr_not_equal(ha, hb);
	assert_ptr_equal(handle_find(HANDLE_CALL, ha), &a);
	assert_ptr_equal(handle_find(HANDLE_TIMER, hb), &b);
	assert_null(handle_find(HANDLE_TIMER, ha));
	assert_null(handle_find(HANDLE_CALL, NULL));
	assert_null(handle_find(HANDLE_CALL, &a));
	assert_null(handle_find(HANDLE_CALL, (void *)-1));
	assert_null(handle_free(ha));
	assert_null(handle_find(HANDLE_CALL, ha));
	assert_null(handle_free(ha));
	assert_null(handle_free(NULL));
	assert_ptr_equal(handle_find(HANDLE_TIMER, hb), &b);
	handle_free(hb);
}

/* A slot is used again, a handle is not: also when the table was given back between. */
static void test_never_again(void **state)
{
	void *seen[3000];
	int object;

	for (size_t i = 0; i < 3000; i++) {
		seen[i] = handle_new(HANDLE_CALL, &object);
		for (size_t k = i > 50 ? i - 50 : 0; k < i; k++)
			assert_null(handle_find(HANDLE_CALL, seen[k]));
		handle_free(seen[i]);
	}
}

static void test_many(void **state)
{
	static void *handle[5000];
	static int object[5000];

	for (size_t i = 0; i < 5000; i++)
		handle[i] = handle_new(HANDLE_EXEC, &object[i]);
	for (size_t i = 0; i < 5000; i += 2)
		handle_free(handle[i]);
	for (size_t i = 0; i < 5000; i++)
		assert_ptr_equal(
			handle_find(HANDLE_EXEC, handle[i]), i % 2 ? &object[i] : NULL);
	for (size_t i = 1; i < 5000; i += 2)
		handle_free(handle[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_never_again),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
