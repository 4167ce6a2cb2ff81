/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this room share: the loaded object, the instance, the call. */
#pragma once

#include "plugin/call.h"
#include "util/list.h"

/* What is longer from a plugin is cut, or refused. */
#define PLUGIN_DETAIL_MAX      512
#define PLUGIN_ADDRESSES_MAX   64
#define PLUGIN_SAVED_BYTES_MAX (64 * 1024)
#define PLUGIN_SETTINGS_MAX    128

struct plugin {
	struct plugin_host *host;                 /* borrowed */
	const struct postseal_plugin *descriptor; /* in the object */
	void *object;                             /* of dlopen; NULL = linked in */
	char *path;                               /* owned; NULL = linked in */
	struct conf_setting *settings; /* owned rows; strings in the object */
	size_t n_settings;
	struct log_ctx log;
};

struct plugin_host {
	struct plugin_host_params in;
	struct plugin **plugin; /* owned; n_plugins */
	size_t n_plugins;
	struct list instances; /* plugin_instance.entry */
	/* Calls that are over, kept a while so that a plugin that completes one twice is
	 * found out and not believed. */
	struct list over; /* postseal_call.entry */
	unsigned n_over;
};

/* The plugin's handle of its instance. */
struct postseal_host {
	struct plugin_instance *instance;
};

struct plugin_instance {
	struct list entry;
	struct postseal_host handle;
	struct plugin_host *host;       /* borrowed */
	const struct plugin *plugin;    /* borrowed */
	struct conf *conf;              /* referenced; NULL with block NULL */
	const struct conf_block *block; /* points into conf; NULL: the defaults */
	char *name;                     /* owned; what the configuration calls it */
	struct log_ctx log;
	void *data;           /* the plugin's */
	struct list calls;    /* plugin_call.entry */
	struct list services; /* service_op.entry; what it has started */
};

/* The plugin's handle of a call: outlives it for a while. */
struct postseal_call {
	struct list entry;                /* plugin_host.over, when it is over */
	struct plugin_call *call;         /* NULL: over */
	struct plugin_instance *instance; /* NULL once that is closed */
	void *data;                       /* the plugin's */
};

struct plugin_call {
	struct list entry;
	struct plugin_instance *instance;
	struct postseal_call *handle; /* owned until it is over */
	void (*cancel)(
		void *instance, struct postseal_call *call); /* the plugin's; NULL */
	const char *method;                                  /* static; for messages */
	struct loop_timer *deadline;
	struct loop_defer *defer;
	struct plugin_result result; /* what is in it is owned */
	void *params;                /* owned; what the method was handed */
	void (*free_params)(void *params);
	bool is_completed;
	plugin_done_fn *done;
	void *userdata;
};

/* call.c: a call that is ready to be handed to a method. Takes params over. */
struct plugin_call *plugin_call_new(struct plugin_instance *instance,
	const char *method, void *params, void (*free_params)(void *params),
	plugin_done_fn *done, void *userdata);
/* The instance goes: the plugin is told, the caller hears nothing and still cancels. */
void plugin_call_silence(struct plugin_call *call);
/* A slot that the plugin leaves NULL: this outcome. */
void plugin_call_complete(
	struct plugin_call *call, enum postseal_outcome outcome, const char *detail);
/* services.c */
extern const struct postseal_services plugin_services;
void plugin_services_cancel_all(struct plugin_instance *instance);
void plugin_services_complete(
	struct postseal_call *handle, const struct postseal_result *result);
/* schema.c: the rows of a plugin's table as this program's. */
int plugin_schema_convert(struct plugin *plugin, struct err *err);
/* trust.c: is nobody but root (and, for developers, us) able to change it? */
int plugin_trust_check(const char *path, struct err *err);
