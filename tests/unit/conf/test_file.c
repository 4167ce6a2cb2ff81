/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "conf/file.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

struct row {
	const char *name;
	mode_t mode;
	const char *command; /* when root does not own it; NULL = accepted */
	const char *root_command;
};

/* clang-format off */
static const struct row rows[] = {
	{ "owner",            0600, NULL,         NULL },
	{ "owner, read only", 0400, NULL,         NULL },
	{ "group",            0640, "chmod 0600", NULL },
	{ "everybody",        0644, "chmod 0640", "chmod 0640" },
	{ "others write",     0602, "chmod 0640", "chmod 0640" },
	{ "group writes",     0620, "chmod 0640", "chmod 0640" },
};

/* clang-format on */

static void test_modes_of_secrets(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *path = test_tmpdir_write(dir, "secret", "s\n");
	bool is_root = geteuid() == 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(buf_done) struct buf out = BUF_INIT_SECRET(100);
		_cleanup_(freep) char *reason = NULL;
		const char *command = is_root ? rows[i].root_command : rows[i].command;
		test_case(rows[i].name);
		assert_int_equal(chmod(path, rows[i].mode), 0);
		int r = conf_file_read_secret(path, &out, &reason);
		assert_int_equal(r, command ? -EPERM : 0);
		if (!command) {
			assert_string_equal(buf_str(&out), "s\n");
			continue;
		}
		_cleanup_(freep) char *run = xasprintf("run: %s %s", command, path);
		assert_non_null(strstr(reason, run));
		assert_int_equal(out.len, 0);
	}
}

static void test_not_regular(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *fifo = xasprintf("%s/fifo", dir);
	_cleanup_(buf_done) struct buf out = BUF_INIT(100);
	struct stat st;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	const char *const paths[] = { fifo, dir, "/dev/zero" };
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_(freep) char *reason = NULL;
		test_case(paths[i]);
		assert_int_equal(conf_file_read(paths[i], &out, &st, &reason), -EINVAL);
		assert_string_equal(reason, "it is not a regular file");
	}
}

static void test_sizes(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *path = test_tmpdir_write(dir, "f", "12345");
	struct stat st;

	for (size_t max = 4; max <= 6; max++) {
		_cleanup_(buf_done) struct buf out = BUF_INIT(max);
		_cleanup_(freep) char *reason = NULL;
		int r = conf_file_read(path, &out, &st, &reason);
		assert_int_equal(r, max < 5 ? -E2BIG : 0);
		if (r == 0)
			assert_string_equal(buf_str(&out), "12345");
		else
			assert_string_equal(reason, "it is larger than 4 octets");
	}
}

static void test_missing(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT(100);
	_cleanup_(freep) char *reason = NULL;
	struct stat st;

	assert_int_equal(conf_file_read("/nonexistent/x", &out, &st, &reason), -ENOENT);
	assert_string_equal(reason, "No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes_of_secrets),
		cmocka_unit_test(test_not_regular),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
