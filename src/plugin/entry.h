/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every way into a plugin's code stands between enter and leave. */
#pragma once

#include "plugin/instance_priv.h"

struct plugin_entry {
	const struct plugin_noter *noter; /* borrowed; may be NULL */
	struct plugin_place place;
	struct plugin_entry *outer; /* on the stack; NULL = none */
};

/* The entry is the caller's and stays where it is until leave; method and subject live
 * as long. */
void plugin_enter(struct plugin_entry *entry, const struct plugin_instance *instance,
	const char *method, const char *subject);
void plugin_leave(struct plugin_entry *entry);

/* The plugin whose code runs has broken the contract. False: none runs. */
bool plugin_breach(const char *what);
/* Why the plugin is not to be called, or NULL. */
const char *plugin_refusal(const struct plugin *plugin, const struct plugin_host *host);
