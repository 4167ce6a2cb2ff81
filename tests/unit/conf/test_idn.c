/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "conf/idn.h"
#include "tests/lib/test.h"

struct row {
	const char *name;
	const char *text;
	const char *ascii; /* NULL = refused */
};

/* clang-format off */
static const struct row rows[] = {
	{ "ascii",            "Mail.Example.ORG",            "mail.example.org" },
	{ "last dot",         "example.org.",                "example.org" },
	{ "umlaut",           "b\xc3\xbc" "cher.example",    "xn--bcher-kva.example" },
	{ "capital umlaut",   "B\xc3\x9c" "CHER.example",    "xn--bcher-kva.example" },
	{ "sharp s",          "stra\xc3\x9f" "e.de",         "xn--strae-oqa.de" },
	{ "decomposed",       "bu\xcc\x88" "cher.example",   "xn--bcher-kva.example" },
	/* What libidn2 would drop or let pass by itself stays for the check to refuse. */
	{ "underscore",       "_acme-challenge.b\xc3\xbc.x", "_acme-challenge.xn--b-eha.x" },
	{ "wildcard",         "*.b\xc3\xbc.x",               "*.xn--b-eha.x" },
	{ "empty label",      "a..b\xc3\xbc",                "a..xn--b-eha" },
	{ "the domain",       "mail.%d",                     "mail.%d" },
	{ "wide letters",     "\xef\xbd\x81\xef\xbd\x82.x",  "ab.x" },
	{ "ideographic stop", "a\xe3\x80\x82" "b.x",         NULL },
	{ "account of",       "\xe2\x84\x80.x",              NULL },
	{ "hyphen first",     "-\xc3\xbc.x",                 NULL },
	{ "underscore mixed", "_\xc3\xbc.x",                 NULL },
	{ "a symbol",         "\xe2\x86\x90.x",              NULL },
};

/* clang-format on */

static void test_to_ascii(void **state)
{
	char buf[IDN_NAME_BYTES];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_case(rows[i].name);
		bool is_good = idn_to_ascii(rows[i].text, buf, sizeof(buf));
		assert_int_equal(is_good, rows[i].ascii != NULL);
		if (is_good)
			assert_string_equal(buf, rows[i].ascii);
	}
}

static void test_too_long(void **state)
{
	char text[2000];
	char buf[IDN_NAME_BYTES];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(idn_to_ascii(text, buf, sizeof(buf)));
	/* A long label that is not ASCII never reaches the library. */
	text[0] = '\xc3';
	text[1] = '\xbc';
	text[400] = '\0';
	assert_false(idn_to_ascii(text, buf, sizeof(buf)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_ascii),
		cmocka_unit_test(test_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
