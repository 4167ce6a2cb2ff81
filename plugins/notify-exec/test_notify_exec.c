/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "plugins/postseal-plugin.h"
#include "tests/lib/fake_host.h"
#include "tests/lib/test.h"
#include "util/mem.h"

static const struct postseal_notice notice = {
	.size = sizeof(notice),
	.kind = "served",
	.subject = "example.org",
	.text = "certificate in force",
	.at_sec = 1767225600,
};

static struct fake_host *open_host(const char *events)
{
	struct fake_host *host = fake_host_new(&postseal_plugin);

	fake_host_set(host, "command", "/bin/tell -x me");
	fake_host_set(host, "events", events);
	assert_int_equal(fake_host_open(host), 0);
	return host;
}

static void test_runs(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host(NULL);

	struct fake_call *call = fake_host_notify(host, &notice);
	assert_false(call->is_done);
	assert_string_equal(fake_host_get_line(host, 0),
		"exec /bin/tell -x me | POSTSEAL_KIND=served "
		"POSTSEAL_SUBJECT=example.org POSTSEAL_TEXT=certificate in force "
		"POSTSEAL_TIME=1767225600");
	fake_host_end_exec(host, 0, "fine\n", NULL);
	assert_true(call->is_done);
	assert_int_equal(call->outcome, POSTSEAL_OK);
}

static void test_fails(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host(NULL);

	struct fake_call *call = fake_host_notify(host, &notice);
	fake_host_end_exec(host, 1, "one\nno route\n\n", "tell ended with status 1");
	assert_int_equal(call->outcome, POSTSEAL_FAILED);
	assert_string_equal(call->detail, "tell ended with status 1: no route");
	fake_host_fail_next(host);
	call = fake_host_notify(host, &notice);
	assert_true(call->is_done);
	assert_int_equal(call->outcome, POSTSEAL_FAILED);
}

static const struct {
	const char *name;
	const char *events;
	size_t n_started;
} filters[] = {
	{ "all", NULL, 1 },
	{ "this one", "failed served", 1 },
	{ "others", "failed serve", 0 },
};

static void test_events(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		_cleanup_(fake_host_freep) struct fake_host *host =
			open_host(filters[i].events);

		test_case(filters[i].name);
		struct fake_call *call = fake_host_notify(host, &notice);
		assert_int_equal(fake_host_count(host), filters[i].n_started);
		if (filters[i].n_started > 0)
			fake_host_end_exec(host, 0, "", NULL);
		assert_true(call->is_done);
		assert_int_equal(call->outcome, POSTSEAL_OK);
	}
}

static void test_hostile_text(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host(NULL);
	struct postseal_notice hostile = notice;

	hostile.subject = NULL;
	hostile.text = "a\nb\x1b[2Jc\x7f$(reboot)";
	fake_host_notify(host, &hostile);
	assert_non_null(strstr(
		fake_host_get_line(host, 0), "POSTSEAL_TEXT=a b [2Jc $(reboot) "));
	assert_non_null(strstr(fake_host_get_line(host, 0), "POSTSEAL_SUBJECT= "));
	fake_host_end_exec(host, 0, "", NULL);
}

/* A long text is cut, but not within a character. */
static void test_long_text(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host(NULL);
	struct postseal_notice longer = notice;
	_cleanup_(freep) char *text = xnew_array(char, 20001);

	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'x', shift);
		for (size_t i = shift; i + 3 < 20000; i += 3)
			memcpy(text + i, "\xe2\x82\xac", 3);
		longer.text = text;
		fake_host_clear_lines(host);
		fake_host_notify(host, &longer);
		const char *line = fake_host_get_line(host, 0);
		const char *end = strstr(line, " POSTSEAL_TIME=");
		assert_non_null(end);
		assert_true(strlen(line) < 5000);
		assert_memory_equal(end - 3, "\xe2\x82\xac", 3);
		fake_host_end_exec(host, 0, "", NULL);
	}
}

static void test_cancel(void **state)
{
	_cleanup_(fake_host_freep) struct fake_host *host = open_host(NULL);

	fake_host_cancel(host, fake_host_notify(host, &notice));
	assert_true(fake_host_has_line(host, "cancel exec"));
}

static void test_wrong_command(void **state)
{
	static const char *const commands[] = { NULL, "tell", "./tell now" };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		_cleanup_(fake_host_freep) struct fake_host *host =
			fake_host_new(&postseal_plugin);

		fake_host_set(host, "command", commands[i]);
		assert_int_equal(fake_host_open(host), -EINVAL);
		assert_non_null(strstr(fake_host_get_detail(host), "command: "));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_fails),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_wrong_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
