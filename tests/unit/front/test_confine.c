/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each forbidden act is refused or ends the process, and what a worker lives from still
 * works; each in a process of its own, since there is no way back. */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "front/confine.h"
#include "front/forbidden.h"
#include "io/landlock.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "util/mem.h"

enum {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1, /* with EACCES */
	EXIT_OTHERWISE = 2,
	EXIT_NOT_CONFINED = 3,
};

/* --- what must not work ------------------------------------------------------------ */

#if WITH_FAULTS && !defined(__SANITIZE_ADDRESS__)
/* The status as of waitpid. */
static int try_confined(int (*act)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit no_core = { 0 };
		setrlimit(RLIMIT_CORE, &no_core);
		if (confine_enter(NULL) < 0)
			_exit(EXIT_NOT_CONFINED);
		int r = act();
		if (r >= 0)
			_exit(EXIT_DONE);
		_exit(errno == EACCES ? EXIT_REFUSED : EXIT_OTHERWISE);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_forbidden(void **state)
{
	for (const struct forbidden_act *a = forbidden_acts; a->name; a++) {
		int status = try_confined(a->act);

		test_case(a->name);
		if (a->is_fatal) {
			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), SIGSYS);
		} else {
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), EXIT_REFUSED);
		}
	}
}
#else
/* Such a build has none of these acts, or is not confined: see confine.c. */
static void test_forbidden(void **state)
{
	skip();
}
#endif

/* --- what must work ---------------------------------------------------------------- */

static int make_listener(struct sockaddr_in *ret)
{
	socklen_t len = sizeof(*ret);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)ret, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
	return fd;
}

/* A connection to ourselves, with an octet through it. */
static bool can_talk(int listener, const struct sockaddr_in *to)
{
	char c = 0;
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(client, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return false;
	int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return server >= 0 && send(client, "x", 1, MSG_NOSIGNAL) == 1 &&
	       recv(server, &c, 1, 0) == 1 && c == 'x' &&
	       shutdown(server, SHUT_WR) == 0 && close(server) == 0;
}

static bool can_receive_descriptor(int link)
{
	char octet, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &octet, 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };

	return recvmsg(link, &m, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&m) != NULL;
}

static void send_descriptor(int link, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)"x", 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sendmsg(link, &m, 0), 1);
}

static bool can_wait(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 &&
	       epoll_wait(epoll, &event, 1, 0) >= 0;
}

/* Enough that the allocator maps, grows and gives back. */
static bool can_allocate(void)
{
	uint8_t *data = xnew_array(uint8_t, 4 << 20);

	data = xreallocarray(data, 64, 1 << 20);
	memset(data, 1, 64 << 20);
	free(data);
	return true;
}

static bool can_make_randomness(void)
{
	uint8_t data[32];
	struct timespec now;

	return gnutls_rnd(GNUTLS_RND_KEY, data, sizeof(data)) == 0 &&
	       clock_gettime(CLOCK_MONOTONIC, &now) == 0;
}

struct scene {
	int listener, link[2], epoll;
	struct sockaddr_in address;
};

static int live(const struct scene *s)
{
	struct rlimit limit;

	if (confine_enter(NULL) < 0)
		return EXIT_NOT_CONFINED;
	if (!can_wait(s->epoll, s->link[0]) || !can_receive_descriptor(s->link[0]))
		return 10;
	if (!can_talk(s->listener, &s->address))
		return 11;
	if (!can_allocate() || !can_make_randomness())
		return 12;
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : 13;
}

static void test_life(void **state)
{
	struct scene s;
	int status = 0;

	s.listener = make_listener(&s.address);
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s.link), 0);
	send_descriptor(s.link[1], s.listener);
	pid_t pid = fork();
	if (pid == 0)
		_exit(live(&s));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(s.listener);
	close(s.epoll);
	close(s.link[0]);
	close(s.link[1]);
}

/* A defect of ours is still to be told from a break-in. */
static void test_abort(void **state)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		const struct rlimit no_core = { 0 };
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGABRT, SIG_DFL);
		confine_enter(NULL);
		abort();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* Landlock alone; an old kernel has none, and says so. */
static void test_landlock(void **state)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		int version = landlock_close_all(NULL);
		bool is_open = access("/etc/passwd", R_OK) == 0 &&
			       fopen("/etc/passwd", "re") != NULL;
		_exit(version < 0 || is_open != (version == 0));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_forbidden),
		test_with_log(test_life),
		test_with_log(test_abort),
		test_with_log(test_landlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
