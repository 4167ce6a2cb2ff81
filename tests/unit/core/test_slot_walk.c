/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/base/slot_walk.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "util/mem.h"

#define N 100

struct fixture {
	struct loop *loop;
	struct store *store;
	struct slot_walk *walk;
	unsigned n_done, n_busy;
	int64_t seen[2 * N]; /* in the order in which they came */
	unsigned n;
};

static void add(struct fixture *f, const char *domain, const char *key_type)
{
	struct store_slot slot = {
		.domain = (char *)domain,
		.key_type = (char *)key_type,
		.names = (char *)domain,
		.authority = (char *)"https://ca.test/",
	};

	assert_int_equal(store_slot_add(f->store, &slot, NULL), 0);
}

static void setup(struct fixture *f, unsigned n)
{
	*f = (struct fixture){ .loop = fake_loop_new() };
	assert_int_equal(store_open(&f->store, ":memory:", 0, NULL), 0);
	for (unsigned i = 0; i < n; i++) {
		_cleanup_(freep) char *domain = xasprintf("d%u.test", i / 2);
		add(f, domain, i % 2 ? "rsa-2048" : "ecdsa-p256");
	}
}

static void teardown(struct fixture *f)
{
	slot_walk_cancel(f->walk);
	store_close(f->store);
	loop_free(f->loop);
}

static void on_slot(const struct store_slot *slot, void *userdata)
{
	struct fixture *f = userdata;

	assert_true(f->n < ARRAY_SIZE(f->seen));
	f->seen[f->n++] = slot->id;
}

static bool is_busy(void *userdata)
{
	struct fixture *f = userdata;

	if (f->n_busy == 0)
		return false;
	f->n_busy--;
	return true;
}

static void on_done(const struct err *err, void *userdata)
{
	struct fixture *f = userdata;

	assert_null(err);
	f->n_done++;
	f->walk = slot_walk_cancel(f->walk);
}

static void start(struct fixture *f, const char *domain)
{
	const struct slot_walk_params params = {
		.loop = f->loop,
		.store = f->store,
		.domain = domain,
		.on_slot = on_slot,
		.is_busy = is_busy,
		.done = on_done,
		.userdata = f,
	};

	f->walk = slot_walk_start(&params);
	assert_int_equal(f->n, 0);
}

/* Also one that looks away at first: none is missed, none comes twice. */
static void test_all(void **state)
{
	static const unsigned sizes[] = { 0, 1, 15, 16, 17, 32, N };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		bool is_seen[N + 1] = { false };
		struct fixture f;

		setup(&f, sizes[i]);
		f.n_busy = (unsigned)i;
		start(&f, NULL);
		fake_loop_run_until_idle(f.loop, USEC_PER_SEC);
		assert_int_equal(f.n_done, 1);
		assert_int_equal(f.n, sizes[i]);
		for (unsigned k = 0; k < f.n; k++) {
			assert_in_range(f.seen[k], 1, N);
			assert_false(is_seen[f.seen[k]]);
			is_seen[f.seen[k]] = true;
		}
		teardown(&f);
	}
}

static void test_one_domain(void **state)
{
	struct fixture f;

	setup(&f, N);
	start(&f, "d7.test");
	fake_loop_run_until_idle(f.loop, USEC_PER_SEC);
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.n, 2);
	assert_int_equal(f.seen[0], 15);
	assert_int_equal(f.seen[1], 16);
	teardown(&f);
}

static void test_cancel(void **state)
{
	struct fixture f;

	setup(&f, N);
	start(&f, NULL);
	f.walk = slot_walk_cancel(f.walk);
	fake_loop_run_until_idle(f.loop, USEC_PER_SEC);
	assert_int_equal(f.n_done, 0);
	assert_int_equal(f.n, 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_all),
		test_with_log(test_one_domain),
		test_with_log(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
