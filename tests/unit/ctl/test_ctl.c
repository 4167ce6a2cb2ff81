/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Command lines as a whole: which command, which help, which refusal. */
#include <string.h>

#include "ctl/ctl.h"
#include "tests/unit/ctl/fixture.h"

struct line {
	const char *words;
	int exit_code;
	const char *out; /* a part of it; NULL = must be empty */
	const char *err;
};

/* clang-format off */
static const struct line lines[] = {
	{ "--help", COMMAND_OK, "\nCommands:\n  status [NAME] ", NULL },
	{ "help", COMMAND_OK, "69 the daemon is not reachable", NULL },
	{ "--version", COMMAND_OK, "postsealctl " PACKAGE_VERSION "\n", NULL },
	{ "status --version", COMMAND_OK, "postsealctl " PACKAGE_VERSION "\n", NULL },
	{ "help renew", COMMAND_OK, "Usage: postsealctl renew [OPTION]... NAME\n", NULL },
	{ "renew --help", COMMAND_OK, "      --force ", NULL },
	{ "--help renew", COMMAND_OK, "Usage: postsealctl renew ", NULL },
	{ "help account create", COMMAND_OK, "Usage: postsealctl account create [OPTION]... [AUTHORITY]\n", NULL },
	{ "conf --help", COMMAND_OK, "  -h, --values ", NULL },
	{ "events --help", COMMAND_OK, "  -n, --number N ", NULL },
	{ "help frob", COMMAND_USAGE, NULL, "there is no command frob\n" },
	{ "stauts", COMMAND_USAGE, NULL, "there is no command stauts; did you mean status?\n" },
	{ "account", COMMAND_USAGE, NULL, "account what? show or create or rollover or deactivate or export or import\n" },
	{ "account frob", COMMAND_USAGE, NULL, "account what? show or create or rollover or deactivate or export or import\n" },
	{ "renew", COMMAND_USAGE, NULL, "renew needs NAME\n" },
	{ "renew a b", COMMAND_USAGE, NULL, "renew: \"b\" is one word too many\n" },
	{ "plugins a", COMMAND_USAGE, NULL, "plugins: \"a\" is one word too many\n" },
	{ "status --frob", COMMAND_USAGE, NULL, "there is no option --frob\n" },
	{ "status -h", COMMAND_USAGE, NULL, "there is no option -h here\n" },
	{ "renew a --forec", COMMAND_USAGE, NULL, "did you mean --force?\n" },
	{ "--frob status", COMMAND_USAGE, NULL, "there is no option --frob\n" },
	{ "status -o", COMMAND_USAGE, NULL, "option --option needs NAME=VALUE\n" },
	{ "events -n x", COMMAND_USAGE, NULL, "--number: \"x\" is not a number from 0 to 10000\n" },
};

/* clang-format on */

static void check_part(const char *text, const char *part)
{
	if (!part)
		assert_string_equal(text, "");
	else if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void test_lines(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		test_case(lines[i].words);
		fixture_call(f, lines[i].words);
		check_part(f->out, lines[i].out);
		check_part(f->err, lines[i].err);
		assert_int_equal(f->exit_code, lines[i].exit_code);
		assert_string_equal(f->asked, "");
	}
}

static void test_nothing(void **state)
{
	struct fixture *f = *state;

	fixture_call(f, "");
	assert_int_equal(f->exit_code, COMMAND_USAGE);
	assert_string_equal(f->out, "");
	assert_non_null(strstr(f->err, "Usage: postsealctl"));
}

/* Each command has a help that stands on its own, and a line of at most 80 columns. */
static void test_table(void **state)
{
	struct fixture *f = *state;

	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		char words[64];

		test_case(c->name);
		snprintf(words, sizeof(words), "help %s", c->name);
		fixture_call(f, words);
		assert_int_equal(f->exit_code, COMMAND_OK);
		assert_non_null(strstr(f->out, c->text));
		assert_non_null(c->run);
		assert_true(c->min_words <= c->max_words);
		assert_true((c->max_words > 0) == (c->words != NULL));
	}
}

/* Options for all commands may stand on either side. */
static void test_options_anywhere(void **state)
{
	struct fixture *f = *state;

	fixture_stop_daemon(f);
	fixture_call(f, "reload -s /nowhere/control");
	assert_int_equal(f->exit_code, COMMAND_UNAVAILABLE);
	assert_non_null(strstr(f->err, "/nowhere/control"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_lines),
		fixture_test(test_nothing),
		fixture_test(test_table),
		fixture_test(test_options_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
