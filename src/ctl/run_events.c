/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command events. */
#include "ctl/daemon.h"
#include "ctl/print.h"

#define DEADLINE_USEC (30 * USEC_PER_SEC)
#define EVENTS_MAX    10000

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
