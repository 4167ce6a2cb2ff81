/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util/base64url.h"
#include "util/mem.h"

/* RFC 4648 section 10 without padding, RFC 7515 appendix C. */
static const struct {
	const char *data;
	size_t len;
	const char *text;
} pairs[] = {
	{ "", 0, "" },
	{ "f", 1, "Zg" },
	{ "fo", 2, "Zm8" },
	{ "foo", 3, "Zm9v" },
	{ "foob", 4, "Zm9vYg" },
	{ "fooba", 5, "Zm9vYmE" },
	{ "foobar", 6, "Zm9vYmFy" },
	{ "\x03\xec\xff\xe0\xc1", 5, "A-z_4ME" },
	{ "\0\0", 2, "AAA" },
};

static void test_pairs(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_(freep) char *text =
			base64url_format(pairs[i].data, pairs[i].len);
		_cleanup_(freep) uint8_t *data = NULL;
		size_t len = 99;
		test_case(pairs[i].text);
		assert_string_equal(text, pairs[i].text);
		assert_int_equal(base64url_parse(text, &data, &len, NULL), 0);
		assert_int_equal(len, pairs[i].len);
		assert_memory_equal(data, pairs[i].data, len);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = { "A", "AAAAA", "Zg==", "Zm8=", "Zh", "Zm9",
		"Zm 8", "Zm8\n", "A+z_4ME", "A/z_4ME", "Zm9v\xc3\xa4", "=" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(err_done) struct err err = ERR_INIT;
		uint8_t *data = NULL;
		size_t len;
		test_case(bad[i]);
		assert_int_equal(base64url_parse(bad[i], &data, &len, &err), -EINVAL);
		assert_true(err_is_set(&err));
		assert_null(data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
