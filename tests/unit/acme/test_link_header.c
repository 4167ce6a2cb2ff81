/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "acme/link_header.h"
#include "tests/lib/test.h"
#include "util/mem.h"

static const struct {
	const char *name;
	const char *value;
	const char *targets; /* joined by blanks */
} cases[] = {
	{ "quoted", "<https://a/1>;rel=\"alternate\"", "https://a/1" },
	{ "token", "<https://a/1>; rel=alternate", "https://a/1" },
	{ "any case", "<https://a/1>;REL=\"Alternate\"", "https://a/1" },
	{ "one of several types", "<https://a/1>;rel=\"up alternate\"", "https://a/1" },
	{ "several", "<u:1>;rel=alternate, <u:2>;rel=up,<u:3>;rel=alternate",
		"u:1 u:3" },
	{ "comma in quotes", "<u:1>;title=\"a, <u:9>;rel=alternate\";rel=alternate",
		"u:1" },
	{ "escaped quote", "<u:1>;title=\"a\\\"b\";rel=alternate", "u:1" },
	{ "at most three",
		"<a>;rel=alternate,<b>;rel=alternate,<c>;rel=alternate,"
		"<d>;rel=alternate",
		"a b c" },
	{ "another relation", "<u:1>;rel=\"alternates\"", "" },
	{ "parameter without value", "<u:1>;rel;x", "" },
	{ "no parameter", "<u:1>", "" },
	{ "quote not closed", "<u:1>;rel=\"alternate", "" },
	{ "bracket not closed", "<u:1;rel=alternate", "" },
	{ "escape at the end", "<u:1>;rel=\"alternate\\", "" },
	{ "garbage between", "<a>;rel=alternate garbage <b>;rel=alternate", "a" },
	{ "empty", "", "" },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(strv_freep) char **targets = NULL;
		_cleanup_(freep) char *joined = xstrdup("");

		test_case(cases[i].name);
		link_header_parse_alternates(cases[i].value, &targets, 3);
		for (size_t k = 0; k < strv_length(targets); k++) {
			char *more =
				xasprintf("%s%s%s", joined, k ? " " : "", targets[k]);

			free(joined);
			joined = more;
		}
		assert_string_equal(joined, cases[i].targets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
