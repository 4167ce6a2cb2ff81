/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "conf/block.h"
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
	{ "kinds", "domain A.de. {\n}\ndomain *.a.de {\n}\ndns acmedns x {\n"
	  "\tapi = https://a\n\ttoken = b\n}\ndeploy files {\n}\npolicy a.b-c_1 {\n}\n", "" },
	{ "unknown kind", "listenr a {\n\tx = 1\n}\nlistener b {\n",
	  "t.conf line 8: listenr a: unknown kind of block \"listenr\"; did you mean \"listener\"?\n"
	  "t.conf line 11: missing '}' (\"listener b\" started at t.conf line 11)\n"
	  "t.conf line 11: listener b: address: must be set\n"
	  "t.conf line 11: listener b: protocol: must be set\n" },
	{ "no name", "policy {\n}\ndomain {\n}\ndns {\n}\n",
	  "t.conf line 8: policy: the block's name is missing\n"
	  "t.conf line 10: domain: the domain's name is missing\n"
	  "t.conf line 12: dns: the plugin's name is missing\n" },
	{ "bad names", "policy a b {\n}\npolicy .x {\n}\npolicy a/b {\n}\n"
	  "domain a_b {\n}\ndomain *.*.a.de {\n}\ndomain %d {\n}\ndns acmedns a b {\n}\n",
	  "t.conf line 8: policy a b: the name is one word of letters, digits, '-', '_' and '.', at most 64\n"
	  "t.conf line 10: policy .x: the name is one word of letters, digits, '-', '_' and '.', at most 64\n"
	  "t.conf line 12: policy a/b: the name is one word of letters, digits, '-', '_' and '.', at most 64\n"
	  "t.conf line 14: domain a_b: the name is not a DNS name, nor \"*.\" and one\n"
	  "t.conf line 16: domain *.*.a.de: the name is not a DNS name, nor \"*.\" and one\n"
	  "t.conf line 18: domain %d: the name is not a DNS name, nor \"*.\" and one\n"
	  "t.conf line 20: dns acmedns a b: write the plugin's name, or that and a second one of "
	  "letters, digits, '-', '_' and '.'\n" },
	{ "twice", "domain a.de {\n}\ndomain A.DE {\n\tkey_type = x\n}\n",
	  "t.conf line 10: domain a.de: is there already, in t.conf line 8\n"
	  "t.conf line 11: domain a.de: key_type: \"x\" is not one of: ecdsa-p256, ecdsa-p384, rsa-2048\n" },
	{ "instance takes a name", "deploy files {\n}\ndeploy files files {\n}\n",
	  "t.conf line 10: deploy files files: its name is that of \"deploy files\" already, "
	  "in t.conf line 8\n" },
	{ "unknown plugin", "dns acmednss {\n\tx = 1\n}\npolicy a {\n\tdns = acmednss\n}\n",
	  "t.conf line 8: dns acmednss: there is no dns plugin \"acmednss\"; did you mean \"acmedns\"?\n" },
	{ "broken block is not missed", "policy a! {\n}\ndomain a.de {\n\tpolicy = a!\n}\n",
	  "t.conf line 8: policy a!: the name is one word of letters, digits, '-', '_' and '.', at most 64\n" },
	{ "unknown settings", "policy a {\n\tkeytype = x\n\tlog_level = x\n\taddress = x\n\tfoo = x\n}\n",
	  "t.conf line 9: policy a: keytype: unknown setting; did you mean \"key_type\"?\n"
	  "t.conf line 10: policy a: log_level: unknown setting here; it belongs outside of all blocks\n"
	  "t.conf line 11: policy a: address: unknown setting here; it belongs into a listener block\n"
	  "t.conf line 12: policy a: foo: unknown setting\n" },
	{ "said twice", "workers = 3\nworkers = 4\nworkers = 5\n",
	  "t.conf line 9: warning: workers: is said twice; this one counts, and not line 8\n"
	  "t.conf line 10: warning: workers: is said twice; this one counts, and not line 9\n" },
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

static void test_last_one_counts(void **state)
{
	_cleanup_(freep) char *report = NULL;
	_cleanup_(conf_unrefp) struct conf *conf =
		fixture_load_text(FIXTURE_BASE "workers = x\nworkers = 4\n", &report);
	const char *file;
	unsigned line;

	assert_non_null(conf);
	assert_int_equal(conf_get_int(conf_get_root(conf), "workers"), 4);
	conf_get_place(conf_get_root(conf), "workers", &file, &line);
	assert_string_equal(file, "t.conf");
	assert_int_equal(line, 9);
}

static void test_unquote(void **state)
{
	static const char *const cases[][2] = {
		{ "a/b", "a/b" },
		{ "\"a b\"", "a b" },
		{ "\"a\\\"b\\\\\"", "a\"b\\" },
		{ "\"a", NULL },
		{ "\"", NULL },
		{ "a\"b\"", NULL },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *s = block_unquote(cases[i][0]);
		test_case(cases[i][0]);
		assert_int_equal(s != NULL, cases[i][1] != NULL);
		if (s)
			assert_string_equal(s, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_last_one_counts),
		cmocka_unit_test(test_unquote),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
