/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util/err.h"
#include "util/mem.h"

static void assert_format(const struct err *err, const char *want)
{
	_cleanup_(freep) char *text = err_format(err);

	assert_string_equal(text, want);
}

static void test_set_and_wrap(void **state)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	assert_false(err_is_set(&err));
	assert_format(&err, "no error");
	assert_int_equal(
		err_set_kind(&err, ERR_CA, -EPROTO, "no %s", "nonce"), -EPROTO);
	assert_int_equal(err_wrap(&err, -EPROTO, "order %d", 7), -EPROTO);
	assert_int_equal(err_wrap(&err, -EPROTO, "example.org"), -EPROTO);
	assert_true(err_is_set(&err));
	assert_int_equal(err.kind, ERR_CA);
	assert_non_null(strstr(err.file, "test_err.c"));
	assert_true(err.line > 0);
	assert_format(&err, "example.org: order 7: no nonce");
}

static void test_null_is_accepted(void **state)
{
	assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
	assert_int_equal(err_wrap(NULL, -EIO, "x"), -EIO);
}

static void test_first_cause_stays(void **state)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	err_set(&err, -EIO, "first");
	assert_int_equal(err_set_kind(&err, ERR_CA, -EPERM, "second"), -EPERM);
	assert_int_equal(err.code, -EIO);
	assert_int_equal(err.kind, ERR_LOCAL);
	assert_format(&err, "first");
}

static void test_wrap_of_bare_code(void **state)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	assert_int_equal(err_wrap(&err, -ENOENT, "open it"), -ENOENT);
	assert_format(&err, "open it: no such file or directory");
}

static void test_middle_context_is_lost(void **state)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	err_set(&err, -EIO, "cause");
	for (int i = 0; i < 20; i++)
		err_wrap(&err, -EIO, "level %d", i);
	assert_int_equal(err.n_context, ERR_CONTEXT_MAX);
	assert_format(
		&err, "level 19: level 18: level 17: level 2: level 1: level 0: cause");
}

static void test_text_from_outside(void **state)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *huge = xcalloc(5001, 1);

	memset(huge, 'x', 5000);
	err_set(&err, -EIO, "a\nb\033[2J%s", huge);
	err_wrap(&err, -EIO, "c\rd");
	assert_memory_equal(err.detail, "a?b?[2Jxx", 9);
	assert_int_equal(strlen(err.detail), ERR_TEXT_MAX);
	assert_string_equal(err.context[0], "c?d");
}

static void test_move_and_copy(void **state)
{
	_cleanup_(err_done) struct err a = ERR_INIT;
	_cleanup_(err_done) struct err b = ERR_INIT;

	err_set(&a, -EIO, "old");
	err_set(&b, -EPERM, "new");
	err_wrap(&b, -EPERM, "outer");
	b.problem = xstrdup("urn:x");
	b.retry_at_usec = 5;
	err_copy(&a, &b);
	assert_format(&a, "outer: new");
	assert_string_equal(a.problem, "urn:x");
	assert_ptr_not_equal(a.problem, b.problem);
	err_move(&a, &b);
	assert_false(err_is_set(&b));
	assert_int_equal(a.retry_at_usec, 5);
	err_move(&a, &a);
	err_copy(&a, &a);
	assert_format(&a, "outer: new");
	err_move(&a, &b);
	assert_false(err_is_set(&a));
}

static void test_kind_name(void **state)
{
	assert_string_equal(err_kind_name(ERR_LOCAL), "local");
	assert_string_equal(err_kind_name(ERR_PLUGIN), "plugin");
	assert_string_equal(err_kind_name(_ERR_KIND_MAX), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_and_wrap),
		cmocka_unit_test(test_null_is_accepted),
		cmocka_unit_test(test_first_cause_stays),
		cmocka_unit_test(test_wrap_of_bare_code),
		cmocka_unit_test(test_middle_context_is_lost),
		cmocka_unit_test(test_text_from_outside),
		cmocka_unit_test(test_move_and_copy),
		cmocka_unit_test(test_kind_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
