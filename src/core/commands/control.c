/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See control.h. A connection carries one command at a time; its request is owned by the
 * connection until it ends. Nothing here calls back from within a row or an end: a
 * connection that cannot be written to is closed on a later turn, so that a command may
 * walk its rows without looking.
 *
 * Who can open the socket may be anybody of its group: connections, their idle time and
 * what they leave unread are bounded, and readers cannot take all places from the operator.
 */
#include "core/commands/control.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/local_socket.h"
#include "io/frame.h"
#include "link/message.h"
#include "util/list.h"
#include "util/mem.h"
#include "util/strtab.h"

#define CONNECTIONS_MAX     64
#define READERS_MAX         48 /* of them, of peers without CONTROL_ADMIN */
#define IDLE_DEFAULT_USEC   (60 * USEC_PER_SEC)
#define PAUSE_USEC          (1 * USEC_PER_SEC) /* when out of descriptors */
#define COMPLAINT_USEC      USEC_PER_MIN
#define ARGUMENT_MAX        (64 * 1024)
#define COMMANDS_MAX        64
#define UNSENT_ENOUGH_BYTES (512 * 1024)

struct connection;

struct control {
	/* inputs */
	struct loop *loop;                   /* borrowed */
	const struct control_command *table; /* borrowed */
	void *userdata;
	struct log_ctx log;
	usec_t idle_usec;
	/* owned */
	struct local_socket socket;
	struct loop_io *io;
	struct loop_timer *pause;
	struct list connections;
	/* results */
	unsigned n_connections;
	unsigned n_readers;
	usec_t complained_usec; /* monotonic; 0 = never */
};

struct connection {
	struct control *control; /* borrowed */
	struct list link;
	struct frame_stream *stream;     /* owned */
	struct loop_timer *idle;         /* owned */
	struct loop_defer *broken;       /* owned; will be closed on a later turn */
	struct control_request *request; /* owned; NULL = none under way */
	enum control_right right;
	pid_t pid;
	uid_t uid;
};

struct control_request {
	struct connection *connection; /* borrowed; NULL = the peer has gone */
	void (*gone)(void *userdata);
	void *gone_userdata;
};

/* --- the life of a connection -------------------------------------------------------- */

/* A request whose command did not ask to be told stays until the command ends it. */
static void abandon_request(struct control_request *request)
{
	void (*gone)(void *userdata) = request->gone;
	void *userdata = request->gone_userdata;

	request->connection = NULL;
	if (!gone)
		return;
	free(request);
	gone(userdata);
}

static struct connection *connection_free(struct connection *c)
{
	struct control_request *request = TAKE_PTR(c->request);

	list_remove(&c->link);
	c->control->n_connections--;
	c->control->n_readers -= c->right == CONTROL_READ;
	c->broken = loop_defer_free(c->broken);
	c->idle = loop_timer_free(c->idle);
	c->stream = frame_stream_free(c->stream);
	free(c);
	if (request)
		abandon_request(request);
	return NULL;
}

static void on_broken(void *userdata)
{
	connection_free(userdata);
}

static void break_later(struct connection *c, const struct err *why)
{
	_cleanup_(freep) char *text = err_format(why);

	if (c->broken)
		return;
	log_debug(&c->control->log, "closing the connection of pid %d: %s", (int)c->pid,
		text);
	c->broken = loop_defer_new(c->control->loop, on_broken, c);
}

static void on_idle(struct loop_timer *timer, void *userdata)
{
	connection_free(userdata);
}

static void connection_send(struct connection *c, struct frame *frame)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!c->broken && frame_stream_send(c->stream, frame, &err) < 0)
		break_later(c, &err);
	frame_done(frame);
}

/* --- a request ------------------------------------------------------------------------ */

void control_request_row(struct control_request *request, json_t *json)
{
	_cleanup_(json_view_unrefp) json_t *row = json;
	struct frame frame;

	assert(json);
	if (!request->connection)
		return;
	command_row_pack(row, &frame);
	connection_send(request->connection, &frame);
}

bool control_request_is_busy(const struct control_request *request)
{
	const struct connection *c = request->connection;

	return c && frame_stream_get_unsent(c->stream) > UNSENT_ENOUGH_BYTES;
}

void control_request_end(
	struct control_request *request, enum command_exit code, const char *fmt, ...)
{
	struct connection *c = request->connection;
	struct frame frame;
	va_list ap;

