/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A host on a loop, a backing that writes down what it is asked, and a plugin that is
 * linked in and does in its methods what a test says.
 */
#pragma once

#include "plugin/call.h"
#include "plugin/host.h"
#include "plugins/postseal-plugin.h"

struct fixture {
	struct loop *loop;
	struct plugin_host *host;
	struct plugin_instance *instance;
	struct conf *conf;
	struct conf_schema *schema;
	struct http_client *http; /* NULL unless the test sets one before the host */

	/* what the backing was asked, the last time; and what it shall say */
	char asked[512];
	char *state;
	int backing_fails; /* a negative errno, for starts and state */
	void (*publication_done)(bool ok, const char *detail, void *userdata);
	void *publication_userdata;
	unsigned n_cancelled; /* publications, also those that are over */

	/* the plugin: what its method does, and what it was called with */
	void (*act)(struct fixture *f, struct postseal_call *call);
	const struct postseal_services *services;
	struct postseal_host *handle;
	struct postseal_call *call; /* the last one */
	unsigned n_cancels;         /* of its method cancel */
	unsigned n_closes;
	bool completes_in_cancel;
	char notice[256];

	/* what the caller heard */
	unsigned n_done;
	struct plugin_call *started; /* cancelled by the callback if cancels_in_done */
	bool cancels_in_done;
	enum postseal_outcome outcome;
	char detail[600];
	char saved[64];
	char address[64], sni[64];
	size_t n_addresses;
	usec_t retry_usec;
};

extern const struct postseal_plugin fixture_plugin; /* kind notify, name "probe" */

/* With a fake loop, the plugin added, and an instance for `text`, the inside of its block
 * (NULL: none). fixture_plugin has no way to the fixture but a pointer in fixture.c: one
 * fixture at a time. */
void fixture_init(struct fixture *f, struct loop *loop, const char *text);
void fixture_done(struct fixture *f);

/* Starts the plugin's method; it must start. */
struct plugin_call *fixture_call(struct fixture *f);
/* The caller's callback; userdata is the fixture. */
void fixture_on_done(const struct plugin_result *result, void *userdata);
/* From within the plugin. */
void fixture_complete(
	struct fixture *f, enum postseal_outcome outcome, const char *detail);
