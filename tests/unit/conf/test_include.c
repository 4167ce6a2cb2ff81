/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <glob.h>
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

/* Names of a folder, patterns in it, and what glob(3) says to them. */
static void test_as_glob(void **state)
{
	static const char *const patterns[] = { "*", "*.conf", "?.conf", "[ab].conf",
		"[ab]*", "*[ab].conf", "a\\.con*", ".*", "d/../*.bak", "d//*", "d/.*f",
		"*/*.conf", "?/x*", "a.conf/*", "d", "none", "none/*", "*none" };
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *inner = xasprintf("%s/d", dir);

	assert_int_equal(mkdir(inner, 0700), 0);
	write_files(dir);
	write_files(inner);
	free(test_tmpdir_write(inner, ".hidden.conf", ""));
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		_cleanup_(freep) char *full = xasprintf("%s/%s", dir, patterns[i]);
		_cleanup_(strv_freep) char **paths = NULL;
		_cleanup_(globfree) glob_t found = { 0 };

		test_case(patterns[i]);
		int r = glob(full, GLOB_ERR, NULL, &found);
		assert_int_equal(include_find(dir, patterns[i], &paths),
			r == 0 ? 0 : INCLUDE_E_NONE);
		assert_int_equal(strv_length(paths), found.gl_pathc);
		for (size_t k = 0; k < found.gl_pathc; k++) {
			assert_true(strv_contains(paths, found.gl_pathv[k]));
			assert_true(k == 0 || strcmp(paths[k - 1], paths[k]) < 0);
		}
	}
}

static void test_many(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(strv_freep) char **paths = NULL;

	for (unsigned i = 0; i < 300; i++) {
		_cleanup_(freep) char *name = xasprintf("%03u.conf", i * 7 % 300);
		free(test_tmpdir_write(dir, name, ""));
	}
	assert_int_equal(include_find(dir, "*.conf", &paths), 0);
	assert_int_equal(strv_length(paths), 300);
	for (unsigned i = 0; i < 300; i++) {
		_cleanup_(freep) char *path = xasprintf("%s/%03u.conf", dir, i);
		assert_string_equal(paths[i], path);
	}
}

/* It may be dropped while it looks, and with paths that nobody has taken. */
static void test_steps(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	unsigned n_steps = 0;
	int r = INCLUDE_E_GOES_ON;

	write_files(dir);
	for (; r == INCLUDE_E_GOES_ON; n_steps++) {
		_cleanup_(include_freep) struct include *include =
			include_new(dir, "*.conf");
		for (unsigned i = 0; i <= n_steps; i++)
			r = include_step(include);
		if (r == INCLUDE_E_GOES_ON)
			continue;
		_cleanup_(freep) char *first = include_take(include);
		assert_string_equal(strrchr(first, '/'), "/10.conf");
	}
	assert_int_equal(r, 0);
	/* The folder, its six files, "." and "..", and the end. */
	assert_int_equal(n_steps, 1 + 6 + 2 + 1);
	assert_null(include_free(NULL));
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
		cmocka_unit_test(test_as_glob),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_absolute_and_plain),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_unreadable_folder_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
