/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/notify_socket.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/macro.h"
#include "util/mem.h"

#define FILL_MAX 100000
#define TEXT_MAX 256

struct fixture {
	char *dir;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int reader;
	struct loop *loop;
	struct notify_socket *socket;
};

static void fixture_init(struct fixture *f)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	f->dir = test_tmpdir_new();
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", f->dir);
	memcpy(f->path, at.sun_path, sizeof(f->path));
	f->reader = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f->reader, (struct sockaddr *)&at, sizeof(at)), 0);
	f->loop = fake_loop_new();
	f->socket = notify_socket_new(f->loop, f->path);
}

static void fixture_done(struct fixture *f)
{
	notify_socket_free(f->socket);
	loop_free(f->loop);
	closep(&f->reader);
	test_tmpdir_free(f->dir);
}

/* The text, and the descriptor or -1. False: nothing there. */
static bool receive(struct fixture *f, char *text, int *ret_fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { .iov_base = text, .iov_len = TEXT_MAX - 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(f->reader, &message, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return false;
	text[n] = '\0';
	*ret_fd = -1;
	if (CMSG_FIRSTHDR(&message))
		memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return true;
}

static void assert_next(struct fixture *f, const char *expected)
{
	char text[TEXT_MAX];
	_cleanup_(closep) int fd = -1;

	assert_true(receive(f, text, &fd));
	assert_string_equal(text, expected);
	assert_int_equal(fd, -1);
}

/* The reader does not read until no more goes in. Returns how many did. */
static unsigned fill(struct fixture *f)
{
	unsigned n = 0;

	for (; notify_socket_count_kept(f->socket) == 0 && n < FILL_MAX; n++)
		notify_socket_keep(f->socket, "FILL=1", -1);
	assert_in_range(n, 1, FILL_MAX - 1);
	return n;
}

static void drain(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_next(f, "FILL=1");
		fake_loop_advance(f->loop, USEC_PER_SEC);
	}
}

static void test_sends(void **state)
{
	struct fixture f;
	char text[TEXT_MAX];
	int fd = -1;

	fixture_init(&f);
	notify_socket_keep(f.socket, "READY=1", -1);
	notify_socket_drop(f.socket, "STATUS=well");
	notify_socket_keep(f.socket, "FDSTORE=1", f.reader);
	assert_next(&f, "READY=1");
	assert_next(&f, "STATUS=well");
	assert_true(receive(&f, text, &fd));
	assert_string_equal(text, "FDSTORE=1");
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(notify_socket_count_kept(f.socket), 0);
	assert_int_equal(fake_loop_count(f.loop), 0);
	fixture_done(&f);
}

/* Neither of the two waits; one arrives, with the descriptor as it was. */
static void test_full(void **state)
{
	struct fixture f;
	char text[TEXT_MAX];
	struct stat was, is;
	int fd = -1;
	int ends[2];

	fixture_init(&f);
	unsigned n = fill(&f);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fstat(ends[0], &was), 0);
	notify_socket_drop(f.socket, "WATCHDOG=1");
	notify_socket_keep(f.socket, "FDSTORE=1", ends[0]);
	close(ends[0]);
	close(ends[1]);
	notify_socket_keep(f.socket, "READY=1", -1);
	assert_int_equal(notify_socket_count_kept(f.socket), 3);
	fake_loop_advance(f.loop, USEC_PER_MIN);
	assert_int_equal(notify_socket_count_kept(f.socket), 3);
	drain(&f, n);
	assert_true(receive(&f, text, &fd));
	assert_string_equal(text, "FDSTORE=1");
	assert_int_equal(fstat(fd, &is), 0);
	assert_int_equal(is.st_ino, was.st_ino);
	close(fd);
	assert_next(&f, "READY=1");
	assert_false(receive(&f, text, &fd));
	assert_int_equal(fake_loop_count(f.loop), 0);
	fixture_done(&f);
}

/* A reader that is gone is no reader, and one that never comes is not waited for. */
static void test_reader_goes(void **state)
{
	struct fixture f;

	fixture_init(&f);
	fill(&f);
	closep(&f.reader);
	f.reader = -1;
	fake_loop_advance(f.loop, USEC_PER_SEC);
	assert_int_equal(notify_socket_count_kept(f.socket), 0);
	notify_socket_keep(f.socket, "READY=1", -1);
	assert_int_equal(notify_socket_count_kept(f.socket), 0);
	fixture_done(&f);
}

static void test_oldest_go(void **state)
{
	struct fixture f;

	fixture_init(&f);
	fill(&f);
	for (unsigned i = 0; i < NOTIFY_SOCKET_KEPT_MAX + 10; i++)
		notify_socket_keep(f.socket, "FDSTORE=1", f.reader);
	assert_int_equal(notify_socket_count_kept(f.socket), NOTIFY_SOCKET_KEPT_MAX);
	fixture_done(&f);
}

/* What is kept when the loop has ended goes out as soon as there is room. */
static void test_at_end(void **state)
{
	struct fixture f;
	unsigned n_seen = 0;
	char text[TEXT_MAX];
	int fd = -1;

	fixture_init(&f);
	unsigned n = fill(&f);
	notify_socket_keep(f.socket, "STOPPING=1", -1);
	assert_next(&f, "FILL=1");
	assert_next(&f, "FILL=1");
	f.socket = notify_socket_free(f.socket);
	while (receive(&f, text, &fd))
		n_seen++;
	assert_int_equal(n_seen, n - 1);
	assert_string_equal(text, "STOPPING=1");
	fixture_done(&f);
}

/* What is no address of ours is as if nobody were there. */
static void test_paths(void **state)
{
	static const char *const paths[] = { NULL, "", "/", "vsock:2:1234",
		"relative" };
	_cleanup_(loop_freep) struct loop *loop = fake_loop_new();

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct notify_socket *s = notify_socket_new(loop, paths[i]);

		test_case(paths[i] ? paths[i] : "none");
		notify_socket_keep(s, "READY=1", -1);
		notify_socket_drop(s, "STATUS=well");
		assert_int_equal(notify_socket_count_kept(s), 0);
		notify_socket_free(s);
	}
}

static void test_abstract(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	_cleanup_(freep) char *name = xasprintf("@postseal-test-%d", (int)getpid());
	struct fixture f;

	fixture_init(&f);
	closep(&f.reader);
	f.reader = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memcpy(at.sun_path + 1, name + 1, strlen(name) - 1);
	assert_int_equal(bind(f.reader, (struct sockaddr *)&at,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
					     strlen(name))),
		0);
	notify_socket_free(f.socket);
	f.socket = notify_socket_new(f.loop, name);
	notify_socket_keep(f.socket, "READY=1", -1);
	assert_next(&f, "READY=1");
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_sends),
		test_with_log(test_full),
		test_with_log(test_reader_goes),
		test_with_log(test_oldest_go),
		test_with_log(test_at_end),
		test_with_log(test_paths),
		test_with_log(test_abstract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
