/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket with clients that behave and clients that do not. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/commands/control.h"
#include "io/frame.h"
#include "link/message.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

#define PATIENCE_USEC (5 * USEC_PER_SEC)
#define CLIENTS_MAX   70

struct fixture {
	struct loop *loop;
	struct loop_timer *patience;
	struct control *control;
	char *dir;
	char *path;
	struct control_request *held; /* by the command "hold" */
	unsigned n_gone;
	unsigned n_run;
};

/* --- the commands ------------------------------------------------------------------------ */

static void run_echo(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct fixture *f = userdata;

	f->n_run++;
	control_request_row(request, json_deep_copy(args));
	control_request_row(request, json_pack("{s:i}", "row", 2));
	control_request_end(request, COMMAND_ATTENTION, "said %d rows", 2);
}

static void on_gone(void *userdata)
{
	struct fixture *f = userdata;

	f->held = NULL;
	f->n_gone++;
}

static void run_hold(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct fixture *f = userdata;

	f->n_run++;
	f->held = request;
	if (!json_view_bool(args, "deaf", false))
		control_request_on_gone(request, on_gone, f);
}

static void run_big(struct control_request *request, const json_t *args, void *userdata)
{
	_cleanup_(freep) char *text = xcalloc(1, COMMAND_BYTES_MAX + 1);

	memset(text, 'x', COMMAND_BYTES_MAX);
	control_request_row(request, json_pack("{s:s}", "text", text));
	control_request_row(request, json_pack("{s:s}", "text", "after it"));
	control_request_end(request, COMMAND_OK, "%s", "");
}

/* clang-format off */
static const struct control_argument echo_arguments[] = {
	{ "name", "any" }, { "force", "any" }, { NULL, NULL },
};
static const struct control_argument hold_arguments[] = {
	{ "deaf", "whether it does not want to be told" }, { NULL, NULL },
};
static const struct control_argument no_arguments[] = { { NULL, NULL } };

static const struct control_command table[] = {
	{ "status", CONTROL_READ,  echo_arguments, "", "", run_echo },
	{ "renew",  CONTROL_ADMIN, echo_arguments, "", "", run_echo },
	{ "hold",   CONTROL_READ,  hold_arguments, "", "", run_hold },
	{ "big",    CONTROL_READ,  no_arguments,   "", "", run_big },
	{ NULL,     CONTROL_READ,  NULL, NULL, NULL, NULL },
};

/* clang-format on */

/* --- the fixture -------------------------------------------------------------------------- */

static void on_patience(struct loop_timer *timer, void *userdata)
{
	fail_msg("nothing happened");
}

static int open_control(struct fixture *f, usec_t idle_usec, struct err *err)
{
	return control_new(&f->control,
		&(struct control_params){
			.loop = f->loop,
			.socket_path = f->path,
			.table = table,
			.userdata = f,
			.idle_usec = idle_usec,
		},
		err);
}

static int setup_without(void **state)
{
	struct fixture *f = xnew(struct fixture);

	f->dir = test_tmpdir_new();
	f->path = xasprintf("%s/control", f->dir);
	assert_int_equal(loop_new_epoll(&f->loop, NULL), 0);
	f->patience = loop_timer_new(f->loop, on_patience, NULL);
	loop_timer_set_after(f->patience, PATIENCE_USEC);
	*state = f;
	return test_log_setup(NULL);
}

