/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "front/cache.h"
#include "link/message.h"
#include "tests/lib/test.h"
#include "tests/lib/test_ca.h"
#include "util/mem.h"

#define BOTH (LINK_CLIENT_ECDSA | LINK_CLIENT_RSA)

struct fixture {
	struct test_ca *ca;
	struct tls_context *ecdsa;
	struct tls_context *ecdsa2;
	struct tls_context *rsa;
};

static struct tls_context *make(struct test_ca *ca, unsigned flags)
{
	const struct test_ca_leaf leaf = { .flags = flags };
	_cleanup_(freep) char *chain = NULL;
	_cleanup_(freep) char *key = NULL;
	struct tls_context *context = NULL;

	test_ca_issue(ca, &leaf, &chain, &key);
	assert_int_equal(tls_context_new(&context, chain, key, NULL), 0);
	return context;
}

static int setup(void **state)
{
	struct fixture *f = xnew(struct fixture);

	f->ca = test_ca_new();
	f->ecdsa = make(f->ca, 0);
	f->ecdsa2 = make(f->ca, 0);
	f->rsa = make(f->ca, TEST_CA_RSA);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tls_context_unref(f->ecdsa);
	tls_context_unref(f->ecdsa2);
	tls_context_unref(f->rsa);
	test_ca_free(f->ca);
	free(f);
	return 0;
}

static void test_kinds(void **state)
{
	struct fixture *f = *state;
	_cleanup_(cache_freep) struct cache *cache = cache_new(10);

	assert_null(cache_find(cache, "a.test", BOTH));
	/* Asked for by who takes RSA alone: says nothing about ECDSA. */
	cache_put(cache, "a.test", f->rsa, LINK_CLIENT_RSA);
	assert_ptr_equal(cache_find(cache, "a.test", LINK_CLIENT_RSA), f->rsa);
	assert_null(cache_find(cache, "a.test", BOTH));
	assert_null(cache_find(cache, "a.test", LINK_CLIENT_ECDSA));
	/* Given to who takes both: there is no ECDSA. */
	cache_put(cache, "a.test", f->rsa, BOTH);
	assert_ptr_equal(cache_find(cache, "a.test", BOTH), f->rsa);
	assert_null(cache_find(cache, "a.test", LINK_CLIENT_ECDSA));
	assert_int_equal(cache_count(cache), 1);
	/* Now there is. */
	cache_put(cache, "a.test", f->ecdsa, 0);
	assert_ptr_equal(cache_find(cache, "a.test", BOTH), f->ecdsa);
	assert_ptr_equal(cache_find(cache, "a.test", LINK_CLIENT_RSA), f->rsa);
	assert_int_equal(cache_count(cache), 2);
}

static void test_replace_and_drop(void **state)
{
	struct fixture *f = *state;
	_cleanup_(cache_freep) struct cache *cache = cache_new(10);

	cache_put(cache, "a.test", f->ecdsa, 0);
	cache_put(cache, "a.test", f->ecdsa2, 0);
	assert_ptr_equal(cache_find(cache, "a.test", BOTH), f->ecdsa2);
	assert_int_equal(cache_count(cache), 1);
	cache_drop(cache, "a.test");
	cache_drop(cache, "a.test");
	assert_null(cache_find(cache, "a.test", BOTH));
	assert_int_equal(cache_count(cache), 0);
}

static void test_least_recently_used_goes(void **state)
{
	struct fixture *f = *state;
	_cleanup_(cache_freep) struct cache *cache = cache_new(3);

	cache_put(cache, "a.test", f->ecdsa, 0);
	cache_put(cache, "b.test", f->ecdsa, 0);
	cache_put(cache, "c.test", f->ecdsa, 0);
	assert_non_null(cache_find(cache, "a.test", BOTH));
	cache_put(cache, "d.test", f->ecdsa, 0);
	assert_int_equal(cache_count(cache), 3);
	assert_null(cache_find(cache, "b.test", BOTH));
	assert_non_null(cache_find(cache, "a.test", BOTH));
	/* A name with two contexts counts twice. */
	cache_put(cache, "d.test", f->rsa, 0);
	assert_int_equal(cache_count(cache), 3);
	assert_null(cache_find(cache, "c.test", BOTH));
}

static void test_smallest(void **state)
{
	struct fixture *f = *state;
	_cleanup_(cache_freep) struct cache *cache = cache_new(0);

	for (int i = 0; i < 100; i++) {
		char name[32];
		snprintf(name, sizeof(name), "n%d.test", i);
		cache_put(cache, name, f->ecdsa, 0);
		assert_non_null(cache_find(cache, name, BOTH));
		assert_int_equal(cache_count(cache), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_replace_and_drop),
		cmocka_unit_test(test_least_recently_used_goes),
		cmocka_unit_test(test_smallest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
