/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "plugins/postseal-plugin.h"
#include "tests/lib/fake_host.h"
#include "tests/lib/test.h"

#define ANSWER "http mail.example.org token token.thumb"

static const struct postseal_task task = {
	.size = sizeof(task),
	.domain = "example.org",
	.name = "mail.example.org",
	.token = "token",
	.key_authorization = "token.thumb",
};

static struct fake_host *open_host(void)
{
	struct fake_host *host = fake_host_new(&postseal_plugin);

	assert_int_equal(fake_host_open(host), 0);
	return host;
}

static void test_descriptor(void **state)
{
	assert_string_equal(postseal_plugin.challenge->type, "http-01");
	assert_false(postseal_plugin.challenge->flags & POSTSEAL_CHALLENGE_WILDCARD);
}

/* method, what it asks the front, what "no" becomes */
static const struct {
	const char *name;
	enum fake_method method;
	const char *line;
	enum postseal_outcome if_not;
} asks[] = {
	{ "present", FAKE_PRESENT, "publish " ANSWER, POSTSEAL_FAILED },
	{ "ready", FAKE_READY, "look " ANSWER, POSTSEAL_NOT_YET },
};

static void test_asks(void **state)
{
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		_cleanup_(fake_host_freep) struct fake_host *host = open_host();

		test_case(asks[i].name);
		struct fake_call *call =
			fake_host_challenge(host, asks[i].method, &task);
		assert_false(call->is_done);
		assert_string_equal(fake_host_get_line(host, 0), asks[i].line);
		fake_host_end_publication(host, 1, NULL);
		assert_true(call->is_done);
		assert_int_equal(call->outcome, POSTSEAL_OK);

		call = fake_host_challenge(host, asks[i].method, &task);
		fake_host_end_publication(host, 0, "nobody answers");
		assert_int_equal(call->outcome, asks[i].if_not);
		assert_string_equal(call->detail, "nobody answers");
	}
}

static void test_not_started(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host();

	fake_host_fail_next(host);
	struct fake_call *call = fake_host_challenge(host, FAKE_PRESENT, &task);
	assert_true(call->is_done);
	assert_int_equal(call->outcome, POSTSEAL_FAILED);
}

static void test_cancel(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host();

	struct fake_call *call = fake_host_challenge(host, FAKE_PRESENT, &task);
	fake_host_cancel(host, call);
	assert_true(fake_host_has_line(host, "cancel publication"));
	assert_int_equal(fake_host_count(host), 0);
}

static void test_cleanup(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host();

	struct fake_call *call = fake_host_challenge(host, FAKE_CLEANUP, &task);
	assert_true(call->is_done);
	assert_int_equal(call->outcome, POSTSEAL_OK);
	assert_string_equal(fake_host_get_line(host, 0), "withdraw " ANSWER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_not_started),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_cleanup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
