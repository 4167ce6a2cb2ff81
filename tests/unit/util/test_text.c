/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util/text.h"

static const struct {
	const char *name, *in, *out;
} clean_cases[] = {
	{ "plain", "hello, world", "hello, world" },
	{ "empty", "", "" },
	{ "line feed and tab", "a\nb\tc\rd", "a?b?c?d" },
	{ "escape and DEL", "\033[31m\177", "?[31m?" },
	{ "umlaut and snowman", "für ☃ 𝄞", "für ☃ 𝄞" },
	{ "C1 control",
		"a\xc2\x9b"
		"b",
		"a??b" },
	{ "stray continuation", "a\x80", "a?" },
	{ "sequence cut short", "a\xe2\x98", "a??" },
	{ "overlong slash", "\xc0\xaf", "??" },
	{ "overlong in three", "\xe0\x80\xaf", "???" },
	{ "surrogate", "\xed\xa0\x80", "???" },
	{ "beyond Unicode", "\xf4\x90\x80\x80", "????" },
	{ "line separator", "a\xe2\x80\xa8", "a???" },
	{ "right-to-left override", "\xe2\x80\xaex", "???x" },
};

static void test_clean(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(clean_cases); i++) {
		char buf[64];
		test_case(clean_cases[i].name);
		memcpy(buf, clean_cases[i].in, strlen(clean_cases[i].in) + 1);
		text_clean(buf);
		assert_string_equal(buf, clean_cases[i].out);
	}
}

static const struct {
	const char *in;
	size_t size;
	const char *out;
} cut_cases[] = {
	{ "abcdefg", 8, "abcdefg" },
	{ "abcdefgh", 8, "abcd…" },
	{ "abcäxxxx", 8, "abc…" },
	{ "äöüäöü", 8, "äö…" },
	{ "abcd", 4, "…" },
};

static void test_cut(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cut_cases); i++) {
		char buf[16];
		test_case(cut_cases[i].in);
		size_t n = text_format(buf, cut_cases[i].size, "%s", cut_cases[i].in);
		assert_string_equal(buf, cut_cases[i].out);
		assert_int_equal(n, strlen(buf));
	}
}

static void test_errno_is_kept(void **state)
{
	char buf[64];

	errno = ENOENT;
	text_format(buf, sizeof(buf), "%m");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(buf, strerror(ENOENT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_errno_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
