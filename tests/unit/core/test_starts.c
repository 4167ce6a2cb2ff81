/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deaths that follow each other, and the file that counts them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/process/starts.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

static void be_started_by(pid_t pid)
{
	_cleanup_(freep) char *text = xasprintf("%d", (int)pid);

	assert_int_equal(setenv("SYSTEMD_EXEC_PID", text, 1), 0);
}

static unsigned start_in(const char *dir)
{
	struct starts starts;

	starts_init(&starts, dir);
	unsigned n = starts.n_deaths;
	starts_done(&starts);
	return n;
}

static bool has_file(const char *dir)
{
	_cleanup_(freep) char *path = xasprintf("%s/" STARTS_FILE, dir);

	return access(path, F_OK) == 0;
}

/* --- the count ----------------------------------------------------------------------------- */

static void test_counts(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	struct starts starts;

	be_started_by(getpid());
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(start_in(dir), i);
	starts_init(&starts, dir);
	starts_forget(&starts);
	starts_done(&starts);
	assert_int_equal(start_in(dir), 0);
	assert_int_equal(start_in(dir), 1);
}

/* An image that an upgrade starts is no start, but one that can live. */
static void test_upgraded(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	struct starts starts;

	be_started_by(getpid());
	assert_int_equal(start_in(dir), 0);
	starts_init_upgraded(&starts, dir);
	assert_int_equal(starts.n_deaths, 0);
	assert_int_equal(start_in(dir), 1);
	starts_forget(&starts);
	starts_done(&starts);
	assert_int_equal(start_in(dir), 0);
}

static void test_nobody_starts_us_again(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	struct starts starts;

	be_started_by(getppid());
	assert_int_equal(start_in(dir), 0);
	assert_int_equal(start_in(dir), 0);
	setenv("SYSTEMD_EXEC_PID", "", 1);
	assert_int_equal(start_in(dir), 0);
	unsetenv("SYSTEMD_EXEC_PID");
	starts_init(&starts, dir);
	starts_forget(&starts);
	starts_done(&starts);
	assert_false(has_file(dir));
}

/* clang-format off */
static const struct {
	const char *text;
	unsigned n;
} rows[] = {
	{ "", 0 },          { "\n", 0 },     { "x\n", 0 },   { "3", 0 },
	{ "-1\n", 0 },      { " 3\n", 0 },   { "3\n", 3 },   { "3 \n", 0 },
	{ "03\n", 3 },      { "3\nx", 3 },   { "7\n\n", 7 }, { "12345678901234567890\n", 0 },
	{ "99999999999\n", 0 },
};

/* clang-format on */

static void test_file_that_lies(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();

	be_started_by(getpid());
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		test_case(rows[i].text);
		free(test_tmpdir_write(dir, STARTS_FILE, rows[i].text));
		assert_int_equal(start_in(dir), rows[i].n);
		/* and it is mended */
		assert_int_equal(start_in(dir), rows[i].n + 1);
	}
}

static void test_file_that_cannot_be(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(freep) char *path = xasprintf("%s/" STARTS_FILE, dir);
	_cleanup_(freep) char *nowhere = xasprintf("%s/none", dir);

	be_started_by(getpid());
	assert_int_equal(start_in(nowhere), 0);
	assert_int_equal(start_in(nowhere), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(start_in(dir), 0);
	assert_int_equal(start_in(dir), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(start_in(dir), 0);
}

/* --- the pause ------------------------------------------------------------------------------- */

static void test_grows(void **state)
{
	static const unsigned sec[] = { 0, 0, 1, 2, 4, 8, 16, 30, 30, 30 };
	struct starts starts = { 0 };
	usec_t minute = 0;
	unsigned n = 0;

	for (; starts.n_deaths < ARRAY_SIZE(sec); starts.n_deaths++)
		assert_int_equal(
			starts_get_pause(&starts), sec[starts.n_deaths] * USEC_PER_SEC);
	starts.n_deaths = UINT32_MAX;
	assert_int_equal(starts_get_pause(&starts), 30 * USEC_PER_SEC);
	/* starts in the first minute, when each dies at once */
	for (starts.n_deaths = 0; minute < USEC_PER_MIN; starts.n_deaths++, n++)
		minute += starts_get_pause(&starts);
	assert_true(n <= 8);
}

static void block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static int open_notify(const char *dir)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", at.sun_path, 1), 0);
	return fd;
}

/* Thirty seconds that a signal ends; a test that hangs has failed. */
static void test_ends_early(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	const struct starts starts = { .n_deaths = 9 };
	const struct timespec none = { 0 };
	sigset_t set;

	block(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		test_log_expect(LOG_LEVEL_WARNING, "has died 9 times");
		raise(signals[i]);
		assert_int_equal(starts_pause(&starts),
			signals[i] == SIGHUP ? STARTS_E_AGAIN : 0);
		/* who wants a stop is heard by the loop later */
		assert_int_equal(sigtimedwait(&set, NULL, &none),
			signals[i] == SIGHUP ? -1 : signals[i]);
	}
}

static void test_tells(void **state)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(closep) int fd = open_notify(dir);
	struct starts starts = { .n_deaths = 7 };
	const struct timespec none = { 0 };
	char text[1024] = "";
	sigset_t set;

	block(&set);
	raise(SIGTERM);
	test_log_expect(LOG_LEVEL_WARNING, "it waits 30 s before the next");
	assert_int_equal(starts_pause(&starts), 0);
	assert_int_equal(sigtimedwait(&set, NULL, &none), SIGTERM);
	assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
	assert_non_null(strstr(text, "STATUS=died 7 times"));
	assert_non_null(strstr(text, "\nEXTEND_TIMEOUT_USEC=90000000"));
	/* nothing to tell, nothing to wait for */
	starts.n_deaths = 1;
	assert_int_equal(starts_pause(&starts), 0);
	assert_true(recv(fd, text, sizeof(text) - 1, 0) < 0);
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_counts),
		test_with_log(test_upgraded),
		test_with_log(test_nobody_starts_us_again),
		test_with_log(test_file_that_lies),
		test_with_log(test_file_that_cannot_be),
		test_with_log(test_grows),
		test_with_log(test_ends_early),
		test_with_log(test_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
