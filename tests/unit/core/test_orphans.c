/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who comes to the rendezvous: processes of our own that behave as a worker does, or do
 * not. Each writes down in one letter how it was treated:
 *
 *   D  it was told to drain
 *   X  it was given a context
 *   C  its link was closed
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/workers/orphans.h"
#include "io/frame.h"
#include "link/message.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define HELLO_USEC (100 * USEC_PER_MSEC)

enum {
	SAYS_HELLO = 1 << 0,
	ASKS = 1 << 1,
	BABBLES = 1 << 2, /* octets that are no frame */
	LIES = 1 << 3,    /* a frame whose content is nonsense */
	STAYS = 1 << 4,   /* when it is told to drain */
};

struct fixture {
	struct loop *loop;
	struct loop_timer *turn;
	char *dir, *path;
	struct orphans *orphans;
	int pipe[2];
	char said[64];
	size_t n_said;
	unsigned n_asked, n_done;
};

/* --- a peer ----------------------------------------------------------------------------------- */

struct peer {
	struct loop *loop;
	struct frame_stream *stream;
	unsigned flags;
	int out;
};

static void say(int fd, char letter)
{
	if (write(fd, &letter, 1) < 0)
		_exit(9);
}

static void on_peer_frame(const struct frame_view *view, void *userdata)
{
	struct peer *peer = userdata;

	if (view->type == LINK_CONTEXT)
		say(peer->out, 'X');
	if (view->type != LINK_DRAIN)
		return;
	say(peer->out, 'D');
	if (!(peer->flags & STAYS))
		_exit(0);
}

static void on_peer_closed(const struct err *err, void *userdata)
{
	struct peer *peer = userdata;

	say(peer->out, 'C');
	_exit(0);
}

static void send_hello(struct peer *peer)
{
	const struct link_hello hello = { .pid = 1, .connections = 3 };
	struct frame frame;

	frame_init(&frame, LINK_HELLO, 0);
	link_hello_pack(&hello, &frame);
	frame_stream_send(peer->stream, &frame, NULL);
}

static void send_lookup(struct peer *peer)
{
	const struct link_lookup lookup = {
		.request = 7,
		.listener = (char *)"imaps",
		.name = (char *)"asked.test",
		.client = LINK_CLIENT_ECDSA,
	};
	struct frame frame;

	frame_init(&frame, LINK_LOOKUP, 0);
	link_lookup_pack(&lookup, &frame);
	frame_stream_send(peer->stream, &frame, NULL);
}

static void send_lie(struct peer *peer)
{
	struct frame frame;

	frame_init(&frame, LINK_HELLO, 0);
	for (uint16_t tag = 1; tag < 6; tag++)
		frame_add_bytes(&frame, tag, "short", 5);
	frame_stream_send(peer->stream, &frame, NULL);
}

/* Does not return. */
static void run_peer(const struct fixture *f, unsigned flags)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct peer peer = { .flags = flags, .out = f->pipe[1] };
	const struct frame_stream_params params = {
		.on_frame = on_peer_frame,
		.on_closed = on_peer_closed,
		.userdata = &peer,
	};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(at.sun_path, f->path, MIN(strlen(f->path), sizeof(at.sun_path) - 1));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		loop_new_epoll(&peer.loop, NULL) < 0)
		_exit(8);
	if ((flags & BABBLES) && write(fd, "GET / HTTP/1.0\r\n\r\n", 18) < 0)
		_exit(8);
	if (frame_stream_new(&peer.stream, peer.loop, fd, &params, NULL) < 0)
		_exit(8);
	if (flags & LIES)
		send_lie(&peer);
	if (flags & SAYS_HELLO)
		send_hello(&peer);
	if (flags & ASKS)
		send_lookup(&peer);
	loop_run(peer.loop, NULL);
	_exit(7);
}

static pid_t start_peer(struct fixture *f, unsigned flags)
{
	pid_t pid = fork();

	if (pid == 0)
		run_peer(f, flags);
	assert_true(pid > 0);
	return pid;
}

