/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "core/base/steps.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test.h"
#include "util/mem.h"

struct fixture {
	struct loop *loop;
	struct steps *steps;
	char told[64]; /* a letter for each step */
	unsigned n_first;
	bool is_busy, is_long, is_failing;
	unsigned n_done;
	int r;
	char *error;
};

static void tell(struct fixture *f, char c)
{
	size_t len = strlen(f->told);

	assert_true(len + 1 < sizeof(f->told));
	f->told[len] = c;
}

static int first(void *userdata, struct err *err)
{
	struct fixture *f = userdata;

	tell(f, 'a');
	if (f->is_long) {
		struct loop_portion portion = loop_portion_begin();
		while (!loop_portion_is_over(&portion))
			continue;
	}
	return ++f->n_first < 3;
}

static int second(void *userdata, struct err *err)
{
	struct fixture *f = userdata;

	tell(f, 'b');
	return f->is_failing ? err_set(err, -EIO, "no luck") : 0;
}

static int third(void *userdata, struct err *err)
{
	tell(userdata, 'c');
	return 0;
}

static steps_part_fn *const parts[] = { first, second, third, NULL };

static bool is_busy(void *userdata)
{
	const struct fixture *f = userdata;

	return f->is_busy;
}

static void on_done(int r, const struct err *err, void *userdata)
{
	struct fixture *f = userdata;

	f->n_done++;
	f->r = r;
	f->error = err ? err_format(err) : NULL;
	f->steps = steps_cancel(f->steps);
}

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .loop = fake_loop_new() };
}

static void start(struct fixture *f)
{
	const struct steps_params params = {
		.loop = f->loop,
		.parts = parts,
		.is_busy = is_busy,
		.done = on_done,
		.userdata = f,
	};

	f->steps = steps_start(&params);
	assert_string_equal(f->told, "");
}

static void teardown(struct fixture *f)
{
	steps_cancel(f->steps);
	free(f->error);
	loop_free(f->loop);
}

static void test_in_order(void **state)
{
	struct fixture f;

	setup(&f);
	start(&f);
	fake_loop_run_until_idle(f.loop, USEC_PER_SEC);
	assert_string_equal(f.told, "aaabc");
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.r, 0);
	assert_null(f.error);
	teardown(&f);
}

static void test_a_failure_ends_it(void **state)
{
	struct fixture f;

	setup(&f);
	f.is_failing = true;
	start(&f);
	fake_loop_run_until_idle(f.loop, USEC_PER_SEC);
	assert_string_equal(f.told, "aaab");
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.r, -EIO);
	assert_non_null(strstr(f.error, "no luck"));
	teardown(&f);
}

/* Each step takes a portion: a turn each. */
static void test_gives_way(void **state)
{
	struct fixture f;
	unsigned n = 0;

	setup(&f);
	f.is_long = true;
	start(&f);
	while (f.n_done == 0) {
		n++;
		assert_true(strlen(f.told) < n);
		fake_loop_run_one(f.loop);
	}
	assert_string_equal(f.told, "aaabc");
	assert_true(n >= 4);
	teardown(&f);
}

static void test_waits_while_busy(void **state)
{
	struct fixture f;

	setup(&f);
	f.is_busy = true;
	start(&f);
	fake_loop_run_until_idle(f.loop, USEC_PER_SEC);
	assert_string_equal(f.told, "");
	f.is_busy = false;
	fake_loop_run_until_idle(f.loop, USEC_PER_SEC);
	assert_string_equal(f.told, "aaabc");
	teardown(&f);
}

static void test_cancel(void **state)
{
	struct fixture f;

	setup(&f);
	start(&f);
	f.steps = steps_cancel(f.steps);
	fake_loop_run_until_idle(f.loop, USEC_PER_SEC);
	assert_string_equal(f.told, "");
	assert_int_equal(f.n_done, 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_a_failure_ends_it),
		cmocka_unit_test(test_gives_way),
		cmocka_unit_test(test_waits_while_busy),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
