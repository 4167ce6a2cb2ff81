/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The wire form of commands. Arguments and rows may hold what nobody else should read
 * (an EAB key, a token), so every frame of a command is treated as a secret.
 */
#include "link/command.h"

#include <errno.h>
#include <string.h>

#include "link/field.h"
#include "link/message.h"
#include "util/mem.h"

#define MESSAGE_MAX 16384

struct command {
	char *name;
	char *args;
};

struct row {
	char *row;
};

struct end {
	unsigned code;
	char *message;
};

/* clang-format off */
static const struct field command_fields[] = {
	FIELD_ROW(struct command, name, 1, TEXT, COMMAND_NAME_MAX, FIELD_REQUIRED),
	FIELD_ROW(struct command, args, 2, SECRET, COMMAND_BYTES_MAX, 0),
	{ .name = NULL },
};
static const struct field row_fields[] = {
	FIELD_ROW(struct row, row, 1, SECRET, COMMAND_BYTES_MAX, FIELD_REQUIRED),
	{ .name = NULL },
};
static const struct field end_fields[] = {
	FIELD_ROW(struct end, code,    1, UNSIGNED, 255, FIELD_REQUIRED),
	FIELD_ROW(struct end, message, 2, TEXT, MESSAGE_MAX, 0),
	{ .name = NULL },
};

/* clang-format on */

void command_request_pack(const char *name, const json_t *args, struct frame *frame)
{
	_cleanup_(secret_freep) char *text = args ? json_view_format(args) : NULL;
	struct command m = { .name = (char *)name, .args = text };

	frame_init(frame, LINK_COMMAND, BUF_SECRET);
	field_pack(command_fields, &m, frame);
}

static int parse_object(const char *text, json_t **ret, struct err *err)
{
	_cleanup_(json_view_unrefp) json_t *json = NULL;

	int r = json_view_parse(&json, text, strlen(text), err);
	if (r < 0)
		return r;
	if (!json_is_object(json))
		return err_set(err, -EPROTO, "not a JSON object");
	*ret = TAKE_PTR(json);
	return 0;
}

static bool is_command_name(const char *name)
{
	return name[0] != '\0' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(name);
}

static int unpack_command(
	struct command *m, char **ret_name, json_t **ret_args, struct err *err)
{
	if (!is_command_name(m->name))
		return err_set(err, -EPROTO, "not the name of a command");
	int r = parse_object(m->args ? m->args : "{}", ret_args, err);
	if (r < 0)
		return err_wrap(err, r, "arguments of command %s", m->name);
	*ret_name = TAKE_PTR(m->name);
	return 0;
}

int command_request_unpack(const struct frame_view *view, char **ret_name,
	json_t **ret_args, struct err *err)
{
	struct command m = { 0 };

	int r = field_unpack(command_fields, "COMMAND", view, &m, err);
	if (r < 0)
		return r;
	r = unpack_command(&m, ret_name, ret_args, err);
	field_done(command_fields, &m);
	return r;
}

void command_row_pack(const json_t *row, struct frame *frame)
{
	_cleanup_(secret_freep) char *text = json_view_format(row);

	frame_init(frame, LINK_COMMAND_ROW, BUF_SECRET);
	field_pack(row_fields, &(struct row){ .row = text }, frame);
}

int command_row_unpack(const struct frame_view *view, json_t **ret, struct err *err)
{
	struct row m = { 0 };

	int r = field_unpack(row_fields, "COMMAND_ROW", view, &m, err);
	if (r < 0)
		return r;
	r = parse_object(m.row, ret, err);
	field_done(row_fields, &m);
	return r;
}

void command_end_pack(enum command_exit code, const char *message, struct frame *frame)
{
	_cleanup_(freep) char *text = message ? xstrndup(message, MESSAGE_MAX) : NULL;
	struct end m = { .code = code, .message = text };

	frame_init(frame, LINK_COMMAND_END, BUF_SECRET);
	field_pack(end_fields, &m, frame);
}

int command_end_unpack(const struct frame_view *view, enum command_exit *ret_code,
	char **ret_message, struct err *err)
{
	struct end m = { 0 };

	int r = field_unpack(end_fields, "COMMAND_END", view, &m, err);
	if (r < 0)
		return r;
	*ret_code = (enum command_exit)m.code;
	*ret_message = m.message;
	return 0;
}
