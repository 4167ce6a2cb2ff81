/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "conf/value.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/conf/fixture.h"
#include "util/mem.h"

struct row {
	const char *kind; /* of the block, NULL = the root */
	const char *setting;
	const char *text;
	const char *reason; /* NULL = accepted */
	const char *result; /* effective text; NULL = the text itself */
};

/* clang-format off */
static const struct row rows[] = {
	{ NULL,       "greeting",  "a b",            NULL, NULL },
	{ NULL,       "log_level", "warning",        NULL, NULL },
	{ NULL,       "log_level", "warn",           "\"warn\" is not one of: error, warning, info", NULL },
	{ NULL,       "log_level", "warnin",
	  "\"warnin\" is not one of: error, warning, info; did you mean \"warning\"?", NULL },
	{ NULL,       "log_level", "",               "has no value; it takes a keyword", NULL },
	{ NULL,       "workers",   "64",             NULL, NULL },
	{ NULL,       "workers",   "0",              "\"0\" is outside of the limits 1 to 64", NULL },
	{ NULL,       "workers",   "1 2",            "\"1 2\" is not a whole number", NULL },
	{ NULL,       "drain_timeout", "1d",         NULL, NULL },
	{ NULL,       "drain_timeout", "1h 30m",     NULL, NULL },
	{ NULL,       "drain_timeout", "25h",        "\"25h\" is outside of the limits 0s to 1d", NULL },
	{ NULL,       "hostname",  "B\xc3\xbc.de",   NULL, "xn--b-eha.de" },
	{ NULL,       "hostname",  "a_b.de",         "\"a_b.de\" is not a DNS name", NULL },
	{ NULL,       "state_directory", "/x y",     NULL, NULL },
	{ NULL,       "pin",       "twelve-octet",   NULL, NULL },
	{ NULL,       "pin",       "thirteen-octe",  "takes 0 to 12 octets, not 13", NULL },
	{ "listener", "buffer",    "8k",             NULL, NULL },
	{ "listener", "buffer",    "2M",             "\"2M\" is outside of the limits 4k to 1M", NULL },
	{ "listener", "socket_mode", "0600",         NULL, NULL },
	{ "listener", "address",   "127.0.0.1:1,[::]:2 unix:/x", NULL, "127.0.0.1:1 [::]:2 unix:/x" },
	{ "listener", "address",   "",               "takes 1 to 4 words, not 0", NULL },
	{ "listener", "address",   "[::]:1 [::]:1",  "\"[::]:1\" is there twice", NULL },
	{ "listener", "address",   "x y",
	  "\"x\": a port is missing; write 127.0.0.1:993, [::1]:993 or unix:/path; "
	  "\"y\": a port is missing; write 127.0.0.1:993, [::1]:993 or unix:/path", NULL },
	{ "listener", "trusted",   "a a \"b c\"",    NULL, NULL },
	{ "listener", "backend",   "unix:/a",        NULL, NULL },
	{ "policy",   "challenge", "http-01, dns-01", NULL, "http-01 dns-01" },
	{ "policy",   "challenge", "dns-01 dns-01",  "\"dns-01\" is there twice", NULL },
	{ "policy",   "challenge", "dns01",
	  "\"dns01\" is not one of: http-01, dns-01; did you mean \"dns-01\"?", NULL },
	{ "policy",   "authority", "le",             NULL, NULL },
	{ "policy",   "authority", "",               "must not be empty", NULL },
	{ "policy",   "authority", "la",
	  "\"la\": there is no block \"authority la\"; did you mean \"le\"?", NULL },
	{ "policy",   "dns",       "acmedns",        NULL, NULL },
	{ "policy",   "dns",       "two",            NULL, NULL },
	{ "policy",   "dns",       "\"acmedns two\"", NULL, "two" },
	{ "policy",   "deploy",    "front files",    NULL, NULL },
	{ "policy",   "deploy",    "frond",
	  "\"frond\": there is no block \"deploy frond\"; did you mean \"front\"?", NULL },
	{ "policy",   "names",     "*.%d A.%d",      NULL, "*.%d a.%d" },
	{ "policy",   "names",     "a.%d a.%d",      NULL, "a.%d" },
	{ "policy",   "names",     "%s.%d",          "\"%s.%d\" is not a DNS name", NULL },
	{ "policy",   "renew_before", "soon",
	  "\"soon\" is not a duration; write 90s, 10m, 12h or 30d", NULL },
	{ "authority", "agree_to_terms", "yes",      NULL, NULL },
	{ "authority", "agree_to_terms", "1",        "\"1\" is neither yes nor no", NULL },
	{ "authority", "directory", "https://x",     NULL, NULL },
	{ "domain",   "names",     "*.%d %d",        NULL, "*.example.net example.net" },
	{ "domain",   "policy",    "default",        NULL, NULL },
};