/* --- the fixture -------------------------------------------------------------------------------- */

static int lookup(const char *name, unsigned client, struct fleet_found *ret,
	void *userdata, struct err *err)
{
	struct fixture *f = userdata;

	assert_string_equal(name, "asked.test");
	f->n_asked++;
	return 0;
}

static void on_turn(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, 0);
}

static void turn(struct fixture *f)
{
	loop_timer_set_after(f->turn, USEC_PER_MSEC);
	assert_int_equal(loop_run(f->loop, NULL), 0);
	ssize_t n =
		read(f->pipe[0], f->said + f->n_said, sizeof(f->said) - 1 - f->n_said);
	if (n > 0)
		f->n_said += (size_t)n;
}

#define until(f, condition)                                        \
	do {                                                       \
		for (int _i = 0; _i < 20000 && !(condition); _i++) \
			turn(f);                                   \
		assert_true(condition);                            \
	} while (0)

static void open_orphans(struct fixture *f)
{
	const struct orphans_params params = {
		.loop = f->loop,
		.path = f->path,
		.lookup = lookup,
		.userdata = f,
		.hello_usec = HELLO_USEC,
	};

	assert_int_equal(orphans_new(&f->orphans, &params, NULL), 0);
}

static void setup(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	assert_int_equal(loop_new_epoll(&f->loop, NULL), 0);
	f->turn = loop_timer_new(f->loop, on_turn, f->loop);
	f->dir = test_tmpdir_new();
	f->path = xasprintf("%s/link", f->dir);
	assert_int_equal(pipe2(f->pipe, O_NONBLOCK), 0);
	open_orphans(f);
}

static void teardown(struct fixture *f)
{
	orphans_free(f->orphans);
	loop_timer_free(f->turn);
	loop_free(f->loop);
	close(f->pipe[0]);
	close(f->pipe[1]);
	free(f->path);
	test_tmpdir_free(f->dir);
}

static unsigned count(struct fixture *f)
{
	uint64_t connections;

	return orphans_count(f->orphans, &connections);
}

static void on_done(void *userdata)
{
	struct fixture *f = userdata;

	f->n_done++;
}

/* --- workers --------------------------------------------------------------------------------------- */

static void test_comes_and_drains(void **state)
{
	struct fixture f;

	setup(&f);
	start_peer(&f, SAYS_HELLO);
	until(&f, count(&f) == 1);
	assert_int_equal(f.n_said, 0);
	orphans_drain(f.orphans, USEC_PER_SEC);
	until(&f, f.n_said == 1);
	assert_string_equal(f.said, "D");
	until(&f, count(&f) == 0);
	/* one that comes later is told the same */
	start_peer(&f, SAYS_HELLO);
	until(&f, f.n_said == 2);
	assert_string_equal(f.said, "DD");
	teardown(&f);
}

static void test_is_answered(void **state)
{
	struct fixture f;

	setup(&f);
	start_peer(&f, SAYS_HELLO | ASKS);
	until(&f, f.n_said == 1);
	assert_string_equal(f.said, "X");
	assert_int_equal(f.n_asked, 1);
	/* it goes on without us */
	f.orphans = orphans_free(f.orphans);
	until(&f, f.n_said == 2);
	assert_string_equal(f.said, "XC");
	teardown(&f);
}

/* DRAIN, and when the time is over the kernel. */
static void test_is_bounded(void **state)
{
	struct fixture f;

	setup(&f);
	pid_t pid = start_peer(&f, SAYS_HELLO | STAYS);
	until(&f, count(&f) == 1);
	orphans_stop(f.orphans, 10 * USEC_PER_MSEC, on_done, &f);
	assert_int_equal(f.n_done, 0);
	until(&f, f.n_done == 1);
	assert_string_equal(f.said, "D");
	assert_int_equal(kill(pid, 0), -1);
	teardown(&f);
}

