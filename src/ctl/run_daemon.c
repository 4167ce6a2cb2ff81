/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands renew, reload, events and plugins. */
#include "ctl/columns.h"
#include "ctl/daemon.h"
#include "ctl/print.h"
#include "util/mem.h"

#define DEADLINE_USEC        (30 * USEC_PER_SEC)
#define RELOAD_DEADLINE_USEC (5 * USEC_PER_MIN)
#define EVENTS_MAX           10000

/* --- renew -------------------------------------------------------------------------------- */

int ctl_run_renew(struct ctl *ctl, const struct arguments *arguments)
{
	bool wait = arguments_has(arguments, "wait");
	json_t *args = daemon_args("name", arguments_word(arguments, 0));

	json_object_set_new(
		args, "force", json_boolean(arguments_has(arguments, "force")));
	json_object_set_new(args, "wait", json_boolean(wait));
	return daemon_ask(ctl, &(struct daemon_call){
				       .name = "renew",
				       .args = args,
				       .deadline_usec = wait ? 0 : DEADLINE_USEC,
			       });
}

/* --- reload ------------------------------------------------------------------------------- */

static void on_report(const json_t *row, void *userdata)
{
	struct ctl *ctl = userdata;
	const char *text = json_view_string(row, "report");

	if (text)
		print_line(ctl->err, "%s", text);
}

int ctl_run_reload(struct ctl *ctl, const struct arguments *arguments)
{
	json_t *args = json_object();

	if (arguments_has(arguments, "yes"))
		json_object_set_new(args, "yes", json_true());
	return daemon_ask(ctl, &(struct daemon_call){
				       .name = "reload",
				       .args = args,
				       .on_row = on_report,
				       .userdata = ctl,
				       .deadline_usec = RELOAD_DEADLINE_USEC,
			       });
}

/* --- events ------------------------------------------------------------------------------- */

static const char *string_or_dash(const json_t *row, const char *key)
{
	const char *text = json_view_string(row, key);

	return text && text[0] ? text : "-";
}

static void on_event(const json_t *row, void *userdata)
{
	struct ctl *ctl = userdata;

	print_line(ctl->out, "%s  %-9s  %-24s  %s", string_or_dash(row, "at"),
		string_or_dash(row, "kind"), string_or_dash(row, "subject"),
		string_or_dash(row, "text"));
	fflush(ctl->out);
}

static void on_event_json(const json_t *row, void *userdata)
{
	struct ctl *ctl = userdata;

	print_json_line(ctl->out, row);
	fflush(ctl->out);
}

int ctl_run_events(struct ctl *ctl, const struct arguments *arguments)
{
	static const long limits[] = { 0, EVENTS_MAX };
	_cleanup_(err_done) struct err err = ERR_INIT;
	bool follow = arguments_has(arguments, "follow");
	long count = -1;

	if (arguments_get_int(arguments, "number", limits, &count, &err) < 0) {
		print_err(ctl->err, &err);
		return COMMAND_USAGE;
	}
	json_t *args = daemon_args("name", arguments_word(arguments, 0));
	if (count >= 0)
		json_object_set_new(args, "count", json_integer(count));
	if (follow)
		json_object_set_new(args, "follow", json_true());
	return daemon_ask(
		ctl, &(struct daemon_call){
			     .name = "events",
			     .args = args,
			     .on_row = arguments_has(arguments, "json") ? on_event_json
									: on_event,
			     .userdata = ctl,
			     .deadline_usec = follow ? 0 : DEADLINE_USEC,
			     .is_quiet = true,
		     });
}

/* --- plugins ------------------------------------------------------------------------------ */

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
