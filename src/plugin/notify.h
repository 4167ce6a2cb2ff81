/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wrapper of kind notify. The notice is copied. */
#pragma once

#include "plugin/call.h"

int plugin_notify_start(struct plugin_call **ret, struct plugin_instance *instance,
	const struct postseal_notice *notice, plugin_done_fn *done, void *userdata,
	struct err *err);
