/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "acme/nonce_pool.h"
#include "tests/lib/test.h"
#include "util/mem.h"

static void check_takes(struct nonce_pool *pool, const char *wanted)
{
	_cleanup_(freep) char *nonce = nonce_pool_take(pool);

	if (wanted)
		assert_string_equal(nonce, wanted);
	else
		assert_null(nonce);
}

static void test_newest_first_and_once(void **state)
{
	_cleanup_(nonce_pool_done) struct nonce_pool pool;

	nonce_pool_init(&pool, 4);
	check_takes(&pool, NULL);
	assert_true(nonce_pool_add(&pool, "one"));
	assert_true(nonce_pool_add(&pool, "two"));
	check_takes(&pool, "two");
	check_takes(&pool, "one");
	check_takes(&pool, NULL);
}

static void test_seen_is_not_taken_again(void **state)
{
	_cleanup_(nonce_pool_done) struct nonce_pool pool;

	nonce_pool_init(&pool, 4);
	assert_true(nonce_pool_add(&pool, "one"));
	assert_false(nonce_pool_add(&pool, "one"));
	check_takes(&pool, "one");
	assert_false(nonce_pool_add(&pool, "one"));
	check_takes(&pool, NULL);
}

static void test_claim_and_give_back(void **state)
{
	_cleanup_(nonce_pool_done) struct nonce_pool pool;

	nonce_pool_init(&pool, 4);
	assert_false(nonce_pool_claim(&pool, "one"));
	assert_true(nonce_pool_add(&pool, "one"));
	assert_true(nonce_pool_claim(&pool, "one"));
	assert_false(nonce_pool_claim(&pool, "one"));
	nonce_pool_give_back(&pool, "one");
	check_takes(&pool, "one");
	nonce_pool_give_back(&pool, "never seen");
}

static void test_ring_is_bounded(void **state)
{
	_cleanup_(nonce_pool_done) struct nonce_pool pool;
	char nonce[16];

	nonce_pool_init(&pool, 3);
	for (int i = 0; i < 10; i++) {
		snprintf(nonce, sizeof(nonce), "n%d", i);
		assert_true(nonce_pool_add(&pool, nonce));
	}
	check_takes(&pool, "n9");
	check_takes(&pool, "n8");
	check_takes(&pool, "n7");
	check_takes(&pool, NULL);
}

static void test_malformed(void **state)
{
	static const char *const bad[] = { "", "a b", "a=", "a/b", "a+b", "\xc3\xa4",
		"a\n" };
	_cleanup_(nonce_pool_done) struct nonce_pool pool;
	char huge[NONCE_BYTES_MAX + 2];

	nonce_pool_init(&pool, 3);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(nonce_pool_add(&pool, bad[i]));
	memset(huge, 'a', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_false(nonce_pool_add(&pool, huge));
	huge[NONCE_BYTES_MAX] = '\0';
	assert_true(nonce_pool_add(&pool, huge));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newest_first_and_once),
		cmocka_unit_test(test_seen_is_not_taken_again),
		cmocka_unit_test(test_claim_and_give_back),
		cmocka_unit_test(test_ring_is_bounded),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
