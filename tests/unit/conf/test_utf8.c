/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conf/utf8.h"
#include "tests/lib/test.h"

struct row {
	const char *name;
	const char *text;
	size_t len;
	size_t bad;
};

/* clang-format off */
static const struct row rows[] = {
	{ "empty",           "",                     0, 0 },
	{ "ascii",           "abc ~",                5, 5 },
	{ "two octets",      "b\xc3\xbc",            3, 3 },
	{ "three octets",    "\xe2\x82\xac",         3, 3 },
	{ "four octets",     "\xf0\x9f\x98\x80",     4, 4 },
	{ "tab",             "a\tb",                 3, 1 },
	{ "nul",             "a\0b",                 3, 1 },
	{ "delete",          "a\x7f",                2, 1 },
	{ "escape",          "\x1b[2J",              4, 0 },
	{ "c1",              "ab\xc2\x85",           4, 2 },
	{ "lone lead",       "ab\xc3",               3, 2 },
	{ "lone tail",       "ab\x80z",              4, 2 },
	{ "overlong two",    "\xc0\xaf",             2, 0 },
	{ "overlong three",  "\xe0\x80\xaf",         3, 0 },
	{ "surrogate",       "\xed\xa0\x80",         3, 0 },
	{ "beyond",          "\xf4\x90\x80\x80",     4, 0 },
	{ "latin-1",         "M\xfcller",            6, 1 },
	{ "override",        "a\xe2\x80\xae" "b",    5, 1 },
	{ "isolate",         "a\xe2\x81\xa6",        4, 1 },
	{ "line separator",  "\xe2\x80\xa8",         3, 0 },
};

/* clang-format on */

static void test_find_bad(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_case(rows[i].name);
		assert_int_equal(utf8_find_bad(rows[i].text, rows[i].len), rows[i].bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
