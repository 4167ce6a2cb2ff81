/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plugin's table of settings, checked and turned into rows of the configuration. */
#include <errno.h>
#include <string.h>

#include "plugin/priv.h"
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

static bool is_name(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(s);
}

static int check_row(const struct postseal_setting *row, struct err *err)
{
	if (!is_name(row->name))
		return err_set_kind(err, ERR_PLUGIN, -EINVAL,
			"a setting has a name that none may have");
	if ((unsigned)row->type >= ARRAY_SIZE(types))
		return err_set_kind(err, ERR_PLUGIN, -EINVAL,
			"setting %s is of type %d, which is not known", row->name,
			row->type);
	if (!row->text || !*row->text)
		return err_set_kind(err, ERR_PLUGIN, -EINVAL,
			"setting %s has no sentence for the manual", row->name);
	if (row->type == POSTSEAL_SETTING_ENUM && !row->values)
		return err_set_kind(err, ERR_PLUGIN, -EINVAL,
			"setting %s has no values", row->name);
	return 0;
}

static struct conf_setting convert_row(const struct postseal_setting *row)
{
	return (struct conf_setting){
		.name = row->name,
		.type = types[row->type],
		.fallback = row->fallback,
		.min = row->min,
		.max = row->max,
		.values = row->values,
		.flags = (row->flags & POSTSEAL_SETTING_REQUIRED ? CONF_REQUIRED : 0) |
			 (row->flags & POSTSEAL_SETTING_SECRET ? CONF_SECRET : 0),
		.text = row->text,
	};
}

int plugin_schema_convert(struct plugin *plugin, struct err *err)
{
	const struct postseal_setting *row = plugin->descriptor->settings;

	for (; row && row->name; row++) {
		int r = check_row(row, err);

		if (r >= 0 && plugin->n_settings == PLUGIN_SETTINGS_MAX)
			r = err_set_kind(err, ERR_PLUGIN, -E2BIG, "too many settings");
		if (r < 0)
			return r;
		plugin->settings = xreallocarray(plugin->settings,
			plugin->n_settings + 1, sizeof(*plugin->settings));
		plugin->settings[plugin->n_settings++] = convert_row(row);
	}
	return 0;
}