	if (c) {
		va_start(ap, fmt);
		_cleanup_(freep) char *message = xvasprintf(fmt, ap);
		va_end(ap);
		c->request = NULL;
		command_end_pack(code, message, &frame);
		connection_send(c, &frame);
		loop_timer_set_after(c->idle, c->control->idle_usec);
	}
	free(request);
}

void control_request_fail(
	struct control_request *request, enum command_exit code, const struct err *err)
{
	_cleanup_(freep) char *text = err_format(err);

	control_request_end(request, code, "%s", text);
}

void control_request_on_gone(
	struct control_request *request, void (*fn)(void *userdata), void *userdata)
{
	request->gone = fn;
	request->gone_userdata = userdata;
}

/* --- from a frame to a command -------------------------------------------------------- */

static const struct control_command *find_command(
	const struct control *control, const char *name)
{
	for (const struct control_command *row = control->table; row->name; row++) {
		if (strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

static const char *nearest_command(const struct control *control, const char *name)
{
	const char *names[COMMANDS_MAX + 1] = { NULL };

	for (size_t i = 0; i < COMMANDS_MAX && control->table[i].name; i++)
		names[i] = control->table[i].name;
	return strtab_nearest(names, name);
}

static const char *nearest_argument(
	const struct control_command *command, const char *name)
{
	const char *names[COMMANDS_MAX + 1] = { NULL };

	for (size_t i = 0; i < COMMANDS_MAX && command->arguments[i].name; i++)
		names[i] = command->arguments[i].name;
	return strtab_nearest(names, name);
}

static bool has_argument(const struct control_command *command, const char *name)
{
	for (const struct control_argument *a = command->arguments; a->name; a++) {
		if (strcmp(a->name, name) == 0)
			return true;
	}
	return false;
}

static bool is_scalar(const json_t *value)
{
	return json_is_boolean(value) || json_is_integer(value) ||
	       (json_is_string(value) && json_string_length(value) <= ARGUMENT_MAX);
}

/* What is wrong with the arguments, owned by the caller; NULL = nothing. */
static char *check_arguments(const struct control_command *command, const json_t *args)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)args, key, value)
	{
		const char *nearest;

		if (!has_argument(command, key)) {
			nearest = nearest_argument(command, key);
			return xasprintf("%s has no argument \"%s\"%s%s%s",
				command->name, key, nearest ? "; did you mean \"" : "",
				nearest ? nearest : "", nearest ? "\"?" : "");
		}
		if (!is_scalar(value))
			return xasprintf("%s: argument \"%s\" must be a text, a whole "
					 "number, true or false",
				command->name, key);
	}
	return NULL;
}

static void refuse_unknown(
	struct control *control, struct control_request *request, const char *name)
{
	const char *nearest = nearest_command(control, name);

	control_request_end(request, COMMAND_USAGE, "there is no command \"%s\"%s%s%s",
		name, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
		nearest ? "\"?" : "");
}

static void run_command(struct connection *c, const char *name, const json_t *args)
{
	struct control *control = c->control;
	const struct control_command *command = find_command(control, name);
	struct control_request *request = c->request = xnew(struct control_request);

	request->connection = c;
	loop_timer_disarm(c->idle);
	if (!command) {
		refuse_unknown(control, request, name);
		return;
	}
	if (command->right > c->right) {
		control_request_end(request, COMMAND_FAILED,
			"%s is for root and for the user that postseald runs as", name);
		return;
	}
	_cleanup_(freep) char *wrong = check_arguments(command, args);
	if (wrong) {
		control_request_end(request, COMMAND_USAGE, "%s", wrong);
		return;
	}
	if (command->right == CONTROL_ADMIN)
		log_info(&control->log, "command %s from pid %d of user %u", name,
			(int)c->pid, (unsigned)c->uid);
	command->run(request, args, control->userdata);
}

static int take_request(
	struct connection *c, const struct frame_view *view, struct err *err)
{
	_cleanup_(freep) char *name = NULL;
	_cleanup_(json_view_unrefp) json_t *args = NULL;

	if (view->type != LINK_COMMAND)
		return err_set(err, -EPROTO, "frame of type %u is no command",
			(unsigned)view->type);
	if (c->request)
		return err_set(err, -EPROTO, "a second command before the first's end");
	int r = command_request_unpack(view, &name, &args, err);
	if (r < 0)
		return r;
	run_command(c, name, args);
	return 0;
}

static void on_frame(const struct frame_view *view, void *userdata)
{
	struct connection *c = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!c->broken && take_request(c, view, &err) < 0)
		break_later(c, &err);
}

