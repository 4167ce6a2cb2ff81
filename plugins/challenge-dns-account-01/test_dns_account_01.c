/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "plugins/postseal-plugin.h"
#include "tests/lib/fake_host.h"
#include "tests/lib/test.h"

/* The account and its label are the draft's own example. */
#define ACCOUNT "https://example.com/acme/acct/ExampleAccount"
#define LABEL   "_ujmmovf2vn55tgye"

static void test_name(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host =
		fake_host_new(&postseal_plugin);
	struct postseal_task task = {
		.size = sizeof(task),
		.domain = "example.org",
		.name = "www.example.org",
		.account_url = ACCOUNT,
		.key_authorization = "token.thumb",
	};

	assert_string_equal(postseal_plugin.challenge->type, "dns-account-01");
	assert_int_equal(fake_host_open(host), 0);
	struct fake_call *call = fake_host_challenge(host, FAKE_WANT, &task);
	assert_string_equal(fake_host_get_line(host, 0),
		"txt where example.org " LABEL "._acme-challenge.www.example.org -");
	fake_host_end_txt(host, POSTSEAL_OK, NULL, NULL, 0);
	assert_int_equal(call->outcome, POSTSEAL_OK);
	task.account_url = NULL;
	call = fake_host_challenge(host, FAKE_WANT, &task);
	assert_int_equal(call->outcome, POSTSEAL_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
