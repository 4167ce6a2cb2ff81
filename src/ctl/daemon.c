/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See daemon.h. */
#include "ctl/daemon.h"

#include "core/wanted/load.h"
#include "ctl/print.h"
#include "util/mem.h"

struct answer {
	struct ctl *ctl;
	struct loop *loop;
	const struct daemon_call *call;
	enum command_exit code;
};

static bool is_good(enum command_exit code)
{
	return code == COMMAND_OK || code == COMMAND_ATTENTION;
}

static void on_row(const json_t *row, void *userdata)
{
	struct answer *answer = userdata;

	if (answer->call->on_row)
		answer->call->on_row(row, answer->call->userdata);
}

static void on_done(enum command_exit code, const char *message, void *userdata)
{
	struct answer *answer = userdata;
	bool has_message = message && message[0];

	answer->code = code;
	if (answer->call->is_mute)
		has_message = false;
	if (has_message && !is_good(code))
		print_problem(answer->ctl->err, "%s", message);
	else if (has_message && !answer->call->is_quiet)
		print_line(answer->ctl->out, "%s", message);
	loop_exit(answer->loop, 0);
}

static char *find_socket(const struct ctl *ctl)
{
	if (ctl->socket)
		return xstrdup(ctl->socket);
	_cleanup_(freep) char *directory = load_find_early(&ctl->conf, "run_directory");
	return xasprintf("%s/control", directory);
}

static int ask(struct answer *answer, struct err *err)
{
	_cleanup_(command_call_cancelp) struct command_call *op = NULL;
	_cleanup_(freep) char *path = find_socket(answer->ctl);
	const struct command_call_params params = {
		.socket_path = path,
		.name = answer->call->name,
		.args = answer->call->args,
		.on_row = on_row,
		.deadline_usec = answer->call->deadline_usec,
	};

	int r = command_call_start(&op, answer->loop, &params, on_done, answer, err);
	return r < 0 ? r : loop_run(answer->loop, err);
}

/* The daemon's word is not a shell's: only the codes that the manual lists. */
static int exit_of(enum command_exit code)
{
	switch (code) {
	case COMMAND_OK:
	case COMMAND_ATTENTION:
	case COMMAND_USAGE:
	case COMMAND_UNAVAILABLE:
	case COMMAND_CONFIG:
		return (int)code;
	case COMMAND_FAILED:
		break;
	}
	return COMMAND_FAILED;
}

int daemon_ask(struct ctl *ctl, const struct daemon_call *call)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(loop_freep) struct loop *own = NULL;
	struct answer answer = { .ctl = ctl, .call = call, .code = COMMAND_FAILED };

	int r = ctl->loop ? 0 : loop_new_epoll(&own, &err);
	answer.loop = ctl->loop ? ctl->loop : own;
	if (r >= 0)
		r = ask(&answer, &err);
	json_decref(call->args);
	if (r < 0)
		print_err(ctl->err, &err);
	return r < 0 ? COMMAND_FAILED : exit_of(answer.code);
}

json_t *daemon_args(const char *key, const char *value)
{
	json_t *args = json_object();

	/* What is not UTF-8 must not be left out: that would mean "all". */
	if (value && json_object_set_new(args, key, json_string(value)) < 0)
		json_object_set_new(args, key, json_string("(not UTF-8)"));
	return args;
}
