/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/test_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/test_tmpdir.h"
#include "util/log.h"
#include "util/mem.h"

static void test_prefix(void **state)
{
	const struct log_ctx domain = { .key = "DOMAIN", .value = "example.org" };
	const struct log_ctx unnamed = { .parent = &domain, .key = "X", .value = NULL };
	const struct log_ctx cert = {
		.parent = &unnamed, .key = "CERT", .value = "a\nb"
	};

	log_info(&cert, "renewed, %d days", 90);
	assert_true(test_log_has(LOG_LEVEL_INFO, "example.org: a?b: renewed, 90 days"));
	log_info(NULL, "plain\nline");
	assert_true(test_log_has(LOG_LEVEL_INFO, "plain?line"));
	assert_false(test_log_has(LOG_LEVEL_NOTICE, "plain"));
}

static void test_expected(void **state)
{
	test_log_expect(LOG_LEVEL_WARNING, "degraded");
	test_log_expect(LOG_LEVEL_ERROR, "broken");
	log_warning(NULL, "it is degraded");
	log_error(NULL, "it is broken");
}

static void test_level(void **state)
{
	log_set_level(LOG_LEVEL_NOTICE);
	log_info(NULL, "not said");
	log_notice(NULL, "said");
	assert_false(test_log_has(LOG_LEVEL_INFO, "not said"));
	assert_true(test_log_has(LOG_LEVEL_NOTICE, "said"));
	assert_int_equal(log_get_level(), LOG_LEVEL_NOTICE);
	assert_int_equal(log_level_parse("warning"), LOG_LEVEL_WARNING);
	assert_int_equal(log_level_parse("loud"), -EINVAL);
	assert_string_equal(log_level_name(LOG_LEVEL_DEBUG), "debug");
}

static void test_errno(void **state)
{
	errno = ENOENT;
	log_info(NULL, "open: %m");
	assert_int_equal(errno, ENOENT);
	assert_true(test_log_has(LOG_LEVEL_INFO, strerror(ENOENT)));
}

static void test_long_message(void **state)
{
	_cleanup_(freep) char *huge = xcalloc(10001, 1);

	memset(huge, 'x', 10000);
	const struct log_ctx a = { .key = "A", .value = huge };
	const struct log_ctx b = { .parent = &a, .key = "B", .value = huge };
	log_info(&b, "%s", huge);
	assert_true(test_log_has(LOG_LEVEL_INFO, "xxx…"));
}

/* The capture itself: what must make a test fail does so. */
static void test_capture_judges(void **state)
{
	test_log_expect(LOG_LEVEL_WARNING, "never said");
	assert_int_equal(test_log_teardown(state), -1);
	test_log_setup(state);
	log_warning(NULL, "not announced (this line is part of the test)");
	assert_int_equal(test_log_teardown(state), -1);
	test_log_setup(state);
}

/* What log_at writes to stderr, which is a file for a while. */
static char *log_to_file(const char *dir, const struct log_ctx *ctx, const char *text)
{
	_cleanup_(freep) char *path = test_tmpdir_write(dir, "stderr", "");
	_cleanup_(closep) int file = open(path, O_RDWR | O_CLOEXEC);
	_cleanup_(closep) int saved = dup(STDERR_FILENO);
	char buf[8192] = "";

	assert_true(file >= 0 && saved >= 0);
	dup2(file, STDERR_FILENO);
	log_open("testd", LOG_TARGET_AUTO);
	log_capture(NULL, NULL);
	log_info(ctx, "%s", text);
	dup2(saved, STDERR_FILENO);
	assert_true(pread(file, buf, sizeof(buf) - 1, 0) >= 0);
	return xstrdup(buf);
}

static void test_stderr(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	const struct log_ctx ctx = { .key = "CERT", .value = "a.org" };
	_cleanup_(freep) char *huge = xcalloc(10001, 1);

	_cleanup_(freep) char *line = log_to_file(dir, &ctx, "done");
	assert_string_equal(line, "testd: info: a.org: done\n");
	memset(huge, 'x', 10000);
	_cleanup_(freep) char *cut = log_to_file(dir, NULL, huge);
	assert_int_equal(strlen(cut), strlen("testd: info: ") + 2048 + 1);
	assert_string_equal(cut + strlen(cut) - 5, "x…\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_prefix),
		test_with_log(test_expected),
		test_with_log(test_level),
		test_with_log(test_errno),
		test_with_log(test_long_message),
		test_with_log(test_capture_judges),
		test_with_log(test_stderr),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
