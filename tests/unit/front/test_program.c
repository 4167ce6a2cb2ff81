/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program itself: refuses to run by hand, runs with a link, ends with it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "util/mem.h"

#define PROGRAM "./postseal-front"

extern char **environ;

/* With `link` as descriptor `at` (-1: none), stderr to `out`. */
static pid_t start(char *const *argv, int link, int at, int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, 2);
	if (at >= 0)
		posix_spawn_file_actions_adddup2(&actions, link, at);
	int r = posix_spawn(&pid, PROGRAM, &actions, NULL, argv, environ);
	assert_int_equal(r, 0);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static int wait_for(pid_t pid)
{
	int status = 0;

	/* A test that hangs is ended by the harness. */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_by_hand(void **state)
{
	char *const plain[] = { "postseal-front", NULL };
	char *const wrong[] = { "postseal-front", "--link", "x", NULL };
	char *const no_socket[] = { "postseal-front", "--link", "2", NULL };
	char *const more[] = { "postseal-front", "serve", NULL };
	char *const *const all[] = { plain, wrong, no_socket, more };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		char text[512] = "";
		int out[2];
		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
		int status = wait_for(start(all[i], -1, -1, out[1]));
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 64);
		assert_true(read(out[0], text, sizeof(text) - 1) > 0);
		assert_non_null(strstr(text, "postseald"));
		close(out[0]);
		close(out[1]);
	}
}

static pid_t start_linked(char *const *argv, int at, int *ret_manager)
{
	int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	/* Not the number itself: dup2 onto itself would keep close-on-exec. */
	int high = fcntl(pair[1], F_DUPFD_CLOEXEC, 20);
	assert_true(high >= 0);
	pid_t pid = start(argv, high, at, quiet);
	close(high);
	close(pair[1]);
	close(quiet);
	*ret_manager = pair[0];
	return pid;
}

/* The manager goes before it has said anything. */
static void test_link_lost(void **state)
{
	char *const plain[] = { "postseal-front", NULL };
	char *const other[] = { "postseal-front", "--link", "5", NULL };
	char *const *const all[] = { plain, other };
	const int at[] = { 3, 5 };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int manager;
		pid_t pid = start_linked(all[i], at[i], &manager);
		close(manager);
		int status = wait_for(pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 1);
	}
}

static void test_sigterm(void **state)
{
	char *const argv[] = { "postseal-front", NULL };
	/* A CONFIGURE that is none: refused, and it goes on. */
	static const char frame[] = "\0\0\0\4\0\1\1\0";
	int manager;
	pid_t pid = start_linked(argv, 3, &manager);

	assert_int_equal(write(manager, frame, sizeof(frame) - 1), sizeof(frame) - 1);
	/* It must be past its start for the signal to be its own. */
	usleep(200000);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(kill(pid, SIGTERM), 0);
	int status = wait_for(pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(manager);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_link_lost),
		cmocka_unit_test(test_sigterm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
