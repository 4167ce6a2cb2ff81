/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/atomic_file.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

static void assert_content(const char *path, const char *content, mode_t mode)
{
	struct buf buf = BUF_INIT(100);
	struct stat st;

	assert_int_equal(file_read(path, 0, 100, &buf, NULL), 0);
	assert_string_equal(buf_str(&buf), content);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	buf_done(&buf);
}

static unsigned count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void test_write(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *path = xasprintf("%s/cert.pem", dir);
	struct atomic_file_params params = {
		.path = path,
		.data = "one",
		.len = 3,
		.mode = 0640,
		.owner = getpwuid(getuid())->pw_name,
		.group = getgrgid(getgid())->gr_name,
	};

	/* The mode is what was asked for, whatever the umask. */
	mode_t before = umask(0777);
	int r = atomic_file_write(&params, NULL);
	umask(before);
	assert_int_equal(r, 0);
	assert_content(path, "one", 0640);
	params.data = "three";
	params.len = 5;
	params.mode = 0600;
	assert_int_equal(atomic_file_write(&params, NULL), 0);
	assert_content(path, "three", 0600);
	assert_int_equal(count_entries(dir), 1);
}

static void test_symlink_is_replaced(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *precious = test_tmpdir_write(dir, "precious", "old");
	_cleanup_(freep) char *path = xasprintf("%s/link", dir);
	struct atomic_file_params params = {
		.path = path,
		.data = "new",
		.len = 3,
		.mode = 0600,
	};

	assert_int_equal(symlink(precious, path), 0);
	assert_int_equal(atomic_file_write(&params, NULL), 0);
	assert_content(path, "new", 0600);
	assert_content(precious, "old", 0600);
}

static void test_failures(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *good = test_tmpdir_write(dir, "good", "old");
	_cleanup_(freep) char *no_folder = xasprintf("%s/none/x", dir);
	_cleanup_(freep) char *folder = xasprintf("%s/", dir);
	_cleanup_(freep) char *other = xasprintf("%s/other", dir);
	struct atomic_file_params bad[] = {
		{ .path = no_folder, .mode = 0600 },
		{ .path = folder, .mode = 0600 },
		{ .path = other, .mode = 0600, .owner = "no-such-user-here" },
		{ .path = other, .mode = 0600, .group = "no-such-group-here" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct atomic_file_params set[] = {
			{ .path = good, .data = "new", .len = 3, .mode = 0600 },
			bad[i],
		};
		struct err err = ERR_INIT;

		assert_true(atomic_file_write_set(set, 2, &err) < 0);
		assert_true(err_is_set(&err));
		err_done(&err);
		/* None was changed, nothing is left over. */
		assert_content(good, "old", 0600);
		assert_int_equal(count_entries(dir), 1);
	}
}

static void test_set(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *cert = xasprintf("%s/cert", dir);
	_cleanup_(freep) char *key = xasprintf("%s/key", dir);
	struct atomic_file_params set[] = {
		{ .path = cert, .data = "c", .len = 1, .mode = 0644 },
		{ .path = key, .data = "k", .len = 1, .mode = 0600 },
	};

	assert_int_equal(atomic_file_write_set(set, 2, NULL), 0);
	assert_content(cert, "c", 0644);
	assert_content(key, "k", 0600);
	assert_int_equal(count_entries(dir), 2);
}

/* clang-format off */
static const struct {
	const char *name;
	mode_t mode;
	unsigned flags;
	size_t max;
	int r;
} reads[] = {
	{ "as large as the cap", 0600, 0, 5, 0 },
	{ "one octet too large", 0600, 0, 4, -EFBIG },
	{ "readable by all", 0644, 0, 9, 0 },
	{ "private", 0600, FILE_PRIVATE, 9, 0 },
	{ "group reads", 0640, FILE_PRIVATE, 9, -EPERM },
	{ "group may read", 0640, FILE_PRIVATE | FILE_GROUP, 9, 0 },
	{ "group writes", 0660, FILE_PRIVATE | FILE_GROUP, 9, -EPERM },
	{ "others read", 0604, FILE_PRIVATE | FILE_GROUP, 9, -EPERM },
	{ "read-only", 0400, FILE_PRIVATE, 9, 0 },
};

/* clang-format on */

static void test_read(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *path = test_tmpdir_write(dir, "f", "hello");

	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		struct buf buf = BUF_INIT_SECRET(100);
		struct err err = ERR_INIT;

		test_case(reads[i].name);
		assert_int_equal(chmod(path, reads[i].mode), 0);
		assert_int_equal(
			file_read(path, reads[i].flags, reads[i].max, &buf, &err),
			reads[i].r);
		if (reads[i].r == 0)
			assert_string_equal(buf_str(&buf), "hello");
		if (reads[i].r == -EPERM)
			assert_non_null(strstr(err.detail, "chmod 06"));
		err_done(&err);
		buf_done(&buf);
	}
}

static void test_read_what_is_no_file(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *fifo = xasprintf("%s/fifo", dir);
	_cleanup_(freep) char *none = xasprintf("%s/none", dir);
	struct buf buf = BUF_INIT(100);

	assert_int_equal(mkfifo(fifo, 0600), 0);
	/* Does not wait for somebody to write into it. */
	assert_int_equal(file_read(fifo, 0, 100, &buf, NULL), -EINVAL);
	assert_int_equal(file_read(dir, 0, 100, &buf, NULL), -EINVAL);
	assert_int_equal(file_read("/dev/zero", 0, 100, &buf, NULL), -EINVAL);
	assert_int_equal(file_read(none, 0, 100, &buf, NULL), -ENOENT);
	buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_symlink_is_replaced),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_what_is_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
