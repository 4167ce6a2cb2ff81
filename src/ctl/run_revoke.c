/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command revoke. */
#include "ctl/daemon.h"
#include "ctl/print.h"

#define DEADLINE_USEC (30 * USEC_PER_SEC)

static void set_if(json_t *args, const char *key, const char *value)
{
	if (value)
		json_object_set_new(args, key, json_string(value));
}

int ctl_run_revoke(struct ctl *ctl, const struct arguments *arguments)
{
	const char *name = arguments_word(arguments, 0);
	const char *serial = arguments_get(arguments, "serial");

	if (!name == !serial) {
		print_line(ctl->err,
			"postsealctl: revoke: either NAME is wanted, or --serial");
		return COMMAND_USAGE;
	}
	if (!arguments_has(arguments, "yes")) {
		print_line(ctl->err,
			"postsealctl: revoke: this cannot be taken back; if you mean "
			"it, say --yes");
		return COMMAND_USAGE;
	}
	json_t *args = json_object();
	set_if(args, "name", name);
	set_if(args, "serial", serial);
	set_if(args, "reason", arguments_get(arguments, "reason"));
	return daemon_ask(ctl, &(struct daemon_call){
				       .name = "revoke",
				       .args = args,
				       .deadline_usec = DEADLINE_USEC,
			       });
}