static void test_end(void **state)
{
	struct fixture f;

	setup(&f);
	pid_t pid = start_peer(&f, SAYS_HELLO | STAYS);
	until(&f, count(&f) == 1);
	orphans_end(f.orphans);
	assert_int_equal(count(&f), 0);
	assert_int_equal(kill(pid, 0), -1);
	f.orphans = orphans_free(f.orphans);
	assert_int_equal(access(f.path, F_OK), -1);
	teardown(&f);
}

/* Nobody is there, and nobody can be on the way: the file was not left by a dead one. */
static void test_stop_without_any(void **state)
{
	struct fixture f;

	setup(&f);
	orphans_stop(f.orphans, USEC_PER_SEC, on_done, &f);
	assert_int_equal(f.n_done, 0);
	until(&f, f.n_done == 1);
	teardown(&f);
}

/* After a death somebody may still come; who comes then is drained. */
static void test_stop_waits_for_those_to_come(void **state)
{
	struct fixture f;

	setup(&f);
	f.orphans = orphans_free(f.orphans);
	assert_int_equal(access(f.path, F_OK), 0);
	open_orphans(&f);
	orphans_stop(f.orphans, USEC_PER_SEC, on_done, &f);
	for (int i = 0; i < 20; i++)
		turn(&f);
	assert_int_equal(f.n_done, 0);
	start_peer(&f, SAYS_HELLO);
	until(&f, f.n_said == 1);
	assert_string_equal(f.said, "D");
	until(&f, f.n_done == 1);
	teardown(&f);
}

static void test_another_manager(void **state)
{
	const struct orphans_params params = { 0 };
	struct orphans_params second = params;
	struct orphans *orphans = NULL;
	struct fixture f;

	setup(&f);
	second.loop = f.loop;
	second.path = f.path;
	assert_int_equal(orphans_new(&orphans, &second, NULL), -EADDRINUSE);
	assert_null(orphans);
	start_peer(&f, SAYS_HELLO);
	until(&f, count(&f) == 1);
	teardown(&f);
}

/* --- others ------------------------------------------------------------------------------------------ */

/* What does not say that it is a worker loses its connection, and is no target. */
static void test_strangers(void **state)
{
	static const unsigned rows[] = { 0, ASKS, BABBLES, LIES };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture f;

		setup(&f);
		if (rows[i] == LIES)
			test_log_expect(LOG_LEVEL_WARNING, "worker of an earlier");
		if (rows[i] == BABBLES)
			test_log_expect(LOG_LEVEL_ERROR, "link: ");
		orphans_drain(f.orphans, 0);
		start_peer(&f, rows[i]);
		until(&f, f.n_said == 1);
		assert_string_equal(f.said, "C");
		assert_int_equal(count(&f), 0);
		assert_int_equal(f.n_asked, 0);
		teardown(&f);
	}
}

/* A stop neither kills it nor waits for it longer than for its word. */
static void test_stop_with_a_stranger(void **state)
{
	struct fixture f;

	setup(&f);
	start_peer(&f, 0);
	for (int i = 0; i < 50; i++)
		turn(&f);
	orphans_stop(f.orphans, 0, on_done, &f);
	until(&f, f.n_done == 1 && f.n_said == 1);
	assert_string_equal(f.said, "C");
	teardown(&f);
}

static void test_end_spares_a_stranger(void **state)
{
	struct fixture f;

	setup(&f);
	start_peer(&f, STAYS);
	for (int i = 0; i < 50; i++)
		turn(&f);
	orphans_end(f.orphans);
	until(&f, f.n_said == 1);
	assert_string_equal(f.said, "C");
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_comes_and_drains),
		test_with_log(test_is_answered),
		test_with_log(test_is_bounded),
		test_with_log(test_end),
		test_with_log(test_stop_without_any),
		test_with_log(test_stop_waits_for_those_to_come),
		test_with_log(test_another_manager),
		test_with_log(test_strangers),
		test_with_log(test_stop_with_a_stranger),
		test_with_log(test_end_spares_a_stranger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
