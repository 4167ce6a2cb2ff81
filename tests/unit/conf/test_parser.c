/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/parser.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/conf/fixture.h"
#include "util/mem.h"

struct row {
	const char *name;
	const char *text; /* follows FIXTURE_BASE, from line 8 on */
	const char *report;
};

/* clang-format off */
static const struct row rows[] = {
	{ "spacing", "workers=3\n  greeting   =   a\ndomain a.de{\n}\ndomain b.de   {   }\ndomain c.de {}\n", "" },
	{ "an equal sign in the value", "greeting = a = b {\n", "" },
	{ "brace below", "policy a\n{\n\tkey_type = rsa-2048\n}\nworkers = 3\n",
	  "t.conf line 8: missing '{' at the end of \"policy a\"\n" },
	{ "no brace", "policy a\n\tkey_type = rsa-2048\n}\nworkers = 3\n",
	  "t.conf line 8: missing '{' at the end of \"policy a\"\n" },
	{ "lone brace", "{\n\tfoo\n}\nworkers = 3\n",
	  "t.conf line 8: '{' stands behind the kind and the name of a block, on the same line\n"
	  "t.conf line 9: missing '=' behind \"foo\"\n" },
	{ "setting behind brace", "policy a { key_type = rsa-2048\n}\npolicy b { key_type = rsa-2048 }\nworkers = 3\n",
	  "t.conf line 8: what follows '{' belongs on lines of its own\n"
	  "t.conf line 10: what follows '{' belongs on lines of its own\n" },
	{ "text behind end", "policy a {\n} # good\npolicy b {\n} bad\n",
	  "t.conf line 11: nothing may follow '}' on its line\n" },
	{ "extra end", "}\nworkers = 3\n", "t.conf line 8: '}' without a block that it ends\n" },
	{ "missing end", "policy a {\n\tkey_type = rsa-2048\npolicy b {\n}\npolicy c {\n}\n",
	  "t.conf line 10: missing '}' before \"policy b\" (\"policy a\" started at t.conf line 8)\n" },
	{ "nested after all", "policy a {\n\tpolicy b {\n\t}\n}\n",
	  "t.conf line 9: missing '}' before \"policy b\" (\"policy a\" started at t.conf line 8)\n" },
	{ "missing at the end", "policy a {\n\tkey_type = rsa-2048\n\n",
	  "t.conf line 10: missing '}' (\"policy a\" started at t.conf line 8)\n" },
	{ "nested and unknown", "policy a {\n\tinet b {\n\t\tport = 1\n\t}\n\tkey_type = rsa-2048\n}\n",
	  "t.conf line 9: \"inet b\": a block cannot stand within another one\n"
	  "t.conf line 9: inet b: unknown kind of block \"inet\"\n" },
	{ "no equal sign", "workers 3\nfoo bar\n!!\n[x]\n",
	  "t.conf line 8: workers: missing '=' behind the name\n"
	  "t.conf line 9: missing '=' behind \"foo\"\n"
	  "t.conf line 10: unknown directive \"!\"\n"
	  "t.conf line 11: this is neither \"name = value\" nor \"kind name {\"\n" },
	{ "directives", "!inlcude x\n!include\n!include x\n!include_try \"\"\n",
	  "t.conf line 8: unknown directive \"!inlcude\"; did you mean \"!include\"?\n"
	  "t.conf line 9: !include: a path is missing\n"
	  "t.conf line 10: !include: nothing can be included here\n"
	  "t.conf line 11: !include_try: a path is missing\n" },
	{ "late version", "config_version = 1\npolicy a {\n\tconfig_version = 1\n}\n",
	  "t.conf line 8: config_version: has to be the first setting of the file\n"
	  "t.conf line 10: config_version: belongs into the main file\n" },
	{ "bad line begins a block", "policy \001 {\n\tkey_type = rsa-2048\n}\nworkers = 3\n",
	  "t.conf line 8: holds a control character\n" },
	{ "control character", "greeting = a\001b\nworkers = 3\n",
	  "t.conf line 8: greeting: holds a control character\n" },
	{ "not utf-8", "greeting = \xff\n",
	  "t.conf line 8: greeting: holds a character that is not printable UTF-8\n" },
	{ "open quote", "greeting = \"a\nworkers = 3\n", "t.conf line 8: greeting: a quote is not closed\n" },
	{ "continued value", "greeting = a \\\n  b\nworkers = x\n",
	  "t.conf line 10: workers: \"x\" is not a whole number\n" },
};

/* clang-format on */

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(freep) char *text =
			xasprintf("%s%s", FIXTURE_BASE, rows[i].text);
		_cleanup_(freep) char *report = NULL;
		test_case(rows[i].name);
		_cleanup_(conf_unrefp) struct conf *conf =
			fixture_load_text(text, &report);
		assert_string_equal(report, rows[i].report);
	}
}

static void test_versions(void **state)
{
	static const char *const cases[][2] = {
		{ "config_version = 1\n", "" },
		{ "# first\n\nconfig_version = 1 # x\n", "" },
		{ "config_version = 2\n",
			"t.conf line 1: config_version: version \"2\" is not known; this "
			"program reads: 1\n" },
		{ "config_version = $x\n",
			"t.conf line 1: config_version: version \"$x\" is not known; this "
			"program reads: 1\n" },
		{ "workers = 2\nconfig_version = 1\n",
			"t.conf line 2: config_version: has to be the first setting of "
			"the file\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *text =
			xasprintf("%s%s", cases[i][0], FIXTURE_BASE);
		_cleanup_(freep) char *report = NULL;
		test_case(cases[i][0]);
		_cleanup_(conf_unrefp) struct conf *conf =
			fixture_load_text(text, &report);
		assert_string_equal(report, cases[i][1]);
	}
}

/* --- files ------------------------------------------------------------------------ */

static void write_file(const char *dir, const char *name, const char *text)
{
	free(test_tmpdir_write(dir, name, text));
}

static void make_folder(const char *dir, const char *name)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", dir, name);

	assert_int_equal(mkdir(path, 0700), 0);
}

