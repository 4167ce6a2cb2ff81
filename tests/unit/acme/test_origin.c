/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "acme/origin.h"
#include "tests/lib/test.h"
#include "util/mem.h"

/* origin NULL: refused. */
static const struct {
	const char *url;
	const char *origin;
} cases[] = {
	{ "https://ca.test/directory", "ca.test:443" },
	{ "https://ca.test", "ca.test:443" },
	{ "HTTPS://CA.Test:443/x?y=z", "ca.test:443" },
	{ "https://ca.test:8443?x", "ca.test:8443" },
	{ "https://[::1]:14000/dir", "[::1]:14000" },
	{ "https://127.0.0.1:65535/", "127.0.0.1:65535" },
	{ "http://ca.test/", NULL },
	{ "ftp://ca.test/", NULL },
	{ "//ca.test/", NULL },
	{ "/order/1", NULL },
	{ "", NULL },
	{ NULL, NULL },
	{ "https://", NULL },
	{ "https:///x", NULL },
	{ "https://user@ca.test/", NULL },
	{ "https://ca.test@evil.test/", NULL },
	{ "https://ca.test:443@evil.test/", NULL },
	{ "https://ca.test\\@evil.test/", NULL },
	{ "https://ca.test#@evil.test/", NULL },
	{ "https://ca.test/x#y", NULL },
	{ "https://ca.test:0/", NULL },
	{ "https://ca.test:65536/", NULL },
	{ "https://ca.test:4 43/", NULL },
	{ "https://ca.test:/", NULL },
	{ "https://ca.test:443x/", NULL },
	{ "https://ca.test/a b", NULL },
	{ "https://ca.test/a\r\nX: y", NULL },
	{ "https://ca%2etest/", NULL },
	{ "https://[::1/", NULL },
	{ "https://[]/", NULL },
	{ "https://c\xc3\xa4.test/", NULL },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *origin = NULL;
		_cleanup_(err_done) struct err err = ERR_INIT;

		test_case(cases[i].url ? cases[i].url : "(none)");
		int r = origin_parse(cases[i].url, &origin, &err);
		if (cases[i].origin) {
			assert_int_equal(r, 0);
			assert_string_equal(origin, cases[i].origin);
			continue;
		}
		assert_true(r < 0);
		assert_int_equal(err.kind, ERR_CA);
		assert_null(origin);
	}
}

static void test_length(void **state)
{
	_cleanup_(freep) char *path = xnew_array(char, ORIGIN_URL_BYTES_MAX + 1);
	_cleanup_(freep) char *origin = NULL;

	memset(path, 'a', ORIGIN_URL_BYTES_MAX);
	_cleanup_(freep) char *url = xasprintf("https://ca.test/%s", path);
	assert_true(origin_parse(url, &origin, NULL) < 0);
	url[ORIGIN_URL_BYTES_MAX] = '\0';
	assert_int_equal(origin_parse(url, &origin, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
