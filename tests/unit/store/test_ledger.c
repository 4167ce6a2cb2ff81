/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "store/ledger.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static usec_t held(
	struct store *store, const char *scope, usec_t now, const char *reason)
{
	struct store_hold hold = { .until_usec = 1 };

	assert_int_equal(
		store_ledger_get_hold(store, "ca", scope, now, &hold, NULL), 0);
	usec_t until = hold.until_usec;
	if (reason)
		assert_string_equal(hold.reason, reason);
	else
		assert_null(hold.reason);
	store_hold_done(&hold);
	return until;
}

static void hold(
	struct store *store, const char *scope, usec_t until, const char *reason)
{
	assert_int_equal(store_ledger_hold(store, "ca", scope, until, reason, NULL), 0);
}

static void test_hold(void **state)
{
	struct store_fixture *f = *state;

	assert_int_equal(held(f->store, "a.test", 0, NULL), 0);
	hold(f->store, "a.test", 100, "first");
	hold(f->store, "a.test", 50, "earlier");
	store_fixture_reopen(f);
	assert_int_equal(held(f->store, "a.test", 99, "first"), 100);
	assert_int_equal(held(f->store, "a.test", 100, NULL), 0);
	hold(f->store, "a.test", 200, NULL);
	assert_int_equal(held(f->store, "a.test", 100, NULL), 200);
	assert_int_equal(held(f->store, "b.test", 100, NULL), 0);
	/* What holds the authority holds all its scopes. */
	hold(f->store, "", USEC_NEVER, "all");
	assert_true(held(f->store, "a.test", 100, "all") == USEC_NEVER);
	assert_true(held(f->store, "b.test", 100, "all") == USEC_NEVER);
	assert_true(held(f->store, "", 100, "all") == USEC_NEVER);
}

static void count(struct store *store, const char *kind, const char *scope, usec_t at)
{
	assert_int_equal(store_ledger_count(store, "ca", kind, scope, at, NULL), 0);
}

static int64_t counted(
	struct store *store, const char *kind, const char *scope, usec_t since)
{
	return store_ledger_get_count(store, "ca", kind, scope, since, NULL);
}

static void test_count(void **state)
{
	struct store_fixture *f = *state;

	assert_int_equal(counted(f->store, "order", "a.test", 0), 0);
	count(f->store, "order", "a.test", 10);
	count(f->store, "order", "a.test", 20);
	count(f->store, "order", "b.test", 30);
	count(f->store, "failed-validation", "a.test", 40);
	store_fixture_reopen(f);
	assert_int_equal(counted(f->store, "order", "a.test", 0), 2);
	assert_int_equal(counted(f->store, "order", "a.test", 20), 1);
	assert_int_equal(counted(f->store, "order", "a.test", 21), 0);
	assert_int_equal(counted(f->store, "order", "", 10), 3);
	assert_int_equal(counted(f->store, "failed-validation", "", 10), 1);
	assert_int_equal(
		store_ledger_get_count(f->store, "other", "order", "", 0, NULL), 0);
	/* What is too old to count for any limit goes. */
	count(f->store, "order", "a.test", STORE_LEDGER_KEEP_USEC + 30);
	assert_int_equal(counted(f->store, "order", "", 0), 2);
}

static const enum store_stmt_id searched[] = {
	STORE_STMT_LEDGER_GET_HOLD,
	STORE_STMT_LEDGER_PRUNE,
	STORE_STMT_LEDGER_GET_COUNT,
	STORE_STMT_LEDGER_GET_COUNT_OF,
};

static void test_plans(void **state)
{
	struct store_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(searched); i++) {
		_cleanup_(freep) char *plan =
			store_fixture_explain(f->store, searched[i]);
		if (strstr(plan, "SCAN"))
			fail_msg("%s", plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_hold),
		test_with_store(test_count),
		test_with_store(test_plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
