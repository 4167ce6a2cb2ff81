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

#define PLUGIN_FIT_DETAIL_MAX 512

/* Does what was seen at a wanted record's owner do its work? At once; by default if it is
 * equal. detail: why not, cleaned. */
enum postseal_fit plugin_challenge_fits(const struct plugin_instance *instance,
	const struct postseal_wanted *wanted, const char *seen, char *detail,
	size_t size);
