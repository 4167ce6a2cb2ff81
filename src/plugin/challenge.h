/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wrapper of kind challenge: slots that a plugin leaves NULL get their defaults here,
 * so that callers never test for them. The task is copied. */
#pragma once

#include "plugin/call.h"

enum plugin_challenge_method {
	PLUGIN_CHALLENGE_OFFERS,
	PLUGIN_CHALLENGE_WANT,
	PLUGIN_CHALLENGE_PRESENT,
	PLUGIN_CHALLENGE_READY,
	PLUGIN_CHALLENGE_CLEANUP,
};

int plugin_challenge_start(struct plugin_call **ret, struct plugin_instance *instance,
	enum plugin_challenge_method method, const struct postseal_task *task,
	plugin_done_fn *done, void *userdata, struct err *err);
