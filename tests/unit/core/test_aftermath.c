/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After the service's end: who is ended, and who is left to the next manager. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/local_socket.h"
#include "core/process/aftermath.h"
#include "io/frame.h"
#include "link/command.h"
#include "link/message.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

struct fixture {
	char *dir, *path;
	struct local_socket socket; /* of the manager that was */
};

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .dir = test_tmpdir_new() };
	f->path = xasprintf("%s/link", f->dir);
	_cleanup_(freep) char *text = xasprintf("run_directory = %s\n", f->dir);
	free(test_tmpdir_write(f->dir, "postseal.conf", text));
	assert_int_equal(local_socket_open(&f->socket, f->path, 0600, NULL), 0);
	/* nobody who could say that a stop is wanted */
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1);
	unsetenv("SERVICE_RESULT");
}

static void teardown(struct fixture *f)
{
	free(f->path);
	test_tmpdir_free(f->dir);
}

/* As a worker that has lost its manager: it comes when somebody is there. */
static pid_t start_worker(const struct fixture *f, bool says_hello)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const struct timespec wait = { .tv_nsec = 20000000 };
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	signal(SIGPIPE, SIG_IGN);
	memcpy(at.sun_path, f->path, MIN(strlen(f->path), sizeof(at.sun_path) - 1));
	for (;;) {
		const struct link_hello hello = { .pid = 1 };
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		uint8_t header[FRAME_HEADER_BYTES];
		struct frame frame;

		frame_init(&frame, LINK_HELLO, 0);
		link_hello_pack(&hello, &frame);
		frame_format_header(&frame, header);
		if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
			(!says_hello || (write(fd, header, sizeof(header)) > 0 &&
						write(fd, frame.fields.data,
							frame.fields.len) > 0)))
			pause();
		close(fd);
		frame_done(&frame);
		nanosleep(&wait, NULL);
	}
}

static int end_unit(const struct fixture *f, const char *result)
{
	const struct load_params params = { .conf = { .directory = f->dir } };

	if (result)
		setenv("SERVICE_RESULT", result, 1);
	return aftermath_end(&params, "postseal.service");
}

static bool is_there(pid_t pid)
{
	return kill(pid, 0) == 0;
}

static void end_worker(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* --- cases -------------------------------------------------------------------------------- */

static void test_stop(void **state)
{
	static const char *const results[] = { "success", "timeout", NULL };

	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		struct fixture f;

		setup(&f);
		local_socket_abandon(&f.socket);
		pid_t pid = start_worker(&f, true);
		assert_int_equal(end_unit(&f, results[i]), COMMAND_OK);
		assert_false(is_there(pid));
		assert_int_equal(access(f.path, F_OK), -1);
		teardown(&f);
	}
}

/* The next manager takes it over. */
static void test_crash(void **state)
{
	static const char *const results[] = { "signal", "core-dump", "watchdog",
		"exit-code", "oom-kill", "start-limit-hit", "nonsense", "" };
	struct fixture f;

	setup(&f);
	local_socket_abandon(&f.socket);
	pid_t pid = start_worker(&f, true);
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		assert_int_equal(end_unit(&f, results[i]), COMMAND_OK);
		assert_true(is_there(pid));
		assert_int_equal(access(f.path, F_OK), 0);
	}
	end_worker(pid);
	teardown(&f);
}

static void test_orderly_end(void **state)
{
	struct fixture f;

	setup(&f);
	local_socket_close(&f.socket);
	assert_int_equal(end_unit(&f, "success"), COMMAND_OK);
	teardown(&f);
}

/* Another manager runs already: its workers are its own. */
static void test_another_manager(void **state)
{
	struct fixture f;

	setup(&f);
	test_log_expect(LOG_LEVEL_WARNING, "rendezvous socket");
	assert_int_equal(end_unit(&f, "success"), COMMAND_FAILED);
	assert_int_equal(access(f.path, F_OK), 0);
	local_socket_close(&f.socket);
	teardown(&f);
}

static void test_stranger(void **state)
{
	struct fixture f;

	setup(&f);
	local_socket_abandon(&f.socket);
	pid_t pid = start_worker(&f, false);
	assert_int_equal(end_unit(&f, "success"), COMMAND_OK);
	assert_true(is_there(pid));
	end_worker(pid);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_stop),
		test_with_log(test_crash),
		test_with_log(test_orderly_end),
		test_with_log(test_another_manager),
		test_with_log(test_stranger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
