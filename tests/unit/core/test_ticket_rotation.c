/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The master key of tickets on a virtual clock. */
#include <string.h>

#include "core/workers/ticket_rotation.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "util/mem.h"

#define KEYS_MAX 32

struct fixture {
	struct loop *loop;
	struct ticket_rotation *rotation;
	struct link_ticket_key keys[KEYS_MAX];
	usec_t at_usec[KEYS_MAX];
	unsigned n;
};

static void on_key(const struct link_ticket_key *key, void *userdata)
{
	struct fixture *f = userdata;

	assert_true(f->n < KEYS_MAX);
	f->keys[f->n] = *key;
	f->at_usec[f->n++] = loop_now(f->loop) - FAKE_LOOP_START_USEC;
}

static void setup(struct fixture *f, usec_t period_usec)
{
	*f = (struct fixture){ .loop = fake_loop_new() };
	const struct ticket_rotation_params params = {
		.loop = f->loop,
		.period_usec = period_usec,
		.tell = on_key,
		.userdata = f,
	};
	assert_int_equal(ticket_rotation_new(&f->rotation, &params, NULL), 0);
	assert_int_equal(f->n, 1);
}

static void teardown(struct fixture *f)
{
	ticket_rotation_free(f->rotation);
	loop_free(f->loop);
}

static void expect_all_differ(const struct fixture *f)
{
	const struct link_ticket_key none = { 0 };

	for (unsigned i = 0; i < f->n; i++) {
		assert_memory_not_equal(&f->keys[i], &none, sizeof(none));
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(&f->keys[i], &f->keys[j], sizeof(none));
	}
}

static void test_by_default(void **state)
{
	struct fixture f;

	setup(&f, 0);
	fake_loop_advance(f.loop, 12 * USEC_PER_HOUR - 1);
	assert_int_equal(f.n, 1);
	fake_loop_advance(f.loop, 1);
	assert_int_equal(f.n, 2);
	fake_loop_advance(f.loop, 7 * USEC_PER_DAY);
	assert_int_equal(f.n, 2 + 14);
	expect_all_differ(&f);
	teardown(&f);
}

static void test_other_period(void **state)
{
	struct fixture f;

	setup(&f, USEC_PER_HOUR);
	fake_loop_advance(f.loop, 90 * USEC_PER_MIN);
	assert_int_equal(f.n, 2);
	/* Longer: from the time of the present key, not from now. */
	ticket_rotation_set_period(f.rotation, 2 * USEC_PER_HOUR);
	fake_loop_advance(f.loop, 2 * USEC_PER_HOUR);
	assert_int_equal(f.n, 3);
	assert_int_equal(f.at_usec[2], 3 * USEC_PER_HOUR);
	/* So short that it is over: at once, and not from within. */
	ticket_rotation_set_period(f.rotation, USEC_PER_MIN);
	assert_int_equal(f.n, 3);
	fake_loop_run_ready(f.loop);
	assert_int_equal(f.n, 4);
	/* The same again changes nothing. */
	fake_loop_advance(f.loop, 30 * USEC_PER_SEC);
	ticket_rotation_set_period(f.rotation, USEC_PER_MIN);
	fake_loop_advance(f.loop, 30 * USEC_PER_SEC);
	assert_int_equal(f.n, 5);
	expect_all_differ(&f);
	teardown(&f);
}

/* The wall clock has no say. */
static void test_clock_is_set(void **state)
{
	struct fixture f;

	setup(&f, USEC_PER_HOUR);
	fake_loop_set_wall(f.loop, FAKE_LOOP_START_WALL_USEC + 365 * USEC_PER_DAY);
	fake_loop_run_ready(f.loop);
	fake_loop_set_wall(f.loop, FAKE_LOOP_START_WALL_USEC - USEC_PER_DAY);
	fake_loop_advance(f.loop, USEC_PER_HOUR - 1);
	assert_int_equal(f.n, 1);
	fake_loop_advance(f.loop, 1);
	assert_int_equal(f.n, 2);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_by_default),
		test_with_log(test_other_period),
		test_with_log(test_clock_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
