/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/accepted.h"
#include "tests/unit/store/store_fixture.h"

static void test_one_at_a_time(void **state)
{
	struct store_fixture *f = *state;

	assert_false(store_accepted_is(f->store, 0));
	assert_int_equal(store_accepted_save(f->store, UINT64_MAX, NULL), 0);
	assert_true(store_accepted_is(f->store, UINT64_MAX));
	assert_false(store_accepted_is(f->store, UINT64_MAX - 1));
	assert_int_equal(store_accepted_save(f->store, 7, NULL), 0);
	assert_false(store_accepted_is(f->store, UINT64_MAX));
	assert_true(store_accepted_is(f->store, 7));
	store_fixture_sql(f->store, "UPDATE accepted SET digest = 'seven'");
	assert_false(store_accepted_is(f->store, 7));
	assert_int_equal(store_accepted_remove(f->store, NULL), 0);
	assert_int_equal(store_accepted_remove(f->store, NULL), 0);
	assert_false(store_accepted_is(f->store, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
