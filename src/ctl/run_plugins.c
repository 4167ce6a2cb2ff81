/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands about plugins. */
#include "ctl/columns.h"
#include "ctl/daemon.h"
#include "ctl/print.h"
#include "util/mem.h"

#define DEADLINE_USEC (30 * USEC_PER_SEC)

static void on_plugin(const json_t *row, void *userdata)
{
	struct columns *columns = userdata;
	const char *disabled = json_view_string(row, "disabled");

	columns_add(columns, json_view_string(row, "kind"));
	columns_add(columns, json_view_string(row, "name"));
	columns_add(columns, json_view_string(row, "version"));
	columns_add(columns, disabled ? disabled : json_view_string(row, "summary"));
}

static void on_json(const json_t *row, void *userdata)
{
	json_array_append(userdata, (json_t *)row);
}

static int list_plugins_json(struct ctl *ctl)
{
	_cleanup_(json_view_unrefp) json_t *rows = json_array();
	int code = daemon_ask(ctl, &(struct daemon_call){
					   .name = "plugins",
					   .on_row = on_json,
					   .userdata = rows,
					   .deadline_usec = DEADLINE_USEC,
					   .is_quiet = true,
				   });

	if (code == COMMAND_OK || code == COMMAND_ATTENTION)
		print_json(ctl->out, rows);
	return code;
}

int ctl_run_plugins(struct ctl *ctl, const struct arguments *arguments)
{
	static const char *const headings[] = { "KIND", "NAME", "VERSION", "SUMMARY",
		NULL };
	_cleanup_(columns_freep) struct columns *columns = columns_new(headings);

	if (arguments_has(arguments, "json"))
		return list_plugins_json(ctl);
	int code = daemon_ask(ctl, &(struct daemon_call){
					   .name = "plugins",
					   .on_row = on_plugin,
					   .userdata = columns,
					   .deadline_usec = DEADLINE_USEC,
					   .is_quiet = true,
				   });
	if (code == COMMAND_OK || code == COMMAND_ATTENTION)
		columns_print(columns, ctl->out);
	return code;
}

int ctl_run_plugins_enable(struct ctl *ctl, const struct arguments *arguments)
{
	return daemon_ask(
		ctl, &(struct daemon_call){
			     .name = "plugins-enable",
			     .args = daemon_args("name", arguments_word(arguments, 0)),
			     .deadline_usec = DEADLINE_USEC,
		     });
}
