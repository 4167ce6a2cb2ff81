/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/frame.h"
#include "tests/lib/test.h"
#include "util/mem.h"

struct side {
	struct loop *loop;
	struct frame_stream *stream;
	unsigned n_frames;
	unsigned n_fds;
	size_t n_octets;
	unsigned n_closed;
	int closed_code;
	bool frees_itself;
	bool keeps_fds;
	int kept[64];
};

static void on_frame(const struct frame_view *view, void *userdata)
{
	struct side *side = userdata;
	const uint8_t *data;
	size_t len;

	side->n_frames++;
	if (frame_view_get_bytes(view, 1, &data, &len) == 0)
		side->n_octets += len;
	for (unsigned i = 0; i < view->n_fds; i++) {
		assert_true(fcntl(view->fds[i], F_GETFD) & FD_CLOEXEC);
		if (side->keeps_fds)
			side->kept[side->n_fds] = TAKE_FD(view->fds[i]);
		side->n_fds++;
	}
	if (side->frees_itself)
		side->stream = frame_stream_free(side->stream);
}

static void on_closed(const struct err *err, void *userdata)
{
	struct side *side = userdata;

	side->n_closed++;
	side->closed_code = err->code;
	side->stream = frame_stream_free(side->stream);
}

static void side_open(struct side *side, struct loop *loop, int fd, size_t max_frame,
	size_t max_queue)
{
	struct frame_stream_params params = {
		.max_frame_bytes = max_frame,
		.max_queue_bytes = max_queue,
		.on_frame = on_frame,
		.on_closed = on_closed,
		.userdata = side,
	};

	*side = (struct side){ .loop = loop };
	assert_int_equal(frame_stream_new(&side->stream, loop, fd, &params, NULL), 0);
}

static void socket_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
}

static void on_end(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, 0);
}

static void run(struct loop *loop, usec_t usec)
{
	_cleanup_(loop_timer_freep) struct loop_timer *timer =
		loop_timer_new(loop, on_end, loop);

	loop_timer_set_after(timer, usec);
	assert_int_equal(loop_run(loop, NULL), 0);
}

static void send_octets(struct frame_stream *stream, size_t len, unsigned n_fds)
{
	_cleanup_(freep) char *octets = xnew_array(char, len + 1);
	struct frame frame;

	frame_init(&frame, 1, 0);
	frame_add_bytes(&frame, 1, octets, len);
	for (unsigned i = 0; i < n_fds; i++)
		frame_add_fd(&frame, open("/dev/null", O_RDONLY | O_CLOEXEC));
	assert_int_equal(frame_stream_send(stream, &frame, NULL), 0);
	frame_done(&frame);
}

static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_exchange(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct side a, b;
	int fd[2];

	assert_int_equal(loop_new_epoll(&loop, NULL), 0);
	unsigned n_fds_before = count_fds();
	socket_pair(fd);
	side_open(&a, loop, fd[0], 0, 0);
	side_open(&b, loop, fd[1], 0, 0);
	/* Far more than the socket takes at once, descriptors in every third frame. */
	for (unsigned i = 0; i < 60; i++)
		send_octets(a.stream, i * 1000, i % 3 ? 0 : i % (FRAME_FDS_MAX + 1));
	send_octets(b.stream, 0, 0);
	send_octets(b.stream, 900000, FRAME_FDS_MAX);
	assert_false(frame_stream_is_flushed(a.stream));
	run(loop, 100000);
	assert_true(frame_stream_is_flushed(a.stream));
	assert_int_equal(b.n_frames, 60);
	assert_int_equal(b.n_octets, 59 * 60 / 2 * 1000);
	unsigned want_fds = 0;
	for (unsigned i = 0; i < 60; i += 3)
		want_fds += i % (FRAME_FDS_MAX + 1);
	assert_int_equal(b.n_fds, want_fds);
	assert_int_equal(a.n_frames, 2);
	assert_int_equal(a.n_octets, 900000);
	assert_int_equal(a.n_fds, FRAME_FDS_MAX);

	pid_t pid;
	uid_t uid;
	gid_t gid;
	assert_int_equal(frame_stream_get_peer(a.stream, &pid, &uid, &gid), 0);
	assert_int_equal(pid, getpid());
	assert_int_equal(uid, getuid());

	/* What was sent before the end is heard. */
	send_octets(a.stream, 10, 1);
	a.stream = frame_stream_free(a.stream);
	run(loop, 5000);
	assert_int_equal(b.n_frames, 61);
	assert_int_equal(b.n_closed, 1);
	assert_int_equal(b.closed_code, 0);
	assert_null(b.stream);
	/* Nobody took the descriptors: all were closed. */
	assert_int_equal(count_fds(), n_fds_before);
}

static void test_fds_are_taken(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct side a, b;
	int fd[2];

	assert_int_equal(loop_new_epoll(&loop, NULL), 0);
	socket_pair(fd);
	side_open(&a, loop, fd[0], 0, 0);
	side_open(&b, loop, fd[1], 0, 0);
	b.keeps_fds = true;
	send_octets(a.stream, 0, 3);
	run(loop, 5000);
	assert_int_equal(b.n_fds, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(fcntl(b.kept[i], F_GETFD) >= 0);
		close(b.kept[i]);
	}
	frame_stream_free(a.stream);
	frame_stream_free(b.stream);
}

