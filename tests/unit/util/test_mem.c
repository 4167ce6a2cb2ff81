/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "util/mem.h"

static void test_xcalloc_zeroes(void **state)
{
	_cleanup_(freep) char *p = xcalloc(3, 5);
	_cleanup_(freep) char *none = xcalloc(0, 0);
	static const char zero[15];

	assert_memory_equal(p, zero, 15);
	assert_non_null(none);
}

/* Runs fn in a child; true when it did not come back. (A sanitizer ends the process in
 * its own way, before abort() does.) */
static bool ends_process(void (*fn)(void))
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		close(STDERR_FILENO);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

static void grow_beyond_all(void)
{
	volatile size_t n = SIZE_MAX / 2;

	free(xreallocarray(NULL, n, 4));
}

static void test_overflow_aborts(void **state)
{
	assert_true(ends_process(grow_beyond_all));
}

static void test_xreallocarray_keeps(void **state)
{
	int *v = xreallocarray(NULL, 2, sizeof(*v));

	v[0] = 1;
	v[1] = 2;
	v = xreallocarray(v, 200, sizeof(*v));
	assert_int_equal(v[0] + v[1], 3);
	v = xreallocarray(v, 0, sizeof(*v));
	assert_non_null(v);
	free(v);
}

static void test_copies(void **state)
{
	_cleanup_(freep) char *a = xstrdup("abc");
	_cleanup_(freep) char *b = xstrndup("abc", 2);
	_cleanup_(freep) char *c = xmemdup("a\0c", 3);
	_cleanup_(freep) char *d = xasprintf("%d-%s", 7, "x");

	assert_string_equal(a, "abc");
	assert_string_equal(b, "ab");
	assert_memory_equal(c, "a\0c", 3);
	assert_string_equal(d, "7-x");
	assert_null(xstrdup(NULL));
	assert_null(xstrndup(NULL, 3));
	assert_null(xmemdup(NULL, 0));
}

static void test_xstrset(void **state)
{
	_cleanup_(freep) char *s = NULL;

	xstrset(&s, "abcdef");
	assert_string_equal(s, "abcdef");
	xstrset(&s, s + 3);
	assert_string_equal(s, "def");
	xstrset(&s, NULL);
	assert_null(s);
}

static void test_str_is_same(void **state)
{
	const char a[] = "a";

	assert_true(str_is_same(NULL, NULL));
	assert_true(str_is_same("a", a));
	assert_false(str_is_same("a", "b"));
	assert_false(str_is_same("a", NULL));
	assert_false(str_is_same(NULL, "a"));
}

static void test_strv(void **state)
{
	_cleanup_(strv_freep) char **v = NULL;

	assert_int_equal(strv_length(v), 0);
	assert_false(strv_contains(v, "a"));
	strv_append(&v, "a");
	strv_append(&v, "b");
	assert_int_equal(strv_length(v), 2);
	assert_string_equal(v[1], "b");
	assert_null(v[2]);
	assert_true(strv_contains(v, "b"));
	assert_false(strv_contains(v, "c"));
	assert_null(strv_free(NULL));
}

static void test_secret_free(void **state)
{
	_cleanup_(secret_freep) char *s = xstrdup("hush");

	assert_string_equal(s, "hush");
	assert_null(secret_free(NULL));
}

static int open_and_leave(void)
{
	_cleanup_(closep) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_cleanup_(closep) int none = -1;

	assert_true(fd >= 0 && none < 0);
	return fd;
}

static void test_closep(void **state)
{
	int fd = open_and_leave();

	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_take(void **state)
{
	char *p = xstrdup("x");
	_cleanup_(freep) char *q = TAKE_PTR(p);
	int fd = 5;

	assert_null(p);
	assert_string_equal(q, "x");
	assert_int_equal(TAKE_FD(fd), 5);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_str_is_same),
		cmocka_unit_test(test_xcalloc_zeroes),
		cmocka_unit_test(test_overflow_aborts),
		cmocka_unit_test(test_xreallocarray_keeps),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_xstrset),
		cmocka_unit_test(test_strv),
		cmocka_unit_test(test_secret_free),
		cmocka_unit_test(test_closep),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
