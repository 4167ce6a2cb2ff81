/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One instance of a plugin: opened for a block, closed after all of its calls. */
#include <errno.h>
#include <string.h>

#include "plugin/priv.h"
#include "util/mem.h"
#include "util/text.h"

static int open_at_plugin(struct plugin_instance *instance, struct err *err)
{
	const struct postseal_plugin *p = instance->plugin->descriptor;
	char detail[PLUGIN_DETAIL_MAX] = "";

	if (!p->open)
		return 0;
	int r = p->open(&instance->handle, &plugin_services, &instance->data, detail,
		sizeof(detail));
	if (r >= 0)
		return 0;
	detail[sizeof(detail) - 1] = '\0';
	return err_set_kind(err, ERR_PLUGIN, r, "%s plugin %s cannot be opened: %s",
		plugin_kind_name(p->kind), instance->name,
		*detail ? detail : strerror(-r));
}

int plugin_instance_open(struct plugin_instance **ret, struct plugin_host *host,
	const struct plugin *plugin, struct conf *conf, const struct conf_block *block,
	struct err *err)
{
	struct plugin_instance *instance = xnew(struct plugin_instance);

	instance->handle.instance = instance;
	instance->host = host;
	instance->plugin = plugin;
	instance->conf = conf ? conf_ref(conf) : NULL;
	instance->block = block;
	instance->name =
		xstrdup(block ? conf_block_get_name(block) : plugin->descriptor->name);
	instance->log = (struct log_ctx){ host->in.log, "PLUGIN", instance->name };
	list_init(&instance->calls);
	list_init(&instance->services);
	list_append(&host->instances, &instance->entry);
	int r = open_at_plugin(instance, err);
	if (r < 0) {
		instance->plugin = NULL; /* never opened, so never closed */
		plugin_instance_close(instance);
		return r;
	}
	*ret = instance;
	return 0;
}

/* Handles of calls that are over must not lead here any more. */
static void forget_handles(struct plugin_instance *instance)
{
	struct postseal_call *handle;

	list_foreach(handle, &instance->host->over, entry)
		if (handle->instance == instance)
			handle->instance = NULL;
}

/* Who started them still has to drop them: they are silent from now on. */
static void silence_calls(struct plugin_instance *instance)
{
	while (!list_is_empty(&instance->calls))
		plugin_call_silence(
			list_entry(instance->calls.next, struct plugin_call, entry));
}

struct plugin_instance *plugin_instance_close(struct plugin_instance *instance)
{
	if (!instance)
		return NULL;
	silence_calls(instance);
	if (instance->plugin && instance->plugin->descriptor->close)
		instance->plugin->descriptor->close(instance->data);
	plugin_services_cancel_all(instance);
	forget_handles(instance);
	list_remove(&instance->entry);
	conf_unref(instance->conf);
	free(instance->name);
	free(instance);
	return NULL;
}

const struct plugin *plugin_instance_get_plugin(const struct plugin_instance *instance)
{
	return instance->plugin;
}