/* The report with the directory cut out of it. */
static char *load_report(const char *dir, struct conf **ret)
{
	_cleanup_(freep) char *report = NULL;
	_cleanup_(freep) char *prefix = xasprintf("%s/", dir);
	struct conf *conf = fixture_load(dir, NULL, NULL, &report);
	struct buf out = BUF_INIT(100000);
	const char *rest = report;

	for (const char *at; (at = strstr(rest, prefix)); rest = at + strlen(prefix))
		(void)buf_append(&out, rest, (size_t)(at - rest));
	(void)buf_append_str(&out, rest);
	if (ret)
		*ret = conf;
	else
		conf_unref(conf);
	return buf_steal(&out);
}

static void test_includes(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();

	make_folder(dir, "d");
	make_folder(dir, "d/e");
	write_file(dir, "postseal.conf",
		FIXTURE_BASE
		"!include d/*.conf\n!include_try none.conf\n!include_try none.d/*.conf\n"
		"policy p {\n!include inner\n}\nworkers = 5\n");
	write_file(dir, "d/b.conf", "domain b.de {\n}\n");
	write_file(dir, "d/a.conf", "domain a.de {\n}\n!include \"e/c.conf\"\n");
	/* Relative to the file that says it. */
	write_file(dir, "d/e/c.conf", "!include ../x\n");
	write_file(dir, "d/x", "domain x.de {\n}\n");
	write_file(dir, "inner", "key_type = rsa-2048\n");
	struct conf *loaded = NULL;
	_cleanup_(freep) char *report = load_report(dir, &loaded);
	_cleanup_(conf_unrefp) struct conf *conf = loaded;
	assert_string_equal(report, "");
	static const char *const order[] = { "a.de", "x.de", "b.de" };
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_string_equal(
			conf_block_get_name(conf_get_block(conf, "domain", i)),
			order[i]);
	assert_string_equal(
		conf_get_string(conf_find_block(conf, "policy", "p"), "key_type"),
		"rsa-2048");
	assert_int_equal(conf_get_int(conf_get_root(conf), "workers"), 5);
}

static void test_wrong_includes(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();

	make_folder(dir, "d");
	write_file(dir, "postseal.conf",
		"!include a\n!include none\n!include none*\n"
		"!include d\npolicy p {\n!include end\n}\n" FIXTURE_BASE);
	write_file(dir, "a", "workers = x\n!include b\nworkers = y\n");
	write_file(dir, "b",
		"config_version = 1\n!include a\n!include_try postseal.conf\n"
		"policy q {\n");
	write_file(dir, "end", "}\nlog_level = info\n");
	_cleanup_(freep) char *report = load_report(dir, NULL);
	assert_string_equal(report,
		"postseal.conf line 2: !include: there is no file none\n"
		"postseal.conf line 3: !include: there is no file none*\n"
		"postseal.conf line 4: !include: d: cannot read it: it is not a regular "
		"file\n"
		"a line 3: warning: workers: is said twice; this one counts, and not line "
		"1\n"
		"a line 3: workers: \"y\" is not a whole number\n"
		"b line 1: config_version: belongs into the main file\n"
		"b line 2: !include: a: it is being read already, and would include "
		"itself without end\n"
		"b line 3: !include: postseal.conf: it is being read already, and would "
		"include itself without end\n"
		"b line 4: missing '}' (\"policy q\" started at b line 4)\n"
		"end line 1: '}' without a block that it ends\n"
		"end line 2: policy p: log_level: unknown setting here; it belongs "
		"outside of all blocks\n");
}

static void test_depth(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();

	write_file(dir, "postseal.conf", FIXTURE_BASE "!include 1\n");
	for (unsigned i = 1; i < 20; i++) {
		_cleanup_(freep) char *name = xasprintf("%u", i);
		_cleanup_(freep) char *text = xasprintf("!include %u\n", i + 1);
		write_file(dir, name, text);
	}
	_cleanup_(freep) char *report = load_report(dir, NULL);
	assert_string_equal(report,
		"10 line 1: !include: files include each other more than "
		"10 deep\n");
}

static void test_no_main_file(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *report = load_report(dir, NULL);

	assert_string_equal(
		report, "postseal.conf: cannot read it: No such file or directory\n");
}

static void test_places_in_other_files(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();

	write_file(dir, "postseal.conf", FIXTURE_BASE "workers = 1\n!include a\n");
	write_file(dir, "a",
		"# x\nworkers = 2\nauthority le {\n\tdirectory = https://x\n}\n");
	_cleanup_(freep) char *report = load_report(dir, NULL);
	assert_string_equal(report,
		"a line 2: warning: workers: is said twice; this one counts, and not "
		"postseal.conf line 8\n"
		"a line 3: authority le: is there already, in postseal.conf line 2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_includes),
		cmocka_unit_test(test_wrong_includes),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_no_main_file),
		cmocka_unit_test(test_places_in_other_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
