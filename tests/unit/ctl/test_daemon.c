/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever the daemon says becomes an exit code and a sentence. */
#include <string.h>

#include "ctl/daemon.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/ctl/fixture.h"
#include "util/mem.h"

/* clang-format off */
static const struct end {
	const char *name;
	enum command_exit code;
	const char *message;
	int exit_code;
	const char *out, *err;
} ends[] = {
	{ "ok", COMMAND_OK, "renewal has begun", COMMAND_OK, "renewal has begun\n", "" },
	{ "silent", COMMAND_OK, "", COMMAND_OK, "", "" },
	{ "failed", COMMAND_FAILED, "not due", COMMAND_FAILED, "", "postsealctl: not due\n" },
	{ "attention", COMMAND_ATTENTION, "hm", COMMAND_ATTENTION, "hm\n", "" },
	{ "usage", COMMAND_USAGE, "no", COMMAND_USAGE, "", "postsealctl: no\n" },
	{ "unavailable", COMMAND_UNAVAILABLE, "no", COMMAND_UNAVAILABLE, "", "postsealctl: no\n" },
	{ "config", COMMAND_CONFIG, "no", COMMAND_CONFIG, "", "postsealctl: no\n" },
	{ "any other code", (enum command_exit)7, "?", COMMAND_FAILED, "", "postsealctl: ?\n" },
	{ "what would steer a terminal", COMMAND_OK, "a\033[2Jb\nc", COMMAND_OK, "a?[2Jb?c\n", "" },
};

/* clang-format on */

static void test_ends(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		test_case(ends[i].name);
		f->code = ends[i].code;
		f->message = ends[i].message;
		fixture_call(f, "renew a.example");
		assert_string_equal(f->out, ends[i].out);
		assert_string_equal(f->err, ends[i].err);
		assert_int_equal(f->exit_code, ends[i].exit_code);
	}
}

static void test_not_reachable(void **state)
{
	struct fixture *f = *state;

	fixture_stop_daemon(f);
	fixture_call(f, "status");
	assert_int_equal(f->exit_code, COMMAND_UNAVAILABLE);
	assert_string_equal(f->out, "");
	assert_non_null(strstr(f->err, "not reachable"));
	assert_non_null(strstr(f->err, f->socket));
}

/* Without -s the configuration says where, also one that is wrong elsewhere. */
static void test_socket_by_configuration(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *text =
		xasprintf("frob = 1\nrun_directory = \"%s\"\n", f->dir);

	free(test_tmpdir_write(f->dir, "postseal.conf", text));
	fixture_call_conf(f, "reload");
	assert_int_equal(f->exit_code, COMMAND_OK);
	assert_string_equal(f->asked, "reload {}");
	fixture_call_conf(f, "-o run_directory=/nowhere reload");
	assert_int_equal(f->exit_code, COMMAND_UNAVAILABLE);
	assert_non_null(strstr(f->err, "/nowhere/control"));
}

static void test_args(void **state)
{
	json_t *args = daemon_args("name", NULL);

	assert_int_equal(json_object_size(args), 0);
	json_decref(args);
	args = daemon_args("name", "x");
	assert_string_equal(json_view_string(args, "name"), "x");
	json_decref(args);
	/* Must not turn into "all". */
	args = daemon_args("name", "\xff");
	assert_int_equal(json_object_size(args), 1);
	json_decref(args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_ends),
		fixture_test(test_not_reachable),
		fixture_test(test_socket_by_configuration),
		cmocka_unit_test(test_args),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
