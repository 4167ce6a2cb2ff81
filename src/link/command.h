/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The wire form of the commands (core/commands/commands.c has the table): a request is a
 * command's name and its arguments as a JSON object; the answer is any number of rows
 * (JSON objects) and an end with an exit code and a sentence.
 */
#pragma once

#include "io/frame.h"
#include "util/json_view.h"

#define COMMAND_NAME_MAX  32
#define COMMAND_BYTES_MAX (1024 * 1024)

/* Also what the programs exit with. */
enum command_exit {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1,
	COMMAND_ATTENTION = 2,    /* done, and something wants a person */
	COMMAND_USAGE = 64,       /* EX_USAGE: asked in a wrong way */
	COMMAND_UNAVAILABLE = 69, /* EX_UNAVAILABLE: the daemon is not there */
	COMMAND_CONFIG = 78,      /* EX_CONFIG: the configuration is wrong */
};

/* Frames of either side. pack initialises the frame itself: type, and as a secret. What
 * unpack returns is owned by the caller; *ret_message may be NULL. */
void command_request_pack(const char *name, const json_t *args, struct frame *frame);
int command_request_unpack(const struct frame_view *view, char **ret_name,
	json_t **ret_args, struct err *err);
void command_row_pack(const json_t *row, struct frame *frame);
int command_row_unpack(const struct frame_view *view, json_t **ret, struct err *err);
void command_end_pack(enum command_exit code, const char *message, struct frame *frame);
int command_end_unpack(const struct frame_view *view, enum command_exit *ret_code,
	char **ret_message, struct err *err);

/* A client's side of one command. Contract of doc/architecture.md, Operations; on_row
 * may come any number of times before done. */
struct command_call;
typedef void command_row_fn(const json_t *row, void *userdata);
typedef void command_done_fn(
	enum command_exit code, const char *message, void *userdata);

struct command_call_params {
	const char *socket_path;
	const char *name;
	const json_t *args; /* NULL = {} */
	command_row_fn *on_row;
	usec_t deadline_usec; /* duration; 0 = none (events -f) */
};

/* Connects, asks. Not reachable: done with COMMAND_UNAVAILABLE and a sentence. */
int command_call_start(struct command_call **ret, struct loop *loop,
	const struct command_call_params *params, command_done_fn *done, void *userdata,
	struct err *err);
struct command_call *command_call_cancel(struct command_call *op);
DEFINE_CLEANUP(struct command_call *, command_call_cancel)
