/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client's side of one command: connect, ask, pass rows on, end once. Whatever keeps
 * the daemon from being reached or from answering is an ordinary result.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/address.h"
#include "link/command.h"
#include "link/message.h"
#include "util/mem.h"

struct command_call {
	/* inputs */
	command_row_fn *on_row;
	command_done_fn *done;
	void *userdata;
	char *socket_path; /* owned */
	/* owned operations */
	struct frame_stream *stream;
	struct loop_timer *deadline;
	struct loop_defer *failed; /* pending when the start has failed */
	/* results */
	char *message; /* owned */
};

static void complete(
	struct command_call *op, enum command_exit code, const char *message)
{
	command_done_fn *done = TAKE_PTR(op->done);
	void *userdata = op->userdata;

	op->stream = frame_stream_free(op->stream);
	op->deadline = loop_timer_free(op->deadline);
	if (done)
		done(code, message, userdata);
}

static void on_failed(void *userdata)
{
	struct command_call *op = userdata;

	complete(op, COMMAND_UNAVAILABLE, op->message);
}

static void on_deadline(struct loop_timer *timer, void *userdata)
{
	complete(userdata, COMMAND_FAILED, "no answer from the daemon in time");
}

static void fail(struct command_call *op, const struct err *err)
{
	_cleanup_(freep) char *text = err_format(err);

	complete(op, COMMAND_FAILED, text);
}

static void on_closed(const struct err *err, void *userdata)
{
	struct command_call *op = userdata;

	if (err && err_is_set(err))
		fail(op, err);
	else
		complete(op, COMMAND_FAILED, "the daemon broke off before its answer");
}

static int on_end(
	struct command_call *op, const struct frame_view *view, struct err *err)
{
	_cleanup_(freep) char *message = NULL;
	enum command_exit code;

	int r = command_end_unpack(view, &code, &message, err);
	if (r == 0)
		complete(op, code, message);
	return r;
}

static int on_row(
	struct command_call *op, const struct frame_view *view, struct err *err)
{
	_cleanup_(json_view_unrefp) json_t *row = NULL;

	int r = command_row_unpack(view, &row, err);
	if (r == 0 && op->on_row)
		op->on_row(row, op->userdata);
	return r;
}

static void on_frame(const struct frame_view *view, void *userdata)
{
	struct command_call *op = userdata;
	struct err err = ERR_INIT;
	int r = 0;

	/* After a success op may be gone. */
	if (view->type == LINK_COMMAND_ROW)
		r = on_row(op, view, &err);
	else if (view->type == LINK_COMMAND_END)
		r = on_end(op, view, &err);
	if (r < 0)
		fail(op, &err);
	err_done(&err);
}

static int send_request(struct command_call *op,
	const struct command_call_params *params, struct err *err)
{
	struct frame frame;

	command_request_pack(params->name, params->args, &frame);
	int r = frame_stream_send(op->stream, &frame, err);
	frame_done(&frame);
	return r;
}

static int open_stream(struct command_call *op, struct loop *loop, struct err *err)
{
	const struct frame_stream_params params = {
		.on_frame = on_frame,
		.on_closed = on_closed,
		.userdata = op,
	};
	_cleanup_(freep) char *text = xasprintf("unix:%s", op->socket_path);
	_cleanup_(closep) int fd = -1;
	struct address address;

	int r = address_parse(text, &address, err);
	if (r < 0)
		return r;
	r = address_connect(&address, &fd, err);
	if (r < 0)
		return r;
	r = frame_stream_new(&op->stream, loop, fd, &params, err);
	if (r == 0)
		TAKE_FD(fd);
	return r;
}

int command_call_start(struct command_call **ret, struct loop *loop,
	const struct command_call_params *params, command_done_fn *done, void *userdata,
	struct err *err)
{
	struct err local = ERR_INIT;

	if (strlen(params->name) > COMMAND_NAME_MAX)
		return err_set(err, -EINVAL, "no such command: %s", params->name);
	struct command_call *op = xnew(struct command_call);
	op->on_row = params->on_row;
	op->done = done;
	op->userdata = userdata;
	op->socket_path = xstrdup(params->socket_path);
	int r = open_stream(op, loop, &local);
	if (r == 0)
		r = send_request(op, params, &local);
	if (r < 0) {
		_cleanup_(freep) char *why = err_format(&local);

		op->message = xasprintf(
			"the daemon is not reachable at %s: %s", op->socket_path, why);
		op->failed = loop_defer_new(loop, on_failed, op);
	} else if (params->deadline_usec > 0) {
		op->deadline = loop_timer_new(loop, on_deadline, op);
		loop_timer_set_after(op->deadline, params->deadline_usec);
	}
	err_done(&local);
	*ret = op;
	return 0;
}

struct command_call *command_call_cancel(struct command_call *op)
{
	if (!op)
		return NULL;
	op->failed = loop_defer_free(op->failed);
	op->deadline = loop_timer_free(op->deadline);
	op->stream = frame_stream_free(op->stream);
	free(op->message);
	free(op->socket_path);
	free(op);
	return NULL;
}
