/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/lib/test.h"
#include "util/dname.h"
#include "util/macro.h"

#define L10 "abcdefghij"
#define L60 L10 L10 L10 L10 L10 L10
#define L63 L60 "abc"

static const struct {
	const char *name;
	unsigned flags;
	const char *normal; /* NULL: refused */
} cases[] = {
	{ "example.org", 0, "example.org" },
	{ "Mail.EXAMPLE.org.", 0, "mail.example.org" },
	{ "localhost", 0, "localhost" },
	{ "xn--mnchen-3ya.de", 0, "xn--mnchen-3ya.de" },
	{ "1.2.example", 0, "1.2.example" },
	{ "4u.org", 0, "4u.org" },
	{ L63 ".org", 0, L63 ".org" },
	{ L63 "d.org", 0, NULL },
	{ "", 0, NULL },
	{ ".", 0, NULL },
	{ "a..b", 0, NULL },
	{ ".a", 0, NULL },
	{ "a.org..", 0, NULL },
	{ "-a.org", 0, NULL },
	{ "a-.org", 0, NULL },
	{ "a_b.org", 0, NULL },
	{ "a b.org", 0, NULL },
	{ "a/../b.org", 0, NULL },
	{ "a\nb.org", 0, NULL },
	{ "m\xc3\xbcnchen.de", 0, NULL },
	{ "192.0.2.1", 0, NULL },
	{ "2001:db8::1", 0, NULL },
	{ "[::1]", 0, NULL },
	{ "123", 0, NULL },
	{ "*.example.org", 0, NULL },
	{ "*.Example.org", DNAME_WILDCARD, "*.example.org" },
	{ "*", DNAME_WILDCARD, NULL },
	{ "*.", DNAME_WILDCARD, NULL },
	{ "*.*.org", DNAME_WILDCARD, NULL },
	{ "a*.org", DNAME_WILDCARD, NULL },
	{ "mail.*.org", DNAME_WILDCARD, NULL },
	{ "*.192.0.2.1", DNAME_WILDCARD, NULL },
};

static void test_normalise(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char buf[DNAME_MAX + 1];
		const char *name = cases[i].name;
		test_case(name);
		bool ok = dname_normalise(
			name, strlen(name), cases[i].flags, buf, sizeof(buf));
		assert_int_equal(ok, cases[i].normal != NULL);
		if (ok)
			assert_string_equal(buf, cases[i].normal);
	}
}

static void test_lengths(void **state)
{
	char name[300], buf[DNAME_MAX + 1];

	memset(name, 'a', sizeof(name));
	for (size_t i = 50; i < sizeof(name); i += 51)
		name[i] = '.';
	assert_true(dname_normalise(name, 253, 0, buf, sizeof(buf)));
	assert_false(dname_normalise(name, 253, 0, buf, sizeof(buf) - 1));
	assert_true(dname_normalise(name, 253, 0, buf, sizeof(buf)));
	assert_false(dname_normalise(name, 254, 0, buf, sizeof(buf)));
	assert_false(dname_normalise("a.org\0.evil", 11, 0, buf, sizeof(buf)));
}

static void test_is_valid(void **state)
{
	assert_true(dname_is_valid("example.org", 0));
	assert_false(dname_is_valid("Example.org", 0));
	assert_false(dname_is_valid("example.org.", 0));
	assert_false(dname_is_valid("*.example.org", 0));
	assert_true(dname_is_valid("*.example.org", DNAME_WILDCARD));
	assert_true(dname_is_wildcard("*.example.org"));
	assert_false(dname_is_wildcard("example.org"));
}

static const struct {
	const char *pattern, *name;
	bool matches;
} match_cases[] = {
	{ "a.org", "a.org", true },
	{ "a.org", "b.org", false },
	{ "*.a.org", "b.a.org", true },
	{ "*.a.org", "*.a.org", true },
	{ "*.a.org", "a.org", false },
	{ "*.a.org", "c.b.a.org", false },
	{ "*.a.org", "b.xa.org", false },
	{ "*.b.a.org", "*.a.org", false },
	{ "*.org", "*.a.org", false },
	{ "*.org", "org", false },
	{ "*.a.org", ".a.org", false },
};

static void test_matches(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(match_cases); i++) {
		test_case(match_cases[i].name);
		assert_int_equal(
			dname_matches(match_cases[i].pattern, match_cases[i].name),
			match_cases[i].matches);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normalise),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_is_valid),
		cmocka_unit_test(test_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
