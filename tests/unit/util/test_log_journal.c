/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "util/log_journal.h"
#include "util/mem.h"

static int listen_at(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void test_entry(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *path = xasprintf("%s/socket", dir);
	_cleanup_(closep) int journal = listen_at(path);
	_cleanup_(closep) int fd = log_journal_open();
	const struct log_ctx domain = { .key = "DOMAIN", .value = "example.org" };
	const struct log_ctx cert = {
		.parent = &domain, .key = "CERT", .value = "a\nPRIORITY=0"
	};
	const struct log_journal_entry entry = { .ident = "testd",
		.message = "renewed",
		.file = "a.c",
		.line = 12,
		.level = LOG_LEVEL_NOTICE,
		.ctx = &cert };
	char got[1024] = "";

	assert_int_equal(log_journal_send(fd, path, &entry), 0);
	assert_true(recv(journal, got, sizeof(got) - 1, 0) > 0);
	assert_string_equal(got,
		"MESSAGE=renewed\nPRIORITY=5\nSYSLOG_IDENTIFIER=testd\n"
		"CODE_FILE=a.c\nCODE_LINE=12\nCERT=a?PRIORITY=0\nDOMAIN=example.org\n");
}

static void test_absent_and_stuck(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *path = xasprintf("%s/socket", dir);
	_cleanup_(closep) int fd = log_journal_open();
	const struct log_journal_entry entry = {
		.ident = "testd", .message = "m", .file = "a.c", .level = LOG_LEVEL_INFO
	};
	int r = 0;

	assert_int_equal(log_journal_send(fd, path, &entry), -ENOENT);
	_cleanup_(closep) int journal = listen_at(path);
	assert_true(journal >= 0);
	/* Nobody reads: it must refuse in the end, and not wait. */
	for (int i = 0; i < 100000 && r == 0; i++)
		r = log_journal_send(fd, path, &entry);
	assert_int_equal(r, -EAGAIN);
}

static void test_is_stream(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *path = test_tmpdir_write(dir, "f", "");
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	_cleanup_(freep) char *same = xasprintf("%llu:%llu",
		(unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	_cleanup_(freep) char *more = xasprintf("%sx", same);
	unsetenv("JOURNAL_STREAM");
	assert_false(log_journal_is_stream(fd));
	setenv("JOURNAL_STREAM", same, 1);
	assert_true(log_journal_is_stream(fd));
	assert_false(log_journal_is_stream(-1));
	setenv("JOURNAL_STREAM", more, 1);
	assert_false(log_journal_is_stream(fd));
	setenv("JOURNAL_STREAM", "1:2", 1);
	assert_false(log_journal_is_stream(fd));
	setenv("JOURNAL_STREAM", "nonsense", 1);
	assert_false(log_journal_is_stream(fd));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_absent_and_stuck),
		cmocka_unit_test(test_is_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
