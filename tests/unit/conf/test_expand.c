/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "conf/expand.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/conf/fixture.h"
#include "util/mem.h"

struct row {
	const char *name;
	const char *text;   /* follows FIXTURE_BASE */
	const char *result; /* effective text of `greeting`; NULL = wrong */
	const char *report;
};

/* clang-format off */
static const struct row rows[] = {
	{ "plain",          "greeting = a  b,c",              "a  b,c", "" },
	{ "braces",         "greeting = ${base}x",            "example.orgx", "" },
	{ "in quotes",      "greeting = \"<$base> #\"",       "\"<example.org> #\"", "" },
	{ "dollar",         "greeting = $$base $$",           "$base $", "" },
	{ "lazily",         "greeting = $base\nbase = later", "later", "" },
	{ "chain",          "greeting = $base\nbase = $hostname\nhostname = a.b", "a.b", "" },
	{ "default",        "greeting = $log_level",          "info", "" },
	{ "not again",      "greeting = $base\nbase = $$x",   "$x", "" },
	{ "empty",          "greeting = \"\"",                "\"\"", "" },
	{ "nothing",        "greeting =",                     "\"\"", "" },
	{ "escapes",        "greeting = \"a\\\"b\\\\\"",      "\"a\\\"b\\\\\"", "" },
	{ "blanks kept",    "greeting = \"  a \"",            "\"  a \"", "" },
	{ "undefined",      "greeting = $nix",  NULL,
	  "t.conf line 8: greeting: $nix is not defined\n" },
	{ "near miss",      "greeting = $bose", NULL,
	  "t.conf line 8: greeting: $bose is not defined; did you mean $base?\n" },
	{ "unset",          "greeting = $hostname", NULL,
	  "t.conf line 8: greeting: $hostname is not defined\n" },
	{ "of itself",      "greeting = $greeting", NULL,
	  "t.conf line 8: greeting: $greeting leads back to itself\n" },
	{ "circle",         "greeting = $base\nbase = $greeting", NULL,
	  "t.conf line 9: base: $greeting leads back to itself\n" },
	{ "lone dollar",    "greeting = 5 $", NULL,
	  "t.conf line 8: greeting: a '$' stands alone; write $$ for a dollar sign\n" },
	{ "parentheses",    "greeting = $(base)", NULL,
	  "t.conf line 8: greeting: $(name) is not known here; write ${name}\n" },
	{ "open brace",     "greeting = ${base", NULL,
	  "t.conf line 8: greeting: '${' needs a name and '}'\n" },
	{ "conditional",    "greeting = ${base?x}", NULL,
	  "t.conf line 8: greeting: '${' needs a name and '}'\n" },
	{ "quote in word",  "greeting = a\"b\"", NULL,
	  "t.conf line 8: greeting: a quote within a word; quote the whole word, and write "
	  "\\\" for a quote in it\n" },
	{ "word at quote",  "greeting = \"a\"b", NULL,
	  "t.conf line 8: greeting: a blank or comma is missing behind a closing quote\n" },
	{ "file in a text", "greeting = </etc/hostname", NULL,
	  "t.conf line 8: greeting: a value cannot be read from a file here\n" },
	{ "one error",      "greeting = $base\nbase = $nix", NULL,
	  "t.conf line 9: base: $nix is not defined\n" },
};

/* clang-format on */

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		test_case(rows[i].name);
		_cleanup_(freep) char *text =
			xasprintf("%s%s\n", FIXTURE_BASE, rows[i].text);
		_cleanup_(freep) char *report = NULL;
		_cleanup_(conf_unrefp) struct conf *conf =
			fixture_load_text(text, &report);
		assert_string_equal(report, rows[i].report);
		assert_int_equal(conf != NULL, rows[i].result != NULL);
		if (conf)
			assert_string_equal(
				conf_get_text(conf_get_root(conf), "greeting"),
				rows[i].result);
	}
}

static void assert_list(
	const struct conf_block *block, const char *setting, const char *expected)
{
	struct buf out = BUF_INIT(10000);

	for (char *const *s = conf_get_list(block, setting); *s; s++)
		assert_int_equal(buf_printf(&out, "%s|", *s), 0);
	assert_string_equal(buf_str(&out), expected);
	buf_done(&out);
}

