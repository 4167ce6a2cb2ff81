/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An instance's insides, for the files of this room. */
#pragma once

#include "plugin/host_priv.h"

struct plugin_instance {
	struct list link;               /* in the host's instances */
	struct plugin_host *host;       /* borrowed; NULL once shut */
	const struct plugin *plugin;    /* borrowed from the host; NULL once shut */
	struct conf *conf;              /* referenced */
	const struct conf_block *block; /* points into conf */
	char *name;                     /* owned; what the configuration calls it */
	struct log_ctx log;
	struct postseal_host *handle; /* owned; what the plugin has of us */
	void *self;                   /* what its open() gave us */
	struct list calls;            /* of plugin_call; owned by who started them */
	struct list ops;              /* of service_op; owned */
};

/* Closes what the plugin has open; the handle stays with its owner. */
void plugin_instance_shut(struct plugin_instance *instance);
/* The instance that a plugin means, or NULL. */
struct plugin_instance *plugin_instance_of(struct postseal_host *handle);
