/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An instance is a plugin, a block of settings, and what both have under way. It is shut
 * once, by its owner or with the host; its memory is the owner's to give back.
 */
#include <errno.h>
#include <string.h>

#include "plugin/call_priv.h"
#include "plugin/entry.h"
#include "plugin/handle.h"
#include "plugin/instance_priv.h"
#include "plugin/service_priv.h"
#include "util/mem.h"

#define DETAIL_BYTES 512

struct plugin_instance *plugin_instance_of(struct postseal_host *handle)
{
	return handle_find(HANDLE_INSTANCE, handle);
}

/* --- settings ---------------------------------------------------------------------------- */

static int report_defaults(
	const struct plugin *plugin, const struct conf_report *report, struct err *err)
{
	const char *reason = report->n > 0 ? report->entry[0].reason : "no reason";
	const char *setting = report->n > 0 ? report->entry[0].setting : NULL;

	return err_set_kind(err, ERR_CONFIG, -EINVAL, "%s %s without a block: %s%s%s",
		plugin_kind_name(plugin_get_kind(plugin)), plugin_get_name(plugin),
		setting ? setting : "", setting ? ": " : "", reason);
}

/* Reads a block that says nothing, so that defaults are read by the same rules. */
static int load_defaults(
	struct conf **ret, const struct plugin *plugin, struct err *err)
{
	const char *kind = plugin_kind_name(plugin_get_kind(plugin));
	const char *name = plugin_get_name(plugin);
	const struct conf_kind row = { .name = kind, .flags = CONF_BLOCK_PLUGIN };
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		conf_schema_new(NULL, 0);
	_cleanup_(freep) char *text = xasprintf("%s %s {\n}\n", kind, name);
	struct conf_report report;

	conf_schema_add_kind(schema, &row);
	conf_schema_add_plugin(schema, kind, name, plugin->settings,
		plugin->descriptor.n_settings, plugin_get_summary(plugin));
	conf_report_init(&report);
	int r = conf_load_text(ret, schema, "defaults", text, &report);
	if (r < 0)
		r = report_defaults(plugin, &report, err);
	conf_report_done(&report);
	return r;
}

static int take_settings(struct plugin_instance *instance, struct conf *conf,
	const struct conf_block *block, struct err *err)
{
	if (block) {
		instance->conf = conf_ref(conf);
		instance->block = block;
		instance->name = xstrdup(conf_block_get_name(block));
		return 0;
	}
	int r = load_defaults(&instance->conf, instance->plugin, err);
	if (r < 0)
		return r;
	instance->block = conf_get_block(
		instance->conf, plugin_kind_name(plugin_get_kind(instance->plugin)), 0);
	instance->name = xstrdup(plugin_get_name(instance->plugin));
	return 0;
}

/* --- open, shut, close ------------------------------------------------------------------- */

static int open_plugin(struct plugin_instance *instance, struct err *err)
{
	const struct postseal_plugin *plugin = &instance->plugin->descriptor.plugin;
	char detail[DETAIL_BYTES] = "";
	struct plugin_entry entry;

	if (!plugin->open)
		return 0;
	plugin_enter(&entry, instance, "open", NULL);
	int r = plugin->open(instance->handle, &plugin_services, &instance->self,
		detail, sizeof(detail));
	plugin_leave(&entry);
	if (r == 0)
		return 0;
	detail[sizeof(detail) - 1] = '\0';
	r = r < 0 && r >= -4095 ? r : -EINVAL;
	return err_set_kind(err, ERR_PLUGIN, r, "%s %s: %s",
		plugin_kind_name(plugin->kind), instance->name,
		detail[0] ? detail : strerror(-r));
}

/* Forgets the host and all that the plugin can reach. */
static void detach(struct plugin_instance *instance)
{
	service_ops_cancel(&instance->ops);
	instance->handle = handle_free(instance->handle);
	list_remove(&instance->link);
	instance->block = NULL;
	instance->conf = conf_unref(instance->conf);
	instance->plugin = NULL;
	instance->host = NULL;
}

void plugin_instance_shut(struct plugin_instance *instance)
{
	if (!instance->host)
		return;
	const struct postseal_plugin *plugin = &instance->plugin->descriptor.plugin;
	struct plugin_entry entry;

	plugin_calls_drop(&instance->calls);
	if (plugin->close) {
		plugin_enter(&entry, instance, "close", NULL);
		plugin->close(instance->self);
		plugin_leave(&entry);
	}
	detach(instance);
}

static struct plugin_instance *instance_free(struct plugin_instance *instance)
{
	if (instance->host)
		detach(instance);
	free(instance->name);
	free(instance);
	return NULL;
}

struct plugin_instance *plugin_instance_close(struct plugin_instance *instance)
{
	if (!instance)
		return NULL;
	plugin_instance_shut(instance);
	return instance_free(instance);
}

static struct plugin_instance *instance_new(
	struct plugin_host *host, const struct plugin *plugin)
{
	struct plugin_instance *instance = xnew(struct plugin_instance);

	list_init(&instance->link);
	list_append(&host->instances, &instance->link);
	instance->host = host;
	instance->plugin = plugin;
	list_init(&instance->calls);
	list_init(&instance->ops);
	return instance;
}

static int prepare(struct plugin_instance *instance, struct conf *conf,
	const struct conf_block *block, struct err *err)
{
	int r = take_settings(instance, conf, block, err);

	if (r < 0)
		return r;
	instance->log = (struct log_ctx){
		.parent = instance->host->params.log,
		.key = "PLUGIN",
		.value = instance->name,
	};
	instance->handle = handle_new(HANDLE_INSTANCE, instance);
	if (!instance->handle)
		return err_set(err, -EMFILE, "plugins hold too many handles");
	return 0;
}

int plugin_instance_open(struct plugin_instance **ret, struct plugin_host *host,
	const struct plugin *plugin, struct conf *conf, const struct conf_block *block,
	struct err *err)
{
	if (!host->params.backing)
		return err_set(err, -EOPNOTSUPP, "this host only checks");
	const char *refusal = plugin_refusal(plugin, host);
	if (refusal)
		return err_set_kind(err, ERR_PLUGIN, -EACCES, "%s", refusal);
	struct plugin_instance *instance = instance_new(host, plugin);
	int r = prepare(instance, conf, block, err);
	if (r == 0)
		r = open_plugin(instance, err);
	if (r < 0) {
		instance_free(instance);
		return r;
	}
	*ret = instance;
	return 0;
}

const struct plugin *plugin_instance_get_plugin(const struct plugin_instance *instance)
{
	return instance->plugin;
}
