/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command renew. */
#include "ctl/daemon.h"

#define DEADLINE_USEC (30 * USEC_PER_SEC)

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
