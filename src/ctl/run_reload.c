/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command reload. */
#include "ctl/daemon.h"
#include "ctl/print.h"

#define DEADLINE_USEC (5 * USEC_PER_MIN)

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
				       .deadline_usec = DEADLINE_USEC,
			       });
}
