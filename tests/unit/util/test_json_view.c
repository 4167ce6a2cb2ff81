/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util/buf.h"
#include "util/json_view.h"
#include "util/mem.h"

static json_t *parse(const char *text)
{
	json_t *j = NULL;

	assert_int_equal(json_view_parse(&j, text, strlen(text), NULL), 0);
	return j;
}

static void test_getters(void **state)
{
	_cleanup_(json_view_unrefp) json_t *j = parse(
		"{\"s\":\"x\",\"o\":{\"n\":5},\"a\":[1],\"t\":true,\"f\":false,\"z\":null,\"r\":1.5}");

	assert_string_equal(json_view_string(j, "s"), "x");
	assert_null(json_view_string(j, "o"));
	assert_null(json_view_string(j, "none"));
	assert_int_equal(json_view_int(json_view_object(j, "o"), "n", -1), 5);
	assert_null(json_view_object(j, "a"));
	assert_int_equal(json_array_size(json_view_array(j, "a")), 1);
	assert_null(json_view_array(j, "o"));
	assert_int_equal(json_view_int(j, "r", -1), -1);
	assert_int_equal(json_view_int(j, "z", -1), -1);
	assert_true(json_view_bool(j, "t", false));
	assert_false(json_view_bool(j, "f", true));
	assert_true(json_view_bool(j, "s", true));
	/* Neither NULL nor an array has members. */
	assert_null(json_view_string(NULL, "s"));
	assert_null(json_view_string(json_view_array(j, "a"), "s"));
}

static const struct {
	const char *name, *text;
} bad_cases[] = {
	{ "empty", "" },
	{ "scalar", "5" },
	{ "string", "\"x\"" },
	{ "cut", "{\"a\":" },
	{ "text behind", "{} x" },
	{ "duplicate", "{\"a\":1,\"a\":2}" },
	{ "NUL", "{\"a\":\"\\u0000\"}" },
	{ "not UTF-8", "{\"a\":\"\xff\"}" },
	{ "huge real", "[1e1000000000]" },
	{ "huge integer", "[99999999999999999999999999]" },
	{ "HTML", "<html>" },
	{ "open string", "[\"abc\\" },
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_cases); i++) {
		_cleanup_(err_done) struct err err = ERR_INIT;
		json_t *j = NULL;
		const char *text = bad_cases[i].text;
		test_case(bad_cases[i].name);
		assert_int_equal(
			json_view_parse(&j, text, strlen(text), &err), -EINVAL);
		assert_true(err_is_set(&err));
		assert_null(j);
	}
}

static int parse_nested(unsigned depth)
{
	_cleanup_(buf_done) struct buf buf = BUF_INIT(1000000);
	_cleanup_(json_view_unrefp) json_t *j = NULL;

	for (unsigned i = 0; i < depth; i++)
		buf_append_u8(&buf, '[');
	/* Brackets inside of a string are none. */
	buf_append_str(&buf, "\"[[[\\\"[[[[[[[[\"");
	for (unsigned i = 0; i < depth; i++)
		buf_append_u8(&buf, ']');
	return json_view_parse(&j, buf.data, buf.len, NULL);
}

static void test_depth(void **state)
{
	assert_int_equal(parse_nested(JSON_VIEW_DEPTH_MAX), 0);
	assert_int_equal(parse_nested(JSON_VIEW_DEPTH_MAX + 1), -EINVAL);
	assert_int_equal(parse_nested(100000), -EINVAL);
}

static void test_format(void **state)
{
	_cleanup_(json_view_unrefp) json_t *j =
		parse("{ \"b\" : [ 1, 2 ], \"a\" : \"x\" }");
	_cleanup_(freep) char *text = json_view_format(j);

	assert_string_equal(text, "{\"a\":\"x\",\"b\":[1,2]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
