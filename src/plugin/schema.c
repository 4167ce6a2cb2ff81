/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plugin's settings as conf/ has them. They are checked already: plugin/descriptor.h. */
#include <string.h>

#include "plugin/host_priv.h"
#include "util/mem.h"

static const enum conf_type types[] = {
	[POSTSEAL_SETTING_STRING] = CONF_STRING,
	[POSTSEAL_SETTING_STRINGS] = CONF_STRINGS,
	[POSTSEAL_SETTING_BOOL] = CONF_BOOL,
	[POSTSEAL_SETTING_INT] = CONF_INT,
	[POSTSEAL_SETTING_DURATION] = CONF_DURATION,
	[POSTSEAL_SETTING_ENUM] = CONF_ENUM,
	[POSTSEAL_SETTING_PATH] = CONF_PATH,
	[POSTSEAL_SETTING_ADDRESSES] = CONF_ADDRESSES,
	[POSTSEAL_SETTING_URL] = CONF_URL,
	[POSTSEAL_SETTING_MODE] = CONF_MODE,
};

_Static_assert(ARRAY_SIZE(types) == POSTSEAL_SETTING_MODE + 1, "a type without a row");

/* Where a plugin is named: the setting is called as the kind. */
static const struct {
	enum postseal_kind kind;
	const char *block; /* NULL = outside all blocks */
} named_in[] = {
	{ POSTSEAL_KIND_CHALLENGE, "policy" },
	{ POSTSEAL_KIND_DNS, "policy" },
	{ POSTSEAL_KIND_DEPLOY, "policy" },
	{ POSTSEAL_KIND_NOTIFY, NULL },
};

static unsigned convert_flags(unsigned flags)
{
	return (flags & POSTSEAL_SETTING_REQUIRED ? CONF_REQUIRED : 0) |
	       (flags & POSTSEAL_SETTING_SECRET ? CONF_SECRET : 0);
}

struct conf_setting *plugin_settings_new(const struct descriptor *descriptor)
{
	size_t n = descriptor->n_settings;

	if (n == 0)
		return NULL;
	struct conf_setting *settings = xnew_array(struct conf_setting, n);
	for (size_t i = 0; i < n; i++) {
		const struct postseal_setting *row = &descriptor->plugin.settings[i];
		settings[i] = (struct conf_setting){
			.name = row->name,
			.type = types[row->type],
			.fallback = row->fallback,
			.min = row->min,
			.max = row->max,
			.values = row->values,
			.flags = convert_flags(row->flags),
			.text = row->text,
		};
	}
	return settings;
}

const struct postseal_setting *plugin_find_setting(
	const struct plugin *plugin, const char *name)
{
	const struct descriptor *d = &plugin->descriptor;

	for (size_t i = 0; name && i < d->n_settings; i++) {
		if (strcmp(d->plugin.settings[i].name, name) == 0)
			return &d->plugin.settings[i];
	}
	return NULL;
}

/* One whose settings must be said cannot be used without a block. */
static bool needs_block(const struct plugin *plugin)
{
	for (size_t i = 0; i < plugin->descriptor.n_settings; i++) {
		if (plugin->settings[i].flags & CONF_REQUIRED)
			return true;
	}
	return false;
}

static void add_value(struct conf_schema *schema, const struct plugin *plugin)
{
	enum postseal_kind kind = plugin_get_kind(plugin);

	for (size_t i = 0; i < ARRAY_SIZE(named_in); i++) {
		if (named_in[i].kind == kind)
			conf_schema_add_value(schema, named_in[i].block,
				plugin_kind_name(kind), plugin_get_name(plugin));
	}
}

void plugin_host_extend_schema(struct plugin_host *host, struct conf_schema *schema)
{
	const struct plugin *it;

	list_foreach(it, &host->plugins, link) {
		conf_schema_add_plugin(schema, plugin_kind_name(plugin_get_kind(it)),
			plugin_get_name(it), it->settings, it->descriptor.n_settings,
			plugin_get_summary(it));
		if (!needs_block(it))
			add_value(schema, it);
	}
}
