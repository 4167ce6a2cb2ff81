/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/wanted/suffixes.h"
#include "tests/lib/test.h"
#include "util/mem.h"

struct suffix_case {
	const char *name, *registered;
};

static const struct suffix_case suffix_cases[] = {
	{ "example.org", "example.org" },
	{ "mail.example.org", "example.org" },
	{ "a.b.c.example.org", "example.org" },
	{ "*.example.org", "example.org" },
	{ "mail.example.co.uk", "example.co.uk" },
	/* the private part of the list is a suffix, too: users are apart */
	{ "me.github.io", "me.github.io" },
	{ "mail.me.github.io", "me.github.io" },
	{ "co.uk", "co.uk" },
	{ "localhost", "localhost" },
	{ "mail.xn--bcher-kva.example", "xn--bcher-kva.example" },
};

static void test_registered(void **state)
{
	_cleanup_(suffixes_freep) struct suffixes *suffixes = suffixes_new();

	for (size_t i = 0; i < ARRAY_SIZE(suffix_cases); i++) {
		const struct suffix_case *c = &suffix_cases[i];

		test_case(c->name);
		assert_string_equal(
			suffixes_find_registered(suffixes, c->name), c->registered);
	}
}

static void test_list(void **state)
{
	_cleanup_(suffixes_freep) struct suffixes *suffixes = suffixes_new();
	_cleanup_(strv_freep) char **list = suffixes_list_registered(
		suffixes, "imap.example.org mail.example.org www.example.co.uk");

	assert_int_equal(strv_length(list), 2);
	assert_string_equal(list[0], "example.org");
	assert_string_equal(list[1], "example.co.uk");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registered),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
