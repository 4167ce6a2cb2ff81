/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "plugins/postseal-plugin.h"
#include "tests/lib/fake_host.h"
#include "tests/lib/test.h"

/* The value is what `printf %s token.thumb | openssl dgst -sha256 -binary | basenc
 * --base64url` says, without the "=". */
#define NAME  "example.org _acme-challenge.mail.example.org "
#define VALUE "lCdftpJCXapaZHkBGIZbcubeKW8RmA0jSG_aZN01zbU"

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
	assert_string_equal(postseal_plugin.challenge->type, "dns-01");
	assert_true(postseal_plugin.challenge->flags & POSTSEAL_CHALLENGE_WILDCARD);
	assert_true(postseal_plugin.challenge->flags & POSTSEAL_CHALLENGE_DNS);
}

/* method, what it asks of the DNS */
static const struct {
	const char *name;
	enum fake_method method;
	const char *line;
} asks[] = {
	{ "want", FAKE_WANT, "txt where " NAME "-" },
	{ "present", FAKE_PRESENT, "txt put " NAME VALUE },
	{ "ready", FAKE_READY, "txt look " NAME VALUE },
	{ "cleanup", FAKE_CLEANUP, "txt remove " NAME VALUE },
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
		fake_host_end_txt(host, POSTSEAL_OK, NULL, NULL, 0);
		assert_true(call->is_done);
		assert_int_equal(call->outcome, POSTSEAL_OK);

		call = fake_host_challenge(host, asks[i].method, &task);
		fake_host_end_txt(host, POSTSEAL_NOT_YET, "ns1 lags", NULL, 0);
		assert_int_equal(call->outcome, POSTSEAL_NOT_YET);
		assert_string_equal(call->detail, "ns1 lags");
	}
}

/* What the provider has to find goes on to who watches it. */
static void test_wanted(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host();
	const struct postseal_wanted wanted = {
		.size = sizeof(wanted),
		.owner = "_acme-challenge.mail.example.org",
		.type = "CNAME",
		.value = "x.auth.test",
		.why = "delegates",
	};

	struct fake_call *call = fake_host_challenge(host, FAKE_WANT, &task);
	fake_host_end_txt(host, POSTSEAL_OK, NULL, &wanted, 1);
	assert_non_null(strstr(call->wanted[0],
		"_acme-challenge.mail.example.org CNAME x.auth.test | delegates"));
}

static void test_not_possible(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host();
	struct postseal_task bare = task;

	fake_host_fail_next(host);
	struct fake_call *call = fake_host_challenge(host, FAKE_PRESENT, &task);
	assert_int_equal(call->outcome, POSTSEAL_FAILED);
	bare.key_authorization = NULL;
	call = fake_host_challenge(host, FAKE_PRESENT, &bare);
	assert_int_equal(call->outcome, POSTSEAL_FAILED);
	assert_string_equal(call->detail, "the challenge has no token");
}

static void test_cancel(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host();

	struct fake_call *call = fake_host_challenge(host, FAKE_PRESENT, &task);
	fake_host_cancel(host, call);
	assert_true(fake_host_has_line(host, "cancel txt"));
	assert_int_equal(fake_host_count(host), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_not_possible),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
