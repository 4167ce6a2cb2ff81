/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util/buf.h"
#include "util/mem.h"

static void test_append(void **state)
{
	_cleanup_(buf_done) struct buf buf = BUF_INIT(1000);

	assert_string_equal(buf_str(&buf), "");
	assert_int_equal(buf_append(&buf, NULL, 0), 0);
	assert_int_equal(buf_append_str(&buf, "abc"), 0);
	assert_int_equal(buf_append(&buf, "d\0e", 3), 0);
	assert_int_equal(buf_printf(&buf, "%s=%d", "x", 5), 0);
	assert_int_equal(buf.len, 9);
	assert_memory_equal(buf.data, "abcd\0ex=5", 10);
}

static void test_integers(void **state)
{
	_cleanup_(buf_done) struct buf buf = BUF_INIT(100);

	assert_int_equal(buf_append_u8(&buf, 0x01), 0);
	assert_int_equal(buf_append_be16(&buf, 0x0203), 0);
	assert_int_equal(buf_append_be32(&buf, 0x04050607), 0);
	assert_int_equal(buf_append_be64(&buf, UINT64_C(0x08090a0b0c0d0e0f)), 0);
	assert_int_equal(buf.len, 15);
	for (size_t i = 0; i < buf.len; i++)
		assert_int_equal(buf.data[i], i + 1);
}

static void test_cap(void **state)
{
	_cleanup_(buf_done) struct buf buf = BUF_INIT(5);
	struct buf none = BUF_INIT(0);

	assert_int_equal(buf_append_str(&buf, "abc"), 0);
	assert_int_equal(buf_append_str(&buf, "def"), -E2BIG);
	assert_int_equal(buf_printf(&buf, "%d", 123), -E2BIG);
	assert_int_equal(buf_append_be32(&buf, 1), -E2BIG);
	assert_null(buf_reserve(&buf, SIZE_MAX));
	assert_string_equal(buf_str(&buf), "abc");
	assert_int_equal(buf_append_str(&buf, "de"), 0);
	assert_string_equal(buf_str(&buf), "abcde");
	assert_int_equal(buf_append_str(&none, "x"), -E2BIG);
	assert_null(none.data);
}

static void test_reserve_and_commit(void **state)
{
	_cleanup_(buf_done) struct buf buf = BUF_INIT(200);

	char *room = buf_reserve(&buf, 200);
	assert_non_null(room);
	memset(room, 'x', 200);
	buf_commit(&buf, 3);
	assert_string_equal(buf_str(&buf), "xxx");
	assert_null(buf_reserve(&buf, 198));
	assert_non_null(buf_reserve(&buf, 197));
}

static void test_consume_and_reset(void **state)
{
	_cleanup_(buf_done) struct buf buf = BUF_INIT_SECRET(100);

	buf_consume(&buf, 0);
	buf_reset(&buf);
	buf_append_str(&buf, "hello world");
	buf_consume(&buf, 6);
	assert_string_equal(buf_str(&buf), "world");
	/* Nothing of the secret is left behind the content. */
	assert_memory_equal(buf.data, "world\0\0\0\0\0\0", 12);
	buf_reset(&buf);
	assert_int_equal(buf.len, 0);
	assert_memory_equal(buf.data, "\0\0\0\0\0", 6);
}

static void test_secret_grows(void **state)
{
	_cleanup_(buf_done) struct buf buf = BUF_INIT_SECRET(100000);

	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_append_str(&buf, "0123456789"), 0);
	assert_int_equal(buf_append_u8(&buf, 0), -E2BIG);
	assert_memory_equal(buf.data + 99990, "0123456789", 11);
}

static void test_steal(void **state)
{
	_cleanup_(buf_done) struct buf buf = BUF_INIT(100);

	_cleanup_(freep) char *empty = buf_steal(&buf);
	assert_string_equal(empty, "");
	buf_append_str(&buf, "x");
	_cleanup_(freep) char *x = buf_steal(&buf);
	assert_string_equal(x, "x");
	assert_int_equal(buf.len, 0);
	buf_append_str(&buf, "again");
	assert_string_equal(buf_str(&buf), "again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_reserve_and_commit),
		cmocka_unit_test(test_consume_and_reset),
		cmocka_unit_test(test_secret_grows),
		cmocka_unit_test(test_steal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
