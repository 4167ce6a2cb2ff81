/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking the daemon: one command over the control socket. */
#pragma once

#include "ctl/ctl.h"
#include "link/command.h"

struct daemon_call {
	const char *name;
	json_t *args;           /* taken over; NULL = none */
	command_row_fn *on_row; /* NULL = rows are not looked at */
	void *userdata;         /* for on_row */
	usec_t deadline_usec;   /* 0 = none */
	bool is_mute;           /* nothing is printed, whatever the end */
	bool is_quiet; /* the daemon's last sentence is not printed if all is well */
};

/* Runs the loop until the end. The daemon's last sentence goes to out, or to err if it is
 * no good news. Returns an exit code. */
int daemon_ask(struct ctl *ctl, const struct daemon_call *call);
/* {key: value}, or {} when value is NULL. Owned by the caller. */
json_t *daemon_args(const char *key, const char *value);
