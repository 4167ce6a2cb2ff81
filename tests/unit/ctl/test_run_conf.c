/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check and conf, on files and without a daemon. */
#include <string.h>

#include "tests/lib/test_tmpdir.h"
#include "tests/unit/ctl/fixture.h"
#include "util/mem.h"

/* clang-format off */

/* No plugin is needed, since there is no domain. */
#define AUTHORITY \
	"authority le {\n\tdirectory = https://ca.example/d\n\teab_kid = k\n\teab_hmac_key = geheim\n}\n"
#define LISTENER(port) \
	"listener imaps {\n\taddress = 127.0.0.1:" port "\n\tprotocol = imap\n" \
	"\tbackend = 127.0.0.1:10143\n}\n"

/* clang-format on */

/* A main file, with a folder of plugins that every build trusts, and that holds none. */
static void write_conf(struct fixture *f, const char *text)
{
	_cleanup_(freep) char *whole = xasprintf("plugin_directory = /\n%s", text);

	free(test_tmpdir_write(f->dir, "postseal.conf", whole));
}

static void test_check_ok(void **state)
{
	struct fixture *f = *state;

	write_conf(f, AUTHORITY LISTENER("10993"));
	fixture_call_conf(f, "check");
	assert_string_equal(f->err, "");
	assert_string_equal(f->out, "configuration ok: 0 domains, 1 listener\n");
	assert_int_equal(f->exit_code, COMMAND_OK);
	fixture_call_conf(f, "check -v");
	assert_non_null(strstr(f->out, "listener imaps on 127.0.0.1:10993\n"));
}

/* All errors in one go, each with its place. */
static void test_check_wrong(void **state)
{
	struct fixture *f = *state;

	write_conf(f, "frob = 1\n" AUTHORITY LISTENER("x") "log_level = loud\n");
	fixture_call_conf(f, "check");
	assert_int_equal(f->exit_code, COMMAND_CONFIG);
	assert_string_equal(f->out, "");
	assert_non_null(strstr(f->err, "postseal.conf line 2: frob: "));
	assert_non_null(
		strstr(f->err, "postseal.conf line 9: listener imaps: address"));
	assert_non_null(strstr(f->err, "postseal.conf line 13: log_level: "));
	assert_non_null(
		strstr(f->err, "postsealctl: configuration not usable: 3 errors\n"));
}

static void test_check_warning(void **state)
{
	struct fixture *f = *state;

	write_conf(f, AUTHORITY "workers = 1\nworkers = 2\n");
	fixture_call_conf(f, "check");
	assert_int_equal(f->exit_code, COMMAND_OK);
	assert_non_null(strstr(f->err, "warning: "));
	assert_non_null(strstr(f->out, "configuration ok"));
}

static void test_no_file(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *words =
		xasprintf("-o plugin_directory=%s check", f->dir);

	fixture_call_conf(f, words);
	assert_int_equal(f->exit_code, COMMAND_CONFIG);
	assert_non_null(strstr(f->err, "postseal.conf: "));
}

static void test_no_plugins(void **state)
{
	struct fixture *f = *state;

	write_conf(f, "");
	fixture_call_conf(f, "-o plugin_directory=/nowhere check");
	assert_int_equal(f->exit_code, COMMAND_CONFIG);
	assert_non_null(strstr(f->err, "plugin_directory: "));
	assert_non_null(strstr(f->err, "/nowhere"));
}

/* clang-format off */
static const struct print {
	const char *words;
	int exit_code;
	const char *has;  /* a part of the output, NULL = must be empty */
	const char *hasnt; /* NULL = any */
} prints[] = {
	{ "conf", COMMAND_OK, "log_level = info", "geheim" },
	{ "conf -n", COMMAND_OK, "workers = 3", "log_level" },
	{ "conf -nP", COMMAND_OK, "geheim", NULL },
	{ "conf -d workers", COMMAND_OK, "0", "3" },
	{ "conf workers", COMMAND_OK, "3", "log_level" },
	{ "conf -h workers", COMMAND_OK, "3\n", "workers" },
	{ "conf -o workers=5 -h workers", COMMAND_OK, "5\n", NULL },
	{ "conf -x listener imaps", COMMAND_OK, "address", "workers" },
	{ "conf -h listener imaps/backend", COMMAND_OK, "127.0.0.1:10143\n", "address" },
	{ "conf frob", COMMAND_FAILED, NULL, NULL },
};

/* clang-format on */

static void test_conf(void **state)
{
	struct fixture *f = *state;

	write_conf(f, "workers = 3\n" AUTHORITY LISTENER("10993"));
	for (size_t i = 0; i < ARRAY_SIZE(prints); i++) {
		const struct print *row = &prints[i];

		test_case(row->words);
		fixture_call_conf(f, row->words);
		assert_int_equal(f->exit_code, row->exit_code);
		if (row->has)
			assert_non_null(strstr(f->out, row->has));
		else
			assert_string_equal(f->out, "");
		if (row->hasnt)
			assert_null(strstr(f->out, row->hasnt));
	}
	assert_string_equal(f->asked, "");
}

static void test_conf_wrong(void **state)
{
	struct fixture *f = *state;

	write_conf(f, "frob = 1\n");
	fixture_call_conf(f, "conf");
	assert_int_equal(f->exit_code, COMMAND_CONFIG);
	assert_string_equal(f->out, "");
	assert_non_null(strstr(f->err, "line 2: frob: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_check_ok),
		fixture_test(test_check_wrong),
		fixture_test(test_check_warning),
		fixture_test(test_no_file),
		fixture_test(test_no_plugins),
		fixture_test(test_conf),
		fixture_test(test_conf_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