/* clang-format on */

/* A block of each kind, with the line put into the one that it belongs to. */
static char *make_text(const struct row *row)
{
	static const char *const blocks[][2] = {
		{ "authority", "le {\n\tdirectory = https://ca.example/d" },
		{ "policy", "default {\n\tauthority = le" },
		{ "listener", "l {\n\taddress = [::]:9\n\tprotocol = imap" },
		{ "domain", "example.net {" },
		{ "dns", "acmedns {\n\tapi = https://x\n\ttoken = t" },
		{ "dns", "acmedns two {\n\tapi = https://x\n\ttoken = t" },
		{ "deploy", "files {" },
	};
	struct buf out = BUF_INIT(10000);

	(void)buf_append_str(&out, FIXTURE_MIN);
	if (!row->kind)
		(void)buf_printf(&out, "%s = %s\n", row->setting, row->text);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		(void)buf_printf(&out, "%s %s\n", blocks[i][0], blocks[i][1]);
		if (row->kind && strcmp(row->kind, blocks[i][0]) == 0)
			(void)buf_printf(&out, "%s = %s\n", row->setting, row->text);
		(void)buf_append_str(&out, "}\n");
	}
	return buf_steal(&out);
}

/* Only errors about that setting, without the place. */
static void assert_reason(const char *report, const struct row *row)
{
	_cleanup_(freep) char *tail = xasprintf("%s: %s\n", row->setting, row->reason);
	const char *found = strstr(report, tail);

	if (!found)
		print_message("%s", report);
	assert_non_null(found);
	assert_string_equal(found, tail);
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		_cleanup_(freep) char *text = make_text(row);
		_cleanup_(freep) char *report = NULL;
		_cleanup_(freep) char *name =
			xasprintf("%s = %s", row->setting, row->text);
		test_case(name);
		_cleanup_(conf_unrefp) struct conf *conf =
			fixture_load_text(text, &report);
		if (row->reason) {
			assert_null(conf);
			assert_reason(report, row);
			continue;
		}
		if (!conf)
			print_message("%s", report);
		assert_non_null(conf);
		const struct conf_block *block =
			row->kind ? conf_get_block(conf, row->kind, 0)
				  : conf_get_root(conf);
		assert_string_equal(conf_get_text(block, row->setting),
			row->result ? row->result : row->text);
	}
}

static void test_secrets_are_not_repeated(void **state)
{
	_cleanup_(freep) char *report = NULL;
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_text(FIXTURE_BASE
		"pin = geheim\nworkers = $pin\nlog_level = x$pin\n",
		&report);

	assert_null(conf);
	assert_string_equal(report,
		"t.conf line 9: workers: the value is not a whole number\n"
		"t.conf line 10: log_level: the value is not one of: error, warning, "
		"info\n");
}

static void test_long_words_are_cut(void **state)
{
	char word[400] = "";
	_cleanup_(freep) char *report = NULL;

	for (size_t i = 0; i + 3 < sizeof(word); i += 2)
		memcpy(word + i, "\xc3\xbc", 3);
	_cleanup_(freep) char *text = xasprintf("%sworkers = %s\n", FIXTURE_BASE, word);
	_cleanup_(conf_unrefp) struct conf *conf = fixture_load_text(text, &report);
	assert_null(conf);
	assert_non_null(strstr(report, "\xc3\xbc...\" is not a whole number\n"));
	assert_true(strlen(report) < 200);
}

static void test_list_is_capped(void **state)
{
	struct buf text = BUF_INIT(100000);
	_cleanup_(freep) char *report = NULL;

	(void)buf_append_str(&text, FIXTURE_BASE "listener a {\n\taddress = [::]:1\n"
						 "\tprotocol = imap\n\ttrusted =");
	for (unsigned i = 0; i < VALUE_ITEMS_MAX + 1; i++)
		(void)buf_append_str(&text, " x");
	(void)buf_append_str(&text, "\n}\n");
	_cleanup_(conf_unrefp) struct conf *conf =
		fixture_load_text(buf_str(&text), &report);
	assert_null(conf);
	assert_string_equal(report,
		"t.conf line 11: listener a: trusted: \"x\" is one too "
		"many: a list has at most 1024 words\n");
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_secrets_are_not_repeated),
		cmocka_unit_test(test_long_words_are_cut),
		cmocka_unit_test(test_list_is_capped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
