/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "tests/lib/test.h"
#include "util/strtab.h"

static const char *const colours[] = { [0] = "red", [2] = "blue" };

static void test_names(void **state)
{
	assert_string_equal(STRTAB_NAME(colours, 2), "blue");
	assert_string_equal(STRTAB_NAME(colours, 1), "?");
	assert_string_equal(STRTAB_NAME(colours, 3), "?");
	assert_string_equal(STRTAB_NAME(colours, -1), "?");
	assert_int_equal(STRTAB_FIND(colours, "blue"), 2);
	assert_int_equal(STRTAB_FIND(colours, "Blue"), -EINVAL);
	assert_int_equal(STRTAB_FIND(colours, ""), -EINVAL);
	assert_int_equal(STRTAB_FIND(colours, NULL), -EINVAL);
}

static const char *const settings[] = { "names", "key_type", "challenge", "deploy",
	"backend", "tls", "dns", "protocol", "proxy_protocol", NULL };

static const struct {
	const char *name, *nearest;
} cases[] = {
	{ "name", "names" },
	{ "key-type", "key_type" },
	{ "Key_Type", "key_type" },
	{ "chalenge", "challenge" },
	{ "challenges", "challenge" },
	{ "delpoy", "deploy" },
	{ "tsl", "tls" },
	{ "protcol", "protocol" },
	{ "proxy_protocoll", "proxy_protocol" },
	{ "colour", NULL },
	{ "x", NULL },
	{ "", NULL },
	{ "nonsense_that_is_much_longer_than_any_name_of_a_setting_may_be", NULL },
};

static void test_nearest(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		test_case(cases[i].name);
		const char *got = strtab_nearest(settings, cases[i].name);
		if (!cases[i].nearest) {
			assert_null(got);
			continue;
		}
		assert_non_null(got);
		assert_string_equal(got, cases[i].nearest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