static void test_lists(void **state)
{
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_good(FIXTURE_BASE
		"base = \"x y\" z\n"
		"listener a {\n"
		"\taddress = 127.0.0.1:1\n\tprotocol = imap\n"
		"\ttrusted = $base \"$base\" a,,b , \"\" \"c,d\" \"\\\"\"\n"
		"}\n");

	/* Quotes around a reference make one word of all its words. */
	assert_list(conf_find_block(conf, "listener", "a"), "trusted",
		"x y|z|x y z|a|b||c,d|\"|");
}

static void test_scopes(void **state)
{
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_good(FIXTURE_BASE
		"base = root\n"
		"policy a {\n\tnames = mail.$base\n\trenew_before = 9d\n}\n"
		"domain d.de {\n\tpolicy = a\n\tnames = $names shop.%d\n"
		"\tnote = $renew_before $key_type $policy $base\n}\n"
		"policy b {\n\tnames = $names b.%d\n}\n");
	const struct conf_block *domain = conf_find_block(conf, "domain", "d.de");

	/* Its own name stands for what the setting would be without this line. */
	assert_list(domain, "names", "mail.root|shop.d.de|");
	assert_string_equal(conf_get_string(domain, "note"), "9d ecdsa-p256 a root");
	/* And that may be the default. */
	assert_list(conf_find_block(conf, "policy", "b"), "names", "%d|mail.%d|b.%d|");
}

static void test_doubling_is_capped(void **state)
{
	struct buf text = BUF_INIT(100000);
	_cleanup_(freep) char *report = NULL;

	assert_int_equal(buf_append_str(&text, FIXTURE_BASE "base = 0123456789\n"), 0);
	assert_int_equal(buf_append_str(&text, "greeting ="), 0);
	for (unsigned i = 0; i < 7000; i++)
		assert_int_equal(buf_append_str(&text, " $base"), 0);
	_cleanup_(conf_unrefp) struct conf *conf =
		fixture_load_text(buf_str(&text), &report);
	assert_null(conf);
	assert_string_equal(report,
		"t.conf line 9: greeting: its value is longer than 65536 octets\n");
	buf_done(&text);
}

/* --- </path ----------------------------------------------------------------------- */

struct file_row {
	const char *name;
	const char *content;
	const char *result; /* of `pin`; NULL = refused */
	const char *reason;
};

/* clang-format off */
static const struct file_row files[] = {
	{ "a line",        "geheim\n",    "geheim", NULL },
	{ "no newline",    "geheim",      "geheim", NULL },
	{ "as it is",      " $x\"#, \n",  " $x\"#, ", NULL },
	{ "two newlines",  "geheim\n\n",  NULL, "holds more than one line" },
	{ "windows",       "geheim\r\n",  NULL, "holds a control character or is not UTF-8" },
	{ "latin-1",       "\xfc\n",      NULL, "holds a control character or is not UTF-8" },
	{ "empty",         "\n",          NULL, "is empty" },
};

/* clang-format on */

static void test_files(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *main_text =
		xasprintf(FIXTURE_BASE "base = %s\npin = <$base/pin\n", dir);
	_cleanup_(freep) char *main_path =
		test_tmpdir_write(dir, "postseal.conf", main_text);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_(freep) char *report = NULL;
		_cleanup_(freep) char *path =
			test_tmpdir_write(dir, "pin", files[i].content);
		test_case(files[i].name);
		_cleanup_(conf_unrefp) struct conf *conf =
			fixture_load(dir, NULL, NULL, &report);
		assert_int_equal(conf != NULL, files[i].result != NULL);
		if (conf) {
			assert_string_equal(conf_get_string(conf_get_root(conf), "pin"),
				files[i].result);
			continue;
		}
		_cleanup_(freep) char *line = xasprintf(
			"%s line 9: pin: %s %s\n", main_path, path, files[i].reason);
		assert_string_equal(report, line);
	}
}

static void test_file_is_refused(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *text =
		xasprintf(FIXTURE_BASE "pin = <pin\n"
				       "greeting = < %s/nothing\n",
			dir);
	_cleanup_(freep) char *path = test_tmpdir_write(dir, "postseal.conf", text);
	_cleanup_(freep) char *report = NULL;
	_cleanup_(conf_unrefp) struct conf *conf =
		fixture_load(dir, NULL, NULL, &report);
	_cleanup_(freep) char *expected = xasprintf(
		"%s line 8: pin: the path behind '<' has to begin with '/'; quote a "
		"value that begins with '<'\n"
		"%s line 9: greeting: cannot read %s/nothing: No such file or "
		"directory\n",
		path, path, dir);

	assert_null(conf);
	assert_string_equal(report, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_doubling_is_capped),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_file_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