static void on_write_octet(struct loop_timer *timer, void *userdata)
{
	static const char octets[] = "\0\0\0\x0b\0\1\1\0\0\1\0\0\0\1x";
	struct side *side = userdata;

	/* kept[0] is the bare end of the socket, n_octets counts what was written. */
	assert_int_equal(
		write(side->kept[0], octets + side->n_octets % (sizeof(octets) - 1), 1),
		1);
	if (++side->n_octets < 5 * (sizeof(octets) - 1))
		loop_timer_set_after(timer, 0);
}

static void test_octet_by_octet(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct side writer = { .n_octets = 0 }, reader;
	int fd[2];

	assert_int_equal(loop_new_epoll(&loop, NULL), 0);
	socket_pair(fd);
	writer.kept[0] = fd[0];
	side_open(&reader, loop, fd[1], 0, 0);
	_cleanup_(loop_timer_freep) struct loop_timer *timer =
		loop_timer_new(loop, on_write_octet, &writer);
	loop_timer_set_after(timer, 0);
	run(loop, 20000);
	assert_int_equal(reader.n_frames, 5);
	assert_int_equal(reader.n_octets, 5);
	close(fd[0]);
	frame_stream_free(reader.stream);
}

/* clang-format off */
static const struct {
	const char *name;
	const char *octets;
	size_t len;
	unsigned n_fds; /* that go with them */
	unsigned n_frames;
	int code;
} broken[] = {
	{ "another version", "\0\0\0\4\0\1\7\0", 8, 0, 0, -EPROTO },
	{ "too long", "\0\0\x10\0", 4, 0, 0, -EPROTO },
	{ "good and then bad", "\0\0\0\4\0\1\1\0" "\0\0\0\0", 12, 0, 1, -EPROTO },
	{ "cut off", "\0\0\0\4\0\1\1", 7, 0, 0, -ECONNRESET },
	{ "descriptors claimed, none came", "\0\0\0\4\0\1\1\2", 8, 0, 0, -EPROTO },
	{ "one claimed, one came", "\0\0\0\4\0\1\1\1", 8, 1, 1, 0 },
	{ "one came that nobody claims", "\0\0\0\4\0\1\1\0", 8, 1, 1, -EPROTO },
	{ "one claimed, two came", "\0\0\0\4\0\1\1\1", 8, 2, 1, -EPROTO },
	{ "nine came", "\0\0\0\4\0\1\1\x8", 8, 9, 0, -EPROTO },
	{ "nothing at all", "", 0, 0, 0, 0 },
};

/* clang-format on */

static void send_raw(int fd, const char *octets, size_t len, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * 16)];
	} control = { .space = { 0 } };
	struct iovec iov = { .iov_base = (char *)octets, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		for (unsigned i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), len);
}

static void test_broken_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		_cleanup_(loop_freep) struct loop *loop = NULL;
		struct side side;
		int fd[2];

		test_case(broken[i].name);
		assert_int_equal(loop_new_epoll(&loop, NULL), 0);
		unsigned n_fds_before = count_fds();
		socket_pair(fd);
		side_open(&side, loop, fd[1], 1024, 0);
		send_raw(fd[0], broken[i].octets, broken[i].len, broken[i].n_fds);
		close(fd[0]);
		run(loop, 2000);
		assert_int_equal(side.n_frames, broken[i].n_frames);
		assert_int_equal(side.n_closed, 1);
		assert_int_equal(side.closed_code, broken[i].code);
		assert_int_equal(count_fds(), n_fds_before);
	}
}

static void test_freed_in_callback(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct side a, b;
	int fd[2];

	assert_int_equal(loop_new_epoll(&loop, NULL), 0);
	socket_pair(fd);
	side_open(&a, loop, fd[0], 0, 0);
	side_open(&b, loop, fd[1], 0, 0);
	b.frees_itself = true;
	for (unsigned i = 0; i < 5; i++)
		send_octets(a.stream, 100, 1);
	run(loop, 5000);
	assert_int_equal(b.n_frames, 1);
	assert_int_equal(b.n_closed, 0);
	/* The other side sees the end, although it was never answered. */
	assert_int_equal(a.n_closed, 1);
	assert_int_equal(a.closed_code, 0);
}

static void test_queue_overflow(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct side side;
	struct frame frame;
	int fd[2], r;

	assert_int_equal(loop_new_epoll(&loop, NULL), 0);
	socket_pair(fd);
	side_open(&side, loop, fd[0], 0, 1000000);
	/* The peer reads nothing. */
	unsigned n = 0;
	do {
		_cleanup_(freep) char *octets = xnew_array(char, 100000);
		struct err err = ERR_INIT;
		frame_init(&frame, 1, 0);
		frame_add_bytes(&frame, 1, octets, 100000);
		r = frame_stream_send(side.stream, &frame, &err);
		err_done(&err);
	} while (r == 0 && ++n < 100);
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(side.n_closed, 0);
	run(loop, 2000);
	assert_int_equal(side.n_closed, 1);
	assert_int_equal(side.closed_code, -ENOBUFS);
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_fds_are_taken),
		cmocka_unit_test(test_octet_by_octet),
		cmocka_unit_test(test_broken_rules),
		cmocka_unit_test(test_freed_in_callback),
		cmocka_unit_test(test_queue_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
