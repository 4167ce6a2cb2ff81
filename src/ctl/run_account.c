/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands account show, create, rollover and deactivate. */
#include <errno.h>
#include <string.h>

#include "ctl/columns.h"
#include "ctl/daemon.h"
#include "ctl/print.h"
#include "io/atomic_file.h"
#include "util/mem.h"

#define SHOW_DEADLINE_USEC   (30 * USEC_PER_SEC)
#define CREATE_DEADLINE_USEC (5 * USEC_PER_MIN)
/* Orders under way have five minutes, and then the CA is asked. */
#define CHANGE_DEADLINE_USEC (10 * USEC_PER_MIN)
#define KEY_BYTES_MAX        (16 * 1024)

static void on_account(const json_t *row, void *userdata)
{
	json_array_append(userdata, (json_t *)row);
}

static void print_account(FILE *out, const json_t *row)
{
	static const char *const keys[] = { "authority", "status", "reason", "url",
		"directory", "contact", "thumbprint", "created", "pending" };
	_cleanup_(columns_freep) struct columns *columns = columns_new(NULL);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *text = json_view_string(row, keys[i]);

		if (!text || !text[0])
			continue;
		columns_printf(columns, "%s:", keys[i]);
		columns_add(columns, text);
	}
	columns_print(columns, out);
}

static void print_accounts(FILE *out, const json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		if (i > 0)
			fputc('\n', out);
		print_account(out, json_array_get(rows, i));
	}
}

/* args is taken over. */
static int ask(struct ctl *ctl, const struct arguments *arguments,
	const struct daemon_call *call)
{
	_cleanup_(json_view_unrefp) json_t *rows = json_array();
	struct daemon_call own = *call;

	own.on_row = on_account;
	own.userdata = rows;
	own.is_quiet = true;
	int code = daemon_ask(ctl, &own);
	if (code != COMMAND_OK)
		return code;
	if (arguments_has(arguments, "json"))
		print_json(ctl->out, rows);
	else
		print_accounts(ctl->out, rows);
	return code;
}

int ctl_run_account_show(struct ctl *ctl, const struct arguments *arguments)
{
	return ask(ctl, arguments,
		&(struct daemon_call){
			.name = "account-show",
			.args = daemon_args("authority", arguments_word(arguments, 0)),
			.deadline_usec = SHOW_DEADLINE_USEC,
		});
}

static int add_key(json_t *args, const char *path, struct err *err)
{
	_cleanup_(buf_done) struct buf pem = BUF_INIT_SECRET(KEY_BYTES_MAX);

	int r = file_read(path, FILE_PRIVATE | FILE_GROUP, KEY_BYTES_MAX, &pem, err);
	if (r < 0)
		return err_wrap(err, r, "key");
	if (strlen(buf_str(&pem)) != pem.len ||
		json_object_set_new(args, "key_pem", json_string(buf_str(&pem))) < 0)
		return err_set_kind(
			err, ERR_CONFIG, -EINVAL, "key %s: it is not PEM", path);
	return 0;
}

int ctl_run_account_create(struct ctl *ctl, const struct arguments *arguments)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	json_t *args = daemon_args("authority", arguments_word(arguments, 0));
	const char *key = arguments_get(arguments, "key");

	if (arguments_has(arguments, "yes"))
		json_object_set_new(args, "yes", json_true());
	if (key && add_key(args, key, &err) < 0) {
		print_err(ctl->err, &err);
		json_decref(args);
		return COMMAND_FAILED;
	}
	return ask(ctl, arguments,
		&(struct daemon_call){
			.name = "account-create",
			.args = args,
			.deadline_usec = CREATE_DEADLINE_USEC,
		});
}

int ctl_run_account_rollover(struct ctl *ctl, const struct arguments *arguments)
{
	return ask(ctl, arguments,
		&(struct daemon_call){
			.name = "account-rollover",
			.args = daemon_args("authority", arguments_word(arguments, 0)),
			.deadline_usec = CHANGE_DEADLINE_USEC,
		});
}

int ctl_run_account_deactivate(struct ctl *ctl, const struct arguments *arguments)
{
	json_t *args = daemon_args("authority", arguments_word(arguments, 0));

	if (arguments_has(arguments, "yes"))
		json_object_set_new(args, "yes", json_true());
	return ask(ctl, arguments,
		&(struct daemon_call){
			.name = "account-deactivate",
			.args = args,
			.deadline_usec = CHANGE_DEADLINE_USEC,
		});
}
