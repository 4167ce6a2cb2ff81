/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/include.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

static void write_files(const char *dir)
{
	static const char *const names[] = { "b.conf", "a.conf", "B.conf", "10.conf",
		"9.conf", "x.bak" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(freep) char *path = test_tmpdir_write(dir, names[i], "");
	}
}

static void test_sorted_by_octets(void **state)
{
	static const char *const sorted[] = { "10.conf", "9.conf", "B.conf", "a.conf",
		"b.conf" };
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(strv_freep) char **paths = NULL;

	write_files(dir);
	assert_int_equal(include_find(dir, "*.conf", &paths), 0);
	assert_int_equal(strv_length(paths), ARRAY_SIZE(sorted));
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++) {
		_cleanup_(freep) char *path = xasprintf("%s/%s", dir, sorted[i]);
		assert_string_equal(paths[i], path);
	}
}

static void test_absolute_and_plain(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *path = test_tmpdir_write(dir, "x.conf", "");
	_cleanup_(strv_freep) char **paths = NULL;

	assert_int_equal(include_find("/nowhere", path, &paths), 0);
	assert_int_equal(strv_length(paths), 1);
	assert_string_equal(paths[0], path);
}

static void test_none(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	char **paths = NULL;

	assert_int_equal(include_find(dir, "x.conf", &paths), INCLUDE_E_NONE);
	assert_int_equal(include_find(dir, "*.conf", &paths), INCLUDE_E_NONE);
	assert_int_equal(include_find(dir, "no.d/*.conf", &paths), INCLUDE_E_NONE);
	assert_null(paths);
}

static void test_unreadable_folder_is_an_error(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *sub = xasprintf("%s/sub", dir);
	char **paths = NULL;

	assert_int_equal(mkdir(sub, 0), 0);
	if (geteuid() == 0) {
		print_message("    - root may read everything\n");
		return;
	}
	assert_int_equal(include_find(dir, "sub/*.conf", &paths), -EACCES);
	assert_int_equal(chmod(sub, 0700), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted_by_octets),
		cmocka_unit_test(test_absolute_and_plain),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_unreadable_folder_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
