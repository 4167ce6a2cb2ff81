/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the host tells of itself while a plugin's code runs, so that somebody knows after
 * the process has died in there; and who says that a plugin is not to be called any more.
 */
#pragma once

#include "plugins/postseal-plugin.h"

/* The innermost code of a plugin's that runs. Strings live until it has returned. */
struct plugin_place {
	enum postseal_kind kind;
	const char *plugin;  /* its name */
	const char *method;  /* "open", "install", "callback", … */
	const char *subject; /* the domain; NULL = none */
};

struct plugin_noter {
	/* Before each entry, and for the outer one when an inner one has returned. */
	void (*enter)(void *userdata, const struct plugin_place *place);
	void (*leave)(void *userdata);
	/* It broke the contract of doc/plugins.md; `what` says how. */
	void (*breach)(
		void *userdata, const struct plugin_place *place, const char *what);
	/* Why this plugin is not to be called; NULL = it may be. Borrowed. */
	const char *(*refusal)(
		void *userdata, enum postseal_kind kind, const char *plugin);
	void *userdata;
};