static int setup(void **state)
{
	setup_without(state);
	assert_int_equal(open_control(*state, 0, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	loop_timer_free(f->patience);
	loop_free(f->loop);
	free(f->path);
	test_tmpdir_free(f->dir);
	free(f);
	return test_log_teardown(NULL);
}

/* --- a client ------------------------------------------------------------------------------- */

struct client {
	struct fixture *f;
	struct frame_stream *stream;
	json_t *rows;
	char *message;
	enum command_exit code;
	bool has_ended, has_closed;
};

static void on_client_frame(const struct frame_view *view, void *userdata)
{
	struct client *c = userdata;
	json_t *row = NULL;

	if (view->type == LINK_COMMAND_ROW) {
		assert_int_equal(command_row_unpack(view, &row, NULL), 0);
		json_array_append_new(c->rows, row);
		return;
	}
	assert_int_equal(view->type, LINK_COMMAND_END);
	assert_int_equal(command_end_unpack(view, &c->code, &c->message, NULL), 0);
	c->has_ended = true;
	loop_exit(c->f->loop, 0);
}

static void on_client_closed(const struct err *err, void *userdata)
{
	struct client *c = userdata;

	c->has_closed = true;
	loop_exit(c->f->loop, 0);
}

static void client_open(struct client *c, struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*c = (struct client){ .f = f, .rows = json_array() };
	memcpy(address.sun_path, f->path, strlen(f->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(frame_stream_new(&c->stream, f->loop, fd,
				 &(struct frame_stream_params){
					 .on_frame = on_client_frame,
					 .on_closed = on_client_closed,
					 .userdata = c,
				 },
				 NULL),
		0);
}

static void client_close(struct client *c)
{
	c->stream = frame_stream_free(c->stream);
	json_decref(c->rows);
	free(c->message);
}

static void client_ask(struct client *c, const char *name, json_t *args)
{
	struct frame frame;

	command_request_pack(name, args, &frame);
	assert_int_equal(frame_stream_send(c->stream, &frame, NULL), 0);
	frame_done(&frame);
	json_decref(args);
}

/* Until an answer's end, or the connection's. */
static void run(struct fixture *f)
{
	assert_int_equal(loop_run(f->loop, NULL), 0);
}

static void on_turn(struct loop_timer *timer, void *userdata)
{
	loop_exit(((struct fixture *)userdata)->loop, 0);
}

/* Long enough for what is ready to happen. */
static void run_for(struct fixture *f, usec_t usec)
{
	struct loop_timer *timer = loop_timer_new(f->loop, on_turn, f);

	loop_timer_set_after(timer, usec);
	run(f);
	loop_timer_free(timer);
}

/* --- commands -------------------------------------------------------------------------------- */

static void test_answer(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_open(&c, f);
	client_ask(&c, "status", json_pack("{s:s}", "name", "a.example"));
	run(f);
	assert_true(c.has_ended);
	assert_int_equal(c.code, COMMAND_ATTENTION);
	assert_string_equal(c.message, "said 2 rows");
	assert_int_equal(json_array_size(c.rows), 2);
	assert_string_equal(
		json_view_string(json_array_get(c.rows, 0), "name"), "a.example");
	assert_int_equal(json_view_int(json_array_get(c.rows, 1), "row", 0), 2);
	client_close(&c);
}

static void test_several_on_one_connection(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_open(&c, f);
	for (unsigned i = 1; i <= 3; i++) {
		client_ask(&c, "renew", NULL);
		run(f);
		assert_int_equal(f->n_run, i);
		free(TAKE_PTR(c.message));
	}
	client_close(&c);
}

struct refusal {
	const char *name;
	const char *command;
	const char *args;
	const char *message;
};

/* clang-format off */
static const struct refusal refusals[] = {
	{ "unknown", "bananas", "{}", "there is no command \"bananas\"" },
	{ "nearest command", "stauts", "{}",
	  "there is no command \"stauts\"; did you mean \"status\"?" },
	{ "unknown argument", "status", "{\"x\": 1}", "status has no argument \"x\"" },
	{ "nearest argument", "renew", "{\"froce\": true}",
	  "renew has no argument \"froce\"; did you mean \"force\"?" },
	{ "list", "status", "{\"name\": []}",
	  "status: argument \"name\" must be a text, a whole number, true or false" },
	{ "null", "status", "{\"name\": null}",
	  "status: argument \"name\" must be a text, a whole number, true or false" },
	{ "fraction", "status", "{\"name\": 0.5}",
	  "status: argument \"name\" must be a text, a whole number, true or false" },
	{ "a good one before", "status", "{\"name\": \"x\", \"z\": 1}",
	  "status has no argument \"z\"" },
};

/* clang-format on */

static void test_refusals(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *row = &refusals[i];
		struct client c;

		test_case(row->name);
		client_open(&c, f);
		client_ask(&c, row->command, json_loads(row->args, 0, NULL));
		run(f);
		assert_true(c.has_ended);
		assert_int_equal(c.code, COMMAND_USAGE);
		assert_string_equal(c.message, row->message);
		assert_int_equal(json_array_size(c.rows), 0);
		client_close(&c);
	}
	assert_int_equal(f->n_run, 0);
}

/* Who may open the socket without being root or our user may look, and no more. */
static void test_rights(void **state)
{
	struct fixture *f = *state;
	struct client c;

	if (geteuid() != 0) {
		print_message("    needs root: not run\n");
		return;
	}
	assert_int_equal(chmod(f->dir, 0711), 0);
	assert_int_equal(chmod(f->path, 0666), 0);
	assert_int_equal(seteuid(65534), 0);
	client_open(&c, f);
	assert_int_equal(seteuid(0), 0);
	client_ask(&c, "renew", NULL);
	run(f);
	assert_int_equal(c.code, COMMAND_FAILED);
	assert_non_null(strstr(c.message, "is for root"));
	assert_int_equal(f->n_run, 0);
	free(TAKE_PTR(c.message));
	client_ask(&c, "status", NULL);
	run(f);
	assert_int_equal(c.code, COMMAND_ATTENTION);
	client_close(&c);
}

/* --- requests that go on --------------------------------------------------------------------- */

static void test_later_end(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_open(&c, f);
	client_ask(&c, "hold", NULL);
	run_for(f, 20 * USEC_PER_MSEC);
	assert_non_null(f->held);
	control_request_row(f->held, json_object());
	control_request_on_gone(f->held, NULL, NULL);
	control_request_end(TAKE_PTR(f->held), COMMAND_OK, "%s", "done");
	run(f);
	assert_true(c.has_ended);
	assert_int_equal(json_array_size(c.rows), 1);
	client_close(&c);
	run_for(f, 20 * USEC_PER_MSEC);
	assert_int_equal(f->n_gone, 0);
}

static void test_peer_goes(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_open(&c, f);
	client_ask(&c, "hold", NULL);
	run_for(f, 20 * USEC_PER_MSEC);
	client_close(&c);
	run_for(f, 20 * USEC_PER_MSEC);
	assert_int_equal(f->n_gone, 1);
}

static void test_peer_goes_untold(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_open(&c, f);
	client_ask(&c, "hold", json_pack("{s:b}", "deaf", 1));
	run_for(f, 20 * USEC_PER_MSEC);
	client_close(&c);
	run_for(f, 20 * USEC_PER_MSEC);
	assert_non_null(f->held);
	control_request_row(f->held, json_object());
	control_request_end(TAKE_PTR(f->held), COMMAND_OK, "%s", "");
}

static void test_control_goes(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_open(&c, f);
	client_ask(&c, "hold", NULL);
	run_for(f, 20 * USEC_PER_MSEC);
	f->control = control_free(f->control);
	assert_int_equal(f->n_gone, 1);
	run(f);
	assert_true(c.has_closed);
	client_close(&c);
}

/* --- clients that do not behave --------------------------------------------------------------- */

static void test_second_before_end(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_open(&c, f);
	client_ask(&c, "hold", NULL);
	client_ask(&c, "status", NULL);
	run(f);
	assert_true(c.has_closed);
	assert_int_equal(f->n_run, 1);
	assert_int_equal(f->n_gone, 1);
	client_close(&c);
}

static void test_other_frame(void **state)
{
	struct fixture *f = *state;
	struct frame frame;
	struct client c;

	client_open(&c, f);
	frame_init(&frame, LINK_START, 0);
	assert_int_equal(frame_stream_send(c.stream, &frame, NULL), 0);
	frame_done(&frame);
	run(f);
	assert_true(c.has_closed);
	client_close(&c);
}

static void test_row_too_large(void **state)
{
	struct fixture *f = *state;
	struct client c;

	client_open(&c, f);
	client_ask(&c, "big", NULL);
	run(f);
	assert_true(c.has_closed);
	assert_false(c.has_ended);
	client_close(&c);
}

static void test_idle(void **state)
{
	struct fixture *f = *state;
	struct client c;

	assert_int_equal(open_control(f, 30 * USEC_PER_MSEC, NULL), 0);
	client_open(&c, f);
	client_ask(&c, "hold", NULL);
	run_for(f, 90 * USEC_PER_MSEC);
	assert_false(c.has_closed);
	control_request_on_gone(f->held, NULL, NULL);
	control_request_end(TAKE_PTR(f->held), COMMAND_OK, "%s", "");
	run(f);
	assert_true(c.has_ended);
	assert_false(c.has_closed);
	run(f);
	assert_true(c.has_closed);
	client_close(&c);
}

static void test_too_many(void **state)
{
	struct fixture *f = *state;
	struct client clients[CLIENTS_MAX];
	unsigned n_closed = 0;

	test_log_expect(LOG_LEVEL_WARNING, "too many connections");
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		client_open(&clients[i], f);
		run_for(f, USEC_PER_MSEC);
	}
	run_for(f, 20 * USEC_PER_MSEC);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		n_closed += clients[i].has_closed;
	assert_int_equal(n_closed, CLIENTS_MAX - 64);
	client_ask(&clients[0], "status", NULL);
	run(f);
	assert_true(clients[0].has_ended);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		client_close(&clients[i]);
}

/* --- the socket --------------------------------------------------------------------------------- */

static void test_mode(void **state)
{
	static const mode_t masks[] = { 0, 0022, 0077, 0777 };
	struct fixture *f = *state;
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		mode_t before = umask(masks[i]);

		assert_int_equal(open_control(f, 0, NULL), 0);
		umask(before);
		assert_int_equal(lstat(f->path, &st), 0);
		assert_true(S_ISSOCK(st.st_mode));
		assert_int_equal(st.st_mode & 07777, 0660);
		f->control = control_free(f->control);
		assert_int_equal(lstat(f->path, &st), -1);
	}
}

/* Left over by a daemon that was killed. */
static void make_stale(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void test_stale(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *temporary = xasprintf("%s.new", f->path);
	struct client c;

	make_stale(f->path);
	make_stale(temporary);
	assert_int_equal(open_control(f, 0, NULL), 0);
	assert_int_equal(access(temporary, F_OK), -1);
	client_open(&c, f);
	client_ask(&c, "status", NULL);
	run(f);
	assert_true(c.has_ended);
	client_close(&c);
}

static void test_occupied(void **state)
{
	struct fixture *f = *state;
	struct fixture other = { .loop = f->loop, .path = f->path };
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct client c;

	assert_int_equal(open_control(&other, 0, &err), -EADDRINUSE);
	assert_non_null(strstr(err.detail, "another postseald"));
	client_open(&c, f);
	client_ask(&c, "status", NULL);
	run(f);
	assert_true(c.has_ended);
	client_close(&c);
}

static void test_no_socket(void **state)
{
	struct fixture *f = *state;
	_cleanup_(err_done) struct err err = ERR_INIT;

	free(test_tmpdir_write(f->dir, "control", "precious"));
	assert_int_equal(open_control(f, 0, &err), -EEXIST);
	assert_int_equal(access(f->path, F_OK), 0);
}

static void test_bad_paths(void **state)
{
	struct fixture *f = *state;

	free(f->path);
	f->path = xasprintf("%s/no/such/control", f->dir);
	assert_int_equal(open_control(f, 0, NULL), -ENOENT);
	free(f->path);
	f->path = xasprintf("%s/%0100d", f->dir, 1);
	assert_int_equal(open_control(f, 0, NULL), -ENAMETOOLONG);
}

/* Whoever came after us keeps its socket when we go. */
static void test_free_leaves_another(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(unlink(f->path), 0);
	make_stale(f->path);
	f->control = control_free(f->control);
	assert_int_equal(access(f->path, F_OK), 0);
}

#define test_plain(fn)    cmocka_unit_test_setup_teardown((fn), setup, teardown)
#define test_unopened(fn) cmocka_unit_test_setup_teardown((fn), setup_without, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_plain(test_answer),
		test_plain(test_several_on_one_connection),
		test_plain(test_refusals),
		test_plain(test_rights),
		test_plain(test_later_end),
		test_plain(test_peer_goes),
		test_plain(test_peer_goes_untold),
		test_plain(test_control_goes),
		test_plain(test_second_before_end),
		test_plain(test_other_frame),
		test_plain(test_row_too_large),
		test_unopened(test_idle),
		test_plain(test_too_many),
		test_unopened(test_mode),
		test_unopened(test_stale),
		test_plain(test_occupied),
		test_unopened(test_no_socket),
		test_unopened(test_bad_paths),
		test_plain(test_free_leaves_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
