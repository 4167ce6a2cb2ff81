/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket: RUN_DIRECTORY/control, 0660. Reads requests of link/command.h,
 * checks the peer's right (SO_PEERCRED: root and our own user may do everything, others who
 * can open the socket may read), finds the command in the table, sends its rows.
 */
#pragma once

#include "link/command.h"
#include "util/log.h"

enum control_right {
	CONTROL_READ,
	CONTROL_ADMIN,
};

struct control;
struct control_request; /* one command under way */

struct control_argument {
	const char *name;
	const char *text; /* for usage and validation messages */
};

struct control_command {
	const char *name;
	enum control_right right;
	const struct control_argument
		*arguments; /* ends with name NULL; unknown ones are refused */
	const char *reply;  /* one sentence: the shape of a row */
	const char *text;
	/* Sends rows and ends the request, at once or later. */
	void (*run)(
		struct control_request *request, const json_t *args, void *userdata);
};

struct control_params {
	struct loop *loop;
	const char *socket_path;
	const struct control_command *table; /* ends with name NULL */
	void *userdata;                      /* for run */
	const struct log_ctx *log;
	usec_t idle_usec; /* for a request to arrive; 0 = 60 s */
};

int control_new(
	struct control **ret, const struct control_params *params, struct err *err);
struct control *control_free(struct control *control);
DEFINE_CLEANUP(struct control *, control_free)

/* json is taken over. A peer that has gone: silently ignored. */
void control_request_row(struct control_request *request, json_t *json);
/* Has the peer so much to read that more rows should wait? False when it has gone. */
bool control_request_is_busy(const struct control_request *request);
/* Ends it: the request is gone afterwards. */
_printf_(3, 4) void control_request_end(
	struct control_request *request, enum command_exit code, const char *fmt, ...);
/* The same, with what went wrong. */
void control_request_fail(
	struct control_request *request, enum command_exit code, const struct err *err);
/* For commands that go on (events -f, renew --wait): called when the peer goes or control
 * is freed, after which the request must not be touched. NULL clears it. */
void control_request_on_gone(
	struct control_request *request, void (*fn)(void *userdata), void *userdata);
