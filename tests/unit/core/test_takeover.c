/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sockets of a dead manager, from its workers: each peer is a
 * connection of this process, whose words were written before anybody reads.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/local_socket.h"
#include "core/workers/takeover.h"
#include "io/frame.h"
#include "link/message.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define SHORT_USEC (50 * USEC_PER_MSEC)
#define LONG_USEC  (20 * USEC_PER_SEC)

struct fixture {
	char *dir, *path;
	struct local_socket socket;
	unsigned n_taken;
	ino_t inode; /* of the last */
};

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .dir = test_tmpdir_new() };
	f->path = xasprintf("%s/link", f->dir);
	assert_int_equal(local_socket_open(&f->socket, f->path, 0600, NULL), 0);
}

static void teardown(struct fixture *f)
{
	local_socket_close(&f->socket);
	free(f->path);
	test_tmpdir_free(f->dir);
}

static void on_socket(int fd, void *userdata)
{
	struct fixture *f = userdata;
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	f->inode = st.st_ino;
	f->n_taken++;
	close(fd);
}

static int run(struct fixture *f, usec_t usec)
{
	return takeover_run(f->socket.fd, usec, on_socket, f, NULL);
}

/* --- peers ---------------------------------------------------------------------------------- */

static int connect_peer(struct fixture *f)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(at.sun_path, f->path, MIN(strlen(f->path), sizeof(at.sun_path) - 1));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* A header as it should be, or not, and as many descriptors. */
static void send_header(int fd, uint16_t type, uint8_t version, unsigned n, int given)
{
	uint8_t octets[8] = { 0, 0, 0, 4, (uint8_t)(type >> 8), (uint8_t)type, version,
		(uint8_t)n };

	union {
		char space[CMSG_SPACE(sizeof(int) * FRAME_FDS_MAX)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { octets, sizeof(octets) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > 0 && given >= 0) {
		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * n);
		for (unsigned i = 0; i < n; i++)
			memcpy(CMSG_DATA(header) + i * sizeof(int), &given,
				sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &message, 0), sizeof(octets));
}

static void give(int fd, unsigned n, int given)
{
	send_header(fd, LINK_HANDOVER, FRAME_VERSION, n, given);
}

static void end(int fd)
{
	send_header(fd, LINK_HANDOVER_END, FRAME_VERSION, 0, -1);
}

static bool is_asked(int fd)
{
	uint8_t octets[8];

	return recv(fd, octets, sizeof(octets), MSG_DONTWAIT) == sizeof(octets) &&
	       octets[5] == LINK_HANDOVER_REQUEST;
}

/* --- the good way ---------------------------------------------------------------------------- */

static void test_takes(void **state)
{
	struct fixture f;
	struct stat st;

	setup(&f);
	_cleanup_(closep) int given = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_(closep) int peer = connect_peer(&f);
	give(peer, 1, given);
	give(peer, 1, given);
	end(peer);
	assert_int_equal(run(&f, LONG_USEC), 0);
	assert_int_equal(f.n_taken, 2);
	assert_int_equal(fstat(given, &st), 0);
	assert_int_equal(f.inode, st.st_ino);
	assert_true(is_asked(peer));
	teardown(&f);
}

/* One that drains has nothing to give: the next may. */
static void test_second_gives(void **state)
{
	struct fixture f;

	setup(&f);
	_cleanup_(closep) int given = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_(closep) int first = connect_peer(&f);
	_cleanup_(closep) int second = connect_peer(&f);
	end(first);
	give(second, 1, given);
	end(second);
	assert_int_equal(run(&f, LONG_USEC), 0);
	assert_int_equal(f.n_taken, 1);
	teardown(&f);
}

/* It dies in the midst of giving: what came is taken, and the next is heard. */
static void test_dies_meanwhile(void **state)
{
	struct fixture f;

	setup(&f);
	_cleanup_(closep) int given = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_(closep) int second = -1;
	int first = connect_peer(&f);
	give(first, 1, given);
	assert_int_equal(send(first, "\0\0", 2, 0), 2);
	close(first);
	second = connect_peer(&f);
	give(second, 1, given);
	end(second);
	assert_int_equal(run(&f, LONG_USEC), 0);
	assert_int_equal(f.n_taken, 2);
	teardown(&f);
}

static void test_nobody_comes(void **state)
{
	struct fixture f;

	setup(&f);
	assert_int_equal(run(&f, SHORT_USEC), 0);
	assert_int_equal(f.n_taken, 0);
	teardown(&f);
}

/* --- others ------------------------------------------------------------------------------------ */

enum {
	NONE,    /* no descriptor */
	TWO,     /* in one message */
	PROMISE, /* said to be there, and is not */
	OTHER_VERSION,
	OTHER_TYPE,
	NO_FRAME,
	SILENCE,
	_KIND_MAX,
};

static void lie(int fd, int kind, int given)
{
	switch (kind) {
	case NONE:
		give(fd, 0, -1);
		break;
	case TWO:
		give(fd, 2, given);
		break;
	case PROMISE:
		give(fd, 1, -1);
		break;
	case OTHER_VERSION:
		send_header(fd, LINK_HANDOVER, FRAME_VERSION + 1, 1, given);
		break;
	case OTHER_TYPE:
		send_header(fd, 4711, FRAME_VERSION, 1, given);
		break;
	case NO_FRAME:
		assert_int_equal(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
		break;
	default:
		break;
	}
}

/* Nothing is taken from it, no descriptor leaks, and the one that is right is heard. */
static void test_liars(void **state)
{
	for (int kind = NONE; kind < _KIND_MAX; kind++) {
		struct fixture f;

		setup(&f);
		int given = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int liar = connect_peer(&f), right = connect_peer(&f);
		int before = dup(given);
		lie(liar, kind, given);
		if (kind < OTHER_VERSION && kind != PROMISE)
			end(liar);
		give(right, 1, given);
		end(right);
		assert_int_equal(run(&f, LONG_USEC), 0);
		assert_int_equal(f.n_taken, 1);
		int after = dup(given);
		assert_int_equal(after, before + 1);
		close(before);
		close(after);
		close(liar);
		close(right);
		close(given);
		teardown(&f);
	}
}

static void test_only_a_liar(void **state)
{
	for (int kind = NONE; kind < _KIND_MAX; kind++) {
		struct fixture f;

		setup(&f);
		_cleanup_(closep) int given =
			socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		_cleanup_(closep) int liar = connect_peer(&f);
		lie(liar, kind, given);
		assert_int_equal(run(&f, SHORT_USEC), 0);
		assert_int_equal(f.n_taken, 0);
		teardown(&f);
	}
}

static void test_no_rendezvous(void **state)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	assert_true(takeover_run(-1, SHORT_USEC, on_socket, NULL, &err) < 0);
	assert_true(err_is_set(&err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_takes),
		test_with_log(test_second_gives),
		test_with_log(test_dies_meanwhile),
		test_with_log(test_nobody_comes),
		test_with_log(test_liars),
		test_with_log(test_only_a_liar),
		test_with_log(test_no_rendezvous),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
