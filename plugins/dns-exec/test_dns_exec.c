/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "plugins/postseal-plugin.h"
#include "tests/lib/fake_host.h"
#include "tests/lib/test.h"

static struct fake_host *open_host(const char *zones)
{
	struct fake_host *host = fake_host_new(&postseal_plugin);

	fake_host_set(host, "command", "/usr/local/bin/dns --fast");
	fake_host_set(host, "zones", zones);
	assert_int_equal(fake_host_open(host), 0);
	return host;
}

static struct postseal_value make_value(const char *name, int is_delegated)
{
	return (struct postseal_value){
		.size = sizeof(struct postseal_value),
		.domain = "d.test",
		.name = name,
		.value = "-v alue",
		.is_delegated = is_delegated,
	};
}

static const struct {
	const char *name;
	enum fake_dns_method method;
	const char *line;
} runs[] = {
	{ "add", FAKE_ADD,
		"exec /usr/local/bin/dns --fast present _x.d.test. -v alue" },
	{ "remove", FAKE_REMOVE,
		"exec /usr/local/bin/dns --fast cleanup _x.d.test. -v alue" },
};

static void test_runs(void **state)
{
	const struct postseal_value value = make_value("_x.d.test", 0);

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		_cleanup_(fake_host_freep) struct fake_host *host = open_host("");

		test_case(runs[i].name);
		struct fake_call *call = fake_host_dns(host, runs[i].method, &value);
		assert_int_equal(strncmp(fake_host_get_line(host, 0), runs[i].line,
					 strlen(runs[i].line)),
			0);
		fake_host_end_exec(host, 0, "done\n", NULL);
		assert_int_equal(call->outcome, POSTSEAL_OK);
		call = fake_host_dns(host, runs[i].method, &value);
		fake_host_end_exec(host, 3, "first\nno such zone\n", "it ended with 3");
		assert_int_equal(call->outcome, POSTSEAL_FAILED);
		assert_non_null(strstr(call->detail, "no such zone"));
		fake_host_fail_next(host);
		call = fake_host_dns(host, runs[i].method, &value);
		assert_int_equal(call->outcome, POSTSEAL_FAILED);
		call = fake_host_dns(host, runs[i].method, &value);
		fake_host_cancel(host, call);
		assert_int_equal(fake_host_count(host), 0);
	}
}

static const struct {
	const char *zones;
	const char *name;
	int is_delegated;
	enum postseal_outcome outcome;
} places[] = {
	{ "", "_x.d.test", 0, POSTSEAL_OK },
	{ "", "_x.d.test", 1, POSTSEAL_REFUSED },
	{ "e.test D.test.", "_x.d.test", 1, POSTSEAL_OK },
	{ "e.test", "_x.d.test", 0, POSTSEAL_REFUSED },
	{ "d.test", "_x.bad.test", 1, POSTSEAL_REFUSED },
	{ "d.test", "d.test", 1, POSTSEAL_OK },
};

static void test_places(void **state)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		_cleanup_(fake_host_freep) struct fake_host *host =
			open_host(places[i].zones);
		const struct postseal_value value =
			make_value(places[i].name, places[i].is_delegated);

		test_case(places[i].zones);
		struct fake_call *call = fake_host_dns(host, FAKE_PLACE, &value);
		assert_int_equal(call->outcome, places[i].outcome);
	}
}

static void test_wrong_command(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host =
		fake_host_new(&postseal_plugin);

	fake_host_set(host, "command", "bin/dns");
	assert_int_equal(fake_host_open(host), -EINVAL);
	assert_non_null(strstr(fake_host_get_detail(host), "absolute path"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_wrong_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
