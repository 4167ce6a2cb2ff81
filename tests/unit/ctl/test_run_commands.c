/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/unit/ctl/fixture.h"
#include "util/json_view.h"
#include "util/mem.h"

/* clang-format off */
static const struct request {
	const char *words;
	const char *asked;
} requests[] = {
	{ "renew a.example", "renew {\"force\":false,\"name\":\"a.example\",\"wait\":false}" },
	{ "renew --force a.example --wait",
	  "renew {\"force\":true,\"name\":\"a.example\",\"wait\":true}" },
	{ "reload", "reload {}" },
	{ "events", "events {}" },
	{ "events -n 5 le", "events {\"count\":5,\"name\":\"le\"}" },
	{ "events -fn0", "events {\"count\":0,\"follow\":true}" },
	{ "events --follow --number=3", "events {\"count\":3,\"follow\":true}" },
	{ "plugins", "plugins {}" },
	{ "plugins enable files", "plugins-enable {\"name\":\"files\"}" },
};

static const char *const reports[] = {
	"{\"report\":\"postseal.conf line 3: frob: unknown\",\"error\":true}",
	"{\"report\":\"postseal.conf line 9: warning: set twice\",\"error\":false}", NULL };
static const char *const events[] = {
	"{\"id\":1,\"at\":\"2026-01-02T03:04:05Z\",\"kind\":\"served\",\"subject\":\"a.example\",\"text\":\"seen \\u001b[2J\"}",
	"{\"id\":2,\"at\":\"2026-01-02T03:04:06Z\",\"kind\":\"started\",\"subject\":null,\"text\":\"hello\"}", NULL };
static const char *const plugins[] = {
	"{\"kind\":\"challenge\",\"name\":\"http-01\",\"version\":\"1\",\"summary\":\"Answers.\",\"path\":\"/x.so\"}",
	"{\"kind\":\"deploy\",\"name\":\"files\",\"version\":null,\"summary\":\"Writes.\",\"path\":null}", NULL };

static const char *const disabled[] = {
	"{\"kind\":\"deploy\",\"name\":\"files\",\"version\":\"1\",\"summary\":\"Writes.\",\"disabled\":\"it is disabled: so\",\"deaths\":2}", NULL };

/* clang-format on */

static void test_requests(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		test_case(requests[i].words);
		fixture_call(f, requests[i].words);
		assert_string_equal(f->asked, requests[i].asked);
		assert_int_equal(f->exit_code, COMMAND_OK);
	}
}

static void test_reload(void **state)
{
	struct fixture *f = *state;

	f->rows = reports;
	f->code = COMMAND_CONFIG;
	f->message = "1 errors: the configuration in force stays";
	fixture_call(f, "reload");
	assert_int_equal(f->exit_code, COMMAND_CONFIG);
	assert_string_equal(f->out, "");
	assert_string_equal(f->err,
		"postseal.conf line 3: frob: unknown\n"
		"postseal.conf line 9: warning: set twice\n"
		"postsealctl: 1 errors: the configuration in force stays\n");
}

static void test_events(void **state)
{
	struct fixture *f = *state;

	f->rows = events;
	fixture_call(f, "events");
	assert_string_equal(f->out,
		"2026-01-02T03:04:05Z  served     a.example                 seen "
		"?[2J\n"
		"2026-01-02T03:04:06Z  started    -                         hello\n");
}

static void test_events_json(void **state)
{
	struct fixture *f = *state;
	_cleanup_(json_view_unrefp) json_t *json = NULL;

	f->rows = events;
	fixture_call(f, "events --json");
	char *end = strchr(f->out, '\n');
	assert_non_null(end);
	assert_int_equal(
		json_view_parse(&json, f->out, (size_t)(end - f->out), NULL), 0);
	assert_int_equal(json_view_int(json, "id", 0), 1);
	assert_null(strchr(f->out, '\033'));
}

static void test_plugins(void **state)
{
	struct fixture *f = *state;

	f->rows = plugins;
	fixture_call(f, "plugins");
	assert_string_equal(f->out, "KIND       NAME     VERSION  SUMMARY\n"
				    "challenge  http-01  1        Answers.\n"
				    "deploy     files    -        Writes.\n");
}

/* Why it is disabled goes before what it would do. */
static void test_plugin_disabled(void **state)
{
	struct fixture *f = *state;

	f->rows = disabled;
	f->code = COMMAND_ATTENTION;
	fixture_call(f, "plugins");
	assert_int_equal(f->exit_code, COMMAND_ATTENTION);
	assert_string_equal(f->out, "KIND    NAME   VERSION  SUMMARY\n"
				    "deploy  files  1        it is disabled: so\n");
	f->rows = disabled;
	f->code = COMMAND_ATTENTION;
	fixture_call(f, "plugins --json");
	assert_non_null(strstr(f->out, "\"deaths\""));
}

static void test_plugins_json(void **state)
{
	struct fixture *f = *state;
	_cleanup_(json_view_unrefp) json_t *json = NULL;

	f->rows = plugins;
	fixture_call(f, "plugins --json");
	assert_int_equal(json_view_parse(&json, f->out, strlen(f->out), NULL), 0);
	assert_int_equal(json_array_size(json), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_requests),
		fixture_test(test_reload),
		fixture_test(test_events),
		fixture_test(test_events_json),
		fixture_test(test_plugins),
		fixture_test(test_plugin_disabled),
		fixture_test(test_plugins_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
