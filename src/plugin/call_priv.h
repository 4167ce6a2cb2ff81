/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call's insides, for the wrappers of the kinds and for the services. */
#pragma once

#include "plugin/call.h"

typedef void call_invoke_fn(const void *args, void *self, struct postseal_call *handle);
typedef void call_cancel_fn(void *self, struct postseal_call *handle);

struct call_params {
	struct plugin_instance *instance;
	const char *method;     /* static; for messages */
	const char *subject;    /* the domain; points into args; NULL = none */
	call_invoke_fn *invoke; /* NULL: the plugin is not asked, `answer` is the end */
	call_cancel_fn *cancel; /* NULL: there is nothing to drop */
	const struct postseal_result *answer;
	void *args; /* taken over, also by a failing start */
	void (*args_free)(void *args);
	plugin_done_fn *done;
	void *userdata;
};

int plugin_call_start(
	struct plugin_call **ret, const struct call_params *params, struct err *err);
/* Ends all calls of an instance's list silently; their owners still hold them. */
struct list;
void plugin_calls_drop(struct list *calls);

/* Services. */
void plugin_call_complete(
	struct postseal_call *handle, const struct postseal_result *result);
void plugin_call_set_data(struct postseal_call *handle, void *data);
void *plugin_call_get_data(struct postseal_call *handle);
