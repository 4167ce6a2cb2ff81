/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plugin says of itself, checked, and copied into the shapes that we know. */
#pragma once

#include "plugins/postseal-plugin.h"
#include "util/err.h"

#define DESCRIPTOR_SETTINGS_MAX 64

/* Members that an older plugin does not have are zero. Strings, tables and methods point
 * into the plugin. */
struct descriptor {
	struct postseal_plugin plugin; /* its method tables point to those below */
	struct postseal_challenge challenge;
	struct postseal_dns dns;
	struct postseal_deploy deploy;
	struct postseal_notify notify;
	size_t n_settings;
};

/* The ABI numbers come first; if they do not fit nothing else is looked at. `path` is for
 * messages. Copying the struct is by descriptor_read only: it points into itself. */
int descriptor_read(struct descriptor *ret, const struct postseal_plugin *from,
	const char *path, struct err *err);
