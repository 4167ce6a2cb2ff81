/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See entry.h. What a plugin calls of ours comes with a handle, and one that is over
 * leads nowhere: so it is known by the stack who has called.
 */
#include "plugin/entry.h"

static struct {
	struct plugin_entry *innermost; /* on the stack; NULL = no plugin's code runs */
} state;

void plugin_enter(struct plugin_entry *entry, const struct plugin_instance *instance,
	const char *method, const char *subject)
{
	*entry = (struct plugin_entry){
		.noter = instance->host->params.noter,
		.place = {
			.kind = plugin_get_kind(instance->plugin),
			.plugin = plugin_get_name(instance->plugin),
			.method = method,
			.subject = subject,
		},
		.outer = state.innermost,
	};
	state.innermost = entry;
	if (entry->noter)
		entry->noter->enter(entry->noter->userdata, &entry->place);
}

void plugin_leave(struct plugin_entry *entry)
{
	const struct plugin_noter *noter = entry->noter;

	state.innermost = entry->outer;
	if (!noter)
		return;
	noter->leave(noter->userdata);
	if (entry->outer)
		noter->enter(noter->userdata, &entry->outer->place);
}

bool plugin_breach(const char *what)
{
	const struct plugin_entry *entry = state.innermost;

	if (!entry)
		return false;
	if (entry->noter)
		entry->noter->breach(entry->noter->userdata, &entry->place, what);
	return true;
}

const char *plugin_refusal(const struct plugin *plugin, const struct plugin_host *host)
{
	const struct plugin_noter *noter = host->params.noter;

	return noter ? noter->refusal(noter->userdata, plugin_get_kind(plugin),
			       plugin_get_name(plugin))
		     : NULL;
}
