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
	{ "--help", CTL_OK, "\nCommands:\n  status [NAME] ", NULL },
	{ "help", CTL_OK, "69 the daemon is not reachable", NULL },
	{ "--version", CTL_OK, "postsealctl " PACKAGE_VERSION "\n", NULL },
	{ "status --version", CTL_OK, "postsealctl " PACKAGE_VERSION "\n", NULL },
	{ "help renew", CTL_OK, "Usage: postsealctl renew [OPTION]... NAME\n", NULL },
	{ "renew --help", CTL_OK, "      --force ", NULL },
	{ "--help renew", CTL_OK, "Usage: postsealctl renew ", NULL },
	{ "help account create", CTL_OK, "Usage: postsealctl account create [OPTION]... [AUTHORITY]\n", NULL },
	{ "conf --help", CTL_OK, "  -h, --values ", NULL },
	{ "events --help", CTL_OK, "  -n, --number N ", NULL },
	{ "help frob", CTL_USAGE, NULL, "there is no command frob\n" },
	{ "stauts", CTL_USAGE, NULL, "there is no command stauts; did you mean status?\n" },
	{ "account", CTL_USAGE, NULL, "account what? show or create or rollover or deactivate or export or import\n" },
	{ "account frob", CTL_USAGE, NULL, "account what? show or create or rollover or deactivate or export or import\n" },
	{ "renew", CTL_USAGE, NULL, "renew needs NAME\n" },
	{ "renew a b", CTL_USAGE, NULL, "renew: \"b\" is one word too many\n" },
	{ "plugins a", CTL_USAGE, NULL, "plugins: \"a\" is one word too many\n" },
	{ "status --frob", CTL_USAGE, NULL, "there is no option --frob\n" },
	{ "status -h", CTL_USAGE, NULL, "there is no option -h here\n" },
	{ "renew a --forec", CTL_USAGE, NULL, "did you mean --force?\n" },
	{ "--frob status", CTL_USAGE, NULL, "there is no option --frob\n" },
	{ "status -o", CTL_USAGE, NULL, "option --option needs NAME=VALUE\n" },
	{ "events -n x", CTL_USAGE, NULL, "--number: \"x\" is not a number from 0 to 10000\n" },
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
	assert_int_equal(f->exit_code, CTL_USAGE);
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
		assert_int_equal(f->exit_code, CTL_OK);
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
	assert_int_equal(f->exit_code, CTL_UNAVAILABLE);
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
