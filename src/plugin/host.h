/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plugin host: loads shared objects (RTLD_NOW|RTLD_LOCAL) from a folder that root
 * alone can write along its whole path, checks the ABI before anything else is read,
 * keeps the registry, and opens one instance per block.
 */
#pragma once

#include "conf/conf.h"
#include "io/http.h"
#include "io/loop.h"
#include "plugin/noter.h"
#include "plugins/postseal-plugin.h"
#include "util/log.h"

struct plugin_host;
struct plugin; /* a loaded shared object */
struct plugin_instance;

struct plugin_txt_params {
	enum postseal_txt_act act;
	const struct postseal_txt *txt;
};

typedef void plugin_txt_done_fn(
	const struct postseal_txt_result *result, void *userdata);

struct plugin_lookup_params {
	const char *name;
	const char *type;
};

typedef void plugin_lookup_done_fn(
	const struct postseal_lookup_result *result, void *userdata);

/* What the host asks of core for its services. Contract: doc/architecture.md,
 * Operations. */
struct plugin_backing {
	int (*load_state)(void *userdata, const char *plugin, const char *name,
		char **ret, struct err *err); /* 0 with *ret NULL when there is none */
	int (*save_state)(void *userdata, const char *plugin, const char *name,
		const char *text, struct err *err);
	/* ok false: detail tells. */
	int (*publish_start)(void *userdata, void **ret_op,
		const struct postseal_answer *answer,
		void (*done)(bool ok, const char *detail, void *done_userdata),
		void *done_userdata, struct err *err);
	int (*look_start)(void *userdata, void **ret_op,
		const struct postseal_answer *answer,
		void (*done)(bool ok, const char *detail, void *done_userdata),
		void *done_userdata, struct err *err);
	void (*publication_cancel)(void *userdata, void *op); /* of either */
	void (*withdraw)(void *userdata, const struct postseal_answer *answer);
	void *userdata;
};

/* The same for what is put into the DNS and looked up there. The parameters are copied. */
struct plugin_dns_backing {
	int (*txt_start)(void *userdata, void **ret_op,
		const struct plugin_txt_params *params, plugin_txt_done_fn *done,
		void *done_userdata, struct err *err);
	void (*txt_cancel)(void *userdata, void *op);
	int (*lookup_start)(void *userdata, void **ret_op,
		const struct plugin_lookup_params *params, plugin_lookup_done_fn *done,
		void *done_userdata, struct err *err);
	void (*lookup_cancel)(void *userdata, void *op);
	void *userdata;
};

struct plugin_host_params {
	struct loop *loop;
	struct http_client *http;             /* for plugins' own requests; borrowed */
	const struct plugin_dns_backing *dns; /* borrowed; NULL: no DNS here */
	const struct plugin_backing
		*backing;                 /* borrowed; NULL: check only, no instances */
	const struct plugin_noter *noter; /* borrowed; NULL: nobody is told */
	const struct log_ctx *log;
	usec_t call_deadline_usec; /* for each call; 0 = 2 min */
};

int plugin_host_new(struct plugin_host **ret, const struct plugin_host_params *params,
	struct err *err);
/* Cancels all calls, closes instances and objects. */
struct plugin_host *plugin_host_free(struct plugin_host *host);
DEFINE_CLEANUP(struct plugin_host *, plugin_host_free)

/* From the next call on. */
void plugin_host_set_deadline(struct plugin_host *host, usec_t call_deadline_usec);

/* Loads every "*.so" of the folder, sorted. One that cannot be taken is reported as a
 * warning and left out. < 0: the folder itself is not to be trusted or not there. */
int plugin_host_load(struct plugin_host *host, const char *directory, struct err *err);
/* A plugin that is linked in (tests, static builds). */
int plugin_host_add(struct plugin_host *host, const struct postseal_plugin *descriptor,
	struct err *err);
/* Tells the schema of all plugins: kinds' settings, and the values that `challenge`,
 * `deploy`, `notify` may take. */
void plugin_host_extend_schema(struct plugin_host *host, struct conf_schema *schema);

const struct plugin *plugin_host_find(
	const struct plugin_host *host, enum postseal_kind kind, const char *name);
/* For listing: NULL behind the last. */
const struct plugin *plugin_host_get(const struct plugin_host *host, size_t i);
const char *plugin_get_name(const struct plugin *plugin);
enum postseal_kind plugin_get_kind(const struct plugin *plugin);
const char *plugin_kind_name(enum postseal_kind kind); /* "challenge", … */
const char *plugin_get_summary(const struct plugin *plugin);
const char *plugin_get_version(const struct plugin *plugin);
const char *plugin_get_path(const struct plugin *plugin); /* NULL = linked in */
/* For kind challenge: type and POSTSEAL_CHALLENGE_ flags. */
const char *plugin_get_challenge_type(const struct plugin *plugin);
unsigned plugin_get_challenge_flags(const struct plugin *plugin);

/* Opens an instance with the settings of the block (NULL: the table's defaults). The
 * configuration snapshot is referenced. */
int plugin_instance_open(struct plugin_instance **ret, struct plugin_host *host,
	const struct plugin *plugin, struct conf *conf, const struct conf_block *block,
	struct err *err);
/* Cancels its calls, closes it. */
struct plugin_instance *plugin_instance_close(struct plugin_instance *instance);
DEFINE_CLEANUP(struct plugin_instance *, plugin_instance_close)
const struct plugin *plugin_instance_get_plugin(const struct plugin_instance *instance);