static void on_closed(const struct err *err, void *userdata)
{
	struct connection *c = userdata;

	if (err && err_is_set(err)) {
		_cleanup_(freep) char *text = err_format(err);
		log_debug(&c->control->log, "connection of pid %d: %s", (int)c->pid,
			text);
	}
	connection_free(c);
}

/* --- accepting ------------------------------------------------------------------------ */

static enum control_right right_of(uid_t uid)
{
	return uid == 0 || uid == geteuid() ? CONTROL_ADMIN : CONTROL_READ;
}

static bool has_room(const struct control *control, enum control_right right)
{
	if (control->n_connections >= CONNECTIONS_MAX)
		return false;
	return right == CONTROL_ADMIN || control->n_readers < READERS_MAX;
}

_printf_(2, 3) static void complain(struct control *control, const char *fmt, ...)
{
	usec_t now = loop_now(control->loop);
	va_list ap;

	if (control->complained_usec > 0 &&
		usec_sub(now, control->complained_usec) < COMPLAINT_USEC)
		return;
	control->complained_usec = now;
	va_start(ap, fmt);
	_cleanup_(freep) char *text = xvasprintf(fmt, ap);
	va_end(ap);
	log_warning(&control->log, "%s", text);
}

static int connection_new(struct control *control, int *fd, struct err *err)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);

	if (getsockopt(*fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return err_set(err, -errno, "who is the peer: %s", strerror(errno));
	enum control_right right = right_of(peer.uid);
	if (!has_room(control, right))
		return err_set(err, -EMFILE, "too many connections are open");

	struct connection *c = xnew(struct connection);
	const struct frame_stream_params params = {
		.max_frame_bytes = COMMAND_BYTES_MAX,
		.on_frame = on_frame,
		.on_closed = on_closed,
		.userdata = c,
	};
	int r = frame_stream_new(&c->stream, control->loop, *fd, &params, err);
	if (r < 0) {
		free(c);
		return r;
	}
	TAKE_FD(*fd);
	c->control = control;
	c->right = right;
	c->pid = peer.pid;
	c->uid = peer.uid;
	c->idle = loop_timer_new(control->loop, on_idle, c);
	loop_timer_set_after(c->idle, c->control->idle_usec);
	list_append(&control->connections, &c->link);
	control->n_connections++;
	control->n_readers += right == CONTROL_READ;
	return 0;
}

static void on_pause_over(struct loop_timer *timer, void *userdata)
{
	struct control *control = userdata;

	loop_io_set_events(control->io, LOOP_IN);
}

static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR || error == ECONNABORTED;
}

static void on_connection(struct loop_io *io, unsigned events, void *userdata)
{
	struct control *control = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(closep) int fd =
		accept4(control->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && is_passing(errno))
		return;
	if (fd < 0) {
		/* Out of descriptors or memory: the connection stays in the queue, and
		 * would wake us again at once. */
		complain(control, "cannot accept a connection: %s", strerror(errno));
		loop_io_set_events(io, 0);
		loop_timer_set_after(control->pause, PAUSE_USEC);
		return;
	}
	if (connection_new(control, &fd, &err) < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		complain(control, "connection refused: %s", text);
	}
}

/* --- the socket ----------------------------------------------------------------------- */

static int start(struct control *control, const char *path, struct err *err)
{
	int r = local_socket_open(&control->socket, path, 0660, err);

	if (r < 0)
		return err_wrap(err, r, "control socket %s", path);
	return loop_io_new(&control->io, control->loop, control->socket.fd, LOOP_IN,
		on_connection, control, err);
}

int control_new(
	struct control **ret, const struct control_params *params, struct err *err)
{
	_cleanup_(control_freep) struct control *control = xnew(struct control);

	control->loop = params->loop;
	control->table = params->table;
	control->userdata = params->userdata;
	control->log = (struct log_ctx){ params->log, "OP", "control" };
	control->idle_usec = params->idle_usec ? params->idle_usec : IDLE_DEFAULT_USEC;
	control->pause = loop_timer_new(params->loop, on_pause_over, control);
	list_init(&control->connections);
	int r = start(control, params->socket_path, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(control);
	return 0;
}

struct control *control_free(struct control *control)
{
	if (!control)
		return NULL;
	while (!list_is_empty(&control->connections))
		connection_free(
			list_entry(control->connections.next, struct connection, link));
	control->io = loop_io_free(control->io);
	local_socket_close(&control->socket);
	control->pause = loop_timer_free(control->pause);
	free(control);
	return NULL;
}
