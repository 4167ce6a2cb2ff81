/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A client's command against a daemon made of one stream, on one loop. */
#include <string.h>
#include <unistd.h>

#include "io/address.h"
#include "link/command.h"
#include "link/message.h"
#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

struct fixture {
	struct loop *loop;
	char *dir;
	char *path;
	int listen_fd;
	struct loop_io *listening;
	struct frame_stream *stream;
	unsigned n_rows; /* that the daemon answers with */
	bool answers;    /* with an end */
	bool breaks;     /* closes instead */
	bool talks_rubbish;
	unsigned n_received;
	unsigned n_done;
	enum command_exit code;
	char message[256];
	struct command_call *op;
	bool cancels_in_done;
};

static void on_closed(const struct err *err, void *userdata)
{
	struct fixture *f = userdata;

	f->stream = frame_stream_free(f->stream);
}

static void answer(struct fixture *f)
{
	_cleanup_(json_view_unrefp) json_t *row = json_pack("{s:i}", "n", 1);
	struct frame frame;

	for (unsigned i = 0; i < f->n_rows; i++) {
		command_row_pack(row, &frame);
		assert_int_equal(frame_stream_send(f->stream, &frame, NULL), 0);
	}
	if (f->talks_rubbish) {
		frame_init(&frame, LINK_COMMAND_ROW, 0);
		assert_int_equal(frame_stream_send(f->stream, &frame, NULL), 0);
	}
	if (f->answers) {
		command_end_pack(COMMAND_ATTENTION, "look here", &frame);
		assert_int_equal(frame_stream_send(f->stream, &frame, NULL), 0);
	}
}

static void on_frame(const struct frame_view *view, void *userdata)
{
	struct fixture *f = userdata;
	_cleanup_(json_view_unrefp) json_t *args = NULL;
	_cleanup_(freep) char *name = NULL;

	assert_int_equal(command_request_unpack(view, &name, &args, NULL), 0);
	assert_string_equal(name, "status");
	if (f->breaks)
		f->stream = frame_stream_free(f->stream);
	else
		answer(f);
}

static void on_connect(struct loop_io *io, unsigned events, void *userdata)
{
	struct fixture *f = userdata;
	const struct frame_stream_params params = {
		.on_frame = on_frame,
		.on_closed = on_closed,
		.userdata = f,
	};

	int fd = accept(f->listen_fd, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(frame_stream_new(&f->stream, f->loop, fd, &params, NULL), 0);
}

static void on_row(const json_t *row, void *userdata)
{
	struct fixture *f = userdata;

	assert_int_equal(json_view_int(row, "n", 0), 1);
	f->n_received++;
}

static void on_done(enum command_exit code, const char *message, void *userdata)
{
	struct fixture *f = userdata;

	f->n_done++;
	f->code = code;
	snprintf(f->message, sizeof(f->message), "%s", message ? message : "");
	if (f->cancels_in_done)
		f->op = command_call_cancel(f->op);
	loop_exit(f->loop, 0);
}

static int setup(void **state)
{
	struct fixture *f = xnew(struct fixture);
	_cleanup_(freep) char *text = NULL;
	struct address address;

	assert_int_equal(loop_new_epoll(&f->loop, NULL), 0);
	f->dir = test_tmpdir_new();
	f->path = xasprintf("%s/control", f->dir);
	text = xasprintf("unix:%s", f->path);
	assert_int_equal(address_parse(text, &address, NULL), 0);
	assert_int_equal(address_listen(&address, 8, &f->listen_fd, NULL), 0);
	assert_int_equal(loop_io_new(&f->listening, f->loop, f->listen_fd, LOOP_IN,
				 on_connect, f, NULL),
		0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	command_call_cancel(f->op);
	frame_stream_free(f->stream);
	loop_io_free(f->listening);
	close(f->listen_fd);
	loop_free(f->loop);
	test_tmpdir_free(f->dir);
	free(f->path);
	free(f);
	return 0;
}

static void call(struct fixture *f, const char *path, usec_t deadline_usec)
{
	const struct command_call_params params = {
		.socket_path = path,
		.name = "status",
		.on_row = on_row,
		.deadline_usec = deadline_usec,
	};

	assert_int_equal(
		command_call_start(&f->op, f->loop, &params, on_done, f, NULL), 0);
	/* Never from within. */
	assert_int_equal(f->n_done, 0);
	assert_int_equal(loop_run(f->loop, NULL), 0);
	assert_int_equal(f->n_done, 1);
}

static void test_rows_and_end(void **state)
{
	struct fixture *f = *state;

	f->n_rows = 3;
	f->answers = true;
	f->cancels_in_done = true;
	call(f, f->path, USEC_PER_MIN);
	assert_int_equal(f->n_received, 3);
	assert_int_equal(f->code, COMMAND_ATTENTION);
	assert_string_equal(f->message, "look here");
}

static void test_not_reachable(void **state)
{
	struct fixture *f = *state;

	call(f, "/nonexistent/control", USEC_PER_MIN);
	assert_int_equal(f->code, COMMAND_UNAVAILABLE);
	assert_non_null(strstr(f->message, "/nonexistent/control"));
}

static void test_breaks_off(void **state)
{
	struct fixture *f = *state;

	f->breaks = true;
	call(f, f->path, USEC_PER_MIN);
	assert_int_equal(f->code, COMMAND_FAILED);
}

static void test_rubbish(void **state)
{
	struct fixture *f = *state;

	f->talks_rubbish = true;
	call(f, f->path, USEC_PER_MIN);
	assert_int_equal(f->code, COMMAND_FAILED);
	assert_non_null(strstr(f->message, "COMMAND_ROW"));
}

static void test_deadline(void **state)
{
	struct fixture *f = *state;

	call(f, f->path, 20 * USEC_PER_MSEC);
	assert_int_equal(f->code, COMMAND_FAILED);
}

static void test_cancelled(void **state)
{
	struct fixture *f = *state;
	const struct command_call_params params = { .socket_path = "/nonexistent",
		.name = "status" };

	assert_int_equal(
		command_call_start(&f->op, f->loop, &params, on_done, f, NULL), 0);
	f->op = command_call_cancel(f->op);
	assert_int_equal(f->n_done, 0);
}

static void test_name_too_long(void **state)
{
	struct fixture *f = *state;
	const struct command_call_params params = { .socket_path = f->path,
		.name = "abcdefghijabcdefghijabcdefghijabc" };

	assert_true(command_call_start(&f->op, f->loop, &params, on_done, f, NULL) < 0);
	assert_null(f->op);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rows_and_end),
		TEST(test_not_reachable),
		TEST(test_breaks_off),
		TEST(test_rubbish),
		TEST(test_deadline),
		TEST(test_cancelled),
		TEST(test_name_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
