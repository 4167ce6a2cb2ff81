/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host's and a plugin's insides, for the files of this room. */
#pragma once

#include "plugin/descriptor.h"
#include "plugin/host.h"
#include "util/list.h"

struct plugin {
	struct list link; /* in the host's plugins, sorted by kind and name */
	struct descriptor descriptor;
	char *path;                    /* owned; NULL = linked in */
	void *object;                  /* owned; of dlopen(), NULL = linked in */
	struct conf_setting *settings; /* owned; the descriptor's, as conf/ has them */
};

struct plugin_host {
	struct plugin_host_params params;
	struct list plugins;
	struct list instances; /* of plugin_instance; owned by who opened them */
};

/* schema.c: the descriptor's settings in conf/'s shape; owned by the caller, NULL if
 * there are none. */
struct conf_setting *plugin_settings_new(const struct descriptor *descriptor);
/* The row of a setting, or NULL. */
const struct postseal_setting *plugin_find_setting(
	const struct plugin *plugin, const char *name);
